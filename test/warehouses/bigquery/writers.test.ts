import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { loadedExecutions } from "../../../src/state/executions.ts";
import { summaryPackage } from "../../../src/state/package.ts";
import { bigqueryWarehouse } from "../../support/bigquery-warehouse.ts";
import { csv, load, month, prepare, rows, table } from "../../conformance/bills.ts";
import { rejects } from "../../support/rejects.ts";

const counts = { totalRows: 1, manifestsProcessed: 1, manifestsSkipped: 0 };

describe("another writer", () => {
  test("that commits a summary in the middle of a transaction is awaited, and the package created again", async (t) => {
    const big = await bigqueryWarehouse(t);
    const [first, second] = [await big.open(), await big.open()];
    await prepare(first);
    let interfered = 0;
    big.server.onStatement = async (sql) => {
      // The commit lock is taken: a writer that comes now has to lose or to wait.
      if (!sql.startsWith("DELETE") || interfered > 0) return;
      interfered += 1;
      void second.append(table, (current) => summaryPackage(current, table, counts, new Date())).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 100));
    };
    await load(first, [await csv(big, "a,2025-01-01,,1,USD\n")]);
    await second.append(table, (current) => summaryPackage(current, table, counts, new Date()));
    const ids = (await rows(first, "SELECT load_id FROM billing._dlt_loads")).map((row) => row["load_id"]);
    assert.equal(new Set(ids).size, ids.length);
    assert.equal((await rows(first, "SELECT id FROM billing.bills")).length, 1);
    assert.equal(loadedExecutions((await first.ledger(table)).state, table).get(month)?.executionId, "e1");
  });

  test("that commits between our look and our commit makes us look again", async (t) => {
    const big = await bigqueryWarehouse(t);
    const [first, second] = [await big.open(), await big.open()];
    await prepare(first);
    let interfered = false;
    big.server.onStatement = async (sql) => {
      if (!sql.startsWith("BEGIN") || interfered) return;
      interfered = true;
      await load(second, [await csv(big, "b,2025-02-01,,2,USD\n")], { billingMonth: "2025-02", executionId: "e2" });
    };
    await load(first, [await csv(big, "a,2025-01-01,,1,USD\n")]);
    const { state, receipts } = await first.ledger(table);
    assert.deepEqual([...loadedExecutions(state, table).keys()].toSorted(), ["2025-01", "2025-02"], "no entry is lost");
    assert.equal(receipts.length, 2);
    assert.ok((receipts[0]?.loadId ?? "") > (receipts[1]?.loadId ?? ""), "the later commit has the greater load_id");
  });

  test("that loads the same month meanwhile has won", async (t) => {
    const big = await bigqueryWarehouse(t);
    const [first, second] = [await big.open(), await big.open()];
    await prepare(first);
    let interfered = false;
    big.server.onStatement = async (sql) => {
      if (!sql.startsWith("BEGIN") || interfered) return;
      interfered = true;
      await load(second, [await csv(big, "theirs,2025-01-01,,2,USD\n")], { executionId: "e2" });
    };
    await rejects(load(first, [await csv(big, "mine,2025-01-01,,1,USD\n")]), "WAREHOUSE_LOCKED", month);
    assert.deepEqual(await rows(first, "SELECT id FROM billing.bills"), [{ id: "theirs" }]);
  });

  test("that loads the same month while ours is still staged takes what we staged away, and has won", async (t) => {
    const big = await bigqueryWarehouse(t);
    const [first, second] = [await big.open(), await big.open()];
    await prepare(first);
    let interfered = false;
    big.server.onStatement = async (sql) => {
      if (!sql.startsWith("WITH v") || interfered) return;
      interfered = true;
      await load(second, [await csv(big, "theirs,2025-01-01,,2,USD\n")], { executionId: "e2" });
    };
    await rejects(load(first, [await csv(big, "mine,2025-01-01,,1,USD\n")]), "WAREHOUSE_LOCKED", month);
    assert.deepEqual(await rows(first, "SELECT id FROM billing.bills"), [{ id: "theirs" }]);
  });

  test("such as dlt, which does not use the commit lock, is detected by its package", async (t) => {
    const big = await bigqueryWarehouse(t);
    const warehouse = await big.open();
    await prepare(warehouse);
    let interfered = 0;
    big.server.onStatement = async (sql) => {
      if (!sql.startsWith("BEGIN") || interfered === 2) return;
      interfered += 1;
      const loadId = `${Math.floor(Date.now() / 1000) + 1000 * interfered}.5`;
      await big.server.rows(
        `INSERT INTO \`p.billing._dlt_loads\` (load_id, schema_name, status, inserted_at)
          VALUES ('${loadId}', 'other', 0, TIMESTAMP '2025-01-01 00:00:00+00')`,
      );
    };
    await load(warehouse, [await csv(big, "a,2025-01-01,,1,USD\n")]);
    assert.equal(interfered, 2);
    const newest = await rows(warehouse, "SELECT MAX(load_id) AS id FROM billing._dlt_loads");
    assert.equal(newest[0]?.["id"], (await warehouse.ledger(table)).receipts[0]?.loadId);
  });

  test("that always commits first is reported in the end, and the old month stays", async (t) => {
    const big = await bigqueryWarehouse(t);
    const warehouse = await big.open();
    await prepare(warehouse);
    await load(warehouse, [await csv(big, "old,2025-01-01,,1,USD\n")]);
    let count = 0;
    big.server.onStatement = async (sql) => {
      if (!sql.startsWith("BEGIN")) return;
      count += 1;
      await big.server.rows(`UPDATE \`p.billing._billhouse_lease\` SET load_id = 'other ${count}' WHERE TRUE`);
    };
    await rejects(load(warehouse, [await csv(big, "new,2025-01-01,,1,USD\n")]), "WAREHOUSE_LOCKED");
    big.server.onStatement = () => undefined;
    assert.deepEqual(await rows(warehouse, "SELECT id FROM billing.bills"), [{ id: "old" }]);
    await load(warehouse, [await csv(big, "new,2025-01-01,,1,USD\n")]);
  });

  test("that prepares the same table at the same time does no harm", async (t) => {
    const big = await bigqueryWarehouse(t);
    const [first, second] = [await big.open(), await big.open()];
    const registered = [{ sourceName: "Cost", columnName: "cost", type: "decimal", firstExecution: "e1" }] as const;
    await Promise.all([prepare(first, undefined, registered), prepare(second, undefined, registered)]);
    const { registry } = await first.ledger(table);
    assert.deepEqual(registry, registered, "a source column is registered once");
    await prepare(first, { tag: "text" });
    await Promise.all([
      load(first, [await csv(big, "a,2025-01-01,,1,USD\n")]),
      load(second, [await csv(big, "b,2025-02-01,,1,USD\n")], { billingMonth: "2025-02" }),
    ]);
    assert.equal((await rows(first, "SELECT id FROM billing.bills")).length, 2);
  });

  test("that has given the name of a column to another source column meanwhile stops the preparation", async (t) => {
    const big = await bigqueryWarehouse(t);
    const warehouse = await big.open();
    const named = (sourceName: string) => [
      { sourceName, columnName: "tag_a", type: "text", firstExecution: "e1" } as const,
    ];
    await prepare(warehouse, undefined, named("tag a"));
    await rejects(prepare(warehouse, { tag_a: "text" }, named("tag-a")), "WAREHOUSE_LOCKED");
    assert.deepEqual((await warehouse.ledger(table)).registry, named("tag a"));
  });
});
