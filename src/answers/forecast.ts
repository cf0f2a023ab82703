import { checkArguments, date, listOf, names, optional, type Shape, text } from "../config/arguments.ts";
import type { Config } from "../config/config.ts";
import {
  all,
  type Condition,
  day,
  type Expression,
  field,
  isOneOf,
  not,
  present,
  some,
  where,
} from "../focus/expression.ts";
import { isCorrection } from "../focus/rollup-columns.ts";
import type { BillingMonth } from "../model.ts";
import type { ReadSource } from "../pipeline/open.ts";
import { addDays, countDays, monthSpan } from "../schema/periods.ts";
import { addDecimals } from "../schema/sums.ts";
import { type AnswerOptions, type Bills, byCurrency, readingBills } from "./bills.ts";
import { type ChargeGroup, sumCharges } from "./charges.ts";
import { ofExports } from "./conditions.ts";
import { filterConditions } from "./dimensions.ts";
import {
  type DailyCosts,
  earlierMonths,
  fewestDays,
  type Forecast,
  forecastOf,
  neededMonths,
  type SettledDays,
} from "./forecast-rule.ts";
import { type Answer, loadsOf } from "./loads.ts";
import { loadedMonthsOf, monthBefore } from "./periods.ts";

/** What `forecast` is about. */
export interface ForecastOptions extends AnswerOptions {
  /** Only charges with these values, as in `costs`. */
  readonly filters?: readonly string[];
}

/** The answer of `forecast`: effective cost of usage and of purchases that are not commitments, without tax, credits and corrections. */
export interface ForecastResult extends Answer {
  /** The running month; null if it is not loaded. */
  readonly month: BillingMonth | null;
  /** Its days that are settled in every export. */
  readonly settledDays: number;
  /** Why there is no forecast, a clause such as `only 3 days of 2025-04 are settled`; null if there is one. */
  readonly reason: string | null;
  readonly currency: Readonly<Record<string, Forecast>>;
}

/**
 * What the running month will have cost at its end. Errors: CONFIG_INVALID, USAGE_INVALID, WAREHOUSE_NOT_FOUND if nothing is
 * loaded, and those of opening the warehouse.
 */
export async function forecast(config: Config, options: ForecastOptions = {}): Promise<ForecastResult> {
  checkArguments(config, options, forecastRules);
  return readingBills(config, options, (bills) => forecastIn(bills, options));
}

const forecastRules: Shape<ForecastOptions> = {
  filters: optional(listOf(text)),
  pipelines: names,
  now: optional(date),
};

/** The same of bills that are open, with checked options. */
export async function forecastIn(
  bills: Bills,
  { filters = [] }: ForecastOptions,
): Promise<Omit<ForecastResult, keyof ReadSource>> {
  const running = runningMonth(bills);
  const { month, settled, reason } = running;
  const conditions = filterConditions(filters, bills.config.focus.tags);
  if (settled === null) return { month, settledDays: running.days, reason, loads: [], currency: {} };
  const groups = await dailyCharges(bills, settled, { conditions });
  return {
    month,
    settledDays: settled.days,
    reason,
    loads: loadsOf(bills.exports, monthsOf(settled)),
    currency: byCurrency(groups, (own) => forecastOf(dailyCosts(own), settled)),
  };
}

/** The running month, and what of it is settled; `settled` is null without a forecast, and `reason` says why. */
export interface RunningMonth {
  readonly month: BillingMonth | null;
  readonly days: number;
  readonly settled: SettledDays | null;
  readonly reason: string | null;
}

/** How many days before the end of a settled month its last usage may be: a small bill does not have usage on every day. */
const dataTolerance = 2;

/** Which month runs, and whether it can be forecast: with the rules of `ForecastResult`. */
export function runningMonth({ exports, now }: Pick<Bills, "exports" | "now">): RunningMonth {
  const month = now.toISOString().slice(0, 7);
  const before = monthBefore(month);
  const without = (reason: string, days = 0): RunningMonth => ({
    month: exports.some(({ months }) => months.has(month)) ? month : null,
    days,
    settled: null,
    reason,
  });
  const included = exports.filter(({ months }) => months.has(month) || months.has(before));
  if (!included.some(({ months }) => months.has(month))) return without(`${month} is not loaded`);
  for (const { name, months, replacedIn } of included) {
    const missing = [month, before].find((each) => !months.has(each) && !replacedIn.has(each));
    if (missing !== undefined) return without(`${name} ${missing} is not loaded`);
    const state = months.get(before)?.state ?? "whole";
    if (state !== "whole") return without(`${name} ${before} is ${state === "open" ? "not over" : "partial"}`);
  }
  const { start } = monthSpan(month);
  const days = Math.min(
    ...included
      .flatMap(({ months }) => months.get(month) ?? [])
      .map(({ settledUntil }) => (settledUntil === null ? 0 : countDays({ start, end: settledUntil }))),
  );
  if (days < fewestDays) {
    const counted = days === 1 ? "1 day" : `${days} days`;
    return without(
      `only ${counted} of ${month} ${days === 1 ? "is" : "are"} settled, and a forecast needs ${fewestDays}`,
      days,
    );
  }
  const isSettled = (each: BillingMonth): boolean =>
    included.every(({ months, replacedIn }) => {
      if (replacedIn.has(each)) return true;
      const facts = months.get(each);
      const end = addDays(monthSpan(each).end, -dataTolerance);
      return facts?.state === "whole" && facts.settledUntil !== null && facts.settledUntil >= end;
    });
  const months = new Set(loadedMonthsOf(included).filter((each) => each === before || isSettled(each)));
  return { month, days, settled: { month, days, months }, reason: null };
}

/** The months whose charges a forecast reads. */
export function monthsOf({ month }: SettledDays): readonly BillingMonth[] {
  return [...earlierMonths(month, neededMonths), month];
}

const category = field("ChargeCategory");
const isUsage = isOneOf(category, "Usage");

/** What forecasts and budgets add up: usage, with unused commitments, and purchases that are not commitments. */
export const isSpending: Condition = all(
  some(isUsage, all(isOneOf(category, "Purchase"), not(present(field("CommitmentDiscountId"))))),
  not(isCorrection),
);

/** Reads the charges of a forecast: by currency, key, month and, of usage, day. */
export async function dailyCharges(
  bills: Bills,
  settled: SettledDays,
  { key, conditions }: { readonly key?: Expression; readonly conditions: readonly Condition[] },
): Promise<readonly ChargeGroup[]> {
  return sumCharges(bills, {
    by: {
      currency: field("BillingCurrency"),
      month: field("x_BillingMonth"),
      day: where(isUsage, day(field("ChargePeriodStart", "timestamp"))),
      ...(key === undefined ? {} : { key }),
    },
    sum: { cost: field("EffectiveCost", "decimal") },
    rows: [isOneOf(field("x_BillingMonth"), ...monthsOf(settled)), ofExports(bills.exports), isSpending, ...conditions],
  });
}

/** The charges of one currency and key as costs by day. */
export function dailyCosts(groups: readonly ChargeGroup[]): DailyCosts {
  const usage = new Map<BillingMonth, Map<string, string>>();
  const fees = new Map<BillingMonth, string>();
  for (const { month, day: usageDay = null, cost } of groups) {
    if (month == null) continue;
    if (usageDay === null) fees.set(month, addDecimals([fees.get(month) ?? "0", cost ?? "0"]));
    else {
      const days = usage.get(month) ?? new Map<string, string>();
      usage.set(month, days.set(usageDay, addDecimals([days.get(usageDay) ?? "0", cost ?? "0"])));
    }
  }
  return { usage, fees };
}
