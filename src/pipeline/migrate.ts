import { callback, checkArguments, flag, holder, names, optional, type Shape, signal } from "../config/arguments.ts";
import type { Config, PipelineConfig } from "../config/config.ts";
import { BillhouseError, describeError } from "../errors.ts";
import type { Receipt, RegisteredColumn } from "../model.ts";
import { type DeliveredHeader, findColumn, planColumns } from "../schema/columns.ts";
import { fold } from "../schema/names.ts";
import { monthSpans } from "../schema/periods.ts";
import { receiptPackage } from "../state/package.ts";
import {
  type Holder,
  type MigrationOutcome,
  type Partitioning,
  type PendingStep,
  requireCapability,
  type Warehouse,
} from "../warehouses/warehouse.ts";
import type { ReportedError } from "./events.ts";
import { loadedHeader } from "./load/prepare.ts";
import { inexactColumns } from "./migrate/inexact-columns.ts";
import { measuredColumns, namedSums, readLoaded, stampedColumn } from "./months/loaded.ts";
import { selectPipelines, tableOf, tableTitle } from "./months/select.ts";
import { survey, type Survey } from "./months/survey.ts";
import { withWarehouse } from "./open.ts";
import { refreshViews } from "./views/refresh.ts";

/** The scope of a migration. */
export interface MigrateOptions {
  /** Sections, clouds, or `all`; none means all. */
  readonly pipelines?: readonly string[];
  /** Whether the steps are run, not only planned. */
  readonly yes?: boolean;
  /** Stops the migration: the current step is rolled back, and the migration throws INTERRUPTED. */
  readonly signal?: AbortSignal;
  /** The process shown to others that find the warehouse locked. */
  readonly holder?: Holder;
  /** Called before each step. */
  readonly taking?: (pipeline: string, step: MigratedStep) => void;
}

/** The result of `migrate`. */
export interface MigrateResult {
  readonly pipelines: readonly MigratedPipeline[];
  /** What is wrong with the FOCUS views; the steps are not affected. */
  readonly warnings: readonly ReportedError[];
}

/** The steps of one table. */
export interface MigratedPipeline {
  readonly name: string;
  /** `dataset.table_name`. */
  readonly table: string;
  /** In order; empty if all are done. */
  readonly steps: readonly MigratedStep[];
  /** Steps that must wait, and why, as sentences. */
  readonly notes: readonly string[];
  /** Present when the pipeline could not be surveyed. */
  readonly error?: ReportedError;
}

/** One step of a migration. */
export interface MigratedStep {
  readonly step: "tracking-columns" | "partitioning" | "registry" | "decimals" | "costs";
  /** The column that `decimals` is about. */
  readonly column?: string;
  /** One sentence. */
  readonly what: string;
  readonly done: boolean;
  /** Values that `decimals` had to round at the last digit of the exact type. */
  readonly roundedValues?: number;
  /** Settings that a rebuilt table did not keep: access roles, row access policies. */
  readonly lost?: readonly string[];
  /** Why the step was refused; it changed nothing. */
  readonly error?: ReportedError;
}

/** A step, and the function that runs it. */
interface PlannedStep {
  readonly step: MigratedStep;
  readonly take: () => Promise<MigrationOutcome>;
}

/**
 * Makes tables that something else created, such as the Python pipelines, more like those that billhouse creates. Without
 * `yes` the steps are only planned, and nothing is written. Every step is one transaction, and a finished step is not
 * planned again. A step that is refused has an `error`, and the others continue.
 * Errors: CONFIG_INVALID, USAGE_INVALID, INTERRUPTED, and those of opening the warehouse.
 */
export async function migrate(config: Config, options: MigrateOptions = {}): Promise<MigrateResult> {
  checkArguments(config, options, migrateRules);
  const pipelines = await selectPipelines(config, options.pipelines);
  const migrateAll = async (warehouse: Warehouse): Promise<MigrateResult> => {
    const results: MigratedPipeline[] = [];
    for (const pipeline of pipelines) results.push(await migratePipeline(pipeline, warehouse, options));
    if (options.yes !== true) return { pipelines: results, warnings: [] };
    const migrated = results.map(({ name, steps }) => [name, steps.some(({ done }) => done)] as const);
    const toCheck = await Promise.all(
      pipelines.map(async (pipeline) => {
        const isChanged = migrated.some(([name, hasSteps]) => name === pipeline.name && hasSteps);
        const months = isChanged ? [...(await readLoaded(pipeline, warehouse)).months.keys()] : [];
        return [pipeline.name, months.toSorted()] as const;
      }),
    );
    const { warnings } = await refreshViews(new Map(toCheck), config, warehouse, options);
    // Also if nothing was left to do: the last migration may have been killed before publishing.
    await warehouse.publish();
    return { pipelines: results, warnings };
  };
  return withWarehouse(config, options.yes === true ? "write" : "read", migrateAll, {
    ...options,
    interrupted: () => ({
      message: "The migration was stopped. The step in progress changed nothing.",
      hint: "Migrate again to continue: finished steps are kept.",
    }),
  });
}

const migrateRules: Shape<MigrateOptions> = {
  pipelines: names,
  yes: optional(flag),
  signal: optional(signal),
  holder,
  taking: optional(callback),
};

async function migratePipeline(
  pipeline: PipelineConfig,
  warehouse: Warehouse,
  options: MigrateOptions,
): Promise<MigratedPipeline> {
  const { name } = pipeline;
  const table = tableTitle(pipeline);
  try {
    const ledger = await warehouse.ledger(tableOf(pipeline));
    const found = await survey(pipeline, ledger, warehouse.reads, { signal: options.signal });
    if (ledger.columns === null) return { name, table, steps: [], notes: [] };
    const plan = planMigration(found, await loadedHeader(found.plans, found, found.discovery.storage));
    const steps: MigratedStep[] = [];
    const notes = [...plan.notes];
    for (const { step, take } of await plannedSteps(found, plan, warehouse)) {
      // A receipt must not record a sum of amounts that are not exact.
      if (step.step === "costs" && steps.some(({ error }) => error !== undefined)) {
        notes.push("Costs that were not recorded are measured once all other steps are done.");
        continue;
      }
      steps.push(options.yes === true ? await takeStep(name, step, take, options) : step);
    }
    return { name, table, steps, notes };
  } catch (error) {
    if (options.signal?.aborted === true || !(error instanceof BillhouseError)) throw error;
    return { name, table, steps: [], notes: [], error: describeError(error) };
  }
}

async function plannedSteps(found: Survey, plan: MigrationPlan, warehouse: Warehouse): Promise<PlannedStep[]> {
  const { table } = found;
  const { partitioning, registered, decimals } = plan;
  const stepOf = ({ step, what }: PendingStep): PlannedStep => ({
    step: { step: step.step, ...(step.step === "decimals" ? { column: step.column } : {}), what, done: false },
    take: () => requireCapability(warehouse, "migration").migrate(table, step),
  });
  const source = registered[0]?.firstExecution ?? "";
  const registry: PlannedStep = {
    step: {
      step: "registry",
      what: `${registered.length} columns are registered with their source columns, as the delivery ${source} names them.`,
      done: false,
    },
    take: async () => {
      await warehouse.prepare(table, { added: [], registered, ...partitioning, keepsPrevious: false });
      return { roundedValues: 0 };
    },
  };
  const pending = (await warehouse.migration?.pendingSteps(table, partitioning)) ?? [];
  const costs = costsStep(found, warehouse);
  return [
    ...pending.map(stepOf),
    ...(registered.length === 0 ? [] : [registry]),
    ...decimals.map(stepOf),
    ...(costs === null ? [] : [costs]),
  ];
}

/**
 * Records the cost of months whose cost was not recorded when they were loaded: it is measured once in the table, after its
 * amounts are exact. Their rows are unchanged. Null without such a month.
 */
function costsStep(found: Survey, warehouse: Warehouse): PlannedStep | null {
  const { measuring } = warehouse;
  const receipts = [...found.months.values()].flatMap(({ receipt }) =>
    receipt !== null && (receipt.tableCost === null || lacksAmounts(found, receipt)) ? [receipt] : [],
  );
  if (receipts.length === 0 || measuring === undefined) return null;
  const months = monthSpans(receipts.map(({ billingMonth }) => billingMonth));
  return {
    step: { step: "costs", what: `The costs of ${months} are measured and recorded.`, done: false },
    take: async () => {
      for (const receipt of receipts) {
        const { table, billingMonth, ...measured } = measuredColumns(found, receipt.billingMonth);
        const measures = await measuring.measureMonth({ ...measured, table, billingMonth });
        const { firstUsage, lastUsage, summary, uninvoicedRows, uninvoicedCostRows, sums } = measures;
        const stored = namedSums(sums, measured);
        const dataUntil = lastUsage?.slice(0, 10) ?? null;
        const costs = {
          firstUsage,
          lastUsage,
          dataUntil,
          summary,
          uninvoicedRows,
          uninvoicedCostRows,
          tableCost: stored.cost ?? {},
          tableEffectiveCost: stored.effectiveCost,
        };
        const flag = receipt.tableCost === null ? ("measured" as const) : ("amounts-measured" as const);
        const now = {
          ...receipt,
          ...(receipt.tableCost === null ? costs : {}),
          measured,
          amounts: stored.amounts,
          flags: [...receipt.flags, flag],
        };
        await warehouse.append(table, (current) => receiptPackage(current, table, now, new Date()));
      }
      return { roundedValues: 0 };
    },
  };
}

/** Whether the sums of amounts that the FOCUS view reads were not recorded. */
function lacksAmounts(found: Survey, { amounts, billingMonth }: Receipt): boolean {
  return amounts === null && measuredColumns(found, billingMonth).amountColumns.length > 0;
}

async function takeStep(
  pipeline: string,
  step: MigratedStep,
  take: PlannedStep["take"],
  options: MigrateOptions,
): Promise<MigratedStep> {
  options.signal?.throwIfAborted();
  options.taking?.(pipeline, step);
  try {
    const { roundedValues, lost } = await take();
    return {
      ...step,
      done: true,
      ...(step.step === "decimals" ? { roundedValues } : {}),
      ...(lost === undefined ? {} : { lost }),
    };
  } catch (error) {
    if (options.signal?.aborted === true || !(error instanceof BillhouseError)) throw error;
    return { ...step, error: describeError(error) };
  }
}

/** The pending steps for the columns of a table. */
interface MigrationPlan {
  readonly partitioning: Partitioning;
  /** Registry rows that are missing for columns of the table. */
  readonly registered: readonly RegisteredColumn[];
  /** One step for each column of amounts that is not exact. */
  readonly decimals: readonly PendingStep[];
  /** Steps that must wait, and why, as sentences. */
  readonly notes: readonly string[];
}

/**
 * Plans the pending steps of a table. Pure: everything comes from the survey and the header of the newest loaded
 * month (none if it is no longer in the storage). Error: FILE_INVALID, as `planColumns`.
 */
function planMigration(found: Survey, headers: readonly DeliveredHeader[]): MigrationPlan {
  const { format, ledger, pipeline, plans } = found;
  const rules = format.columns;
  const table = ledger.columns ?? [];
  const plan = planColumns(
    { headers, registry: ledger.registry, table: ledger.columns, reserved: [stampedColumn] },
    rules,
  );
  const present = new Set(table.map(({ name }) => fold(name)));
  // A column that the table lacks is registered by the run that adds it.
  const registry = plan.registry.filter(({ columnName }) => present.has(fold(columnName)));
  const nameOf = (sources: readonly string[]): string | null =>
    findColumn(registry, sources, rules)?.columnName ?? null;
  const declared = plans.flatMap(({ executions }) => executions);
  return {
    partitioning: {
      partitionColumn: pipeline.partitionColumn ?? nameOf(rules.partition) ?? stampedColumn,
      usageColumn: nameOf(rules.usage),
    },
    registered: ledger.registry.length > 0 ? [] : registry,
    decimals: inexactColumns(table, registry, [...headers, ...declared], rules).map(({ name, nativeType }) => ({
      step: { step: "decimals", column: name },
      what: `${name} becomes an exact decimal instead of ${nativeType}.`,
    })),
    notes: table.length > 0 && registry.length === 0 ? [unregistered] : [],
  };
}

const unregistered =
  "The columns cannot be registered now, because no loaded month is in the storage; the next run that loads one registers them.";
