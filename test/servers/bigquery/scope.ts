import { queryError } from "./failures.ts";

import type { Expression } from "./syntax.ts";
import { place } from "./tokens.ts";
import { type Column, quoted, scalar, type Type } from "./types.ts";

/** An expression as DuckDB computes it. */
export interface Value {
  readonly sql: string;
  readonly type: Type;
  /** A literal or a parameter, whose text may become a time (documented: standard-sql/conversion_rules#literal_coercion). */
  readonly literal?: string | null;
  /** The values of a STRUCT that is written out, in the order of its fields. */
  readonly parts?: readonly Value[];
}

/** A table that a statement names. */
export interface NamedTable {
  /** `project:dataset.table`, as messages name it. */
  readonly id: string;
  /** Its identifier in DuckDB. */
  readonly physical: string;
  readonly columns: readonly Column[];
  /** The column without a filter on which it may not be read; undefined when it has none. */
  readonly requiredFilter?: string;
}

/** What a statement is read with. */
export interface Context {
  readonly sql: string;
  /** A table as it is, or as it was at a moment. Errors: notFound, invalidQuery. */
  table(path: readonly string[], asOf?: Expression): NamedTable;
  readonly parameters: ReadonlyMap<string, Value>;
  readonly rowCount: bigint | null;
}

/** A relation in FROM. */
export interface Relation {
  readonly alias: string;
  readonly columns: readonly Column[];
  /** The relation itself is a value: the elements of an UNNEST. */
  readonly element?: Type;
}

/** The names that an expression sees. */
export interface Scope {
  readonly relations: readonly Relation[];
  /** Results of WITH, by name. */
  readonly named: ReadonlyMap<string, readonly Column[]>;
  /** Aliases of the SELECT list, where they may be used. */
  readonly aliases?: ReadonlyMap<string, Value>;
  /** Columns that a JOIN .. USING made one. */
  readonly shared?: ReadonlySet<string>;
  readonly parent?: Scope;
}

/** A scope without names. */
export const emptyScope: Scope = { relations: [], named: new Map() };

/** A name as names are compared. */
export function fold(name: string): string {
  return name.toLowerCase();
}

/** Finds what a name stands for. Error: invalidQuery. */
export function resolve(path: readonly string[], at: number, scope: Scope, sql: string): Value {
  for (let current: Scope | undefined = scope; current !== undefined; current = current.parent) {
    const found = resolveIn(path, current, sql, at);
    if (found !== undefined) return found;
  }
  throw queryError(`Unrecognized name: ${path.join(".")} at ${place(sql, at)}`);
}

function resolveIn(path: readonly string[], scope: Scope, sql: string, at: number): Value | undefined {
  const [first = "", ...rest] = path;
  const alias = rest.length === 0 ? scope.aliases?.get(fold(first)) : undefined;
  if (alias !== undefined) return alias;
  const found = scope.relations.flatMap((relation) =>
    relation.columns
      .filter((column) => fold(column.name) === fold(first))
      .map((column) => ({ sql: `${quoted(relation.alias)}.${quoted(column.name)}`, type: column.type })),
  );
  if (found.length > 1 && !scope.shared?.has(fold(first))) {
    throw queryError(`Column name ${first} is ambiguous at ${place(sql, at)}`);
  }
  if (found[0] !== undefined) return rest.reduce<Value>((value, name) => fieldOf(value, name), found[0]);
  const relation = scope.relations.find((candidate) => fold(candidate.alias) === fold(first));
  if (relation === undefined) return undefined;
  if (relation.element !== undefined) {
    const value: Value = { sql: `${quoted(relation.alias)}.${quoted("element")}`, type: relation.element };
    return rest.reduce<Value>((inner, name) => fieldOf(inner, name), value);
  }
  const [name, ...more] = rest;
  if (name === undefined) throw queryError(`This server takes no row as a value: ${first} at ${place(sql, at)}`);
  const column = relation.columns.find((candidate) => fold(candidate.name) === fold(name));
  if (column === undefined) throw queryError(`Name ${name} not found inside ${first} at ${place(sql, at)}`);
  const value: Value = { sql: `${quoted(relation.alias)}.${quoted(column.name)}`, type: column.type };
  return more.reduce<Value>((inner, field) => fieldOf(inner, field), value);
}

/** A field of a STRUCT. Error: invalidQuery. */
export function fieldOf(value: Value, name: string): Value {
  const { type } = value;
  const field =
    type.kind === "STRUCT" ? type.fields.find((candidate) => fold(candidate.name) === fold(name)) : undefined;
  if (field === undefined) throw queryError(`Cannot access field ${name} on a value with type ${type.kind}`);
  return { sql: `struct_extract(${value.sql}, '${field.name.replaceAll("'", "''")}')`, type: field.type };
}

/** A value of type BOOL. */
export function boolean(sql: string): Value {
  return { sql, type: scalar("BOOL") };
}
