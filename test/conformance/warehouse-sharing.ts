import assert from "node:assert/strict";

import { loadedExecutions } from "../../src/state/executions.ts";
import { forgetPackage, summaryPackage } from "../../src/state/package.ts";
import type { MappedFile } from "../../src/warehouses/warehouse.ts";
import { rejects } from "../support/rejects.ts";
import { csv, load, month, prepare, table } from "./bills.ts";
import type { TestWarehouse } from "./warehouse.ts";

/** What readers, other writers and dlt see. */
export const sharingCases: Readonly<Record<string, (test: TestWarehouse) => Promise<void>>> = {
  "shows the old month until the new one is committed": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    await load(warehouse, [await csv(test, "old,2025-01-01,,1,USD\n")]);
    const [first, second] = [await csv(test, "new1,2025-01-01,,1,USD\n"), await csv(test, "new2,2025-01-01,,1,USD\n")];
    const seen: unknown[] = [];
    const watching = async function* (): AsyncGenerator<MappedFile> {
      yield first;
      seen.push(...(await test.rows(warehouse, "SELECT id FROM billing.bills")));
      yield second;
      seen.push(...(await test.rows(warehouse, "SELECT id FROM billing.bills")));
    };
    await load(warehouse, watching());
    assert.deepEqual(seen, [{ id: "old" }, { id: "old" }]);
    assert.equal((await test.rows(warehouse, "SELECT id FROM billing.bills")).length, 2);
  },

  "writes a state that dlt's own query finds": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    for (const executionId of ["e1", "e2"]) await load(warehouse, [], { executionId });
    const found = await test.rows(
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
    assert.deepEqual(after.receipts, receipts, "a summary is not a load, and receipts stay");
    assert.equal((await test.rows(warehouse, "SELECT id FROM billing.bills")).length, 1);
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
    // Both look at the same old month, and one comes to its end while the other is at work.
    let other: Promise<unknown> = Promise.resolve();
    const meeting = async function* (): AsyncGenerator<MappedFile> {
      yield files[0];
      other = load(second, [files[1]], { executionId: "e3" });
      await other.catch(() => undefined);
    };
    const [mine] = await Promise.allSettled([load(first, meeting(), { executionId: "e2" })]);
    const [theirs] = await Promise.allSettled([other]);
    const outcomes: readonly PromiseSettledResult<unknown>[] = [mine, theirs];
    const winner = outcomes[0]?.status === "fulfilled" ? 0 : 1;
    const lost = outcomes[1 - winner];
    assert.equal(outcomes[winner]?.status, "fulfilled");
    assert.ok(lost?.status === "rejected", "both writers won");
    await rejects(Promise.reject(lost.reason), "WAREHOUSE_LOCKED");
    const { state } = await first.ledger(table);
    assert.deepEqual(await test.rows(first, "SELECT id FROM billing.bills"), [{ id: ["first", "second"][winner] }]);
    assert.equal(loadedExecutions(state, table).get(month)?.executionId, ["e2", "e3"][winner]);
    const [again, id] = winner === 0 ? [second, "second"] : [first, "first"];
    await load(again, [files[1 - winner] ?? files[0]], { executionId: "e4" });
    assert.deepEqual(await test.rows(first, "SELECT id FROM billing.bills"), [{ id }], "and the other one later");
  },

  "commits months that are asked for together one after the other": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    const months = ["2025-01", "2025-02", "2025-03", "2025-04"];
    await Promise.all(
      months.map(async (billingMonth) => {
        const file = await csv(test, `a,${billingMonth}-01,,1,USD\n`);
        return load(warehouse, [file], { billingMonth, executionId: `of ${billingMonth}` });
      }),
    );
    assert.equal((await test.rows(warehouse, "SELECT id FROM billing.bills")).length, months.length);
    const loads = await test.rows(warehouse, "SELECT load_id FROM billing._dlt_loads");
    assert.equal(new Set(loads.map((row) => row["load_id"])).size, months.length);
    const { state, receipts } = await warehouse.ledger(table);
    assert.deepEqual([...loadedExecutions(state, table).keys()].toSorted(), months);
    assert.equal(receipts.length, months.length);
  },

  "rolls back what is running when it is closed": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    await load(warehouse, [await csv(test, "old,2025-01-01,,1,USD\n")]);
    const file = await csv(test, "new,2025-01-01,,1,USD\n");
    let closed: Promise<void> = Promise.resolve();
    const closing = async function* (): AsyncGenerator<MappedFile> {
      yield file;
      closed = warehouse.close();
      yield file;
    };
    await rejects(load(warehouse, closing()), "INTERRUPTED");
    await closed;
    await warehouse.close();
    const again = await test.open("read");
    assert.deepEqual(await test.rows(again, "SELECT id FROM billing.bills"), [{ id: "old" }]);
  },
};
