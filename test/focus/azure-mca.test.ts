import assert from "node:assert/strict";
import { test } from "node:test";

import { finder, loadBills, pick } from "./azure-bills.ts";
import { mcaActual, mcaAmortized, plan, planOrder } from "./azure-mca-bills.ts";
import { sumOf } from "./compare.ts";

test("Azure actual and amortized cost of the Microsoft Customer Agreement", async (t) => {
  const view = await loadBills(t, [mcaActual, mcaAmortized]);
  const row = await finder(view);

  await t.test("rule 18: savings plans by BenefitId, used and unused", () => {
    const columns = ["Id", "Category", "Type", "Status", "Quantity", "Unit"].map((name) => `CommitmentDiscount${name}`);
    const id = plan.toLowerCase();
    assert.deepEqual(pick(row("planned"), columns), [id, "Spend", "Savings Plan", "Used", "0.7", "USD"]);
    assert.deepEqual(pick(row("unused plan"), columns), [id, "Spend", "Savings Plan", "Unused", "0.4", "USD"]);
    assert.deepEqual(pick(row("plan"), columns), [planOrder.toLowerCase(), "Spend", "Savings Plan", null, "3", "USD"]);
    const costs = ["BilledCost", "EffectiveCost", "PricingCategory"];
    assert.deepEqual(pick(row("planned"), costs), ["0", "0.6125", "Committed"]);
    assert.deepEqual(pick(row("unused plan"), costs), ["0", "0.35", "Committed"]);
    assert.deepEqual(pick(row("plan"), costs), ["2.625", "0", "Standard"]);
    assert.equal(row("unused plan")["ServiceName"], "Azure Savings Plan for Compute");
    assert.equal(row("unused plan")["x_QualityFlags"], null);
  });

  await t.test("rule 19: the billing profile is billed, and the exchange rate is on prices", () => {
    const account = ["BillingAccountId", "BillingAccountName", "BillingAccountType", "InvoiceId"];
    assert.deepEqual(pick(row("machine"), account), [
      "R4TX-K2QD-BG7-PGB",
      "Fabrikam EU",
      "Billing Profile",
      "G071234567",
    ]);
    const prices = ["ContractedUnitPrice", "ContractedCost", "ListUnitPrice", "ListCost", "PricingCurrency"];
    assert.deepEqual(pick(row("machine"), prices), ["0.084", "0.84", "0.088375", "0.8838", "USD"]);
    const priced = ["ContractedUnitPrice", "ListUnitPrice", "EffectiveCost"].map((name) => `PricingCurrency${name}`);
    assert.deepEqual(pick(row("machine"), priced), ["0.096", "0.101", "0.96"]);
    assert.deepEqual(pick(row("machine"), ["SkuId", "x_BillingExchangeRate"]), ["DZH318Z0C0E4E2AD", "0.875"]);
  });

  await t.test("rule 22: rounding, shortfall and credit keep their amount, named by the meter's subcategory", () => {
    const columns = ["ChargeCategory", "BilledCost", "EffectiveCost", "ContractedCost", "ListCost", "ServiceName"];
    const rounding = "0.0041";
    assert.deepEqual(pick(row("rounding"), columns), [
      "Adjustment",
      rounding,
      rounding,
      rounding,
      rounding,
      "Rounding Adjustment",
    ]);
    assert.deepEqual(pick(row("shortfall"), columns).slice(0, 3), ["Adjustment", "2500.77", "2500.77"]);
    assert.deepEqual(pick(row("shortfall"), ["ServiceName", "SubAccountId"]), ["MACC Shortfall", null]);
    assert.deepEqual(pick(row("credit"), columns).slice(0, 3), ["Credit", "-50.125", "-50.125"]);
    const quantities = ["PricingQuantity", "ConsumedQuantity", "PricingCategory"];
    assert.deepEqual(pick(row("rounding"), quantities), [null, null, null]);
  });

  await t.test("ChargeClass: a refund is a correction only for an earlier invoice", () => {
    assert.deepEqual(pick(row("same invoice"), ["ChargeCategory", "ChargeClass"]), ["Purchase", null]);
    assert.deepEqual(pick(row("earlier invoice"), ["ChargeCategory", "ChargeClass"]), ["Purchase", "Correction"]);
  });

  await t.test("rule 25: amounts stay in the currency of their row", async () => {
    const rows = (await view()).filter((each) => each["BillingCurrency"] === "USD");
    assert.deepEqual(
      rows.map((each) => each["ChargeDescription"]),
      ["dollars"],
    );
    assert.equal(sumOf(rows, "BilledCost"), "0.96");
  });

  await t.test("InvoiceIssuerName is the partner, and JSON tags stay as they are", () => {
    assert.deepEqual(pick(row("partner"), ["InvoiceIssuerName", "Tags"]), ["Partner AG", '{"a": "b"}']);
  });
});
