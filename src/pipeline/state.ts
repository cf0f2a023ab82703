import { checkArguments, flag, holder, listOf, names, optional, type Shape, text } from "../config/arguments.ts";
import type { Config } from "../config/config.ts";
import { BillhouseError } from "../errors.ts";
import type { BillingMonth } from "../model.ts";
import { monthSpans } from "../schema/periods.ts";
import { idColumnOf, loadedExecutions } from "../state/executions.ts";
import { forgetPackage } from "../state/package.ts";
import type { Holder, Warehouse } from "../warehouses/warehouse.ts";
import type { ReportedError } from "./events.ts";
import { selectPipelines, tableOf, tableTitle } from "./months/select.ts";
import { reading, type ReadSource, withWarehouse } from "./open.ts";
import { refreshViews } from "./views/refresh.ts";

/** The scope of `showState`. */
export interface StateOptions {
  /** Sections, clouds, or `all`; none means all. */
  readonly pipelines?: readonly string[];
}

/** The result of `state show`: the content of dlt's state, without receipts. */
export interface StateResult extends ReadSource {
  readonly pipelines: readonly {
    readonly name: string;
    readonly table: string;
    /** dlt's name of the pipeline. */
    readonly pipelineName: string;
    /** Newest first. */
    readonly months: readonly {
      readonly billingMonth: BillingMonth;
      /** The newest of `executionIds`. */
      readonly executionId: string;
      /** The executions that the month was loaded from together, oldest first. */
      readonly executionIds: readonly string[];
      readonly loadedAt: string | null;
      readonly submittedTime: string | null;
    }[];
  }[];
}

/**
 * The state as stored in the warehouse.
 * Errors: CONFIG_INVALID, USAGE_INVALID, STATE_INVALID, and those of opening the warehouse.
 */
export async function showState(config: Config, options: StateOptions = {}): Promise<StateResult> {
  checkArguments(config, options, stateRules);
  const pipelines = await selectPipelines(config, options.pipelines);
  return reading(config, async (warehouse) => {
    const results: StateResult["pipelines"][number][] = [];
    for (const pipeline of pipelines) {
      const table = tableOf(pipeline);
      const { state } = await warehouse.ledger(table);
      const months = [...loadedExecutions(state, table)].map(([month, entry]) => ({
        billingMonth: month,
        executionId: entry.executionId,
        executionIds: entry.executionIds,
        loadedAt: entry.loadedAt,
        submittedTime: entry.submittedTime,
      }));
      results.push({
        name: pipeline.name,
        table: tableTitle(pipeline),
        pipelineName: table.pipelineName,
        months: months.toSorted((one, other) => (one.billingMonth < other.billingMonth ? 1 : -1)),
      });
    }
    return { pipelines: results };
  });
}

const stateRules: Shape<StateOptions> = { pipelines: names };

/** What `forget` removes from the state: either months, or all of them. */
export interface ForgetOptions {
  /** Sections, clouds, or `all`. */
  readonly pipelines: readonly string[];
  readonly months?: readonly BillingMonth[];
  /** First month of a span. */
  readonly from?: BillingMonth;
  /** Last month of a span. */
  readonly to?: BillingMonth;
  /** Every month. */
  readonly all?: boolean;
  /** The process shown to others that find the warehouse locked. */
  readonly holder?: Holder;
}

/** The result of `state forget`. */
export interface ForgetResult {
  readonly pipelines: readonly {
    readonly name: string;
    readonly table: string;
    readonly forgotten: readonly BillingMonth[];
  }[];
  /** What is wrong with the FOCUS views; the state is not affected. */
  readonly warnings: readonly ReportedError[];
}

/**
 * Removes months from the state, so that the next run loads them again; their rows and receipts stay
 * until then.
 * Errors: USAGE_INVALID, STATE_INVALID, and those of opening the warehouse.
 */
export async function forget(config: Config, options: ForgetOptions): Promise<ForgetResult> {
  checkArguments(config, options, forgetRules);
  const pipelines = await selectPipelines(config, options.pipelines);
  const { months: wanted = [], from, to, all = false } = options;
  const isSpan = from !== undefined || to !== undefined;
  if ([wanted.length > 0, isSpan, all].filter(Boolean).length !== 1) {
    throw new BillhouseError("USAGE_INVALID", "Choose either months or --all.", {
      hint: "For example: billhouse state forget aws_cur 2025-03, or billhouse state forget aws_cur --all.",
    });
  }
  const forgetIn = async (warehouse: Warehouse): Promise<ForgetResult> => {
    const results: ForgetResult["pipelines"][number][] = [];
    for (const pipeline of pipelines) {
      const guessed = tableOf(pipeline);
      const { state } = await warehouse.ledger(guessed);
      const table = { ...guessed, idColumn: idColumnOf(state, guessed) };
      const known = [...loadedExecutions(state, table).keys()];
      const unknown = wanted.find((month) => !known.includes(month));
      if (unknown !== undefined) {
        throw new BillhouseError(
          "USAGE_INVALID",
          `The state of ${pipeline.name} does not contain the month ${unknown}.`,
          {
            hint: known.length === 0 ? "Nothing is loaded yet." : `It contains: ${monthSpans(known)}.`,
          },
        );
      }
      const inSpan = known.filter((month) => month >= (from ?? month) && month <= (to ?? month));
      const forgotten = (wanted.length > 0 ? [...new Set(wanted)] : inSpan).toSorted();
      if (forgotten.length > 0) {
        await warehouse.append(table, (current) => forgetPackage(current, table, forgotten, new Date()));
      }
      results.push({ name: pipeline.name, table: tableTitle(pipeline), forgotten });
    }
    const { warnings } = await refreshViews(new Map(), config, warehouse);
    await warehouse.publish();
    return { pipelines: results, warnings };
  };
  return withWarehouse(config, "write", forgetIn, { holder: options.holder });
}

const forgetRules: Shape<ForgetOptions> = {
  pipelines: listOf(text),
  months: optional(listOf(text)),
  from: optional(text),
  to: optional(text),
  all: optional(flag),
  holder,
};
