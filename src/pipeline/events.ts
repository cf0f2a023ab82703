import { inspect } from "node:util";
import { describeError } from "../errors.ts";
import type { BillingMonth, CurrencySums, DaySpan, FinalBasis, Finality } from "../model.ts";
import { maskSecrets } from "../secrets.ts";

/**
 * The progress of a run. Terminal, `--json` and web page read the same events; the engine itself never prints.
 * Counts and bytes are numbers, decimals are text without exponent, months `YYYY-MM`, times ISO 8601 UTC.
 */
export type RunEvent =
  | RunStarted
  | ExportFound
  | MonthPlanned
  | FileRead
  | MonthProgress
  | MonthLoaded
  | MonthFailed
  | PipelineFailed
  | Publishing
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
  readonly exportName: string;
  readonly url: string;
  readonly months: number;
}

/** The action of a run for a month: see {@link PlannedMonth}. */
export type Action = LoadAction | "unchanged" | "waiting" | "refused";

/** The action for a month that is loaded; `reloaded` is forced, with the same bytes. */
export type LoadAction = "new" | "restated" | "reloaded";

/** Whether a month with this action is loaded. */
export function isLoadAction(action: Action): action is LoadAction {
  return action === "new" || action === "restated" || action === "reloaded";
}

/** One month of one pipeline was planned. A month can appear twice: once `refused` for a newer delivery, once for the loaded one. */
export interface MonthPlanned extends PlannedMonth {
  readonly event: "month_planned";
  readonly name: string;
}

/** A data file was read and checked, by billhouse or by the warehouse itself. */
export interface FileRead {
  readonly event: "file_read";
  readonly name: string;
  readonly billingMonth: BillingMonth;
  readonly key: string;
  /** Rows of the file; null if the warehouse counted it only together with other files. */
  readonly rows: number | null;
  /** Bytes as delivered, compressed. */
  readonly bytes: number;
}

/** What is done with a month that is being loaded. Files are read ahead, so a month can be inserted while others are read. */
export type LoadPhase = "reading" | "inserting" | "checking" | "committing";

/**
 * How far the load of a month is: at each change of its phase, and otherwise at most four times a second. Only in a run with
 * `progress`.
 */
export interface MonthProgress {
  readonly event: "month_progress";
  readonly name: string;
  readonly billingMonth: BillingMonth;
  readonly phase: LoadPhase;
  /** Bytes that were read, as delivered. A file that the warehouse reads itself counts once it is loaded. */
  readonly bytesRead: number;
  /** Bytes, as delivered, of the files whose rows are in the warehouse, but not committed. */
  readonly bytesInserted: number;
  /** The load jobs of a warehouse that loads files by jobs; null for another, or before the first one started. */
  readonly jobs: { readonly done: number; readonly total: number } | null;
  /** The part of the work that is done, from 0 to 1, by measured weights; it never decreases. 1 is the event `month_loaded`. */
  readonly share: number;
}

/** All months are done; what was loaded becomes visible to readers. Only in a run with `progress`. */
export interface Publishing {
  readonly event: "publishing";
}

/** A month was replaced and committed. */
export interface MonthLoaded extends LoadedMonth {
  readonly event: "month_loaded";
  readonly name: string;
}

/** A month was not replaced; it keeps its previous rows. */
export interface MonthFailed extends FailedMonth {
  readonly event: "month_failed";
  readonly name: string;
}

/** A whole pipeline could not be planned or finished (storage denied, no export found); the others continue. */
export interface PipelineFailed extends ReportedError {
  readonly event: "pipeline_failed";
  readonly name: string;
}

/** The last event of every run. */
export interface RunFinished {
  readonly event: "run_finished";
  readonly time: string;
  readonly seconds: number;
  readonly pipelines: readonly PipelineResult[];
  /** What could not be done besides loading, such as a view whose name is taken. The exit code does not depend on it. */
  readonly warnings: readonly ReportedError[];
}

/** The events that describe how far the load of one month is. */
export type LoadEvent = MonthPlanned | FileRead | MonthProgress | Publishing;

/** An error as data. */
export interface ReportedError {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  /** Only in a run with `debug`: the error with its stack and its causes, secrets masked. */
  readonly stack?: string;
}

/** Days from the first to the last, both included, each `YYYY-MM-DD`. */
export interface Days {
  readonly from: string;
  readonly to: string;
}

/** A span of days in JSON. */
export function fromTo({ start, end }: DaySpan): Days {
  return { from: start, to: end };
}

/** A delivery that is not part of its month, and the reason as a sentence. */
export interface PassedOverDelivery {
  readonly executionId: string;
  readonly reason: string;
}

/** A month of the plan. */
export interface PlannedMonth {
  readonly billingMonth: BillingMonth;
  readonly action: Action;
  readonly reason: string;
  /** The newest of `execution_ids`; null if the manifest is still empty. */
  readonly executionId: string | null;
  /** The deliveries that make up the month, oldest first. */
  readonly executionIds: readonly string[];
  /** Expected days that are not covered, in order. */
  readonly missingDays: readonly Days[];
  /** Days that the cloud may still add to: their delivery was submitted less than 72 hours after they ended. */
  readonly unsettledDays: readonly Days[];
  /** Deliveries of the month that are not part of it, newest first. */
  readonly passedOver: readonly PassedOverDelivery[];
  readonly files: number;
  /** Bytes to read, compressed. */
  readonly bytes: number;
}

/** A month that was loaded. */
export interface LoadedMonth {
  readonly billingMonth: BillingMonth;
  /** The newest of `execution_ids`. */
  readonly executionId: string;
  /** The deliveries that were loaded together, oldest first. */
  readonly executionIds: readonly string[];
  /** Expected days that are not covered, in order. */
  readonly missingDays: readonly Days[];
  /** Days that the cloud may still add to: their delivery was submitted less than 72 hours after they ended. */
  readonly unsettledDays: readonly Days[];
  /** Whether the missing days were accepted. */
  readonly accepted: boolean;
  /** Whether rows of an earlier load were replaced. */
  readonly action: LoadAction;
  /** Whether loaded values change; false if days are only added or the month is not over. */
  readonly isRestatement: boolean;
  /** The state of the month's bill. */
  readonly state: Finality;
  /** The basis of `final`; null in any other state. */
  readonly finalBasis: FinalBasis | null;
  /** Whether only support, tax, credits or corrections have changed since the month was final. */
  readonly lateCharges: boolean;
  /** The last usage day; null if unknown. */
  readonly dataUntil: string | null;
  /** Whether the month is over, not invoiced, and `data_until` is more than two days before its end. */
  readonly dataEndsEarly: boolean;
  readonly rows: number;
  readonly files: number;
  readonly bytes: number;
  readonly cost: CurrencySums;
  readonly seconds: number;
  readonly roundedValues: number;
  /** Sentences: columns added, columns missing. */
  readonly schemaChanges: readonly string[];
  /** What was left out of the load, or is missing in the delivery: `1 row without a billing period`, `no cost proved`. */
  readonly notes: readonly string[];
  /** The previous load, or null. */
  readonly previous: {
    readonly executionId: string;
    readonly rows: number;
    readonly cost: CurrencySums | null;
    /** Whether rows and costs are unchanged, in total and by service, account and charge type, as far as both are known. */
    readonly sameFigures: boolean;
  } | null;
}

/** A month that was not changed, and why. */
export interface KeptMonth {
  readonly billingMonth: BillingMonth;
  readonly executionId: string | null;
  readonly reason: string;
  readonly missingDays: readonly Days[];
}

/** A month whose missing days were accepted. */
export interface AcceptedGap {
  readonly billingMonth: BillingMonth;
  /** Empty if the month does not have a gap, so that nothing was recorded. */
  readonly missingDays: readonly Days[];
}

/** A month that failed. */
export interface FailedMonth extends ReportedError {
  readonly billingMonth: BillingMonth;
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
  /** Unchanged months whose missing days this run accepted. */
  readonly acceptedGaps: readonly AcceptedGap[];
  /** Why months that were asked for by name are in none of these lists, as sentences. */
  readonly notes: readonly string[];
  /** Present when the pipeline itself failed. */
  readonly error?: ReportedError;
}

/** A failure inside a month as data. */
export function failedMonth(billingMonth: BillingMonth, error: unknown, debug = false): FailedMonth {
  return { billingMonth, ...reportedError(error, debug) };
}

/** An error as data, with its stack for `debug`. */
export function reportedError(error: unknown, debug: boolean): ReportedError {
  return { ...describeError(error), ...(debug ? { stack: maskSecrets(inspect(error)) } : {}) };
}
