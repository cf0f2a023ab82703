import assert from "node:assert/strict";
import { test } from "node:test";

import type { Row } from "../support/deliveries.ts";
import { type Bill, comparable, day, eaRow, finder, loadBills, pick } from "./azure-bills.ts";
import { covered, eaActual, eaAmortized, order, purchase, reservation, unused } from "./azure-ea-bills.ts";
import { mcaAmortized } from "./azure-mca-bills.ts";
import { sumOf } from "./compare.ts";
import { type MadeTable, viewOver } from "./made-tables.ts";

test("one of the two exports alone gives one cost, and says so on every row", async (t) => {
  await t.test("actual cost: covered usage has no effective cost", async (t) => {
    const view = await loadBills(t, [eaActual]);
    const row = await finder(view);
    assert.equal((await view()).length, eaActual.rows.length);
    assert.deepEqual(pick(row("covered"), ["BilledCost", "EffectiveCost"]), ["0", null]);
    assert.deepEqual(pick(row("reservation"), ["BilledCost", "EffectiveCost"]), ["61.2", "0"]);
    for (const each of await view()) assert.match(String(each["x_QualityFlags"]), /AmortizedCostMissing/u);
  });
  await t.test("a purchase shows actual cost, also where covered usage has a cost", async (t) => {
    const rows = [eaRow({ ...covered, CostInBillingCurrency: "0.01" }), eaRow(purchase)];
    const row = await finder(await loadBills(t, [{ ...eaActual, rows }]));
    const columns = ["BilledCost", "EffectiveCost", "x_QualityFlags"];
    assert.deepEqual(pick(row("covered"), columns), ["0.01", null, "AmortizedCostMissing"]);
    assert.deepEqual(pick(row("reservation"), columns), ["61.2", "0", "AmortizedCostMissing"]);
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

test("the manifest says which cost an export has, also in a month without any commitment", async (t) => {
  const rows = [eaRow(), eaRow({ ProductName: "spot", PricingModel: "Spot" })];
  const [actual, amortized] = [
    { ...eaActual, rows },
    { ...eaAmortized, rows },
  ];
  const shown = async (bills: readonly Bill[]): Promise<unknown> => {
    const found = await (await loadBills(t, bills))();
    const row = found.find((each) => each["ChargeDescription"] === "machine") ?? {};
    return [found.length, ...pick(row, ["x_Export", "BilledCost", "EffectiveCost", "x_QualityFlags"])];
  };
  assert.deepEqual(await shown([actual, amortized]), [2, "azure_amortized", "1.152", "1.152", null]);
  assert.deepEqual(await shown([amortized]), [2, "azure_amortized", null, "1.152", "ActualCostMissing"]);
  assert.deepEqual(await shown([actual]), [2, "azure_actual", "1.152", "1.152", "AmortizedCostMissing"]);
});

test("without a declared type the rows show which cost an export has, and without commitments both are the same", async (t) => {
  const made = (exportName: string, rows: readonly Row[], datasets = {}): MadeTable => ({
    exportName,
    idColumn: "run_id",
    period: "BillingPeriodStartDate",
    datasets,
    rows: rows.map((row) => ({ ...row, BillingPeriodStartDate: "2025-03-01", BillingPeriodEndDate: "2025-03-31" })),
  });
  const shown = async (...tables: readonly MadeTable[]): Promise<readonly unknown[]> =>
    (await (await viewOver(t, tables))())
      .toSorted((one, other) => (String(one["x_BillingMonth"]) < String(other["x_BillingMonth"]) ? -1 : 1))
      .map((row) => [row["x_Export"], row["BilledCost"], row["x_QualityFlags"]]);
  const alike = [eaRow()];
  const both = [["one", "1.152", null]];
  assert.deepEqual(await shown(made("one", alike), made("two", alike)), both);
  assert.deepEqual(await shown(made("one", alike)), both);
  // The month of a receipt that does not declare it is of the kind that the rows of other months show.
  const april = { BillingPeriodStartDate: "2025-04-01", BillingPeriodEndDate: "2025-04-30" };
  const later = made("two", [eaRow(unused)]).rows.map((row) => ({ ...row, ...april }));
  const amortized = { ...made("two", alike), rows: [...made("two", alike).rows, ...later] };
  const flags = "ActualCostMissing";
  assert.deepEqual(await shown(amortized), [
    ["two", null, flags],
    ["two", null, flags],
  ]);
  // What the manifest of a month declares is stronger than what rows show.
  const declared = await shown({ ...amortized, datasets: { "2025-03": "ActualCost" } });
  assert.deepEqual(declared, [
    ["two", "1.152", "AmortizedCostMissing"],
    ["two", null, flags],
  ]);
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
