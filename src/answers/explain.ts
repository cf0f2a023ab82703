import { checkArguments, count, date, listOf, names, optional, type Shape, text } from "../config/arguments.ts";
import type { Config } from "../config/config.ts";
import { BillhouseError, quoted } from "../errors.ts";
import { type Condition, some } from "../focus/expression.ts";
import type { BillingMonth } from "../model.ts";
import type { ReadSource } from "../pipeline/open.ts";
import { compareDecimals, subtractDecimals } from "../schema/decimals.ts";
import { checkMonths } from "../schema/periods.ts";
import { addDecimals } from "../schema/sums.ts";
import { isZero, magnitude, plus, shareOf } from "./arithmetic.ts";
import {
  type AccountNames,
  accountNamesOf,
  type AnswerOptions,
  type Bills,
  byCurrency,
  monthOfAnswer,
  readingBills,
} from "./bills.ts";
import { type ChargeGroup, sumCharges } from "./charges.ts";
import { inFirstDays, inMonths, ofExports } from "./conditions.ts";
import { changedSources } from "./counted.ts";
import { filterConditions } from "./dimensions.ts";
import { type CellAmount, type CellKeys, costsOf, decompose, sumParts, timingOf } from "./explain-cells.ts";
import { detailsOf } from "./explain-details.ts";
import type { Driver, DriverDetails, ExplainedChange, Explanation } from "./explanation.ts";
import { explainInWords } from "./explain-sentence.ts";
import { cellSums } from "./explain-sums.ts";
import { type Answer, loadsOf } from "./loads.ts";
import { driverDimensions } from "./parts.ts";
import { type Comparison, compare, periodBefore, requireLoaded } from "./periods.ts";

/** What `explain` compares. */
export interface ExplainOptions extends AnswerOptions {
  /** By default the newest loaded month that is over. */
  readonly month?: BillingMonth;
  /** The month that it is compared with; by default the previous month. */
  readonly vs?: BillingMonth;
  /** `provider`, `account`, `owner`, `service`, `region`, `sku`: by default service, SKU and account. It only groups the drivers. */
  readonly by?: readonly string[];
  /** By default `effective`. */
  readonly measure?: "effective" | "billed";
  /** As in `costs`. */
  readonly filters?: readonly string[];
  /** How many drivers are listed; by default all. */
  readonly top?: number;
  /** Of how many of the largest drivers the resources and days are read; by default of none. */
  readonly drill?: number;
}

/** The answer of `explain`. All amounts are exact decimal text. */
export interface ExplainResult extends Answer {
  readonly month: BillingMonth;
  readonly vs: BillingMonth;
  readonly measure: "effective" | "billed";
  readonly filters: readonly string[];
  readonly by: readonly (keyof CellKeys)[];
  /** `months`, or `days` where one of them is running: then only the usage of these days is compared. */
  readonly comparison: Comparison;
  /** The names of the sub-accounts of both months. */
  readonly accountNames: AccountNames;
  /** Sentences on what is compared: that other exports count for one of the months. */
  readonly notes: readonly string[];
  readonly currency: Readonly<Record<string, Explanation>>;
}

/**
 * Splits the difference between two months into usage, price, exchange rates, commitments, discounts and other parts, exactly.
 * Errors: CONFIG_INVALID, USAGE_INVALID (also for months that are not loaded or cannot be compared), WAREHOUSE_NOT_FOUND if
 * nothing is loaded, and those of opening the warehouse.
 */
export async function explain(config: Config, options: ExplainOptions = {}): Promise<ExplainResult> {
  checkArguments(config, options, explainRules);
  const { measure = "effective" } = options;
  if (measure !== "effective" && measure !== "billed") throw unknownMeasure(measure);
  checkMonths({ only: [options.month, options.vs].filter((month) => month !== undefined) });
  return readingBills(config, options, (bills) => explainIn(bills, options));
}

/** The same of bills that are open, with checked options. */
export async function explainIn(bills: Bills, options: ExplainOptions): Promise<Omit<ExplainResult, keyof ReadSource>> {
  const { measure = "effective", filters = [], top = Infinity, drill = 0 } = options;
  const by = (options.by ?? ["service", "sku", "account"]).map(driverDimension);
  const { exports } = bills;
  const month = monthOfAnswer(bills, options.month);
  const period = { from: month, to: month };
  const vs = options.vs ?? periodBefore(period).to;
  const before = { from: vs, to: vs };
  requireLoaded(exports, before);
  const comparison = compare(exports, period, before, filters);
  if (comparison.kind === "none" || month === vs) throw notComparable(month, vs, comparison);
  const months =
    comparison.kind === "days"
      ? some(inFirstDays(vs, comparison.days), inFirstDays(month, comparison.days))
      : inMonths([before, period]);
  const rows = [months, ofExports(exports), ...filterConditions(filters, bills.config.focus.tags)];
  const groups = await sumCharges(bills, cellSums(vs, rows, by));
  const accountNames = accountNamesOf(groups, "account");
  const explanations = byCurrency(groups, (own, currency) =>
    explanation(own, { month, vs, comparison, measure, by, top, currency, accountNames }),
  );
  return {
    month,
    vs,
    measure,
    filters,
    by,
    comparison,
    loads: loadsOf(exports, [vs, month]),
    accountNames,
    notes: changedSources(exports, before, period),
    currency: await withDetails(bills, explanations, { vs, rows, drill }),
  };
}

/** The explanations with the resources and days of the largest drivers of each. */
async function withDetails(
  bills: Bills,
  explanations: ExplainResult["currency"],
  { drill, ...scope }: { readonly drill: number; readonly vs: BillingMonth; readonly rows: readonly Condition[] },
): Promise<ExplainResult["currency"]> {
  const detailed: Record<string, Explanation> = {};
  for (const [currency, own] of Object.entries(explanations)) {
    const details: DriverDetails[] = [];
    for (const driver of own.drivers.slice(0, drill)) {
      details.push(await detailsOf(bills, driver, { ...scope, currency }));
    }
    detailed[currency] = { ...own, details };
  }
  return detailed;
}

const explainRules: Shape<ExplainOptions> = {
  month: optional(text),
  vs: optional(text),
  pipelines: names,
  by: optional(listOf(text)),
  measure: optional(text),
  filters: optional(listOf(text)),
  top: optional(count),
  drill: optional(count),
  now: optional(date),
};

function driverDimension(name: string): keyof CellKeys {
  const known = driverDimensions.find((dimension) => dimension === name);
  if (known !== undefined) return known;
  throw new BillhouseError("USAGE_INVALID", `The causes of a change cannot be grouped by ${quoted(name)}.`, {
    hint: `Choose from ${driverDimensions.join(", ")}.`,
  });
}

function unknownMeasure(measure: string): BillhouseError {
  return new BillhouseError("USAGE_INVALID", `A change of ${quoted(measure)} cost cannot be explained.`, {
    hint: "Choose from effective, billed.",
  });
}

function notComparable(month: BillingMonth, vs: BillingMonth, comparison: Comparison): BillhouseError {
  const reason = comparison.kind === "none" ? comparison.reason : "they are the same month";
  return new BillhouseError("USAGE_INVALID", `${month} cannot be compared with ${vs}: ${reason}.`, {
    hint: "billhouse status shows which months are loaded and complete. Choose two of them with --month and --vs, and no --filter by day, month or invoice.",
  });
}

/** Explains the difference of one currency. Pure. */
export function explanation(groups: readonly ChargeGroup[], change: ExplainedChange): Explanation {
  const [before, after] = costsOf(groups, change.measure);
  const difference = subtractDecimals(after, before);
  const { amounts, metered, estimated, priceIncludesFx, covered } = decompose(groups);
  const timing = change.measure === "billed" ? timingOf(groups) : "0";
  const parts = { ...sumParts(amounts), timing };
  const drivers = driversOf(amounts, change.by);
  const listed = drivers.slice(0, change.top);
  const others = drivers.slice(listed.length);
  const result = {
    before,
    after,
    difference,
    parts,
    residual: subtractDecimals(difference, addDecimals(Object.values(parts))),
    drivers: listed,
    details: [],
    rest: { drivers: others.length, amount: addDecimals(others.map(({ amount }) => amount)) },
    estimatedShare: shareOf(estimated, metered),
    priceIncludesFx,
  };
  return { sentence: explainInWords(result, covered, change), ...result };
}

/** The amounts of cells, added up by the chosen keys and part. */
function driversOf(amounts: readonly CellAmount[], by: readonly (keyof CellKeys)[]): readonly Driver[] {
  const keysOf = (cell: CellAmount): Driver["keys"] => Object.fromEntries(by.map((name) => [name, cell.keys[name]]));
  const nameOf = (cell: CellAmount): string => JSON.stringify([keysOf(cell), cell.part, cell.label]);
  const drivers = [...Map.groupBy(amounts, nameOf)].map(([name, [first, ...others]]) => {
    if (first === undefined) throw new TypeError("A group has an amount.");
    const amount = others.reduce((sum, other) => plus(sum, other.amount), first.amount);
    const meter = by.includes("sku") ? first.meter : null;
    return { name, driver: { keys: keysOf(first), part: first.part, amount, label: first.label, meter } };
  });
  return drivers
    .filter(({ driver }) => !isZero(driver.amount))
    .toSorted(
      (one, other) =>
        compareDecimals(magnitude(other.driver.amount), magnitude(one.driver.amount)) ||
        (one.name < other.name ? -1 : 1),
    )
    .map(({ driver }) => driver);
}
