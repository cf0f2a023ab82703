import type { Config, PipelineConfig } from "../config/config.ts";
import { BillhouseError, describeError, interrupted } from "../errors.ts";
import { summaryPackage } from "../state/package.ts";
import { openWarehouse } from "../warehouses/index.ts";
import { version } from "../version.ts";
import type { Holder, Warehouse } from "../warehouses/warehouse.ts";
import type { FailedMonth, KeptMonth, LoadedMonth, PipelineResult, RunEvent } from "./events.ts";
import { loadMonths } from "./load/load.ts";
import { describePlan, type MonthPlan } from "./months/decide.ts";
import { checkMonths, selectPipelines, tableTitle, type MonthSelection } from "./months/select.ts";
import { survey } from "./months/survey.ts";
import { waivableChecks } from "./load/proof.ts";

/** What a run or a plan is about. */
export interface RunOptions {
  /** Sections, clouds, or `all`; none means all. */
  readonly pipelines?: readonly string[];
  readonly months?: MonthSelection;
  /** Loads unchanged, not yet overwritten and refused deliveries too. */
  readonly force?: boolean;
  /** Checks to waive: `row-count`, `scope`. */
  readonly accept?: readonly string[];
  /** How many files are read, or wait for the warehouse, at the same time (default 2); with BigQuery, months too (8). */
  readonly jobs?: number;
  /** Stops the run: the month at work is rolled back, and the run throws INTERRUPTED. */
  readonly signal?: AbortSignal;
  /** What others are told who find the warehouse locked while this runs. */
  readonly holder?: Holder;
}

/**
 * How many files are read ahead when nobody says: one for the warehouse and one that is being read. Unpacking and summing
 * fill one core, so more of them at once would only make the first one come later.
 */
export const defaultJobs = 2;

/** How many months are loaded at once by a warehouse that does the work elsewhere. */
export const defaultParallelJobs = 8;

/**
 * Brings every month in scope up to date, and tells what happens as events; the last one is `run_finished`. A failed
 * month keeps its old rows and a failed pipeline is told, and the others go on.
 * Errors: CONFIG_INVALID, USAGE_INVALID, INTERRUPTED, and those of opening the warehouse.
 */
export async function* run(config: Config, options: RunOptions = {}): AsyncGenerator<RunEvent, void, void> {
  const waiting: RunEvent[] = [];
  let wake = (): void => {};
  let finished = false;
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal]);
  const work = execute(config, { ...options, signal }, (event) => {
    waiting.push(event);
    wake();
  }).finally(() => {
    finished = true;
    wake();
  });
  // Its error is thrown below, when the events before it are told.
  work.catch(() => {});
  try {
    for (;;) {
      const event = waiting.shift();
      if (event !== undefined) yield event;
      else if (finished) break;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
    await work;
  } finally {
    // When the reader of the events stops early, the month at work is rolled back before we return.
    stop.abort();
    await work.catch(() => {});
  }
}

type Emit = (event: RunEvent) => void;

async function execute(config: Config, options: RunOptions & { signal: AbortSignal }, emit: Emit): Promise<void> {
  const started = performance.now();
  const pipelines = selectPipelines(config, options.pipelines);
  checkMonths(options.months ?? {});
  for (const check of options.accept ?? []) {
    if (waivableChecks.some((known) => known === check)) continue;
    throw new BillhouseError("USAGE_INVALID", `There is no check named ${check} that can be waived.`, {
      hint: `--accept takes: ${waivableChecks.join(", ")}.`,
    });
  }
  const warehouse = await openWarehouse(config.warehouse, "write", options.holder);
  // A statement over millions of rows is interrupted too, not only what comes after it.
  const stop = (): void => void warehouse.close();
  options.signal.addEventListener("abort", stop);
  try {
    // It may have been aborted while the warehouse was waited for.
    options.signal.throwIfAborted();
    emit({
      event: "run_started",
      time: new Date().toISOString(),
      version,
      warehouse: warehouse.description,
      pipelines: pipelines.map((pipeline) => ({ name: pipeline.name, table: tableTitle(pipeline) })),
    });
    const results: PipelineResult[] = [];
    let newestLoad = 0;
    for (const pipeline of pipelines) {
      const found = await runPipeline(pipeline, warehouse, options, emit, (moment) => {
        newestLoad = Math.max(newestLoad, moment);
      });
      results.push(found);
    }
    // Also when nothing was new: the run before may have been killed between its last commit and this. What this one
    // has loaded is published whatever clocks say, which can be set back.
    const loads = results.some(({ loaded }) => loaded.length > 0);
    await warehouse.publish(loads ? undefined : new Date(newestLoad));
    const seconds = Math.round(performance.now() - started) / 1000;
    emit({ event: "run_finished", time: new Date().toISOString(), seconds, pipelines: results });
  } catch (error) {
    throw options.signal.aborted
      ? interrupted("The run was stopped. The month in progress was not changed.", {
          hint: "Run again: finished months are kept, and the others are loaded then.",
          cause: error,
        })
      : error;
  } finally {
    options.signal.removeEventListener("abort", stop);
    await warehouse.close();
  }
}

async function runPipeline(
  pipeline: PipelineConfig,
  warehouse: Warehouse,
  options: RunOptions & { signal: AbortSignal },
  emit: Emit,
  loadedAt: (moment: number) => void,
): Promise<PipelineResult> {
  const { name } = pipeline;
  const table = tableTitle(pipeline);
  const loaded: LoadedMonth[] = [];
  const failed: FailedMonth[] = [];
  let plans: readonly MonthPlan[] = [];
  const fail = (month: FailedMonth): void => {
    failed.push(month);
    emit({ event: "month_failed", name, ...month });
  };
  const kept = (action: MonthPlan["action"]): KeptMonth[] =>
    plans
      .filter((plan) => plan.action === action)
      .map(({ billingMonth, execution, reason }) => ({
        billing_month: billingMonth,
        execution_id: execution?.id ?? null,
        reason,
      }));
  const result = (): PipelineResult => ({
    name,
    table,
    loaded,
    unchanged: kept("unchanged"),
    waiting: kept("waiting"),
    refused: kept("refused"),
    failed,
  });
  try {
    const jobs = options.jobs ?? (warehouse.loadsInParallel ? defaultParallelJobs : defaultJobs);
    const found = await survey(pipeline, warehouse, options);
    plans = found.plans;
    for (const receipt of found.ledger.receipts) loadedAt(Date.parse(receipt.loadedAt));
    const { format, exportName, months, storage } = found.discovery;
    emit({
      event: "export_found",
      name,
      table,
      kind: format.kind,
      export_name: exportName,
      url: storage.url,
      months: months.size,
    });
    for (const plan of plans) emit({ event: "month_planned", name, ...describePlan(plan) });
    found.failed.forEach(fail);
    await loadMonths(
      found,
      warehouse,
      { jobs, accept: options.accept ?? [], signal: options.signal, version },
      {
        fileRead: (file) => emit({ event: "file_read", name, ...file }),
        loaded: (month) => {
          loaded.push(month);
          emit({ event: "month_loaded", name, ...month });
        },
        failed: fail,
      },
    );
    // As the Python pipelines did: a run that failed leaves no summary.
    if (failed.length === 0) {
      const counts = {
        totalRows: loaded.reduce((sum, { rows }) => sum + rows, 0),
        manifestsProcessed: loaded.length,
        manifestsSkipped: plans.length - loaded.length,
      };
      await warehouse.append(found.table, (current) => summaryPackage(current, found.table, counts, new Date()));
    }
    return result();
  } catch (error) {
    if (options.signal.aborted) throw error;
    const told = describeError(error);
    // What is not a BillhouseError is a bug, and keeps its stack.
    if (!(error instanceof BillhouseError)) throw error;
    emit({ event: "pipeline_failed", name, ...told });
    return { ...result(), error: told };
  }
}
