import type { BillingMonth } from "../src/model.ts";

/** A column of the demo's Azure export, with the type that its Parquet files give it. */
export interface AzureColumn {
  readonly name: string;
  readonly type: "VARCHAR" | "DECIMAL(38,18)" | "TIMESTAMP" | "BOOLEAN";
}

/** The month from which on the export has one more column, as happens when Microsoft moves its schema on. */
const serviceModelSince: BillingMonth = "2026-09";

/** The columns of the export of one month, in the order of the file. */
export function azureColumns(month: BillingMonth): AzureColumn[] {
  return names
    .split(" ")
    .filter((name) => name !== "x_ServiceModel" || month >= serviceModelSince)
    .map((name) => ({ name, type: typeOf(name) }));
}

function typeOf(name: string): AzureColumn["type"] {
  if (name === "x_SkuIsCreditEligible") return "BOOLEAN";
  if (/Period(Start|End)$|RateDate$/.test(name)) return "TIMESTAMP";
  return /(Cost|CostInUsd|Price|Quantity|ExchangeRate|BlockSize)$/.test(name) ? "DECIMAL(38,18)" : "VARCHAR";
}

const names =
  "BilledCost BillingAccountId BillingAccountName BillingAccountType BillingCurrency BillingPeriodEnd " +
  "BillingPeriodStart CapacityReservationId CapacityReservationStatus ChargeCategory ChargeClass ChargeDescription " +
  "ChargeFrequency ChargePeriodEnd ChargePeriodStart CommitmentDiscountCategory CommitmentDiscountId " +
  "CommitmentDiscountName CommitmentDiscountQuantity CommitmentDiscountStatus CommitmentDiscountType " +
  "CommitmentDiscountUnit ConsumedQuantity ConsumedUnit ContractedCost ContractedUnitPrice EffectiveCost InvoiceId " +
  "InvoiceIssuerName ListCost ListUnitPrice PricingCategory PricingCurrency PricingQuantity PricingUnit ProviderName " +
  "PublisherName RegionId RegionName ResourceId ResourceName ResourceType ServiceCategory ServiceName " +
  "ServiceSubcategory SkuId SkuMeter SkuPriceDetails SkuPriceId SubAccountId SubAccountName SubAccountType Tags " +
  "x_AmortizationClass x_BilledCostInUsd x_BillingExchangeRate x_BillingExchangeRateDate x_BillingProfileId " +
  "x_BillingProfileName x_ContractedCostInUsd x_CostCenter x_EffectiveCostInUsd x_InvoiceSectionName x_ListCostInUsd " +
  "x_PricingBlockSize x_PricingUnitDescription x_PublisherCategory x_ResourceGroupName x_ResourceType x_ServiceModel " +
  "x_ServicePeriodEnd x_ServicePeriodStart x_SkuIsCreditEligible x_SkuMeterCategory x_SkuMeterId x_SkuOfferId " +
  "x_SkuOrderId x_SkuTerm";
