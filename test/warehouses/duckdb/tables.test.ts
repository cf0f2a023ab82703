import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { DuckDBInstance } from "@duckdb/node-api";

import { csv, load, mapped, prepare, rows, table, type Columns } from "../../conformance/bills.ts";
import { duckdbWarehouse } from "../../support/duckdb-warehouse.ts";
import { rejects } from "../../support/rejects.ts";

describe("the tables of warehouse duckdb", () => {
  test("name the line of a missing period, and the row of a float that is not a number", async (t) => {
    const bills = await duckdbWarehouse(t);
    const warehouse = await bills.open();
    await prepare(warehouse);
    const missing = await csv(bills, 'a,2025-01-01,,1,USD\n"two\nlines",,,1,USD\n');
    const loading = load(warehouse, [{ ...missing, needsPeriod: true }]);
    await rejects(loading, "PERIOD_MISSING", missing.file.key, "line 3", "period");
    const bytes = await bills.parquet("SELECT TIMESTAMP '2025-01-01' AS p, 'NaN'::DOUBLE AS d");
    const bad = {
      ...(await bills.put("nan.parquet", bytes)),
      columns: mapped({ period: "timestamp", cost: "decimal" }),
    };
    const choices = { costColumns: [], currencyColumn: null, usageColumn: null };
    await rejects(load(warehouse, [bad], choices), "VALUE_INVALID", "nan", "cost", "row 1");
  });

  test("name the first of many values that do not fit, again and again", async (t) => {
    const bills = await duckdbWarehouse(t);
    const warehouse = await bills.open();
    await prepare(warehouse);
    const line = (index: number): string => {
      const isBad = index % 700 === 3;
      return `${index},2025-01-01,${isBad ? "soon" : "2025-01-02T00:00:00Z"},${isBad ? "many" : "1.5"},USD\n`;
    };
    const file = await csv(bills, Array.from({ length: 5000 }, (_, index) => line(index)).join(""));
    // DuckDB's TRY can corrupt memory, which shows after some repetitions.
    for (let time = 0; time < 8; time += 1) await rejects(load(warehouse, [file]), "VALUE_INVALID", "line 5", "soon");
  });

  test("hold no time that never comes", async (t) => {
    const bills = await duckdbWarehouse(t);
    const warehouse = await bills.open();
    await prepare(warehouse);
    for (const type of ["TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP_NS", "DATE"]) {
      const bytes = await bills.parquet(
        `SELECT TIMESTAMP '2025-01-01' AS p, CASE WHEN i = 2 THEN CAST('-infinity' AS ${type}) ELSE CAST('2025-01-02' AS ${type}) END AS u FROM range(4) r(i)`,
      );
      const file = {
        ...(await bills.put("never.parquet", bytes)),
        columns: mapped({ period: "timestamp", used: "timestamp" }),
      };
      const choices = { costColumns: [], currencyColumn: null, usageColumn: null };
      await rejects(load(warehouse, [file], choices), "VALUE_INVALID", "never.parquet", "used", "row 3", "infinity");
    }
  });

  test("take 1,200 columns, and twice", async (t) => {
    const bills = await duckdbWarehouse(t);
    const warehouse = await bills.open();
    const columns: Columns = Object.fromEntries(
      Array.from({ length: 1200 }, (_, index) => [
        `c${index}`,
        (["text", "decimal", "timestamp"] as const)[index % 3] ?? "text",
      ]),
    );
    const registered = Object.entries(columns).map(([columnName, type]) => ({
      sourceName: `s/${columnName}`,
      columnName,
      type,
      firstExecution: "e1",
    }));
    const all = { period: "timestamp", ...columns } as const;
    await prepare(warehouse, all, registered);
    const line = [
      "2025-01-01",
      ...Object.values(columns).map(
        (type) => ({ text: "x", decimal: "1.5e-3", timestamp: "1/2/2025" })[type as "text"],
      ),
    ];
    const file = await csv(bills, `${line.join(",")}\n`.repeat(1000), all);
    for (const _ of [1, 2])
      await load(warehouse, [file], { costColumns: ["c1"], currencyColumn: null, usageColumn: "c2" });
    const ledger = await warehouse.ledger(table);
    assert.deepEqual([ledger.columns?.length, ledger.registry.length], [1201, 1200]);
    line[1200] = "soon";
    const wrong = await csv(bills, `${line.join(",")}\n`, all);
    await rejects(load(warehouse, [wrong], { costColumns: [] }), "VALUE_INVALID", "soon", "c1199");
  });

  test("carry the source names as comments", async (t) => {
    const bills = await duckdbWarehouse(t);
    const warehouse = await bills.open();
    await prepare(warehouse, { id: "text", period: "timestamp" }, [
      { sourceName: "identity/Line'Item", columnName: "id", type: "text", firstExecution: "e1" },
    ]);
    const found = await rows(
      warehouse,
      "SELECT comment FROM duckdb_columns() WHERE table_name = 'bills' AND column_name = 'id'",
    );
    assert.deepEqual(found, [{ comment: "identity/Line'Item" }]);
  });

  test("that were taken over keep their types, and amounts are still summed exactly", async (t) => {
    const bills = await duckdbWarehouse(t);
    const instance = await DuckDBInstance.create(bills.path);
    const connection = await instance.connect();
    await connection.run(`CREATE SCHEMA billing; CREATE TABLE billing.bills (id BIGINT, period TIMESTAMPTZ, used VARCHAR,
      cost DOUBLE, narrow DECIMAL(20,4), tags STRUCT(a INTEGER), currency VARCHAR, day DATE, small INTEGER)`);
    connection.closeSync();
    instance.closeSync();
    const warehouse = await bills.open();
    await warehouse.prepare(table, {
      added: [],
      registered: [],
      partitionColumn: "period",
      usageColumn: "used",
      keepsPrevious: false,
    });
    assert.deepEqual(
      (await warehouse.ledger(table)).columns?.map(({ name, type }) => [name, type]),
      [
        ["id", "bigint"],
        ["period", "timestamp"],
        ["used", "text"],
        ["cost", "double"],
        ["narrow", null],
        ["tags", null],
        ["currency", "text"],
        ["day", "date"],
        ["small", null],
      ],
    );
    const columns: Columns = {
      id: "bigint",
      period: "timestamp",
      used: "text",
      cost: "double",
      narrow: "decimal",
      currency: "text",
      day: "date",
      small: "bigint",
    };
    const line = "7,2025-01-31 23:00:00-01:00,1/2/2025,0.1,1.00005,USD,2025-01-02T00:00Z,8\n";
    const january = await csv(bills, line.replace("-01:00", "+00:00").repeat(3), columns);
    const measures = await load(warehouse, [january], { costColumns: ["cost", "narrow"] });
    assert.deepEqual(measures, {
      rows: 3,
      inserted: 3,
      sums: [{ USD: "0.3" }, { USD: "3.0003" }],
      firstUsage: "2025-01-02T00:00:00Z",
      lastUsage: "2025-01-02T00:00:00Z",
    });
    assert.equal((await load(warehouse, [await csv(bills, line, columns)])).rows, 0, "a row of February in UTC");
    await load(warehouse, [january]);
    await rejects(
      load(warehouse, [january], { partitionColumn: "used", billingMonth: "2025-01" }),
      "TYPE_MISMATCH",
      "used",
      "VARCHAR",
    );
    const bytes = await bills.parquet("SELECT 1.5::DOUBLE AS id, TIMESTAMPTZ '2025-01-05' AS p");
    const fraction = {
      ...(await bills.put("fraction.parquet", bytes)),
      columns: mapped({ id: "bigint", period: "timestamp" }),
    };
    await rejects(load(warehouse, [fraction]), "VALUE_INVALID", "1.5", "id", "row 1");
  });

  test("read lines longer than DuckDB's own limit", async (t) => {
    const bills = await duckdbWarehouse(t);
    const warehouse = await bills.open();
    await prepare(warehouse);
    const short = "a,2025-01-01,,1,USD\n".repeat(60_000);
    const file = await csv(bills, `${short}${"x".repeat(5_000_000)},2025-01-01,,1,USD\n${short}`);
    assert.equal((await load(warehouse, [file])).rows, 120_001);
    assert.deepEqual(await rows(warehouse, "SELECT max(length(id)) AS n FROM billing.bills"), [{ n: "5000000" }]);
  });

  test("name the line of a bad value behind quoted and blank lines, far down in a file", async (t) => {
    const bills = await duckdbWarehouse(t);
    const warehouse = await bills.open();
    await prepare(warehouse);
    const line = '"a\n""b""\n",2025-01-01,,1,USD\n';
    const file = await csv(bills, `${line.repeat(50_000)}\n\nlast,2025-01-01,,abc,USD\n${line}`);
    await rejects(load(warehouse, [file]), "VALUE_INVALID", `line ${1 + 150_000 + 2 + 1},`, '"abc"');
  });

  test("refuse Parquet files that are damaged", async (t) => {
    const bills = await duckdbWarehouse(t);
    const warehouse = await bills.open();
    const columns: Columns = { period: "timestamp", id: "text" };
    await prepare(warehouse, columns);
    const bytes = await bills.parquet(
      "SELECT TIMESTAMP '2025-01-01' AS p, md5(i::VARCHAR) AS i FROM range(100_000) t(i)",
    );
    for (const damaged of [bytes.subarray(0, bytes.length / 2), Buffer.from(bytes).fill(0, 1000, 200_000)]) {
      const file = { ...(await bills.put("damaged.parquet", damaged)), columns: mapped(columns) };
      await rejects(
        load(warehouse, [file], { costColumns: [], currencyColumn: null, usageColumn: null }),
        "FILE_CORRUPT",
        file.file.key,
      );
    }
  });

  test("load in little memory", async (t) => {
    const bills = await duckdbWarehouse(t);
    const warehouse = await bills.open("write", { memoryLimit: "300MB", threads: 2 });
    await prepare(warehouse);
    const lines = Array.from(
      { length: 400_000 },
      (_, index) => `${(index * 7919) % 1_000_003}${"é".repeat(index % 90)},2025-01-01,2025-01-02,0.1,USD\n`,
    );
    const file = await csv(bills, lines.join(""));
    for (const _ of [1, 2]) assert.deepEqual((await load(warehouse, [file])).sums, [{ USD: "40000" }]);
  });
});
