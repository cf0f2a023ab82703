import type { Row } from "../support/deliveries.ts";
import type { MadeTable } from "./made-tables.ts";
import type { Rules } from "./rules.test.ts";

const plan = "arn:aws:savingsplans::000022222222:savingsplan/aaaa";
const reserved = "arn:aws:ec2:us-east-1:000022222222:reserved-instances/cccc";
const capacity = "arn:aws:ec2:us-east-1:000022222222:capacity-reservation/cr-1";
const bucket = "arn:aws:s3:::acme-logs/2025";
const previous = { "lineItem/UsageStartDate": "2025-02-03T00:00:00Z", "lineItem/UsageEndDate": "2025-02-04T00:00:00Z" };
/** The cells of a line without a price. */
export const unpriced: Row = {
  "pricing/publicOnDemandCost": "",
  "pricing/publicOnDemandRate": "",
  "pricing/RateCode": "",
  "product/sku": "",
};

/** A line: two hours of a machine, on demand. Its description is its name in the rules. */
export function line(description: string, type: string, cost: string, cells: Row = {}): Row {
  return {
    "identity/LineItemId": `id of ${description}`,
    "bill/InvoiceId": "1234567890",
    "bill/InvoicingEntity": "Amazon Web Services, Inc.",
    "bill/BillingEntity": "AWS",
    "bill/BillType": "Anniversary",
    "bill/PayerAccountId": "000022222222",
    "bill/BillingPeriodStartDate": "2025-03-01T00:00:00Z",
    "bill/BillingPeriodEndDate": "2025-04-01T00:00:00Z",
    "lineItem/UsageAccountId": "012345678901",
    "lineItem/LineItemType": type,
    "lineItem/UsageStartDate": "2025-03-31T22:00:00Z",
    "lineItem/UsageEndDate": "2025-04-01T00:00:00Z",
    "lineItem/ProductCode": "AmazonEC2",
    "lineItem/UsageType": "USE1-BoxUsage:m5.large",
    "lineItem/Operation": "RunInstances",
    "lineItem/AvailabilityZone": "us-east-1a",
    "lineItem/ResourceId": "i-1",
    "lineItem/UsageAmount": "2",
    "lineItem/CurrencyCode": "USD",
    "lineItem/UnblendedRate": "0.1",
    "lineItem/UnblendedCost": cost,
    "lineItem/LineItemDescription": description,
    "lineItem/LegalEntity": "Amazon Web Services, Inc.",
    "pricing/publicOnDemandCost": "0.24",
    "pricing/publicOnDemandRate": "0.12",
    "pricing/unit": "Hrs",
    "pricing/currency": "USD",
    "pricing/RateCode": "SKU1.JRTC.6YS6",
    "product/ProductName": "Amazon Elastic Compute Cloud",
    "product/productFamily": "Compute Instance",
    "product/sku": "SKU1",
    "product/regionCode": "us-east-1",
    "product/location": "US East (N. Virginia)",
    "product/instanceType": "m5.large",
    "product/instanceFamily": "General purpose",
    "product/vcpu": "2",
    "product/memory": "8 GiB",
    "product/operatingSystem": "Linux",
    ...cells,
  };
}

const march: readonly Row[] = [
  line("usage", "Usage", "0.2", {
    "lineItem/BlendedCost": "0.19",
    "resourceTags/user:Name": "web-1",
    "resourceTags/user:Team": "shop",
    "resourceTags/aws:createdBy": "Root:1",
    "costCategory/Unit": "retail",
  }),
  line("net usage", "Usage", "0.2", { "lineItem/NetUnblendedCost": "0.18", "lineItem/NetUnblendedRate": "0.09" }),
  line("net discount", "EdpDiscount", "-0.02", { ...unpriced, "lineItem/NetUnblendedCost": "0" }),
  line("net cost without its rate", "Usage", "0.2", { "lineItem/NetUnblendedCost": "0.18" }),
  line("net cost of the rate", "Usage", "0.2", { "lineItem/NetUnblendedCost": "0.2" }),
  line("no quantity", "Usage", "0.2", { "lineItem/UsageAmount": "" }),
  line("only a rate", "Usage", "0.2", { "pricing/publicOnDemandCost": "" }),
  line("cost of another tier", "Usage", "0.2", { "pricing/publicOnDemandCost": "0.3" }),
  line("spot", "Usage", "0.05", { "lineItem/UsageType": "USE1-SpotUsage:m5.large" }),
  line("zone is the region", "Usage", "1", { "lineItem/AvailabilityZone": "us-east-1" }),
  line("transfer", "Usage", "1", {
    "product/productFamily": "Data Transfer",
    "product/regionCode": "",
    "product/location": "External",
    "pricing/unit": "GB",
  }),
  line("volume", "Usage", "1", {
    "product/productFamily": "Storage",
    "pricing/unit": "GB-Mo",
    "lineItem/ResourceId": "vol-1",
  }),
  line("bucket", "Usage", "1", {
    "lineItem/ProductCode": "AmazonS3",
    "product/ProductName": "Amazon Simple Storage Service",
    "lineItem/ResourceId": bucket,
  }),
  line("function", "Usage", "1", {
    "lineItem/ProductCode": "AWSLambda",
    "product/ProductName": "AWS Lambda",
    "pricing/unit": "Lambda-GB-Second",
    "lineItem/UsageAmount": "0.0000125",
  }),
  line("flat rate", "FlatRateSubscription", "20"),
  ...["BundledDiscount", "Discount", "EdpDiscount", "PrivateRateDiscount", "SppDiscount", "RiVolumeDiscount"].map(
    (type) => line(type, type, "-0.02", unpriced),
  ),
  // A savings plan, half of which is paid upfront: 1 an hour, of which 0.75 were used.
  line("plan upfront", "SavingsPlanUpfrontFee", "4380", {
    ...unpriced,
    "lineItem/ProductCode": "ComputeSavingsPlans",
    "product/ProductName": "Savings Plans for AWS Compute usage",
    "savingsPlan/SavingsPlanARN": plan,
  }),
  line("plan fee", "SavingsPlanRecurringFee", "0.5", {
    "lineItem/ProductCode": "ComputeSavingsPlans",
    "savingsPlan/SavingsPlanARN": plan,
    "savingsPlan/TotalCommitmentToDate": "1",
    "savingsPlan/UsedCommitment": "0.75",
    "savingsPlan/PurchaseTerm": "3yr",
  }),
  // Nothing was used, and the bill leaves the cell empty.
  line("idle plan fee", "SavingsPlanRecurringFee", "1", {
    "savingsPlan/SavingsPlanARN": `${plan}-idle`,
    "savingsPlan/TotalCommitmentToDate": "1",
  }),
  line("plan use", "SavingsPlanCoveredUsage", "0.2", {
    "savingsPlan/SavingsPlanARN": plan,
    "savingsPlan/SavingsPlanEffectiveCost": "0.75",
  }),
  line("negation", "SavingsPlanNegation", "-0.2", { "savingsPlan/SavingsPlanARN": plan }),
  // A savings plan with a discount: the bill has net amounts, and leaves the net upfront fee empty.
  line("net plan fee", "SavingsPlanRecurringFee", "1", {
    "lineItem/NetUnblendedCost": "0.9",
    "savingsPlan/SavingsPlanARN": `${plan}-net`,
    "savingsPlan/TotalCommitmentToDate": "1",
    "savingsPlan/UsedCommitment": "0.75",
    "savingsPlan/NetRecurringCommitmentForBillingPeriod": "0.9",
  }),
  line("net plan use", "SavingsPlanCoveredUsage", "0.2", {
    "lineItem/NetUnblendedCost": "0.18",
    "savingsPlan/SavingsPlanARN": `${plan}-net`,
    "savingsPlan/SavingsPlanEffectiveCost": "0.75",
    "savingsPlan/NetSavingsPlanEffectiveCost": "0.68",
  }),
  line("net negation", "SavingsPlanNegation", "-0.2", {
    "lineItem/NetUnblendedCost": "-0.18",
    "savingsPlan/SavingsPlanARN": `${plan}-net`,
  }),
  line("reservation", "Fee", "100", {
    ...unpriced,
    "bill/BillType": "Purchase",
    "reservation/ReservationARN": reserved,
  }),
  line("reservation fee", "RIFee", "7", {
    "lineItem/UsageStartDate": "2025-03-01T00:00:00Z",
    "lineItem/UsageAmount": "744",
    "lineItem/NormalizedUsageAmount": "2976",
    "reservation/ReservationARN": reserved,
    "reservation/UnusedQuantity": "186",
    "reservation/UnusedNormalizedUnitQuantity": "744",
    "reservation/UnusedRecurringFee": "1.75",
    // Nothing was paid upfront, and the bill leaves the cell empty.
  }),
  line("reservation use", "DiscountedUsage", "0", {
    "lineItem/NormalizedUsageAmount": "8",
    "reservation/ReservationARN": reserved,
    "reservation/EffectiveCost": "0.03",
  }),
  // Reports can name a reservation by its subscription alone. Lines that no reservation covers name a subscription too.
  line("subscribed fee", "RIFee", "7", {
    "lineItem/UsageAmount": "744",
    "reservation/SubscriptionId": "363836886",
    "reservation/UnusedQuantity": "186",
    "reservation/UnusedRecurringFee": "1.75",
  }),
  line("subscribed use", "DiscountedUsage", "0", {
    "reservation/SubscriptionId": "363836886",
    "reservation/EffectiveCost": "0.03",
    "pricing/LeaseContractLength": "1yr",
  }),
  line("subscribed usage", "Usage", "0.2", { "reservation/SubscriptionId": "363836887" }),
  line("nameless fee", "RIFee", "7", {
    "lineItem/UsageAmount": "744",
    "reservation/UnusedQuantity": "186",
    "reservation/UnusedRecurringFee": "1.75",
  }),
  line("domain", "Fee", "12", { ...unpriced, "bill/BillType": "Purchase", "lineItem/ProductCode": "AmazonRegistrar" }),
  line("support", "Fee", "29", {
    ...unpriced,
    "lineItem/ProductCode": "AWSSupportBusiness",
    "product/ProductName": "AWS Support (Business)",
  }),
  line("tax", "Tax", "0.7", unpriced),
  line("credit", "Credit", "-5", unpriced),
  line("credit for nothing", "Credit", "-3", { ...unpriced, "lineItem/ProductCode": "", "product/ProductName": "" }),
  line("refund of an invoiced plan", "Refund", "-4", {
    ...unpriced,
    ...previous,
    "savingsPlan/SavingsPlanARN": `${plan}-refunded`,
  }),
  line("refund of usage", "Refund", "-1", { ...unpriced, ...previous }),
  line("refund of this month", "Refund", "-1", unpriced),
  line("refund of something", "Refund", "-1", { ...unpriced, "lineItem/UsageType": "" }),
  line("refund of a plan", "Refund", "-2", {
    ...unpriced,
    "lineItem/ProductCode": "ComputeSavingsPlans",
    "lineItem/LineItemDescription": "refund of a plan",
  }),
  line("surprise", "SurpriseFee", "1", unpriced),
  line("seller", "Usage", "3", {
    "bill/BillingEntity": "AWS Marketplace",
    "lineItem/LegalEntity": "Northwind Ltd.",
    "lineItem/ProductCode": "8x2k1",
    "product/ProductName": "Northwind Search",
    "product/productFamily": "",
  }),
  line("contract", "Fee", "1200", {
    ...unpriced,
    "bill/BillType": "Purchase",
    "bill/BillingEntity": "AWS Marketplace",
    "lineItem/LegalEntity": "Northwind Ltd.",
    "lineItem/ProductCode": "8x2k1",
    "product/ProductName": "Northwind Search",
  }),
  line("rupees", "Usage", "17.3", {
    "lineItem/CurrencyCode": "INR",
    "pricing/currency": "USD",
    "bill/InvoicingEntity": "Amazon Web Services India Private Limited",
    "bill/BillingEntity": "AISPL",
  }),
  line("idle capacity", "Usage", "0.2", {
    "lineItem/UsageType": "USE1-UnusedBox:m5.large",
    "lineItem/ResourceId": capacity,
  }),
  line("whole capacity", "Usage", "0", {
    "lineItem/UsageType": "USE1-Reservation:m5.large",
    "lineItem/ResourceId": capacity,
  }),
  line("open month", "Usage", "1", { "bill/InvoiceId": "" }),
  line("task", "Usage", "0", { "lineItem/Operation": "ECSTask-EC2" }),
  line("nowhere", "Usage", "1", {
    "product/regionCode": "moon-north-1",
    "product/location": "Moon",
    "pricing/unit": "Wishes",
  }),
  line("pod", "Usage", "0", {
    "splitLineItem/ParentResourceId": "i-1",
    "splitLineItem/SplitCost": "0.1",
  }),
];

const april = Object.fromEntries(
  Object.entries({
    ...line("second form", "Usage", "0.2"),
    "bill/BillingPeriodStartDate": "2025-04-01T00:00:00Z",
    "bill/BillingPeriodEndDate": "2025-05-01T00:00:00Z",
  }).flatMap(([name, value]) => {
    const [group = "", rest = ""] = name.split("/");
    if (group === "product") return [];
    const snake = (text: string): string => text.replaceAll(/(?<=[a-z])(?=[A-Z])/gu, "_").toLowerCase();
    return [[`${snake(group)}_${snake(rest)}`, value]];
  }),
);
const cur2: readonly Row[] = [
  {
    ...april,
    bill_payer_account_name: "Fabrikam",
    line_item_usage_account_name: "Shop",
    line_item_net_unblended_cost: "",
    savings_plan_net_recurring_commitment_for_billing_period: "",
    savings_plan_net_savings_plan_effective_cost: "",
    product:
      '{"product_name":"Amazon Elastic Compute Cloud","product_family":"Compute Instance","sku":"SKU1","region":"us-east-1","vcpu":"2","instance_type":"m5.large","memory":"8 GiB"}',
    resource_tags: '{"user_team":"shop","aws_created_by":"Root:1","user_name":"web-1","user_empty":""}',
    cost_category: '{"unit":"retail"}',
    discount: '{"edp":"-0.01"}',
    capacity_reservation_capacity_reservation_arn: capacity,
    capacity_reservation_capacity_reservation_status: "Used",
  },
  {
    ...april,
    line_item_line_item_description: "plan fee without discounts",
    line_item_line_item_type: "SavingsPlanRecurringFee",
    savings_plan_savings_plan_a_r_n: plan,
    savings_plan_total_commitment_to_date: "1",
    savings_plan_used_commitment: "0.75",
  },
  {
    ...april,
    line_item_line_item_description: "capacity that was cancelled",
    capacity_reservation_capacity_reservation_arn: capacity,
    capacity_reservation_capacity_reservation_status: "Cancelled",
  },
];

/** A legacy report, and CUR 2.0 of another month. */
export const awsCurTables: readonly MadeTable[] = [
  { exportName: "aws_cur", idColumn: "assembly_id", period: "bill/BillingPeriodStartDate", rows: march },
  { exportName: "aws_cur2", idColumn: "assembly_id", period: "bill_billing_period_start_date", rows: cur2 },
];

const priceColumns = {
  PricingQuantity: null,
  PricingUnit: null,
  SkuId: null,
  SkuPriceId: null,
  ContractedUnitPrice: null,
};

/** What the rows of an AWS report must become, by the rows of the mapping in FOCUS terms. */
export const awsCurRules: Rules = {
  BilledCost: {
    usage: { BilledCost: "0.2" },
    "net usage": { BilledCost: "0.18" },
    "plan use": { BilledCost: "0" },
    "reservation use": { BilledCost: "0" },
    negation: null,
  },
  EffectiveCost: {
    usage: { EffectiveCost: "0.2" },
    "plan use": { EffectiveCost: "0.75" },
    "reservation use": { EffectiveCost: "0.03" },
    "plan upfront": { BilledCost: "4380", EffectiveCost: "0" },
    reservation: { BilledCost: "100", EffectiveCost: "0" },
    "refund of a plan": { BilledCost: "-2", EffectiveCost: "0" },
    "plan fee unused": { EffectiveCost: "0.25" },
    "idle plan fee unused": { EffectiveCost: "1" },
    "reservation fee unused": { EffectiveCost: "1.75" },
    "net plan use": { EffectiveCost: "0.68", ContractedCost: "0.18" },
    "net plan fee unused": { EffectiveCost: "0.22", CommitmentDiscountQuantity: "0.25", x_QualityFlags: null },
    "plan fee without discounts unused": { EffectiveCost: "0.25", x_QualityFlags: null },
    EdpDiscount: { BilledCost: "-0.02", EffectiveCost: "-0.02" },
  },
  "*(row split)*": {
    "plan fee": { ChargeCategory: "Purchase", ChargeFrequency: "Recurring", BilledCost: "0.5", EffectiveCost: "0" },
    "plan fee unused": { ChargeCategory: "Usage", BilledCost: "0", ResourceId: plan },
    "reservation fee": {
      ChargeCategory: "Purchase",
      ChargeFrequency: "Recurring",
      BilledCost: "7",
      EffectiveCost: "0",
    },
    "reservation fee unused": { ChargeCategory: "Usage", BilledCost: "0", ResourceId: reserved },
  },
  ContractedCost: {
    usage: { ContractedCost: "0.2" },
    "net usage": { ContractedCost: "0.18" },
    "plan use": { ContractedCost: "0.2" },
    "reservation use": { ContractedCost: "0.24" },
    tax: { ContractedCost: "0.7" },
    credit: { ContractedCost: "-5" },
    "plan fee": { ContractedCost: "0.5" },
    "plan fee unused": { ContractedCost: "0", ContractedUnitPrice: null },
  },
  ContractedUnitPrice: {
    usage: { ContractedUnitPrice: "0.1", PricingQuantity: "2", ContractedCost: "0.2" },
    "net usage": { ContractedUnitPrice: "0.09", PricingQuantity: "2", ContractedCost: "0.18" },
    "reservation use": { ContractedUnitPrice: "0.12", PricingQuantity: "2", ContractedCost: "0.24" },
    "net cost without its rate": { ContractedUnitPrice: null, ContractedCost: "0.18" },
    "net cost of the rate": { ContractedUnitPrice: "0.1", ContractedCost: "0.2" },
    tax: { ContractedUnitPrice: null },
  },
  "ListUnitPrice / ListCost": {
    usage: { ListUnitPrice: "0.12", ListCost: "0.24" },
    "only a rate": { ListUnitPrice: "0.12", ListCost: "0.24", x_QualityFlags: null },
    "cost of another tier": { ListUnitPrice: "0.12", ListCost: "0.24" },
    tax: { ListUnitPrice: null, ListCost: "0.7" },
    "flat rate": { ListCost: "0.24" },
    "plan fee unused": { ListCost: "0", ListUnitPrice: null },
    "reservation fee unused": { ListCost: "0" },
  },
  "BillingAccountId / Name / Type": {
    usage: { BillingAccountId: "000022222222", BillingAccountName: null, BillingAccountType: "Management Account" },
    "second form": { BillingAccountId: "000022222222", BillingAccountName: "Fabrikam" },
  },
  "SubAccountId / Name / Type": {
    usage: { SubAccountId: "012345678901", SubAccountName: null, SubAccountType: "Account" },
    "second form": { SubAccountName: "Shop" },
  },
  "BillingCurrency / PricingCurrency": {
    usage: { BillingCurrency: "USD", PricingCurrency: "USD", PricingCurrencyEffectiveCost: "0.2" },
    rupees: {
      BillingCurrency: "INR",
      PricingCurrency: "USD",
      PricingCurrencyEffectiveCost: null,
      x_QualityFlags: "PricingCurrencyEffectiveCostMissing",
    },
  },
  "BillingPeriodStart/End": { usage: { BillingPeriodStart: "2025-03-01", BillingPeriodEnd: "2025-04-01" } },
  "ChargePeriodStart/End": { usage: { ChargePeriodStart: "2025-03-31T22:00:00Z", ChargePeriodEnd: "2025-04-01" } },
  ChargeCategory: {
    ...Object.fromEntries(
      [
        "usage",
        "reservation use",
        "plan use",
        "BundledDiscount",
        "Discount",
        "EdpDiscount",
        "PrivateRateDiscount",
        "SppDiscount",
        "RiVolumeDiscount",
        "flat rate",
        "refund of usage",
      ].map((name) => [name, { ChargeCategory: "Usage" }]),
    ),
    ...Object.fromEntries(
      [
        "domain",
        "support",
        "reservation",
        "reservation fee",
        "plan upfront",
        "plan fee",
        "refund of a plan",
        "contract",
      ].map((name) => [name, { ChargeCategory: "Purchase" }]),
    ),
    tax: { ChargeCategory: "Tax" },
    credit: { ChargeCategory: "Credit" },
    "refund of something": { ChargeCategory: "Adjustment" },
    surprise: { ChargeCategory: "Adjustment", x_QualityFlags: "LineItemTypeUnknown" },
  },
  ChargeClass: {
    usage: { ChargeClass: null },
    "refund of usage": { ChargeClass: "Correction" },
    "refund of this month": { ChargeClass: null },
    credit: { ChargeClass: null },
  },
  ChargeDescription: { usage: { ChargeDescription: "usage" } },
  ChargeFrequency: {
    "plan upfront": { ChargeFrequency: "One-Time" },
    reservation: { ChargeFrequency: "One-Time" },
    domain: { ChargeFrequency: "One-Time" },
    credit: { ChargeFrequency: "One-Time" },
    "refund of usage": { ChargeFrequency: "One-Time" },
    contract: { ChargeFrequency: "One-Time" },
    "plan fee": { ChargeFrequency: "Recurring" },
    "reservation fee": { ChargeFrequency: "Recurring" },
    support: { ChargeFrequency: "Recurring" },
    usage: { ChargeFrequency: "Usage-Based" },
    "plan use": { ChargeFrequency: "Usage-Based" },
    "plan fee unused": { ChargeFrequency: "Usage-Based" },
  },
  "CommitmentDiscountId / Type / Category": {
    "plan use": {
      CommitmentDiscountId: plan,
      CommitmentDiscountType: "Savings Plan",
      CommitmentDiscountCategory: "Spend",
    },
    "plan upfront": { CommitmentDiscountId: plan, CommitmentDiscountCategory: "Spend" },
    "reservation use": {
      CommitmentDiscountId: reserved,
      CommitmentDiscountType: "Reserved Instance",
      CommitmentDiscountCategory: "Usage",
    },
    usage: { CommitmentDiscountId: null, CommitmentDiscountType: null, CommitmentDiscountCategory: null },
    "subscribed fee": { CommitmentDiscountId: "363836886", ResourceId: "363836886" },
    "subscribed fee unused": {
      CommitmentDiscountId: "363836886",
      CommitmentDiscountType: "Reserved Instance",
      CommitmentDiscountCategory: "Usage",
      CommitmentDiscountQuantity: "186",
      CommitmentDiscountUnit: "Hours",
      ResourceId: "363836886",
      x_QualityFlags: null,
    },
    "subscribed use": { CommitmentDiscountId: "363836886", CommitmentDiscountStatus: "Used" },
    "subscribed usage": { CommitmentDiscountId: null, ResourceId: "i-1" },
    "nameless fee unused": {
      CommitmentDiscountId: null,
      CommitmentDiscountType: null,
      CommitmentDiscountQuantity: null,
      CommitmentDiscountUnit: null,
      EffectiveCost: "1.75",
      x_QualityFlags: "CommitmentUnknown",
    },
  },
  CommitmentDiscountStatus: {
    "plan use": { CommitmentDiscountStatus: "Used" },
    "reservation use": { CommitmentDiscountStatus: "Used" },
    "plan fee": { CommitmentDiscountStatus: null },
    reservation: { CommitmentDiscountStatus: null },
    usage: { CommitmentDiscountStatus: null },
  },
  "CommitmentDiscountQuantity / Unit": {
    "plan use": { CommitmentDiscountQuantity: "0.75", CommitmentDiscountUnit: "USD" },
    "plan fee": { CommitmentDiscountQuantity: "0.5", CommitmentDiscountUnit: "USD" },
    "plan upfront": { CommitmentDiscountQuantity: "4380", CommitmentDiscountUnit: "USD" },
    "plan fee unused": { CommitmentDiscountQuantity: "0.25", CommitmentDiscountUnit: "USD" },
    "reservation use": { CommitmentDiscountQuantity: "8", CommitmentDiscountUnit: "Normalized Hours" },
    "reservation fee": { CommitmentDiscountQuantity: "2976", CommitmentDiscountUnit: "Normalized Hours" },
    "reservation fee unused": { CommitmentDiscountQuantity: "744", CommitmentDiscountUnit: "Normalized Hours" },
    "refund of an invoiced plan": {
      ChargeClass: "Correction",
      EffectiveCost: "0",
      CommitmentDiscountQuantity: null,
      CommitmentDiscountUnit: null,
    },
  },
  CommitmentDiscountName: { "plan use": { CommitmentDiscountName: null } },
  PricingCategory: {
    "plan use": { PricingCategory: "Committed" },
    "reservation use": { PricingCategory: "Committed" },
    "plan fee unused": { PricingCategory: "Committed" },
    spot: { PricingCategory: "Dynamic" },
    usage: { PricingCategory: "Standard" },
    "plan fee": { PricingCategory: "Standard" },
    "plan upfront": { PricingCategory: "Standard" },
    reservation: { PricingCategory: "Standard" },
    tax: { PricingCategory: null },
  },
  "PricingQuantity / Unit": {
    usage: { PricingQuantity: "2", PricingUnit: "Hours" },
    volume: { PricingUnit: "GB-Months" },
    "no quantity": { PricingQuantity: null, PricingUnit: null, ConsumedQuantity: null, ConsumedUnit: null },
    "refund of usage": { ...priceColumns, ChargeClass: "Correction", PricingCategory: null },
    function: { PricingQuantity: "0.0000125", PricingUnit: "GB-Seconds" },
    tax: priceColumns,
    credit: priceColumns,
  },
  "ConsumedQuantity / Unit": {
    usage: { ConsumedQuantity: "2", ConsumedUnit: "Hours" },
    "plan use": { ConsumedQuantity: "2", ConsumedUnit: "Hours" },
    "plan fee unused": { ConsumedQuantity: null, ConsumedUnit: null },
    "plan fee": { ConsumedQuantity: null, ConsumedUnit: null },
    tax: { ConsumedQuantity: null },
    credit: { ConsumedQuantity: null },
    negation: null,
  },
  "ProviderName / PublisherName / InvoiceIssuerName": {
    usage: { InvoiceIssuerName: "Amazon Web Services, Inc.", ServiceProviderName: "AWS", HostProviderName: "AWS" },
    rupees: { InvoiceIssuerName: "Amazon Web Services India Private Limited", ServiceProviderName: "AWS" },
    seller: { BilledCost: "3", ServiceProviderName: "Northwind Ltd.", InvoiceIssuerName: "Amazon Web Services, Inc." },
    contract: { BilledCost: "1200", ServiceProviderName: "Northwind Ltd." },
  },
  InvoiceId: { usage: { InvoiceId: "1234567890" }, "open month": { InvoiceId: null } },
  "RegionId / RegionName": {
    usage: { RegionId: "us-east-1", RegionName: "US East (N. Virginia)" },
    "second form": { RegionId: "us-east-1", RegionName: "US East (N. Virginia)" },
    transfer: { RegionId: null, RegionName: null },
    nowhere: {
      RegionId: "moon-north-1",
      RegionName: "Moon",
      PricingUnit: "Wishes",
      x_QualityFlags: "RegionUnknown,UnitUnknown",
    },
  },
  AvailabilityZone: { usage: { AvailabilityZone: "us-east-1a" }, "zone is the region": { AvailabilityZone: null } },
  "ResourceId / Name / Type": {
    usage: { ResourceId: "i-1", ResourceName: "web-1", ResourceType: null },
    "second form": { ResourceName: "web-1" },
    bucket: { ResourceId: bucket, ResourceType: "bucket" },
    "reservation fee": { ResourceId: reserved, ResourceName: null, ResourceType: "reserved-instances" },
  },
  ServiceName: {
    usage: { ServiceName: "Amazon Elastic Compute Cloud", x_ServiceCode: "AmazonEC2" },
    "credit for nothing": { ServiceName: "AWS", ServiceCategory: "Other", x_QualityFlags: "ServiceUnknown" },
  },
  "ServiceCategory / Subcategory": {
    usage: { ServiceCategory: "Compute", ServiceSubcategory: "Virtual Machines" },
    volume: {
      ServiceName: "Amazon Elastic Compute Cloud",
      ServiceCategory: "Storage",
      ServiceSubcategory: "Block Storage",
    },
    function: { ServiceCategory: "Compute", ServiceSubcategory: "Serverless Compute" },
    seller: { ServiceName: "Northwind Search", ServiceCategory: "Other", x_QualityFlags: "ServiceUnknown" },
  },
  "SkuId / SkuPriceId / SkuMeter": {
    usage: { SkuId: "SKU1", SkuPriceId: "SKU1.JRTC.6YS6", SkuMeter: "USE1-BoxUsage:m5.large" },
    tax: { SkuId: null, SkuPriceId: null, SkuMeter: null },
  },
  SkuPriceDetails: {
    usage: {
      SkuPriceDetails:
        '{"CoreCount":2,"InstanceType":"m5.large","InstanceSeries":"General purpose","MemorySize":8,"OperatingSystem":"Linux"}',
    },
    "second form": { SkuPriceDetails: '{"CoreCount":2,"InstanceType":"m5.large","MemorySize":8}' },
    tax: { SkuPriceDetails: null },
  },
  "CapacityReservationId / Status": {
    "second form": { CapacityReservationId: capacity, CapacityReservationStatus: "Used" },
    "idle capacity": { CapacityReservationId: capacity, CapacityReservationStatus: "Unused" },
    "whole capacity": {
      ResourceId: capacity,
      CapacityReservationId: null,
      CapacityReservationStatus: null,
      x_QualityFlags: "CapacityReservationStatusUnknown",
    },
    "capacity that was cancelled": {
      CapacityReservationId: null,
      CapacityReservationStatus: null,
      x_QualityFlags: "CapacityReservationStatusUnknown",
    },
    usage: { CapacityReservationId: null, CapacityReservationStatus: null },
  },
  Tags: {
    usage: { Tags: '{"Name":"web-1","Team":"shop","aws:createdBy":"Root:1"}', x_CostCategories: '{"Unit":"retail"}' },
    "second form": {
      Tags: '{"team":"shop","aws_created_by":"Root:1","name":"web-1"}',
      x_CostCategories: '{"unit":"retail"}',
    },
  },
  x_: {
    usage: {
      x_Operation: "RunInstances",
      x_ServiceCode: "AmazonEC2",
      x_LineItemType: "Usage",
      x_LineItemId: "id of usage",
      x_SkuTerm: null,
    },
    "plan fee": { x_SkuTerm: "36" },
    "plan fee unused": { x_SkuTerm: "36" },
    "subscribed use": { x_SkuTerm: "12" },
    "second form": { x_Discounts: '{"edp":"-0.01"}' },
  },
  "trap 1": { pod: null, task: null, usage: { BilledCost: "0.2" } },
  "trap 2": {
    "net usage": { BilledCost: "0.18" },
    "net discount": { BilledCost: "0", EffectiveCost: "0" },
    EdpDiscount: { BilledCost: "-0.02" },
  },
  "trap 3": { negation: null, "negation residual": null },
  "trap 4": { usage: { BilledCost: "0.2" }, "second form": { BilledCost: "0.2" } },
  "trap 5": { usage: { BilledCost: "0.2", EffectiveCost: "0.2" } },
  "trap 6": {
    usage: { PricingCategory: "Standard" },
    spot: { PricingCategory: "Dynamic" },
    credit: { ChargeCategory: "Credit", ContractedUnitPrice: null },
    "plan upfront": { EffectiveCost: "0" },
  },
};

/** The same in FOCUS 1.2, where it differs. */
export const awsCurRulesOf12: Rules = {
  "ProviderName / PublisherName / InvoiceIssuerName": {
    usage: { ProviderName: "AWS", PublisherName: "Amazon Web Services, Inc." },
    seller: { ProviderName: "AWS", PublisherName: "Northwind Ltd.", InvoiceIssuerName: "Amazon Web Services, Inc." },
  },
  EffectiveCost: { tax: { EffectiveCost: "0.7" } },
};
