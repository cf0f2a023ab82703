import { checkArguments, names, type Shape } from "../config/arguments.ts";
import type { Config, PipelineConfig } from "../config/config.ts";
import { describeError } from "../errors.ts";
import {
  type BillingMonth,
  type CurrencySums,
  executionIdsOf,
  type Finality,
  type LoadReason,
  type Receipt,
  type ReceiptFlag,
} from "../model.ts";
import { subtractDecimals } from "../schema/decimals.ts";
import { checkMonths, type MonthSelection } from "../schema/periods.ts";
import { requireCapability, type Warehouse } from "../warehouses/warehouse.ts";
import { type Days, fromTo, type ReportedError } from "./events.ts";
import { reasonOfLoad } from "./months/decide.ts";
import { type LoadedTable, readLoaded } from "./months/loaded.ts";
import { isSelected, monthRules, selectPipelines, tableTitle } from "./months/select.ts";
import { isSameDelivery } from "./months/undone.ts";
import { reading, type ReadSource } from "./open.ts";

/** What `history` is about. */
export interface HistoryOptions {
  /** Sections, clouds, or `all`; none means all. */
  readonly pipelines?: readonly string[];
  readonly months?: MonthSelection;
}

/** The answer of `history`. */
export interface HistoryResult extends ReadSource {
  /** Export by export; in each of them the oldest month first, and of a month the oldest load first. */
  readonly loads: readonly HistoryLoad[];
  /** Exports whose receipts cannot be read; the others are still reported. */
  readonly failed: readonly (ReportedError & { readonly pipeline: string })[];
}

/** One load of a month, by its receipt. */
export interface HistoryLoad {
  readonly pipeline: string;
  readonly table: string;
  readonly billingMonth: BillingMonth;
  readonly loadId: string;
  /** ISO 8601. */
  readonly loadedAt: string;
  /** The deliveries that were loaded together, oldest first. */
  readonly executionIds: readonly string[];
  /** The same with what each of them came to; empty where the receipt does not say, as after the Python pipelines. */
  readonly deliveries: readonly LoadedDelivery[];
  readonly rows: number;
  /** Sum of the first cost column; null where it was never recorded. */
  readonly cost: CurrencySums | null;
  /** The differences from the previous load; null for the first load of the month. */
  readonly change: LoadChange | null;
  /** `migrated`: the Python pipelines loaded it, before billhouse took over. */
  readonly reason: LoadReason | "migrated";
  /** Whether figures of a month that was over may have changed: as `run` reported it. */
  readonly isRestatement: boolean;
  /** What the month was as a bill when it was loaded; null where that was not recorded. */
  readonly state: Finality | null;
  /** Whether `undo` has replaced it with the previous load. */
  readonly undone: boolean;
  /** Whether the table holds it now. */
  readonly current: boolean;
  readonly flags: readonly ReceiptFlag[];
}

/** One delivery of a load. */
export interface LoadedDelivery {
  readonly executionId: string;
  readonly manifestKey: string;
  readonly submittedTime: string | null;
  /** The days of the month that it covers; null where it is always the whole period. */
  readonly coverage: Days | null;
  readonly rows: number | null;
  readonly cost: CurrencySums | null;
}

/** What differs between two loads. */
export interface LoadChange {
  readonly rows: number;
  /** By currency; null where the cost of one of them was never recorded. */
  readonly cost: CurrencySums | null;
}

/**
 * Every load of the selected months, from the receipts in `<table>_load_tracking`. Loads by the Python pipelines are included
 * as far as their tracking rows go. Nothing is measured, and no storage is read.
 * Errors: CONFIG_INVALID, USAGE_INVALID, and those of opening the warehouse.
 */
export async function history(config: Config, options: HistoryOptions = {}): Promise<HistoryResult> {
  checkArguments(config, options, historyRules);
  const pipelines = await selectPipelines(config, options.pipelines);
  const selection = options.months ?? {};
  checkMonths(selection);
  return reading(config, async (warehouse) => {
    const loads: HistoryLoad[] = [];
    const failed: HistoryResult["failed"][number][] = [];
    for (const pipeline of pipelines) {
      try {
        loads.push(...(await historyOf(pipeline, warehouse, selection)));
      } catch (error) {
        failed.push({ pipeline: pipeline.name, ...describeError(error) });
      }
    }
    return { loads, failed };
  });
}

/** The loads of one export. Errors: STATE_INVALID, and those of the warehouse. */
export async function historyOf(
  pipeline: PipelineConfig,
  warehouse: Warehouse,
  selection: MonthSelection,
): Promise<readonly HistoryLoad[]> {
  const loaded = await readLoaded(pipeline, warehouse);
  const [only, ...others] = selection.only ?? [];
  const one = others.length === 0 ? (only ?? null) : null;
  const receipts = await requireCapability(warehouse, "previous").history(loaded.table, one);
  const isWanted = (month: BillingMonth): boolean => isSelected(month, { ...pipeline, firstMonth: null }, selection);
  const months = Map.groupBy(receipts.toReversed(), ({ billingMonth }) => billingMonth);
  return [...months.keys()]
    .filter(isWanted)
    .toSorted()
    .flatMap((month) => loadsOfMonth(loaded, months.get(month) ?? []));
}

const historyRules: Shape<HistoryOptions> = { pipelines: names, months: monthRules };

/** The loads of one month, whose receipts are oldest first. */
function loadsOfMonth({ pipeline, months }: LoadedTable, receipts: readonly Receipt[]): HistoryLoad[] {
  const undone = new Set(receipts.flatMap((receipt) => receipt.undone.map(({ loadId }) => loadId)));
  const loads = receiptsOfLoads(receipts);
  return loads.map((own, index): HistoryLoad => {
    const [first, last] = [own[0], own.at(-1)];
    if (first === undefined || last === undefined) throw new TypeError("A load has a receipt.");
    const before = loads[index - 1]?.at(-1) ?? null;
    const reason = reasonOfLoad(last, before);
    const current = months.get(last.billingMonth)?.receipt ?? null;
    return {
      pipeline: pipeline.name,
      table: tableTitle(pipeline),
      billingMonth: last.billingMonth,
      loadId: first.loadId,
      loadedAt: last.loadedAt,
      executionIds: executionIdsOf(last),
      deliveries: (last.deliveries ?? []).map((delivery) => ({
        executionId: delivery.execution_id,
        manifestKey: delivery.manifest_key,
        submittedTime: delivery.submitted_time,
        coverage: delivery.coverage && fromTo(delivery.coverage),
        rows: delivery.rows,
        cost: delivery.cost,
      })),
      rows: last.rows,
      cost: costOf(last),
      change: before && { rows: last.rows - before.rows, cost: changeOf(costOf(last), costOf(before)) },
      reason,
      isRestatement: reason === "restated",
      state: last.finality,
      undone: own.some(({ loadId }) => undone.has(loadId)),
      current: own.some(({ loadId }) => loadId === current?.loadId),
      flags: last.flags,
    };
  });
}

/** Receipts by load: one to which something was added later (an accepted gap, a measured cost) is written again. */
function receiptsOfLoads(receipts: readonly Receipt[]): readonly (readonly Receipt[])[] {
  const loads: Receipt[][] = [];
  for (const receipt of receipts) {
    const last = loads.at(-1);
    if (last?.[0] !== undefined && last[0].loadedAt === receipt.loadedAt && isSameDelivery(last[0], receipt)) {
      last.push(receipt);
    } else loads.push([receipt]);
  }
  return loads;
}

/** As delivered; of a month whose cost was measured later, as the table holds it. */
function costOf({ cost, tableCost }: Receipt): CurrencySums | null {
  return cost ?? tableCost;
}

function changeOf(after: CurrencySums | null, before: CurrencySums | null): CurrencySums | null {
  if (after === null || before === null) return null;
  const currencies = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const amount = (sums: CurrencySums, currency: string): string =>
    Object.hasOwn(sums, currency) ? (sums[currency] ?? "0") : "0";
  return Object.fromEntries(
    currencies.map((currency) => [currency, subtractDecimals(amount(after, currency), amount(before, currency))]),
  );
}
