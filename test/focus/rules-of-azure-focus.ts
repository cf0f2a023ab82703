import type { Row } from "../support/deliveries.ts";
import { nativeRow } from "./azure-bills.ts";
import type { MadeTable } from "./made-tables.ts";
import type { Rules } from "./rules.test.ts";

const order = "/providers/Microsoft.BillingBenefits/savingsPlanOrders/D0C1B2A3-1111-4222-8333-9f8e7d6c5b4a";
const plan = `${order}/savingsPlans/AA01BB02-cc03-4d04-8e05-ff0600110022`;

/** A row as it is after loading: times have seconds. */
function row(description: string, cells: Row = {}): Row {
  const cellsOf = Object.entries(nativeRow({ ChargeDescription: description, ...cells }));
  return Object.fromEntries(cellsOf.map(([name, value]) => [name, value.replace(/T00:00Z$/u, "T00:00:00Z")]));
}

const nothing = { ConsumedQuantity: "", ConsumedUnit: "" };
const ofPlan = {
  CommitmentDiscountId: plan,
  CommitmentDiscountName: "eu",
  CommitmentDiscountCategory: "Spend",
  CommitmentDiscountType: "Savings Plan",
};
const unnamed = { ServiceName: "", ServiceCategory: "", x_ResourceType: "", ResourceId: "" };

const rows: readonly Row[] = [
  row("machine"),
  row("plan", {
    ...ofPlan,
    ...nothing,
    ...unnamed,
    CommitmentDiscountId: order,
    ChargeCategory: "Purchase",
    PricingCategory: "Committed",
    BilledCost: "12.3",
    EffectiveCost: "12.3",
    ContractedCost: "12.3",
    ResourceName: "",
    ResourceType: "",
    PublisherName: "",
    x_SkuMeterSubcategory: "Compute Savings Plan",
  }),
  row("plan use", { ...ofPlan, CommitmentDiscountStatus: "Used", BilledCost: "0", EffectiveCost: "0.7" }),
  row("plan", {
    ...ofPlan,
    CommitmentDiscountStatus: "Unused",
    PricingCategory: "Committed",
    BilledCost: "0",
    EffectiveCost: "0.4",
    ContractedCost: "0",
    ListCost: "0",
  }),
  row("use without a status", { ...ofPlan, PricingCategory: "Committed", BilledCost: "0", EffectiveCost: "0.7" }),
  row("seats", {
    ...nothing,
    ...unnamed,
    ChargeCategory: "Purchase",
    ChargeFrequency: "Recurring",
    PublisherName: "Contoso Ltd",
    x_PublisherCategory: "Vendor",
    x_SkuMeterSubcategory: "Contoso Backup",
  }),
  ...["Rounding Adjustment", "MACC Shortfall"].map((name) =>
    row(name, {
      ...nothing,
      ...unnamed,
      ChargeCategory: "Adjustment",
      PricingCategory: "",
      PublisherName: "",
      x_SkuMeterSubcategory: name,
    }),
  ),
  row("no SKU", { SkuId: "" }),
  row("no prices", { ContractedCost: "0", ListCost: "0" }),
  row("empty prices", { ContractedCost: "", ListCost: "" }),
  row("negative savings", { ContractedCost: "1", ListCost: "0.9" }),
  row("no quantity", nothing),
  row("tax", { ...nothing, ChargeCategory: "Tax", BilledCost: "7", EffectiveCost: "6" }),
];
const later = /^(?:ChargeClass|CommitmentDiscountStatus|Consumed\w+|Contracted\w+|Region\w+)$/u;
const preview = {
  ...Object.fromEntries(Object.entries(row("preview")).filter(([name]) => !later.test(name))),
  BillingPeriodStart: "2024-06-01",
  BillingPeriodEnd: "2024-07-01",
  ChargeSubcategory: "On-Demand",
  PricingCategory: "On-Demand",
  Region: "West Europe",
  UsageQuantity: "10",
  UsageUnit: "Hours",
  x_OnDemandCost: "1.152",
};

/** An export in FOCUS 1.0 with its known defects, and one in 1.0-preview. */
export const azureFocusTables: readonly MadeTable[] = [
  { exportName: "azure_focus", idColumn: "run_id", period: "BillingPeriodStart", rows },
  { exportName: "azure_preview", idColumn: "run_id", period: "BillingPeriodStart", rows: [preview] },
];

/** What rows of Azure exports in FOCUS columns must become, by the corrections and checks of FinOps hubs. */
export const azureFocusRules: Rules = {
  "EffectiveCost→0 on commitment Purchase (#1092)": {
    plan: { BilledCost: "12.3", EffectiveCost: "0", x_EffectiveCostInUsd: "0" },
    seats: { EffectiveCost: "1.152", x_EffectiveCostInUsd: "1.3" },
  },
  "ChargeFrequency Usage-Based→Recurring for commitment purchases (1.0)": {
    plan: { ChargeFrequency: "Recurring" },
    machine: { ChargeFrequency: "Usage-Based" },
  },
  "Standard+CommitmentDiscountId+Usage→Committed (#836)": {
    "plan use": { PricingCategory: "Committed" },
    plan: { PricingCategory: "Standard" },
    machine: { PricingCategory: "Standard" },
  },
  "PublisherName null→Microsoft": { plan: { ServiceProviderName: "Microsoft" } },
  "ServiceName null→PublisherName (EA marketplace) or x_SkuMeterSubcategory (MCA RI/SP, rounding, MACC, credits)": {
    seats: { ServiceName: "Contoso Ltd", ServiceCategory: "Other" },
    plan: { ServiceName: "Compute Savings Plan" },
    "Rounding Adjustment": { ServiceName: "Rounding Adjustment" },
    "MACC Shortfall": { ServiceName: "MACC Shortfall" },
  },
  "List/Contracted 0: price sheet join else ListCost→ContractedCost→EffectiveCost fallback **flagged** (#2307, #1424 negative savings)":
    {
      "no prices": { ContractedCost: "1.152", ListCost: "1.152" },
      "empty prices": { ContractedCost: "1.152", ListCost: "1.152" },
      "negative savings": { ContractedCost: "1", ListCost: "0.9" },
      "plan unused": { ContractedCost: "0", ListCost: "0" },
    },
  "SkuMeter←x_SkuMeterName (#2105)": {
    machine: { SkuMeter: "D2 v3", x_QualityFlags: null },
    "no SKU": { SkuMeter: "D2 v3", x_QualityFlags: "SkuIdMissing" },
    tax: { SkuMeter: null },
  },
  "lower-case BillingAccountId/CommitmentDiscountId": {
    machine: {
      BillingAccountId:
        "/providers/microsoft.billing/billingaccounts/1a2b:3c4d_2019-05-31/billingprofiles/r4tx-k2qd-bg7-pgb",
    },
    "plan use": { CommitmentDiscountId: plan.toLowerCase() },
  },
  "ConsumedQuantity null if not Usage": {
    plan: { ConsumedQuantity: null, ConsumedUnit: null },
    "plan unused": { ConsumedQuantity: null, ConsumedUnit: null },
    machine: { ConsumedQuantity: "10", ConsumedUnit: "Hours" },
  },
  "resource id/name from commitment for purchases": {
    plan: { ResourceId: order.toLowerCase(), ResourceName: "eu", ResourceType: "Savings Plan" },
  },
  MissingListCost: { "no prices": { x_QualityFlags: "ContractedCostFromEffectiveCost,ListCostFromContractedCost" } },
  MissingContractedCost: {
    "empty prices": { x_QualityFlags: "ContractedCostFromEffectiveCost,ListCostFromContractedCost" },
  },
  ListCostLessThanContractedCost: {
    "negative savings": { x_QualityFlags: "ContractedCostBelowEffectiveCost,ListCostBelowContractedCost" },
  },
  ContractedCostLessThanEffectiveCost: {
    "negative savings": { x_QualityFlags: "ContractedCostBelowEffectiveCost,ListCostBelowContractedCost" },
  },
  InvalidEffectiveCost: {
    plan: {
      x_QualityFlags:
        "EffectiveCostOfPurchaseRemoved,ChargeFrequencyCorrected,PricingCategoryCorrected,PublisherNameAssumed,ServiceNameAssumed",
    },
  },
  PricingCategoryShouldBeCommitted: { "plan use": { x_QualityFlags: "PricingCategoryCorrected" } },
  MissingConsumedQuantity: { "no quantity": { x_QualityFlags: "ConsumedQuantityMissing" } },
  "LegacyFocusVersion…": {
    preview: { PricingCategory: "Standard", ConsumedQuantity: "10", x_QualityFlags: "LegacyFocusVersion" },
    machine: { x_QualityFlags: null },
  },
};

/** The same in FOCUS 1.2, where it differs. */
export const azureFocusRulesOf12: Rules = {
  "PublisherName null→Microsoft": {
    plan: { PublisherName: "Microsoft", ProviderName: "Microsoft" },
    seats: { PublisherName: "Contoso Ltd", ProviderName: "Microsoft" },
  },
  "the effective cost of tax is as delivered": { tax: { EffectiveCost: "6" } },
};
