import pMap from "p-map";
import { checkArguments, date, flag, listOf, names, optional, type Shape, signal, text } from "../config/arguments.ts";
import type { Config, PipelineConfig } from "../config/config.ts";
import { describeError } from "../errors.ts";
import { decompressedSize } from "../files/read.ts";
import { readerOf } from "../storages/storage.ts";
import type { Ledger, Warehouse } from "../warehouses/warehouse.ts";
import { doubleCounting, type ScopedExport } from "./discover/scopes.ts";
import { failedMonth, isLoadAction, type FailedMonth, type PlannedMonth, type ReportedError } from "./events.ts";
import { checkAccepted } from "./months/accept.ts";
import { describePlan } from "./months/decide.ts";
import { monthRules, selectPipelines, tableOf, tableTitle } from "./months/select.ts";
import { checkMonths, type MonthSelection } from "../schema/periods.ts";
import { smallReads, survey, type Survey } from "./months/survey.ts";
import { reading, type ReadSource } from "./open.ts";

/** The scope of a plan: see the same options of a run. */
export interface PlanOptions {
  /** Sections, clouds, or `all`; none means all. */
  readonly pipelines?: readonly string[];
  readonly months?: MonthSelection;
  /** Plans unchanged, waiting and refused deliveries too. */
  readonly force?: boolean;
  /** Checks that the run waives; `scope` and `second-copy` change the plan. */
  readonly accept?: readonly string[];
  /** The time for the rules on complete deliveries; by default that of the call. */
  readonly now?: Date;
  readonly signal?: AbortSignal;
}

/** The result of `plan`. */
export interface PlanResult extends ReadSource {
  readonly pipelines: readonly PlannedPipeline[];
}

/** The plan of one pipeline. */
export interface PlannedPipeline {
  readonly name: string;
  readonly table: string;
  readonly months: readonly PlannedMonth[];
  /** Months whose manifest is invalid. */
  readonly failed: readonly FailedMonth[];
  /** Notes on this export, as sentences. */
  readonly notes: readonly string[];
  /** Only if the warehouse bills for bytes: the estimated bytes billed for loading these months. */
  readonly billedBytes?: number;
  readonly error?: ReportedError;
}

/**
 * What a run with the same options would do, month by month, and why. Nothing is written or created.
 * A pipeline that cannot be planned has an `error`, and the others are planned. The warehouse is closed before any storage is
 * read, so that a slow storage does not block a run.
 * Errors: CONFIG_INVALID, USAGE_INVALID, and those of opening the warehouse.
 */
export async function plan(config: Config, options: PlanOptions = {}): Promise<PlanResult> {
  checkArguments(config, options, planRules);
  const pipelines = await selectPipelines(config, options.pipelines);
  checkMonths(options.months ?? {});
  checkAccepted(options.accept ?? [], options.months ?? {});
  const { ledgers, reads, billedBytes, ...source } = await reading(config, async (warehouse) => {
    const read: (readonly [PipelineConfig, Ledger | { readonly error: unknown }])[] = [];
    for (const pipeline of pipelines) {
      read.push([pipeline, await warehouse.ledger(tableOf(pipeline)).catch((error: unknown) => ({ error }))]);
    }
    return { ledgers: read, reads: warehouse.reads, billedBytes: warehouse.billedBytes };
  });
  const results: PlannedPipeline[] = [];
  const scopes: ScopedExport[] = [];
  for (const [pipeline, ledger] of ledgers) {
    const { name } = pipeline;
    try {
      if ("error" in ledger) throw ledger.error;
      const found = await survey(pipeline, ledger, reads, options);
      const scope = found.plans.flatMap(({ executions }) => executions).at(0)?.scope ?? null;
      results.push(await plannedPipeline(found, billedBytes));
      scopes.push({
        name,
        cloud: found.format.cloud,
        scope,
        months: found.plans.map(({ billingMonth }) => billingMonth),
      });
    } catch (error) {
      if (options.signal?.aborted === true) throw error;
      const table = tableTitle(pipeline);
      results.push({ name, table, months: [], failed: [], notes: [], error: describeError(error) });
    }
  }
  const doubled = doubleCounting(scopes);
  return {
    ...source,
    pipelines: results.map((result) => ({ ...result, notes: [...result.notes, ...(doubled.get(result.name) ?? [])] })),
  };
}

const planRules: Shape<PlanOptions> = {
  pipelines: names,
  months: monthRules,
  force: optional(flag),
  accept: optional(listOf(text)),
  now: optional(date),
  signal: optional(signal),
};

async function plannedPipeline(found: Survey, ofMonth: Warehouse["billedBytes"]): Promise<PlannedPipeline> {
  const { pipeline, plans, failed, ledger } = found;
  return {
    name: pipeline.name,
    table: tableTitle(pipeline),
    months: plans.map(describePlan),
    failed: [...failed].map(([month, error]) => failedMonth(month, error)),
    notes: [...ledger.notes, ...found.notes],
    ...(ofMonth === null ? {} : { billedBytes: await billedBytes(found, ofMonth) }),
  };
}

/** The estimated bytes billed for loading the planned months, by the size of their files. */
async function billedBytes(
  { plans, discovery }: Survey,
  ofMonth: NonNullable<Warehouse["billedBytes"]>,
): Promise<number> {
  const months = plans
    .filter(({ action }) => isLoadAction(action))
    .map(({ executions }) =>
      executions.flatMap(({ files, columns }) => files.map((file) => ({ file, columns: columns.length }))),
    );
  let total = 0;
  for (const files of months) {
    const sized = await pMap(
      files,
      async (each) => ({ ...each, bytes: await decompressedSize(each.file, readerOf(discovery.storage, each.file)) }),
      { concurrency: smallReads },
    );
    total += ofMonth(sized);
  }
  return total;
}
