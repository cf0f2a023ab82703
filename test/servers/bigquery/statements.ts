import { coerce, keepMark } from "./casts.ts";
import { translate } from "./expressions.ts";
import { queryError } from "./failures.ts";
import { requireFilters, type Translated, translateQuery } from "./queries.ts";
import { translateFrom } from "./relations.ts";
import { emptyScope, fold, type NamedTable, type Relation, type Scope, type Context } from "./scope.ts";
import type { Expression, Statement } from "./syntax.ts";
import { type Column, quoted, scalar, typeName } from "./types.ts";

/** Makes the SQL of DuckDB out of INSERT, UPDATE and DELETE. Error: invalidQuery, notFound. */
export function translateMutation(
  statement: Statement & { s: "insert" | "update" | "delete" },
  around: Context,
): string {
  const table = around.table(statement.table);
  switch (statement.s) {
    case "insert":
      return translateInsert(statement, table, around);
    case "update":
      return translateUpdate(statement, table, around);
    case "delete":
    default: {
      const relation = targetRelation(table, statement);
      return `DELETE FROM ${table.physical} AS ${quoted(relation.alias)} WHERE ${filter(statement.where, table, relation, [], around)}`;
    }
  }
}

function translateInsert(statement: Statement & { s: "insert" }, table: NamedTable, around: Context): string {
  const targets =
    statement.columns.length === 0 ? table.columns : statement.columns.map((name) => columnOf(table, name));
  const twice = statement.columns.map(fold).find((name, index, names) => names.indexOf(name) !== index);
  if (twice !== undefined) throw queryError(`INSERT has columns with duplicate name: ${twice}`);
  const into = `INSERT INTO ${table.physical} (${targets.map(({ name }) => quoted(name)).join(", ")})`;
  if (statement.values !== undefined) {
    const rows = statement.values.map((row) => {
      checkCount(row.length, targets.length);
      const cells = row.map((cell, index) => assigned(cell, targets[index] as Column, emptyScope, around));
      return `(${cells.join(", ")})`;
    });
    return `${into} VALUES ${rows.join(", ")}`;
  }
  const { sql, columns } = translateQuery(statement.query as NonNullable<typeof statement.query>, emptyScope, around);
  checkCount(columns.length, targets.length);
  const cells = targets.map(({ name, type }, index) => {
    const from = columns[index] as Column;
    const value = coerce({ sql: `q.c${index}`, type: from.type }, type);
    if (value !== undefined) return value.sql;
    const types = `${typeName(from.type)} which cannot be inserted into column ${name}, which has type ${typeName(type)}`;
    throw queryError(`Query column ${index + 1} has type ${types}`);
  });
  const names = targets.map((_, index) => `c${index}`).join(", ");
  return `${into} SELECT ${cells.join(", ")} FROM (${sql}) AS q(${names})`;
}

function checkCount(given: number, wanted: number): void {
  if (given !== wanted) throw queryError(`Inserted row has wrong column count; Has ${given}, expected ${wanted}`);
}

function translateUpdate(statement: Statement & { s: "update" }, table: NamedTable, around: Context): string {
  const relation = targetRelation(table, statement);
  const from = statement.from && translateFrom(statement.from, emptyScope, around);
  const others = from?.relations ?? [];
  const scope: Scope = { ...emptyScope, relations: [relation, ...others] };
  const twice = statement.set.map(({ name }) => fold(name)).find((name, index, names) => names.indexOf(name) !== index);
  if (twice !== undefined) throw queryError(`Update item ${twice} assigned more than once`);
  const set = statement.set.map(({ name, value }) => {
    const column = columnOf(table, name);
    return `${quoted(column.name)} = ${assigned(value, column, scope, around)}`;
  });
  const where = filter(statement.where, table, relation, others, around);
  return `UPDATE ${table.physical} AS ${quoted(relation.alias)} SET ${set.join(", ")}${from === undefined ? "" : ` FROM ${from.sql}`} WHERE ${where}`;
}

function assigned(expression: Expression, column: Column, scope: Scope, around: Context): string {
  if (expression.e === "name" && expression.path.length === 1 && fold(expression.path[0] ?? "") === "default")
    return "DEFAULT";
  const given = translate(expression, scope, around);
  const value = coerce(given, column.type);
  if (value !== undefined) return value.sql;
  throw queryError(
    `Value has type ${typeName(given.type)} which cannot be inserted into column ${column.name}, which has type ${typeName(column.type)}`,
  );
}

function targetRelation(
  table: NamedTable,
  { table: path, alias }: { readonly table: readonly string[]; readonly alias?: string },
): Relation {
  return { alias: alias ?? path.at(-1) ?? "", columns: table.columns };
}

function filter(
  where: Expression,
  table: NamedTable,
  relation: Relation,
  others: readonly Relation[],
  around: Context,
): string {
  if (table.requiredFilter !== undefined) {
    requireFilters({ filters: [{ table: table.id, column: table.requiredFilter }] }, where);
  }
  const condition = coerce(
    translate(where, { ...emptyScope, relations: [relation, ...others] }, around),
    scalar("BOOL"),
  );
  if (condition === undefined) throw queryError("WHERE clause should return type BOOL");
  return condition.sql;
}

function columnOf(table: NamedTable, name: string): Column {
  const column = table.columns.find((candidate) => fold(candidate.name) === fold(name));
  if (column === undefined) throw queryError(`Column ${name} is not present in table ${table.id}`);
  return column;
}

/** Makes the SQL of DuckDB out of a query whose answer somebody reads. Error: invalidQuery, notFound. */
export function translateQuestion(statement: Statement & { s: "query" }, around: Context): Translated {
  const translated = translateQuery(statement.query, emptyScope, around);
  const names = translated.columns.map(({ name }) => fold(name));
  const twice = translated.columns.find(({ name }, index) => names.indexOf(fold(name)) !== index);
  // Documented: standard-sql/query-syntax#duplicate_column_names; the wording is assumed.
  if (twice !== undefined) {
    throw queryError(`Duplicate column names in the result are not supported. Found duplicate(s): ${twice.name}`);
  }
  const cells = translated.columns.map(({ type }, index) =>
    type.kind === "STRING" ? `${keepMark(`q.c${index}`)} AS c${index}` : `q.c${index}`,
  );
  const inner = translated.columns.map((_, index) => `c${index}`).join(", ");
  // DuckDB keeps the order of the inner query.
  return { ...translated, sql: `SELECT ${cells.join(", ")} FROM (${translated.sql}) AS q(${inner})` };
}
