import type { PipelineConfig } from "../config/config.ts";
import { BillhouseError } from "../errors.ts";
import type { BillingMonth, Finality, Receipt } from "../model.ts";
import { lastSettledDay } from "../pipeline/months/cover.ts";
import { finalityNow, finalityUnknown } from "../pipeline/months/finality.ts";
import { loadedIds, type LoadedTable, readLoaded } from "../pipeline/months/loaded.ts";
import { addDays, countDays, monthsOf, monthSpan, monthSpans, nextMonth } from "../schema/periods.ts";
import type { Warehouse } from "../warehouses/warehouse.ts";

/** An export as an answer names it, with what is known of its months. */
export interface LoadedExport {
  readonly name: string;
  /** `aws`, `azure` or `focus`. */
  readonly cloud: string;
  readonly title: string;
  readonly months: ReadonlyMap<BillingMonth, LoadedMonthFacts>;
  /** The months for which other exports of the cloud count instead. */
  readonly replacedIn: ReadonlySet<BillingMonth>;
}

/** What decides whether a month can be compared, and what is known of its load. */
export interface LoadedMonthFacts {
  readonly state: "whole" | "open" | "partial";
  /** The last day of the month up to which every day is covered and settled; null if there is none. */
  readonly settledUntil: string | null;
  /** What the month is as a bill, as in `status`. */
  readonly finality: Finality;
  /** The last day with usage; null if unknown. */
  readonly dataUntil: string | null;
  /** What the export contains, as in `Execution`; null if unknown. */
  readonly dataset: string | null;
  /** As in `AnswerLoad`. */
  readonly executionIds: readonly string[];
  readonly rows: number | null;
  readonly loadedAt: string | null;
  readonly verifiedAt: string | null;
}

/**
 * How two periods are compared. `months`: as a whole. `days`: the first days of a running month with the same days of the month
 * before, only usage. `none`: not at all, for the reason, a clause such as `azure_billing 2025-03 is partial`.
 */
export type Comparison =
  | { readonly kind: "months" }
  | { readonly kind: "days"; readonly days: number }
  | { readonly kind: "none"; readonly reason: string };

/** A period of whole billing months, both included. */
export interface Period {
  readonly from: BillingMonth;
  readonly to: BillingMonth;
}

/** Reads which months of each export are loaded, if any, and how complete they are. Errors: those of the warehouse. */
export async function readExports(
  pipelines: readonly PipelineConfig[],
  warehouse: Warehouse,
  now: Date,
): Promise<readonly LoadedExport[]> {
  const exports: LoadedExport[] = [];
  for (const pipeline of pipelines) {
    const loaded = await readLoaded(pipeline, warehouse);
    const months = [...loaded.months.keys()].map((month) => [month, factsOf(loaded, month, now)] as const);
    const { cloud, title } = loaded.format;
    exports.push({ name: pipeline.name, cloud, title, months: new Map(months), replacedIn: new Set() });
  }
  return exports;
}

function factsOf(loaded: LoadedTable, month: BillingMonth, now: Date): LoadedMonthFacts {
  const partition = loaded.months.get(month) ?? null;
  const { receipt = null, loadedAt = null } = partition ?? {};
  const rules = { ...loaded, now };
  const bill = receipt === null ? finalityUnknown(month, loadedAt, rules) : finalityNow(receipt, rules);
  const { start, end } = receipt?.period ?? monthSpan(month);
  const gap = [...bill.missingDays, ...bill.unsettledDays].map((span) => addDays(span.start, -1));
  const [last = end] = [...gap, ...lastKnownDays(receipt, loadedAt), end].toSorted();
  return {
    state: bill.state === "open" || bill.state === "partial" ? bill.state : "whole",
    settledUntil: last < start ? null : last,
    finality: bill.state,
    dataUntil: receipt?.dataUntil ?? null,
    dataset: receipt?.dataset ?? null,
    executionIds: loadedIds(partition),
    rows: receipt?.rows ?? null,
    loadedAt,
    // Only billhouse records the files of a load, and proves it before it commits.
    verifiedAt: receipt?.files == null ? null : receipt.loadedAt,
  };
}

/** The last day with usage, and the last day that ended 72 hours before the newest delivery was made. */
function lastKnownDays(receipt: Receipt | null, loadedAt: string | null): readonly string[] {
  const made = receipt?.deliveries?.map((each) => each.made ?? each.submitted_time ?? receipt.loadedAt) ?? [];
  const newest = made.toSorted().at(-1) ?? receipt?.submittedTime ?? loadedAt;
  const until = receipt?.dataUntil ?? receipt?.lastUsage?.slice(0, 10) ?? null;
  return [...(newest === null ? [] : [lastSettledDay(newest)]), ...(until === null ? [] : [until])];
}

/**
 * The month that an answer is about if none is named: the newest loaded month that is over, else the running month.
 * Error: WAREHOUSE_NOT_FOUND if no month is loaded.
 */
export function newestMonth(exports: readonly LoadedExport[], now: Date): BillingMonth {
  const months = loadedMonthsOf(exports);
  const running = now.toISOString().slice(0, 7);
  const month = months.findLast((each) => each < running) ?? months.at(-1);
  if (month !== undefined) return month;
  throw new BillhouseError("WAREHOUSE_NOT_FOUND", "Nothing is loaded yet.", { hint: "billhouse run loads the bills." });
}

/** Checks that some month of a period is loaded. Error: USAGE_INVALID, which lists the loaded months. */
export function requireLoaded(exports: readonly LoadedExport[], { from, to }: Period): void {
  const months = loadedMonthsOf(exports);
  if (months.some((month) => month >= from && month <= to)) return;
  const name = from === to ? `${from} is` : `${from} to ${to} are`;
  throw new BillhouseError("USAGE_INVALID", `${name} not loaded.`, {
    hint: months.length === 0 ? "Nothing is loaded yet: billhouse run." : `Loaded: ${monthSpans(months)}.`,
  });
}

/** The months of which an export is loaded, oldest first. */
export function loadedMonthsOf(exports: readonly LoadedExport[]): readonly BillingMonth[] {
  return [...new Set(exports.flatMap(({ months }) => [...months.keys()]))].toSorted();
}

/** A period in words: `2025-01 to 2025-03`. */
export function titleOf({ from, to }: Period): string {
  return from === to ? from : `${from} to ${to}`;
}

/** The billing months of a period. */
export function monthsIn({ from, to }: Period): readonly BillingMonth[] {
  return monthsOf({ start: `${from}-01`, end: `${to}-01` });
}

/** The billing month before another one. */
export function monthBefore(month: BillingMonth): BillingMonth {
  return periodBefore({ from: month, to: month }).to;
}

/** The period of equal length that ends before another one. */
export function periodBefore(period: Period): Period {
  const back = monthsIn(period).length;
  const [year, month] = period.from.split("-").map(Number);
  const shifted = (by: number): BillingMonth =>
    new Date(Date.UTC(year ?? 0, (month ?? 1) - 1 - by, 1)).toISOString().slice(0, 7);
  return { from: shifted(back), to: shifted(1) };
}

/** The period from a month that is as long as another one. */
export function periodFrom(from: BillingMonth, { length }: readonly BillingMonth[]): Period {
  let to = from;
  for (let months = 1; months < length; months++) to = nextMonth(to);
  return { from, to };
}

/** The partial months of some periods, in order. */
export function partialMonths(exports: readonly LoadedExport[], periods: readonly Period[]): readonly BillingMonth[] {
  const wanted = new Set(periods.flatMap(monthsIn));
  const partial = exports.flatMap(({ months }) =>
    [...months].filter(([month, { state }]) => wanted.has(month) && state === "partial").map(([month]) => month),
  );
  return [...new Set(partial)].toSorted();
}

/**
 * How a period can be compared with an earlier one. Every export of one of them must be loaded in all of their months, or another
 * one must count instead, and filters must not choose what only one of the periods can have, such as a day.
 */
export function compare(
  exports: readonly LoadedExport[],
  period: Period,
  before: Period,
  filters: readonly string[],
): Comparison {
  const onePeriod = filters.find((filter) => /^(?:day|month|invoice)=./u.test(filter));
  if (onePeriod !== undefined) {
    return { kind: "none", reason: `the filter ${onePeriod} leaves out the charges of ${titleOf(before)}` };
  }
  const months = [...monthsIn(before), ...monthsIn(period)];
  const included = exports.filter((each) => months.some((month) => each.months.has(month)));
  for (const { name, months: own, replacedIn } of included) {
    const missing = months.find((month) => !own.has(month) && !replacedIn.has(month));
    if (missing !== undefined) return { kind: "none", reason: `${name} ${missing} is not loaded` };
    const partial = months.find((month) => own.get(month)?.state === "partial");
    if (partial !== undefined) return { kind: "none", reason: `${name} ${partial} is partial` };
  }
  const open = months.find((month) => included.some((each) => each.months.get(month)?.state === "open"));
  if (open === undefined) return { kind: "months" };
  if (months.length > 2 || open !== period.to) return { kind: "none", reason: `${open} is not over` };
  const running = included.flatMap(({ months: own }) => own.get(open) ?? []);
  const days = running.map(({ settledUntil }) => dayOfMonth(settledUntil));
  const settled = Math.min(...days, countDays(monthSpan(before.from)));
  return settled < 1 ? { kind: "none", reason: `no day of ${open} is settled yet` } : { kind: "days", days: settled };
}

function dayOfMonth(day: string | null): number {
  return day === null ? 0 : Number(day.slice(8));
}
