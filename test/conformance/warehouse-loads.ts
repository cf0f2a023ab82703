import assert from "node:assert/strict";

import { loadedExecutions } from "../../src/state/executions.ts";
import type { MappedFile, Warehouse } from "../../src/warehouses/warehouse.ts";
import { rejects } from "../support/rejects.ts";
import {
  billColumns,
  billReceipt,
  billReplacement,
  csv,
  header,
  load,
  loadAndMeasure,
  month,
  newestLoad,
  prepare,
  stream,
  table,
  type Columns,
} from "./bills.ts";
import type { TestWarehouse } from "./warehouse.ts";

/** How months are replaced. */
export const loadCases: Readonly<Record<string, (test: TestWarehouse) => Promise<void>>> = {
  "holds nothing at first, and looking at it makes nothing": async (test) => {
    for (const mode of ["read", "write", "read"] as const) {
      const warehouse = await test.open(mode);
      assert.deepEqual(await warehouse.ledger(table), {
        columns: null,
        registry: [],
        state: null,
        receipts: [],
        lastSummary: null,
        notes: [],
      });
      await warehouse.close();
    }
  },

  "makes a table and its registry, and making them again changes nothing": async (test) => {
    const warehouse = await test.open();
    const registered = [
      { sourceName: "lineItem/Cost", columnName: "cost", type: "decimal", firstExecution: "e1" },
      { sourceName: `O'Neil "x"`, columnName: "id", type: "text", firstExecution: "e1" },
    ] as const;
    await prepare(warehouse, billColumns, registered);
    const first = await warehouse.ledger(table);
    await prepare(warehouse, billColumns, [...registered, { ...registered[0], columnName: "other" }]);
    const second = await warehouse.ledger(table);
    assert.deepEqual(second, first);
    assert.deepEqual(
      first.columns?.map(({ name, type }) => [name, type]),
      Object.entries(billColumns),
    );
    assert.deepEqual(byName(first.registry), byName(registered));
  },

  "loads a month and remembers its delivery": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    const measures = await load(warehouse, [
      await csv(test, "a,2025-01-01,2025-01-03,1.5,USD\nb,2025-01-01,2025-01-02,2,EUR\n"),
    ]);
    assert.deepEqual(await test.rows(warehouse, "SELECT id, period, cost, currency FROM billing.bills ORDER BY id"), [
      { id: "a", period: "2025-01-01T00:00:00Z", cost: "1.5", currency: "USD" },
      { id: "b", period: "2025-01-01T00:00:00Z", cost: "2", currency: "EUR" },
    ]);
    assert.deepEqual(measures, {
      rows: 2,
      inserted: 2,
      sums: [{ EUR: "2", USD: "1.5" }],
      firstUsage: "2025-01-02T00:00:00Z",
      lastUsage: "2025-01-03T00:00:00Z",
    });
    const { state, receipts } = await warehouse.ledger(table);
    assert.deepEqual(
      receipts.map((receipt) => ({ ...receipt, loadId: "", loadedAt: "" })),
      [{ ...billReceipt("e1", month, 2), loadId: "", loadedAt: "" }],
    );
    assert.match(receipts[0]?.loadedAt ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/u);
    assert.deepEqual(
      [...loadedExecutions(state, table)].map(([key, { executionId }]) => [key, executionId]),
      [[month, "e1"]],
    );
  },

  "gives the same rows when the same load runs twice": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    for (const _ of [1, 2]) await load(warehouse, [await csv(test, "a,2025-01-01,,1,USD\nb,2025-01-01,,2,USD\n")]);
    assert.deepEqual(await test.rows(warehouse, "SELECT id FROM billing.bills ORDER BY id"), [
      { id: "a" },
      { id: "b" },
    ]);
    assert.equal((await warehouse.ledger(table)).receipts.length, 1);
    const tracked = await test.rows(warehouse, "SELECT _dlt_load_id FROM billing.bills_load_tracking ORDER BY 1");
    assert.equal(new Set(tracked.map((row) => row["_dlt_load_id"])).size, 2, "tracking is append-only");
  },

  "replaces only the month it is given": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    const last = { "2024-12": "2024-12-31T23:59:59.999999Z", "2025-01": "2025-01-31T23:59:59.999999Z" } as const;
    for (const [billingMonth, moment] of Object.entries({ ...last, "2025-02": "2025-02-01T00:00:00Z" })) {
      await load(warehouse, [await csv(test, `old ${billingMonth},${moment},,1,USD\n`)], { billingMonth });
    }
    await load(warehouse, [await csv(test, "new,2025-01-01T00:00:00Z,,1,USD\n")]);
    const ids = (await test.rows(warehouse, "SELECT id FROM billing.bills ORDER BY period")).map((row) => row["id"]);
    assert.deepEqual(ids, ["old 2024-12", "new", "old 2025-02"]);
    const months = (await warehouse.ledger(table)).receipts.map((receipt) => receipt.billingMonth);
    assert.deepEqual(months, ["2024-12", "2025-01", "2025-02"]);
  },

  "takes a column that appears later, and leaves one that is missing empty": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    await load(warehouse, [await csv(test, "a,2025-01-01,,1,USD\n")]);
    await prepare(warehouse, { tag: "text" });
    const columns: Columns = { tag: "text", period: "timestamp", id: "text" };
    await load(warehouse, [await csv(test, "blue,2025-02-01,b\n", columns)], { billingMonth: "2025-02" });
    assert.deepEqual(await test.rows(warehouse, "SELECT id, cost, tag FROM billing.bills ORDER BY id"), [
      { id: "a", cost: "1", tag: null },
      { id: "b", cost: null, tag: "blue" },
    ]);
  },

  "loads files with different headers, and empty ones, into one month": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    const measures = await load(warehouse, [
      await csv(test, "a,2025-01-01,,1,USD\n"),
      await csv(test, ""),
      await csv(test, "2025-01-01,b\n", { period: "timestamp", id: "text" }),
    ]);
    assert.deepEqual([measures.rows, measures.inserted], [2, 2]);
    assert.deepEqual(await test.rows(warehouse, "SELECT id, cost FROM billing.bills ORDER BY id"), [
      { id: "a", cost: "1" },
      { id: "b", cost: null },
    ]);
    const none = await load(warehouse, []);
    assert.deepEqual(none, { rows: 0, inserted: 0, sums: [{}], firstUsage: null, lastUsage: null });
    assert.deepEqual(await test.rows(warehouse, "SELECT id FROM billing.bills"), []);
  },

  "leaves everything as it was when a load fails": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    await load(warehouse, [await csv(test, "a,2025-01-01,,1,USD\n")]);
    const before = await snapshot(test, warehouse);
    const good = await csv(test, "new,2025-01-01,,1,USD\n");
    const badRows = "new,2025-01-01,,1,USD\nworse,2025-01-01,,abc,USD\n";
    const bad = await csv(test, badRows);
    const badText = `${header()}${badRows}`;
    const failing = async function* (): AsyncGenerator<MappedFile> {
      yield good;
      throw new Error("the file is gone");
    };
    const place = test.place(badText, 3, "abc");
    await rejects(load(warehouse, [good, bad]), "VALUE_INVALID", "abc", "cost", bad.file.key, place);
    assert.deepEqual(await snapshot(test, warehouse), before, "after a bad value");
    await assert.rejects(load(warehouse, failing()), /the file is gone/u);
    assert.deepEqual(await snapshot(test, warehouse), before, "after a failing file");
    const replaces = await newestLoad(warehouse, month);
    const judged = warehouse.replaceMonth({ ...billReplacement, replaces, files: stream([good]) }, async () => {
      throw new Error("the sums differ");
    });
    await assert.rejects(judged, /the sums differ/u);
    assert.deepEqual(await snapshot(test, warehouse), before, "after a refused proof");
    await load(warehouse, [good]);
    assert.deepEqual(
      await test.rows(warehouse, "SELECT id FROM billing.bills"),
      [{ id: "new" }],
      "and goes on afterwards",
    );
  },

  "leaves rows of other months out only when a delivery spans months": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    const file = await csv(test, "a,2025-01-01,,1,USD\nb,2025-02-01,,2,USD\nc,2025-01-31T23:00:00Z,,4,USD\n");
    await rejects(load(warehouse, [file]), "MONTH_MISMATCH", file.file.key, "period", "2025-02-01");
    for (const billingMonth of ["2025-01", "2025-02"]) {
      const measures = await load(warehouse, [file], { billingMonth, spansMonths: true });
      const expected = billingMonth === "2025-01" ? [2, 2, { USD: "5" }] : [1, 1, { USD: "2" }];
      assert.deepEqual([measures.rows, measures.inserted, measures.sums[0]], expected);
    }
    assert.equal((await test.rows(warehouse, "SELECT id FROM billing.bills")).length, 3);
    const missing = await csv(test, 'a,2025-01-01,,1,USD\n"two\nlines",,,1,USD\n');
    for (const spansMonths of [false, true]) {
      await rejects(load(warehouse, [missing], { spansMonths }), "PERIOD_MISSING", missing.file.key, "period");
    }
  },

  "measures what files held that nobody else has read": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    const deep = `0.${"0".repeat(40)}1`;
    const files = [
      await csv(test, `a,2025-01-01,,1.5,USD\nb,2025-02-01,,7,USD\nc,2025-01-01,,${deep},EUR\n`),
      await csv(test, "2025-01-01,4.25\n", { period: "timestamp", cost: "decimal" }),
    ];
    const { delivered } = await loadAndMeasure(warehouse, files, { spansMonths: true });
    const [first, second] = files;
    assert.ok(first !== undefined && second !== undefined);
    if (!warehouse.reads(first.storageUrl, first.file)) {
      assert.equal(delivered, null, "whoever brought the files here has measured them");
      return;
    }
    assert.deepEqual(delivered, {
      evidence: {
        rows: 4,
        monthRows: 3,
        sums: [{ "": "4.25", EUR: deep, USD: "1.5" }],
        kept: [{ "": "4.25", EUR: "0", USD: "1.5" }],
        rounded: [1],
      },
      rows: new Map([
        [first.file.key, 3],
        [second.file.key, 1],
      ]),
    });
  },

  "stamps rows with the month of the delivery": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse, { id: "text", billing_month: "date" }, [], "billing_month");
    const options = {
      stamped: true,
      partitionColumn: "billing_month",
      costColumns: [],
      currencyColumn: null,
      usageColumn: null,
    };
    for (const billingMonth of ["2025-01", "2025-02", "2025-01"]) {
      const file = await csv(test, `${billingMonth}\n`, { id: "text" });
      assert.equal((await load(warehouse, [file], { ...options, billingMonth })).rows, 1);
    }
    assert.deepEqual(await test.rows(warehouse, "SELECT id, billing_month FROM billing.bills ORDER BY id"), [
      { id: "2025-01", billing_month: "2025-01-01" },
      { id: "2025-02", billing_month: "2025-02-01" },
    ]);
  },
};

function byName<T extends { readonly sourceName: string }>(list: readonly T[]): T[] {
  return list.toSorted((first, second) => (first.sourceName < second.sourceName ? -1 : 1));
}

async function snapshot(test: TestWarehouse, warehouse: Warehouse): Promise<unknown> {
  const names = ["bills", "bills_load_tracking", "_dlt_loads", "_dlt_pipeline_state"];
  const tables = await Promise.all(
    names.map((name) => test.rows(warehouse, `SELECT * FROM billing.${name} ORDER BY 1, 2`)),
  );
  return { tables, ledger: await warehouse.ledger(table) };
}
