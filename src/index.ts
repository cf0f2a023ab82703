/**
 * The library: the same engine as the command line. `run` is an async generator of events; `plan`, `status`,
 * `showState` and `forget` are promises of the shapes that `--json` prints; `query` streams rows.
 */
export {
  explainConfig,
  loadConfig,
  type BigqueryConfig,
  type Config,
  type DuckdbConfig,
  type PipelineConfig,
} from "./config/config.ts";
export { doctor, type DoctorResult } from "./pipeline/doctor.ts";
export { BillhouseError, errorCodes, type ErrorCode } from "./errors.ts";
export type * from "./pipeline/events.ts";
export { forget, plan, query, showState, type ForgetResult, type StateResult } from "./pipeline/inspect.ts";
export {
  migrate,
  type MigratedPipeline,
  type MigratedStep,
  type MigrateOptions,
  type MigrateResult,
} from "./pipeline/migrate.ts";
export { readInvoices, type InvoiceLine } from "./pipeline/reconcile/invoices.ts";
export { reconcile, type Reconciliation, type ReconcileOptions, type ReconcileResult } from "./pipeline/reconcile.ts";
export type { NamedAmount } from "./pipeline/reconcile/residual.ts";
export { run, type RunOptions } from "./pipeline/run.ts";
export type { MonthSelection } from "./pipeline/months/select.ts";
export { status, type StatusOptions } from "./pipeline/status.ts";
export { diff } from "./pipeline/diff.ts";
export { undo, type UndoOptions } from "./pipeline/undo.ts";
export { verify, type VerifyOptions } from "./pipeline/verify.ts";
export { version } from "./version.ts";
