import { all, type Condition, compared, isOneOf, matches, not, present } from "../expression.ts";
import { columnValue as value } from "./compile.ts";

/** What a bill does not have, so that its rows cannot keep some rules. */
export interface Missing {
  /** The rules, of both versions. */
  readonly rules: readonly string[];
  /** The rows that lack it; absent for all that break the rules. */
  readonly rows?: Condition;
  /** What the bill lacks, in a sentence. */
  readonly because: string;
}

const isOfCommitment = present(value("CommitmentDiscountId"));
const withoutSku = ["SkuId-C-005-C", "SkuPriceId-C-005-C"];
const withoutListPrice = ["ListUnitPrice-C-005-C", "PricingCurrencyListUnitPrice-C-005-C"];
const withoutContractedPrice = ["ContractedUnitPrice-C-006-C", "PricingCurrencyContractedUnitPrice-C-005-C"];

const withoutCommitment = [
  "CommitmentDiscountId-C-005-C",
  "DiscountHandling-A-006-C",
  "DiscountHandling-A-014-C",
  "DiscountHandling-A-015-C",
  // What is unused is part of a commitment, whether the bill names it or not.
  "CommitmentDiscountStatus-C-003-C",
  "DiscountHandling-A-019-C",
];

const withoutUnit = ["ConsumedUnit-C-006-C", "PricingUnit-C-006-C"];
const meterWithoutSku = ["SkuMeter-C-004-C"];
const pricingCurrencyIsNull = ["PricingCurrencyEffectiveCost-C-003-M", "PricingCurrencyEffectiveCost-not-null"];

/** A flag that the mapping gives to rows. */
function flagged(flag: string): Condition {
  return matches(value("x_QualityFlags"), `(^|,)${flag}(,|$)`);
}

const withoutPricingCurrency: Missing = {
  rules: pricingCurrencyIsNull,
  rows: flagged("PricingCurrencyEffectiveCostMissing"),
  because: "The row has prices in another currency than costs, and lacks its cost in the currency of prices.",
};

/** The meter of exports that have it in a column of the cloud's own. */
const withoutSkuOfMeter: Missing = {
  rules: meterWithoutSku,
  rows: flagged("SkuIdMissing"),
  because:
    "Exports before FOCUS 1.2 name the meter of a charge in a column of the cloud, also where they do not name its SKU.",
};

/**
 * What bills lack, by the name of the mapping that converts them. Rows that break a rule for such a reason make it
 * undecidable, because no view of the bill could keep it. That the view has what the bill gives is what the golden cases test.
 */
export const missing: Readonly<Record<string, readonly Missing[]>> = {
  aws_focus: [withoutSkuOfMeter],
  azure_focus: [withoutSkuOfMeter],
  aws_cur: [
    withoutPricingCurrency,
    {
      rules: ["BillingAccountName-C-003-C", "SubAccountName-C-005-C"],
      because: "Legacy reports lack the names of accounts. `accounts` in [focus] adds those of sub accounts.",
    },
    { rules: withoutListPrice, because: "The report lacks the public price for the row." },
    { rules: withoutContractedPrice, because: "The report lacks the negotiated price for the row." },
    { rules: withoutSku, because: "The report lacks the SKU or rate code for the row." },
    { rules: withoutUnit, because: "The report lacks the unit for the row." },
    { rules: ["ResourceType-C-005-C"], because: "Only resource IDs that are ARNs name a type." },
    {
      rules: withoutCommitment,
      rows: not(isOfCommitment),
      because: "The report does not name the commitment that covers the usage, or that was not used.",
    },
    {
      rules: ["CommitmentDiscountQuantity-C-005-C"],
      rows: isOneOf(value("ChargeCategory"), "Purchase"),
      because: "The report does not give the quantity of an upfront purchase.",
    },
    {
      rules: ["ChargePeriodEnd-C-004-M"],
      rows: all(
        isOneOf(value("ChargeFrequency"), "One-Time"),
        compared(value("ChargePeriodStart"), "=", value("ChargePeriodEnd")),
      ),
      because: "The report gives a one-time fee a time, not a period.",
    },
    {
      rules: ["ServiceName-C-005-C"],
      rows: isOneOf(value("ServiceName"), "Amazon Elastic Compute Cloud"),
      because: "The report has one name for virtual machines and their volumes, which are compute and storage.",
    },
  ],
  azure_cost: [
    withoutPricingCurrency,
    {
      rules: ["BilledCost-C-003-M", "BilledCost-not-null"],
      rows: flagged("ActualCostMissing"),
      because: "Amortized cost alone does not give what is billed.",
    },
    {
      rules: ["EffectiveCost-C-003-M", "EffectiveCost-C-004-M", "EffectiveCost-not-null", ...pricingCurrencyIsNull],
      rows: flagged("AmortizedCostMissing"),
      because: "Actual cost alone does not give the effective cost of usage that a commitment covers.",
    },
    {
      rules: [
        "BillingAccountId-C-001-M",
        "BillingAccountId-not-null",
        "BillingAccountName-C-003-C",
        "BillingAccountType-not-null",
      ],
      rows: flagged("BillingAccountMissing"),
      because: "Exports of pay-as-you-go subscriptions do not name the billing account.",
    },
    { rules: withoutListPrice, because: "The export lacks the public price for the row." },
    { rules: withoutContractedPrice, because: "The export lacks the negotiated price for the row." },
    { rules: withoutSku, because: "Exports lack the SKU price, and those of Enterprise Agreements also the SKU." },
    {
      rules: meterWithoutSku,
      rows: not(present(value("SkuId"))),
      because: "Exports of Enterprise Agreements name the meter of a charge, and not its SKU.",
    },
    {
      rules: withoutCommitment,
      rows: not(isOfCommitment),
      because: "The export does not name the commitment that covers the usage, or that was not used.",
    },
    { rules: withoutUnit, because: "The export lacks the unit of measure for the row." },
    {
      rules: ["ResourceType-C-005-C"],
      because: "The list of resource types does not have the type in the resource ID.",
    },
    { rules: ["SubAccountName-C-005-C"], because: "The export lacks the name of the subscription." },
    {
      rules: ["CommitmentDiscountQuantity-C-005-C"],
      rows: isOneOf(value("ChargeCategory"), "Purchase"),
      because:
        "The export gives the quantity of a reservation's purchase in a number of reservations, not in their hours.",
    },
    {
      rules: ["CommitmentDiscountUnit-C-008-M"],
      rows: isOfCommitment,
      because: "The export gives the ratio of normalized hours only for used hours.",
    },
  ],
};
