import { checkArguments, count, date, listOf, names, optional, type Shape, text } from "../config/arguments.ts";
import type { Config } from "../config/config.ts";
import { BillhouseError, quoted } from "../errors.ts";
import {
  all,
  cases,
  type Condition,
  day,
  field,
  isOneOf,
  not,
  present,
  some,
  text as constant,
  where,
} from "../focus/expression.ts";
import { isCorrection, isOfOneDay } from "../focus/rollup-columns.ts";
import type { BillingMonth } from "../model.ts";
import type { ReadSource } from "../pipeline/open.ts";
import { compareDecimals } from "../schema/decimals.ts";
import { addDays, checkMonths, countDays, monthSpan } from "../schema/periods.ts";
import { addDecimals } from "../schema/sums.ts";
import {
  type AccountNames,
  accountNamesOf,
  type AnswerOptions,
  type Bills,
  byCurrency,
  readingBills,
} from "./bills.ts";
import { type ChargeGroup, countOthers, othersCount, sumCharges } from "./charges.ts";
import { inMonths, ofExports } from "./conditions.ts";
import { type BelowCharge, belowCharges, chargeKind, checkMeasure, measureColumns } from "./costs.ts";
import { dimensionOf, filterConditions } from "./dimensions.ts";
import { type Answer, loadsOf } from "./loads.ts";
import type { Measure } from "./measures.ts";
import { type LoadedExport, monthsIn, newestMonth, requireLoaded } from "./periods.ts";

/** What `series` sums. */
export interface SeriesOptions extends AnswerOptions {
  /** The first and the last billing month; by default the newest loaded month that is over. One alone is both. */
  readonly from?: BillingMonth;
  readonly to?: BillingMonth;
  /** `day` or `month`; by default `month`. */
  readonly grain?: "day" | "month";
  /** A dimension as in `costs`; by default `service`. */
  readonly by?: string;
  /** By default `effective`. */
  readonly measure?: Measure;
  /** As in `costs`. */
  readonly filters?: readonly string[];
  /** How many groups are listed: those with the highest sums. The others are added up as `rest`. By default all are listed. */
  readonly top?: number;
}

/** Costs over time. All amounts are exact decimal text, one for each bucket. */
export interface SeriesResult extends Answer {
  readonly grain: "day" | "month";
  readonly from: BillingMonth;
  readonly to: BillingMonth;
  readonly by: string;
  readonly measure: Measure;
  readonly filters: readonly string[];
  readonly buckets: readonly TimeBucket[];
  /** The names of the sub-accounts, where groups are by account. */
  readonly accountNames: AccountNames;
  readonly currency: Readonly<Record<string, CurrencySeries>>;
}

/** A day or a month. */
export interface TimeBucket {
  /** `2025-03-07` or `2025-03`. */
  readonly name: string;
  /** Whether an export may still add charges to it, or lacks it. */
  readonly isOpen: boolean;
}

/** Costs over time in one currency. */
export interface CurrencySeries {
  /** The groups with the highest sums, first. */
  readonly groups: readonly GroupSeries[];
  readonly rest: { readonly groups: number; readonly amounts: readonly string[]; readonly total: string };
  /** The charges that groups do not hold. Empty by day. */
  readonly below: readonly {
    readonly charge: BelowCharge;
    readonly amounts: readonly string[];
    readonly total: string;
  }[];
  /** The sums of each bucket. */
  readonly amounts: readonly string[];
  readonly total: string;
  /** What belongs to no day: charges for longer periods, taxes, credits and corrections. Zero by month. */
  readonly undated: string;
}

/** Costs of a group over time. */
export interface GroupSeries {
  /** Null where charges lack one. */
  readonly key: string | null;
  readonly amounts: readonly string[];
  readonly total: string;
}

/** Usage of a single day at most. Fees of a month would otherwise make its first day the most expensive one. */
const isDated: Condition = all(isOneOf(field("ChargeCategory"), "Usage"), not(isCorrection), isOfOneDay);

/**
 * Costs of a period by month or by day. By month all charges are part of a bucket, so that it equals the sum of the view.
 * Errors: CONFIG_INVALID, USAGE_INVALID (also for a month that is not loaded), WAREHOUSE_NOT_FOUND if nothing is loaded,
 * and those of opening the warehouse.
 */
export async function series(config: Config, options: SeriesOptions = {}): Promise<SeriesResult> {
  checkArguments(config, options, seriesRules);
  checkGrain(options.grain);
  checkMeasure(options.measure);
  checkMonths(options);
  return readingBills(config, options, (bills) => seriesIn(bills, options));
}

/** The same of bills that are open, with checked options. */
export async function seriesIn(bills: Bills, options: SeriesOptions): Promise<Omit<SeriesResult, keyof ReadSource>> {
  const { grain = "month", by = "service", measure = "effective", filters = [], top = Infinity } = options;
  const { config, exports, now } = bills;
  const newest = newestMonth(exports, now);
  const period = { from: options.from ?? options.to ?? newest, to: options.to ?? options.from ?? newest };
  requireLoaded(exports, period);
  const months = monthsIn(period);
  const key = dimensionOf(by, config.focus.tags);
  const rows = [inMonths([period]), ofExports(exports), ...filterConditions(filters, config.focus.tags)];
  // A bill can have a million resources on each day: first it is asked which of them are listed.
  const largest =
    by === "resource" && top !== Infinity
      ? await sumCharges(bills, {
          by: { currency: field("BillingCurrency"), key },
          sum: { cost: measureColumns[measure] },
          rows: [...rows, isOneOf(chargeKind, "groups"), ...(grain === "day" ? [isDated] : [])],
          most: top,
          within: ["currency"],
        })
      : null;
  const keys = (largest ?? []).flatMap((group) => group["key"] ?? []);
  const isListed = keys.length === 0 ? some() : isOneOf(key, ...keys);
  const groups = await sumCharges(bills, {
    by: {
      currency: field("BillingCurrency"),
      bucket: grain === "month" ? field("x_BillingMonth") : usageDay,
      kind: chargeKind,
      key: largest === null ? key : where(isListed, key),
      ...(largest === null
        ? {}
        : { other: cases([[all(present(key), not(isListed)), constant("yes")]], constant("no")) }),
    },
    sum: { cost: measureColumns[measure] },
    ...(by === "account" ? { greatest: { accountName: field("SubAccountName") } } : {}),
    rows,
  });
  const buckets = grain === "month" ? monthBuckets(exports, months) : dayBuckets(exports, months);
  const shape = { names: buckets.map(({ name }) => name), top, largest };
  return {
    grain,
    ...period,
    by,
    measure,
    filters,
    buckets,
    accountNames: by === "account" ? accountNamesOf(groups, "key") : {},
    loads: loadsOf(exports, months),
    currency: byCurrency(groups, (own, currency) => currencySeries(own, currency, shape)),
  };
}

const seriesRules: Shape<SeriesOptions> = {
  from: optional(text),
  to: optional(text),
  grain: optional(text),
  by: optional(text),
  measure: optional(text),
  filters: optional(listOf(text)),
  top: optional(count),
  pipelines: names,
  now: optional(date),
};

/** The day of usage; the empty text for what belongs to no day. */
const usageDay = cases([[isDated, day(field("ChargePeriodStart", "timestamp"))]], constant(""));

function checkGrain(grain: string | undefined): void {
  if (grain === undefined || grain === "day" || grain === "month") return;
  throw new BillhouseError("USAGE_INVALID", `Costs cannot be shown by ${quoted(grain)}.`, {
    hint: "Choose from day, month.",
  });
}

function monthBuckets(exports: readonly LoadedExport[], months: readonly BillingMonth[]): TimeBucket[] {
  return months.map((month) => {
    // An export that starts later does not lack the month.
    const started = exports.filter(({ months: own }) => [...own.keys()].some((each) => each <= month));
    return {
      name: month,
      isOpen: started.some((each) => (each.months.get(month)?.state ?? "open") !== "whole"),
    };
  });
}

/** The days of loaded months. Of a running month only the days up to the last one that some export has settled. */
function dayBuckets(exports: readonly LoadedExport[], months: readonly BillingMonth[]): TimeBucket[] {
  return months.flatMap((month) => {
    const facts = exports.flatMap((each) => each.months.get(month) ?? []);
    if (facts.length === 0) return [];
    const settled = facts.map(({ settledUntil }) => settledUntil ?? "");
    const [first = "", last = first] = [settled.toSorted().at(0), settled.toSorted().at(-1)];
    const span = monthSpan(month);
    const isRunning = facts.some(({ state }) => state === "open");
    const shown = isRunning ? countDays({ start: span.start, end: addDays(last === "" ? span.start : last, 3) }) : 31;
    return Array.from({ length: Math.min(shown, countDays(span)) }, (_, index) => {
      const name = addDays(span.start, index);
      return { name, isOpen: isRunning && name > first };
    });
  });
}

function currencySeries(
  groups: readonly ChargeGroup[],
  currency: string,
  {
    names,
    top,
    largest,
  }: { readonly names: readonly string[]; readonly top: number; readonly largest: readonly ChargeGroup[] | null },
): CurrencySeries {
  const known = new Set(names);
  const isIn = ({ bucket }: ChargeGroup): boolean => known.has(bucket ?? "");
  const dated = groups.filter(isIn);
  const grouped = [
    ...Map.groupBy(
      dated.filter(({ kind, other }) => kind === "groups" && other !== "yes"),
      ({ key }) => key ?? null,
    ),
  ]
    .map(([key, own]): GroupSeries => ({ key, ...amountsOf(own, names) }))
    .toSorted(
      (one, other) => compareDecimals(other.total, one.total) || ((one.key ?? "") < (other.key ?? "") ? -1 : 1),
    );
  const others = new Set(grouped.slice(top).map(({ key }) => key));
  const rest = dated.filter(
    ({ kind, key, other }) => kind === "groups" && (other === "yes" || others.has(key ?? null)),
  );
  const own = (largest ?? []).filter((group) => (group["currency"] ?? "") === currency);
  const listed = grouped.slice(0, top);
  const count =
    largest === null
      ? others.size
      : countOthers(own) + own.filter((group) => group[othersCount] == null).length - listed.length;
  return {
    groups: listed,
    rest: { groups: count, ...amountsOf(rest, names) },
    below: belowCharges.flatMap((charge) => {
      const own = dated.filter(({ kind }) => kind === charge);
      return own.length === 0 ? [] : [{ charge, ...amountsOf(own, names) }];
    }),
    ...amountsOf(dated, names),
    undated: addDecimals(groups.filter((group) => !isIn(group)).map(({ cost }) => cost ?? "0")),
  };
}

function amountsOf(
  groups: readonly ChargeGroup[],
  names: readonly string[],
): { readonly amounts: readonly string[]; readonly total: string } {
  const buckets = Map.groupBy(groups, ({ bucket }) => bucket ?? "");
  const amounts = names.map((name) => addDecimals((buckets.get(name) ?? []).map(({ cost }) => cost ?? "0")));
  return { amounts, total: addDecimals(amounts) };
}
