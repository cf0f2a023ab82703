import { checkArguments, count, date, listOf, names, optional, type Shape, text } from "../config/arguments.ts";
import type { Config } from "../config/config.ts";
import { BillhouseError, quoted } from "../errors.ts";
import { all, cases, type Expression, field, isOneOf, present, text as constant, where } from "../focus/expression.ts";
import { isCorrection } from "../focus/rollup-columns.ts";
import type { BillingMonth } from "../model.ts";
import type { ReadSource } from "../pipeline/open.ts";
import { compareDecimals, subtractDecimals } from "../schema/decimals.ts";
import { checkMonths } from "../schema/periods.ts";
import { addDecimals } from "../schema/sums.ts";
import { shareOf } from "./arithmetic.ts";
import {
  type AccountNames,
  accountNamesOf,
  type AnswerOptions,
  type Bills,
  byCurrency,
  readingBills,
} from "./bills.ts";
import { budgetsIn, type BudgetUse } from "./budgets.ts";
import { type ChargeGroup, type ChargeSums, countOthers, othersCount, sumCharges } from "./charges.ts";
import { inFirstDays, inMonths, ofExports } from "./conditions.ts";
import { changedSources } from "./counted.ts";
import { columnNamesOf, dimensionOf, filterConditions } from "./dimensions.ts";
import { forecastIn, type ForecastResult, runningMonth } from "./forecast.ts";
import { type Answer, loadsOf } from "./loads.ts";
import { type Measure, measures } from "./measures.ts";
import {
  type Comparison,
  compare,
  type LoadedExport,
  monthsIn,
  newestMonth,
  partialMonths,
  type Period,
  periodBefore,
  periodFrom,
  requireLoaded,
} from "./periods.ts";
import { unmatchedFilters } from "./unmatched.ts";

/** What `costs` sums. */
export interface CostsOptions extends AnswerOptions {
  /** The first and the last billing month; by default the newest loaded month that is over. One alone is both. */
  readonly from?: BillingMonth;
  readonly to?: BillingMonth;
  /** The first month of the period of equal length that it is compared with; by default the period before. */
  readonly vs?: BillingMonth;
  /** Dimensions such as `service`, `account` or `tag:team`; by default `service`. An empty list gives only totals. */
  readonly by?: readonly string[];
  /** By default `effective`. */
  readonly measure?: Measure;
  /** Only charges with these values, such as `service=Amazon EC2`; several of one dimension allow each of them. */
  readonly filters?: readonly string[];
  /** How many groups are listed; the others are added up as `rest`. By default all are listed. */
  readonly top?: number;
}

/** The answer of `costs`. All amounts are exact decimal text. */
export interface CostsResult extends Answer {
  readonly measure: Measure;
  readonly from: BillingMonth;
  readonly to: BillingMonth;
  /** The period of equal length that it is compared with. */
  readonly previousFrom: BillingMonth;
  readonly previousTo: BillingMonth;
  readonly by: readonly string[];
  readonly filters: readonly string[];
  readonly comparison: Comparison;
  /** The months of both periods with days that no delivery covers. */
  readonly partialMonths: readonly BillingMonth[];
  readonly exports: readonly IncludedExport[];
  /** What was spent of the budgets of the month: of one month of effective cost of all exports, without filters. Else empty. */
  readonly budgets: readonly BudgetUse[];
  /** What the running month will have cost: where the answer is about effective cost of that month alone; else null. */
  readonly forecast: Omit<ForecastResult, keyof Answer> | null;
  /** The names of the sub-accounts, where groups are by account. */
  readonly accountNames: AccountNames;
  /** Sentences on what the answer leaves out. */
  readonly notes: readonly string[];
  /** By currency: amounts of two currencies are never added up. */
  readonly currency: Readonly<Record<string, CurrencyCosts>>;
}

/** An export of an answer. */
export interface IncludedExport {
  readonly name: string;
  readonly cloud: string;
  /** The months of the period that are not loaded. */
  readonly missingMonths: readonly BillingMonth[];
}

/** The costs of one currency. */
export interface CurrencyCosts {
  /** Usage, unused commitments included, and purchases that are not commitments: the most expensive group first. */
  readonly rows: readonly CostRow[];
  /** The groups that are not listed, together. */
  readonly rest: CostRow & { readonly groups: number };
  /** What is not part of the groups: commitment purchases, credits, corrections, adjustments, tax. */
  readonly below: readonly (CostRow & { readonly charge: BelowCharge })[];
  /** Everything: the sum of the view. */
  readonly total: CostRow;
  /** `billed` = `effective` + `timing`, which is what was prepaid for later, or used of what was prepaid before. */
  readonly invoiced: { readonly billed: string; readonly effective: string; readonly timing: string };
}

/** Charges that groups do not hold. */
export type BelowCharge = "commitment purchases" | "credits" | "corrections" | "adjustments" | "tax";

/** An amount and its change. */
export interface CostRow {
  /** The value of each dimension; null where charges have none. */
  readonly keys: Readonly<Record<string, string | null>>;
  readonly cost: string;
  /** What is compared: `cost` itself, or of a running month the usage of its settled days; null without a comparison. */
  readonly compared: string | null;
  readonly previous: string | null;
  /** `compared` minus `previous`. */
  readonly change: string | null;
  /** `cost` as a part of the total, rounded to 6 digits after the point; null if the total is zero. */
  readonly share: string | null;
}

/** The column of each measure. */
export const measureColumns: Readonly<Record<Measure, Expression>> = {
  effective: field("EffectiveCost", "decimal"),
  billed: field("BilledCost", "decimal"),
  list: field("ListCost", "decimal"),
  contracted: field("ContractedCost", "decimal"),
};

const category = field("ChargeCategory");

/** The kinds of charges, first match: `groups`, or one of `belowCharges`. */
export const chargeKind: Expression = cases(
  [
    [isCorrection, constant("corrections")],
    [isOneOf(category, "Tax"), constant("tax")],
    [isOneOf(category, "Credit"), constant("credits")],
    [all(isOneOf(category, "Purchase"), present(field("CommitmentDiscountId"))), constant("commitment purchases")],
    [isOneOf(category, "Usage", "Purchase"), constant("groups")],
  ],
  constant("adjustments"),
);

/** The kinds of charges that are not part of the groups. */
export const belowCharges: readonly BelowCharge[] = [
  "commitment purchases",
  "credits",
  "corrections",
  "adjustments",
  "tax",
];

/**
 * What was spent in a period, by the chosen dimensions, compared with the period before.
 * Errors: CONFIG_INVALID, USAGE_INVALID (also for a month that is not loaded), WAREHOUSE_NOT_FOUND if nothing is loaded,
 * and those of opening the warehouse.
 */
export async function costs(config: Config, options: CostsOptions = {}): Promise<CostsResult> {
  checkArguments(config, options, costsRules);
  checkMeasure(options.measure);
  checkMonths({ ...options, ...(options.vs === undefined ? {} : { only: [options.vs] }) });
  return readingBills(config, options, async (bills) => {
    const summed = await costsIn(bills, options);
    const period = { from: summed.from, to: summed.to };
    const budgets = await budgetsOfMonth(bills, period, options);
    return { ...summed, budgets, forecast: await forecastOfMonth(bills, period, options) };
  });
}

/** Costs without budgets and forecast. */
export type SummedCosts = Omit<CostsResult, keyof ReadSource | "budgets" | "forecast">;

/** The sums of `costs` in bills that are open, with checked options. */
export async function costsIn(bills: Bills, options: CostsOptions): Promise<SummedCosts> {
  const { by = ["service"], measure = "effective", filters = [], top = Infinity } = options;
  const { config, exports } = bills;
  const dimensions = by.map((name) => dimensionOf(name, config.focus.tags));
  const columns = columnNamesOf(by);
  const conditions = filterConditions(filters, config.focus.tags);
  const period = periodOf(options, bills);
  const before = options.vs === undefined ? periodBefore(period) : periodFrom(options.vs, monthsIn(period));
  const single = onePeriodDimensions.find((name) => by.includes(name));
  const comparison: Comparison =
    single === undefined
      ? compare(exports, period, before, filters)
      : { kind: "none", reason: `each ${single} is a group of its own` };
  const azure = exports.filter(
    ({ cloud, months }) => cloud === "azure" && monthsIn(period).some((of) => months.has(of)),
  );
  const groups = await sumCharges(bills, {
    by: {
      currency: field("BillingCurrency"),
      kind: chargeKind,
      ...Object.fromEntries(dimensions.map((dimension, index) => [columns[index] ?? "", dimension])),
    },
    sum: sumsOf(measureColumns[measure], { period, before, comparison }),
    greatest: {
      ...(by.includes("account") ? { accountName: field("SubAccountName") } : {}),
      ...Object.fromEntries(
        azure.map((each) => [
          `from ${each.name}`,
          where(all(inMonths([period]), ofExports([each])), field("x_Export")),
        ]),
      ),
    },
    rows: [inMonths(comparison.kind === "none" ? [period] : [before, period]), ofExports(exports), ...conditions],
    // A bill can have a million resources.
    ...(by.includes("resource") && top !== Infinity ? { most: top, within: ["currency", "kind"] } : {}),
  });
  const unmatched = groups.length === 0 ? await unmatchedFilters(bills, filters, period) : [];
  return {
    measure,
    from: period.from,
    to: period.to,
    previousFrom: before.from,
    previousTo: before.to,
    by,
    filters,
    comparison,
    partialMonths: partialMonths(exports, [before, period]),
    exports: exports.flatMap(({ name, cloud, months, replacedIn }) => {
      const own = monthsIn(period).filter((month) => !replacedIn.has(month));
      return own.length === 0 ? [] : [{ name, cloud, missingMonths: own.filter((month) => !months.has(month)) }];
    }),
    accountNames: accountNamesOf(groups, columns[by.indexOf("account")] ?? ""),
    notes: [
      ...unmatched,
      ...(comparison.kind === "none" ? [] : changedSources(exports, before, period)),
      ...notesOn(azure.filter(({ name }) => groups.some((group) => group[`from ${name}`] != null))),
    ],
    loads: loadsOf(exports, [...monthsIn(before), ...monthsIn(period)]),
    currency: byCurrency(groups, (own) => currencyCosts(own, by, top, comparison)),
  };
}

async function forecastOfMonth(
  bills: Bills,
  { from, to }: Period,
  { measure = "effective", filters = [] }: CostsOptions,
): Promise<CostsResult["forecast"]> {
  if (from !== to || measure !== "effective" || runningMonth(bills).month !== from) return null;
  const { month, settledDays, reason, currency } = await forecastIn(bills, { filters });
  return { month, settledDays, reason, currency };
}

async function budgetsOfMonth(
  bills: Bills,
  { from, to }: Period,
  { measure = "effective", filters = [], pipelines = [] }: CostsOptions,
): Promise<readonly BudgetUse[]> {
  const isWhole = from === to && measure === "effective" && filters.length === 0 && pipelines.length === 0;
  return isWhole ? (await budgetsIn(bills, { month: from })).budgets : [];
}

const costsRules: Shape<CostsOptions> = {
  from: optional(text),
  to: optional(text),
  vs: optional(text),
  pipelines: names,
  by: optional(listOf(text)),
  measure: optional(text),
  filters: optional(listOf(text)),
  top: optional(count),
  now: optional(date),
};

/** Dimensions whose values are of one period each: the period before cannot have the same groups. */
const onePeriodDimensions: readonly string[] = ["month", "day", "invoice"];

/** Error: USAGE_INVALID. */
export function checkMeasure(measure: string | undefined): void {
  if (measure === undefined || measures.some((known) => known === measure)) return;
  throw new BillhouseError("USAGE_INVALID", `${quoted(measure)} is not a measure of cost.`, {
    hint: `Choose from ${measures.join(", ")}.`,
  });
}

function periodOf({ from, to }: CostsOptions, { exports, now }: Bills): Period {
  const [first = from, last = to] = [from ?? to, to ?? from];
  const newest = newestMonth(exports, now);
  const period = { from: first ?? newest, to: last ?? newest };
  requireLoaded(exports, period);
  return period;
}

function sumsOf(
  cost: Expression,
  { period, before, comparison }: { period: Period; before: Period; comparison: Comparison },
): NonNullable<ChargeSums["sum"]> {
  const isDays = comparison.kind === "days";
  return {
    cost: where(inMonths([period]), cost),
    billed: where(inMonths([period]), measureColumns.billed),
    effective: where(inMonths([period]), measureColumns.effective),
    previous: where(isDays ? inFirstDays(before.to, comparison.days) : inMonths([before]), cost),
    ...(isDays ? { compared: where(inFirstDays(period.to, comparison.days), cost) } : {}),
  };
}

function currencyCosts(
  groups: readonly ChargeGroup[],
  by: readonly string[],
  top: number,
  comparison: Comparison,
): CurrencyCosts {
  const whole = rowOf(groups, {}, null, comparison);
  const columns = columnNamesOf(by);
  const rowFor = (own: readonly ChargeGroup[], keys: CostRow["keys"]): CostRow =>
    rowOf(own, keys, whole.cost, comparison);
  const grouped = groups.filter((group) => group["kind"] === "groups");
  const added = grouped.filter((group) => group[othersCount] != null);
  const ranked = grouped
    .filter((group) => group[othersCount] == null)
    .map((group) => ({
      group,
      row: rowFor([group], Object.fromEntries(by.map((name, index) => [name, group[columns[index] ?? ""] ?? null]))),
    }))
    .toSorted((one, other) => compareDecimals(other.row.cost, one.row.cost) || compareKeys(one.row, other.row));
  const listed = by.length === 0 ? [] : ranked.slice(0, top);
  const others = [...ranked.slice(listed.length).map(({ group }) => group), ...added];
  const rows = listed.map(({ row }) => row);
  const rest = rowFor(others, {});
  const billed = totalOf(groups, "billed");
  const effective = totalOf(groups, "effective");
  return {
    rows: by.some((name) => name === "month" || name === "day") ? rows.toSorted(compareKeys) : rows,
    rest: { ...rest, groups: ranked.length - listed.length + countOthers(added) },
    below: belowCharges.flatMap((charge) => {
      const own = groups.filter((group) => group["kind"] === charge);
      return own.length === 0 ? [] : [{ charge, ...rowFor(own, {}) }];
    }),
    total: rowFor(groups, {}),
    invoiced: { billed, effective, timing: subtractDecimals(billed, effective) },
  };
}

function rowOf(
  groups: readonly ChargeGroup[],
  keys: CostRow["keys"],
  whole: string | null,
  comparison: Comparison,
): CostRow {
  const cost = totalOf(groups, "cost");
  const share = whole === null ? null : shareOf(cost, whole);
  if (comparison.kind === "none") return { keys, cost, compared: null, previous: null, change: null, share };
  const now = comparison.kind === "days" ? totalOf(groups, "compared") : cost;
  const previous = totalOf(groups, "previous");
  return { keys, cost, compared: now, previous, change: subtractDecimals(now, previous), share };
}

function totalOf(groups: readonly ChargeGroup[], name: string): string {
  return addDecimals(groups.map((group) => group[name] ?? "0"));
}

/** By the text of the keys, so that the order of groups of one cost is always the same. */
function compareKeys(one: CostRow, other: CostRow): number {
  const [first, second] = [one, other].map(({ keys }) => JSON.stringify(Object.values(keys)));
  return (first ?? "") < (second ?? "") ? -1 : 1;
}

/** What Azure exports with charges in the answer lack. Some credits are rows of them, others are only on invoices. */
function notesOn(azure: readonly LoadedExport[]): readonly string[] {
  if (azure.length === 0) return [];
  const names = azure.map(({ name }) => name).join(", ");
  return [
    `Azure cost exports (${names}) do not contain tax, support plans, or all of the credits that invoices apply.`,
  ];
}
