import pMap from "p-map";
import type { Config, PipelineConfig } from "../config.ts";
import { BillhouseError, describeError } from "../errors.ts";
import type { BillingMonth, Table } from "../model.ts";
import { monthsOf } from "../schema/periods.ts";
import { idColumnOf, loadedExecutions } from "../state/executions.ts";
import { forgetPackage } from "../state/package.ts";
import { openWarehouse } from "../warehouses/index.ts";
import type { QueryRow, Warehouse } from "../warehouses/warehouse.ts";
import type { MonthStatus, PipelineStatus, PlannedPipeline, PlanResult, StatusResult } from "./events.ts";
import { floatNotes } from "./exactness.ts";
import { describePlan } from "./plan.ts";
import type { RunOptions } from "./run.ts";
import { doubleCounting, scopeOf, type ScopedExport } from "./scopes.ts";
import { checkScope, selectPipelines, tableOf, tableTitle } from "./select.ts";
import { loadedMonths, smallReads, survey, type Survey } from "./survey.ts";
import { unpackedBytes } from "./unpacked.ts";

/**
 * What a run with the same options would do, month by month, and why. Nothing is written, and no database is made.
 * A pipeline that cannot be planned has an `error`, and the others are planned.
 * Errors: CONFIG_INVALID, USAGE_INVALID, and those of opening the warehouse.
 */
export async function plan(config: Config, options: RunOptions = {}): Promise<PlanResult> {
  const pipelines = selectPipelines(config, options.pipelines);
  checkScope(options.months ?? {});
  return reading(config, async (warehouse) => {
    const planned: { readonly result: PlannedPipeline; readonly scoped: ScopedExport }[] = [];
    for (const pipeline of pipelines) planned.push(await planPipeline(pipeline, warehouse, options));
    const notes = doubleCounting(planned.map(({ scoped }) => scoped));
    const results = planned.map(({ result }) => ({
      ...result,
      notes: [...result.notes, ...[notes.get(result.name) ?? []].flat()],
    }));
    return { pipelines: results };
  });
}

/**
 * What is loaded, by the warehouse's own state and receipts; no storage is looked at.
 * Errors: CONFIG_INVALID, USAGE_INVALID, STATE_INVALID, and those of opening the warehouse.
 */
export async function status(config: Config, options: Pick<RunOptions, "pipelines"> = {}): Promise<StatusResult> {
  const pipelines = selectPipelines(config, options.pipelines);
  return reading(config, async (warehouse) => {
    const found: { readonly result: PipelineStatus; readonly scoped: ScopedExport }[] = [];
    for (const pipeline of pipelines) found.push(await pipelineStatus(pipeline, warehouse));
    const doubled = doubleCounting(found.map(({ scoped }) => scoped));
    const results = found.map(({ result }) => ({
      ...result,
      notes: [...result.notes, ...[doubled.get(result.name) ?? []].flat()],
    }));
    return { pipelines: results };
  });
}

/** The answer of `state show`: what dlt's state says, without receipts. */
export interface StateResult {
  readonly pipelines: readonly {
    readonly name: string;
    readonly table: string;
    /** dlt's name of the pipeline. */
    readonly pipeline_name: string;
    readonly months: readonly {
      readonly billing_month: BillingMonth;
      readonly execution_id: string;
      readonly loaded_at: string | null;
      readonly submitted_time: string | null;
    }[];
  }[];
}

/**
 * The state itself, as the warehouse holds it.
 * Errors: CONFIG_INVALID, USAGE_INVALID, STATE_INVALID, and those of opening the warehouse.
 */
export async function showState(config: Config, options: Pick<RunOptions, "pipelines"> = {}): Promise<StateResult> {
  const pipelines = selectPipelines(config, options.pipelines);
  return reading(config, async (warehouse) => {
    const results: StateResult["pipelines"][number][] = [];
    for (const pipeline of pipelines) {
      const table = tableOf(pipeline);
      const { state } = await warehouse.ledger(table);
      const months = [...loadedExecutions(state, table)].map(([month, entry]) => ({
        billing_month: month,
        execution_id: entry.executionId,
        loaded_at: entry.loadedAt,
        submitted_time: entry.submittedTime,
      }));
      results.push({
        name: pipeline.name,
        table: tableTitle(pipeline),
        pipeline_name: table.pipelineName,
        months: newestFirst(months),
      });
    }
    return { pipelines: results };
  });
}

/** The answer of `state forget`. */
export interface ForgetResult {
  readonly pipelines: readonly {
    readonly name: string;
    readonly table: string;
    readonly forgotten: readonly BillingMonth[];
  }[];
}

/**
 * Forgets which execution months were loaded from, so that the next run loads them again; their rows and receipts stay
 * until then. `name` is one export or a word for several; either months or `all` must be said.
 * Errors: USAGE_INVALID, STATE_INVALID, and those of opening the warehouse.
 */
export async function forget(
  config: Config,
  name: string,
  options: { readonly months?: readonly BillingMonth[]; readonly all?: boolean } & Pick<RunOptions, "holder">,
): Promise<ForgetResult> {
  const pipelines = selectPipelines(config, [name]);
  const wanted = options.months ?? [];
  if ((wanted.length === 0) !== (options.all ?? false)) {
    throw new BillhouseError("USAGE_INVALID", "Either months or --all must be named, and not both.", {
      hint: "For example: billhouse state forget aws_cur 2025-03, or billhouse state forget aws_cur --all.",
    });
  }
  const warehouse = await openWarehouse(config.warehouse, "write", options.holder);
  try {
    const results: ForgetResult["pipelines"][number][] = [];
    for (const pipeline of pipelines) {
      const guessed = tableOf(pipeline);
      const { state } = await warehouse.ledger(guessed);
      const table = { ...guessed, idColumn: idColumnOf(state, guessed) };
      const known = [...loadedExecutions(state, table).keys()];
      const unknown = wanted.find((month) => !known.includes(month));
      if (unknown !== undefined) {
        throw new BillhouseError("USAGE_INVALID", `The state of ${pipeline.name} does not know the month ${unknown}.`, {
          hint: known.length === 0 ? "Nothing is loaded yet." : `It knows: ${known.toSorted().join(", ")}.`,
        });
      }
      const forgotten = (options.all ? known : [...new Set(wanted)]).toSorted();
      if (forgotten.length > 0) {
        await warehouse.append(table, (current) => forgetPackage(current, table, forgotten, new Date()));
      }
      results.push({ name: pipeline.name, table: tableTitle(pipeline), forgotten });
    }
    await warehouse.publish();
    return { pipelines: results };
  } finally {
    await warehouse.close();
  }
}

/**
 * Runs one statement that only reads, on what readers see, and streams its rows.
 * Errors: QUERY_INVALID, WAREHOUSE_NOT_FOUND when nothing was loaded yet.
 */
export async function* query(config: Config, sql: string): AsyncGenerator<QueryRow, void, void> {
  const warehouse = await openWarehouse(config.warehouse, "reader");
  try {
    yield* warehouse.query(sql);
  } finally {
    await warehouse.close();
  }
}

async function reading<T>(config: Config, use: (warehouse: Warehouse) => Promise<T>): Promise<T> {
  const warehouse = await openWarehouse(config.warehouse, "read");
  try {
    return await use(warehouse);
  } finally {
    await warehouse.close();
  }
}

async function planPipeline(
  pipeline: PipelineConfig,
  warehouse: Warehouse,
  options: RunOptions,
): Promise<{ readonly result: PlannedPipeline; readonly scoped: ScopedExport }> {
  const { name } = pipeline;
  const table = tableTitle(pipeline);
  try {
    const found = await survey(pipeline, warehouse, options);
    const planned = {
      name,
      table,
      months: found.plans.map(describePlan),
      failed: found.failed,
      notes: found.ledger.notes,
    };
    const billed = warehouse.billsBytes ? { billed_bytes: await billedBytes(found) } : {};
    const scope = found.plans.find(({ execution }) => execution !== null)?.execution?.scope ?? null;
    return { result: { ...planned, ...billed }, scoped: { name, cloud: found.discovery.format.cloud, scope } };
  } catch (error) {
    if (!(error instanceof BillhouseError)) throw error;
    const result = { name, table, months: [], failed: [], notes: [], error: describeError(error) };
    return { result, scoped: { name, cloud: "", scope: null } };
  }
}

/** What loading the planned months bills: their rows are read once more, from where they were staged. */
async function billedBytes({ plans, discovery }: Survey): Promise<number> {
  const files = plans
    .filter(({ action }) => action === "new" || action === "restated")
    .flatMap(({ execution }) => execution?.files ?? []);
  const sizes = await pMap(files, (file) => unpackedBytes(discovery.storage, file), { concurrency: smallReads });
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function pipelineStatus(
  pipeline: PipelineConfig,
  warehouse: Warehouse,
): Promise<{ readonly result: PipelineStatus; readonly scoped: ScopedExport }> {
  const table: Table = tableOf(pipeline);
  const ledger = await warehouse.ledger(table);
  const entries = loadedExecutions(ledger.state, table);
  const months = [...loadedMonths(ledger, table)].map(([billingMonth, { ids, receipt }]): MonthStatus => ({
    billing_month: billingMonth,
    state: "loaded",
    execution_id: ids.at(-1) ?? "",
    rows: receipt?.rows ?? null,
    cost: receipt?.cost ?? null,
    loaded_at: receipt?.loadedAt ?? entries.get(billingMonth)?.loadedAt ?? null,
  }));
  const result = {
    name: pipeline.name,
    table: tableTitle(pipeline),
    months: newestFirst(months),
    missing_months: gaps(months),
    notes: [...floatNotes(ledger.columns ?? []), ...ledger.notes],
  };
  // The scopes of clouds look different, so that none has to be named here.
  return { result, scoped: { name: pipeline.name, cloud: "", scope: scopeOf(ledger.receipts) } };
}

function newestFirst<T extends { readonly billing_month: BillingMonth }>(months: readonly T[]): T[] {
  return [...months].toSorted((one, other) => (one.billing_month < other.billing_month ? 1 : -1));
}

function gaps(months: readonly MonthStatus[]): BillingMonth[] {
  const loaded = months.map(({ billing_month }) => billing_month).toSorted();
  const [first, last] = [loaded.at(0), loaded.at(-1)];
  if (first === undefined || last === undefined) return [];
  return monthsOf({ start: `${first}-01`, end: `${last}-01` }).filter((month) => !loaded.includes(month));
}
