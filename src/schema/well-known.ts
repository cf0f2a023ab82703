import type { ColumnType } from "../model.ts";

/**
 * Types of the columns of legacy CUR by source name, for manifests without types (all before 2019, and those of
 * generators). Taken from the real manifests of 2019-01 and 2019-12 that have types, which agree with each other. Rates
 * are text there, except the savings plan rate. An entry `category/*` covers all other columns of its category: AWS
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
 * Types of the columns of Azure exports, whose CSV files and manifests do not declare them: FOCUS 1.0-preview to 1.4 with
 * Microsoft's own `x_` columns, and actual and amortized cost of EA, MCA, MPA and pay-as-you-go. Source: the FOCUS
 * specification, Microsoft's dataset schema pages (learn.microsoft.com, cost-management-billing/dataset-schema) and the
 * schemas of its finops-toolkit. One spelling covers all, since Azure's dialects differ in case. Partner credit rates
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
 * The type of a column for the type name in an AWS manifest: legacy CUR (`OptionalBigDecimal`, `DateTime`, ...) and Data
 * Exports (`double`, `map`, ...). Null for a missing or unknown name, which must not fail a load. An amount that is
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

/** A dictionary that gives one type to all these names, separated by blanks. */
export function typed(type: ColumnType, names: string): Record<string, ColumnType> {
  return Object.fromEntries(
    names
      .trim()
      .split(/\s+/)
      .map((name) => [name, type]),
  );
}

/**
 * Types of the columns of FOCUS 1.0 to 1.4, dataset "Cost and Usage". Source: the FOCUS specification (CC-BY-4.0). Maps come as
 * MAP or STRUCT in Parquet and as JSON text in CSV.
 */
const focusColumnTypes: Readonly<Record<string, ColumnType>> = {
  ...typed("timestamp", `BillingPeriodEnd BillingPeriodStart ChargePeriodEnd ChargePeriodStart`),
  ...typed(
    "json",
    `AllocatedMethodDetails AllocatedTags CommitmentProgramEligibilityDetails ContractApplied SkuPriceDetails Tags`,
  ),
  ...typed(
    "decimal",
    `BilledCost CommitmentDiscountQuantity ConsumedQuantity ContractedCost ContractedUnitPrice EffectiveCost ListCost
    ListUnitPrice PricingCurrencyContractedUnitPrice PricingCurrencyEffectiveCost PricingCurrencyListUnitPrice
    PricingQuantity`,
  ),
  ...typed(
    "text",
    `AllocatedMethodId AllocatedResourceId AllocatedResourceName HostProviderName InvoiceDetailId ServiceProviderName
    AvailabilityZone BillingAccountId BillingAccountName BillingAccountType BillingCurrency CapacityReservationId
    CapacityReservationStatus ChargeCategory ChargeClass ChargeDescription ChargeFrequency CommitmentDiscountCategory
    CommitmentDiscountId CommitmentDiscountName CommitmentDiscountStatus CommitmentDiscountType CommitmentDiscountUnit
    ConsumedUnit InvoiceId InvoiceIssuerName PricingCategory PricingCurrency PricingUnit ProviderName PublisherName
    RegionId RegionName ResourceId ResourceName ResourceType ServiceCategory ServiceName ServiceSubcategory SkuId
    SkuMeter SkuPriceId SubAccountId SubAccountName SubAccountType`,
  ),
};

/** The same, with the columns that `billhouse focus export` writes beside them. */
export const focusTypes: Readonly<Record<string, ColumnType>> = {
  ...focusColumnTypes,
  ...typed("timestamp", "x_BillingExchangeRateDate"),
  ...typed("decimal", "x_BilledCostInUsd x_BillingExchangeRate x_EffectiveCostInUsd"),
  ...typed("json", "x_CostCategories x_Discounts x_SkuDetails"),
};

/**
 * Types of the columns of AWS Data Exports, for manifests that lack them: CUR 2.0 and FOCUS 1.0 to 1.4 with the `x_`
 * columns of AWS. Sources: the SELECT statements and the table dictionary in
 * awslabs/cid-data-collection-framework@1fde781 `data-exports/deploy/data-exports-aggregation.yaml`, and the manifest of a
 * real FOCUS 1.2 export. Rates, and the times of reservations and savings plans, are text there; maps come as MAP in
 * Parquet and as JSON text in CSV.
 */
export const dataExportTypes: Readonly<Record<string, ColumnType>> = {
  ...focusColumnTypes,
  ...typed(
    "timestamp",
    `bill_billing_period_end_date bill_billing_period_start_date line_item_usage_end_date line_item_usage_start_date`,
  ),
  ...typed(
    "json",
    `cost_category discount product resource_tags
    x_CostCategories x_Discounts`,
  ),
  ...typed(
    "decimal",
    `discount_bundled_discount discount_total_discount
    line_item_blended_cost line_item_net_unblended_cost line_item_normalization_factor
    line_item_normalized_usage_amount line_item_unblended_cost line_item_usage_amount pricing_public_on_demand_cost
    reservation_amortized_upfront_cost_for_usage reservation_amortized_upfront_fee_for_billing_period
    reservation_effective_cost reservation_net_amortized_upfront_cost_for_usage
    reservation_net_amortized_upfront_fee_for_billing_period reservation_net_effective_cost
    reservation_net_recurring_fee_for_usage reservation_net_unused_amortized_upfront_fee_for_billing_period
    reservation_net_unused_recurring_fee reservation_net_upfront_value reservation_recurring_fee_for_usage
    reservation_unused_amortized_upfront_fee_for_billing_period reservation_unused_normalized_unit_quantity
    reservation_unused_quantity reservation_unused_recurring_fee reservation_upfront_value
    savings_plan_amortized_upfront_commitment_for_billing_period
    savings_plan_net_amortized_upfront_commitment_for_billing_period
    savings_plan_net_recurring_commitment_for_billing_period savings_plan_net_savings_plan_effective_cost
    savings_plan_recurring_commitment_for_billing_period savings_plan_savings_plan_effective_cost
    savings_plan_savings_plan_rate savings_plan_total_commitment_to_date savings_plan_used_commitment
    split_line_item_actual_usage split_line_item_net_split_cost split_line_item_net_unused_cost
    split_line_item_public_on_demand_split_cost split_line_item_public_on_demand_unused_cost
    split_line_item_reserved_usage split_line_item_split_cost split_line_item_split_usage
    split_line_item_split_usage_ratio split_line_item_unused_cost
    BilledCost CommitmentDiscountQuantity ConsumedQuantity ContractedCost ContractedUnitPrice EffectiveCost ListCost
    ListUnitPrice PricingCurrencyContractedUnitPrice PricingCurrencyEffectiveCost PricingCurrencyListUnitPrice
    PricingQuantity`,
  ),
  ...typed(
    "text",
    `bill_bill_type bill_billing_entity bill_invoice_id bill_invoicing_entity bill_payer_account_id
    bill_payer_account_name identity_line_item_id identity_time_interval line_item_availability_zone
    line_item_blended_rate line_item_currency_code line_item_iam_principal line_item_legal_entity
    line_item_line_item_description line_item_line_item_type line_item_net_unblended_rate line_item_operation
    line_item_product_code line_item_resource_id line_item_tax_type line_item_unblended_rate
    line_item_usage_account_id line_item_usage_account_name line_item_usage_type line_item_user_identifier
    pricing_currency pricing_lease_contract_length pricing_offering_class pricing_public_on_demand_rate
    pricing_purchase_option pricing_rate_code pricing_rate_id pricing_term pricing_unit
    product_comment product_fee_code product_fee_description product_from_location product_from_location_type
    product_from_region_code product_instance_family product_instance_type product_instancesku product_location
    product_location_type product_operation product_pricing_unit product_product_family product_region_code
    product_servicecode product_sku product_to_location product_to_location_type product_to_region_code
    product_usagetype
    reservation_availability_zone reservation_end_time reservation_modification_status
    reservation_normalized_units_per_reservation reservation_number_of_reservations reservation_reservation_a_r_n
    reservation_start_time reservation_subscription_id reservation_total_reserved_normalized_units
    reservation_total_reserved_units reservation_units_per_reservation
    savings_plan_end_time savings_plan_instance_type_family savings_plan_offering_type savings_plan_payment_option
    savings_plan_purchase_term savings_plan_region savings_plan_savings_plan_a_r_n savings_plan_savings_plan_arn
    savings_plan_start_time split_line_item_parent_resource_id
    x_Operation x_ServiceCode x_UsageType`,
  ),
};
