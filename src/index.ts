/**
 * The library: the same engine as the command line. `run` is an async generator of events; `plan`, `status`,
 * `showState` and `forget` are promises of the shapes that `--json` prints; `query` streams rows.
 */
export type { BigqueryConfig, Config, DuckdbConfig, PipelineConfig } from "./config/config.ts";
export { explainConfig } from "./config/explain.ts";
export { loadConfig } from "./config/reading.ts";
export { BillhouseError, errorCodes, type ErrorCode } from "./errors.ts";
export type * from "./pipeline/events.ts";
export { diff, type ChangedGroup, type ChangedLine, type ComparedLoad, type DiffResult } from "./pipeline/diff.ts";
export { doctor, type DoctorResult } from "./pipeline/doctor.ts";
export {
  migrate,
  type MigratedPipeline,
  type MigratedStep,
  type MigrateOptions,
  type MigrateResult,
} from "./pipeline/migrate.ts";
export { plan, type PlannedPipeline, type PlanResult } from "./pipeline/plan.ts";
export { query } from "./pipeline/query.ts";
export { reconcile, type Reconciliation, type ReconcileOptions, type ReconcileResult } from "./pipeline/reconcile.ts";
export { readInvoices, type InvoiceLine } from "./pipeline/reconcile/invoices.ts";
export type { NamedAmount } from "./pipeline/reconcile/residual.ts";
export { run, type RunOptions } from "./pipeline/run.ts";
export type { MonthSelection } from "./pipeline/months/select.ts";
export { forget, showState, type ForgetResult, type StateResult } from "./pipeline/state.ts";
export {
  status,
  type KeptCopies,
  type MonthState,
  type MonthStatus,
  type PipelineStatus,
  type StatusOptions,
  type StatusResult,
} from "./pipeline/status.ts";
export { undo, type UndoOptions, type UndoResult } from "./pipeline/undo.ts";
export { verify, type Check, type VerifyOptions, type VerifyResult } from "./pipeline/verify.ts";
export { version } from "./version.ts";
