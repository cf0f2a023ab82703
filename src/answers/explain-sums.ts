import {
  all,
  cases,
  type Condition,
  decimal,
  type Expression,
  field,
  isOneOf,
  not,
  nothing,
  present,
  text,
  where,
} from "../focus/expression.ts";
import { exchangeRate, isContractedMissing, sku } from "../focus/rollup-columns.ts";
import type { BillingMonth } from "../model.ts";
import type { ChargeSums } from "./charges.ts";
import type { CellKeys } from "./explain-cells.ts";

const category = field("ChargeCategory");
const effective = field("EffectiveCost", "decimal");
const contracted = field("ContractedCost", "decimal");
const quantity = field("PricingQuantity", "decimal");
const commitment = field("CommitmentDiscountId");
const status = field("CommitmentDiscountStatus");

/** The class of a charge, first match: a part of the difference, or `metered`, which is split further. */
export const chargeClass: Expression = cases(
  [
    [isOneOf(field("ChargeClass"), "Correction"), text("refund")],
    [isOneOf(category, "Tax"), text("tax")],
    [isOneOf(category, "Credit"), text("credit")],
    [isOneOf(category, "Adjustment"), text("other")],
    [all(isOneOf(category, "Purchase"), present(commitment)), text("commitment")],
    [isOneOf(category, "Purchase"), text("fees")],
    [isOneOf(status, "Unused"), text("commitmentUnused")],
    [all(isOneOf(category, "Usage"), not(present(quantity))), text("fees")],
    [isOneOf(category, "Usage"), text("metered")],
  ],
  text("other"),
);

/** What a cell is made of. The owner of an account does not split a cell: an account has one. */
export const cellKeys: Readonly<Record<keyof CellKeys, Expression>> = {
  provider: field("ServiceProviderName"),
  account: field("SubAccountId"),
  owner: field("x_AccountOwner"),
  service: field("ServiceName"),
  region: field("RegionId"),
  // What is described in words differs from month to month: "Tax for AmazonEC2", "Tax for AmazonEC2 (estimated)".
  sku: cases([[isOneOf(chargeClass, "tax", "credit", "refund"), nothing()]], sku),
};

/** `before` for rows of the earlier month, else `after`. */
export function periodOf(before: BillingMonth): Expression {
  return cases([[isOneOf(field("x_BillingMonth"), before), text("before")]], text("after"));
}

/**
 * What `decompose` reads: sums of the rows of two months by cell, class and whether a commitment covered them. Owners are read
 * only where they are asked for.
 */
export function cellSums(
  before: BillingMonth,
  rows: readonly Condition[],
  by: readonly (keyof CellKeys)[] = [],
): ChargeSums {
  const { owner, ...keys } = cellKeys;
  return {
    by: {
      currency: field("BillingCurrency"),
      ...keys,
      ...(by.includes("owner") ? { owner } : {}),
      unit: field("PricingUnit"),
      period: periodOf(before),
      class: chargeClass,
      used: cases([[isOneOf(status, "Used"), text("yes")]], text("no")),
    },
    sum: {
      effective,
      billed: field("BilledCost", "decimal"),
      quantity,
      contracted: where(not(isContractedMissing), contracted),
      missingEffective: where(isContractedMissing, effective),
      missingQuantity: where(isContractedMissing, quantity),
      rowsWithoutRate: where(not(present(exchangeRate)), decimal("1")),
    },
    least: { leastRate: exchangeRate },
    greatest: { greatestRate: exchangeRate, meter: field("SkuMeter"), accountName: field("SubAccountName") },
    rows,
  };
}
