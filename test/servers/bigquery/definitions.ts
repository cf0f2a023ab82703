import type { DuckDBConnection } from "@duckdb/node-api";

import type { Catalog } from "./catalog.ts";
import type { Engine } from "./engine.ts";
import { translate } from "./expressions.ts";
import { queryError, refusal, refusalOf } from "./failures.ts";
import { checkColumnName, checkTableName } from "./names.ts";
import { translateQuery } from "./queries.ts";
import { emptyScope, type Context } from "./scope.ts";
import type { Expression, Statement } from "./syntax.ts";
import { columnsOf, expiration, namedTable, type Table, tableId, type TimePartitioning } from "./table-settings.ts";
import { type Column, fieldSchema, quoted, scalar } from "./types.ts";

/** What a statement that defines something is run with. */
export interface DefinitionOptions {
  readonly engine: Engine;
  readonly catalog: Catalog;
  readonly project: string;
  readonly location: string;
  readonly encryptionConfiguration?: unknown;
  readonly dryRun: boolean;
  readonly connection: DuckDBConnection;
  around(): Context;
  tableOf(path: readonly string[]): Table;
  bill(): Promise<void>;
  permit(table: Table, what: "read" | "write"): void;
}

/** Runs CREATE TABLE .. AS, ALTER TABLE and DROP TABLE. */
export async function runDefinition(
  statement: Statement & { s: "create" | "rename" | "drop" | "dropColumn" | "renameColumn" },
  options: DefinitionOptions,
): Promise<void> {
  const { catalog, dryRun } = options;
  if (statement.s === "create") return createAs(statement, options);
  let table: Table;
  try {
    table = options.tableOf(statement.table);
  } catch (error) {
    if (statement.s === "drop" && statement.ifExists && refusalOf(error).reason === "notFound") return;
    throw error;
  }
  options.permit(table, "write");
  if (dryRun) return;
  if (statement.s === "drop") return catalog.dropTable(table);
  if (statement.s === "rename") {
    checkTableName("table", statement.to);
    const { tables } = table.dataset;
    if (tables.has(statement.to))
      throw refusal("duplicate", `Already Exists: Table ${tableId({ ...table, name: statement.to })}`);
    tables.delete(table.name);
    table.name = statement.to;
    tables.set(statement.to, table);
    // Documented: data-definition-language#alter_table_rename_to_statement; a renamed table keeps its creation time, and
    // may be deleted at once in a dataset that deletes tables by age. Assumed: it gets that age again.
    const { timePartitioning, dataset, creationTime } = table;
    Object.assign(table, expiration(dataset, { ...(timePartitioning && { timePartitioning }) }, creationTime));
    return catalog.sweep();
  }
  const column = columnsOf(table).find(({ name }) => name.toLowerCase() === statement.column.toLowerCase());
  if (column === undefined) throw queryError(`Column not found: ${statement.column}`);
  // Documented: data-definition-language#alter_table_drop_column_statement, and its like for RENAME COLUMN.
  const key = [table.timePartitioning?.field, ...(table.clustering?.fields ?? [])].map((name) => name?.toLowerCase());
  if (statement.s === "dropColumn") {
    if (key.includes(column.name.toLowerCase()))
      throw queryError(`Cannot drop column ${column.name}: it is used by partitioning or clustering`);
    await options.engine.run(`ALTER TABLE ${table.physical} DROP COLUMN ${quoted(column.name)}`);
    table.fields = table.fields.filter(({ name }) => name !== column.name);
    return;
  }
  checkColumnName(statement.to);
  if (key[0] === column.name.toLowerCase())
    throw queryError(`Cannot rename column ${column.name}: it is used by partitioning`);
  if (columnsOf(table).some(({ name }) => name.toLowerCase() === statement.to.toLowerCase())) {
    throw queryError(`Column already exists: ${statement.to}`);
  }
  await options.engine.run(
    `ALTER TABLE ${table.physical} RENAME COLUMN ${quoted(column.name)} TO ${quoted(statement.to)}`,
  );
  table.fields = table.fields.map((field) => (field.name === column.name ? { ...field, name: statement.to } : field));
  if (table.clustering !== undefined) {
    table.clustering = {
      fields: table.clustering.fields.map((name) =>
        name.toLowerCase() === column.name.toLowerCase() ? statement.to : name,
      ),
    };
  }
}

async function createAs(statement: Statement & { s: "create" }, options: DefinitionOptions): Promise<void> {
  const { catalog, connection } = options;
  const key = statement.key === undefined ? undefined : translate(statement.key, emptyScope, options.around());
  const kmsKeyName = key && String((await connection.runAndReadAll(`SELECT ${key.sql}`)).getRows()[0]?.[0]);
  const encryptionConfiguration = kmsKeyName === undefined ? options.encryptionConfiguration : { kmsKeyName };
  const { sql, columns } = translateQuery(statement.query, emptyScope, options.around());
  const [name = "", datasetName = "", project = options.project] = statement.table.toReversed();
  const dataset = catalog.dataset(project, datasetName, options.location);
  await options.bill();
  if (options.dryRun) return;
  const existing = dataset.tables.get(name);
  // The query may read the table that it replaces.
  if (existing !== undefined && statement.replace) dataset.tables.delete(name);
  const known: Column[] = columns.map((column) => ({
    ...column,
    type: column.type.kind === "NULL" ? scalar("INT64") : column.type,
  }));
  const table = await catalog.createTable(dataset, name, {
    schema: { fields: known.map(fieldSchema) },
    ...(encryptionConfiguration !== undefined && { encryptionConfiguration }),
    ...(statement.partition && { timePartitioning: partitioningOf(statement.partition, statement.expiration) }),
    ...(statement.cluster.length > 0 && { clustering: { fields: [...statement.cluster] } }),
  });
  try {
    await connection.run(`INSERT INTO ${namedTable(table).physical} ${sql}`);
    options.engine.changed();
  } catch (error) {
    await catalog.dropTable(table);
    if (existing !== undefined) dataset.tables.set(name, existing);
    throw error;
  }
  if (existing !== undefined) await catalog.dropCopies(existing);
  await catalog.sweep();
}

function partitioningOf(expression: Expression, days: Expression | undefined): TimePartitioning {
  const expirationMs = days?.e === "literal" ? String(Number(days.value) * 86_400_000) : undefined;
  const expires = expirationMs === undefined ? {} : { expirationMs };
  if (expression.e === "name") return { type: "DAY", field: expression.path.at(-1) ?? "", ...expires };
  if (expression.e === "call" && /^(?:DATE|DATETIME|TIMESTAMP)_TRUNC$/u.test(expression.name)) {
    const [column, part] = expression.arguments;
    if (column?.e === "name" && part?.e === "literal") {
      return { type: part.value, field: column.path.at(-1) ?? "", ...expires };
    }
  }
  throw queryError("PARTITION BY expression must be a column, or DATE_TRUNC, DATETIME_TRUNC or TIMESTAMP_TRUNC of one");
}
