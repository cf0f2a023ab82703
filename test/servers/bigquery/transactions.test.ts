import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";

import { bills, refuses, useBench } from "./bench.ts";
import { csvLoad } from "./client.ts";

const bench = useBench();

describe("transactions of the BigQuery server", () => {
  beforeEach(async () => {
    await bench.createTable("t", bills);
    await bench.client.query("INSERT INTO d.t (id, cost) VALUES ('a', 1), ('b', 2)");
  });
  after(() => {
    bench.server.onStatement = () => undefined;
  });

  const ids = async (): Promise<unknown[]> => (await bench.server.rows("SELECT id FROM d.t ORDER BY id")).flat();

  test("commit all their statements, or none", async () => {
    const script = (
      check: string,
    ): string => `BEGIN TRANSACTION; UPDATE d.t SET id = 'c' WHERE id = 'a'; IF (@@row_count = 1) IS NOT TRUE THEN RAISE USING MESSAGE = 'one'; END IF;
      DELETE FROM d.t WHERE id = 'b'; INSERT INTO d.t (id) VALUES ('d'); ${check}; COMMIT TRANSACTION`;
    await refuses(
      bench.client.query(script("IF (SELECT COUNT(*) FROM d.t) != 3 THEN RAISE USING MESSAGE = 'three rows'; END IF")),
      "three rows",
    );
    await refuses(bench.client.query(script("SELECT CAST('soon' AS TIMESTAMP)")), "Invalid timestamp: 'soon'");
    await refuses(bench.client.query(script("SELECT ERROR('no more')")), "no more");
    await refuses(bench.client.query(script("ASSERT TRUE AS 'undocumented'")), "Syntax error");
    await refuses(bench.client.query(script("DROP TABLE d.t")), "DDL statements are not supported in a transaction");
    await bench.client.query("BEGIN TRANSACTION; DELETE FROM d.t WHERE TRUE");
    assert.deepEqual(await ids(), ["a", "b"]);
    await bench.client.query(
      script("IF NOT ((SELECT COUNT(*) FROM d.t) = 2) THEN RAISE USING MESSAGE = 'two rows'; END IF"),
    );
    assert.deepEqual(await ids(), ["c", "d"]);
  });

  /** Runs a script in the middle of another one, before the statement that starts so. */
  function inTheMiddle(start: string, work: () => Promise<unknown>): void {
    bench.server.onStatement = async (sql) => {
      if (!sql.startsWith(start)) return;
      bench.server.onStatement = () => undefined;
      await work();
    };
  }

  test("change the number of rows that a table shows when they are committed", async () => {
    const shown = async (): Promise<unknown> =>
      (await bench.client.request({ uri: "/datasets/d/tables/t" }))["numRows"];
    const seen = [await shown()];
    inTheMiddle("COMMIT", async () => seen.push(await shown()));
    await bench.client.query("BEGIN TRANSACTION; DELETE FROM d.t WHERE id = 'b'; COMMIT TRANSACTION");
    seen.push(await shown());
    await bench.client.query("INSERT INTO d.t (id) VALUES ('c'), ('d')");
    seen.push(await shown());
    const fields = ["c0", "c1"].map((name) => ({ name, type: "STRING" }));
    await bench.createTable("t2", fields);
    const load = csvLoad([bench.put("a.csv", "id,cost\ne,1\n")], "t2", ["STRING", "STRING"]);
    assert.equal(await bench.client.failure(load), undefined);
    seen.push((await bench.client.request({ uri: "/datasets/d/tables/t2" }))["numRows"]);
    assert.deepEqual(seen, ["2", "2", "1", "3", "1"]);
  });

  test("fail when another one changed the same table meanwhile", async () => {
    const change =
      "BEGIN TRANSACTION; SELECT COUNT(*) FROM d.t; UPDATE d.t SET cost = 3 WHERE id = 'a'; SELECT 'end'; COMMIT TRANSACTION";
    const other = "BEGIN TRANSACTION; UPDATE d.t SET cost = 4 WHERE id = 'b'; COMMIT TRANSACTION";
    inTheMiddle("UPDATE d.t SET cost = 3", () => bench.client.query(other));
    await refuses(
      bench.client.query(change),
      /Transaction is aborted due to concurrent update against table p:d\.t\. Transaction ID: \d+/u,
    );
    inTheMiddle("SELECT 'end'", () =>
      refuses(bench.client.query(other), "Transaction is aborted due to concurrent update"),
    );
    await bench.client.query(change);
    assert.deepEqual(await bench.server.rows("SELECT cost FROM d.t ORDER BY id"), [["3"], ["4"]]);
  });

  test("see one state of all tables, and are seen when they commit", async () => {
    const counted: unknown[] = [];
    inTheMiddle("IF", async () => {
      counted.push(...(await ids()));
      await bench.client.query("INSERT INTO d.t (id) VALUES ('new')");
    });
    await bench.client.query(
      "BEGIN TRANSACTION; DELETE FROM d.t WHERE id = 'a'; IF (SELECT COUNT(*) FROM d.t) != 1 THEN RAISE USING MESSAGE = 'one'; END IF; COMMIT TRANSACTION",
    );
    assert.deepEqual(
      [counted, await ids()],
      [
        ["a", "b"],
        ["b", "new"],
      ],
    );
  });

  test("let DML outside of them wait", async () => {
    let waiting: Promise<unknown> = Promise.resolve();
    inTheMiddle("SELECT 'end'", async () => {
      waiting = bench.client.query("DELETE FROM d.t WHERE cost = 5");
    });
    await bench.client.query(
      "BEGIN TRANSACTION; UPDATE d.t SET cost = 5 WHERE id = 'a'; SELECT 'end'; COMMIT TRANSACTION",
    );
    await waiting;
    assert.deepEqual(await ids(), ["b"]);
  });
});
