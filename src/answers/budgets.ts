import { checkArguments, date, names, optional, type Shape, text } from "../config/arguments.ts";
import type { Config } from "../config/config.ts";
import { type Expression, field, isOneOf } from "../focus/expression.ts";
import type { BillingMonth } from "../model.ts";
import type { ReadSource } from "../pipeline/open.ts";
import { compareDecimals, subtractDecimals } from "../schema/decimals.ts";
import { checkMonths } from "../schema/periods.ts";
import { addDecimals } from "../schema/sums.ts";
import { shareOf } from "./arithmetic.ts";
import { type AnswerOptions, type Bills, monthOfAnswer, readingBills } from "./bills.ts";
import { type Budget, readBudgets } from "./budget-list.ts";
import { type ChargeGroup, sumCharges } from "./charges.ts";
import { ofExports } from "./conditions.ts";
import { dimensionOf, plainAccount, plainAccountId } from "./dimensions.ts";
import { dailyCharges, dailyCosts, isSpending, monthsOf, runningMonth } from "./forecast.ts";
import { type Forecast, forecastOf, type SettledDays } from "./forecast-rule.ts";
import { type Answer, loadsOf } from "./loads.ts";

/** What `budgets` is about. */
export interface BudgetsOptions extends AnswerOptions {
  /** By default the newest loaded month that is over. */
  readonly month?: BillingMonth;
}

/** The answer of `budgets`. */
export interface BudgetsResult extends Answer {
  readonly month: BillingMonth;
  /** The largest share of its budget first. Empty without a list of budgets, and without one for the month. */
  readonly budgets: readonly BudgetUse[];
  /** Why a running month is not forecast, a clause; null if it is, and for a month that is over. */
  readonly reason: string | null;
}

/**
 * What was spent of a budget: effective cost of usage and of purchases that are not commitments, without tax, credits and
 * corrections, as in `forecast`. Amounts are exact decimal text, shares are rounded to 6 digits after the point.
 */
export interface BudgetUse {
  /** `total`, or a dimension such as `owner`, `account` or `tag:team`. */
  readonly by: string;
  /** Its value; null for `total`. */
  readonly value: string | null;
  readonly currency: string;
  readonly budget: string;
  readonly spent: string;
  /** spent / budget. */
  readonly share: string | null;
  /** budget - spent. */
  readonly left: string;
  /** What the running month will have cost at its end; null for other months, and where it cannot be forecast. */
  readonly forecast: Pick<Forecast, "forecast" | "band"> | null;
  /** forecast / budget. */
  readonly forecastShare: string | null;
}

/**
 * What was spent of each budget of a month. Errors: CONFIG_INVALID, USAGE_INVALID (also for a month that is not loaded),
 * WAREHOUSE_NOT_FOUND if nothing is loaded; FILE_NOT_FOUND, FILE_INVALID, VALUE_INVALID, LIMIT_EXCEEDED for the list of budgets;
 * and those of opening the warehouse.
 */
export async function budgets(config: Config, options: BudgetsOptions = {}): Promise<BudgetsResult> {
  checkArguments(config, options, budgetsRules);
  checkMonths({ only: options.month === undefined ? [] : [options.month] });
  return readingBills(config, options, (bills) => budgetsIn(bills, options));
}

const budgetsRules: Shape<BudgetsOptions> = { month: optional(text), pipelines: names, now: optional(date) };

/** The same of bills that are open, with checked options. */
export async function budgetsIn(bills: Bills, options: BudgetsOptions): Promise<Omit<BudgetsResult, keyof ReadSource>> {
  const { config, exports } = bills;
  const month = monthOfAnswer(bills, options.month);
  const { file } = config.budgets;
  const budgeted = file === null ? [] : ofMonth(await readBudgets(file, config.focus.tags), month);
  const running = runningMonth(bills);
  const settled = running.month === month ? running.settled : null;
  const uses: BudgetUse[] = [];
  for (const [by, own] of Map.groupBy(budgeted, (budget) => budget.by)) {
    uses.push(...usesOf(own, await chargesOf(bills, by, own, month, settled), month, settled));
  }
  return {
    month,
    budgets: uses.toSorted((one, other) => compareDecimals(other.share ?? "0", one.share ?? "0")),
    reason: running.month === month && budgeted.length > 0 ? running.reason : null,
    loads: budgeted.length === 0 ? [] : loadsOf(exports, settled === null ? [month] : monthsOf(settled)),
  };
}

/** The budgets of a month: one for the month itself is stronger than one for every month. */
function ofMonth(all: readonly Budget[], month: BillingMonth): readonly Budget[] {
  const nameOf = ({ by, value, currency }: Budget): string => JSON.stringify([by, value, currency]);
  const monthly = new Map(all.filter((budget) => budget.month === null).map((budget) => [nameOf(budget), budget]));
  const own = all.filter((budget) => budget.month === month).map((budget) => [nameOf(budget), budget] as const);
  return [...new Map([...monthly, ...own]).values()];
}

/** The charges that budgets of one dimension are about, by its values. */
async function chargesOf(
  bills: Bills,
  by: string,
  budgeted: readonly Budget[],
  month: BillingMonth,
  settled: SettledDays | null,
): Promise<readonly ChargeGroup[]> {
  const values = budgeted.flatMap(({ by: dimension, value }) => (value === null ? [] : valueOf(dimension, value)));
  const key = by === "total" ? undefined : keyOf(by, bills.config);
  const conditions = key === undefined ? [] : [isOneOf(key, ...values)];
  if (settled !== null) return dailyCharges(bills, settled, { conditions, ...(key === undefined ? {} : { key }) });
  return sumCharges(bills, {
    by: { currency: field("BillingCurrency"), month: field("x_BillingMonth"), ...(key === undefined ? {} : { key }) },
    sum: { cost: field("EffectiveCost", "decimal") },
    rows: [isOneOf(field("x_BillingMonth"), month), ofExports(bills.exports), isSpending, ...conditions],
  });
}

function keyOf(by: string, { focus }: Config): Expression {
  return by === "account" ? plainAccountId : dimensionOf(by, focus.tags);
}

/** A value as the key of charges has it. */
function valueOf(by: string, value: string): string {
  return by === "account" ? plainAccount(value) : value;
}

function usesOf(
  budgeted: readonly Budget[],
  charges: readonly ChargeGroup[],
  month: BillingMonth,
  settled: SettledDays | null,
): readonly BudgetUse[] {
  return budgeted.map(({ by, value, currency, amount }) => {
    const own = charges.filter(
      (charge) => charge["currency"] === currency && (value === null || charge["key"] === valueOf(by, value)),
    );
    const spent = addDecimals(own.filter((charge) => charge["month"] === month).map(({ cost }) => cost ?? "0"));
    const estimate = settled === null ? null : forecastOf(dailyCosts(own), settled);
    return {
      by,
      value,
      currency,
      budget: amount,
      spent,
      share: shareOf(spent, amount),
      left: subtractDecimals(amount, spent),
      forecast: estimate === null ? null : { forecast: estimate.forecast, band: estimate.band },
      forecastShare: estimate === null ? null : shareOf(estimate.forecast, amount),
    };
  });
}
