import { checkArguments, date, names, optional, type Shape, text } from "../config/arguments.ts";
import type { Config } from "../config/config.ts";
import { field, isOneOf } from "../focus/expression.ts";
import type { BillingMonth } from "../model.ts";
import { subtractDecimals } from "../schema/decimals.ts";
import { checkMonths } from "../schema/periods.ts";
import { type AnswerOptions, byCurrency, monthOfAnswer, readingBills } from "./bills.ts";
import { type ChargeGroup, sumCharges } from "./charges.ts";
import { monthsUpTo, ofUsage, savingsRate, type UsageSum, usageSums } from "./commitments.ts";
import { ofExports } from "./conditions.ts";
import { type Answer, loadsOf } from "./loads.ts";

/** What `savings` is about. */
export interface SavingsOptions extends AnswerOptions {
  /** The last month; by default the newest loaded month that is over. */
  readonly month?: BillingMonth;
}

/** What became of list prices. Amounts are exact decimal text of usage without corrections. */
export interface SavingsResult extends Answer {
  readonly month: BillingMonth;
  /** By currency: the loaded months up to the last one, at most 13, oldest first. */
  readonly currency: Readonly<Record<string, readonly MonthSavings[]>>;
}

/** From list prices to effective cost: list - negotiated - committed - others + unused = effective. */
export interface MonthSavings {
  readonly month: BillingMonth;
  readonly list: string;
  /** List cost minus contracted cost. */
  readonly negotiated: string;
  /** What covered usage costs less than at negotiated prices. */
  readonly committed: string;
  /** The same of usage that no commitment covers, such as spot instances. */
  readonly others: string;
  /** What was paid for commitments and not used. */
  readonly unused: string;
  readonly effective: string;
  /** As in `commitments`; null without list cost. */
  readonly rate: string | null;
}

/**
 * What negotiated prices and commitments took off list prices, month by month. Errors: CONFIG_INVALID, USAGE_INVALID (also for a
 * month that is not loaded), WAREHOUSE_NOT_FOUND if nothing is loaded, and those of opening the warehouse.
 */
export async function savings(config: Config, options: SavingsOptions = {}): Promise<SavingsResult> {
  checkArguments(config, options, savingsRules);
  checkMonths({ only: options.month === undefined ? [] : [options.month] });
  return readingBills(config, options, async (bills) => {
    const month = monthOfAnswer(bills, options.month);
    const months = monthsUpTo(bills, month);
    const groups = await sumCharges(bills, {
      by: { currency: field("BillingCurrency"), month: field("x_BillingMonth") },
      sum: usageSums,
      rows: [ofExports(bills.exports), isOneOf(field("x_BillingMonth"), ...months), ...ofUsage],
    });
    return {
      month,
      loads: loadsOf(bills.exports, months),
      currency: byCurrency(groups, (own) => own.map(savingsOf).toSorted(byMonth)),
    };
  });
}

const savingsRules: Shape<SavingsOptions> = { month: optional(text), pipelines: names, now: optional(date) };

function savingsOf(group: ChargeGroup): MonthSavings {
  const of = (name: UsageSum): string => group[name] ?? "0";
  const [list, contracted, effective, unused] = [
    of("usageListed"),
    of("usageContracted"),
    of("effective"),
    of("unused"),
  ];
  const committed = subtractDecimals(of("contracted"), of("used"));
  const negotiated = subtractDecimals(list, contracted);
  // What is paid for usage is the effective cost without unused commitments.
  const discounts = subtractDecimals(contracted, subtractDecimals(effective, unused));
  return {
    month: group["month"] ?? "",
    list,
    negotiated,
    committed,
    others: subtractDecimals(discounts, committed),
    unused,
    effective,
    rate: savingsRate(list, effective),
  };
}

function byMonth(one: MonthSavings, other: MonthSavings): number {
  return one.month < other.month ? -1 : 1;
}
