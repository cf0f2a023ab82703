import assert from "node:assert/strict";

import { rejects } from "../support/rejects.ts";
import { csv, load, prepare, rows, table } from "./bills.ts";
import type { QueryColumn, QueryRow } from "../../src/warehouses/warehouse.ts";
import type { CapableTestWarehouse } from "./warehouse.ts";

/** Queries of what is loaded, also by readers. */
export const queryCases: Readonly<Record<string, (test: CapableTestWarehouse) => Promise<void>>> = {
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

  "searches the datasets for a table without one, and reports the columns of an answer without rows": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    await load(warehouse, [await csv(test, "a,2025-01-01,,1.5,USD\n")]);
    const datasets = [{ dataset: "elsewhere" }, { dataset: table.dataset }];
    const ask = async (sql: string): Promise<readonly [columns: readonly QueryColumn[], rows: readonly QueryRow[]]> => {
      const columns: QueryColumn[] = [];
      const onColumns = (all: readonly QueryColumn[]): unknown => columns.push(...all);
      const found: QueryRow[] = [];
      for await (const row of warehouse.query(sql, { datasets, onColumns })) found.push(row);
      return [columns, found];
    };
    assert.deepEqual((await ask("SELECT id FROM bills"))[1], [{ id: "a" }]);
    const [columns, none] = await ask("SELECT id, cost, 1 AS one FROM bills WHERE 1 = 0");
    assert.deepEqual(none, []);
    assert.deepEqual(
      columns.map(({ name, kind }) => `${name} ${kind}`),
      ["id other", "cost decimal", "one number"],
    );
    const [, shown] = await ask("show tables");
    assert.ok(shown.some(({ name }) => name === "bills"));
  },
};
