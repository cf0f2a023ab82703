import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test, type TestContext } from "node:test";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { runQuery, writeParquet } from "../../../src/warehouses/duckdb/query.ts";
import { temporaryFolder } from "../../support/folders.ts";
import { rejects } from "../../support/rejects.ts";

/** Two tables of 8,000 rows, in a database with so much memory that gives a reader few rows at a time. */
async function twoTables(t: TestContext, memory = "200MB"): Promise<DuckDBConnection> {
  const instance = await DuckDBInstance.create(":memory:", {
    threads: "2",
    memory_limit: memory,
    temp_directory: await temporaryFolder(t),
  });
  const connection = await instance.connect();
  t.after(() => {
    connection.closeSync();
    instance.closeSync();
  });
  await connection.run("SET streaming_buffer_size = '20KB'");
  for (const name of ["a", "b"])
    await connection.run(`CREATE TABLE ${name} AS SELECT range AS x, range % 7 AS y FROM range(8_000)`);
  return connection;
}

async function countRows(connection: DuckDBConnection, sql: string): Promise<number> {
  let count = 0;
  for await (const _ of runQuery(connection, sql, { explains: true })) count += 1;
  return count;
}

describe("a query of DuckDB with many rows", { timeout: 12_000 }, () => {
  const statements: Readonly<Record<string, number>> = {
    "FROM a UNION ALL FROM b": 16_000,
    "FROM (FROM a ORDER BY x) UNION ALL FROM b": 16_000,
    "SELECT * FROM (SELECT x, row_number() OVER (ORDER BY y) FROM a) UNION ALL FROM b": 16_000,
    "SELECT 'order by' AS word, x FROM a UNION ALL FROM b -- ORDER BY x": 16_000,
    "SELECT a.x, b.x FROM a FULL JOIN (SELECT x + 4_000 AS x FROM b ORDER BY ALL) AS b USING (x)": 12_000,
    "SELECT a.x FROM a RIGHT JOIN b ON a.x = b.x + 4_000 UNION ALL (SELECT x FROM b ORDER BY x)": 16_000,
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 60) FROM t, range(200) ORDER BY n": 12_000,
    "FROM a UNION ALL FROM b ORDER BY x": 16_000,
    "FROM a WHERE x IN (SELECT x FROM b ORDER BY x LIMIT 6_000)": 6_000,
    "FROM a LIMIT 7_000": 7_000,
  };
  for (const [sql, rows] of Object.entries(statements)) {
    test(`ends with all of its rows: ${sql}`, async (t) => {
      assert.equal(await countRows(await twoTables(t), sql), rows);
    });
  }

  test("keeps the order of its rows", async (t) => {
    const connection = await twoTables(t);
    let last = -1n;
    for await (const { x } of runQuery(connection, "FROM a UNION ALL FROM b ORDER BY x", { explains: false })) {
      assert.ok(BigInt(String(x)) >= last, `${String(x)} after ${last}`);
      last = BigInt(String(x));
    }
    assert.equal(last, 7_999n);
  });

  test("begins at once where the rows of one table need no other step", async (t) => {
    const connection = await twoTables(t);
    for (const sql of [
      "FROM range(1_000_000_000_000)",
      "SELECT range + 1 AS n FROM range(1_000_000_000_000) WHERE range > 5",
    ]) {
      for await (const row of runQuery(connection, sql, { explains: false })) {
        assert.equal(Object.keys(row).length, 1);
        break;
      }
    }
  });

  test("takes no more memory than it may where all rows come first", async (t) => {
    const connection = await twoTables(t, "40MB");
    const wide = "SELECT x, repeat('long ', 1000) FROM";
    assert.equal(await countRows(connection, `${wide} a UNION ALL ${wide} b`), 16_000);
  });

  test("is stopped while its rows are collected", async (t) => {
    const connection = await twoTables(t);
    const sql = "SELECT sum(a.y * b.y) FROM a, b, b AS c UNION ALL FROM (SELECT y FROM a ORDER BY x)";
    const counting = countRows(connection, sql);
    const stopped = assert.rejects(counting, /interrupt/i);
    await sleep(300);
    connection.interrupt();
    await stopped;
  });

  test("refuses a statement with a parameter", async (t) => {
    const connection = await twoTables(t);
    await rejects(countRows(connection, "SELECT x FROM a WHERE x = $1"), "QUERY_INVALID", "Values were not provided");
  });

  test("names a folder that files cannot be written to, and memory that does not suffice", async (t) => {
    const connection = await twoTables(t, "40MB");
    const missing = join(await temporaryFolder(t), "none", "rows");
    await rejects(writeParquet(connection, "FROM a", missing), "OUTPUT_FAILED", missing);
    await connection.run("SET temp_directory = ''");
    const wide = countRows(connection, "SELECT list(repeat('long ', 1000) || a.x) FROM a, b");
    await assert.rejects(wide, /^Error: Out of Memory Error/);
  });

  test("explains itself, and lists tables", async (t) => {
    const connection = await twoTables(t);
    assert.equal(await countRows(connection, "SHOW TABLES"), 2);
    assert.equal(await countRows(connection, "EXPLAIN FROM a UNION ALL FROM b"), 1);
    assert.equal(await countRows(connection, "DESCRIBE a;"), 2);
    assert.equal(await countRows(connection, "PIVOT a ON y IN (1, 2) USING count(*) GROUP BY x"), 8_000);
  });
});
