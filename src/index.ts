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
} from "./config.ts";
export { doctor, type DoctorResult } from "./pipeline/doctor.ts";
export { BillhouseError, errorCodes, type ErrorCode } from "./errors.ts";
export type * from "./pipeline/events.ts";
export { forget, plan, query, showState, status, type ForgetResult, type StateResult } from "./pipeline/inspect.ts";
export {
  migrate,
  type MigratedPipeline,
  type MigratedStep,
  type MigrateOptions,
  type MigrateResult,
} from "./pipeline/migrate.ts";
export { run, type RunOptions } from "./pipeline/run.ts";
export type { MonthScope } from "./pipeline/select.ts";
export { version } from "./version.ts";
