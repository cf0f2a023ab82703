import {
  all,
  cases,
  compared,
  type Condition,
  decimal,
  type Expression,
  field,
  first,
  flags,
  hasColumn,
  minus,
  not,
  nothing,
  notZero,
  plus,
  present,
  some,
  text,
  where,
} from "../expression.ts";
import type { Branch, ColumnSources, Total } from "../mapping.ts";
import { type Currencies, inPricingCurrency, lacksPricingCurrency } from "./pricing-currency.ts";
import { isNegation, isPlanFee, isPlanUse, isReservationFee } from "./aws-cur-lines.ts";

const zero = decimal("0");
const isNamed = present(field("commitment_id"));

/** The currencies of a line. Reports lack costs in the currency of prices. */
export const currencies: Currencies = {
  billing: field("line_item_currency_code"),
  pricing: first(field("pricing_currency"), field("line_item_currency_code")),
};

/** The effective cost of a row in both currencies, with these flags and the one for a cost that is not known. */
function effectiveCosts(effective: Expression, others: Readonly<Record<string, Condition>>): ColumnSources {
  const priced = inPricingCurrency(effective, currencies);
  return {
    EffectiveCost: effective,
    PricingCurrencyEffectiveCost: priced,
    x_QualityFlags: flags({ ...others, PricingCurrencyEffectiveCostMissing: lacksPricingCurrency(effective, priced) }),
  };
}

/** The columns that every row of a bill has. */
export const billColumns: ColumnSources = {
  BillingAccountId: field("bill_payer_account_id"),
  BillingAccountName: field("bill_payer_account_name"),
  BillingAccountType: text("Management Account"),
  BillingCurrency: currencies.billing,
  BillingPeriodStart: field("bill_billing_period_start_date", "timestamp"),
  BillingPeriodEnd: field("bill_billing_period_end_date", "timestamp"),
  HostProviderName: text("AWS"),
  InvoiceId: field("bill_invoice_id"),
  InvoiceIssuerName: first(field("bill_invoicing_entity"), text("AWS")),
  PricingCurrency: currencies.pricing,
  ProviderName: text("AWS"),
};

/** A number of a savings plan. */
export function plan(name: string): Expression {
  return field(`savings_plan_${name}`, "decimal");
}

/** A number of a reservation. */
export function reservation(name: string): Expression {
  return field(`reservation_${name}`, "decimal");
}

/** The sum of two amounts, of which a bill can leave one empty; NULL without any. */
function sumOfPresent(one: Expression, other: Expression): Expression {
  return where(some(present(one), present(other)), plus(first(one, zero), first(other, zero)));
}

// A plan or reservation without an upfront fee, or one that nothing used, can have empty cells instead of zeros.
const unusedPlan = minus(plan("total_commitment_to_date"), first(plan("used_commitment"), zero));
const unusedReservation = first(
  sumOfPresent(
    reservation("net_unused_amortized_upfront_fee_for_billing_period"),
    reservation("net_unused_recurring_fee"),
  ),
  sumOfPresent(reservation("unused_amortized_upfront_fee_for_billing_period"), reservation("unused_recurring_fee")),
);

/** What used part of a savings plan costs. */
export const planUseCost: Expression = first(
  plan("net_savings_plan_effective_cost"),
  plan("savings_plan_effective_cost"),
);

/** The columns of the unused part of a commitment: nothing was billed for it, and nothing would have been without it. */
const unused = {
  BilledCost: zero,
  ListCost: zero,
  ContractedCost: zero,
  ListUnitPrice: nothing("decimal"),
  ContractedUnitPrice: nothing("decimal"),
  ChargeCategory: text("Usage"),
  ChargeFrequency: text("Usage-Based"),
  PricingCategory: text("Committed"),
  CommitmentDiscountStatus: text("Unused"),
};

/**
 * The unused part of a savings plan with discounts: the bill lacks the net amount of what was used, so it is the net fee minus
 * the net cost of the usage that the plan covered in the same hour, day or month. A report of a member account lacks the usage
 * of other accounts; then the amount before discounts is shown, with a flag.
 */
const isWholeUse = compared(field("use_before_discounts", "decimal"), "=", field("used", "decimal"));
const netUnused = minus(field("net_fee", "decimal"), first(field("net_use", "decimal"), zero));
const grossUnused = minus(field("fee", "decimal"), field("used", "decimal"));
const unusedWithDiscounts = cases([[isWholeUse, netUnused]], grossUnused);

const planNetFee = sumOfPresent(
  plan("net_amortized_upfront_commitment_for_billing_period"),
  plan("net_recurring_commitment_for_billing_period"),
);
const netUse = plan("net_savings_plan_effective_cost");
// CUR 2.0 has the columns of net amounts in bills without discounts too, where they are empty.
const hasNetPlans = hasColumn("savings_plan_net_recurring_commitment_for_billing_period");
const isNetFee = all(isPlanFee, present(planNetFee));

/**
 * What commitments add to the effective cost of a month: their use, and for a payment the part that was not used. With
 * discounts the bill has that part only for a plan as a whole, as its net fee minus its net use, so that use counts as
 * nothing; and it can be had only where the use before discounts adds up to what the plan says was used.
 */
export const commitmentTotal: Required<Pick<Total, "rule" | "open">> = {
  rule: cases(
    [
      [all(isPlanUse, present(netUse)), zero],
      [isPlanUse, planUseCost],
      [isNetFee, planNetFee],
      [isPlanFee, first(unusedPlan, zero)],
      [isReservationFee, first(unusedReservation, zero)],
    ],
    zero,
  ),
  open: cases(
    [
      [all(isPlanUse, present(netUse)), first(plan("savings_plan_effective_cost"), zero)],
      [isNetFee, minus(zero, first(plan("used_commitment"), zero))],
    ],
    zero,
  ),
};

const unknown = { CommitmentUnknown: not(isNamed), ServiceUnknown: not(present(field("service"))) };

const unusedPlans: readonly Branch[] = [
  {
    name: "unused savings plans",
    rows: all(isPlanFee, not(isNetFee), notZero(unusedPlan)),
    columns: {
      ...unused,
      ...effectiveCosts(unusedPlan, unknown),
      CommitmentDiscountQuantity: where(isNamed, unusedPlan),
    },
  },
  {
    name: "unused savings plans with discounts",
    rows: all(some(isNetFee, isPlanUse), hasNetPlans),
    grouped: {
      by: ["commitment_id", "line_item_usage_start_date", "bill_billing_period_start_date"],
      row: isNetFee,
      sums: {
        fee: where(isPlanFee, plan("total_commitment_to_date")),
        used: where(isPlanFee, first(plan("used_commitment"), zero)),
        net_fee: where(isPlanFee, planNetFee),
        net_use: where(isPlanUse, planUseCost),
        use_before_discounts: cases([[isPlanUse, plan("savings_plan_effective_cost")]], zero),
      },
      having: notZero(unusedWithDiscounts),
    },
    columns: {
      ...unused,
      ...effectiveCosts(unusedWithDiscounts, {
        CommitmentUnknown: not(isNamed),
        UnusedCostBeforeDiscounts: not(isWholeUse),
      }),
      CommitmentDiscountQuantity: where(isNamed, grossUnused),
    },
  },
];

/**
 * On-demand amounts of covered usage that no negation offsets, per savings plan and month: a rounding, or a bill without
 * negations. They belong to the bill, not to an account, a resource or a price.
 */
const residual = field("residual", "decimal");
const residualOfPlans: Branch = {
  name: "savings plan lines that do not cancel out",
  rows: some(isPlanUse, isNegation),
  grouped: {
    by: ["savings_plan_savings_plan_arn", "bill_billing_period_start_date", "line_item_currency_code"],
    row: some(isPlanUse, isNegation),
    sums: { residual: field("billed", "decimal") },
    having: notZero(residual),
  },
  isComplete: true,
  columns: {
    ...billColumns,
    BilledCost: residual,
    ChargeCategory: text("Adjustment"),
    ChargeDescription: text("Savings plan usage that no negation offsets"),
    ChargeFrequency: text("One-Time"),
    ChargePeriodStart: field("bill_billing_period_start_date", "timestamp"),
    ChargePeriodEnd: field("bill_billing_period_end_date", "timestamp"),
    ContractedCost: residual,
    ...effectiveCosts(residual, { SavingsPlanResidual: notZero(residual) }),
    ListCost: residual,
    ServiceCategory: text("Other"),
    ServiceName: text("Savings Plans"),
    ServiceProviderName: text("AWS"),
    ServiceSubcategory: text("Other (Other)"),
    PublisherName: text("AWS"),
    x_LineItemId: first(field("negation_id"), field("identity_line_item_id")),
    x_LineItemType: text("SavingsPlanNegation"),
  },
};

/** The rows of a bill that come from commitments, besides the lines themselves. */
export const commitmentBranches: readonly Branch[] = [
  ...unusedPlans,
  {
    name: "unused reservations",
    rows: all(isReservationFee, notZero(unusedReservation)),
    columns: {
      ...unused,
      ...effectiveCosts(unusedReservation, unknown),
      CommitmentDiscountQuantity: where(
        isNamed,
        first(reservation("unused_normalized_unit_quantity"), reservation("unused_quantity")),
      ),
      PricingQuantity: reservation("unused_quantity"),
    },
  },
  residualOfPlans,
];
