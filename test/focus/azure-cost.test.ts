import assert from "node:assert/strict";
import { test } from "node:test";

import type { Row } from "../support/deliveries.ts";
import { type Bill, comparable, day, eaRow, finder, loadBills, mcaRow, pick } from "./azure-bills.ts";
import { sumOf } from "./compare.ts";

const order = "/providers/Microsoft.Capacity/reservationOrders/AAAAAAAA-1111-4222-8333-444455556666";
const reservation = `${order}/reservations/BBBBBBBB-7777-4888-8999-aaaabbbbcccc`;
const planOrder = "/providers/Microsoft.BillingBenefits/savingsPlanOrders/2D6B5A10-7c41-4f8e-b2a9-0c1d2e3f4a5b";
const plan = `${planOrder}/savingsPlans/9A8B7C6D-1e2f-4a3b-8c4d-5e6f7a8b9c0d`;

/** What both exports of the Enterprise Agreement have. */
const eaShared: readonly Row[] = [
  eaRow({ Tags: '"env": "prod","team": "a, {b}"' }),
  eaRow({ ProductName: "broken", Tags: '"env": "pro', AdditionalInfo: '{"VCPUs": 2, "Usa' }),
  eaRow({ ProductName: "spot", PricingModel: "Spot", CostInBillingCurrency: "0.2", UnitPrice: "0.02" }),
  eaRow({
    ProductName: "operations",
    ConsumedService: "Microsoft.Storage",
    ResourceId: "/subscriptions/x/resourceGroups/y/providers/Microsoft.Storage/storageAccounts/files",
    UnitOfMeasure: "10K",
    Quantity: "0.0129",
    UnitPrice: "0.05",
    PayGPrice: "0.06",
    CostInBillingCurrency: "0.000645",
  }),
  eaRow({
    ProductName: "seats",
    ChargeType: "Purchase",
    Frequency: "Recurring",
    PublisherType: "Marketplace",
    PublisherName: "Contoso Ltd",
    ConsumedService: "Microsoft.SaaS",
    ResourceId: "/subscriptions/x/resourceGroups/y/providers/Microsoft.SaaS/resources/backup",
    UnitOfMeasure: "1/Month",
    Quantity: "1",
    UnitPrice: "400",
    PayGPrice: "0",
    CostInBillingCurrency: "400",
  }),
  eaRow({ ProductName: "tax", ChargeType: "Tax", Frequency: "OneTime", CostInBillingCurrency: "7.5", UnitPrice: "" }),
  eaRow({ ProductName: "mystery", ChargeType: "Surprise", Frequency: "OneTime", CostInBillingCurrency: "-0.25" }),
  eaRow({ ProductName: "no price", UnitPrice: "0", PayGPrice: "0", CostInBillingCurrency: "2" }),
  eaRow({ ProductName: "dear", UnitPrice: "0.1", CostInBillingCurrency: "1.152" }),
  eaRow({
    ProductName: "unknown words",
    ConsumedService: "Microsoft.Nowhere",
    ResourceId: "/subscriptions/x/resourceGroups/y/providers/Microsoft.Nowhere/things/one",
    ResourceLocation: "Moon North",
    UnitOfMeasure: "3 Wishes",
    MeterCategory: "Wishes",
  }),
  eaRow({
    ProductName: "reserved capacity",
    AdditionalInfo: '{"VMCapacityReservationId": "/subscriptions/X/capacityReservationGroups/G"}',
  }),
  eaRow({
    ProductName: "reserved capacity, unused",
    ResourceId:
      "/subscriptions/x/resourceGroups/y/providers/Microsoft.Compute/capacityReservationGroups/g/capacityReservations/c",
    AdditionalInfo: '{"VMCapacityReservationId": "/subscriptions/X/capacityReservationGroups/G"}',
  }),
  eaRow({
    ProductName: "function",
    ConsumedService: "Functions",
    ResourceId: "/subscriptions/x/resourceGroups/y/providers/Microsoft.Web/sites/one",
  }),
  eaRow({
    ProductName: "site",
    ConsumedService: "Microsoft.Web",
    ResourceId: "/subscriptions/x/resourceGroups/y/providers/Microsoft.Web/sites/two",
  }),
  eaRow({ ProductName: "refund of seats", ChargeType: "Refund", Frequency: "OneTime", CostInBillingCurrency: "-40" }),
];
const covered = {
  ProductName: "covered",
  PricingModel: "Reservation",
  ReservationId: "BBBBBBBB-7777-4888-8999-aaaabbbbcccc",
  benefitId: reservation,
  benefitName: "shop",
  AdditionalInfo: '{"RINormalizationRatio": 2}',
};
const unused = {
  ProductName: "unused reservation",
  ChargeType: "UnusedReservation",
  PricingModel: "Reservation",
  Quantity: "5",
  UnitPrice: "0",
  PayGPrice: "0",
  CostInBillingCurrency: "0.3",
  ConsumedService: "Microsoft.Capacity",
  ResourceId: reservation,
  benefitId: reservation,
  benefitName: "shop",
};
const purchase = {
  ProductName: "reservation",
  ChargeType: "Purchase",
  Frequency: "Recurring",
  PricingModel: "Reservation",
  Quantity: "1",
  CostInBillingCurrency: "61.2",
  UnitPrice: "61.2",
  PayGPrice: "0",
  ConsumedService: "Microsoft.Capacity",
  ResourceId: order,
  benefitId: order,
  benefitName: "shop",
};
const refund = {
  ...purchase,
  ProductName: "refund of a reservation",
  ChargeType: "Refund",
  Frequency: "OneTime",
  Quantity: "-1",
  CostInBillingCurrency: "-10.5",
};
const eaActual: Bill = {
  name: "azure_actual",
  month: "2025-03",
  type: "ActualCost",
  rows: [...eaShared, eaRow({ ...covered, CostInBillingCurrency: "0" }), eaRow(purchase), eaRow(refund)],
};
const eaAmortized: Bill = {
  name: "azure_amortized",
  month: "2025-03",
  type: "AmortizedCost",
  rows: [...eaShared, eaRow({ ...covered, CostInBillingCurrency: "0.5" }), eaRow(unused)],
};

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

/** What both exports of the Microsoft Customer Agreement have. */
const mcaShared: readonly Row[] = [
  mcaRow(),
  mcaRow({
    ProductName: "rounding",
    chargeType: "RoundingAdjustment",
    frequency: "OneTime",
    meterCategory: "",
    meterSubCategory: "Rounding Adjustment",
    consumedService: "",
    ResourceId: "",
    SubscriptionId: "",
    quantity: "0",
    unitPrice: "",
    PayGPrice: "",
    paygCostInBillingCurrency: "",
    costInBillingCurrency: "0.0041",
  }),
  mcaRow({
    ProductName: "shortfall",
    chargeType: "MACC Shortfall",
    frequency: "OneTime",
    meterCategory: "",
    meterSubCategory: "MACC Shortfall",
    consumedService: "",
    ResourceId: "",
    SubscriptionId: "00000000-0000-0000-0000-000000000000",
    unitPrice: "",
    costInBillingCurrency: "2500.77",
  }),
  mcaRow({ ProductName: "credit", chargeType: "Credit", frequency: "OneTime", costInBillingCurrency: "-50.125" }),
  mcaRow({ ProductName: "same invoice", chargeType: "Refund", frequency: "OneTime", costInBillingCurrency: "-1" }),
  mcaRow({
    ProductName: "earlier invoice",
    previousInvoiceId: "G068887776",
    chargeType: "Refund",
    frequency: "OneTime",
    costInBillingCurrency: "-2",
  }),
  mcaRow({
    ProductName: "dollars",
    billingCurrency: "USD",
    billingProfileId: "USUS-K2QD-BG7-PGB",
    exchangeRatePricingToBilling: "1",
    costInBillingCurrency: "0.96",
    paygCostInBillingCurrency: "1.01",
  }),
  mcaRow({ ProductName: "partner", partnerName: "Partner AG", tags: '{"a": "b"}' }),
];
const planned = { ProductName: "planned", pricingModel: "SavingsPlan", benefitId: plan, benefitName: "eu" };
const planPurchase = {
  ProductName: "plan",
  chargeType: "Purchase",
  frequency: "Recurring",
  pricingModel: "SavingsPlan",
  consumedService: "Microsoft.BillingBenefits",
  SubscriptionId: "",
  ResourceId: planOrder,
  quantity: "1",
  unitPrice: "3",
  PayGPrice: "0",
  costInBillingCurrency: "2.625",
  costInPricingCurrency: "3",
  benefitId: planOrder,
  benefitName: "eu",
};
const mcaActual: Bill = {
  name: "azure_actual",
  month: "2025-06",
  type: "ActualCost",
  rows: [
    ...mcaShared,
    mcaRow({ ...planned, costInBillingCurrency: "0", costInPricingCurrency: "0", costInUsd: "0" }),
    mcaRow(planPurchase),
  ],
};
const mcaAmortized: Bill = {
  name: "azure_amortized",
  month: "2025-06",
  type: "AmortizedCost",
  rows: [
    ...mcaShared,
    mcaRow({ ...planned, costInBillingCurrency: "0.6125", costInPricingCurrency: "0.7" }),
    mcaRow({
      ...planned,
      ProductName: "",
      chargeType: "UnusedSavingsPlan",
      consumedService: "Microsoft.BillingBenefits",
      meterName: "unused plan",
      SubscriptionId: "",
      ResourceId: plan,
      publisherName: "",
      quantity: "1",
      unitPrice: "0",
      PayGPrice: "0",
      paygCostInBillingCurrency: "0",
      costInBillingCurrency: "0.35",
      costInPricingCurrency: "0.4",
    }),
  ],
};

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

test("one of the two exports alone gives one cost, and says so on every row", async (t) => {
  await t.test("actual cost: covered usage has no effective cost", async (t) => {
    const view = await loadBills(t, [eaActual]);
    const row = await finder(view);
    assert.equal((await view()).length, eaActual.rows.length);
    assert.deepEqual(pick(row("covered"), ["BilledCost", "EffectiveCost"]), ["0", null]);
    assert.deepEqual(pick(row("reservation"), ["BilledCost", "EffectiveCost"]), ["61.2", "0"]);
    for (const each of await view()) assert.match(String(each["x_QualityFlags"]), /AmortizedCostMissing/u);
  });
  await t.test("amortized cost: nothing has a billed cost", async (t) => {
    const view = await loadBills(t, [mcaAmortized]);
    const rows = await view();
    assert.equal(sumOf(rows, "EffectiveCost"), sumOf(mcaAmortized.rows, "costInBillingCurrency"));
    for (const each of rows) {
      assert.equal(each["BilledCost"], null);
      assert.match(String(each["x_QualityFlags"]), /ActualCostMissing/u);
    }
  });
});

test("rule 16: actual cost of a subscription stays where amortized cost lacks the subscription", async (t) => {
  const other = eaRow({ ProductName: "elsewhere", SubscriptionId: "8D9E7C42-10aa-47b1-8f2e-6b5c4d3e2f10" });
  const view = await loadBills(t, [{ ...eaActual, rows: [...eaActual.rows, other] }, eaAmortized]);
  const row = await finder(view);
  const columns = ["SubAccountId", "BilledCost", "x_Export", "x_QualityFlags"];
  const id = "/subscriptions/8d9e7c42-10aa-47b1-8f2e-6b5c4d3e2f10";
  assert.deepEqual(pick(row("elsewhere"), columns), [id, "1.152", "azure_actual", "AmortizedCostMissing"]);
  assert.equal((await view()).length, eaAmortized.rows.length + 3);
});

test("rule 16: a commitment that nothing uses: only purchases in actual cost, only unused parts in amortized cost", async (t) => {
  const elsewhere = {
    ...unused,
    ProductName: "unused elsewhere",
    SubscriptionId: "8d9e7c42-10aa-47b1-8f2e-6b5c4d3e2f10",
  };
  const bought = {
    ...purchase,
    ProductName: "reservation elsewhere",
    SubscriptionId: "a0a0a0a0-10aa-47b1-8f2e-6b5c4d3e2f10",
  };
  const view = await loadBills(t, [
    { ...eaActual, rows: [eaRow(), eaRow(purchase), eaRow(bought)] },
    { ...eaAmortized, rows: [eaRow(), eaRow(unused), eaRow(elsewhere)] },
  ]);
  const found = (await view()).map((row) =>
    pick(row, ["ChargeDescription", "x_Export", "BilledCost", "EffectiveCost"]),
  );
  assert.deepEqual(
    found.toSorted((first, second) => (String(first[0]) < String(second[0]) ? -1 : 1)),
    [
      ["machine", "azure_amortized", "1.152", "1.152"],
      ["reservation", "azure_actual", "61.2", "0"],
      ["reservation elsewhere", "azure_actual", "61.2", "0"],
      ["unused elsewhere", "azure_amortized", "0", "0.3"],
      ["unused reservation", "azure_amortized", "0", "0.3"],
    ],
  );
  for (const row of await view()) assert.doesNotMatch(String(row["x_QualityFlags"]), /Missing/u);
});

test("two exports without any commitment are counted once", async (t) => {
  const rows = [eaRow(), eaRow({ ProductName: "spot", PricingModel: "Spot" })];
  const view = await loadBills(t, [
    { ...eaActual, rows },
    { ...eaAmortized, rows },
  ]);
  const found = await view();
  assert.deepEqual(
    found.map((each) => [each["x_Export"], each["x_QualityFlags"]]),
    [
      ["azure_actual", null],
      ["azure_actual", null],
    ],
  );
  assert.equal(sumOf(found, "BilledCost"), "2.304");
});

test("other names of columns: Cost, Product and BillingCurrency, and reservations without benefits", async (t) => {
  const renamed: Readonly<Record<string, string>> = {
    CostInBillingCurrency: "Cost",
    ProductName: "Product",
    BillingCurrencyCode: "BillingCurrency",
    InvoiceSectionName: "InvoiceSection",
    MeterSubCategory: "MeterSubcategory",
  };
  const left = new Set(["benefitId", "benefitName", "PricingModel"]);
  const older = ({ rows, ...bill }: Bill): Bill => ({
    ...bill,
    rows: rows.map((row) =>
      Object.fromEntries(
        Object.entries({ ...row, ReservationName: row["benefitName"] ?? "", ProductOrderId: orderOf(row["benefitId"]) })
          .filter(([name]) => !left.has(name))
          .map(([name, value]) => [renamed[name] ?? name, name.endsWith("Date") ? isoDate(value) : value]),
      ),
    ),
  });
  const withId = (cells: Row): Row => eaRow({ ...cells, ReservationId: orderOf(cells["benefitId"]) });
  const shared = [eaRow({ Tags: '{"env": "prod"}' })];
  const view = await loadBills(t, [
    older({ ...eaActual, rows: [...shared, eaRow({ ...covered, CostInBillingCurrency: "0" }), withId(purchase)] }),
    older({ ...eaAmortized, rows: [...shared, eaRow({ ...covered, CostInBillingCurrency: "0.5" })] }),
  ]);
  const row = await finder(view);
  assert.equal((await view()).length, 3);
  const columns = ["CommitmentDiscountId", "CommitmentDiscountName", "CommitmentDiscountStatus", "PricingCategory"];
  assert.deepEqual(pick(row("covered"), columns), [reservation.toLowerCase(), "shop", "Used", "Committed"]);
  assert.deepEqual(pick(row("reservation"), columns), [order.toLowerCase(), "shop", null, "Standard"]);
  assert.deepEqual(pick(row("covered"), ["BilledCost", "EffectiveCost"]), ["0", "0.5"]);
  const dates = ["BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd"];
  assert.deepEqual(pick(row("machine"), dates).map(day), ["2025-04-01", "2025-03-02", "2025-03-03"]);
  assert.equal(row("machine")["Tags"], '{"env": "prod"}');
});

test("pay-as-you-go columns of 2019 are usage of the delivery's month", async (t) => {
  const payg: Row = {
    "Abonnement-GUID (SubscriptionGuid)": "3F2C1B70-5a10-4d39-9c57-0d6f0c1a2b31",
    "Ressourcenspeicherort (ResourceLocation)": "EU West",
    "Verbrauchsdatum (UsageDateTime)": "2025-01-31 00:00:00",
    MeterCategory: "Key Vault",
    MeterName: "Operations",
    "Menge (UsageQuantity)": "2",
    ResourceRate: "0.25",
    PreTaxCost: "0.5",
    ConsumedService: "Microsoft.KeyVault",
    ResourceType: "Microsoft.KeyVault/vaults",
    InstanceId: "kv-p",
    Currency: "CHF",
    UnitOfMeasure: "10K",
  };
  const view = await loadBills(t, [{ name: "payg", month: "2025-01", type: "ActualCost", rows: [payg] }]);
  const [row = {}] = await view();
  const dates = ["BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd"];
  assert.deepEqual(pick(row, dates).map(day), ["2025-01-01", "2025-02-01", "2025-01-31", "2025-02-01"]);
  const columns = [
    "ChargeCategory",
    "ChargeFrequency",
    "BilledCost",
    "EffectiveCost",
    "ContractedCost",
    "BillingCurrency",
  ];
  assert.deepEqual(pick(row, columns), ["Usage", "Usage-Based", "0.5", "0.5", "0.5", "CHF"]);
  const names = ["ServiceName", "RegionId", "SubAccountId", "BillingAccountId"];
  const id = "/subscriptions/3f2c1b70-5a10-4d39-9c57-0d6f0c1a2b31";
  assert.deepEqual(pick(row, names), ["Key Vault", "westeurope", id, null]);
  const flags = ["AmortizedCostMissing", "BillingAccountMissing", "ListCostFromContractedCost"];
  assert.deepEqual(String(row["x_QualityFlags"]).split(","), flags);
});

test("BigQuery shows the same rows of Azure cost exports as DuckDB", async (t) => {
  const bills = [eaActual, eaAmortized];
  const [first, second] = [await loadBills(t, bills, "DuckDB"), await loadBills(t, bills, "BigQuery")];
  for (const version of ["v1_2", "v1_4"] as const) {
    assert.deepEqual(comparable(await second(version)), comparable(await first(version)));
  }
});

function isoDate(value: string): string {
  const [month = "", dayOfMonth = "", year = ""] = value.split("/");
  return `${year}-${month}-${dayOfMonth}`;
}

function orderOf(benefit: string | undefined): string {
  return /reservationOrders\/([^/]+)/u.exec(benefit ?? "")?.[1] ?? "";
}
