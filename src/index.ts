/**
 * The library: the same engine as the command line. Every function takes the configuration first and its options in one
 * object. `run` is an async generator of events, `query` one of rows; the others are promises of one result.
 * Errors of all of them: USAGE_INVALID for wrong arguments.
 */
export type {
  BigqueryConfig,
  BudgetsConfig,
  Config,
  ConfigPlace,
  DuckdbConfig,
  FocusConfig,
  JoinedTable,
  NotifyConfig,
  PipelineConfig,
  StorageConfig,
  WarehouseConfig,
} from "./config/config.ts";
export { explainConfig, type ConfigExplanation, type ConfigValue } from "./config/explain.ts";
export { loadConfig } from "./config/reading.ts";
export { BillhouseError, errorCodes, type ErrorCode } from "./errors.ts";
export type {
  AzureCredentials,
  BillingMonth,
  CurrencySums,
  FinalBasis,
  Finality,
  Finding,
  GoogleCredentials,
  LoadReason,
  ReceiptFlag,
} from "./model.ts";
export type {
  AcceptedGap,
  Action,
  LoadAction,
  Days,
  ExportFound,
  FailedMonth,
  FileRead,
  KeptMonth,
  LoadedMonth,
  LoadEvent,
  LoadPhase,
  MonthFailed,
  MonthLoaded,
  MonthPlanned,
  MonthProgress,
  PassedOverDelivery,
  PipelineFailed,
  PipelineResult,
  PlannedMonth,
  Publishing,
  ReportedError,
  RunEvent,
  RunFinished,
  RunStarted,
} from "./pipeline/events.ts";
export type { ReadSource } from "./pipeline/open.ts";
export type { AccountNames, AnswerOptions } from "./answers/bills.ts";
export type { Answer, AnswerLoad } from "./answers/loads.ts";
export {
  costs,
  type BelowCharge,
  type CostRow,
  type CostsOptions,
  type CostsResult,
  type CurrencyCosts,
  type IncludedExport,
  type SummedCosts,
} from "./answers/costs.ts";
export {
  commitments,
  type CommitmentRow,
  type CommitmentsOptions,
  type CommitmentsResult,
  type CommitmentUse,
  type CurrencyCommitments,
  type MonthUse,
} from "./answers/commitments.ts";
export {
  untagged,
  type CurrencyUntagged,
  type TaggedMonth,
  type UntaggedOptions,
  type UntaggedResult,
  type UntaggedRow,
} from "./answers/untagged.ts";
export {
  restatement,
  type RestatedCosts,
  type RestatedExport,
  type RestatedLoad,
  type RestatementOptions,
  type RestatementResult,
} from "./answers/restatement.ts";
export {
  report,
  type ReportedExport,
  type ReportOptions,
  type ReportResult,
  type Restatement,
} from "./answers/report.ts";
export {
  series,
  type CurrencySeries,
  type GroupSeries,
  type SeriesOptions,
  type SeriesResult,
  type TimeBucket,
} from "./answers/series.ts";
export { budgets, type BudgetsOptions, type BudgetsResult, type BudgetUse } from "./answers/budgets.ts";
export { forecast, type ForecastOptions, type ForecastResult } from "./answers/forecast.ts";
export type { Forecast } from "./answers/forecast-rule.ts";
export {
  ask,
  listQuestions,
  questionSql,
  type ListedQuestion,
  type QuestionList,
  type QuestionOptions,
  type QuestionResult,
} from "./answers/questions.ts";
export {
  type RuleResult,
  type RuleScore,
  validate,
  type ValidateOptions,
  type ValidateResult,
  type Verdict,
} from "./answers/validate.ts";
export type { RulesVersion } from "./focus/rules/model.ts";
export { explain, type ExplainOptions, type ExplainResult } from "./answers/explain.ts";
export type { CellKeys, CellLabel } from "./answers/explain-cells.ts";
export type { Driver, DriverDetails, Explanation } from "./answers/explanation.ts";
export type { Measure } from "./answers/measures.ts";
export type { Part } from "./answers/parts.ts";
export type { Comparison } from "./answers/periods.ts";
export {
  history,
  type HistoryLoad,
  type HistoryOptions,
  type HistoryResult,
  type LoadChange,
  type LoadedDelivery,
} from "./pipeline/history.ts";
export {
  diff,
  type ChangedGroup,
  type ChangedLine,
  type ComparedLoad,
  type DiffOptions,
  type DiffResult,
} from "./pipeline/diff.ts";
export { doctor, type DoctorCheck, type DoctorOptions, type DoctorResult } from "./pipeline/doctor.ts";
export {
  migrate,
  type MigratedPipeline,
  type MigratedStep,
  type MigrateOptions,
  type MigrateResult,
} from "./pipeline/migrate.ts";
export { plan, type PlannedPipeline, type PlanOptions, type PlanResult } from "./pipeline/plan.ts";
export {
  exportFocus,
  type ExportFocusOptions,
  type ExportFocusProgress,
  type ExportFocusResult,
} from "./pipeline/focus-export.ts";
export type { ExportedFile, ExportedMonth, ExportFileFormat } from "./pipeline/focus-export/files.ts";
export { query, type QueryOptions } from "./pipeline/query.ts";
export { reconcile, type Reconciliation, type ReconcileOptions, type ReconcileResult } from "./pipeline/reconcile.ts";
export { readInvoices, type InvoiceLine } from "./pipeline/reconcile/invoices.ts";
export type { NamedAmount } from "./pipeline/reconcile/residual.ts";
export { run, type RunOptions } from "./pipeline/run.ts";
export type { MonthSelection } from "./schema/periods.ts";
export {
  forget,
  showState,
  type ForgetOptions,
  type ForgetResult,
  type StateOptions,
  type StateResult,
} from "./pipeline/state.ts";
export {
  status,
  type KeptCopies,
  type PipelineStatus,
  type StatusOptions,
  type StatusResult,
  type StatusTotal,
} from "./pipeline/status.ts";
export { type Attention, type MonthState, type MonthStatus } from "./pipeline/status/month.ts";
export { type CountedMonths } from "./pipeline/views/counted.ts";
export { undo, type UndoOptions, type UndoResult } from "./pipeline/undo.ts";
export { verify, type Check, type VerifyOptions, type VerifyProgress, type VerifyResult } from "./pipeline/verify.ts";
export { version } from "./version.ts";
export type { Holder, QueryColumn, QueryRow, Source } from "./warehouses/warehouse.ts";
