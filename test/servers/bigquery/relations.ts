import { coerce } from "./casts.ts";
import { translate } from "./expressions.ts";
import { queryError } from "./failures.ts";
import { translateQuery } from "./queries.ts";
import { fold, type Relation, type Scope, type Context } from "./scope.ts";
import type { Expression, From } from "./syntax.ts";

import { type Column, quoted, scalar } from "./types.ts";

/** What follows FROM, as DuckDB takes it. */
export interface Joined {
  readonly sql: string;
  readonly relations: readonly Relation[];
  /** Columns of USING. */
  readonly shared: ReadonlySet<string>;
  /** Tables that need a filter, and the conditions of joins that may hold it. */
  readonly filters: readonly { readonly table: string; readonly column: string; readonly on?: Expression }[];
}

/** Makes the SQL of DuckDB out of what follows FROM. Error: invalidQuery, notFound. */
export function translateFrom(from: From, outer: Scope, around: Context, before: readonly Relation[] = []): Joined {
  const none = new Set<string>();
  switch (from.f) {
    case "table": {
      const alias = from.alias ?? from.path.at(-1) ?? "";
      const columns =
        from.path.length === 1 && from.asOf === undefined ? namedResult(from.path[0] ?? "", outer) : undefined;
      if (columns !== undefined) {
        const sql = `${quoted(fold(from.path[0] ?? ""))} AS ${quoted(alias)}`;
        return { sql, relations: [{ alias, columns }], shared: none, filters: [] };
      }
      const table = around.table(from.path, from.asOf);
      const filters = table.requiredFilter === undefined ? [] : [{ table: table.id, column: table.requiredFilter }];
      return {
        sql: `${table.physical} AS ${quoted(alias)}`,
        relations: [{ alias, columns: table.columns }],
        shared: none,
        filters,
      };
    }
    case "query": {
      const { sql, columns } = translateQuery(from.query, outer, around);
      const alias = from.alias ?? "anonymous";
      return { sql: `(${sql}) AS ${quoted(alias)}`, relations: [{ alias, columns }], shared: none, filters: [] };
    }
    case "unnest": {
      const scope: Scope = { relations: before, named: new Map(), parent: outer };
      const array = translate(from.array, scope, around);
      if (array.type.kind !== "ARRAY") throw queryError("Values referenced in UNNEST must be arrays");
      const alias = from.alias ?? "unnested";
      const offsets =
        from.offset === undefined ? "" : `, generate_subscripts(${array.sql}, 1) - 1 AS ${quoted(from.offset)}`;
      const columns: Column[] = from.offset === undefined ? [] : [{ name: from.offset, type: scalar("INT64") }];
      const sql = `(SELECT unnest(${array.sql}) AS "element"${offsets}) AS ${quoted(alias)}`;
      return { sql, relations: [{ alias, columns, element: array.type.element }], shared: none, filters: [] };
    }
    case "join":
    default:
      return translateJoin(from, outer, around, before);
  }
}

function translateJoin(from: From & { f: "join" }, outer: Scope, around: Context, before: readonly Relation[]): Joined {
  const left = translateFrom(from.left, outer, around, before);
  const right = translateFrom(from.right, outer, around, [...before, ...left.relations]);
  const relations = [...left.relations, ...right.relations];
  const aliases = relations.map(({ alias }) => fold(alias));
  const twice = aliases.find((alias, index) => aliases.indexOf(alias) !== index);
  if (twice !== undefined) throw queryError(`Duplicate table alias ${twice} in the same FROM clause`);
  const lateral = from.right.f === "unnest" ? "LATERAL " : "";
  const filters = [...left.filters, ...right.filters].map((filter) => ({ ...filter, ...(from.on && { on: from.on }) }));
  const shared = new Set([...left.shared, ...right.shared, ...(from.using ?? []).map(fold)]);
  if (from.kind === "CROSS") {
    return { sql: `${left.sql} CROSS JOIN ${lateral}${right.sql}`, relations, shared, filters };
  }
  let condition = `USING (${(from.using ?? []).map(quoted).join(", ")})`;
  if (from.on !== undefined) {
    const scope: Scope = { relations: [...before, ...relations], shared, named: new Map(), parent: outer };
    const on = coerce(translate(from.on, scope, around), scalar("BOOL"));
    if (on === undefined) throw queryError("JOIN ON clause should return type BOOL");
    // The service refuses outer joins by other conditions; which ones exactly is assumed.
    if (from.kind !== "INNER" && !hasEquality(from.on)) {
      throw queryError(
        `${from.kind} OUTER JOIN cannot be used without a condition that is an equality of fields from both sides of the join.`,
      );
    }
    condition = `ON ${on.sql}`;
  }
  return { sql: `${left.sql} ${from.kind} JOIN ${lateral}${right.sql} ${condition}`, relations, shared, filters };
}

function namedResult(name: string, scope: Scope): readonly Column[] | undefined {
  for (let current: Scope | undefined = scope; current !== undefined; current = current.parent) {
    const columns = current.named.get(fold(name));
    if (columns !== undefined) return columns;
  }
  return undefined;
}

function hasEquality(on: Expression): boolean {
  if (on.e === "binary" && on.operator === "AND") return hasEquality(on.left) || hasEquality(on.right);
  return (on.e === "binary" && on.operator === "=") || (on.e === "distinct" && on.not);
}
