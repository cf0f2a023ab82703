import type { DuckDBConnection } from "@duckdb/node-api";
import type { BillingMonth, ColumnType, Receipt, RegisteredColumn, Table, TableColumn } from "../../model.ts";
import { idColumns } from "../../model.ts";
import { fold } from "../../schema/names.ts";
import { loadedTables } from "../../state/executions.ts";
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
import { isEmpty, type Ledger, type LoadedTablePlace } from "../warehouse.ts";
import { readRows } from "./database.ts";
import { columnType, identifier, literal, type NativeColumns, tableName } from "./sql.ts";

/**
 * Reads the ledger of a table. Missing tables are looked up in the catalog, not inferred from an error,
 * so every error that does occur is reported.
 */
export async function readLedger(connection: DuckDBConnection, table: Table): Promise<Ledger> {
  const ledger = await readOwnLedger(connection, table);
  return { ...ledger, elsewhere: isEmpty(ledger) ? await findElsewhere(connection, table) : [] };
}

/** The tables of other datasets that hold loads of this pipeline: the one of this name, or else those that its state names. */
async function findElsewhere(connection: DuckDBConnection, table: Table): Promise<readonly LoadedTablePlace[]> {
  const rows = await readRows(
    connection,
    `SELECT schema_name AS "dataset", lower(table_name) AS "name" FROM duckdb_tables()
      WHERE database_name = current_database() AND schema_name <> $1 ORDER BY schema_name`,
    [table.dataset],
  );
  const found: LoadedTablePlace[] = [];
  for (const [dataset, tables] of Map.groupBy(rows, (row) => String(row["dataset"]))) {
    const isThere = (name: string): boolean => tables.some((row) => row["name"] === name.toLowerCase());
    const { state } = isThere(pipelineStateTable.name)
      ? await readOwnLedger(connection, { ...table, dataset })
      : { state: null };
    if (state === null) continue;
    const names = isThere(table.name) ? [table.name] : loadedTables(state, table);
    found.push(...names.filter(isThere).map((name) => ({ dataset, name })));
  }
  return found;
}

async function readOwnLedger(connection: DuckDBConnection, table: Table): Promise<Omit<Ledger, "elsewhere">> {
  await connection.run("BEGIN TRANSACTION");
  try {
    const [columns, registry, states, loads, tracking, receipts] = await columnsOfTables(connection, table.dataset, [
      table.name,
      columnsTable.name,
      pipelineStateTable.name,
      loadsTable.name,
      trackingTableName(table),
      receiptsTable.name,
    ]);
    return {
      columns: columns.length === 0 ? null : columns,
      registry: registry.length === 0 ? [] : (await readRegistry(connection, table.dataset, [table.name]))[0],
      state: states.length === 0 || loads.length === 0 ? null : await readState(connection, table),
      receipts: newestReceipts(...(await readLoads(connection, table, { tracking, receipts }, "newest"))),
      lastSummary: await readLastSummary(connection, table, tracking),
      notes: [],
    };
  } finally {
    await connection.run("ROLLBACK");
  }
}

/** The newest state and load_id, as the transaction of this connection sees them; dlt's tables must exist. */
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

/** The columns of a table in their order; empty if it does not exist. */
export async function columnsOf(connection: DuckDBConnection, dataset: string, table: string): Promise<TableColumn[]> {
  return (await columnsOfTables(connection, dataset, [table]))[0];
}

/**
 * As `columnsOf`, for several tables of a dataset, in their order. `duckdb_columns()` is asked only about views: it lists the
 * columns of everything, and binds every view for it, which takes longer than most statements of a load.
 */
export async function columnsOfTables<const Names extends readonly string[]>(
  connection: DuckDBConnection,
  dataset: string,
  tables: Names,
): Promise<{ -readonly [position in keyof Names]: TableColumn[] }> {
  const found = tables.map((): TableColumn[] => []);
  const here = `WHERE database_name = current_database() AND schema_name = ${literal(dataset)}`;
  const objects = await readRows(
    connection,
    `SELECT current_database() AS "database", table_name AS "name", false AS "isView" FROM duckdb_tables() ${here}
      UNION ALL SELECT current_database(), view_name, true FROM duckdb_views() ${here}`,
  );
  const questions = tables.flatMap((table, position) => {
    const object = objects.find(({ name }) => String(name).toLowerCase() === table.toLowerCase());
    if (object === undefined) return [];
    const [database, name] = [String(object["database"]), String(object["name"])];
    const path = literal(`${identifier(database)}.${tableName(dataset, name)}`);
    const ofView = `(SELECT column_index AS "cid", column_name AS "name", data_type AS "type"
      FROM duckdb_columns() ${here} AND table_name = ${literal(name)})`;
    const from = object["isView"] === true ? ofView : `pragma_table_info(${path})`;
    return [`SELECT ${position} AS "position", "cid" AS "index", "name", "type" FROM ${from}`];
  });
  if (questions.length === 0) return found as { -readonly [position in keyof Names]: TableColumn[] };
  const rows = await readRows(connection, questions.join(" UNION ALL "));
  for (const row of rows.toSorted((one, other) => Number(one["index"]) - Number(other["index"]))) {
    const nativeType = String(row["type"]);
    found[Number(row["position"])]?.push({ name: String(row["name"]), type: columnType(nativeType), nativeType });
  }
  return found as { -readonly [position in keyof Names]: TableColumn[] };
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

/** The types of a table's columns, by their folded names; empty if it does not exist. */
export async function nativeColumns(
  connection: DuckDBConnection,
  dataset: string,
  name: string,
): Promise<NativeColumns> {
  return nativeTypesOf(await columnsOf(connection, dataset, name));
}

/** The types of columns, by their folded names. */
export function nativeTypesOf(columns: readonly TableColumn[]): NativeColumns {
  return new Map(columns.map((column) => [fold(column.name), column.nativeType]));
}

/** dlt's own query (job_client_impl.py, get_stored_state); its tables must exist. */
async function readState(connection: DuckDBConnection, table: Table): Promise<string | null> {
  const { dataset, pipelineName } = table;
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

/** The rows of the registry of a dataset that are about each of these tables; the registry must exist. */
export async function readRegistry<const Names extends readonly string[]>(
  connection: DuckDBConnection,
  dataset: string,
  tables: Names,
): Promise<{ -readonly [position in keyof Names]: RegisteredColumn[] }> {
  const rows = await readRows(
    connection,
    `SELECT * FROM ${tableName(dataset, columnsTable.name)} WHERE "table_name" IN (${tables.map(literal).join(", ")})`,
  );
  const found = tables.map((table) =>
    rows
      .filter((row) => row["table_name"] === table)
      .map((row) => ({
        sourceName: String(row["source_name"]),
        columnName: String(row["column_name"]),
        type: String(row["type"]) as ColumnType,
        firstExecution: String(row["first_execution"]),
      })),
  );
  return found as { -readonly [position in keyof Names]: RegisteredColumn[] };
}

async function readLastSummary(
  connection: DuckDBConnection,
  table: Table,
  tracking: readonly TableColumn[],
): Promise<string | null> {
  const columns = new Set(tracking.map((column) => column.name));
  if (!["is_run_summary", "_dlt_load_id"].every((column) => columns.has(column))) return null;
  const [newest] = await readRows(
    connection,
    `SELECT max("_dlt_load_id") AS "id" FROM ${tableName(table.dataset, trackingTableName(table))} WHERE "is_run_summary"`,
  );
  const id = newest?.["id"];
  return typeof id === "string" ? id : null;
}

/** Every receipt of one month, or of all months (null), newest first. */
export async function readHistory(
  connection: DuckDBConnection,
  table: Table,
  billingMonth: BillingMonth | null,
): Promise<readonly Receipt[]> {
  return receiptHistory(...(await readTracking(connection, table, { billingMonth })));
}

/** As `readLoads`, which reads the columns of the tables first. */
export async function readTracking(
  connection: DuckDBConnection,
  table: Table,
  loads: LoadsToRead = "newest",
): Promise<[rows: readonly ReadRow[], own: readonly ReadRow[]]> {
  const names = [trackingTableName(table), receiptsTable.name] as const;
  const [tracking, receipts] = await columnsOfTables(connection, table.dataset, names);
  return readLoads(connection, table, { tracking, receipts }, loads);
}

/** Which loads are read: the newest one of each month, or all of one month, or of all months (null). */
type LoadsToRead = "newest" | { readonly billingMonth: BillingMonth | null };

/** The tracking rows of loads, and the receipts that are stored apart from them. */
async function readLoads(
  connection: DuckDBConnection,
  table: Table,
  present: { readonly tracking: readonly TableColumn[]; readonly receipts: readonly TableColumn[] },
  loads: LoadsToRead,
): Promise<[rows: readonly ReadRow[], own: readonly ReadRow[]]> {
  const columns = new Set(present.tracking.map((column) => column.name));
  if (!["billing_month", "_dlt_load_id"].every((column) => columns.has(column))) return [[], []];
  const ids = idColumns.flatMap((id) => [id, `${id}__v_text`]).filter((id) => columns.has(id));
  const isLoad = [
    `"billing_month" IS NOT NULL`,
    `coalesce(${["NULL", ...ids.map((id) => `CAST(${identifier(id)} AS VARCHAR)`)].join(", ")}) IS NOT NULL`,
    ...(columns.has("is_run_summary") ? [`"is_run_summary" IS DISTINCT FROM true`] : []),
  ];
  const billingMonth = loads === "newest" ? null : loads.billingMonth;
  const source = tableName(table.dataset, trackingTableName(table));
  // `newestReceipts` decides between loads of one id. A window over all columns takes twice as long as reading two of them first.
  const newest = `AND ("billing_month", "_dlt_load_id") IN
    (SELECT "billing_month", max("_dlt_load_id") FROM ${source} WHERE ${isLoad.join(" AND ")} GROUP BY ALL)`;
  const wanted = loads === "newest" ? newest : billingMonth === null ? "" : `AND "billing_month" = $1`;
  const rows = await readRows(
    connection,
    `SELECT * FROM ${source} WHERE ${isLoad.join(" AND ")} ${wanted}`,
    billingMonth === null ? [] : [billingMonth],
  );
  if (present.receipts.length === 0) return [rows, []];
  const own = await readRows(
    connection,
    `SELECT * FROM ${tableName(table.dataset, receiptsTable.name)} WHERE "table_name" = $1
      AND "load_id" IN (SELECT unnest(CAST($2 AS VARCHAR[])))`,
    [table.name, JSON.stringify(rows.map((row) => row["_dlt_load_id"]))],
  );
  return [rows, own];
}

/** Updates the one row of the commit lock, so that only one of two concurrent transactions can commit. */
export async function takeCommitLock(connection: DuckDBConnection, table: Table): Promise<void> {
  const lock = tableName(table.dataset, commitLockTable.name);
  const { rowsChanged } = await connection.run(`UPDATE ${lock} SET "load_id" = "load_id"`);
  if (rowsChanged === 0) await connection.run(`INSERT INTO ${lock} ("load_id") VALUES ('')`);
}

/**
 * Writes the rows of a package in the order in which dlt may see them, and its load_id into the commit lock. `tracking` are
 * the columns of the tracking table.
 */
export async function writePackage(
  connection: DuckDBConnection,
  table: Table,
  load: LoadPackage,
  tracking: readonly TableColumn[],
): Promise<void> {
  for (const row of packageRows(load, table, tracking)) {
    const entries = Object.entries(row.values);
    const columns = entries.map(([name]) => identifier(name)).join(", ");
    const places = entries.map((_, position) => `$${position + 1}`).join(", ");
    // Every value is bound as text and cast by the column: a JavaScript number would arrive as a float.
    const values = entries.map(([, value]) => (value === null ? null : String(value)));
    await connection.run(
      `INSERT INTO ${tableName(table.dataset, row.table.name)} (${columns}) VALUES (${places})`,
      values,
    );
  }
  await connection.run(`UPDATE ${tableName(table.dataset, commitLockTable.name)} SET "load_id" = $1`, [load.loadId]);
}
