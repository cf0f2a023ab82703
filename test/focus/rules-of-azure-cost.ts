import type { Row } from "../support/deliveries.ts";
import { eaRow, mcaRow } from "./azure-bills.ts";
import { order, purchase, reservation } from "./azure-ea-bills.ts";
import type { MadeTable } from "./made-tables.ts";
import type { Rules } from "./rules.test.ts";

const planOrder = "/providers/Microsoft.BillingBenefits/savingsPlanOrders/CCCCCCCC-1111-4222-8333-444455556666";
const plan = `${planOrder}/savingsPlans/DDDDDDDD-7777-4888-8999-aaaabbbbcccc`;
const capacity = "/subscriptions/S/resourceGroups/RG/providers/Microsoft.Compute/capacityReservationGroups/G";
const subscription = "/subscriptions/3f2c1b70-5a10-4d39-9c57-0d6f0c1a2b31";
const noPrice = { UnitPrice: "", PayGPrice: "" };

/** A row as it is after loading: dates are ISO 8601. */
function loaded(row: Row): Row {
  const iso = (value: string): string => value.replace(/^(\d\d)\/(\d\d)\/(\d{4})$/u, "$3-$1-$2");
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, iso(value)]));
}

/** A charge of the Enterprise Agreement. */
export const ea = (name: string, cells: Row = {}): Row => loaded(eaRow({ ProductName: name, ...cells }));
/** A charge of the Microsoft Customer Agreement. */
export const mca = (name: string, cells: Row = {}): Row => loaded(mcaRow({ ProductName: name, ...cells }));

/** Charges that both costs have, of the Enterprise Agreement. */
const eaBoth: readonly Row[] = [
  ea("machine", { Tags: '"env": "prod","team": "a {b}"', AvailabilityZone: "1" }),
  ea("spot machine", { PricingModel: "Spot" }),
  ea("hybrid benefit", { AdditionalInfo: '{"AHB":"True","VCPUs":2}' }),
  ea("operations", {
    UnitOfMeasure: "10K",
    Quantity: "0.0129",
    UnitPrice: "0.05",
    PayGPrice: "0.06",
    CostInBillingCurrency: "0.000645",
  }),
  ea("tax", { ...noPrice, ChargeType: "Tax", Frequency: "OneTime", CostInBillingCurrency: "7.5" }),
  ea("credit", { ...noPrice, ChargeType: "Credit", Frequency: "OneTime", CostInBillingCurrency: "-3" }),
  ea("rounding", {
    ...noPrice,
    ChargeType: "RoundingAdjustment",
    Frequency: "OneTime",
    MeterSubCategory: "Rounding Adjustment",
    CostInBillingCurrency: "0.0041",
  }),
  ea("surprise", { ...noPrice, ChargeType: "Surprise", CostInBillingCurrency: "1" }),
  ea("seats", {
    SubscriptionId: "00000000-0000-0000-0000-000000000000",
    SubscriptionName: "Unassigned",
    ChargeType: "Purchase",
    Frequency: "Recurring",
    PublisherType: "Marketplace",
    PublisherName: "Contoso Ltd",
    ConsumedService: "Microsoft.SaaS",
    ResourceId: "/subscriptions/x/resourceGroups/y/providers/Microsoft.SaaS/resources/backup",
    ResourceName: "backup",
    UnitOfMeasure: "1/Month",
    Quantity: "1",
    UnitPrice: "400",
    PayGPrice: "0",
    CostInBillingCurrency: "400",
  }),
  ea("refund of seats", { ...noPrice, ChargeType: "Refund", Frequency: "OneTime", CostInBillingCurrency: "-40" }),
  ea("reserved machine", { AdditionalInfo: JSON.stringify({ VMCapacityReservationId: capacity }) }),
  ea("idle capacity", {
    ResourceId: `${capacity}/capacityReservations/C`,
    AdditionalInfo: JSON.stringify({ VMCapacityReservationId: capacity }),
  }),
  ea("blank", {
    ...noPrice,
    MeterSubCategory: "",
    ResourceId: "",
    ResourceName: "",
    ResourceLocation: "",
    ConsumedService: "",
    UnitOfMeasure: "",
    Tags: "",
    Frequency: "",
  }),
  ea("nowhere", {
    ResourceLocation: "Moon North",
    UnitOfMeasure: "3 Wishes",
    ResourceId: "/subscriptions/x/resourceGroups/y/providers/Microsoft.Nowhere/things/one",
  }),
];
const covered = {
  PricingModel: "Reservation",
  benefitId: reservation,
  benefitName: "shop",
  AdditionalInfo: '"RINormalizationRatio": 2',
};
const reservationUse = (cost: string): Row => ea("reserved use", { ...covered, CostInBillingCurrency: cost });
const eaActual: readonly Row[] = [
  ...eaBoth,
  reservationUse("0"),
  ea("reservation", purchase),
  ea("refund", {
    ...purchase,
    ProductName: "refund of a reservation",
    ChargeType: "Refund",
    Frequency: "OneTime",
    Quantity: "-1",
    CostInBillingCurrency: "-10.5",
  }),
];
const eaAmortized: readonly Row[] = [
  ...eaBoth,
  reservationUse("0.5"),
  ea("reservation", {
    ...covered,
    ...noPrice,
    ChargeType: "UnusedReservation",
    Quantity: "5",
    CostInBillingCurrency: "0.3",
    ConsumedService: "Microsoft.Capacity",
    ResourceId: reservation,
    AdditionalInfo: "",
  }),
];

/** Charges that both costs have, of the Microsoft Customer Agreement. */
const mcaBoth: readonly Row[] = [
  mca("priced in dollars", { tags: '{"env":"prod"}', partnerName: "Partner AG" }),
  mca("without a rate", { exchangeRatePricingToBilling: "", paygCostInBillingCurrency: "" }),
  mca("earlier invoice", {
    chargeType: "Refund",
    frequency: "OneTime",
    previousInvoiceId: "G068887776",
    costInBillingCurrency: "-2",
  }),
  mca("same invoice", { chargeType: "Refund", frequency: "OneTime", costInBillingCurrency: "-1", unitPrice: "-1" }),
];
const planUse = (cost: string, priced: string): Row =>
  mca("plan use", {
    pricingModel: "SavingsPlan",
    benefitId: plan,
    benefitName: "eu",
    costInBillingCurrency: cost,
    costInPricingCurrency: priced,
  });
const ofPlan = {
  pricingModel: "SavingsPlan",
  benefitName: "eu",
  SubscriptionId: "",
  consumedService: "Microsoft.BillingBenefits",
  unitPrice: "0",
  PayGPrice: "0",
  paygCostInBillingCurrency: "0",
  quantity: "1",
};
const unknown = (cost: string): Row =>
  mca("unknown commitment", { pricingModel: "Savings Plan", costInBillingCurrency: cost, costInPricingCurrency: cost });
const mcaActual: readonly Row[] = [
  ...mcaBoth,
  planUse("0", "0"),
  unknown("0"),
  mca("plan", {
    ...ofPlan,
    chargeType: "Purchase",
    frequency: "Recurring",
    benefitId: planOrder,
    ResourceId: planOrder,
    costInBillingCurrency: "2.625",
    costInPricingCurrency: "3",
  }),
];
const mcaAmortized: readonly Row[] = [
  ...mcaBoth,
  planUse("0.6125", "0.7"),
  unknown("0.1"),
  mca("plan", {
    ...ofPlan,
    chargeType: "UnusedSavingsPlan",
    benefitId: plan,
    ResourceId: plan,
    costInBillingCurrency: "0.35",
    costInPricingCurrency: "0.4",
  }),
];

/** The two exports of an agreement in a month. */
export const pair = (
  agreement: string,
  month: string,
  period: string,
  actual: readonly Row[],
  amortized: readonly Row[],
): readonly MadeTable[] => [
  { exportName: `${agreement}_actual`, idColumn: "run_id", period, rows: actual, datasets: { [month]: "ActualCost" } },
  {
    exportName: `${agreement}_amortized`,
    idColumn: "run_id",
    period,
    rows: amortized,
    datasets: { [month]: "AmortizedCost" },
  },
];

/** Actual and amortized cost of both agreements, in different months. */
export const azureCostTables: readonly MadeTable[] = [
  ...pair("ea", "2025-03", "BillingPeriodStartDate", eaActual, eaAmortized),
  ...pair("mca", "2025-06", "billingPeriodStartDate", mcaActual, mcaAmortized),
];

/** What rows of Azure actual and amortized cost must become, by the rows of the mapping in FOCUS terms. */
export const azureCostRules: Rules = {
  BilledCost: {
    machine: { BilledCost: "1.152" },
    "reserved use": { BilledCost: "0" },
    "reservation unused": { BilledCost: "0" },
    reservation: { BilledCost: "61.2" },
    "refund of a reservation": { BilledCost: "-10.5" },
    "plan use": { BilledCost: "0" },
    "plan unused": { BilledCost: "0" },
    plan: { BilledCost: "2.625" },
  },
  EffectiveCost: {
    machine: { EffectiveCost: "1.152" },
    "reserved use": { EffectiveCost: "0.5" },
    "reservation unused": { EffectiveCost: "0.3" },
    reservation: { EffectiveCost: "0" },
    "refund of a reservation": { EffectiveCost: "0" },
    "plan use": { EffectiveCost: "0.6125", PricingCurrencyEffectiveCost: "0.7" },
    plan: { EffectiveCost: "0", PricingCurrencyEffectiveCost: "0" },
    "unknown commitment": { BilledCost: "0", EffectiveCost: "0.1" },
  },
  ContractedCost: {
    machine: { ContractedCost: "1.152" },
    operations: { ContractedCost: "0.000645" },
    "reserved use": { ContractedCost: "1.152" },
    "priced in dollars": { ContractedCost: "0.84" },
    "without a rate": {
      ContractedCost: "0.84",
      x_QualityFlags: "ContractedCostFromEffectiveCost,ListCostFromContractedCost",
    },
    blank: { ContractedCost: "1.152" },
  },
  ContractedUnitPrice: {
    machine: { ContractedUnitPrice: "0.1152" },
    "priced in dollars": { ContractedUnitPrice: "0.084", PricingCurrencyContractedUnitPrice: "0.096" },
    "without a rate": { ContractedUnitPrice: null },
    "same invoice": { ChargeClass: null, ContractedUnitPrice: null, PricingCurrencyContractedUnitPrice: null },
    tax: { ContractedUnitPrice: null },
  },
  "ListUnitPrice / ListCost": {
    machine: { ListUnitPrice: "0.12", ListCost: "1.2" },
    "priced in dollars": { ListUnitPrice: "0.088375", ListCost: "0.8838", PricingCurrencyListUnitPrice: "0.101" },
    "without a rate": { ListUnitPrice: null },
    seats: { ListUnitPrice: null, ListCost: "400", x_QualityFlags: "ListCostFromContractedCost" },
  },
  "BillingAccountId/Name/Type": {
    machine: {
      BillingAccountId: "71234567",
      BillingAccountName: "Fabrikam Retail",
      BillingAccountType: "Billing Account",
    },
    "priced in dollars": {
      BillingAccountId: "R4TX-K2QD-BG7-PGB",
      BillingAccountName: "Fabrikam EU",
      BillingAccountType: "Billing Profile",
    },
  },
  BillingCurrency: { machine: { BillingCurrency: "EUR" }, "priced in dollars": { BillingCurrency: "EUR" } },
  PricingCurrency: { machine: { PricingCurrency: "EUR" }, "priced in dollars": { PricingCurrency: "USD" } },
  "BillingPeriodStart / End": {
    machine: { BillingPeriodStart: "2025-03-01", BillingPeriodEnd: "2025-04-01" },
    "priced in dollars": { BillingPeriodStart: "2025-06-01", BillingPeriodEnd: "2025-07-01" },
  },
  "ChargePeriodStart / End": { machine: { ChargePeriodStart: "2025-03-02", ChargePeriodEnd: "2025-03-03" } },
  ChargeCategory: {
    machine: { ChargeCategory: "Usage" },
    "reservation unused": { ChargeCategory: "Usage" },
    "plan unused": { ChargeCategory: "Usage" },
    reservation: { ChargeCategory: "Purchase" },
    "refund of a reservation": { ChargeCategory: "Purchase" },
    credit: { ChargeCategory: "Credit" },
    tax: { ChargeCategory: "Tax" },
    rounding: { ChargeCategory: "Adjustment", x_QualityFlags: null },
    surprise: { ChargeCategory: "Adjustment", x_QualityFlags: "ChargeTypeUnknown" },
  },
  ChargeClass: {
    "refund of a reservation": { ChargeClass: "Correction", x_QualityFlags: "RefundedPeriodAssumed" },
    "earlier invoice": { ChargeClass: "Correction" },
    "same invoice": { ChargeClass: null },
    machine: { ChargeClass: null },
    rounding: { ChargeClass: null },
  },
  "ChargeDescription / ChargeFrequency": {
    machine: { ChargeDescription: "machine", ChargeFrequency: "Usage-Based" },
    reservation: { ChargeFrequency: "Recurring" },
    tax: { ChargeFrequency: "One-Time" },
    blank: { ChargeFrequency: "Usage-Based" },
  },
  "CommitmentDiscountId / Name": {
    "reserved use": { CommitmentDiscountId: reservation.toLowerCase(), CommitmentDiscountName: "shop" },
    reservation: { CommitmentDiscountId: order.toLowerCase(), CommitmentDiscountName: "shop" },
    "plan use": { CommitmentDiscountId: plan.toLowerCase(), CommitmentDiscountName: "eu" },
    machine: { CommitmentDiscountId: null, CommitmentDiscountName: null },
    "unknown commitment": {
      CommitmentDiscountId: null,
      CommitmentDiscountStatus: null,
      PricingCategory: "Committed",
      x_QualityFlags: "CommitmentUnknown",
    },
  },
  "…Category / Type": {
    "reserved use": { CommitmentDiscountCategory: "Usage", CommitmentDiscountType: "Reservation" },
    "plan use": { CommitmentDiscountCategory: "Spend", CommitmentDiscountType: "Savings Plan" },
  },
  "…Status": {
    "reserved use": { CommitmentDiscountStatus: "Used" },
    "reservation unused": { CommitmentDiscountStatus: "Unused" },
    "plan use": { CommitmentDiscountStatus: "Used" },
    reservation: { CommitmentDiscountStatus: null },
    plan: { CommitmentDiscountStatus: null },
    machine: { CommitmentDiscountStatus: null },
  },
  "…Quantity / Unit": {
    "reserved use": { CommitmentDiscountQuantity: "20", CommitmentDiscountUnit: "Normalized Hours" },
    "plan use": { CommitmentDiscountQuantity: "0.7", CommitmentDiscountUnit: "USD" },
    "plan unused": { CommitmentDiscountQuantity: "0.4", CommitmentDiscountUnit: "USD" },
  },
  "ConsumedQuantity / Unit": {
    machine: { ConsumedQuantity: "10", ConsumedUnit: "Hours" },
    "reservation unused": { ConsumedQuantity: null, ConsumedUnit: null },
    reservation: { ConsumedQuantity: null, ConsumedUnit: null },
    seats: { ConsumedQuantity: null },
  },
  "PricingQuantity / Unit": {
    machine: { PricingQuantity: "10", PricingUnit: "Hours" },
    operations: { PricingQuantity: "0.0129", PricingUnit: "Units", ContractedUnitPrice: "0.05" },
    tax: { PricingQuantity: null, PricingUnit: null },
    blank: { PricingUnit: null },
    nowhere: { PricingUnit: "3 Wishes" },
  },
  PricingCategory: {
    machine: { PricingCategory: "Standard" },
    "hybrid benefit": { PricingCategory: "Standard" },
    "spot machine": { PricingCategory: "Dynamic" },
    "reserved use": { PricingCategory: "Committed" },
    "plan use": { PricingCategory: "Committed" },
    "plan unused": { PricingCategory: "Committed" },
    reservation: { PricingCategory: "Standard" },
    tax: { PricingCategory: null },
    rounding: { PricingCategory: null },
    "earlier invoice": { ChargeClass: "Correction", PricingCategory: null, PricingQuantity: null },
  },
  InvoiceId: { machine: { InvoiceId: null }, "priced in dollars": { InvoiceId: "G071234567" } },
  InvoiceIssuerName: {
    machine: { InvoiceIssuerName: "Microsoft" },
    "priced in dollars": { InvoiceIssuerName: "Partner AG" },
  },
  "ProviderName / PublisherName": {
    machine: { ServiceProviderName: "Microsoft", HostProviderName: "Microsoft" },
    seats: { ServiceProviderName: "Contoso Ltd", HostProviderName: "Microsoft" },
  },
  "RegionName / RegionId": {
    machine: { RegionId: "westeurope", RegionName: "West Europe" },
    "priced in dollars": { RegionId: "northeurope", RegionName: "North Europe" },
    blank: { RegionId: null, RegionName: null },
    nowhere: { RegionId: null, RegionName: "Moon North", x_QualityFlags: "RegionUnknown,ServiceUnknown,UnitUnknown" },
  },
  "ResourceId / Name / Type": {
    machine: {
      ResourceId: `${subscription}/resourcegroups/rg-shop/providers/microsoft.compute/virtualmachines/vm-1`,
      ResourceName: "VM-1",
      ResourceType: "Virtual machine",
    },
    "priced in dollars": { ResourceName: "vm-1" },
    reservation: { ResourceId: order.toLowerCase(), ResourceName: "shop" },
    "reservation unused": { ResourceId: reservation.toLowerCase() },
    blank: { ResourceId: null, ResourceName: null, ResourceType: null },
  },
  "Service*": {
    machine: {
      ServiceName: "Virtual Machines",
      ServiceCategory: "Compute",
      ServiceSubcategory: "Virtual Machines",
    },
    seats: { ServiceName: "Azure Marketplace", ServiceCategory: "Other" },
    plan: { ServiceName: "Azure Savings Plan for Compute" },
    rounding: { ServiceName: "Rounding Adjustment", ServiceCategory: "Other" },
    nowhere: { ServiceName: "Virtual Machines", ServiceCategory: "Other" },
  },
  "SkuId / SkuPriceId / SkuMeter": {
    machine: { SkuId: null, SkuPriceId: null, SkuMeter: "D2 v3" },
    "priced in dollars": { SkuId: "DZH318Z0C0E4E2AD", SkuPriceId: null, SkuMeter: "E2s v5" },
    "earlier invoice": { SkuId: null, SkuMeter: null },
  },
  SkuPriceDetails: {
    "hybrid benefit": { SkuPriceDetails: null, x_SkuDetails: '{"AHB":"True","VCPUs":2}' },
    "reserved use": { x_SkuDetails: '{"RINormalizationRatio": 2}' },
  },
  "SubAccountId/Name/Type": {
    machine: { SubAccountId: subscription, SubAccountName: "Retail Production", SubAccountType: "Subscription" },
    plan: { SubAccountId: null, SubAccountType: null },
    seats: { SubAccountId: null, SubAccountName: null, SubAccountType: null },
  },
  "CapacityReservationId/Status": {
    "reserved machine": { CapacityReservationId: capacity.toLowerCase(), CapacityReservationStatus: "Used" },
    "idle capacity": { CapacityReservationId: capacity.toLowerCase(), CapacityReservationStatus: "Unused" },
    machine: { CapacityReservationId: null, CapacityReservationStatus: null },
  },
  Tags: {
    machine: { Tags: '{"env": "prod","team": "a {b}"}' },
    "priced in dollars": { Tags: '{"env":"prod"}' },
    blank: { Tags: null },
  },
  x_: {
    machine: {
      x_CostCenter: "4711",
      x_InvoiceSectionName: "Retail",
      x_ResourceGroupName: "RG-Shop",
      x_SkuMeterCategory: "Virtual Machines",
      x_SkuMeterSubcategory: "Dv3 Series",
      x_SkuOfferId: "MS-AZR-0017P",
      x_SkuPartNumber: "AAA-11111",
    },
    "priced in dollars": {
      x_BillingExchangeRate: "0.875",
      x_BillingExchangeRateDate: "2025-06-01",
      x_BilledCostInUsd: "0.96",
      x_EffectiveCostInUsd: "0.96",
    },
  },
};

/** The same in FOCUS 1.2, where it differs. */
export const azureCostRulesOf12: Rules = {
  "ProviderName / PublisherName": {
    machine: { ProviderName: "Microsoft", PublisherName: "Microsoft" },
    seats: { ProviderName: "Microsoft", PublisherName: "Contoso Ltd" },
  },
};
