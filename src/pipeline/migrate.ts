import type { Config, PipelineConfig } from "../config/config.ts";
import { BillhouseError, describeError, interrupted } from "../errors.ts";
import { openWarehouse } from "../warehouses/index.ts";
import {
  type Holder,
  type MigrationStep,
  type PendingStep,
  requireCapability,
  type Warehouse,
} from "../warehouses/warehouse.ts";
import type { ToldError } from "./events.ts";
import { loadedHeader } from "./load/headers.ts";
import { planMigration, type MigrationPlan } from "./migrate/plan.ts";
import { selectPipelines, tableTitle } from "./months/select.ts";
import { survey, type Survey } from "./months/survey.ts";

/** What a migration is about. */
export interface MigrateOptions {
  /** Sections, clouds, or `all`; none means all. */
  readonly pipelines?: readonly string[];
  /** Whether the steps are taken, and not only planned. */
  readonly yes?: boolean;
  /** Stops the migration: the step at work is rolled back, and the migration throws INTERRUPTED. */
  readonly signal?: AbortSignal;
  /** What others are told who find the warehouse locked meanwhile. */
  readonly holder?: Holder;
  /** Hears of each step before it is taken. */
  readonly taking?: (pipeline: string, step: MigratedStep) => void;
}

/** The answer of `migrate`. */
export interface MigrateResult {
  readonly pipelines: readonly MigratedPipeline[];
}

/** The steps of one table. */
export interface MigratedPipeline {
  readonly name: string;
  /** `dataset.table_name`. */
  readonly table: string;
  /** In the order in which they are taken; empty when nothing is left to do. */
  readonly steps: readonly MigratedStep[];
  /** Sentences on what has to wait, and why. */
  readonly notes: readonly string[];
  /** Present when the pipeline could not be looked at. */
  readonly error?: ToldError;
}

/** One step of a migration. */
export interface MigratedStep {
  readonly step: MigrationStep["step"] | "registry";
  /** The column that `decimals` is about. */
  readonly column?: string;
  /** One sentence. */
  readonly what: string;
  readonly done: boolean;
  /** Values that `decimals` had to round at the last digit of the exact type. */
  readonly rounded_values?: number;
  /** Why the step was refused; everything it is about is as it was. */
  readonly error?: ToldError;
}

/** A step, and what takes it: gives the number of values that were rounded. */
interface PlannedStep {
  readonly told: MigratedStep;
  readonly take: () => Promise<number>;
}

/**
 * Makes tables that somebody else made, such as the Python pipelines, more like those that billhouse makes. Without
 * `yes` it only says how, and nothing is written. Every step is one transaction, and a step that was taken is not there
 * any more next time. A step that is refused has an `error`, and the others go on.
 * Errors: CONFIG_INVALID, USAGE_INVALID, INTERRUPTED, and those of opening the warehouse.
 */
export async function migrate(config: Config, options: MigrateOptions = {}): Promise<MigrateResult> {
  const pipelines = selectPipelines(config, options.pipelines);
  const mode = options.yes === true ? "write" : "read";
  const warehouse = await openWarehouse(config.warehouse, mode, options.holder);
  const stop = (): void => void warehouse.close();
  options.signal?.addEventListener("abort", stop);
  try {
    // It may have been aborted while the warehouse was waited for.
    options.signal?.throwIfAborted();
    const results: MigratedPipeline[] = [];
    for (const pipeline of pipelines) results.push(await migratePipeline(pipeline, warehouse, options));
    // Also when nothing was left to do: the last migration may have been killed before its readers saw it.
    if (options.yes === true) await warehouse.publish();
    return { pipelines: results };
  } catch (error) {
    throw options.signal?.aborted === true
      ? interrupted("The migration was stopped. The step in progress changed nothing.", {
          hint: "Migrate again to continue: finished steps are kept.",
          cause: error,
        })
      : error;
  } finally {
    options.signal?.removeEventListener("abort", stop);
    await warehouse.close();
  }
}

async function migratePipeline(
  pipeline: PipelineConfig,
  warehouse: Warehouse,
  options: MigrateOptions,
): Promise<MigratedPipeline> {
  const { name } = pipeline;
  const table = tableTitle(pipeline);
  try {
    const found = await survey(pipeline, warehouse, options.signal === undefined ? {} : { signal: options.signal });
    if (found.ledger.columns === null) return { name, table, steps: [], notes: [] };
    const plan = planMigration(found, await loadedHeader(found));
    const steps: MigratedStep[] = [];
    for (const { told, take } of await plannedSteps(found, plan, warehouse)) {
      steps.push(options.yes === true ? await takeStep(name, told, take, options) : told);
    }
    return { name, table, steps, notes: plan.notes };
  } catch (error) {
    if (options.signal?.aborted === true || !(error instanceof BillhouseError)) throw error;
    return { name, table, steps: [], notes: [], error: describeError(error) };
  }
}

async function plannedSteps({ table }: Survey, plan: MigrationPlan, warehouse: Warehouse): Promise<PlannedStep[]> {
  const { partitioning, registered, decimals } = plan;
  const stepOf = ({ step, what }: PendingStep): PlannedStep => ({
    told: { step: step.step, ...(step.step === "decimals" ? { column: step.column } : {}), what, done: false },
    take: async () => (await requireCapability(warehouse, "migration").migrate(table, step)).roundedValues,
  });
  const source = registered[0]?.firstExecution ?? "";
  const registry: PlannedStep = {
    told: {
      step: "registry",
      what: `${registered.length} columns are registered with their source columns, as the delivery ${source} names them.`,
      done: false,
    },
    take: async () => {
      await warehouse.prepare(table, { added: [], registered, ...partitioning, keepsPrevious: false });
      return 0;
    },
  };
  const pending = (await warehouse.migration?.pendingSteps(table, partitioning)) ?? [];
  return [...pending.map(stepOf), ...(registered.length === 0 ? [] : [registry]), ...decimals.map(stepOf)];
}

async function takeStep(
  pipeline: string,
  told: MigratedStep,
  take: PlannedStep["take"],
  options: MigrateOptions,
): Promise<MigratedStep> {
  options.signal?.throwIfAborted();
  options.taking?.(pipeline, told);
  try {
    const rounded = await take();
    return { ...told, done: true, ...(told.step === "decimals" ? { rounded_values: rounded } : {}) };
  } catch (error) {
    if (options.signal?.aborted === true || !(error instanceof BillhouseError)) throw error;
    return { ...told, error: describeError(error) };
  }
}
