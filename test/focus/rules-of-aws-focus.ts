import type { Row } from "../support/deliveries.ts";
import type { MadeTable } from "./made-tables.ts";
import type { Rules } from "./rules.test.ts";

/** A row of FOCUS 1.0 as AWS writes it: two hours of a machine. */
function row(description: string, cells: Row = {}): Row {
  return {
    BilledCost: "0.2",
    BillingAccountId: "000022222222",
    BillingCurrency: "USD",
    BillingPeriodStart: "2025-03-01",
    BillingPeriodEnd: "2025-04-01",
    ChargeCategory: "Usage",
    ChargeDescription: description,
    ChargePeriodStart: "2025-03-31T22:00:00Z",
    ChargePeriodEnd: "2025-04-01",
    ConsumedQuantity: "2",
    ContractedCost: "0.2",
    EffectiveCost: "0.2",
    InvoiceIssuerName: "Amazon Web Services, Inc.",
    ListCost: "0.24",
    PricingCategory: "Standard",
    ProviderName: "AWS",
    PublisherName: "AWS",
    ServiceCategory: "Compute",
    ServiceName: "Amazon Elastic Compute Cloud",
    SkuId: "SKU1",
    SubAccountId: "012345678901",
    Tags: '{"user:team":"shop"}',
    x_CostCategories: '{"unit":"retail"}',
    x_Discounts: '{"edp":"-0.01"}',
    x_Operation: "RunInstances",
    x_ServiceCode: "AmazonEC2",
    x_UsageType: "USE1-BoxUsage:m5.large",
    ...cells,
  };
}

const newer = {
  BillingPeriodStart: "2025-04-01",
  BillingPeriodEnd: "2025-05-01",
  ServiceSubcategory: "Containers",
  SkuMeter: "meter of 1.2",
  PricingCurrency: "EUR",
};
const rows: readonly Row[] = [
  row("usage"),
  row("small", { BilledCost: "0.000000000000000001", EffectiveCost: "1.5E-7" }),
  row("tax", { ChargeCategory: "Tax", PricingCategory: "", BilledCost: "7", EffectiveCost: "6" }),
  row("seller", { PublisherName: "Northwind Ltd." }),
  row("volume", { ServiceCategory: "Storage" }),
  row("unknown service", { x_ServiceCode: "AmazonTomorrow", ServiceCategory: "Other" }),
  row("purchase", { ChargeCategory: "Purchase", BilledCost: "8", EffectiveCost: "0" }),
  row("newer", { ...newer, PricingCurrencyEffectiveCost: "0.18" }),
  row("other currency", newer),
  row("without a SKU", { SkuId: "" }),
  row("newer without a SKU", { ...newer, SkuId: "", PricingCurrency: "USD" }),
];

/** An AWS export in FOCUS 1.0, with months of 1.2. */
export const awsFocusTables: readonly MadeTable[] = [
  { exportName: "aws_focus", idColumn: "assembly_id", period: "BillingPeriodStart", rows },
];

/** What rows of AWS exports in FOCUS columns must become in FOCUS 1.4. */
export const awsFocusRules: Rules = {
  "costs stay as delivered, with every digit": {
    usage: { BilledCost: "0.2", EffectiveCost: "0.2", ContractedCost: "0.2", ListCost: "0.24" },
    small: { BilledCost: "0.000000000000000001", EffectiveCost: "0.00000015" },
    purchase: { BilledCost: "8", EffectiveCost: "0" },
  },
  "the effective cost of tax is its billed cost": {
    tax: { EffectiveCost: "7", PricingCurrencyEffectiveCost: "7", PricingCategory: null },
  },
  "the seller provides what AWS sells for it": {
    seller: { ServiceProviderName: "Northwind Ltd.", HostProviderName: "AWS" },
    usage: { ServiceProviderName: "AWS", HostProviderName: "AWS" },
  },
  "1.0 has the meter as usage type": {
    usage: { SkuMeter: "USE1-BoxUsage:m5.large" },
    newer: { SkuMeter: "meter of 1.2" },
    tax: { SkuMeter: null },
    "without a SKU": { SkuMeter: "USE1-BoxUsage:m5.large", x_QualityFlags: "SkuIdMissing" },
    "newer without a SKU": { SkuMeter: "meter of 1.2", x_QualityFlags: null },
  },
  "1.0 lacks subcategories, and one that does not fit the category is not shown": {
    usage: { ServiceSubcategory: "Virtual Machines", x_QualityFlags: null },
    volume: { ServiceSubcategory: "Other (Storage)", x_QualityFlags: "ServiceSubcategoryUnknown" },
    "unknown service": { ServiceSubcategory: "Other (Other)", x_QualityFlags: "ServiceSubcategoryUnknown" },
    newer: { ServiceSubcategory: "Containers" },
  },
  "1.0 has one currency, and no cost is converted": {
    usage: { PricingCurrency: "USD", PricingCurrencyEffectiveCost: "0.2" },
    newer: { PricingCurrency: "EUR", PricingCurrencyEffectiveCost: "0.18" },
    "other currency": {
      PricingCurrencyEffectiveCost: null,
      x_QualityFlags: "PricingCurrencyEffectiveCostMissing",
    },
  },
  "tags keep their keys, and AWS's own columns stay": {
    usage: {
      Tags: '{"user:team":"shop"}',
      x_CostCategories: '{"unit":"retail"}',
      x_Discounts: '{"edp":"-0.01"}',
      x_Operation: "RunInstances",
      x_ServiceCode: "AmazonEC2",
    },
  },
};

/** The same in FOCUS 1.2. */
export const awsFocusRulesOf12: Rules = {
  "the effective cost of tax is as delivered": { tax: { EffectiveCost: "6", PricingCurrencyEffectiveCost: "6" } },
  "provider and publisher stay": {
    seller: { ProviderName: "AWS", PublisherName: "Northwind Ltd." },
  },
};
