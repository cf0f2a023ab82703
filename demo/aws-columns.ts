import type { BillingMonth } from "../src/model.ts";

/** A column of the demo's AWS report, as its manifest declares it. */
export interface AwsColumn {
  readonly category: string;
  readonly name: string;
  readonly type: string;
}

/** The month from which on the report has one more tag column, as happens when somebody activates a tag. */
const projectTagSince: BillingMonth = "2026-08";

/** The columns of the report of one month, in the order of the file. */
export function awsColumns(month: BillingMonth): AwsColumn[] {
  return sections.flatMap(([category, ...groups]) =>
    groups.flatMap(([type, names]) =>
      names
        .split(" ")
        .filter((name) => name !== "user:project" || month >= projectTagSince)
        .map((name) => ({ category, name, type })),
    ),
  );
}

type Section = readonly [category: string, ...groups: (readonly [type: string, names: string])[]];

const sections: readonly Section[] = [
  ["identity", ["String", "LineItemId"], ["Interval", "TimeInterval"]],
  [
    "bill",
    ["String", "InvoiceId InvoicingEntity BillingEntity BillType PayerAccountId"],
    ["DateTime", "BillingPeriodStartDate BillingPeriodEndDate"],
  ],
  [
    "lineItem",
    ["String", "UsageAccountId LineItemType"],
    ["DateTime", "UsageStartDate UsageEndDate"],
    ["String", "ProductCode UsageType Operation AvailabilityZone ResourceId"],
    ["BigDecimal", "UsageAmount"],
    ["OptionalBigDecimal", "NormalizationFactor NormalizedUsageAmount"],
    ["String", "CurrencyCode UnblendedRate"],
    ["BigDecimal", "UnblendedCost"],
    ["String", "BlendedRate"],
    ["BigDecimal", "BlendedCost"],
    ["String", "LineItemDescription TaxType LegalEntity"],
  ],
  [
    "product",
    [
      "String",
      "ProductName cacheEngine databaseEngine durability group instanceFamily instanceType licenseModel location " +
        "locationType memory messageDeliveryFrequency operatingSystem operation productFamily queueType region " +
        "regionCode servicecode servicename sku storageClass storageMedia tenancy toLocation transferType usagetype " +
        "vcpu volumeApiName volumeType",
    ],
  ],
  [
    "pricing",
    ["String", "LeaseContractLength OfferingClass PurchaseOption RateCode RateId currency"],
    ["BigDecimal", "publicOnDemandCost"],
    ["String", "publicOnDemandRate term unit"],
  ],
  [
    "reservation",
    ["OptionalBigDecimal", "AmortizedUpfrontCostForUsage AmortizedUpfrontFeeForBillingPeriod EffectiveCost"],
    ["OptionalString", "EndTime ModificationStatus"],
    ["String", "NormalizedUnitsPerReservation NumberOfReservations"],
    ["OptionalBigDecimal", "RecurringFeeForUsage"],
    ["String", "ReservationARN"],
    ["OptionalString", "StartTime"],
    ["String", "SubscriptionId TotalReservedNormalizedUnits TotalReservedUnits UnitsPerReservation"],
    [
      "OptionalBigDecimal",
      "UnusedAmortizedUpfrontFeeForBillingPeriod UnusedNormalizedUnitQuantity UnusedQuantity UnusedRecurringFee " +
        "UpfrontValue",
    ],
  ],
  [
    "savingsPlan",
    ["OptionalBigDecimal", "TotalCommitmentToDate"],
    ["OptionalString", "SavingsPlanARN"],
    [
      "OptionalBigDecimal",
      "SavingsPlanRate UsedCommitment SavingsPlanEffectiveCost AmortizedUpfrontCommitmentForBillingPeriod " +
        "RecurringCommitmentForBillingPeriod",
    ],
    ["String", "PurchaseTerm PaymentOption EndTime StartTime OfferingType"],
  ],
  ["costCategory", ["String", "AccountName BusinessUnit"]],
  // Both spellings of the cost centre: AWS treats tag keys that differ at all as different tags.
  ["resourceTags", ["String", "user:CostCenter user:Name user:cost-center user:environment user:project user:team"]],
];
