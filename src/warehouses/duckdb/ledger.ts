import type { DuckDBConnection } from "@duckdb/node-api";
import type { BillingMonth, ColumnType, Receipt, RegisteredColumn, Table, TableColumn } from "../../model.ts";
import { fold } from "../../schema/names.ts";
import { type CurrentState, type LoadPackage, packageRows } from "../../state/package.ts";
import { newestReceipts, receiptHistory, type ReadRow } from "../../state/receipts.ts";
import {
  columnsTable,
  commitLockTable,
  loadsTable,
  pipelineStateTable,
  receiptsTable,
  trackingTableName,
} from "../../state/tables.ts";
import type { Ledger } from "../warehouse.ts";
import { readRows } from "./database.ts";
import { columnType, identifier, type NativeColumns, tableName } from "./sql.ts";

/**
 * Reads what the database holds of a table. What is absent is looked up in the catalog and not guessed from an error,
 * so that every error that does occur is reported.
 */
export async function readLedger(connection: DuckDBConnection, table: Table): Promise<Ledger> {
  await connection.run("BEGIN TRANSACTION");
  try {
    const columns = await columnsOf(connection, table.dataset, table.name);
    const registry = await columnsOf(connection, table.dataset, columnsTable.name);
    return {
      columns: columns.length === 0 ? null : columns,
      registry: registry.length === 0 ? [] : await readRegistry(connection, table),
      state: await readState(connection, table),
      receipts: newestReceipts(...(await readTracking(connection, table))),
      lastSummary: await readLastSummary(connection, table),
      notes: [],
    };
  } finally {
    await connection.run("ROLLBACK");
  }
}

/** The newest state and load_id, as the transaction of this connection sees them. */
export async function readCurrentState(connection: DuckDBConnection, table: Table): Promise<CurrentState> {
  const [newest] = await readRows(
    connection,
    `SELECT max("id") AS "id" FROM (
      SELECT "load_id" AS "id" FROM ${tableName(table.dataset, loadsTable.name)}
      UNION ALL SELECT "_dlt_load_id" FROM ${tableName(table.dataset, pipelineStateTable.name)})`,
  );
  const id = newest?.["id"];
  return { state: await readState(connection, table), newestLoadId: typeof id === "string" ? id : null };
}

/** The columns of a table in their order; none when there is no such table. */
export async function columnsOf(connection: DuckDBConnection, dataset: string, table: string): Promise<TableColumn[]> {
  const rows = await readRows(
    connection,
    `SELECT column_name, data_type FROM duckdb_columns()
      WHERE database_name = current_database() AND schema_name = $1 AND lower(table_name) = lower($2) ORDER BY column_index`,
    [dataset, table],
  );
  return rows.map((row) => {
    const nativeType = String(row["data_type"]);
    return { name: String(row["column_name"]), type: columnType(nativeType), nativeType };
  });
}

/** Whether a view has the name of a table. */
export async function isView(connection: DuckDBConnection, { dataset, name }: Table): Promise<boolean> {
  const views = await readRows(
    connection,
    `SELECT 1 FROM duckdb_views()
      WHERE database_name = current_database() AND schema_name = $1 AND lower(view_name) = lower($2)`,
    [dataset, name],
  );
  return views.length > 0;
}

/** The types of a table's columns, by their folded names; empty when there is no such table. */
export async function nativeColumns(
  connection: DuckDBConnection,
  dataset: string,
  name: string,
): Promise<NativeColumns> {
  const columns = await columnsOf(connection, dataset, name);
  return new Map(columns.map((column) => [fold(column.name), column.nativeType]));
}

/** dlt's own query (job_client_impl.py, get_stored_state). */
async function readState(connection: DuckDBConnection, table: Table): Promise<string | null> {
  const { dataset, pipelineName } = table;
  for (const { name } of [pipelineStateTable, loadsTable]) {
    if ((await columnsOf(connection, dataset, name)).length === 0) return null;
  }
  const [row] = await readRows(
    connection,
    `SELECT s."state" AS "state" FROM ${tableName(dataset, pipelineStateTable.name)} AS s
      JOIN ${tableName(dataset, loadsTable.name)} AS l ON l."load_id" = s."_dlt_load_id"
      WHERE s."pipeline_name" = $1 AND l."status" = 0 ORDER BY l."load_id" DESC LIMIT 1`,
    [pipelineName],
  );
  const state = row?.["state"];
  return typeof state === "string" ? state : null;
}

async function readRegistry(connection: DuckDBConnection, table: Table): Promise<RegisteredColumn[]> {
  const rows = await readRows(
    connection,
    `SELECT * FROM ${tableName(table.dataset, columnsTable.name)} WHERE "table_name" = $1`,
    [table.name],
  );
  return rows.map((row) => ({
    sourceName: String(row["source_name"]),
    columnName: String(row["column_name"]),
    type: String(row["type"]) as ColumnType,
    firstExecution: String(row["first_execution"]),
  }));
}

async function readLastSummary(connection: DuckDBConnection, table: Table): Promise<string | null> {
  const name = trackingTableName(table);
  const columns = new Set((await columnsOf(connection, table.dataset, name)).map((column) => column.name));
  if (!["is_run_summary", "_dlt_load_id"].every((column) => columns.has(column))) return null;
  const [newest] = await readRows(
    connection,
    `SELECT max("_dlt_load_id") AS "id" FROM ${tableName(table.dataset, name)} WHERE "is_run_summary"`,
  );
  const id = newest?.["id"];
  return typeof id === "string" ? id : null;
}

/** Every receipt of one month, newest first. */
export async function readHistory(
  connection: DuckDBConnection,
  table: Table,
  billingMonth: BillingMonth,
): Promise<readonly Receipt[]> {
  return receiptHistory(...(await readTracking(connection, table, billingMonth)));
}

/**
 * The tracking rows of the newest load of each month, or of all loads of one month, and the receipts that are stored apart
 * from them.
 */
export async function readTracking(
  connection: DuckDBConnection,
  table: Table,
  billingMonth: BillingMonth | null = null,
): Promise<[rows: readonly ReadRow[], own: readonly ReadRow[]]> {
  const name = trackingTableName(table);
  const columns = new Set((await columnsOf(connection, table.dataset, name)).map((column) => column.name));
  if (!["billing_month", "_dlt_load_id"].every((column) => columns.has(column))) return [[], []];
  const ids = ["assembly_id", "assembly_id__v_text", "run_id", "run_id__v_text"].filter((id) => columns.has(id));
  const isLoad = [
    `"billing_month" IS NOT NULL`,
    `coalesce(${["NULL", ...ids.map((id) => `CAST(${identifier(id)} AS VARCHAR)`)].join(", ")}) IS NOT NULL`,
    ...(columns.has("is_run_summary") ? [`"is_run_summary" IS DISTINCT FROM true`] : []),
  ];
  const order = `"_dlt_load_id" DESC${columns.has("loaded_at") ? `, "loaded_at" DESC` : ""}`;
  const wanted =
    billingMonth === null
      ? `QUALIFY row_number() OVER (PARTITION BY "billing_month" ORDER BY ${order}) = 1`
      : `AND "billing_month" = $1`;
  const rows = await readRows(
    connection,
    `SELECT * FROM ${tableName(table.dataset, name)} WHERE ${isLoad.join(" AND ")} ${wanted}`,
    billingMonth === null ? [] : [billingMonth],
  );
  if ((await columnsOf(connection, table.dataset, receiptsTable.name)).length === 0) return [rows, []];
  const own = await readRows(
    connection,
    `SELECT * FROM ${tableName(table.dataset, receiptsTable.name)} WHERE "table_name" = $1
      AND "load_id" IN (SELECT unnest(CAST($2 AS VARCHAR[])))`,
    [table.name, JSON.stringify(rows.map((row) => row["_dlt_load_id"]))],
  );
  return [rows, own];
}

/** Updates the one row of the commit lock, so that of two transactions that are open at once only one can commit. */
export async function takeCommitLock(connection: DuckDBConnection, table: Table): Promise<void> {
  await connection.run(`UPDATE ${tableName(table.dataset, commitLockTable.name)} SET "load_id" = "load_id"`);
}

/** Writes the rows of a package in the order in which dlt may see them, and its load_id into the commit lock. */
export async function writePackage(connection: DuckDBConnection, table: Table, load: LoadPackage): Promise<void> {
  const tracking = await columnsOf(connection, table.dataset, trackingTableName(table));
  for (const row of packageRows(load, table, tracking)) {
    const entries = Object.entries(row.values);
    const columns = entries.map(([name]) => identifier(name)).join(", ");
    const places = entries.map((_, position) => `$${position + 1}`).join(", ");
    // Every value is bound as text, which the column's type then reads: a JavaScript number would arrive as a float.
    const values = entries.map(([, value]) => (value === null ? null : String(value)));
    await connection.run(
      `INSERT INTO ${tableName(table.dataset, row.table.name)} (${columns}) VALUES (${places})`,
      values,
    );
  }
  await connection.run(`UPDATE ${tableName(table.dataset, commitLockTable.name)} SET "load_id" = $1`, [load.loadId]);
}
