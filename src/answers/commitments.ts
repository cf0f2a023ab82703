import { checkArguments, date, names, optional, type Shape, text } from "../config/arguments.ts";
import type { Config } from "../config/config.ts";
import {
  all,
  cases,
  type Condition,
  decimal,
  type Expression,
  field,
  isOneOf,
  matches,
  not,
  some,
  where,
} from "../focus/expression.ts";
import { isCommitmentEligible, isCorrection, isMissing } from "../focus/rollup-columns.ts";
import type { BillingMonth } from "../model.ts";
import type { ReadSource } from "../pipeline/open.ts";
import { compareDecimals, subtractDecimals } from "../schema/decimals.ts";
import { checkMonths } from "../schema/periods.ts";
import { addDecimals } from "../schema/sums.ts";
import { isZero, plus, shareOf } from "./arithmetic.ts";
import { type AnswerOptions, type Bills, byCurrency, monthOfAnswer, readingBills } from "./bills.ts";
import { type ChargeGroup, type ChargeSums, sumCharges } from "./charges.ts";
import { inMonths, ofExports } from "./conditions.ts";
import { type Answer, loadsOf } from "./loads.ts";

/** What `commitments` is about. */
export interface CommitmentsOptions extends AnswerOptions {
  /** By default the newest loaded month that is over. */
  readonly month?: BillingMonth;
}

/** The answer of `commitments`. Amounts and ratios are decimal text; ratios are rounded to 6 digits after the point. */
export interface CommitmentsResult extends Answer {
  readonly month: BillingMonth;
  /** Whether the month is over for every export. While it is not, fees of the whole month can count as unused. */
  readonly isOver: boolean;
  readonly currency: Readonly<Record<string, CurrencyCommitments>>;
}

/** The commitments that are paid in one currency. */
export interface CurrencyCommitments {
  /** The most unused first. */
  readonly rows: readonly CommitmentRow[];
  readonly total: CommitmentUse;
  /** The part of usage at contracted cost that commitments cover, without dynamic (spot) prices; null without usage. */
  readonly coverage: string | null;
  /** Of what `coverage` is a part: usage that a commitment could cover, or, where the bill does not say which, all usage. */
  readonly coverageOf: "eligible usage" | "all usage";
  /** As `savingsRate` computes it. */
  readonly effectiveSavingsRate: string | null;
  /** Net savings / contracted cost of usage without unused commitments. */
  readonly commitmentSavingsRate: string | null;
  /**
   * The part of the contracted cost of covered usage that is the public price, because the bill lacks the negotiated one:
   * savings are overstated where a discount was negotiated. Null without covered usage.
   */
  readonly publicPriceShare: string | null;
  /** The part whose contracted cost is missing, and counts as the effective cost: it shows no savings. */
  readonly missingPriceShare: string | null;
}

/** What became of commitments, in effective cost. */
export interface CommitmentUse {
  readonly used: string;
  readonly unused: string;
  /** used / (used + unused); null where nothing was committed. */
  readonly utilisation: string | null;
  /** What the covered usage costs at negotiated prices without the commitment. */
  readonly contracted: string;
  /** contracted - used - unused. */
  readonly netSavings: string;
}

/** One commitment. */
export interface CommitmentRow extends CommitmentUse {
  /** Null for covered usage that does not name its commitment. */
  readonly commitmentId: string | null;
  readonly name: string | null;
  readonly type: string | null;
  readonly provider: string | null;
}

const effective = field("EffectiveCost", "decimal");
const contractedCost = field("ContractedCost", "decimal");
const listCost = field("ListCost", "decimal");
const status = field("CommitmentDiscountStatus");
const isUsed = isOneOf(status, "Used");
const isUnused = isOneOf(status, "Unused");
const isStandard = all(isOneOf(field("PricingCategory"), "Standard"), not(isUsed), not(isUnused));
const isEligible = all(isStandard, isCommitmentEligible);

/** A cost, or the effective cost where it is missing. */
function known(cost: Expression): Expression {
  return cases([[isMissing(cost), effective]], cost);
}

/** The charges that commitments and savings are about. */
export const ofUsage: readonly Condition[] = [isOneOf(field("ChargeCategory"), "Usage"), not(isCorrection)];

/** The costs of usage: of what commitments cover and what of them is unused, and of all usage at each price. */
export const usageSums: Readonly<Record<UsageSum, Expression>> = {
  used: where(isUsed, effective),
  unused: where(isUnused, effective),
  contracted: where(isUsed, known(contractedCost)),
  effective,
  usageContracted: where(not(isUnused), known(contractedCost)),
  usageListed: where(not(isUnused), known(listCost)),
};

/** The names of `usageSums`. */
export type UsageSum = "used" | "unused" | "contracted" | "effective" | "usageContracted" | "usageListed";

/** The effective savings rate: 1 - effective cost of usage, unused commitments included, / list cost of usage without them. */
export function savingsRate(listed: string, paid: string): string | null {
  return shareOf(subtractDecimals(listed, paid), listed);
}

const sums: NonNullable<ChargeSums["sum"]> = {
  ...usageSums,
  contractedMissing: where(all(isUsed, isMissing(contractedCost)), effective),
  standard: where(isStandard, known(contractedCost)),
  eligible: where(isEligible, known(contractedCost)),
  eligibleRows: where(isEligible, decimal("1")),
};

/**
 * How commitments of a month were used, and what they saved. Corrections are left out.
 * Errors: CONFIG_INVALID, USAGE_INVALID (also for a month that is not loaded), WAREHOUSE_NOT_FOUND if nothing is loaded,
 * and those of opening the warehouse.
 */
export async function commitments(config: Config, options: CommitmentsOptions = {}): Promise<CommitmentsResult> {
  checkArguments(config, options, commitmentsRules);
  checkMonths({ only: options.month === undefined ? [] : [options.month] });
  return readingBills(config, options, (bills) => commitmentsIn(bills, options));
}

/** The same of bills that are open, with checked options. */
export async function commitmentsIn(
  bills: Bills,
  options: CommitmentsOptions,
): Promise<Omit<CommitmentsResult, keyof ReadSource>> {
  const month = monthOfAnswer(bills, options.month);
  const rows = [inMonths([{ from: month, to: month }]), ofExports(bills.exports), ...ofUsage];
  const groups = await sumCharges(bills, {
    by: {
      currency: field("BillingCurrency"),
      commitmentId: where(some(isUsed, isUnused), field("CommitmentDiscountId")),
      status,
    },
    sum: sums,
    greatest: {
      name: field("CommitmentDiscountName"),
      type: field("CommitmentDiscountType"),
      provider: field("HostProviderName"),
    },
    rows,
  });
  // The sums that are kept lack flags, and only covered usage needs them.
  const publicPrices = groups.every((group) => group["used"] == null)
    ? []
    : await sumCharges(bills, {
        by: { currency: field("BillingCurrency") },
        sum: { contracted: known(contractedCost) },
        rows: [...rows, isUsed, matches(field("x_QualityFlags"), "(^|,)ContractedCostFromListCost(,|$)")],
      });
  return {
    month,
    isOver: bills.exports.every(({ months }) => months.get(month)?.state !== "open"),
    loads: loadsOf(bills.exports, [month]),
    currency: byCurrency(groups, (own, currency) =>
      currencyCommitments(
        own,
        publicPrices.filter((group) => (group["currency"] ?? "") === currency),
      ),
    ),
  };
}

const commitmentsRules: Shape<CommitmentsOptions> = { month: optional(text), pipelines: names, now: optional(date) };

function currencyCommitments(
  groups: readonly ChargeGroup[],
  publicPrices: readonly ChargeGroup[],
): CurrencyCommitments {
  const total = useOf(groups);
  const covered = groups.filter((group) => group["status"] === "Used" || group["status"] === "Unused");
  const rows = [...Map.groupBy(covered, ({ commitmentId }) => commitmentId ?? null)].map(
    ([commitmentId, own]): CommitmentRow => ({
      commitmentId,
      name: firstOf(own, "name"),
      type: firstOf(own, "type"),
      provider: firstOf(own, "provider"),
      ...useOf(own),
    }),
  );
  const isEligibilityKnown = !isZero(totalOf(groups, "eligibleRows"));
  const uncovered = totalOf(groups, isEligibilityKnown ? "eligible" : "standard");
  const contracted = totalOf(groups, "usageContracted");
  const listed = totalOf(groups, "usageListed");
  return {
    rows: rows.toSorted(
      (one, other) =>
        compareDecimals(other.unused, one.unused) ||
        compareDecimals(other.used, one.used) ||
        ((one.commitmentId ?? "") < (other.commitmentId ?? "") ? -1 : 1),
    ),
    total,
    coverage: shareOf(total.contracted, plus(total.contracted, uncovered)),
    coverageOf: isEligibilityKnown ? "eligible usage" : "all usage",
    effectiveSavingsRate: savingsRate(listed, totalOf(groups, "effective")),
    commitmentSavingsRate: shareOf(total.netSavings, contracted),
    publicPriceShare: shareOf(totalOf(publicPrices, "contracted"), total.contracted),
    missingPriceShare: shareOf(totalOf(groups, "contractedMissing"), total.contracted),
  };
}

function useOf(groups: readonly ChargeGroup[]): CommitmentUse {
  const [used, unused, contracted] = [
    totalOf(groups, "used"),
    totalOf(groups, "unused"),
    totalOf(groups, "contracted"),
  ];
  const paid = plus(used, unused);
  return {
    used,
    unused,
    utilisation: shareOf(used, paid),
    contracted,
    netSavings: subtractDecimals(contracted, paid),
  };
}

function firstOf(groups: readonly ChargeGroup[], name: string): string | null {
  return groups.map((group) => group[name] ?? null).find((value) => value !== null) ?? null;
}

function totalOf(groups: readonly ChargeGroup[], name: string): string {
  return addDecimals(groups.map((group) => group[name] ?? "0"));
}
