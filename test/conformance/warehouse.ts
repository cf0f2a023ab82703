import assert from "node:assert/strict";

import { loadedExecutions } from "../../src/state/executions.ts";
import { forgetPackage, summaryPackage } from "../../src/state/package.ts";
import type { CheckedFile, OpenMode, Warehouse } from "../../src/warehouses/warehouse.ts";
import { rejects } from "../rejects.ts";
import {
  billColumns,
  billReceipt,
  billReplacement,
  csv,
  load,
  mapped,
  month,
  prepare,
  rows,
  stream,
  table,
  type Columns,
} from "./bills.ts";

/** An empty database of one warehouse, made for one case, and what only its owner can do with it. */
export interface TestWarehouse {
  /** Opens it, as often as a case wants. Without a mode: to write. */
  open(mode?: OpenMode): Promise<Warehouse>;
  /** Puts a data file where the warehouse reads it: plain CSV or Parquet. */
  put(name: string, bytes: string | Uint8Array): Promise<Pick<CheckedFile, "file" | "path">>;
  /** The bytes of a Parquet file with the rows of a query of DuckDB. */
  parquet(sql: string): Promise<Uint8Array>;
  /** A name as the warehouse's SQL quotes it. */
  quote(name: string): string;
}

/** What every warehouse must do, as named cases that know no test runner. Each takes a database of its own. */
export const warehouseCases: Readonly<Record<string, (test: TestWarehouse) => Promise<void>>> = {
  "holds nothing at first, and looking at it makes nothing": async (test) => {
    for (const mode of ["read", "write", "read"] as const) {
      const warehouse = await test.open(mode);
      assert.deepEqual(await warehouse.ledger(table), { columns: null, registry: [], state: null, receipts: [] });
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
    assert.deepEqual(await rows(warehouse, "SELECT id, period, cost, currency FROM billing.bills ORDER BY id"), [
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
      receipts.map(({ loadId: _, loadedAt: __, ...receipt }) => receipt),
      [billReceipt("e1", month, 2)],
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
    assert.deepEqual(await rows(warehouse, "SELECT id FROM billing.bills ORDER BY id"), [{ id: "a" }, { id: "b" }]);
    assert.equal((await warehouse.ledger(table)).receipts.length, 1);
    const tracked = await rows(warehouse, "SELECT _dlt_load_id FROM billing.bills_load_tracking ORDER BY 1");
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
    const ids = (await rows(warehouse, "SELECT id FROM billing.bills ORDER BY period")).map((row) => row["id"]);
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
    assert.deepEqual(await rows(warehouse, "SELECT id, cost, tag FROM billing.bills ORDER BY id"), [
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
    assert.deepEqual(await rows(warehouse, "SELECT id, cost FROM billing.bills ORDER BY id"), [
      { id: "a", cost: "1" },
      { id: "b", cost: null },
    ]);
    const none = await load(warehouse, []);
    assert.deepEqual(none, { rows: 0, inserted: 0, sums: [{}], firstUsage: null, lastUsage: null });
    assert.deepEqual(await rows(warehouse, "SELECT id FROM billing.bills"), []);
  },

  "leaves everything as it was when a load fails": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    await load(warehouse, [await csv(test, "a,2025-01-01,,1,USD\n")]);
    const before = await snapshot(warehouse);
    const good = await csv(test, "new,2025-01-01,,1,USD\n");
    const bad = await csv(test, "new,2025-01-01,,1,USD\nworse,2025-01-01,,abc,USD\n");
    const failing = async function* (): AsyncGenerator<CheckedFile> {
      yield good;
      throw new Error("the file is gone");
    };
    await rejects(load(warehouse, [good, bad]), "VALUE_INVALID", "abc", "cost", bad.file.key, "line 3");
    assert.deepEqual(await snapshot(warehouse), before, "after a bad value");
    await assert.rejects(load(warehouse, failing()), /the file is gone/u);
    assert.deepEqual(await snapshot(warehouse), before, "after a failing file");
    const judged = warehouse.replaceMonth({ ...billReplacement, files: stream([good]) }, () => {
      throw new Error("the sums differ");
    });
    await assert.rejects(judged, /the sums differ/u);
    assert.deepEqual(await snapshot(warehouse), before, "after a refused proof");
    await load(warehouse, [good]);
    assert.deepEqual(await rows(warehouse, "SELECT id FROM billing.bills"), [{ id: "new" }], "and goes on afterwards");
  },

  "keeps decimals exactly, with or without an exponent, and rounds half away from zero": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    const digits = "1".repeat(warehouse.decimalScale);
    const cases: readonly (readonly [delivered: string, kept: string])[] = [
      [`0.${digits}`, `0.${digits}`],
      [`0.${digits}5`, `0.${digits.slice(1)}2`],
      [`-0.${digits}5`, `-0.${digits.slice(1)}2`],
      [`0.${digits}49999999999999999999999`, `0.${digits}`],
      ["12345678901234567890.1", "12345678901234567890.1"],
      ["1.23E-7", "0.000000123"],
      ["1.5e+3", "1500"],
      ["-.5", "-0.5"],
      // Rounded digit by digit, this becomes the smallest number that is not zero.
      [`-848888E-${warehouse.decimalScale + 10}`, "0"],
      [`123456789012345678901234567890e-12`, "123456789012345678.90123456789"],
      ["0", "0"],
    ];
    const lines = cases.map(([delivered], index) => `${String(index).padStart(3, "0")},2025-01-01,,${delivered},USD\n`);
    await load(warehouse, [await csv(test, lines.join(""))]);
    const kept = await rows(warehouse, "SELECT cost FROM billing.bills ORDER BY id");
    assert.deepEqual(
      kept.map((row) => row["cost"]),
      cases.map(([, expected]) => expected),
    );
    for (const wrong of ["1e40", "1,5", "NaN", "0x10", "$5", "1.2.3", "-", "1e"]) {
      const file = await csv(test, `a,2025-01-01,,"${wrong}",USD\n`);
      await rejects(load(warehouse, [file]), "VALUE_INVALID", JSON.stringify(wrong), "cost", "line 2");
    }
  },

  "sums per currency, exactly, also where there is none": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    const cents = Array.from({ length: 1000 }, () => "x,2025-01-01,,0.1,USD\n").join("");
    const others = "y,2025-01-01,,-0.000000000000000001,\nz,2025-01-01,,,CHF\n";
    const file = await csv(test, cents + others);
    assert.deepEqual((await load(warehouse, [file])).sums, [{ "": "-0.000000000000000001", CHF: "0", USD: "100" }]);
    const plain = await load(warehouse, [file], {
      currencyColumn: null,
      costColumns: ["cost", "cost"],
      usageColumn: null,
    });
    const sum = { "": "99.999999999999999999" };
    assert.deepEqual([plain.sums, plain.firstUsage], [[sum, sum], null]);
  },

  "reads every form of time that clouds write, as UTC": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    const forms: readonly (readonly [delivered: string, read: string])[] = [
      ["2018-05-01T00:00:00Z", "2018-05-01T00:00:00Z"],
      ["2023-11-01T00:00:00.000Z", "2023-11-01T00:00:00Z"],
      ["2022-07-01 00:00:00.000", "2022-07-01T00:00:00Z"],
      ["2025-03-01 01:00:00+00:00", "2025-03-01T01:00:00Z"],
      ["2025-03-01 01:00:00+02:00", "2025-02-28T23:00:00Z"],
      ["2025-03-01T01:00:00 UTC", "2025-03-01T01:00:00Z"],
      ["2024-01-01T00:00Z", "2024-01-01T00:00:00Z"],
      ["2024-01-01T12:30", "2024-01-01T12:30:00Z"],
      ["2024-01-01", "2024-01-01T00:00:00Z"],
      ["9/2/2023", "2023-09-02T00:00:00Z"],
      ["09/21/2023", "2023-09-21T00:00:00Z"],
      ["09/21/2023 13:05:06", "2023-09-21T13:05:06Z"],
      ["2024-01-01T00:00:00.1234567Z", "2024-01-01T00:00:00.123456Z"],
      ["2024-01-01T00:00:00.123456789", "2024-01-01T00:00:00.123456Z"],
      ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"],
      ["9999-12-31T00:00:00Z", "9999-12-31T00:00:00Z"],
    ];
    const lines = forms.map(
      ([delivered], index) => `${String(index).padStart(3, "0")},2025-01-01,${delivered},1,USD\n`,
    );
    await load(warehouse, [await csv(test, lines.join(""))]);
    const read = await rows(warehouse, "SELECT used FROM billing.bills ORDER BY id");
    assert.deepEqual(
      read.map((row) => row["used"]),
      forms.map(([, expected]) => expected),
    );
    for (const wrong of [
      "21/09/2023",
      "2024-13-01",
      "2024-02-30",
      "10/11/12",
      "infinity",
      "epoch",
      "1700000000",
      "soon",
    ]) {
      const file = await csv(test, `a,2025-01-01,${wrong},1,USD\n`);
      await rejects(load(warehouse, [file]), "VALUE_INVALID", JSON.stringify(wrong), "used", "line 2");
    }
  },

  "finds the month in every form of period": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    const forms = ["2025-01-01T00:00:00Z", "1/1/2025", "01/01/2025", "2025-01-01", "2025-01-01T00:00Z"];
    const file = await csv(test, forms.map((form) => `a,${form},,1,USD\n`).join(""));
    assert.equal((await load(warehouse, [file])).rows, forms.length);
  },

  "keeps two columns apart that are equal but for case": async (test) => {
    const warehouse = await test.open();
    const columns: Columns = { period: "timestamp", product_ecu: "text", product_ecu_1: "decimal" };
    await prepare(warehouse, columns);
    const file = await csv(test, "2025-01-01,Variable,4\n", columns, ["bill/Period", "product/ecu", "product/ECU"]);
    await load(warehouse, [file], { costColumns: [], currencyColumn: null, usageColumn: null });
    assert.deepEqual(await rows(warehouse, "SELECT product_ecu, product_ecu_1 FROM billing.bills"), [
      { product_ecu: "Variable", product_ecu_1: "4" },
    ]);
  },

  "keeps nested values as JSON text": async (test) => {
    const warehouse = await test.open();
    const columns: Columns = { period: "timestamp", tags: "json", list: "text", one: "json", raw: "json" };
    await prepare(warehouse, columns);
    const bytes =
      await test.parquet(`SELECT TIMESTAMP '2025-01-01' AS p, MAP {'user:Name': 'a "b"', 'empty': NULL} AS t,
      [1, 2] AS l, {'Rate': 1.5, 'Name': 'x'} AS s, '"k": "v","k2": ' AS r`);
    const file = { ...(await test.put("nested.parquet", bytes)), columns: mapped(columns) };
    await load(warehouse, [file], { costColumns: [], currencyColumn: null, usageColumn: null });
    assert.deepEqual(await rows(warehouse, "SELECT tags, list, one, raw FROM billing.bills"), [
      {
        tags: '{"user:Name":"a \\"b\\"","empty":null}',
        list: "[1,2]",
        one: '{"Rate":1.5,"Name":"x"}',
        // Azure writes tags that are no JSON; they are kept as they are.
        raw: '"k": "v","k2": ',
      },
    ]);
  },

  "takes the types of Parquet files, amounts by their shortest text": async (test) => {
    const warehouse = await test.open();
    const columns: Columns = {
      period: "timestamp",
      double: "decimal",
      wide: "decimal",
      whole: "decimal",
      zoned: "timestamp",
      day: "timestamp",
      flag: "boolean",
      account: "text",
      count: "bigint",
      note: "text",
    };
    await prepare(warehouse, columns);
    const bytes =
      await test.parquet(`SELECT TIMESTAMP '2025-01-01' AS p, d, w, 7::INTEGER, TIMESTAMPTZ '2025-01-01 01:00:00+02',
      DATE '2025-01-31', true, '076278350205', 9007199254740993::BIGINT, 2.50::DECIMAL(5,2)
      FROM (VALUES (0.1::DOUBLE, 1.5::DECIMAL(38,18)), (1.0E-7::DOUBLE, -1.123456789012345678::DECIMAL(38,18))) v(d, w)`);
    const file = { ...(await test.put("typed.parquet", bytes)), columns: mapped(columns) };
    await load(warehouse, [file], { costColumns: ["double"], currencyColumn: null, usageColumn: null });
    const names = Object.keys(columns)
      .slice(1)
      .map((name) => test.quote(name));
    const one = {
      whole: "7",
      zoned: "2024-12-31T23:00:00Z",
      day: "2025-01-31T00:00:00Z",
      flag: true,
      account: "076278350205",
      count: "9007199254740993",
      note: "2.50",
    };
    assert.deepEqual(await rows(warehouse, `SELECT ${names.join(", ")} FROM billing.bills ORDER BY 1 DESC`), [
      { double: "0.1", wide: "1.5", ...one },
      { double: "0.0000001", wide: "-1.123456789012345678", ...one },
    ]);
    const wrong = await test.parquet("SELECT TIMESTAMP '2025-01-01' AS p, 'NaN'::DOUBLE AS d");
    const bad = { ...(await test.put("nan.parquet", wrong)), columns: mapped(columns).slice(0, 2) };
    await rejects(load(warehouse, [bad], { costColumns: [] }), "VALUE_INVALID", "nan", "double", "row 1");
  },

  "leaves rows of other months out only when a delivery spans months": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    const file = await csv(test, "a,2025-01-01,,1,USD\nb,2025-02-01,,2,USD\nc,2025-01-31T23:00:00Z,,4,USD\n");
    await rejects(load(warehouse, [file]), "MONTH_MISMATCH", file.file.key, "line 3", "period", "2025-02-01");
    for (const billingMonth of ["2025-01", "2025-02"]) {
      const measures = await load(warehouse, [file], { billingMonth, spansMonths: true });
      const expected = billingMonth === "2025-01" ? [2, 2, { USD: "5" }] : [1, 1, { USD: "2" }];
      assert.deepEqual([measures.rows, measures.inserted, measures.sums[0]], expected);
    }
    assert.equal((await rows(warehouse, "SELECT id FROM billing.bills")).length, 3);
    const missing = await csv(test, 'a,2025-01-01,,1,USD\n"two\nlines",,,1,USD\n');
    for (const spansMonths of [false, true]) {
      await rejects(
        load(warehouse, [missing], { spansMonths }),
        "PERIOD_MISSING",
        missing.file.key,
        "line 3",
        "period",
      );
    }
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
    assert.deepEqual(await rows(warehouse, "SELECT id, billing_month FROM billing.bills ORDER BY id"), [
      { id: "2025-01", billing_month: "2025-01-01" },
      { id: "2025-02", billing_month: "2025-02-01" },
    ]);
  },

  "reads cells as they were written": async (test) => {
    const warehouse = await test.open();
    const cells = [
      "076278350205",
      '"two\nlines"',
      '"a ""quote"""',
      '"comma, and; more"',
      "é 日本 🧾",
      "NULL",
      " spaced ",
      '""',
      "",
    ];
    const columns: Columns = {
      period: "timestamp",
      ...Object.fromEntries(cells.map((_, index) => [`c${index}`, "text" as const])),
    };
    await prepare(warehouse, columns);
    const read = [
      "076278350205",
      "two\nlines",
      'a "quote"',
      "comma, and; more",
      "é 日本 🧾",
      "NULL",
      " spaced ",
      null,
      null,
    ];
    const lines = [Object.keys(columns).join(","), `2025-01-01,${cells.join(",")}`, ""];
    const none = { costColumns: [], currencyColumn: null, usageColumn: null };
    for (const [text, expected] of [
      [lines.join("\n"), read],
      [lines.join("\n").trimEnd(), read],
      [lines.join("\r\n"), read],
      [`\u{FEFF}${lines.join("\n")}`, read],
      [`\u{FEFF}${lines[0]}\n\u{FEFF}${lines[1]}\n`, read],
    ] as const) {
      const file = { ...(await test.put("cells.csv", text)), columns: mapped(columns) };
      await load(warehouse, [file], none);
      const [row] = await rows(
        warehouse,
        `SELECT ${cells.map((_, index) => `c${index}`).join(", ")} FROM billing.bills`,
      );
      assert.deepEqual(Object.values(row ?? {}), expected, JSON.stringify(text));
    }
  },

  "refuses files that are no such CSV": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    const good = "a,2025-01-01,,1,USD\n";
    for (const [text, line] of [
      [`${good}b,2025-01-01,,1\n`, "line 3"],
      [`${good}b,2025-01-01,,1,USD,more\n`, "line 3"],
      [`${good}"b,2025-01-01,,1,USD\n`, "line 3"],
    ] as const) {
      const file = await csv(test, text);
      await rejects(load(warehouse, [file]), "FILE_INVALID", file.file.key, line);
    }
    assert.deepEqual(await rows(warehouse, "SELECT id FROM billing.bills"), []);
  },

  "takes no name and no value for SQL": async (test) => {
    const warehouse = await test.open();
    const hostile = `x"; DROP TABLE billing.bills; --`;
    const columns: Columns = { period: "timestamp", [`q'"${"`"}`]: "text", "a b/c:d": "text" };
    const names = test.quote("x") === '"x"' ? Object.keys(columns) : ["period", "q", "a_b"];
    const kept = Object.fromEntries(names.map((name, index) => [name, Object.values(columns)[index] ?? "text"]));
    await prepare(warehouse, kept, [
      { sourceName: hostile, columnName: names[1] ?? "", type: "text", firstExecution: hostile },
    ]);
    const file = await csv(test, `2025-01-01,"'); DROP TABLE billing.bills; --","\${x} {{y}}"\n`, kept, [
      "p",
      hostile,
      "'",
    ]);
    await load(warehouse, [file], { costColumns: [], currencyColumn: null, usageColumn: null });
    const [row] = await rows(warehouse, "SELECT * FROM billing.bills");
    assert.deepEqual(row, {
      [names[0] ?? ""]: "2025-01-01T00:00:00Z",
      [names[1] ?? ""]: "'); DROP TABLE billing.bills; --",
      [names[2] ?? ""]: "${x} {{y}}",
    });
    assert.equal((await warehouse.ledger(table)).registry[0]?.sourceName, hostile);
  },

  "shows the old month until the new one is committed": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    await load(warehouse, [await csv(test, "old,2025-01-01,,1,USD\n")]);
    const [first, second] = [await csv(test, "new1,2025-01-01,,1,USD\n"), await csv(test, "new2,2025-01-01,,1,USD\n")];
    const seen: unknown[] = [];
    const watching = async function* (): AsyncGenerator<CheckedFile> {
      yield first;
      seen.push(...(await rows(warehouse, "SELECT id FROM billing.bills")));
      yield second;
      seen.push(...(await rows(warehouse, "SELECT id FROM billing.bills")));
    };
    await load(warehouse, watching());
    assert.deepEqual(seen, [{ id: "old" }, { id: "old" }]);
    assert.equal((await rows(warehouse, "SELECT id FROM billing.bills")).length, 2);
  },

  "shows readers what was published, and nothing before": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    await load(warehouse, [await csv(test, "first,2025-01-01,,1,USD\n")]);
    await warehouse.publish();
    const early = await test.open("reader");
    await load(warehouse, [await csv(test, "second,2025-01-01,,1,USD\n")]);
    await warehouse.publish();
    await warehouse.publish();
    const late = await test.open("reader");
    assert.deepEqual(await rows(late, "SELECT id FROM billing.bills"), [{ id: "second" }]);
    await early.close();
    await late.close();
    await warehouse.close();
    const again = await test.open("read");
    assert.equal((await again.ledger(table)).receipts.length, 1);
  },

  "writes a state that dlt's own query finds": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    for (const executionId of ["e1", "e2"]) await load(warehouse, [], { executionId });
    const found = await rows(
      warehouse,
      `SELECT version, engine_version, pipeline_name, state, created_at, s._dlt_load_id AS load_id
        FROM billing._dlt_pipeline_state AS s JOIN billing._dlt_loads AS l ON l.load_id = s._dlt_load_id
        WHERE pipeline_name = '${table.pipelineName}' AND l.status = 0 ORDER BY l.load_id DESC LIMIT 1`,
    );
    const { state, receipts } = await warehouse.ledger(table);
    assert.deepEqual([found[0]?.["version"], found[0]?.["engine_version"]], ["2", "4"]);
    assert.equal(found[0]?.["state"], state);
    assert.equal(found[0]?.["load_id"], receipts[0]?.loadId);
    assert.equal(loadedExecutions(state, table).get(month)?.executionId, "e2");
  },

  "commits summaries and forgettings without rows": async (test) => {
    const warehouse = await test.open();
    const counts = { totalRows: 0, manifestsProcessed: 0, manifestsSkipped: 1 };
    // Also where nothing was ever loaded.
    await warehouse.append(table, (current) => summaryPackage(current, table, counts, new Date()));
    await prepare(warehouse);
    await load(warehouse, [await csv(test, "a,2025-01-01,,1,USD\n")]);
    const { receipts } = await warehouse.ledger(table);
    await warehouse.append(table, (current) => {
      assert.equal(current.newestLoadId, receipts[0]?.loadId);
      return forgetPackage(current, table, [month], new Date());
    });
    const after = await warehouse.ledger(table);
    assert.deepEqual([...loadedExecutions(after.state, table)], []);
    assert.deepEqual(after.receipts, receipts, "a summary is no load, and receipts stay");
    assert.equal((await rows(warehouse, "SELECT id FROM billing.bills")).length, 1);
    await assert.rejects(
      warehouse.append(table, () => {
        throw new Error("no package");
      }),
      /no package/u,
    );
    assert.deepEqual(await warehouse.ledger(table), after);
  },

  "lets one of two writers win": async (test) => {
    const [first, second] = [await test.open(), await test.open()];
    await prepare(first);
    await load(first, [await csv(test, "old,2025-01-01,,1,USD\n")]);
    const files = [
      await csv(test, "first,2025-01-01,,1,USD\n"),
      await csv(test, "second,2025-01-01,,1,USD\n"),
    ] as const;
    let failed: Promise<unknown> = Promise.resolve();
    const meeting = async function* (): AsyncGenerator<CheckedFile> {
      yield files[0];
      failed = rejects(load(second, [files[1]], { executionId: "e3" }), "WAREHOUSE_LOCKED");
      await failed;
    };
    await load(first, meeting(), { executionId: "e2" });
    await failed;
    const { state } = await first.ledger(table);
    assert.deepEqual(await rows(first, "SELECT id FROM billing.bills"), [{ id: "first" }]);
    assert.equal(loadedExecutions(state, table).get(month)?.executionId, "e2");
    await load(second, [files[1]], { executionId: "e3" });
    assert.deepEqual(await rows(first, "SELECT id FROM billing.bills"), [{ id: "second" }], "and the other one later");
  },

  "runs loads that are asked for together one after the other": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    const file = await csv(test, "a,2025-01-01,,1,USD\n");
    const ids = ["e1", "e2", "e3", "e4"];
    await Promise.all(ids.map((executionId) => load(warehouse, [file], { executionId })));
    assert.equal((await rows(warehouse, "SELECT id FROM billing.bills")).length, 1);
    const loads = await rows(warehouse, "SELECT load_id FROM billing._dlt_loads");
    assert.equal(new Set(loads.map((row) => row["load_id"])).size, ids.length);
  },

  "answers with text where JSON numbers would lose digits": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse, { period: "timestamp", id: "bigint", cost: "decimal", day: "date", flag: "boolean" });
    const columns: Columns = { period: "timestamp", id: "bigint", cost: "decimal", day: "date", flag: "boolean" };
    const file = await csv(test, "2025-01-01,9007199254740993,100,2025-01-02T10:00:00Z,TRUE\n", columns);
    await load(warehouse, [file], { costColumns: [], currencyColumn: null, usageColumn: null });
    assert.deepEqual(await rows(warehouse, "SELECT id, cost, day, flag, period FROM billing.bills"), [
      { id: "9007199254740993", cost: "100", day: "2025-01-02", flag: true, period: "2025-01-01T00:00:00Z" },
    ]);
    const wrong = await csv(test, "2025-01-01,1.5,1,2025-01-01,true\n", columns);
    await rejects(load(warehouse, [wrong], { costColumns: [] }), "VALUE_INVALID", "1.5", "id");
  },

  "answers questions and refuses everything else": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    await load(warehouse, [await csv(test, "a,2025-01-01,,1,USD\n")]);
    for (const sql of [
      "DELETE FROM billing.bills",
      "DROP TABLE billing.bills",
      "CREATE TABLE billing.more AS SELECT 1 AS x",
      "SELECT 1 AS x; SELECT 2 AS x",
      "SELECT nothing FROM billing.bills",
      "SELEC 1",
      "",
    ]) {
      await rejects(rows(warehouse, sql), "QUERY_INVALID");
    }
    for await (const row of warehouse.query("SELECT id FROM billing.bills")) {
      assert.deepEqual(row, { id: "a" });
      break;
    }
    assert.equal((await rows(warehouse, "SELECT id FROM billing.bills")).length, 1);
  },

  "rolls back what is running when it is closed": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    await load(warehouse, [await csv(test, "old,2025-01-01,,1,USD\n")]);
    const file = await csv(test, "new,2025-01-01,,1,USD\n");
    let closed: Promise<void> = Promise.resolve();
    const closing = async function* (): AsyncGenerator<CheckedFile> {
      yield file;
      closed = warehouse.close();
      yield file;
    };
    await rejects(load(warehouse, closing()), "INTERRUPTED");
    await closed;
    await warehouse.close();
    const again = await test.open("read");
    assert.deepEqual(await rows(again, "SELECT id FROM billing.bills"), [{ id: "old" }]);
  },
};

function byName<T extends { readonly sourceName: string }>(list: readonly T[]): T[] {
  return list.toSorted((first, second) => (first.sourceName < second.sourceName ? -1 : 1));
}

async function snapshot(warehouse: Warehouse): Promise<unknown> {
  const names = ["bills", "bills_load_tracking", "_dlt_loads", "_dlt_pipeline_state"];
  const tables = await Promise.all(names.map((name) => rows(warehouse, `SELECT * FROM billing.${name} ORDER BY 1, 2`)));
  return { tables, ledger: await warehouse.ledger(table) };
}
