import type { BillingMonth, CurrencySums, Finality } from "../model.ts";

/**
 * What the engine tells. Terminal, `--json` and web page read the same events; the engine itself never prints.
 * Counts and bytes are numbers, decimals are text without exponent, months `YYYY-MM`, times ISO 8601 UTC.
 */
export type RunEvent =
  | RunStarted
  | ExportFound
  | MonthPlanned
  | FileRead
  | MonthLoaded
  | MonthFailed
  | PipelineFailed
  | RunFinished;

/** The first event of a run. */
export interface RunStarted {
  readonly event: "run_started";
  readonly time: string;
  readonly version: string;
  readonly warehouse: string;
  readonly pipelines: readonly { readonly name: string; readonly table: string }[];
}

/** An export was found below its prefix. */
export interface ExportFound {
  readonly event: "export_found";
  readonly name: string;
  readonly table: string;
  readonly kind: string;
  readonly export_name: string;
  readonly url: string;
  readonly months: number;
}

/** What a run does with a month: see {@link PlannedMonth}. */
export type Action = "new" | "restated" | "unchanged" | "waiting" | "refused";

/** One month of one pipeline was planned. A month can stand twice: once `refused` for a newer delivery, once for the one that is taken. */
export interface MonthPlanned extends PlannedMonth {
  readonly event: "month_planned";
  readonly name: string;
}

/** A data file was read and checked, by billhouse or by the warehouse itself. */
export interface FileRead {
  readonly event: "file_read";
  readonly name: string;
  readonly billing_month: BillingMonth;
  readonly key: string;
  /** Rows of the file; null where the warehouse counted it only together with others. */
  readonly rows: number | null;
  /** Bytes as delivered, packed. */
  readonly bytes: number;
}

/** A month was replaced and committed. */
export interface MonthLoaded extends LoadedMonth {
  readonly event: "month_loaded";
  readonly name: string;
}

/** A month was not replaced; its old rows are still there. */
export interface MonthFailed extends FailedMonth {
  readonly event: "month_failed";
  readonly name: string;
}

/** A whole pipeline could not be planned or finished (storage denied, no export found); the others go on. */
export interface PipelineFailed extends ToldError {
  readonly event: "pipeline_failed";
  readonly name: string;
}

/** The last event of every run. */
export interface RunFinished {
  readonly event: "run_finished";
  readonly time: string;
  readonly seconds: number;
  readonly pipelines: readonly PipelineResult[];
}

/** An error as data. */
export interface ToldError {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** A month of the plan. */
export interface PlannedMonth {
  readonly billing_month: BillingMonth;
  readonly action: Action;
  readonly reason: string;
  /** Null when the manifest could not say (it is still empty). */
  readonly execution_id: string | null;
  readonly files: number;
  /** Bytes to read, packed. */
  readonly bytes: number;
}

/** A month that was loaded. */
export interface LoadedMonth {
  readonly billing_month: BillingMonth;
  readonly execution_id: string;
  /** Whether rows of an earlier load were replaced. */
  readonly action: "new" | "restated";
  /** What the month is as a bill. */
  readonly state: Finality;
  readonly rows: number;
  readonly files: number;
  readonly bytes: number;
  readonly cost: CurrencySums;
  readonly seconds: number;
  readonly rounded_values: number;
  /** Sentences: columns added, columns missing. */
  readonly schema_changes: readonly string[];
  /** What was loaded before, or null. */
  readonly previous: {
    readonly execution_id: string;
    readonly rows: number;
    readonly cost: CurrencySums | null;
    /** Whether rows and costs are the same now, in all and by service, account and charge type, as far as both tell. */
    readonly same_figures: boolean;
  } | null;
}

/** A month that was left as it is, and why. */
export interface KeptMonth {
  readonly billing_month: BillingMonth;
  readonly execution_id: string | null;
  readonly reason: string;
}

/** A month that failed. */
export interface FailedMonth extends ToldError {
  readonly billing_month: BillingMonth;
}

/** How a run ended for one pipeline. */
export interface PipelineResult {
  readonly name: string;
  /** `dataset.table_name`. */
  readonly table: string;
  readonly loaded: readonly LoadedMonth[];
  readonly unchanged: readonly KeptMonth[];
  readonly waiting: readonly KeptMonth[];
  readonly refused: readonly KeptMonth[];
  readonly failed: readonly FailedMonth[];
  /** Present when the pipeline itself failed. */
  readonly error?: ToldError;
}

/** The answer of `plan`. */
export interface PlanResult {
  readonly pipelines: readonly PlannedPipeline[];
}

/** The plan of one pipeline. */
export interface PlannedPipeline {
  readonly name: string;
  readonly table: string;
  readonly months: readonly PlannedMonth[];
  /** Months whose manifest cannot be used. */
  readonly failed: readonly FailedMonth[];
  /** Sentences on what a person should know of this export beside the others. */
  readonly notes: readonly string[];
  /** Only where the warehouse bills for bytes: about what loading these months bills. */
  readonly billed_bytes?: number;
  readonly error?: ToldError;
}

/** The answer of `status`. */
export interface StatusResult {
  readonly pipelines: readonly PipelineStatus[];
}

/** What is loaded in one table. */
export interface PipelineStatus {
  readonly name: string;
  readonly table: string;
  /** Newest first: every month that is loaded, missing or held back. */
  readonly months: readonly MonthStatus[];
  /** Months between the first and the last loaded one that are not loaded. */
  readonly missing_months: readonly BillingMonth[];
  /** When the newest of its deliveries was loaded; null when nothing is loaded. */
  readonly newest_load: string | null;
  /** Only where an age was asked for: whether the newest load is older, or nothing is loaded. */
  readonly stale?: boolean;
  /** Earlier loads that are kept beside the table; null when there are none. */
  readonly kept: KeptCopies | null;
  /** Sentences on what is worth knowing of the table: amounts that are floats. */
  readonly notes: readonly string[];
}

/** What `keep_previous` keeps of a table. */
export interface KeptCopies {
  /** Loads of all months. */
  readonly loads: number;
  readonly rows: number;
  readonly bytes: number;
}

/**
 * What a month is: the finality of what is loaded; `waiting` or `refused` when a newer delivery is not taken; `missing`
 * when months around it are loaded; `forgotten` when its rows are there and the state was told to forget it.
 */
export type MonthState = Finality | "waiting" | "refused" | "missing" | "forgotten";

/** One month. */
export interface MonthStatus {
  readonly billing_month: BillingMonth;
  readonly state: MonthState;
  /** What the loaded rows are as a bill; null when nothing of the month is loaded. */
  readonly finality: Finality | null;
  /** Null when nothing of the month is loaded. */
  readonly execution_id: string | null;
  /** Null where nothing is loaded, or only the Python pipelines' state knows the month. */
  readonly rows: number | null;
  readonly cost: CurrencySums | null;
  readonly loaded_at: string | null;
  /** Why a newer delivery is not taken; null where there is none. */
  readonly reason: string | null;
}

/** The answer of `diff`. */
export interface DiffResult {
  readonly name: string;
  readonly table: string;
  readonly billing_month: BillingMonth;
  readonly before: ComparedLoad;
  readonly after: ComparedLoad;
  /** What changed, the largest difference first; empty also where the load before has no summary. */
  readonly lines: readonly ChangedLine[];
  /** What the month came to by service, account and charge type, where that changed; as `lines`. */
  readonly services: readonly ChangedGroup[];
  readonly accounts: readonly ChangedGroup[];
  readonly charge_types: readonly ChangedGroup[];
  readonly notes: readonly string[];
}

/** What all lines with one service, account or charge type come to in one currency, before and after. */
export interface ChangedGroup extends Omit<ChangedLine, "service" | "account" | "charge_type"> {
  readonly value: string | null;
}

/** One of two loads that are compared. */
export interface ComparedLoad {
  readonly execution_id: string;
  readonly loaded_at: string;
  readonly rows: number;
  /** As the table holds it; null where the receipt does not tell. */
  readonly cost: CurrencySums | null;
}

/** Rows and costs that share service, account, charge type and currency, before and after. */
export interface ChangedLine {
  readonly service: string | null;
  readonly account: string | null;
  readonly charge_type: string | null;
  readonly currency: string;
  readonly rows_before: number;
  readonly rows_after: number;
  readonly cost_before: string;
  readonly cost_after: string;
  /** `cost_after` less `cost_before`. */
  readonly difference: string;
}

/** The answer of `undo`. */
export interface UndoResult {
  readonly name: string;
  readonly table: string;
  readonly billing_month: BillingMonth;
  /** The load that was undone. */
  readonly undone: ComparedLoad;
  /** The load whose rows are back, with the figures that were proved again. */
  readonly restored: ComparedLoad;
  /** Where the rows came from: the files of the delivery, or what the warehouse had kept or remembers. */
  readonly from: "storage" | "warehouse";
  /** Sentences: why the files of the delivery were not looked at. */
  readonly notes: readonly string[];
  readonly state: Finality;
  readonly seconds: number;
}

/** The answer of `verify`. */
export interface VerifyResult {
  /** Whether every check is well. */
  readonly ok: boolean;
  readonly checks: readonly Check[];
}

/** One thing that was held against another. */
export interface Check {
  /** What: `rows`, `cost`, `files`. */
  readonly name: string;
  /** The section's name. */
  readonly pipeline: string;
  /** Null for what concerns the whole table. */
  readonly billing_month: BillingMonth | null;
  readonly ok: boolean;
  /** What should be; decimals with their currency, as text. */
  readonly expected: string;
  /** What is. */
  readonly actual: string;
}
