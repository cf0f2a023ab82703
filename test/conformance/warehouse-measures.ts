import assert from "node:assert/strict";

import { otherAccounts, summaryLines } from "../../src/warehouses/warehouse.ts";
import { csv, type Line, loadAndMeasure, loadBill, prepare, table, wideColumns, wideMonth } from "./bills.ts";
import type { CapableTestWarehouse, TestWarehouse } from "./warehouse.ts";

/** What a load measures of the month that it has replaced. */
export const measureCases: Readonly<Record<string, (test: TestWarehouse) => Promise<void>>> = {
  "sums a month up by service, account and charge type, the largest amount first": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse, wideColumns);
    const { summary, accounts, uninvoicedRows, uninvoicedCostRows } = await loadBill(test, warehouse, "e1", [
      { cost: "1.5", service: "EC2", account: "1", charge: "Usage", invoice: "I1" },
      { cost: "2", service: "EC2", account: "1", charge: "Usage", invoice: "I1" },
      { cost: "-9.000000000000000001", service: "EC2", account: "2", charge: "Credit" },
      { cost: "", service: "S3", account: "1", charge: "Usage", invoice: "I1" },
      { cost: "0.25", currency: "EUR", charge: "Tax" },
      { cost: "0", currency: "EUR", charge: "Tax" },
      { cost: "", currency: "EUR", charge: "Tax" },
    ]);
    assert.deepEqual([uninvoicedRows, uninvoicedCostRows], [4, 2]);
    const text = (value: unknown): string => JSON.stringify(value);
    assert.deepEqual(
      accounts.toSorted((one, other) => (text(one) < text(other) ? -1 : 1)),
      [
        { account: "1", currency: "USD", rows: 3, positive: "3.5" },
        { account: "2", currency: "USD", rows: 1, positive: "0" },
        { account: null, currency: "EUR", rows: 3, positive: "0.25" },
      ],
    );
    assert.deepEqual(summary, [
      { service: "EC2", account: "2", charge_type: "Credit", currency: "USD", rows: 1, cost: "-9.000000000000000001" },
      { service: "EC2", account: "1", charge_type: "Usage", currency: "USD", rows: 2, cost: "3.5" },
      { service: null, account: null, charge_type: "Tax", currency: "EUR", rows: 3, cost: "0.25" },
      { service: "S3", account: "1", charge_type: "Usage", currency: "USD", rows: 1, cost: "0" },
    ]);
  },

  "adds up the accounts of small lines, and loses no row and no cent of them": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse, wideColumns);
    const lines = Array.from({ length: summaryLines + 100 }, (_, index): Line => ({
      cost: `${1000 - index}.01`,
      service: index % 2 === 0 ? "EC2" : "S3",
      account: `a${index}`,
      charge: "Usage",
    }));
    const { summary } = await loadBill(test, warehouse, "e1", lines);
    assert.equal(summary.length, summaryLines + 2);
    const others = summary.filter(({ account }) => account === otherAccounts);
    assert.deepEqual(
      others.map(({ service, rows: count, cost }) => [service, count, cost]),
      [
        ["EC2", 50, "22550.5"],
        ["S3", 50, "22500.5"],
      ],
    );
    assert.equal(
      summary.reduce((sum, line) => sum + line.rows, 0),
      lines.length,
    );
  },

  "lacks a summary without costs, and a count without invoices": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    const file = await csv(test, "a,2025-01-01,2025-01-02,1.5,USD\n");
    const without = { costColumns: [], currencyColumn: null };
    const { summary, uninvoicedRows } = await loadAndMeasure(warehouse, [file], without);
    assert.deepEqual([summary, uninvoicedRows], [[], null]);
  },
};

/** Measuring: what tables hold now. */
export const measuringCases: Readonly<Record<string, (test: CapableTestWarehouse) => Promise<void>>> = {
  "measures a month later as it was measured when it was loaded": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse, wideColumns);
    const lines = [
      { cost: "1.5", service: "EC2", account: "1", charge: "Usage", invoice: "I1" },
      { cost: "0.000000000000000001", service: "S3", account: "1", charge: "Tax", currency: "EUR" },
    ];
    const { delivered: _, inserted: __, ...first } = await loadBill(test, warehouse, "e1", lines);
    await loadBill(test, warehouse, "e2", [{ cost: "7" }], { billingMonth: "2025-02" });
    // The accounts come in any order.
    const ordered = <T extends { readonly accounts: readonly { readonly currency: string }[] }>(measures: T): T => ({
      ...measures,
      accounts: measures.accounts.toSorted((one, other) => (one.currency < other.currency ? -1 : 1)),
    });
    assert.deepEqual(ordered(await warehouse.measuring.measureMonth(wideMonth)), ordered(first));
    assert.deepEqual(
      [...(await warehouse.measuring.monthsIn(table, "period"))],
      [
        ["2025-01", 2],
        ["2025-02", 1],
      ],
    );
    const empty = await warehouse.measuring.measureMonth({ ...wideMonth, billingMonth: "2024-12" });
    assert.deepEqual([empty.rows, empty.sums, empty.summary, empty.uninvoicedRows], [0, [{}], [], 0]);
    const gone = await warehouse.measuring.measureMonth({ ...wideMonth, serviceColumn: "gone", invoiceColumn: "gone" });
    assert.deepEqual([gone.uninvoicedRows, gone.summary.map(({ service }) => service)], [null, [null, null]]);
    const costless = await warehouse.measuring.measureMonth({ ...wideMonth, costColumns: ["gone", "cost"] });
    assert.deepEqual([costless.sums, costless.summary], [[{ EUR: "0", USD: "0" }, first.sums[0]], []]);
  },

  "sums the costs of a month by any of its columns": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse, wideColumns);
    await loadBill(test, warehouse, "e1", [
      { cost: "1.5", service: "EC2", invoice: "I1" },
      { cost: "2", service: "EC2", invoice: "I2" },
      { cost: "0.1", service: "EC2", invoice: "I2" },
      { cost: "3", service: "EC2" },
    ]);
    const found = await warehouse.measuring.costsBy(wideMonth, ["invoice", null, "gone"]);
    const sorted = found.toSorted((one, other) => (String(one.values[0]) < String(other.values[0]) ? -1 : 1));
    assert.deepEqual(sorted, [
      { values: ["I1", null, null], currency: "USD", rows: 1, cost: "1.5" },
      { values: ["I2", null, null], currency: "USD", rows: 2, cost: "2.1" },
      { values: [null, null, null], currency: "USD", rows: 1, cost: "3" },
    ]);
    assert.deepEqual(await warehouse.measuring.costsBy({ ...wideMonth, billingMonth: "2024-12" }, ["invoice"]), []);
  },

  "finds no months in tables that are not there": async (test) => {
    const { measuring } = await test.open();
    assert.deepEqual([...(await measuring.monthsIn(table, "period"))], []);
  },
};
