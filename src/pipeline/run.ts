import { availableParallelism } from "node:os";
import { EventEmitter, on } from "node:events";
import {
  checkArguments,
  count,
  date,
  flag,
  holder,
  listOf,
  names,
  objectOf,
  optional,
  type Shape,
  signal as anySignal,
  text,
} from "../config/arguments.ts";
import type { Config, PipelineConfig } from "../config/config.ts";
import type { Acceptance, BillingMonth, Receipt } from "../model.ts";
import { receiptPackage, summaryPackage } from "../state/package.ts";
import { version } from "../version.ts";
import type { Holder, Warehouse } from "../warehouses/warehouse.ts";
import {
  type AcceptedGap,
  failedMonth,
  fromTo,
  isLoadAction,
  type FailedMonth,
  type KeptMonth,
  type LoadedMonth,
  type PipelineResult,
  type RunEvent,
  reportedError,
} from "./events.ts";
import type { Discovery } from "./discover/discover.ts";
import { checkAccepted } from "./months/accept.ts";
import { describePlan, type MonthPlan } from "./months/decide.ts";
import { finalityNow } from "./months/finality.ts";
import type { LoadedTable } from "./months/loaded.ts";
import { monthRules, selectPipelines, tableOf, tableTitle } from "./months/select.ts";
import { checkMonths, type MonthSelection } from "../schema/periods.ts";
import { discoverExport, survey } from "./months/survey.ts";
import { withWarehouse } from "./open.ts";
import { viewDiffers } from "./views/flag.ts";
import { refreshViews } from "./views/refresh.ts";

/** The options of a run. */
export interface RunOptions {
  /** Sections, clouds, or `all`; none means all. */
  readonly pipelines?: readonly string[];
  readonly months?: MonthSelection;
  /** Loads unchanged, waiting and refused deliveries too. */
  readonly force?: boolean;
  /** Checks to waive: `row-count`, `scope`, `other-months`, `second-copy`; `shrink` and `gap` only with the months in `months.only`. */
  readonly accept?: readonly string[];
  /** Who accepts the waived checks, and why: recorded in the receipt of a month with a gap. By default `the library`. */
  readonly acceptedBy?: { readonly who: string; readonly why?: string };
  /** How many files are read, or wait for the warehouse, at the same time (default one per core, from 2 to 4); with BigQuery, months too (8). */
  readonly jobs?: number;
  /** The time for the rules on complete deliveries; by default that of the call. */
  readonly now?: Date;
  /** Stops the run: the current month is rolled back, and the run throws INTERRUPTED. */
  readonly signal?: AbortSignal;
  /** The process shown to others that find the warehouse locked while this runs. */
  readonly holder?: Holder;
  /** Adds the stack to each failure. */
  readonly debug?: boolean;
  /** Also yields `month_progress` and `publishing`: how far the months are that are being loaded. */
  readonly progress?: boolean;
}

/** How many files are read at the same time by default: each fills one core, and takes about 30 MB. */
const defaultJobs = Math.min(Math.max(availableParallelism(), 2), 4);

/** How many months are loaded at once by a warehouse that does the work remotely. */
const defaultParallelJobs = 8;

/**
 * Loads every new or restated month in scope and yields progress events; the last one is `run_finished`. A failed month
 * keeps its previous rows, a failed pipeline is reported, and the others continue.
 * Errors: CONFIG_INVALID, USAGE_INVALID, INTERRUPTED, and those of opening the warehouse.
 */
export async function* run(config: Config, options: RunOptions = {}): AsyncGenerator<RunEvent, void, void> {
  checkArguments(config, options, runRules);
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal]);
  const emitter = new EventEmitter<{ event: [RunEvent]; done: [] }>();
  const events = on(emitter, "event", { close: ["done"] });
  const work = execute(config, { ...options, signal }, (event) => emitter.emit("event", event)).finally(() =>
    emitter.emit("done"),
  );
  // Its error is thrown below, after the events before it.
  work.catch(() => {});
  try {
    for await (const [event] of events) yield event as RunEvent;
    await work;
  } finally {
    // If the reader of the events stops early, the current month is rolled back before the return.
    stop.abort();
    await work.catch(() => {});
  }
}

const runRules: Shape<RunOptions> = {
  pipelines: names,
  months: monthRules,
  force: optional(flag),
  accept: optional(listOf(text)),
  acceptedBy: optional(objectOf({ who: text, why: optional(text) })),
  jobs: optional(count),
  now: optional(date),
  signal: optional(anySignal),
  holder,
  debug: optional(flag),
  progress: optional(flag),
};

type Emit = (event: RunEvent) => void;

async function execute(config: Config, options: RunOptions & { signal: AbortSignal }, emit: Emit): Promise<void> {
  const started = performance.now();
  const pipelines = await selectPipelines(config, options.pipelines);
  checkMonths(options.months ?? {});
  checkAccepted(options.accept ?? [], options.months ?? {});
  const runAll = async (warehouse: Warehouse): Promise<void> => {
    emit({
      event: "run_started",
      time: new Date().toISOString(),
      version,
      warehouse: warehouse.description,
      pipelines: pipelines.map((pipeline) => ({ name: pipeline.name, table: tableTitle(pipeline) })),
    });
    const results: Promise<PipelineResult>[] = [];
    let newestLoad = 0;
    const toCheck = new Map<string, readonly BillingMonth[]>();
    const discoverEarly = (pipeline: PipelineConfig | undefined): Promise<Discovery> | undefined => {
      // Where another run can load meanwhile, a listing from before the ledger could lack the delivery that it loads.
      if (pipeline === undefined || !warehouse.locksOutWriters) return undefined;
      const discovery = discoverExport(pipeline, options.signal);
      discovery.catch(() => undefined);
      return discovery;
    };
    let discovery: Promise<Discovery> | undefined;
    for (const [index, pipeline] of pipelines.entries()) {
      const differing: BillingMonth[] = [];
      discovery ??= discoverEarly(pipeline);
      // The next export is listed while this one is compared with its ledger: storages and warehouses answer slowly.
      const next = discoverEarly(pipelines[index + 1]);
      const { loaded, hadLoads, result } = await runPipeline(
        pipeline,
        warehouse,
        { ...options, discovery },
        emit,
        (receipt) => {
          newestLoad = Math.max(newestLoad, Date.parse(receipt.loadedAt));
          if (viewDiffers(receipt)) differing.push(receipt.billingMonth);
        },
      );
      // A load can take hours, in which files of the next export are replaced.
      discovery = hadLoads ? undefined : next;
      results.push(result);
      const months = loaded.map(({ billingMonth }) => billingMonth);
      toCheck.set(pipeline.name, [...new Set([...months, ...differing])].toSorted());
    }
    // Also if nothing was new: the previous run may have been killed between its last commit and publishing. The loads of
    // this run are published whatever the clock says, which can be set back.
    if (options.progress === true) emit({ event: "publishing" });
    const [{ warnings, isRecorded: isChecked }, ...finished] = await Promise.all([
      refreshViews(toCheck, config, warehouse, options),
      ...results,
    ]);
    const loads = isChecked || finished.some((found) => found.loaded.length > 0 || found.acceptedGaps.some(isRecorded));
    await warehouse.publish(loads ? undefined : new Date(newestLoad));
    const seconds = Math.round(performance.now() - started) / 1000;
    emit({ event: "run_finished", time: new Date().toISOString(), seconds, pipelines: finished, warnings });
  };
  await withWarehouse(config, "write", runAll, {
    ...options,
    interrupted: () => ({
      message: "The run was stopped. The month in progress was not changed.",
      hint: "Run again: finished months are kept, and the others are loaded then.",
    }),
  });
}

/** What a run did with one pipeline. */
interface PipelineRun {
  readonly loaded: readonly LoadedMonth[];
  /** Whether there were months to load, which can take hours, also where their loads failed. */
  readonly hadLoads: boolean;
  /** Waits for the summary, which may still be being written. */
  readonly result: Promise<PipelineResult>;
}

/** Loads the months of a pipeline. `discovery` is the result of `discoverExport`, if it has begun already. */
async function runPipeline(
  pipeline: PipelineConfig,
  warehouse: Warehouse,
  options: RunOptions & { signal: AbortSignal; discovery: Promise<Discovery> | undefined },
  emit: Emit,
  onReceipt: (receipt: Receipt) => void,
): Promise<PipelineRun> {
  const { name } = pipeline;
  const table = tableTitle(pipeline);
  const loaded: LoadedMonth[] = [];
  const failed: FailedMonth[] = [];
  const acceptedGaps: AcceptedGap[] = [];
  let plans: readonly MonthPlan[] = [];
  let notes: readonly string[] = [];
  const hadLoads = (): boolean => plans.some(({ action }) => isLoadAction(action));
  const fail = (billingMonth: BillingMonth, error: unknown): void => {
    const month = failedMonth(billingMonth, error, options.debug);
    failed.push(month);
    emit({ event: "month_failed", name, ...month });
  };
  const kept = (action: MonthPlan["action"]): KeptMonth[] =>
    plans
      .filter((plan) => plan.action === action)
      .map(({ billingMonth, ids, reason, missingDays }) => ({
        billingMonth,
        executionId: ids.at(-1) ?? null,
        reason,
        missingDays: missingDays.map(fromTo),
      }));
  const result = (): PipelineResult => ({
    name,
    table,
    loaded,
    unchanged: kept("unchanged"),
    waiting: kept("waiting"),
    refused: kept("refused"),
    failed,
    acceptedGaps,
    notes,
  });
  /** A bug in one export does not stop the others: their loads are published. */
  const failedResult = (error: unknown): PipelineResult => {
    if (options.signal.aborted) throw error;
    const failure = reportedError(error, options.debug ?? false);
    emit({ event: "pipeline_failed", name, ...failure });
    return { ...result(), error: failure };
  };
  try {
    const jobs = options.jobs ?? (warehouse.loadsInParallel ? defaultParallelJobs : defaultJobs);
    const ledger = await warehouse.ledger(tableOf(pipeline));
    const found = await survey(pipeline, ledger, warehouse.reads, options);
    ({ plans, notes } = found);
    for (const receipt of ledger.receipts) onReceipt(receipt);
    const { format, exportName, months, storage } = found.discovery;
    emit({
      event: "export_found",
      name,
      table,
      kind: format.kind,
      exportName,
      url: storage.url,
      months: months.size,
    });
    for (const plan of plans) emit({ event: "month_planned", name, ...describePlan(plan) });
    for (const [month, error] of found.failed) fail(month, error);
    const now = options.now ?? new Date();
    const { accept = [], acceptedBy = { who: "the library" }, force = false, signal } = options;
    const gap: Acceptance = { who: acceptedBy.who, when: now.toISOString(), why: acceptedBy.why ?? null };
    const acceptance = accept.includes("gap") ? gap : null;
    const context = { ...found, storage, warehouse, jobs, accept, acceptance, force, now, signal };
    if (hadLoads()) {
      // Most runs load nothing, and start faster without these files.
      const { loadMonths } = await import("./load/load.ts");
      await loadMonths(plans, context, {
        fileRead: (file) => emit({ event: "file_read", name, ...file }),
        progress:
          options.progress === true ? (progress) => emit({ event: "month_progress", name, ...progress }) : undefined,
        loaded: (month) => {
          loaded.push(month);
          emit({ event: "month_loaded", name, ...month });
        },
        failed: fail,
      });
    }
    for (const month of acceptance === null ? [] : (options.months?.only ?? [])) {
      const newest = loaded.find(({ billingMonth }) => billingMonth === month);
      if (newest === undefined) acceptedGaps.push(await acceptGap({ ...found, now }, month, gap, warehouse));
      // The receipt of its load records the accepted gap, if there is one.
      else if (newest.missingDays.length === 0) acceptedGaps.push({ billingMonth: month, missingDays: [] });
    }
    // As in the Python pipelines, a failed run does not write a summary.
    if (failed.length > 0) return { loaded, hadLoads: hadLoads(), result: Promise.resolve(result()) };
    const counts = {
      totalRows: loaded.reduce((sum, { rows }) => sum + rows, 0),
      manifestsProcessed: loaded.length,
      manifestsSkipped: plans.length - loaded.length,
    };
    const summary = warehouse.append(found.table, (current) =>
      summaryPackage(current, found.table, counts, new Date()),
    );
    const finished = summary.then(result, failedResult);
    // The next pipeline may fail before it is waited for.
    finished.catch(() => undefined);
    return { loaded, hadLoads: hadLoads(), result: finished };
  } catch (error) {
    return { loaded, hadLoads: hadLoads(), result: Promise.resolve(failedResult(error)) };
  }
}

/** Whether a gap was there and its acceptance is recorded. */
function isRecorded({ missingDays }: AcceptedGap): boolean {
  return missingDays.length > 0;
}

/**
 * Records in the receipt of a loaded month that its missing days are accepted; its rows are not changed. Without missing
 * days nothing is recorded.
 */
async function acceptGap(
  loaded: LoadedTable & { readonly now: Date },
  month: BillingMonth,
  gap: Acceptance,
  warehouse: Warehouse,
): Promise<AcceptedGap> {
  const receipt = loaded.months.get(month)?.receipt ?? null;
  const missingDays = receipt === null ? [] : finalityNow(receipt, loaded).missingDays;
  if (receipt !== null && missingDays.length > 0) {
    const accepted = { ...receipt, missingDays, accepted: { gap } };
    await warehouse.append(loaded.table, (current) => receiptPackage(current, loaded.table, accepted, new Date()));
  }
  return { billingMonth: month, missingDays: missingDays.map(fromTo) };
}
