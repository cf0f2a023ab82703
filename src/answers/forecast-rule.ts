import type { BillingMonth } from "../model.ts";
import { compareDecimals, subtractDecimals } from "../schema/decimals.ts";
import { addDays, monthSpan } from "../schema/periods.ts";
import { addDecimals } from "../schema/sums.ts";
import { plus, tenths } from "./arithmetic.ts";
import { monthBefore } from "./periods.ts";

/** A month with fewer settled days is not forecast: not every weekday would have a cost. */
export const fewestDays = 7;

/** The settled days of which the median of each weekday is taken. */
const medianDays = 28;

/** The earlier months whose errors make the band. */
const bandMonths = 6;

/** How many months before the forecast one are needed: those of the band, and the fees of the month before them. */
export const neededMonths: number = bandMonths + 1;

/** Costs of one currency and group: usage by day, and usage and fees by billing month. A day that is missing cost nothing. */
export interface DailyCosts {
  /** By billing month, in it by day of the start of usage. */
  readonly usage: ReadonlyMap<BillingMonth, ReadonlyMap<string, string>>;
  readonly fees: ReadonlyMap<BillingMonth, string>;
}

/** A forecast of a month, as exact decimal text. */
export interface Forecast {
  /** Usage of the settled days. */
  readonly settled: string;
  /** The median of its weekday for each day that is not settled. */
  readonly remaining: string;
  /** The fees of the month before. */
  readonly fees: string;
  /** settled + remaining + fees. */
  readonly forecast: string;
  /**
   * The forecast plus the 10th and the 90th percentile of its own errors, actual minus forecast, in the last six months at the
   * same day; null with less history.
   */
  readonly band: { readonly low: string; readonly high: string } | null;
}

/** What is settled. */
export interface SettledDays {
  /** The month that is forecast. */
  readonly month: BillingMonth;
  /** Its first days, as many as are settled: at least `fewestDays`. */
  readonly days: number;
  /** The earlier months of which every day is settled. */
  readonly months: ReadonlySet<BillingMonth>;
}

/**
 * What a month will have cost: the settled days, for every other day the median of that weekday in the last 28 settled days,
 * and last month's fees. Pure. The month before must be settled.
 */
export function forecastOf(costs: DailyCosts, { month, days, months }: SettledDays): Forecast {
  const estimate = estimateAt(costs, month, days, months);
  const earlier = earlierMonths(month, neededMonths);
  const isKnown = earlier.every((each) => months.has(each));
  const errors = earlier.slice(0, bandMonths).map((each) => {
    const actual = addDecimals([...usageOf(costs, each).values(), costs.fees.get(each) ?? "0"]);
    return subtractDecimals(actual, estimateAt(costs, each, days, months).forecast);
  });
  const sorted = errors.toSorted(compareDecimals);
  const at = (percent: number): string => plus(estimate.forecast, percentile(sorted, percent));
  return { ...estimate, band: isKnown ? { low: at(10), high: at(90) } : null };
}

function estimateAt(
  costs: DailyCosts,
  month: BillingMonth,
  days: number,
  settledMonths: ReadonlySet<BillingMonth>,
): Omit<Forecast, "band"> {
  const { start, end } = monthSpan(month);
  const last = [addDays(start, days - 1), end].toSorted()[0] ?? end;
  const own = usageOf(costs, month);
  const settled = addDecimals([...own].filter(([day]) => day <= last).map(([, cost]) => cost));
  const known: { readonly day: string; readonly cost: string }[] = [];
  for (let day = last; known.length < medianDays; day = addDays(day, -1)) {
    const itsMonth = day.slice(0, 7);
    if (itsMonth !== month && !settledMonths.has(itsMonth)) break;
    known.push({ day, cost: usageOf(costs, itsMonth).get(day) ?? "0" });
  }
  const ofWeekday = Map.groupBy(known, ({ day }) => weekday(day));
  const medians = new Map([...ofWeekday].map(([name, all]) => [name, median(all.map(({ cost }) => cost))]));
  const remaining: string[] = [];
  for (let day = addDays(last, 1); day <= end; day = addDays(day, 1)) remaining.push(medians.get(weekday(day)) ?? "0");
  const fees = costs.fees.get(monthBefore(month)) ?? "0";
  const rest = addDecimals(remaining);
  return { settled, remaining: rest, fees, forecast: addDecimals([settled, rest, fees]) };
}

/** The months before one, the newest first. */
export function earlierMonths(month: BillingMonth, count: number): readonly BillingMonth[] {
  const months: BillingMonth[] = [];
  for (let each = monthBefore(month); months.length < count; each = monthBefore(each)) months.push(each);
  return months;
}

function usageOf({ usage }: DailyCosts, month: BillingMonth): ReadonlyMap<string, string> {
  return usage.get(month) ?? new Map<string, string>();
}

function weekday(day: string): number {
  return new Date(`${day}T00:00:00Z`).getUTCDay();
}

/** The value in the middle, or half of the sum of the two in the middle. */
function median(values: readonly string[]): string {
  return percentile(values.toSorted(compareDecimals), 50);
}

/** The value below which so many percent of sorted values are, between two of them in proportion; 0 without values. */
function percentile(sorted: readonly string[], percent: number): string {
  const position = (percent / 10) * (sorted.length - 1);
  const [lower = "0", upper = lower] = sorted.slice(Math.floor(position / 10));
  return plus(lower, tenths(subtractDecimals(upper, lower), position % 10));
}
