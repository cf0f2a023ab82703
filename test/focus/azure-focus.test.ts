import assert from "node:assert/strict";
import { test } from "node:test";

import type { Row } from "../support/deliveries.ts";
import { type Bill, comparable, finder, loadBills, nativeRow, pick } from "./azure-bills.ts";
import { sumOf } from "./compare.ts";

const order = "/providers/Microsoft.BillingBenefits/savingsPlanOrders/D0C1B2A3-1111-4222-8333-9f8e7d6c5b4a";
const plan = `${order}/savingsPlans/AA01BB02-cc03-4d04-8e05-ff0600110022`;
const commitment = { CommitmentDiscountId: plan, CommitmentDiscountName: "eu", CommitmentDiscountCategory: "Spend" };
const empty = { ConsumedQuantity: "", ConsumedUnit: "" };

const rows: readonly Row[] = [
  nativeRow({ SubAccountId: "/subscriptions/3F2C1B70-5A10-4D39-9C57-0D6F0C1A2B31" }),
  nativeRow({
    ...commitment,
    ...empty,
    ChargeDescription: "purchase",
    CommitmentDiscountId: order,
    ChargeCategory: "Purchase",
    PricingCategory: "Committed",
    BilledCost: "12.3",
    EffectiveCost: "12.3",
    ContractedCost: "12.3",
    ResourceId: "",
    ResourceName: "",
    x_ResourceType: "",
    ServiceName: "",
    ServiceCategory: "",
    PublisherName: "",
    x_SkuMeterSubcategory: "Compute Savings Plan",
    SubAccountId: "/subscriptions/00000000-0000-0000-0000-000000000000",
    SubAccountName: "Unassigned",
  }),
  nativeRow({
    ...commitment,
    ChargeDescription: "used",
    CommitmentDiscountStatus: "Used",
    BilledCost: "0",
    EffectiveCost: "0.7",
  }),
  nativeRow({
    ...commitment,
    ChargeDescription: "unused",
    CommitmentDiscountStatus: "Unused",
    PricingCategory: "Committed",
    BilledCost: "0",
    EffectiveCost: "0.4",
    ContractedCost: "0",
    ListCost: "0",
  }),
  nativeRow({ ChargeDescription: "no prices", ContractedCost: "0", ListCost: "0" }),
  nativeRow({ ChargeDescription: "negative savings", ContractedCost: "1", ListCost: "0.9" }),
  nativeRow({
    ...empty,
    ChargeDescription: "seats",
    ChargeCategory: "Purchase",
    ChargeFrequency: "Recurring",
    ServiceName: "",
    ServiceCategory: "",
    PublisherName: "Contoso Ltd",
    x_PublisherCategory: "Vendor",
    x_SkuMeterSubcategory: "Contoso Backup",
    x_ResourceType: "microsoft.saas/resources",
  }),
  nativeRow({
    ...empty,
    ChargeDescription: "shortfall",
    ChargeCategory: "Adjustment",
    ChargeFrequency: "One-Time",
    PricingCategory: "",
    BilledCost: "2500",
    EffectiveCost: "2500",
    ContractedCost: "2500",
    ListCost: "2500",
    ServiceName: "",
    ServiceCategory: "",
    ResourceId: "",
    x_ResourceType: "",
    x_SkuMeterSubcategory: "MACC Shortfall",
  }),
  nativeRow({ ...empty, ChargeDescription: "tax", ChargeCategory: "Tax", BilledCost: "7", EffectiveCost: "6" }),
  nativeRow({ ChargeDescription: "twice" }),
  nativeRow({ ChargeDescription: "twice" }),
  nativeRow({ ChargeDescription: "dollars", BillingCurrency: "USD" }),
];
const bill: Bill = { name: "azure_focus", month: "2025-02", type: "FocusCost", rows };

test("rule 21: the defects of Azure exports in FOCUS 1.0 are corrected with a flag", async (t) => {
  const view = await loadBills(t, [bill]);
  const row = await finder(view);

  await t.test("BilledCost never changes, and a row without a defect stays as it is", async () => {
    assert.equal(sumOf(await view(), "BilledCost"), sumOf(rows, "BilledCost"));
    const columns = ["EffectiveCost", "ContractedCost", "ListCost", "PricingCategory", "ServiceName", "ResourceId"];
    assert.deepEqual(
      pick(row("machine"), columns),
      columns.map((column) => rows[0]?.[column]),
    );
    assert.equal(row("machine")["x_QualityFlags"], null);
  });

  await t.test("issue 1092: the purchase of a commitment has no effective cost, and recurs", () => {
    const columns = ["BilledCost", "EffectiveCost", "ChargeFrequency", "PricingCategory", "CommitmentDiscountStatus"];
    assert.deepEqual(pick(row("purchase"), columns), ["12.3", "0", "Recurring", "Standard", null]);
    assert.deepEqual(String(row("purchase")["x_QualityFlags"]).split(","), [
      "EffectiveCostOfPurchaseRemoved",
      "ChargeFrequencyCorrected",
      "PricingCategoryCorrected",
      "PublisherNameAssumed",
      "ServiceNameAssumed",
    ]);
  });

  await t.test("the commitment is the resource of its purchase", () => {
    assert.deepEqual(pick(row("purchase"), ["ResourceId", "ResourceName"]), [order.toLowerCase(), "eu"]);
  });

  await t.test("issue 836: usage that a commitment covers is Committed", () => {
    assert.deepEqual(pick(row("used"), ["PricingCategory", "x_QualityFlags"]), [
      "Committed",
      "PricingCategoryCorrected",
    ]);
    assert.deepEqual(pick(row("unused"), ["PricingCategory", "x_QualityFlags"]), ["Committed", null]);
  });

  await t.test("issues 873 and 2307: list and contracted cost of 0 take the next cost", () => {
    const columns = ["ContractedCost", "ListCost", "x_QualityFlags"];
    const flags = "ContractedCostFromEffectiveCost,ListCostFromContractedCost";
    assert.deepEqual(pick(row("no prices"), columns), ["1.152", "1.152", flags]);
    assert.deepEqual(pick(row("unused"), columns), ["0", "0", null]);
    const below = "ContractedCostBelowEffectiveCost,ListCostBelowContractedCost";
    assert.deepEqual(pick(row("negative savings"), columns), ["1", "0.9", below]);
  });

  await t.test("issue 1569: an empty service name is the seller, or the meter's subcategory", () => {
    const columns = ["ServiceName", "ServiceCategory", "ServiceSubcategory"];
    assert.deepEqual(pick(row("seats"), columns), ["Contoso Ltd", "Other", "Other (Other)"]);
    assert.deepEqual(pick(row("purchase"), columns), ["Compute Savings Plan", "Compute", "Other (Compute)"]);
    assert.deepEqual(pick(row("shortfall"), columns), ["MACC Shortfall", "Other", "Other (Other)"]);
    assert.equal(row("shortfall")["x_QualityFlags"], "ServiceNameAssumed,ServiceUnknown");
  });

  await t.test("an empty publisher is Microsoft; the seller provides what it sells", async () => {
    const older = await finder(view, "v1_2");
    assert.equal(older("purchase")["PublisherName"], "Microsoft");
    assert.equal(older("seats")["ProviderName"], "Microsoft");
    assert.deepEqual(pick(row("seats"), ["ServiceProviderName", "HostProviderName"]), ["Contoso Ltd", "Microsoft"]);
  });

  await t.test("the unused part consumes nothing", () => {
    assert.deepEqual(pick(row("unused"), ["ConsumedQuantity", "ConsumedUnit"]), [null, null]);
    assert.deepEqual(pick(row("used"), ["ConsumedQuantity", "ConsumedUnit"]), ["10", "Hours"]);
  });

  await t.test("rule 23: identifiers are in lower case", () => {
    assert.equal(row("used")["CommitmentDiscountId"], plan.toLowerCase());
    assert.equal(row("machine")["BillingAccountId"], rows[0]?.["BillingAccountId"]?.toLowerCase());
    assert.equal(row("machine")["SubAccountId"], rows[0]?.["SubAccountId"]?.toLowerCase());
  });

  await t.test("SubAccountName-C-004-C: a charge without a subscription has neither its name nor its type", () => {
    const columns = ["SubAccountId", "SubAccountName", "SubAccountType"];
    assert.deepEqual(pick(row("purchase"), columns), [null, null, null]);
  });

  await t.test("issue 2105: columns that 1.2 renamed are found by their older names", () => {
    const columns = ["SkuMeter", "InvoiceId", "PricingCurrency", "BillingAccountType", "SubAccountType"];
    const values = ["D2 v3", "G071234567", "USD", "Billing Profile", "Subscription"];
    assert.deepEqual(pick(row("machine"), columns), values);
  });

  await t.test("issue 2048: repeated rows stay, because the sum of BilledCost is the bill", async () => {
    assert.equal((await view()).filter((each) => each["ChargeDescription"] === "twice").length, 2);
  });

  await t.test("rule 30: the effective cost of tax is what is billed, from FOCUS 1.4", async () => {
    assert.deepEqual(pick(row("tax"), ["EffectiveCost", "PricingCategory"]), ["7", null]);
    assert.deepEqual(pick((await finder(view, "v1_2"))("tax"), ["EffectiveCost"]), ["6"]);
  });

  await t.test("rule 25: amounts stay in the currency of their row", async () => {
    const dollars = (await view()).filter((each) => each["BillingCurrency"] === "USD");
    assert.equal(sumOf(dollars, "BilledCost"), "1.152");
  });
});

/** A row as exports in FOCUS 1.0-preview have it: without the columns of 1.0, and with those that it renamed. */
function previewRow(cells: Row): Row {
  const later = /^(?:ChargeClass|CommitmentDiscountStatus|Consumed\w+|Contracted\w+|Region\w+)$/u;
  const kept = Object.entries(nativeRow(cells)).filter(([name]) => !later.test(name));
  return {
    ...Object.fromEntries(kept),
    ChargeSubcategory: cells["ChargeSubcategory"] ?? "On-Demand",
    Region: "West Europe",
    UsageQuantity: "10",
    UsageUnit: "Hours",
    x_OnDemandCost: "1.152",
    x_OnDemandUnitPrice: "0.1152",
  };
}

test("rule 21: exports in FOCUS 1.0-preview have the columns and words of 1.2", async (t) => {
  const preview = [
    previewRow({ PricingCategory: "On-Demand" }),
    previewRow({
      ...commitment,
      ChargeDescription: "used",
      ChargeSubcategory: "Used Commitment",
      PricingCategory: "Commitment-Based",
      BilledCost: "0",
      EffectiveCost: "0.7",
    }),
    previewRow({
      ...commitment,
      ChargeDescription: "unused",
      ChargeSubcategory: "Unused Commitment",
      PricingCategory: "Commitment-Based",
      BilledCost: "0",
      EffectiveCost: "0.4",
    }),
    {
      ...previewRow({ ChargeDescription: "bare" }),
      ChargeSubcategory: "",
      Region: "",
      UsageQuantity: "",
      x_OnDemandCost: "",
    },
    previewRow({ ChargeDescription: "credit", ChargeCategory: "Adjustment", ChargeSubcategory: "Credit" }),
    previewRow({ ChargeDescription: "refund", ChargeCategory: "Adjustment", ChargeSubcategory: "Refund" }),
  ];
  const view = await loadBills(t, [{ ...bill, rows: preview }]);
  const row = await finder(view);
  const columns = ["ChargeCategory", "ChargeClass", "PricingCategory", "CommitmentDiscountStatus", "ConsumedQuantity"];
  assert.deepEqual(pick(row("machine"), columns), ["Usage", null, "Standard", null, "10"]);
  assert.deepEqual(pick(row("used"), columns), ["Usage", null, "Committed", "Used", "10"]);
  assert.deepEqual(pick(row("unused"), columns), ["Usage", null, "Committed", "Unused", null]);
  assert.deepEqual(pick(row("credit"), columns).slice(0, 2), ["Credit", null]);
  assert.deepEqual(pick(row("refund"), columns).slice(0, 2), ["Purchase", "Correction"]);
  const found = ["ContractedCost", "ContractedUnitPrice", "RegionId", "RegionName"];
  assert.deepEqual(pick(row("machine"), found), ["1.152", "0.1152", "westeurope", "West Europe"]);
  for (const each of await view()) assert.match(String(each["x_QualityFlags"]), /LegacyFocusVersion/u);
});

test("one table holds months of 1.0-preview and of later versions, and only the former are flagged", async (t) => {
  const march = { BillingPeriodStart: "2025-03-01T00:00Z", BillingPeriodEnd: "2025-04-01T00:00Z" };
  const days = { ChargePeriodStart: "2025-03-03T00:00Z", ChargePeriodEnd: "2025-03-04T00:00Z" };
  const view = await loadBills(t, [
    { ...bill, rows: [previewRow({})] },
    { ...bill, month: "2025-03", rows: [nativeRow({ ...march, ...days, ChargeDescription: "later" })] },
  ]);
  const row = await finder(view);
  assert.deepEqual([row("machine")["x_QualityFlags"], row("later")["x_QualityFlags"]], ["LegacyFocusVersion", null]);
});

test("BigQuery shows the same rows of Azure FOCUS exports as DuckDB", async (t) => {
  const [first, second] = [await loadBills(t, [bill], "DuckDB"), await loadBills(t, [bill], "BigQuery")];
  for (const version of ["v1_2", "v1_4"] as const) {
    assert.deepEqual(comparable(await second(version)), comparable(await first(version)));
  }
});
