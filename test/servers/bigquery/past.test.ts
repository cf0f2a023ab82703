import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { bills, monthly, refuses, text, useBench } from "./bench.ts";
import { queryConfiguration } from "./client.ts";

const bench = useBench();
const hour = 3_600_000;

describe("a table as it was", { timeout: 60_000 }, () => {
  test("is read at a moment, with the columns and rows of then", async () => {
    await bench.createTable("t", [text("id")]);
    const moments: number[] = [];
    for (const statement of [
      "INSERT INTO d.t (id) VALUES ('a')",
      "UPDATE d.t SET id = 'b' WHERE TRUE",
      "BEGIN TRANSACTION; DELETE FROM d.t WHERE TRUE; INSERT INTO d.t (id) VALUES ('c'), ('d'); COMMIT TRANSACTION",
      "BEGIN TRANSACTION; DELETE FROM d.t WHERE TRUE; ROLLBACK TRANSACTION",
    ]) {
      moments.push(bench.now);
      bench.now += hour;
      await bench.client.query(statement);
    }
    moments.push(bench.now);
    bench.now += hour;
    await bench.patch("t", { schema: { fields: [text("id"), text("more")] } });
    const found = [];
    for (const moment of [...moments, bench.now])
      found.push(await bench.client.query(`SELECT * FROM d.t ${at(moment)} ORDER BY id`));
    const [c, d] = [
      [["c"], ["d"]],
      [
        ["c", null],
        ["d", null],
      ],
    ];
    assert.deepEqual(found, [[], [["a"]], [["b"]], c, c, d]);
    const joined = await bench.client.query(`SELECT a.id FROM d.t AS a ${at(moments[1] ?? 0)} WHERE a.id = 'a'`);
    assert.deepEqual(joined, [["a"]]);
  });

  test("is not read before it was, beyond what its dataset remembers, or in the future", async () => {
    await bench.createTable("t", [text("id")]);
    const created = bench.now;
    await refuses(bench.client.query(`SELECT * FROM d.t ${at(created - 1)}`), `Cannot read before ${created}.`);
    bench.now += 169 * hour;
    const oldest = bench.now - 168 * hour;
    await refuses(
      bench.client.query(`SELECT * FROM d.t ${at(oldest - 1)}`),
      /^Invalid snapshot time \d+ for table p:d\.t@/u,
    );
    assert.deepEqual(await bench.client.query(`SELECT * FROM d.t ${at(oldest)}`), []);
    await refuses(bench.client.query(`SELECT * FROM d.t ${at(bench.now + 1)}`), "Invalid snapshot time");
    bench.server.createDataset("short", { maxTimeTravelHours: "48" });
    await bench.createTable("t", [text("id")], {}, "short");
    bench.now += 50 * hour;
    const statement = `SELECT * FROM short.t ${at(bench.now - 49 * hour)}`;
    await refuses(bench.client.query(statement), "Invalid snapshot time");
    const dataset = await bench.client.request({ uri: "/datasets/short" });
    assert.equal(dataset["maxTimeTravelHours"], "48");
  });

  test("is not read beside what it is, nor in a transaction, nor at a moment that is computed", async () => {
    await bench.createTable("t", [text("id")]);
    const past = `SELECT * FROM d.t ${at(bench.now)}`;
    await refuses(bench.client.query(`${past} UNION ALL SELECT * FROM d.t`), "more than one point in time");
    assert.deepEqual(await bench.client.query(`${past} UNION ALL ${past}`), []);
    await refuses(bench.client.query(`BEGIN TRANSACTION; ${past}; COMMIT TRANSACTION`), "no past in a transaction");
    const computed = "SELECT * FROM d.t FOR SYSTEM_TIME AS OF CAST('2025-01-01' AS TIMESTAMP)";
    await refuses(bench.client.query(computed), "takes a TIMESTAMP literal in this server");
  });
});

describe("the answer of a question", { timeout: 60_000 }, () => {
  test("becomes a table, or takes the place of one", async () => {
    await bench.createTable("t", bills, monthly);
    await bench.client.query("INSERT INTO d.t (id, period) VALUES ('a', TIMESTAMP '2025-01-01 00:00:00+00')");
    for (const id of ["a", "b"]) {
      await bench.client.job(into("SELECT * FROM d.t", "WRITE_TRUNCATE"));
      assert.deepEqual(await bench.client.query("SELECT id, cost FROM d.copy"), [[id, null]]);
      await bench.client.query("UPDATE d.t SET id = 'b' WHERE TRUE");
    }
    await refuses(bench.client.job(into("SELECT 1 AS one", "WRITE_APPEND")), "WRITE_TRUNCATE", "notImplemented");
    assert.match(
      (await bench.client.failure(into("SELECT 1 AS a; SELECT 2 AS a", "WRITE_TRUNCATE"))) ?? "",
      /scripts/u,
    );
  });

  test("replaces a table that it reads, as CREATE OR REPLACE does", async () => {
    await bench.createTable("t", bills, monthly);
    await bench.client.query("INSERT INTO d.t (id) VALUES ('a')");
    await bench.client.query("CREATE OR REPLACE TABLE d.t AS SELECT id, 1 AS n FROM d.t");
    assert.deepEqual(await bench.client.query("SELECT * FROM d.t"), [["a", "1"]]);
    await refuses(bench.client.query("CREATE OR REPLACE TABLE d.t AS SELECT 1 / 0 AS n FROM d.t"), "division by zero");
    assert.deepEqual(await bench.client.query("SELECT * FROM d.t"), [["a", "1"]]);
  });
});

function at(moment: number): string {
  return `FOR SYSTEM_TIME AS OF TIMESTAMP '${new Date(moment).toISOString()}'`;
}

function into(sql: string, writeDisposition: string): object {
  const destinationTable = { projectId: "p", datasetId: "d", tableId: "copy" };
  return { query: { ...queryConfiguration(sql), destinationTable, writeDisposition } };
}
