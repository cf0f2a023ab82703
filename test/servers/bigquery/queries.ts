import { directionOf } from "./aggregates.ts";
import { coerce, unify } from "./casts.ts";
import { translate } from "./expressions.ts";
import { queryError } from "./failures.ts";

import { type Joined, translateFrom } from "./relations.ts";
import { fold, type Relation, type Scope, type Context, type Value } from "./scope.ts";
import type { Body, Expression, Item, Ordering, Query, Select } from "./syntax.ts";
import { type Column, quoted, scalar } from "./types.ts";

/** A query as DuckDB runs it, and the columns of its answer. */
export interface Translated {
  readonly sql: string;
  readonly columns: readonly Column[];
}

/** Makes the SQL of DuckDB out of a query. Error: invalidQuery, notFound. */
export function translateQuery(query: Query, outer: Scope, around: Context): Translated {
  const named = new Map<string, readonly Column[]>();
  const scope: Scope = { relations: [], named, parent: outer };
  const results = query.with.map(({ name, query: inner }) => {
    const { sql, columns } = translateQuery(inner, { ...scope, named: new Map(named) }, around);
    named.set(fold(name), columns);
    return `${quoted(fold(name))} AS MATERIALIZED (${sql})`;
  });
  const { body } = query;
  const translated =
    body.b === "select" && !body.select.distinct
      ? translateSelect(body.select, query.order, scope, around)
      : ordered(translateBody(body, scope, around), query.order, scope, around);
  const limits = [
    query.limit && `LIMIT ${count(query.limit, around)}`,
    query.offset && `OFFSET ${count(query.offset, around)}`,
  ];
  const parts = [results.length === 0 ? "" : `WITH ${results.join(", ")}`, translated.sql, ...limits];
  return { sql: parts.filter(Boolean).join(" "), columns: translated.columns };
}

function count(expression: Expression, around: Context): string {
  if (expression.e === "literal" && expression.kind === "INT64") return expression.value;
  if (expression.e === "parameter") return `(${around.parameters.get(fold(expression.name))?.sql ?? "NULL"})`;
  throw queryError("LIMIT takes an integer literal or a parameter");
}

function translateBody(body: Body, scope: Scope, around: Context): Translated {
  if (body.b === "select") return translateSelect(body.select, [], scope, around);
  if (body.b === "query") return translateQuery(body.query, scope, around);
  const parts = body.parts.map((part) => translateBody(part, scope, around));
  const [first] = parts;
  if (first === undefined || parts.some((part) => part.columns.length !== first.columns.length)) {
    throw queryError("Queries in UNION have mismatched column count");
  }
  const columns = first.columns.map(({ name }, index) => {
    const values = parts.map((part) => ({ sql: "", type: (part.columns[index] as Column).type }));
    return { name, type: unify(values, `column ${index + 1} in UNION`).type };
  });
  const selects = parts.map((part) => {
    const cells = columns.map(({ name, type }, index) => {
      const value = coerce({ sql: `u.c${index}`, type: (part.columns[index] as Column).type }, type);
      return `${value?.sql} AS ${quoted(name)}`;
    });
    return `SELECT ${cells.join(", ")} FROM (${part.sql}) AS u(${columns.map((_, index) => `c${index}`).join(", ")})`;
  });
  return { sql: selects.join(body.distinct ? " UNION " : " UNION ALL "), columns };
}

/** Orders anything but a plain SELECT by the columns of its result. */
function ordered(body: Translated, order: readonly Ordering[], scope: Scope, around: Context): Translated {
  if (order.length === 0) return { sql: `SELECT * FROM (${body.sql})`, columns: body.columns };
  const inner: Scope = { relations: [{ alias: "u", columns: body.columns }], named: new Map(), parent: scope };
  const keys = order.map((key) => `${keySql(key, body.columns.length, inner, around)}${directionOf(key)}`);
  const names = body.columns.map(({ name }) => quoted(name)).join(", ");
  return { sql: `SELECT * FROM (${body.sql}) AS u(${names}) ORDER BY ${keys.join(", ")}`, columns: body.columns };
}

function keySql({ value }: Ordering, columns: number, scope: Scope, around: Context): string {
  if (value.e !== "literal" || value.kind !== "INT64") return translate(value, scope, around).sql;
  if (Number(value.value) < 1 || Number(value.value) > columns) {
    throw queryError(`ORDER BY is out of SELECT column number range: ${value.value}`);
  }
  return value.value;
}

function translateSelect(select: Select, order: readonly Ordering[], outer: Scope, around: Context): Translated {
  const joined: Joined =
    select.from === undefined
      ? { sql: "", relations: [], shared: new Set(), filters: [] }
      : translateFrom(select.from, outer, around);
  const { relations, shared } = joined;
  const scope: Scope = { relations, shared, named: new Map(), parent: outer };
  requireFilters(joined, select.where);
  const items = namedItems(select.items.flatMap((item) => translateItem(item, scope, relations, shared, around)));
  const aliases = new Map(items.filter(({ name }) => name !== undefined).map((item) => [fold(item.name), item.value]));
  // In GROUP BY, HAVING and QUALIFY columns go before aliases, in ORDER BY aliases before columns
  // (documented: standard-sql/query-syntax#using_aliases).
  const late: Scope = { ...scope, parent: { relations: [], named: new Map(), aliases, parent: outer } };
  const clauses: string[] = [];
  const boolean = (expression: Expression, inside: Scope, what: string): string => {
    const value = coerce(translate(expression, inside, around), scalar("BOOL"));
    if (value === undefined) throw queryError(`${what} clause should return type BOOL`);
    return value.sql;
  };
  if (joined.sql !== "") clauses.push(`FROM ${joined.sql}`);
  if (select.where !== undefined) clauses.push(`WHERE ${boolean(select.where, scope, "WHERE")}`);
  const keysOf = (list: readonly Expression[]): string =>
    list
      .map((key) => {
        if (key.e !== "literal" || key.kind !== "INT64") return translate(key, late, around).sql;
        const item = items[Number(key.value) - 1];
        if (item === undefined) throw queryError(`GROUP BY is out of SELECT column number range: ${key.value}`);
        return item.value.sql;
      })
      .join(", ");
  if (select.group.length > 0) clauses.push(`GROUP BY ${keysOf(select.group)}`);
  if (select.groupingSets !== undefined) {
    clauses.push(`GROUP BY GROUPING SETS (${select.groupingSets.map((set) => `(${keysOf(set)})`).join(", ")})`);
  }
  if (select.having !== undefined) clauses.push(`HAVING ${boolean(select.having, late, "HAVING")}`);
  if (select.qualify !== undefined) clauses.push(`QUALIFY ${boolean(select.qualify, late, "QUALIFY")}`);
  if (order.length > 0) {
    const early: Scope = { ...scope, aliases };
    const keys = order.map((key) => `${keySql(key, items.length, early, around)}${directionOf(key)}`);
    clauses.push(`ORDER BY ${keys.join(", ")}`);
  }
  const list = items.map(({ name, value }) => `${value.sql} AS ${quoted(name)}`).join(", ");
  const columns = items.map(({ name, value }) => ({
    name,
    type: value.type.kind === "NULL" ? scalar("INT64") : value.type,
  }));
  // The literal NULL keeps its own type inside a query, so that it fits where it is inserted.
  const kept = columns.map((column, index) =>
    items[index]?.value.type.kind === "NULL" ? { ...column, type: scalar("NULL") } : column,
  );
  return {
    sql: ["SELECT", select.distinct ? "DISTINCT" : "", list, ...clauses].filter(Boolean).join(" "),
    columns: kept,
  };
}

interface Named {
  readonly name: string;
  readonly value: Value;
}

// Documented: standard-sql/query-syntax#implicit_aliases; columns without a name are f0_, f1_ ...
function namedItems(items: readonly { readonly name?: string; readonly value: Value }[]): Named[] {
  let anonymous = 0;
  return items.map(({ name, value }) => ({ name: name ?? `f${anonymous++}_`, value }));
}

function translateItem(
  item: Item,
  scope: Scope,
  relations: readonly Relation[],
  shared: ReadonlySet<string>,
  around: Context,
): { name?: string; value: Value }[] {
  if (!item.star) {
    const value = translate(item.value, scope, around);
    const implicit =
      item.value.e === "name" ? item.value.path.at(-1) : item.value.e === "field" ? item.value.name : undefined;
    const name = item.name ?? implicit;
    return [{ value, ...(name !== undefined && { name }) }];
  }
  const chosen =
    item.of === undefined ? relations : relations.filter(({ alias }) => fold(alias) === fold(item.of ?? ""));
  if (chosen.length === 0) {
    throw queryError(item.of === undefined ? "SELECT * must have a FROM clause" : `Unrecognized name: ${item.of}`);
  }
  const except = new Set(item.except.map(fold));
  const seen = new Set<string>();
  return chosen.flatMap((relation) => {
    const elements =
      relation.element === undefined ? [] : [{ name: relation.alias, type: relation.element, key: "element" }];
    return [...elements, ...relation.columns.map((column) => ({ ...column, key: column.name }))]
      .filter(({ name }) => !except.has(fold(name)) && !(shared.has(fold(name)) && seen.has(fold(name))))
      .map(({ name, type, key }) => {
        seen.add(fold(name));
        const replaced = item.replace.find((candidate) => fold(candidate.name) === fold(name));
        const value =
          replaced === undefined
            ? { sql: `${quoted(relation.alias)}.${quoted(key)}`, type }
            : translate(replaced.value, scope, around);
        return { name, value };
      });
  });
}

/** Documented: querying-partitioned-tables; that any mention of the column in WHERE or ON is enough is assumed. */
export function requireFilters({ filters }: Pick<Joined, "filters">, where: Expression | undefined): void {
  for (const { table, column, on } of filters) {
    if (mentions(where, column) || mentions(on, column)) continue;
    const name = table.split(":").at(-1);
    throw queryError(
      `Cannot query over table '${name}' without a filter over column(s) '${column}' that can be used for partition elimination`,
    );
  }
}

function mentions(part: unknown, column: string): boolean {
  if (typeof part !== "object" || part === null) return false;
  if ("e" in part && part.e === "name" && "path" in part) {
    return fold((part.path as string[]).at(-1) ?? "") === fold(column);
  }
  return Object.values(part).some((inner) => mentions(inner, column));
}
