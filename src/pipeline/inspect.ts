import pMap from "p-map";
import type { Config, PipelineConfig } from "../config/config.ts";
import { BillhouseError, describeError } from "../errors.ts";
import type { BillingMonth } from "../model.ts";
import { idColumnOf, loadedExecutions } from "../state/executions.ts";
import { forgetPackage } from "../state/package.ts";
import { openWarehouse } from "../warehouses/index.ts";
import { type QueryRow, requireCapability, type Warehouse } from "../warehouses/warehouse.ts";
import type { PlannedPipeline, PlanResult } from "./events.ts";
import { describePlan } from "./months/decide.ts";
import type { RunOptions } from "./run.ts";
import { doubleCounting, type ScopedExport } from "./months/scopes.ts";
import { checkMonths, selectPipelines, tableOf, tableTitle } from "./months/select.ts";
import { smallReads, survey, type Survey } from "./months/survey.ts";
import { unpackedBytes } from "../files/decompressed-size.ts";

/**
 * What a run with the same options would do, month by month, and why. Nothing is written, and no database is made.
 * A pipeline that cannot be planned has an `error`, and the others are planned.
 * Errors: CONFIG_INVALID, USAGE_INVALID, and those of opening the warehouse.
 */
export async function plan(config: Config, options: RunOptions = {}): Promise<PlanResult> {
  const pipelines = selectPipelines(config, options.pipelines);
  checkMonths(options.months ?? {});
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
    yield* requireCapability(warehouse, "query")(sql);
  } finally {
    await warehouse.close();
  }
}

/** Opens the warehouse to look at what is loaded, and closes it again. Errors: those of opening the warehouse. */
export async function reading<T>(config: Config, use: (warehouse: Warehouse) => Promise<T>): Promise<T> {
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

function newestFirst<T extends { readonly billing_month: BillingMonth }>(months: readonly T[]): T[] {
  return [...months].toSorted((one, other) => (one.billing_month < other.billing_month ? 1 : -1));
}
