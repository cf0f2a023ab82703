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
  present,
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
import { loadedMonthsOf } from "./periods.ts";

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
  /** The use of all commitments by month, also of those that ended before: at most 13 loaded months, the month of the answer last. */
  readonly months: readonly MonthUse[];
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

/** What became of commitments in a month. */
export interface MonthUse extends Pick<CommitmentUse, "used" | "unused" | "utilisation"> {
  readonly month: BillingMonth;
}

/** One commitment. */
export interface CommitmentRow extends CommitmentUse {
  /** Null for covered usage that does not name its commitment. */
  readonly commitmentId: string | null;
  readonly name: string | null;
  readonly type: string | null;
  readonly provider: string | null;
  /** The sub-account that pays its fees, else the one that its unused part belongs to; null if the bill names none, or several. */
  readonly accountId: string | null;
  readonly accountName: string | null;
  /** For how many months it was bought; null if the bill does not say. */
  readonly termMonths: number | null;
  /** Its use by month, as for the total, without months in which it was neither used nor paid for. */
  readonly months: readonly MonthUse[];
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
  const commitmentId = where(some(isUsed, isUnused), field("CommitmentDiscountId"));
  const groups = await sumCharges(bills, {
    by: { currency: field("BillingCurrency"), commitmentId, status },
    sum: sums,
    greatest: {
      name: field("CommitmentDiscountName"),
      type: field("CommitmentDiscountType"),
      provider: field("HostProviderName"),
    },
    rows,
  });
  const isCommitted = groups.some((group) => isCovered(group));
  const months = monthsUpTo(bills, month);
  const history = !isCommitted
    ? []
    : await sumCharges(bills, {
        by: { currency: field("BillingCurrency"), commitmentId, month: field("x_BillingMonth") },
        sum: { used: usageSums.used, unused: usageSums.unused },
        rows: [
          isOneOf(field("x_BillingMonth"), ...months),
          ofExports(bills.exports),
          ...ofUsage,
          some(isUsed, isUnused),
        ],
      });
  const contracts = !isCommitted
    ? []
    : await sumCharges(bills, {
        by: {
          commitmentId: field("CommitmentDiscountId"),
          accountId: where(not(isUsed), field("SubAccountId")),
          charge: field("ChargeCategory"),
        },
        greatest: { accountName: where(not(isUsed), field("SubAccountName")), term: field("x_SkuTerm") },
        rows: [
          isOneOf(field("x_BillingMonth"), ...months),
          ofExports(bills.exports),
          present(field("CommitmentDiscountId")),
          isOneOf(field("ChargeCategory"), "Usage", "Purchase"),
          not(isCorrection),
        ],
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
    loads: loadsOf(bills.exports, isCommitted ? months : [month]),
    currency: byCurrency(groups, (own, currency) =>
      currencyCommitments(
        own,
        publicPrices.filter((group) => (group["currency"] ?? "") === currency),
        history.filter((group) => (group["currency"] ?? "") === currency),
        contracts,
      ),
    ),
  };
}

const commitmentsRules: Shape<CommitmentsOptions> = { month: optional(text), pipelines: names, now: optional(date) };

function currencyCommitments(
  groups: readonly ChargeGroup[],
  publicPrices: readonly ChargeGroup[],
  history: readonly ChargeGroup[],
  contracts: readonly ChargeGroup[],
): CurrencyCommitments {
  const total = useOf(groups);
  const covered = groups.filter(isCovered);
  const rows = [...Map.groupBy(covered, ({ commitmentId }) => commitmentId ?? null)].map(
    ([commitmentId, own]): CommitmentRow => ({
      commitmentId,
      name: firstOf(own, "name"),
      type: firstOf(own, "type"),
      provider: firstOf(own, "provider"),
      ...contractOf(commitmentId, contracts),
      ...useOf(own),
      months: monthsOf(history.filter((group) => (group["commitmentId"] ?? null) === commitmentId)),
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
    months: monthsOf(history),
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

function isCovered(group: ChargeGroup): boolean {
  return group["status"] === "Used" || group["status"] === "Unused";
}

/** Months that are shown beside the month of an answer, and that one. */
const shownMonths = 13;

/** The loaded months up to the month of an answer, at most 13, oldest first. */
export function monthsUpTo({ exports }: Bills, month: BillingMonth): readonly BillingMonth[] {
  return loadedMonthsOf(exports)
    .filter((each) => each <= month)
    .slice(-shownMonths);
}

function monthsOf(groups: readonly ChargeGroup[]): readonly MonthUse[] {
  return [...Map.groupBy(groups, (group) => group["month"] ?? "")]
    .map(([month, own]): MonthUse => {
      const { used, unused, utilisation } = useOf(own);
      return { month, used, unused, utilisation };
    })
    .toSorted((one, other) => (one.month < other.month ? -1 : 1));
}

/** The account and the term of a commitment. Azure names the order in its purchase, and what was bought with it in its use. */
function contractOf(
  commitmentId: string | null,
  contracts: readonly ChargeGroup[],
): Pick<CommitmentRow, "accountId" | "accountName" | "termMonths"> {
  const order = commitmentId?.replace(/\/(?:reservations|savingsplans)\/[^/]+$/iu, "") ?? null;
  const own = contracts.filter((group) => group["commitmentId"] === commitmentId || group["commitmentId"] === order);
  const accountsOf = (charge: string): readonly ChargeGroup[] =>
    own.filter((group) => group["charge"] === charge && group["accountId"] !== null);
  const payers = [accountsOf("Purchase"), accountsOf("Usage")].find((groups) => groups.length > 0) ?? [];
  const accountIds = new Set(payers.map((group) => group["accountId"] ?? null));
  const isOne = accountIds.size === 1;
  const term = firstOf(own, "term");
  return {
    accountId: isOne ? firstOf(payers, "accountId") : null,
    accountName: isOne ? firstOf(payers, "accountName") : null,
    // Where a file has the term as a number, its text has the digits of an amount.
    termMonths: term !== null && /^\d+(?:\.0+)?$/u.test(term) ? Number(term) : null,
  };
}

function firstOf(groups: readonly ChargeGroup[], name: string): string | null {
  return groups.map((group) => group[name] ?? null).find((value) => value !== null) ?? null;
}

function totalOf(groups: readonly ChargeGroup[], name: string): string {
  return addDecimals(groups.map((group) => group[name] ?? "0"));
}
