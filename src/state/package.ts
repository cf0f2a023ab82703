import { type BillingMonth, executionIdsOf, type Receipt, type Table } from "../model.ts";
import { type DestinationType, dltId, isoInstant, nextLoadId, type StateRow } from "./dlt.ts";
import { forgetMonths, recordLoad } from "./executions.ts";
import {
  isTimeId,
  keepsReceipts,
  loadsTable,
  pipelineStateTable,
  type PresentColumn,
  receiptsTable,
  type StateTable,
  trackingTableOf,
} from "./tables.ts";

/**
 * One dlt load package: what one transaction adds to dlt's tables. A load has a receipt and a state, a run summary
 * only a summary, a forgetting only a state. The `_dlt_loads` row is always written.
 */
export interface LoadPackage {
  /** Unix seconds as text, above every load_id present (dlt compares them as text). */
  readonly loadId: string;
  readonly receipt: Receipt | null;
  readonly summary: RunSummary | null;
  readonly state: StateRow | null;
  readonly load: LoadRow;
}

/** The package of one load of a month. */
export interface MonthPackage extends LoadPackage {
  readonly receipt: Receipt;
}

/** The newest state and the newest load_id, read inside the transaction that will change them. */
export interface CurrentState {
  /** Of this pipeline, encoded: the one with the greatest load_id, as text, that has a row with status 0 in `_dlt_loads`. */
  readonly state: string | null;
  /** The greatest load_id, as text, in the whole of `_dlt_loads` and `_dlt_pipeline_state`: pipelines share them. */
  readonly newestLoadId: string | null;
}

/** One row of `_dlt_loads`. */
export interface LoadRow {
  readonly loadId: string;
  readonly schemaName: string;
  readonly status: 0;
  readonly insertedAt: string;
}

/** A run-summary row of the tracking table, as the Python pipelines wrote one per run. It is not a load. */
export interface RunSummary {
  readonly loadId: string;
  /** `YYYY-MM-DD`, in UTC. */
  readonly runDate: string;
  readonly totalRows: number;
  readonly manifestsProcessed: number;
  readonly manifestsSkipped: number;
  readonly loadedAt: string;
}

/** The counts of a run: its own part of a run summary. */
export type RunCounts = Pick<RunSummary, "totalRows" | "manifestsProcessed" | "manifestsSkipped">;

/** A proved load: its receipt without the values that are only known at the commit. */
export interface ProvedLoad {
  readonly receipt: Omit<Receipt, "loadId" | "loadedAt">;
  /** The manifest's own text for the time of the run, unchanged, or null. */
  readonly submittedTime: string | null;
}

/** The package of one load: receipt, state and `_dlt_loads` row under one load_id. Error: STATE_INVALID. */
export function loadPackage(
  current: CurrentState,
  table: Table,
  load: ProvedLoad,
  destinationType: DestinationType,
  now: Date,
): MonthPackage {
  const loadId = nextLoadId(current.newestLoadId, now);
  const loadedAt = isoInstant(now);
  const { billingMonth } = load.receipt;
  const entry = {
    executionIds: executionIdsOf(load.receipt),
    billingMonth,
    loadedAt,
    submittedTime: load.submittedTime,
  };
  return {
    loadId,
    receipt: { ...load.receipt, loadId, loadedAt },
    summary: null,
    state: recordLoad(current.state, table, entry, destinationType, loadId),
    load: loadRow(table, loadId, now),
  };
}

/** The package of a receipt with additions: its rows and its state stay unchanged. Error: STATE_INVALID. */
export function receiptPackage(current: CurrentState, table: Table, receipt: Receipt, now: Date): LoadPackage {
  const loadId = nextLoadId(current.newestLoadId, now);
  return { loadId, receipt: { ...receipt, loadId }, summary: null, state: null, load: loadRow(table, loadId, now) };
}

/** The package of one run's summary. The state stays unchanged, so a row for it is not written. Error: STATE_INVALID. */
export function summaryPackage(current: CurrentState, table: Table, counts: RunCounts, now: Date): LoadPackage {
  const loadId = nextLoadId(current.newestLoadId, now);
  const runDate = now.toISOString().slice(0, 10);
  return {
    loadId,
    receipt: null,
    summary: { ...counts, loadId, runDate, loadedAt: isoInstant(now) },
    state: null,
    load: loadRow(table, loadId, now),
  };
}

/**
 * The package that removes billing months, or all of them, from the state. Without a state there is nothing to remove,
 * and the package lacks a state row. Error: STATE_INVALID.
 */
export function forgetPackage(
  current: CurrentState,
  table: Table,
  months: readonly BillingMonth[] | "all",
  now: Date,
): LoadPackage {
  const loadId = nextLoadId(current.newestLoadId, now);
  return {
    loadId,
    receipt: null,
    summary: null,
    state: current.state === null ? null : forgetMonths(current.state, table, months, loadId, isoInstant(now)),
    load: loadRow(table, loadId, now),
  };
}

function loadRow(table: Table, loadId: string, now: Date): LoadRow {
  return { loadId, schemaName: table.sourceName, status: 0, insertedAt: isoInstant(now) };
}

/**
 * A row to write: column to value. Times are ISO 8601 text, dates `YYYY-MM-DD`; a warehouse casts each value to the
 * type of its column.
 */
export type Row = Readonly<Record<string, RowValue>>;

/** A value of such a row. */
export type RowValue = string | number | boolean | null;

/** A row and its table. */
export interface PackageRow {
  readonly table: StateTable;
  readonly values: Row;
}

/**
 * All rows of a package, in the order in which they must be written if they are not written at once: `_dlt_loads`
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
  // billhouse does not have a schema in dlt's sense, so the hash is missing.
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

/** The row of `_billhouse_receipts` for a load whose tracking table lacks columns for its receipt. */
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
    amounts_by_column: toJson(receipt.amounts),
    rounded_values: receipt.roundedValues,
    coverage_start: receipt.coverage?.start ?? null,
    coverage_end: receipt.coverage?.end ?? null,
    first_usage: receipt.firstUsage,
    last_usage: receipt.lastUsage,
    schema_changes: toJson(receipt.schemaChanges),
    files: toJson(receipt.files),
    scope: receipt.scope,
    dataset: receipt.dataset,
    submitted_time: receipt.submittedTime,
    export_kind: receipt.kind,
    measured_columns: toJson(receipt.measured),
    cost_summary: toJson(receipt.summary),
    uninvoiced_rows: receipt.uninvoicedRows,
    uninvoiced_cost_rows: receipt.uninvoicedCostRows,
    finality: receipt.finality,
    undone_loads: listJson(receipt.undone),
    restored_load_id: receipt.restoredLoadId,
    waivers: toJson(receipt.waivers),
    duration_seconds: receipt.durationSeconds,
    billhouse_version: receipt.version,
    deliveries: toJson(receipt.deliveries),
    flags: listJson(receipt.flags),
    data_until: receipt.dataUntil,
    period_start: receipt.period?.start ?? null,
    period_end: receipt.period?.end ?? null,
    missing_days: listJson(receipt.missingDays),
    other_months: listJson(receipt.otherMonths),
    rows_without_period: receipt.rowsWithoutPeriod,
    accepted: Object.keys(receipt.accepted).length === 0 ? null : toJson(receipt.accepted),
    load_reason: receipt.loadReason,
  };
}

/** `20251103T010203Z` as a time, or null for an id that is not a time. */
function timeOfId(id: string): string | null {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(id);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second] = match;
  return `${year}-${month}-${day}T${hour}:${minute}:${second}+00:00`;
}

/** NULL for an empty list. */
function listJson(list: readonly unknown[]): string | null {
  return list.length === 0 ? null : toJson(list);
}

function toJson(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}
