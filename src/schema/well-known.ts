import type { ColumnType } from "../model.ts";

/**
 * Types of the columns of legacy CUR by source name, for manifests without types (all before 2019, and those of
 * generators). Taken from the real manifests of 2019-01 and 2019-12 that have types, which agree with each other. Rates
 * are text there, except the savings plan rate. An entry `category/*` speaks for all other columns of its category: AWS
 * declares every product attribute, tag and cost category as text.
 */
export const curTypes: Readonly<Record<string, ColumnType>> = {
  ...typed(
    "timestamp",
    `bill/BillingPeriodStartDate bill/BillingPeriodEndDate lineItem/UsageStartDate lineItem/UsageEndDate`,
  ),
  ...typed(
    "decimal",
    `discount/EdpDiscount discount/RiVolumeDiscount discount/TotalDiscount
    lineItem/BlendedCost lineItem/NetUnblendedCost lineItem/NormalizationFactor lineItem/NormalizedUsageAmount
    lineItem/UnblendedCost lineItem/UsageAmount pricing/publicOnDemandCost
    reservation/AmortizedUpfrontCostForUsage reservation/AmortizedUpfrontFeeForBillingPeriod
    reservation/EffectiveCost reservation/NetAmortizedUpfrontCostForUsage
    reservation/NetAmortizedUpfrontFeeForBillingPeriod reservation/NetEffectiveCost
    reservation/NetRecurringFeeForUsage reservation/NetUnusedAmortizedUpfrontFeeForBillingPeriod
    reservation/NetUnusedRecurringFee reservation/NetUpfrontValue reservation/RecurringFeeForUsage
    reservation/UnusedAmortizedUpfrontFeeForBillingPeriod reservation/UnusedNormalizedUnitQuantity
    reservation/UnusedQuantity reservation/UnusedRecurringFee reservation/UpfrontValue
    savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod savingsPlan/NetAmortizedUpfrontCommitmentForBillingPeriod
    savingsPlan/NetRecurringCommitmentForBillingPeriod savingsPlan/NetSavingsPlanEffectiveCost
    savingsPlan/RecurringCommitmentForBillingPeriod savingsPlan/SavingsPlanEffectiveCost savingsPlan/SavingsPlanRate
    savingsPlan/TotalCommitmentToDate savingsPlan/UsedCommitment`,
  ),
  ...typed(
    "text",
    `identity/LineItemId identity/TimeInterval
    bill/BillingEntity bill/BillType bill/InvoiceId bill/InvoicingEntity bill/PayerAccountId
    lineItem/AvailabilityZone lineItem/BlendedRate lineItem/CurrencyCode lineItem/LegalEntity
    lineItem/LineItemDescription lineItem/LineItemType lineItem/NetUnblendedRate lineItem/Operation
    lineItem/ProductCode lineItem/ResourceId lineItem/TaxType lineItem/UnblendedRate lineItem/UsageAccountId
    lineItem/UsageType
    pricing/currency pricing/LeaseContractLength pricing/OfferingClass pricing/publicOnDemandRate
    pricing/PurchaseOption pricing/RateCode pricing/RateId pricing/term pricing/unit
    reservation/AvailabilityZone reservation/EndTime reservation/ModificationStatus
    reservation/NormalizedUnitsPerReservation reservation/NumberOfReservations reservation/ReservationARN
    reservation/StartTime reservation/SubscriptionId reservation/TotalReservedNormalizedUnits
    reservation/TotalReservedUnits reservation/UnitsPerReservation
    savingsPlan/EndTime savingsPlan/InstanceTypeFamily savingsPlan/OfferingType savingsPlan/PaymentOption
    savingsPlan/PurchaseTerm savingsPlan/Region savingsPlan/SavingsPlanARN savingsPlan/SavingsPlanArn savingsPlan/StartTime
    product/* resourceTags/* costCategory/*`,
  ),
};

/**
 * Types of the columns of Azure exports, whose CSV files and manifests name none: FOCUS 1.0-preview to 1.4 with
 * Microsoft's own `x_` columns, and actual and amortized cost of EA, MCA, MPA and pay-as-you-go. Source: the FOCUS
 * specification, Microsoft's dataset schema pages (learn.microsoft.com, cost-management-billing/dataset-schema) and the
 * schemas of its finops-toolkit. One spelling stands for all, since Azure's dialects differ in case. Partner credit rates
 * are text because they can come as `15 %`.
 */
export const azureTypes: Readonly<Record<string, ColumnType>> = {
  ...typed(
    "timestamp",
    `BillingPeriodEnd BillingPeriodStart ChargePeriodEnd ChargePeriodStart
    x_BillingExchangeRateDate x_ServicePeriodEnd x_ServicePeriodStart
    BillingPeriodEndDate BillingPeriodStartDate Date exchangeRateDate servicePeriodEndDate servicePeriodStartDate
    UsageDateTime`,
  ),
  ...typed(
    "decimal",
    `BilledCost CommitmentDiscountQuantity ConsumedQuantity ContractedCost ContractedUnitPrice EffectiveCost ListCost
    ListUnitPrice PricingCurrencyContractedUnitPrice PricingCurrencyEffectiveCost PricingCurrencyListUnitPrice
    PricingQuantity UsageQuantity
    x_BilledCostInUsd x_BilledUnitPrice x_BillingExchangeRate x_ContractedCostInUsd x_EffectiveCostInUsd
    x_EffectiveUnitPrice x_ListCostInUsd x_OnDemandCost x_OnDemandCostInUsd x_OnDemandUnitPrice x_PricingBlockSize
    Cost costInBillingCurrency costInPricingCurrency costInUsd EffectivePrice exchangeRate
    exchangeRatePricingToBilling marketPrice paygCostInBillingCurrency paygCostInUsd PayGPrice PreTaxCost Quantity
    ResourceRate UnitPrice`,
  ),
  ...typed(
    "text",
    `AllocatedMethodDetails AllocatedMethodId AllocatedResourceId AllocatedResourceName AllocatedTags AvailabilityZone
    BillingAccountId BillingAccountName BillingAccountType BillingCurrency CapacityReservationId
    CapacityReservationStatus ChargeCategory ChargeClass ChargeDescription ChargeFrequency ChargeSubcategory
    CommitmentDiscountCategory CommitmentDiscountId CommitmentDiscountName CommitmentDiscountStatus
    CommitmentDiscountType CommitmentDiscountUnit CommitmentProgramEligibilityDetails ConsumedUnit ContractApplied
    HostProviderName InvoiceDetailId InvoiceId InvoiceIssuerName PricingCategory PricingCurrency PricingUnit
    ProviderName PublisherName Region RegionId RegionName ResourceId ResourceName ResourceType ServiceCategory
    ServiceName ServiceProviderName ServiceSubcategory SkuId SkuMeter SkuPriceDetails SkuPriceId SubAccountId
    SubAccountName SubAccountType Tags UsageUnit
    x_AccountId x_AccountName x_AccountOwnerId x_AmortizationClass x_BillingAccountId x_BillingAccountName
    x_BillingProfileId x_BillingProfileName x_ChargeId x_CostAllocationRuleName x_CostCenter x_CustomerId
    x_CustomerName x_InvoiceId x_InvoiceIssuerId x_InvoiceSectionId x_InvoiceSectionName x_PartnerCreditApplied
    x_PartnerCreditRate x_PricingCurrency x_PricingSubcategory x_PricingUnitDescription x_PublisherCategory
    x_PublisherId x_ResellerId x_ResellerName x_ResourceGroupName x_ResourceType x_ServiceModel x_SkuDescription
    x_SkuDetails x_SkuIsCreditEligible x_SkuMeterCategory x_SkuMeterId x_SkuMeterName x_SkuMeterSubcategory
    x_SkuOfferId x_SkuOrderId x_SkuOrderName x_SkuPartNumber x_SkuPlanName x_SkuRegion x_SkuServiceFamily x_SkuTerm
    x_SkuTier
    AccountId AccountName AccountOwnerId AdditionalInfo benefitId benefitName BillingCurrencyCode BillingPeriod
    BillingProfileId BillingProfileName ChargeType ConsumedService CostAllocationRuleName CostCenter Currency
    customerName customerTenantId Frequency InstanceId InstanceName InvoiceSection InvoiceSectionId
    InvoiceSectionName IsAzureCreditEligible Location MeterCategory MeterId MeterName MeterRegion MeterSubCategory
    OfferId partnerEarnedCreditApplied partnerEarnedCreditRate partnerName partnerTenantId PartNumber PlanName
    previousInvoiceId pricingCurrencyCode PricingModel Product ProductId ProductName ProductOrderId ProductOrderName
    provider publisherId PublisherType resellerMpnId resellerName ReservationId ReservationName ResourceGroup
    ResourceGroupName ResourceLocation ResourceLocationNormalized ServiceFamily ServiceInfo1 ServiceInfo2 ServiceTier
    SubscriptionGuid SubscriptionId SubscriptionName Term UnitOfMeasure`,
  ),
};

/**
 * The type that an AWS manifest means by a word: legacy CUR (`OptionalBigDecimal`, `DateTime`, ...) and Data Exports
 * (`double`, `map`, ...). Null for a word that is missing or unknown, which must not fail a load. An amount that is
 * delivered as a double is a decimal, through its shortest text.
 */
export function manifestType(word: string | null | undefined): ColumnType | null {
  return (word && manifestTypes.get(word)) || null;
}

const manifestTypes: ReadonlyMap<string, ColumnType> = new Map([
  ["String", "text"],
  ["OptionalString", "text"],
  ["Interval", "text"],
  ["BigDecimal", "decimal"],
  ["OptionalBigDecimal", "decimal"],
  ["DateTime", "timestamp"],
  ["string", "text"],
  ["double", "decimal"],
  ["timestamp", "timestamp"],
  ["map", "json"],
]);

/** A dictionary in which these names, parted by blanks, all have one type. */
export function typed(type: ColumnType, names: string): Record<string, ColumnType> {
  return Object.fromEntries(
    names
      .trim()
      .split(/\s+/)
      .map((name) => [name, type]),
  );
}
