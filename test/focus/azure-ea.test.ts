import assert from "node:assert/strict";
import { test } from "node:test";

import { day, finder, loadBills, pick } from "./azure-bills.ts";
import { eaActual, eaAmortized, order, reservation } from "./azure-ea-bills.ts";
import { sumOf } from "./compare.ts";

test("Azure actual and amortized cost of the Enterprise Agreement", async (t) => {
  const view = await loadBills(t, [eaActual, eaAmortized]);
  const row = await finder(view);

  await t.test(
    "rule 16: all amortized rows and the commitment purchases and refunds of actual cost, each once",
    async () => {
      const rows = await view();
      assert.equal(rows.length, eaAmortized.rows.length + 2);
      assert.equal(sumOf(rows, "BilledCost"), sumOf(eaActual.rows, "CostInBillingCurrency"));
      assert.equal(sumOf(rows, "EffectiveCost"), sumOf(eaAmortized.rows, "CostInBillingCurrency"));
    },
  );

  await t.test("BilledCost and EffectiveCost: use of a commitment is not billed, its purchase is not effective", () => {
    const costs = ["BilledCost", "EffectiveCost", "ContractedCost", "ListCost"];
    assert.deepEqual(pick(row("machine"), costs), ["1.152", "1.152", "1.152", "1.2"]);
    assert.deepEqual(pick(row("covered"), costs), ["0", "0.5", "1.152", "1.2"]);
    assert.deepEqual(pick(row("reservation"), costs), ["61.2", "0", "61.2", "61.2"]);
    assert.deepEqual(pick(row("refund of a reservation"), costs), ["-10.5", "0", "-10.5", "-10.5"]);
    assert.deepEqual(pick(row("refund of seats"), costs), ["-40", "-40", "-40", "-40"]);
  });

  await t.test("rule 17: the unused part has a BilledCost of 0", () => {
    const columns = ["BilledCost", "EffectiveCost", "ContractedCost", "ListCost", "ConsumedQuantity", "ConsumedUnit"];
    assert.deepEqual(pick(row("unused reservation"), columns), ["0", "0.3", "0", "0", null, null]);
  });

  await t.test("rule 19: the Enterprise Agreement has tags without braces, and lacks invoices and products", () => {
    assert.deepEqual(JSON.parse(String(row("machine")["Tags"])), { env: "prod", team: "a, {b}" });
    const columns = ["InvoiceId", "SkuId", "BillingAccountId", "BillingAccountName", "BillingAccountType"];
    assert.deepEqual(pick(row("machine"), columns), [null, null, "71234567", "Fabrikam Retail", "Billing Account"]);
  });

  await t.test("tags and details that are cut off are left out, with a flag", () => {
    assert.deepEqual(pick(row("broken"), ["Tags", "x_SkuDetails", "x_QualityFlags"]), [null, null, "TagsInvalid"]);
  });

  await t.test("rule 20: price x quantity is the cost, and no block size is divided", () => {
    const columns = ["ContractedUnitPrice", "PricingQuantity", "ContractedCost", "ListCost", "PricingUnit"];
    assert.deepEqual(pick(row("operations"), columns), ["0.05", "0.0129", "0.000645", "0.000774", "Units"]);
    assert.deepEqual(pick(row("operations"), ["ConsumedQuantity", "ConsumedUnit"]), ["0.0129", "Units"]);
  });

  await t.test("rule 23: CommitmentDiscountId is in lower case; purchases have the order, use has the instance", () => {
    assert.equal(row("covered")["CommitmentDiscountId"], reservation.toLowerCase());
    assert.equal(row("reservation")["CommitmentDiscountId"], order.toLowerCase());
  });

  await t.test("rule 24: ends are exclusive, and dates are month/day/year", () => {
    const columns = ["BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd"];
    assert.deepEqual(pick(row("machine"), columns).map(day), ["2025-03-01", "2025-04-01", "2025-03-02", "2025-03-03"]);
  });

  await t.test("ChargeCategory, ChargeClass and ChargeFrequency from ChargeType and Frequency", () => {
    const columns = ["ChargeCategory", "ChargeClass", "ChargeFrequency"];
    assert.deepEqual(pick(row("machine"), columns), ["Usage", null, "Usage-Based"]);
    assert.deepEqual(pick(row("unused reservation"), columns), ["Usage", null, "Usage-Based"]);
    assert.deepEqual(pick(row("reservation"), columns), ["Purchase", null, "Recurring"]);
    assert.deepEqual(pick(row("refund of a reservation"), columns), ["Purchase", "Correction", "One-Time"]);
    assert.deepEqual(pick(row("tax"), columns), ["Tax", null, "One-Time"]);
    assert.deepEqual(pick(row("mystery"), columns), ["Adjustment", null, "One-Time"]);
    assert.equal(row("mystery")["x_QualityFlags"], "ChargeTypeUnknown");
  });

  await t.test("PricingCategory from PricingModel; purchases are Standard, tax and adjustments have none", () => {
    const categories = ["machine", "spot", "covered", "unused reservation", "reservation", "tax", "mystery"].map(
      (name) => row(name)["PricingCategory"],
    );
    assert.deepEqual(categories, ["Standard", "Dynamic", "Committed", "Committed", "Standard", null, null]);
  });

  await t.test("CommitmentDiscount columns from BenefitId, with the quantity by the normalisation ratio", () => {
    const columns = ["Category", "Type", "Name", "Status", "Quantity", "Unit"].map(
      (name) => `CommitmentDiscount${name}`,
    );
    const of = (name: string): unknown[] => pick(row(name), columns);
    assert.deepEqual(of("covered"), ["Usage", "Reservation", "shop", "Used", "20", "Normalized Hours"]);
    assert.deepEqual(of("unused reservation"), ["Usage", "Reservation", "shop", "Unused", "5", "Hours"]);
    assert.deepEqual(of("reservation"), ["Usage", "Reservation", "shop", null, null, null]);
    assert.deepEqual(of("machine"), [null, null, null, null, null, null]);
  });

  await t.test("CapacityReservation columns from AdditionalInfo", () => {
    const columns = ["CapacityReservationId", "CapacityReservationStatus"];
    const id = "/subscriptions/x/capacityreservationgroups/g";
    assert.deepEqual(pick(row("reserved capacity"), columns), [id, "Used"]);
    assert.deepEqual(pick(row("reserved capacity, unused"), columns), [id, "Unused"]);
    assert.deepEqual(pick(row("machine"), columns), [null, null]);
  });

  await t.test("ListCost and ContractedCost without a price take the next cost, with a flag", () => {
    const columns = ["ContractedUnitPrice", "ContractedCost", "ListUnitPrice", "ListCost", "x_QualityFlags"];
    const flags = "ContractedCostFromEffectiveCost,ListCostFromContractedCost";
    assert.deepEqual(pick(row("no price"), columns), [null, "2", null, "2", flags]);
    assert.deepEqual(pick(row("seats"), columns), ["400", "400", null, "400", "ListCostFromContractedCost"]);
    assert.deepEqual(pick(row("dear"), columns), ["0.1", "1", "0.12", "1.2", "ContractedCostBelowEffectiveCost"]);
  });

  await t.test("marketplace: Microsoft bills what the seller provides", async () => {
    const columns = ["BilledCost", "ServiceName", "ServiceCategory", "InvoiceIssuerName"];
    assert.deepEqual(pick(row("seats"), columns), ["400", "Azure Marketplace", "Other", "Microsoft"]);
    assert.deepEqual(pick(row("seats"), ["ServiceProviderName", "HostProviderName"]), ["Contoso Ltd", "Microsoft"]);
    const older = await finder(view, "v1_2");
    assert.deepEqual(pick(older("seats"), ["ProviderName", "PublisherName"]), ["Microsoft", "Contoso Ltd"]);
    assert.deepEqual(pick(older("machine"), ["ProviderName", "PublisherName"]), ["Microsoft", "Microsoft"]);
  });

  await t.test("ServiceName, RegionId, ResourceType and units from lookups; what they lack is flagged", () => {
    const columns = ["ServiceName", "ServiceCategory", "ServiceSubcategory", "RegionId", "RegionName", "PricingUnit"];
    const known = ["Virtual Machines", "Compute", "Virtual Machines", "westeurope", "West Europe", "Hours"];
    assert.deepEqual(pick(row("machine"), columns), known);
    const unknown = ["Wishes", "Other", "Other (Other)", null, "Moon North", "3 Wishes"];
    assert.deepEqual(pick(row("unknown words"), columns), unknown);
    assert.equal(row("unknown words")["x_QualityFlags"], "RegionUnknown,ServiceUnknown,UnitUnknown");
    assert.equal(row("reservation")["ServiceName"], "Azure Reservations");
    assert.deepEqual([row("function")["ServiceName"], row("site")["ServiceName"]], ["Functions", "Azure App Service"]);
  });

  await t.test("Resource, SubAccount and Sku columns, and the columns of Azure", () => {
    const machine = row("machine");
    const id = "/subscriptions/3f2c1b70-5a10-4d39-9c57-0d6f0c1a2b31";
    const resource = `${id}/resourcegroups/rg-shop/providers/microsoft.compute/virtualmachines/vm-1`;
    assert.deepEqual(pick(machine, ["ResourceId", "ResourceName", "ResourceType"]), [
      resource,
      "VM-1",
      "Virtual machine",
    ]);
    const sub = ["SubAccountId", "SubAccountName", "SubAccountType"];
    assert.deepEqual(pick(machine, sub), [id, "Retail Production", "Subscription"]);
    assert.deepEqual(pick(machine, ["SkuMeter", "SkuPriceId", "SkuPriceDetails"]), ["D2 v3", null, null]);
    assert.deepEqual(pick(row("reservation"), ["ResourceId", "ResourceName"]), [order.toLowerCase(), "shop"]);
    const own = [
      "CostCenter",
      "InvoiceSectionName",
      "ResourceGroupName",
      "SkuMeterCategory",
      "SkuOfferId",
      "SkuPartNumber",
    ];
    assert.deepEqual(
      pick(
        machine,
        own.map((name) => `x_${name}`),
      ),
      ["4711", "Retail", "RG-Shop", "Virtual Machines", "MS-AZR-0017P", "AAA-11111"],
    );
    assert.deepEqual(JSON.parse(String(row("covered")["x_SkuDetails"])), { RINormalizationRatio: 2 });
  });

  await t.test("a refund in a bill without invoices is a correction with a flag", () => {
    assert.equal(row("refund of seats")["ChargeClass"], "Correction");
    assert.equal(row("refund of seats")["x_QualityFlags"], "RefundedPeriodAssumed");
    const columns = ["PricingQuantity", "PricingUnit", "ContractedUnitPrice"];
    assert.deepEqual(pick(row("refund of seats"), columns), [null, null, null]);
  });
});
