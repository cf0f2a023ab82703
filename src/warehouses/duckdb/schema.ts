import type { DuckDBConnection } from "@duckdb/node-api";
import type { RegisteredColumn, Table, TableColumn } from "../../model.ts";
import {
  columnsTable,
  columnsToAdd,
  keepsReceipts,
  commitLockTable,
  loadsTable,
  pipelineStateTable,
  receiptsTable,
  trackingTableName,
  trackingTableOf,
  type StateColumn,
  type StateTable,
} from "../../state/tables.ts";
import type { ViewSource } from "../views.ts";
import type { SchemaChange } from "../warehouse.ts";
import { readRows } from "./database.ts";
import { preparePrevious } from "./previous.ts";
import { columnsOf, columnsOfTables, isView } from "./ledger.ts";
import { identifier, literal, nativeTypes, tableName } from "./sql.ts";
import { refreshViewsInLoad } from "./views.ts";

/**
 * Prepares the table and its companion tables for the next loads, and makes the views again if it changes columns. The
 * connection must be in a transaction.
 */
export async function prepareTable(
  connection: DuckDBConnection,
  table: Table,
  change: SchemaChange,
  views: ViewSource | null,
): Promise<void> {
  await prepareState(connection, table);
  const target = tableName(table.dataset, table.name);
  const columns = change.added.map(({ name, type }) => `${identifier(name)} ${nativeTypes[type]}`);
  // Each loaded month then fails separately.
  if (await isView(connection, table)) return;
  if ((await columnsOf(connection, table.dataset, table.name)).length === 0) {
    await connection.run(`CREATE TABLE ${target} (${columns.join(", ")})`);
  } else {
    for (const column of columns) await connection.run(`ALTER TABLE ${target} ADD COLUMN IF NOT EXISTS ${column}`);
  }
  await preparePrevious(connection, table, change.keepsPrevious);
  await register(connection, table, change.registered);
  if (views !== null && (columns.length > 0 || change.registered.length > 0))
    await refreshViewsInLoad(connection, views);
}

/**
 * Creates the companion tables of billhouse and dlt; with `migrate`, the tracking table of another
 * program gets the columns for receipts too. Returns the columns of the tracking table. The connection must be in a transaction.
 */
export async function prepareState(
  connection: DuckDBConnection,
  table: Table,
  options: { readonly migrate?: boolean } = {},
): Promise<readonly TableColumn[]> {
  const tables = [trackingTableOf(table), loadsTable, pipelineStateTable, columnsTable, commitLockTable, receiptsTable];
  const names = tables.map(({ name }) => name);
  const present = await columnsOfTables(connection, table.dataset, names);
  if (present.every((columns) => columns.length === 0))
    await connection.run(`CREATE SCHEMA IF NOT EXISTS ${identifier(table.dataset)}`);
  const [tracking = []] = present;
  let isTrackingChanged = false;
  const areReceiptsApart = tracking.length > 0 && !keepsReceipts(tracking);
  for (const [position, wanted] of tables.entries()) {
    if (wanted === receiptsTable && !areReceiptsApart) continue;
    const target = tableName(table.dataset, wanted.name);
    const isChanged = await prepareStateTable(connection, target, wanted, present[position] ?? [], options);
    if (position === 0) isTrackingChanged = isChanged;
  }
  return isTrackingChanged ? columnsOf(connection, table.dataset, trackingTableName(table)) : tracking;
}

/** Returns whether the table was changed. */
async function prepareStateTable(
  connection: DuckDBConnection,
  target: string,
  wanted: StateTable,
  present: readonly TableColumn[],
  options: { readonly migrate?: boolean },
): Promise<boolean> {
  if (present.length === 0) {
    await connection.run(`CREATE TABLE ${target} (${wanted.columns.map(definition).join(", ")})`);
    return true;
  }
  const added = columnsToAdd(wanted, present, options);
  for (const column of added) {
    await connection.run(`ALTER TABLE ${target} ADD COLUMN IF NOT EXISTS ${definition(column)}`);
  }
  return added.length > 0;
}

function definition({ name, type, nullable }: StateColumn): string {
  return `${identifier(name)} ${nativeTypes[type]}${nullable ? "" : " NOT NULL"}`;
}

/** Rows of the registry are written once and never changed; column comments only repeat them. */
async function register(
  connection: DuckDBConnection,
  table: Table,
  registered: readonly RegisteredColumn[],
): Promise<void> {
  if (registered.length === 0) return;
  const rows = registered.map(
    ({ sourceName, columnName, type, firstExecution }) =>
      `(${[table.name, sourceName, columnName, type, firstExecution].map(literal).join(", ")})`,
  );
  const registry = tableName(table.dataset, columnsTable.name);
  const names = columnsTable.columns.map(({ name }) => identifier(name)).join(", ");
  const written = await readRows(
    connection,
    `INSERT INTO ${registry} (${names}) SELECT * FROM (VALUES ${rows.join(", ")}) AS n(${names})
      WHERE NOT EXISTS (FROM ${registry} AS r WHERE r."table_name" = n."table_name" AND r."source_name" = n."source_name")
      RETURNING "column_name" AS "name", "source_name" AS "source"`,
  );
  // DuckDB copies the table's whole catalog entry for each comment: ten thousand would take minutes and gigabytes.
  if (written.length > mostComments) return;
  const target = tableName(table.dataset, table.name);
  for (const { name, source } of written) {
    await connection.run(`COMMENT ON COLUMN ${target}.${identifier(String(name))} IS ${literal(String(source))}`);
  }
}

const mostComments = 1000;
