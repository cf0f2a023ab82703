import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { DuckDBInstance } from "@duckdb/node-api";

import { loadedExecutions } from "../../../src/state/executions.ts";
import { loadPackage } from "../../../src/state/package.ts";
import { billMeasured, billReceipt, csv, rows, stream } from "../../conformance/bills.ts";
import { duckdbWarehouse } from "../../support/duckdb-warehouse.ts";
import { dltFixtures, newestState, type DltFixture } from "../../state/fixtures.ts";

describe("warehouse duckdb continues where dlt stopped", () => {
  for (const fixture of dltFixtures) {
    test(fixture.title, async (t) => {
      const { table } = fixture;
      const bills = await duckdbWarehouse(t);
      await restore(bills.path, fixture);
      const warehouse = await bills.open();
      const before = await warehouse.ledger(table);
      assert.equal(before.columns, null, "the tables beside are there, the table itself is not");
      assert.equal(before.state, newestState(fixture));
      const known = loadedExecutions(before.state, table);

      const added = [
        { name: "id", type: "text" },
        { name: "period", type: "timestamp" },
      ] as const;
      const change = { added, registered: [], partitionColumn: "period", usageColumn: null, keepsPrevious: false };
      for (const _ of [1, 2]) await warehouse.prepare(table, change);
      const file = await csv(bills, "a,2030-01-01\n", { id: "text", period: "timestamp" });
      const receipt = billReceipt("20300201T000000Z", "2030-01", 1);
      await warehouse.replaceMonth(
        {
          table,
          billingMonth: "2030-01",
          executionId: receipt.executionId,
          replaces: null,
          keepPrevious: 0,
          restoredLoadId: null,
          schema: null,
          nullValues: [],
          files: stream([file]),
          ...billMeasured,
          costColumns: [],
          currencyColumn: null,
          usageColumn: null,
        },
        async (_, current) =>
          loadPackage(current, table, { receipt, submittedTime: "now" }, warehouse.destinationType, new Date()),
      );
      const after = await warehouse.ledger(table);
      assert.deepEqual(after.receipts.slice(0, -1), before.receipts, "what dlt loaded stays");
      assert.deepEqual(after.receipts.map(withoutTime).at(-1), withoutTime({ ...receipt, loadId: "", loadedAt: "" }));
      assert.deepEqual([...loadedExecutions(after.state, table).keys()], [...known.keys(), "2030-01"]);
      const apart = await rows(
        warehouse,
        `SELECT table_name, billing_month FROM "${table.dataset}"._billhouse_receipts`,
      );
      assert.deepEqual(apart, [{ table_name: table.name, billing_month: "2030-01" }]);
    });
  }
});

function withoutTime<T extends object>(receipt: T): T {
  return { ...receipt, loadId: "", loadedAt: "" };
}

/** Makes the tables that dlt left. */
async function restore(path: string, { table, tables }: DltFixture): Promise<void> {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  await connection.run(`CREATE SCHEMA "${table.dataset}"`);
  for (const [name, { columns, rows: kept }] of Object.entries(tables)) {
    const target = `"${table.dataset}"."${name}"`;
    const definitions = columns.map((column) => `"${column.name}" ${column.type}${column.nullable ? "" : " NOT NULL"}`);
    await connection.run(`CREATE TABLE ${target} (${definitions.join(", ")})`);
    for (const row of kept) {
      const values = Object.values(row).map((value) => (value === null ? null : String(value)));
      const names = Object.keys(row).map((column) => `"${column}"`);
      await connection.run(
        `INSERT INTO ${target} (${names.join(", ")}) VALUES (${values.map((_, index) => `$${index + 1}`).join(", ")})`,
        values,
      );
    }
  }
  connection.closeSync();
  instance.closeSync();
}
