import type { BillingMonth, Receipt, Table } from "../model.ts";
import { isoInstant, nextLoadId, type DestinationType, type StateRow } from "./dlt.ts";
import { forgetMonths, recordLoad } from "./executions.ts";

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

/** A run-summary row of the tracking table, as the Python pipelines wrote one per run. It is no load. */
export interface RunSummary {
  readonly loadId: string;
  /** `YYYY-MM-DD`, in UTC. */
  readonly runDate: string;
  readonly totalRows: number;
  readonly manifestsProcessed: number;
  readonly manifestsSkipped: number;
  readonly loadedAt: string;
}

/** What a run counted: its own part of a run summary. */
export type RunCounts = Pick<RunSummary, "totalRows" | "manifestsProcessed" | "manifestsSkipped">;

/** A load that was proved: a receipt but for what only the moment of its commit can tell. */
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
  const { executionId, billingMonth } = load.receipt;
  const entry = { executionId, billingMonth, loadedAt, submittedTime: load.submittedTime };
  return {
    loadId,
    receipt: { ...load.receipt, loadId, loadedAt },
    summary: null,
    state: recordLoad(current.state, table, entry, destinationType, loadId),
    load: loadRow(table, loadId, now),
  };
}

/** The package of one run's summary. The state stays as it is, and so has no row. Error: STATE_INVALID. */
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
 * The package that makes the state forget billing months, or all of them. Without a state there is nothing to forget,
 * and the package has no state row. Error: STATE_INVALID.
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
