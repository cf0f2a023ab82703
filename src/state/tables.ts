import { trackingTable, type Table, type TableColumn } from "../model.ts";
import { dltName } from "./dlt.ts";

/**
 * A companion table of the billing tables, as data from which warehouses create DDL. Names, order,
 * types and nullability of dlt's columns are those that real dlt gives them (test/fixtures/dlt).
 */
export interface StateTable {
  readonly name: string;
  readonly columns: readonly StateColumn[];
}

/** A column of a companion table. */
export interface StateColumn {
  readonly name: string;
  readonly type: StateColumnType;
  readonly nullable: boolean;
  /** `dlt` for columns that dlt or the Python pipelines create, `billhouse` for columns that only billhouse adds. */
  readonly origin: "dlt" | "billhouse";
  /** The maximum length of text, if dlt declares one (BigQuery: `STRING(64)`; DuckDB ignores it). */
  readonly length?: number;
}

/**
 * The types of such columns: DuckDB VARCHAR, BIGINT, TIMESTAMP WITH TIME ZONE, BOOLEAN, DATE, DOUBLE; BigQuery STRING,
 * INT64, TIMESTAMP, BOOL, DATE, FLOAT64.
 */
export type StateColumnType = "text" | "bigint" | "timestamptz" | "boolean" | "date" | "double";

/** A column of a table in a warehouse. */
export type PresentColumn = Pick<TableColumn, "name" | "nativeType">;

/** dlt's list of packages: a state counts only if its load_id is here with status 0. */
export const loadsTable: StateTable = {
  name: "_dlt_loads",
  columns: [
    dlt("load_id", "text", { nullable: false, length: 64 }),
    dlt("schema_name", "text"),
    dlt("status", "bigint", { nullable: false }),
    dlt("inserted_at", "timestamptz", { nullable: false }),
    dlt("schema_version_hash", "text"),
  ],
};

/** dlt's states, append-only: all pipelines of a dataset share it. */
export const pipelineStateTable: StateTable = {
  name: "_dlt_pipeline_state",
  columns: [
    dlt("version", "bigint", { nullable: false }),
    dlt("engine_version", "bigint", { nullable: false }),
    dlt("pipeline_name", "text", { nullable: false }),
    dlt("state", "text", { nullable: false }),
    dlt("created_at", "timestamptz", { nullable: false }),
    dlt("version_hash", "text"),
    dlt("_dlt_load_id", "text", { nullable: false, length: 64 }),
    dlt("_dlt_id", "text", { nullable: false }),
  ],
};

/** The columns of a receipt beyond those of the Python pipelines. Lists and maps are JSON text. */
const receiptColumns: readonly StateColumn[] = [
  ours("source_bytes", "bigint"),
  ours("cost_by_currency", "text"),
  ours("table_cost_by_currency", "text"),
  ours("effective_cost_by_currency", "text"),
  ours("table_effective_cost_by_currency", "text"),
  ours("amounts_by_column", "text"),
  ours("rounded_values", "bigint"),
  ours("coverage_start", "date"),
  ours("coverage_end", "date"),
  // Text, because a table that was taken over may store its usage dates as text, and a receipt must not fail a proved load.
  ours("first_usage", "text"),
  ours("last_usage", "text"),
  ours("schema_changes", "text"),
  ours("files", "text"),
  ours("scope", "text"),
  ours("dataset", "text"),
  ours("submitted_time", "text"),
  ours("export_kind", "text"),
  ours("measured_columns", "text"),
  ours("cost_summary", "text"),
  ours("uninvoiced_rows", "bigint"),
  ours("uninvoiced_cost_rows", "bigint"),
  ours("finality", "text"),
  ours("undone_loads", "text"),
  ours("restored_load_id", "text"),
  ours("waivers", "text"),
  ours("duration_seconds", "double"),
  ours("billhouse_version", "text"),
  ours("deliveries", "text"),
  ours("flags", "text"),
  ours("data_until", "date"),
  ours("period_start", "date"),
  ours("period_end", "date"),
  ours("missing_days", "text"),
  ours("other_months", "text"),
  ours("rows_without_period", "bigint"),
  ours("accepted", "text"),
  ours("load_reason", "text"),
];

/** Receipts of tables whose tracking table was made by the Python pipelines and lacks columns for them. */
export const receiptsTable: StateTable = {
  name: "_billhouse_receipts",
  columns: [
    ours("table_name", "text", { nullable: false }),
    ours("billing_month", "text", { nullable: false }),
    ours("load_id", "text", { nullable: false, length: 64 }),
    // The Azure pipeline's tracking table lacks a column for the format.
    ours("format", "text"),
    ...receiptColumns,
  ],
};

/** Which source column each table column belongs to, permanently. */
export const columnsTable: StateTable = {
  name: "_billhouse_columns",
  columns: ["table_name", "source_name", "column_name", "type", "first_execution"].map((name) =>
    ours(name, "text", { nullable: false }),
  ),
};

/**
 * The commit lock: one row per dataset, whose load_id every committing transaction replaces (the first one inserts it).
 * Two writers change the same row, so one of them fails.
 */
export const commitLockTable: StateTable = {
  name: "_billhouse_lease",
  columns: [ours("load_id", "text", { nullable: false, length: 64 })],
};

/** The tracking table of a table: the columns of the Python pipelines in their order, then ours. */
export function trackingTableOf(table: Table): StateTable {
  return {
    name: trackingTableName(table),
    columns: [
      dlt(table.idColumn, "text"),
      dlt("billing_month", "text"),
      dlt("loaded_at", "timestamptz"),
      dlt("row_count", "bigint"),
      dlt("file_count", "bigint"),
      // Only the AWS pipeline records the format. In a table of the Azure pipeline it is our column, and is left out.
      { ...dlt("format", "text"), origin: table.idColumn === "run_id" ? "billhouse" : "dlt" },
      dlt("_dlt_load_id", "text", { nullable: false }),
      dlt("_dlt_id", "text", { nullable: false }),
      dlt("run_date", "text"),
      dlt("total_rows", "bigint"),
      dlt("manifests_processed", "bigint"),
      dlt("manifests_skipped", "bigint"),
      dlt("is_run_summary", "boolean"),
      ...receiptColumns,
    ],
  };
}

/**
 * The name under which dlt keeps the tracking rows: the resource's name, normalised as dlt does. It differs from
 * `trackingTable` for a table with capitals or hyphens in its name.
 */
export function trackingTableName(table: Table): string {
  return dltName(trackingTable(table));
}

/**
 * Whether a tracking table with these columns stores receipts itself: billhouse created or migrated it. Otherwise
 * they go to `_billhouse_receipts`.
 */
export function keepsReceipts(present: readonly PresentColumn[]): boolean {
  return present.some((column) => column.name === "billhouse_version");
}

/**
 * The columns that an existing table needs before rows are written to it. A tracking table without our columns gets only
 * those that its pipeline would add itself, unless it is being migrated.
 */
export function columnsToAdd(
  table: StateTable,
  present: readonly PresentColumn[],
  options: { readonly migrate?: boolean } = {},
): readonly StateColumn[] {
  const names = new Set(present.map((column) => column.name));
  const isOurs = table.columns.every((column) => column.origin === "billhouse");
  const takesOurs = isOurs || keepsReceipts(present) || options.migrate === true;
  const missing = table.columns.filter((column) => !names.has(column.name) && (takesOurs || column.origin === "dlt"));
  // A column that cannot be null cannot be added to existing rows (BigQuery refuses it).
  const added = missing.map((column) => (column.nullable ? column : { ...column, nullable: true }));
  const spare = present.filter((column) => isTimeId(column)).map((column) => dlt(`${column.name}__v_text`, "text"));
  return [...added, ...spare.filter((column) => !names.has(column.name))];
}

/**
 * Whether a column keeps execution ids as times. dlt reads an assembly id such as `20251103T010203Z` as a time and
 * makes the column a timestamp when such an id comes first; other ids then go to the text column `<name>__v_text`.
 */
export function isTimeId(column: PresentColumn): boolean {
  return (column.name === "assembly_id" || column.name === "run_id") && /^timestamp/i.test(column.nativeType);
}

interface ColumnOptions {
  readonly nullable?: boolean;
  readonly length?: number;
}

function dlt(name: string, type: StateColumnType, options?: ColumnOptions): StateColumn {
  return { name, type, nullable: true, origin: "dlt", ...options };
}

function ours(name: string, type: StateColumnType, options?: ColumnOptions): StateColumn {
  return { name, type, nullable: true, origin: "billhouse", ...options };
}
