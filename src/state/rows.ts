import type { Receipt, Table } from "../model.ts";
import { dltId } from "./dlt.ts";
import type { LoadPackage, RunSummary } from "./package.ts";
import { isTimeId, keepsReceipts, loadsTable, pipelineStateTable, receiptsTable, trackingTableOf } from "./tables.ts";
import type { PresentColumn, StateTable } from "./tables.ts";

/**
 * A row to write: column to value. Times are ISO 8601 text, dates `YYYY-MM-DD`; a warehouse casts each value to the
 * type of its column.
 */
export type Row = Readonly<Record<string, RowValue>>;

/** A value of such a row. */
export type RowValue = string | number | boolean | null;

/** A row and the table that it goes to. */
export interface PackageRow {
  readonly table: StateTable;
  readonly values: Row;
}

/**
 * All rows of a package, in the order in which they must be written where not all are written at once: `_dlt_loads`
 * comes last, because it is what makes the state visible to dlt. `present` are the columns of the tracking table.
 */
export function packageRows(load: LoadPackage, table: Table, present: readonly PresentColumn[]): readonly PackageRow[] {
  const tracking = trackingTableOf(table);
  const rows: PackageRow[] = [];
  if (load.receipt !== null) {
    rows.push({ table: tracking, values: trackingRow(load.receipt, table, present) });
    if (!keepsReceipts(present)) rows.push({ table: receiptsTable, values: receiptRow(load.receipt, table) });
  }
  if (load.summary !== null) rows.push({ table: tracking, values: trackingRow(load.summary, table, present) });
  if (load.state !== null) {
    const { version, state } = load.state;
    const values = {
      version,
      engine_version: load.state.engineVersion,
      pipeline_name: load.state.pipelineName,
      state,
      created_at: load.state.createdAt,
      version_hash: load.state.versionHash,
      _dlt_load_id: load.state.loadId,
      _dlt_id: load.state.dltId,
    };
    rows.push({ table: pipelineStateTable, values });
  }
  const { loadId, schemaName, status, insertedAt } = load.load;
  // We have no schema in dlt's sense, and so no hash of one.
  const values = {
    load_id: loadId,
    schema_name: schemaName,
    status,
    inserted_at: insertedAt,
    schema_version_hash: null,
  };
  return [...rows, { table: loadsTable, values }];
}

/** The tracking row of a receipt or a run summary, with the columns that the tracking table has. */
export function trackingRow(entry: Receipt | RunSummary, table: Table, present: readonly PresentColumn[]): Row {
  const values = "runDate" in entry ? summaryValues(entry, table) : receiptValues(entry, table, present);
  const names = new Set(present.map((column) => column.name));
  return Object.fromEntries(Object.entries(values).filter(([name]) => names.has(name)));
}

/** The row of `_billhouse_receipts` for a load whose tracking table has no columns for its receipt. */
export function receiptRow(receipt: Receipt, table: Table): Row {
  const { billingMonth, loadId, format } = receipt;
  return { table_name: table.name, billing_month: billingMonth, load_id: loadId, format, ...ownValues(receipt) };
}

function receiptValues(receipt: Receipt, table: Table, present: readonly PresentColumn[]): Row {
  const timeId = present.some((column) => column.name === table.idColumn && isTimeId(column));
  const idTime = timeOfId(receipt.executionId);
  return {
    [table.idColumn]: timeId ? idTime : receipt.executionId,
    [`${table.idColumn}__v_text`]: timeId && idTime === null ? receipt.executionId : null,
    billing_month: receipt.billingMonth,
    loaded_at: receipt.loadedAt,
    row_count: receipt.rows,
    file_count: receipt.fileCount,
    format: receipt.format,
    _dlt_load_id: receipt.loadId,
    _dlt_id: dltId(table.dataset, table.name, "load", receipt.loadId),
    ...ownValues(receipt),
  };
}

function summaryValues(summary: RunSummary, table: Table): Row {
  return {
    loaded_at: summary.loadedAt,
    _dlt_load_id: summary.loadId,
    _dlt_id: dltId(table.dataset, table.name, "summary", summary.loadId),
    run_date: summary.runDate,
    total_rows: summary.totalRows,
    manifests_processed: summary.manifestsProcessed,
    manifests_skipped: summary.manifestsSkipped,
    is_run_summary: true,
  };
}

function ownValues(receipt: Receipt): Row {
  return {
    source_bytes: receipt.sourceBytes,
    cost_by_currency: toJson(receipt.cost),
    table_cost_by_currency: toJson(receipt.tableCost),
    effective_cost_by_currency: toJson(receipt.effectiveCost),
    table_effective_cost_by_currency: toJson(receipt.tableEffectiveCost),
    rounded_values: receipt.roundedValues,
    coverage_start: receipt.coverage?.start ?? null,
    coverage_end: receipt.coverage?.end ?? null,
    first_usage: receipt.firstUsage,
    last_usage: receipt.lastUsage,
    schema_changes: toJson(receipt.schemaChanges),
    files: toJson(receipt.files),
    scope: receipt.scope,
    submitted_time: receipt.submittedTime,
    export_kind: receipt.kind,
    measured_columns: toJson(receipt.measured),
    cost_summary: toJson(receipt.summary),
    uninvoiced_rows: receipt.uninvoicedRows,
    finality: receipt.finality,
    undone_loads: receipt.undone.length === 0 ? null : toJson(receipt.undone),
    restored_load_id: receipt.restoredLoadId,
    waivers: toJson(receipt.waivers),
    duration_seconds: receipt.durationSeconds,
    billhouse_version: receipt.version,
  };
}

/** `20251103T010203Z` as a time, or null for an id that is none. */
function timeOfId(id: string): string | null {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(id);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second] = match;
  return `${year}-${month}-${day}T${hour}:${minute}:${second}+00:00`;
}

function toJson(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}
