/** The type of a value in the view. JSON is text in both warehouses, as in the tables that bills are loaded into. */
export type ValueType = "text" | "json" | "decimal" | "timestamp";

/** A version of FOCUS that has a view of its own. */
export type FocusVersion = "v1_2" | "v1_4";

/** A column of the views. */
export interface FocusColumn {
  readonly name: string;
  readonly type: ValueType;
  /** The views that have it. */
  readonly versions: readonly FocusVersion[];
}

type Types = Readonly<Record<string, ValueType>>;

/** Columns of FOCUS 1.2 and 1.4 alike. */
const inBoth: Types = {
  AvailabilityZone: "text",
  BilledCost: "decimal",
  BillingAccountId: "text",
  BillingAccountName: "text",
  BillingAccountType: "text",
  BillingCurrency: "text",
  BillingPeriodEnd: "timestamp",
  BillingPeriodStart: "timestamp",
  CapacityReservationId: "text",
  CapacityReservationStatus: "text",
  ChargeCategory: "text",
  ChargeClass: "text",
  ChargeDescription: "text",
  ChargeFrequency: "text",
  ChargePeriodEnd: "timestamp",
  ChargePeriodStart: "timestamp",
  CommitmentDiscountCategory: "text",
  CommitmentDiscountId: "text",
  CommitmentDiscountName: "text",
  CommitmentDiscountQuantity: "decimal",
  CommitmentDiscountStatus: "text",
  CommitmentDiscountType: "text",
  CommitmentDiscountUnit: "text",
  ConsumedQuantity: "decimal",
  ConsumedUnit: "text",
  ContractedCost: "decimal",
  ContractedUnitPrice: "decimal",
  EffectiveCost: "decimal",
  InvoiceId: "text",
  InvoiceIssuerName: "text",
  ListCost: "decimal",
  ListUnitPrice: "decimal",
  PricingCategory: "text",
  PricingCurrency: "text",
  PricingCurrencyContractedUnitPrice: "decimal",
  PricingCurrencyEffectiveCost: "decimal",
  PricingCurrencyListUnitPrice: "decimal",
  PricingQuantity: "decimal",
  PricingUnit: "text",
  RegionId: "text",
  RegionName: "text",
  ResourceId: "text",
  ResourceName: "text",
  ResourceType: "text",
  ServiceCategory: "text",
  ServiceName: "text",
  ServiceSubcategory: "text",
  SkuId: "text",
  SkuMeter: "text",
  SkuPriceDetails: "json",
  SkuPriceId: "text",
  SubAccountId: "text",
  SubAccountName: "text",
  SubAccountType: "text",
  Tags: "json",
};

/** Columns that FOCUS 1.3 deprecated and 1.4 removed. */
const onlyIn12: Types = { ProviderName: "text", PublisherName: "text" };

/** Columns that FOCUS 1.3 and 1.4 added. */
const onlyIn14: Types = {
  AllocatedMethodDetails: "json",
  AllocatedMethodId: "text",
  AllocatedResourceId: "text",
  AllocatedResourceName: "text",
  AllocatedTags: "json",
  CommitmentProgramEligibilityDetails: "json",
  ContractApplied: "json",
  HostProviderName: "text",
  InvoiceDetailId: "text",
  ServiceProviderName: "text",
};

/**
 * Columns of billhouse. `x_Export` to `x_LineItemId` lead back to the row that a charge comes from; `x_QualityFlags` names
 * what the view could not know, separated by commas; the others are columns of one cloud that FOCUS lacks.
 */
const ours: Types = {
  x_Export: "text",
  x_ExecutionId: "text",
  x_BillingMonth: "text",
  x_LineItemId: "text",
  x_QualityFlags: "text",
  x_AccountOwner: "text",
  x_AccountEnvironment: "text",
  x_LineItemType: "text",
  x_ServiceCode: "text",
  x_Operation: "text",
  x_CostCategories: "json",
  x_Discounts: "json",
  x_BilledCostInUsd: "decimal",
  x_BillingExchangeRate: "decimal",
  x_BillingExchangeRateDate: "timestamp",
  x_CostCenter: "text",
  x_EffectiveCostInUsd: "decimal",
  x_InvoiceSectionId: "text",
  x_InvoiceSectionName: "text",
  x_ResourceGroupName: "text",
  x_ResourceType: "text",
  x_SkuDetails: "json",
  x_SkuMeterCategory: "text",
  x_SkuMeterId: "text",
  x_SkuMeterSubcategory: "text",
  x_SkuOfferId: "text",
  x_SkuOrderId: "text",
  x_SkuPartNumber: "text",
  x_SkuTerm: "text",
};

/**
 * The columns of the views: those of the Cost and Usage dataset of FOCUS 1.4 (FinOps Foundation, CC-BY-4.0) and of 1.2 in
 * the order of their names, then those of billhouse.
 */
export const focusColumns: readonly FocusColumn[] = [
  ...[
    ...columnsOf(inBoth, ["v1_2", "v1_4"]),
    ...columnsOf(onlyIn12, ["v1_2"]),
    ...columnsOf(onlyIn14, ["v1_4"]),
  ].toSorted((first, second) => (first.name < second.name ? -1 : 1)),
  ...columnsOf(ours, ["v1_2", "v1_4"]),
];

function columnsOf(types: Types, versions: readonly FocusVersion[]): FocusColumn[] {
  return Object.entries(types).map(([name, type]) => ({ name, type, versions }));
}
