import assert from "node:assert/strict";

import { loadedExecutions } from "../../src/state/executions.ts";
import type { MappedFile, SchemaChange, Warehouse } from "../../src/warehouses/warehouse.ts";
import { rejects } from "../support/rejects.ts";
import {
  billColumns,
  billReceipt,
  billReplacement,
  csv,
  header,
  load,
  loadAndMeasure,
  mapped,
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
        elsewhere: [],
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

  "loads files with other columns, other line ends and no line end together": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    const lines = `${header()}c,2025-01-01,2025-01-03,4,USD\n"d\n",2025-01-01,2025-01-03,8,USD\n`;
    const windows = lines.replaceAll("\n", "\r\n");
    const few: Columns = { currency: "text", period: "timestamp", id: "text", cost: "decimal" };
    await load(warehouse, [
      await csv(test, "a,2025-01-01,2025-01-03,1.5,USD\n"),
      await csv(test, "USD,2025-01-02,b,2\n", few),
      { ...(await test.put("bills.csv", windows)), columns: mapped(billColumns) },
      await csv(test, ""),
      await csv(test, "USD,2025-01-02,e,16\n", few),
      await csv(test, "f,2025-01-01,2025-01-03,32,USD"),
    ]);
    const found = await test.rows(warehouse, "SELECT id, cost, currency FROM billing.bills ORDER BY cost");
    assert.deepEqual(
      found.map((row) => Object.values(row).join(" ")),
      ["a 1.5 USD", "b 2 USD", "c 4 USD", "d\r\n 8 USD", "e 16 USD", "f 32 USD"],
    );
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
      "and continues afterwards",
    );
  },

  "leaves rows of other months out, and takes those without a period unless they need one": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    const file = await csv(test, "a,2025-01-01,,1,USD\nb,2025-02-01,,2,USD\nc,2025-01-31T23:00:00Z,,4,USD\n");
    for (const billingMonth of ["2025-01", "2025-02"]) {
      const measures = await load(warehouse, [file], { billingMonth });
      const expected = billingMonth === "2025-01" ? [2, 2, { USD: "5" }] : [1, 1, { USD: "2" }];
      assert.deepEqual([measures.rows, measures.inserted, measures.sums[0]], expected);
    }
    assert.equal((await test.rows(warehouse, "SELECT id FROM billing.bills")).length, 3);
    const missing = await csv(test, 'a,2025-01-01,,1,USD\n"two\nlines",,,1,USD\n');
    const needing = { ...missing, needsPeriod: true };
    await rejects(load(warehouse, [needing]), "PERIOD_MISSING", missing.file.key, "period");
    assert.equal((await load(warehouse, [missing])).rows, 2);
    assert.deepEqual(
      await test.rows(warehouse, "SELECT period FROM billing.bills WHERE id <> 'a' AND period < '2025-02-01'"),
      [{ period: "2025-01-01T00:00:00Z" }],
    );
  },

  "measures files that only the warehouse has read": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    const deep = `0.${"0".repeat(40)}1`;
    const files = [
      await csv(test, `a,2025-01-01,,1.5,USD\nb,2025-02-01,,7,USD\nc,2025-01-01,,${deep},EUR\n`),
      await csv(test, "2025-01-01,4.25\n", { period: "timestamp", cost: "decimal" }),
    ];
    const { delivered } = await loadAndMeasure(warehouse, files);
    const [first, second] = files;
    assert.ok(first !== undefined && second !== undefined);
    if (!warehouse.reads(first.storageUrl, first.file)) {
      assert.equal(delivered, null, "downloaded files were measured by billhouse");
      return;
    }
    assert.deepEqual(delivered, {
      evidence: new Map([
        [
          "e1",
          {
            rows: 4,
            monthRows: 3,
            rowsWithoutPeriod: 0,
            otherMonths: [{ month: "2025-02", rows: 1, cost: { USD: "7" } }],
            sums: [{ "": "4.25", EUR: deep, USD: "1.5" }],
            kept: [{ "": "4.25", EUR: "0", USD: "1.5" }],
            rounded: [1],
          },
        ],
      ]),
      rows: new Map([
        [first.file.key, 3],
        [second.file.key, 1],
      ]),
    });
  },

  "takes the table and its columns away again with a month that fails": async (test) => {
    const warehouse = await test.open();
    const schemaOf = (columns: Columns): SchemaChange => ({
      added: Object.entries(columns).map(([name, type]) => ({ name, type })),
      registered: Object.entries(columns).map(([name, type]) => ({
        sourceName: name,
        columnName: name,
        type,
        firstExecution: "e1",
      })),
      partitionColumn: "period",
      usageColumn: null,
      keepsPrevious: false,
    });
    const bad = await csv(test, "a,2025-01-01,soon,1,USD\n");
    await rejects(load(warehouse, [bad], { schema: schemaOf(billColumns) }), "VALUE_INVALID", "soon");
    const { columns, registry } = await warehouse.ledger(table);
    assert.deepEqual([columns, registry], [null, []]);
    const good = await csv(test, "a,2025-01-01,,1,USD\n");
    assert.equal((await load(warehouse, [good], { schema: schemaOf(billColumns) })).rows, 1);
    const tagged = await csv(test, "a,2025-02-01,soon,1,USD,x\n", { ...billColumns, tag: "text" });
    const next = { billingMonth: "2025-02", schema: schemaOf({ tag: "text" }) };
    await rejects(load(warehouse, [tagged], next), "VALUE_INVALID", "soon");
    const names = (await warehouse.ledger(table)).columns?.map(({ name }) => name);
    assert.deepEqual(names, Object.keys(billColumns));
    const fixed = await csv(test, "a,2025-02-01,,1,USD,x\n", { ...billColumns, tag: "text" });
    assert.equal((await load(warehouse, [fixed], next)).rows, 1);
    assert.deepEqual(await test.rows(warehouse, "SELECT tag FROM billing.bills WHERE tag IS NOT NULL"), [{ tag: "x" }]);
  },

  "reads words that mean NULL in columns that are not text": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    const file = await csv(test, "None,2025-01-01,None,n/a,USD\nb,None,,1,USD\n");
    await rejects(load(warehouse, [file]), "VALUE_INVALID", file.file.key, "None");
    const measures = await load(warehouse, [file], { nullValues: ["None", "n/a"] });
    assert.deepEqual([measures.rows, measures.sums], [2, [{ USD: "1" }]]);
    assert.deepEqual(await test.rows(warehouse, "SELECT id, used, cost FROM billing.bills ORDER BY id"), [
      { id: "None", used: null, cost: null },
      { id: "b", used: null, cost: "1" },
    ]);
  },

  "gives rows without a period the month of the delivery": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse, { id: "text", billing_month: "date" }, [], "billing_month");
    const options = {
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
