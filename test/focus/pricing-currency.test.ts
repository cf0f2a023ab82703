import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";

import { dataExportDelivery } from "../support/deliveries-of-exports.ts";
import { curColumns, curDelivery, curManifestTypes, curRow, deliver, type Row } from "../support/deliveries.ts";
import { ask, createProject, curSection, runWell } from "../support/projects.ts";
import type { QueryRow } from "../../src/warehouses/warehouse.ts";
import { eaRow, finder, loadBills, mcaRow, nativeRow, pick } from "./azure-bills.ts";
import { covered, eaAmortized, purchase, unused } from "./azure-ea-bills.ts";

const columns = ["PricingCurrency", "EffectiveCost", "PricingCurrencyEffectiveCost", "x_QualityFlags"];
const missing = "PricingCurrencyEffectiveCostMissing";
const month = "2025-03";

/** The columns above of the rows with this key and charge category. */
function named(rows: readonly QueryRow[], key: string, category = "Usage"): unknown[][] {
  const found = rows.filter((row) => row["key"] === key && row["ChargeCategory"] === category);
  return found.map((row) => pick(row, columns));
}

test("AWS Cost and Usage Reports have the effective cost in the currency of prices where it is that of costs", async (t) => {
  const line = (id: string, type: string, cells: Row): Row =>
    curRow(month, { "identity/LineItemId": id, "lineItem/LineItemType": type, ...cells });
  const dollars = { "pricing/currency": "USD", "lineItem/CurrencyCode": "EUR", "product/ProductName": "Amazon EC2" };
  const reservation = {
    "reservation/ReservationARN": "arn:aws:ec2:us-east-1:111100002222:reserved-instances/cccc",
    "reservation/UnusedQuantity": "186",
    "reservation/UnusedRecurringFee": "0.9",
    "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod": "0",
  };
  const plan = {
    "savingsPlan/SavingsPlanARN": "arn:aws:savingsplans::111100002222:savingsplan/aaaa",
    "savingsPlan/TotalCommitmentToDate": "10",
    "savingsPlan/UsedCommitment": "6",
  };
  const lines = [
    line("no pricing currency", "Usage", { "lineItem/UnblendedCost": "1.25" }),
    line("one currency", "Usage", { "lineItem/UnblendedCost": "1.5", "pricing/currency": "USD" }),
    line("tax", "Tax", { "lineItem/UnblendedCost": "0.19" }),
    line("reservation", "RIFee", { "lineItem/UnblendedCost": "4", ...reservation }),
    line("plan", "SavingsPlanRecurringFee", { "lineItem/UnblendedCost": "10", ...plan }),
    line("two currencies", "Usage", { "lineItem/UnblendedCost": "2", ...dollars }),
    line("free", "Usage", { "lineItem/UnblendedCost": "0", ...dollars }),
    line("dollar reservation", "RIFee", { "lineItem/UnblendedCost": "4", ...dollars, ...reservation }),
    line("dollar plan", "SavingsPlanRecurringFee", { "lineItem/UnblendedCost": "10", ...dollars, ...plan }),
  ];
  const all = [...new Set([...curColumns, ...lines.flatMap((row) => Object.keys(row))])];
  const amounts = all.filter((name) => /Cost$|Fee(?:ForBillingPeriod)?$|Commitment|Quantity$/u.test(name));
  const types = { ...curManifestTypes, ...Object.fromEntries(amounts.map((name) => [name, "OptionalBigDecimal"])) };
  const project = await createProject(t, curSection);
  await deliver(project.bucket, curDelivery({ month, id: "20250403T000000Z", columns: all, types, files: [lines] }));
  await runWell(project);
  for (const version of ["v1_2", "v1_4"]) {
    const rows = await ask(project, `SELECT *, x_LineItemId AS key FROM focus_${version}`);
    const costs = (key: string, category?: string): unknown[][] =>
      named(rows, key, category).map(([currency, effective, priced]) => [currency, effective, priced]);
    assert.deepEqual(costs("no pricing currency"), [["USD", "1.25", "1.25"]]);
    assert.deepEqual(costs("one currency"), [["USD", "1.5", "1.5"]]);
    assert.deepEqual(costs("tax", "Tax"), [["USD", "0.19", "0.19"]]);
    assert.deepEqual(costs("reservation", "Purchase"), [["USD", "0", "0"]]);
    assert.deepEqual(costs("reservation"), [["USD", "0.9", "0.9"]]);
    assert.deepEqual(costs("plan", "Purchase"), [["USD", "0", "0"]]);
    assert.deepEqual(costs("plan"), [["USD", "4", "4"]]);
    assert.deepEqual(costs("two currencies"), [["USD", "2", null]]);
    assert.deepEqual(costs("free"), [["USD", "0", "0"]]);
    assert.deepEqual(costs("dollar reservation", "Purchase"), [["USD", "0", "0"]]);
    assert.deepEqual(costs("dollar reservation"), [["USD", "0.9", null]]);
    assert.deepEqual(costs("dollar plan"), [["USD", "4", null]]);
    const flagged = rows.filter(({ x_QualityFlags: flags }) => String(flags).split(",").includes(missing));
    assert.deepEqual(
      flagged.map(({ key, ChargeCategory: category }) => `${String(key)} ${String(category)}`).toSorted(),
      ["dollar plan Usage", "dollar reservation Usage", "two currencies Usage"],
    );
  }
});

test("Azure bills with one currency have the effective cost in it as that of prices", async (t) => {
  const rows = [eaRow(), eaRow(unused), eaRow({ ...covered, CostInBillingCurrency: "0.5" })];
  const actual = { ...eaAmortized, name: "azure_actual", type: "ActualCost" as const };
  const view = await loadBills(t, [
    { ...eaAmortized, rows },
    { ...actual, rows: [eaRow(), eaRow({ ...covered, CostInBillingCurrency: "0" }), eaRow(purchase)] },
  ]);
  const found = await view();
  assert.equal(found.length, 4);
  for (const row of found) {
    const [currency, effective, priced, flags] = pick(row, columns);
    assert.equal(currency, "EUR");
    assert.notEqual(effective, null);
    assert.equal(priced, effective);
    assert.doesNotMatch(String(flags), /PricingCurrency/u);
  }
});

test("Azure bills with prices in another currency have what they give in it, and a flag where they give nothing", async (t) => {
  const rows = [
    mcaRow({ ProductName: "given" }),
    mcaRow({ ProductName: "not given", costInPricingCurrency: "" }),
    mcaRow({
      ProductName: "free",
      costInBillingCurrency: "0",
      costInPricingCurrency: "",
      PayGPrice: "0",
      unitPrice: "0",
    }),
    mcaRow({
      ProductName: "euro",
      pricingCurrency: "EUR",
      exchangeRatePricingToBilling: "1",
      costInPricingCurrency: "",
    }),
  ];
  const row = await finder(await loadBills(t, [{ name: "azure_actual", month: "2025-06", type: "ActualCost", rows }]));
  const flagged = (key: string): boolean => String(row(key)["x_QualityFlags"]).split(",").includes(missing);
  assert.deepEqual(pick(row("given"), columns.slice(0, 3)), ["USD", "0.84", "0.96"]);
  assert.deepEqual(pick(row("not given"), columns.slice(0, 3)), ["USD", "0.84", null]);
  assert.deepEqual(pick(row("free"), columns.slice(0, 3)), ["USD", "0", "0"]);
  assert.deepEqual(pick(row("euro"), columns.slice(0, 3)), ["EUR", "0.84", "0.84"]);
  assert.deepEqual(["given", "not given", "free", "euro"].map(flagged), [false, true, false, false]);
});

test("Azure exports in FOCUS columns give the effective cost in dollars, if prices are in dollars", async (t) => {
  const order = "/providers/Microsoft.BillingBenefits/savingsPlanOrders/d0c1b2a3-1111-4222-8333-9f8e7d6c5b4a";
  const bought = { ChargeCategory: "Purchase", CommitmentDiscountId: order, CommitmentDiscountName: "eu" };
  const tax = { ChargeCategory: "Tax", BilledCost: "7", EffectiveCost: "6" };
  const rows = [
    nativeRow({ ChargeDescription: "dollars", x_EffectiveCostInUsd: "1.3" }),
    nativeRow({ ChargeDescription: "not given", x_EffectiveCostInUsd: "" }),
    nativeRow({ ChargeDescription: "francs", x_EffectiveCostInUsd: "1.3", x_PricingCurrency: "CHF" }),
    nativeRow({ ChargeDescription: "euro", x_EffectiveCostInUsd: "1.3", x_PricingCurrency: "EUR" }),
    nativeRow({ ChargeDescription: "no pricing currency", x_EffectiveCostInUsd: "1.3", x_PricingCurrency: "" }),
    nativeRow({ ChargeDescription: "purchase", x_EffectiveCostInUsd: "1.3", ...bought }),
    nativeRow({ ChargeDescription: "tax", x_EffectiveCostInUsd: "6.7", x_PricingCurrency: "EUR", ...tax }),
  ];
  const view = await loadBills(t, [{ name: "azure_focus", month: "2025-02", type: "FocusCost", rows }]);
  for (const version of ["v1_2", "v1_4"] as const) {
    const row = await finder(view, version);
    const costs = (key: string): unknown[] => pick(row(key), columns.slice(0, 3));
    assert.deepEqual(costs("dollars"), ["USD", "1.152", "1.3"]);
    assert.deepEqual(costs("not given"), ["USD", "1.152", null]);
    assert.deepEqual(costs("francs"), ["CHF", "1.152", null]);
    assert.deepEqual(costs("euro"), ["EUR", "1.152", "1.152"]);
    assert.deepEqual(costs("no pricing currency"), ["EUR", "1.152", "1.152"]);
    assert.deepEqual(costs("purchase"), ["USD", "0", "0"]);
    assert.deepEqual(costs("tax"), version === "v1_4" ? ["EUR", "7", "7"] : ["EUR", "6", "6"]);
    const flagged = rows
      .map(({ ChargeDescription: key = "" }) => key)
      .filter((key) => row(key)["x_QualityFlags"] !== null);
    assert.deepEqual(
      flagged.filter((key) => String(row(key)["x_QualityFlags"]).split(",").includes(missing)),
      ["not given", "francs"],
    );
  }
});

test("AWS exports in FOCUS columns keep what they give, and have the effective cost where they give nothing", async (t) => {
  const { rows, types } = awsFocusRows();
  const found = await loadAwsFocus(t, rows, types);
  for (const version of ["v1_2", "v1_4"] as const) {
    const of = (key: string, category?: string): unknown[] =>
      (named(found[version], key, category)[0] ?? assert.fail(key)).slice(0, 3);
    assert.deepEqual(of("older"), ["USD", "1.152", "1.152"]);
    assert.deepEqual(of("one currency"), ["USD", "1.152", "1.152"]);
    assert.deepEqual(of("given"), ["USD", "1.152", "1.3"]);
    assert.deepEqual(of("two currencies"), ["USD", "1.152", null]);
    assert.deepEqual(of("tax", "Tax"), version === "v1_4" ? ["USD", "7", "7"] : ["USD", "6", "6"]);
    const flagged = found[version].filter(({ x_QualityFlags: flags }) => String(flags).includes(missing));
    assert.deepEqual(
      flagged.map(({ key }) => key),
      ["two currencies"],
    );
  }
});

/** Rows of AWS FOCUS 1.2, and one without the currency of prices, as in 1.0. */
function awsFocusRows(): { readonly rows: readonly Row[]; readonly types: Readonly<Record<string, string>> } {
  const row = (cells: Row): Row => ({
    BillingPeriodStart: `${month}-01T00:00:00Z`,
    BillingPeriodEnd: "2025-04-01T00:00:00Z",
    ChargePeriodStart: `${month}-02T00:00:00Z`,
    ChargePeriodEnd: `${month}-03T00:00:00Z`,
    BillingAccountId: "111100002222",
    SubAccountId: "111100002222",
    ChargeCategory: "Usage",
    ServiceName: "Amazon Elastic Compute Cloud",
    ServiceCategory: "Compute",
    x_ServiceCode: "AmazonEC2",
    BilledCost: "1.152",
    EffectiveCost: "1.152",
    BillingCurrency: "USD",
    PricingCurrency: "USD",
    PricingCurrencyEffectiveCost: "",
    ...cells,
  });
  const rows = [
    row({ ChargeDescription: "older", PricingCurrency: "" }),
    row({ ChargeDescription: "one currency" }),
    row({ ChargeDescription: "given", BillingCurrency: "EUR", PricingCurrencyEffectiveCost: "1.3" }),
    row({ ChargeDescription: "two currencies", BillingCurrency: "EUR" }),
    row({ ChargeDescription: "tax", ChargeCategory: "Tax", BilledCost: "7", EffectiveCost: "6" }),
  ];
  const costs = ["BilledCost", "EffectiveCost", "PricingCurrencyEffectiveCost"].map((name) => [name, "double"]);
  const times = Object.keys(rows[0] ?? {}).filter((name) => /Period(?:Start|End)$/u.test(name));
  return { rows, types: Object.fromEntries([...costs, ...times.map((name) => [name, "timestamp"])]) };
}

async function loadAwsFocus(
  t: TestContext,
  rows: readonly Row[],
  types: Readonly<Record<string, string>>,
): Promise<Readonly<Record<"v1_2" | "v1_4", readonly QueryRow[]>>> {
  const exportName = "acme-focus";
  const project = await createProject(t, {
    aws_focus: { bucket_url: "bucket", prefix: "exports", export_name: exportName },
  });
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const options = { month, id: "b52a43ab-ad8d-494a-9892-139600ddb74d", files: [rows], columns, types };
  await deliver(
    project.bucket,
    await dataExportDelivery({ ...options, exportName, part: "billing_period" }, project.folder),
  );
  await runWell(project);
  const view = (version: string): Promise<QueryRow[]> =>
    ask(project, `SELECT *, ChargeDescription AS key FROM focus_${version}`);
  return { v1_2: await view("v1_2"), v1_4: await view("v1_4") };
}
