import {
  all,
  cases,
  compared,
  type Condition,
  entry,
  type Expression,
  field,
  first,
  isOneOf,
  matches,
  not,
  present,
  some,
} from "../expression.ts";

/**
 * The lines of an AWS Cost and Usage Report: what each type means, and the amounts that several columns use.
 * Sources: AWS Data Exports user guide, "Line item columns", "Understanding Savings Plans", "Understanding your reservation
 * line items", "Discount columns"; FOCUS 1.4, appendix on commitment discounts.
 */
export const lineType: Expression = field("line_item_line_item_type");

const resource = field("line_item_resource_id");
const usageType = field("line_item_usage_type");
const net = field("line_item_net_unblended_cost", "decimal");
const gross = field("line_item_unblended_cost", "decimal");

/** Usage that a savings plan covers. */
export const isPlanUse: Condition = isOneOf(lineType, "SavingsPlanCoveredUsage");
/** Usage that a reservation covers. */
export const isReservationUse: Condition = isOneOf(lineType, "DiscountedUsage");
/** The negative line that offsets the on-demand cost of covered usage. */
export const isNegation: Condition = isOneOf(lineType, "SavingsPlanNegation");
/** The fee of a savings plan for an hour, a day or a month. */
export const isPlanFee: Condition = isOneOf(lineType, "SavingsPlanRecurringFee");
/** The fee of a reservation for a month. */
export const isReservationFee: Condition = isOneOf(lineType, "RIFee");
/** Discounts in lines of their own: EDP, private rates, bundles, solution providers, volume. */
export const isDiscount: Condition = matches(lineType, "Discount$");
const isTax = isOneOf(lineType, "Tax");
const isCredit = isOneOf(lineType, "Credit");
const isRefund = isOneOf(lineType, "Refund");
const isUsage = isOneOf(lineType, "Usage", "FlatRateSubscription");
const isFee = isOneOf(lineType, "Fee");
const isUpfrontPlanFee = isOneOf(lineType, "SavingsPlanUpfrontFee");

const planArn = field("savings_plan_savings_plan_arn");
const reservationArn = field("reservation_reservation_arn");
const hasCommitment = some(present(planArn), present(reservationArn));

// The refund of a savings plan can lack the ARN, and then only its product shows what it is.
const isCommitmentRefund = all(
  isRefund,
  some(hasCommitment, matches(field("line_item_product_code"), "SavingsPlans?$")),
);

/** Payments for a commitment, and their refunds: charges that cover other charges. */
export const isCommitmentPurchase: Condition = some(
  isPlanFee,
  isReservationFee,
  isUpfrontPlanFee,
  all(isFee, hasCommitment),
  isCommitmentRefund,
);

/** Lines of split cost allocation: they divide the cost of another line, which is in the report too. */
export const isSplit: Condition = some(
  present(field("split_line_item_parent_resource_id")),
  isOneOf(field("line_item_operation"), "EKSPod-EC2", "ECSTask-EC2"),
);

/** Lines sold on AWS Marketplace. */
export const isMarketplace: Condition = isOneOf(field("bill_billing_entity"), "AWS Marketplace");

/** Types that are known. Others become adjustments with a flag. */
export const isKnown: Condition = some(
  isUsage,
  isPlanUse,
  isReservationUse,
  isDiscount,
  isFee,
  isReservationFee,
  isPlanFee,
  isUpfrontPlanFee,
  isTax,
  isCredit,
  isRefund,
);

/** The amount of a line: the net amount where the bill has one, for it contains the discounts. */
export const amount: Expression = first(net, gross);

/**
 * The savings plan or reservation that a line pays for or uses. AWS Data Exports user guide, "Reservation columns": an ARN and a
 * subscription both identify a reservation. Lines that no reservation covers name a subscription too.
 */
export const commitment: Expression = cases(
  [
    [some(isReservationUse, isReservationFee), first(planArn, reservationArn, field("reservation_subscription_id"))],
    [some(isPlanUse, isCommitmentPurchase), first(planArn, reservationArn)],
  ],
  { is: "constant", type: "text", value: null },
);

/** The category of a charge. */
export const category: Expression = cases(
  [
    [some(isUsage, isPlanUse, isReservationUse, isDiscount), constant("Usage")],
    [some(isFee, isCommitmentPurchase), constant("Purchase")],
    [isTax, constant("Tax")],
    [isCredit, constant("Credit")],
    [all(isRefund, present(usageType)), constant("Usage")],
  ],
  constant("Adjustment"),
);

/** A refund of a period that was invoiced before: the usage is older than the bill. */
export const isCorrection: Condition = all(
  some(isRefund, isOneOf(field("bill_bill_type"), "Refund")),
  compared(field("line_item_usage_start_date", "timestamp"), "<", field("bill_billing_period_start_date", "timestamp")),
);

/** How often a charge occurs. */
export const frequency: Expression = cases(
  [
    [some(isRefund, isCredit, isUpfrontPlanFee), constant("One-Time")],
    [all(isFee, some(hasCommitment, isOneOf(field("bill_bill_type"), "Purchase"))), constant("One-Time")],
    [some(isFee, isReservationFee, isPlanFee, isTax), constant("Recurring")],
    [some(isUsage, isPlanUse, isReservationUse, isDiscount), constant("Usage-Based")],
  ],
  constant("One-Time"),
);

/** Usage at a price that changes with supply and demand. */
export const isSpot: Condition = some(
  matches(usageType, "Spot"),
  isOneOf(field("pricing_purchase_option"), "Spot"),
  isOneOf(product("purchase_option"), "Spot"),
);

const capacityStatus = field("capacity_reservation_capacity_reservation_status");

/** The part of a capacity reservation that was not used. */
export const isUnusedCapacity: Condition = some(
  isOneOf(capacityStatus, "Unused"),
  all(not(present(capacityStatus)), matches(usageType, "UnusedBox|UnusedDed")),
);

/** The whole of a capacity reservation, or its cancellation: FOCUS lacks a word for both. */
export const isWholeCapacity: Condition = some(
  isOneOf(capacityStatus, "Reserved", "Cancelled"),
  all(not(present(capacityStatus)), matches(usageType, "(?:^|-)Reservation:")),
);

/** The capacity reservation that a line is for: its own column in CUR 2.0, the resource in legacy reports. */
export const capacityReservation: Expression = first(
  field("capacity_reservation_capacity_reservation_arn"),
  cases([[matches(resource, ":capacity-reservation/"), resource]], { is: "constant", type: "text", value: null }),
);

/** An attribute of the product: a column of its own, or an entry of the map `product` in CUR 2.0. */
export function product(name: string): Expression {
  return first(field(`product_${name}`), entry(field("product", "json"), name));
}

function constant(value: string): Expression {
  return { is: "constant", type: "text", value };
}
