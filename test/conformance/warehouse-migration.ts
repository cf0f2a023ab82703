import assert from "node:assert/strict";

import type { Warehouse } from "../../src/warehouses/warehouse.ts";
import { rejects } from "../support/rejects.ts";
import { csv, load, prepare, rows, table, type Columns } from "./bills.ts";
import type { CapableTestWarehouse, TestWarehouse } from "./warehouse.ts";

/** Migration: how tables that another program made become like its own. */
export const migrationCases: Readonly<Record<string, (test: CapableTestWarehouse) => Promise<void>>> = {
  "does not need to migrate its own tables, and running a step anyway changes nothing": async (test) => {
    const warehouse = await test.open();
    assert.deepEqual(await warehouse.migration.pendingSteps(table, partitioning), []);
    await prepare(warehouse);
    await load(warehouse, [await csv(test, "a,2025-01-01,,1,USD\n")]);
    const before = await snapshot(warehouse);
    assert.deepEqual(await warehouse.migration.pendingSteps(table, partitioning), []);
    const steps = [
      { step: "tracking-columns" },
      { step: "decimals", column: "cost" },
      { step: "decimals", column: "no_such_column" },
      { step: "partitioning", ...partitioning },
    ] as const;
    for (const step of steps) assert.deepEqual(await warehouse.migration.migrate(table, step), { roundedValues: 0 });
    assert.deepEqual(await snapshot(warehouse), before);
    await warehouse.close();
    const reading = await test.open("read");
    assert.deepEqual(await reading.migration.pendingSteps(table, partitioning), []);
  },

  "converts floats to the exact numbers of their text, and reports how many were rounded": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse, floats, [
      { sourceName: "lineItem/Cost", columnName: "cost", type: "double", firstExecution: "e1" },
      { sourceName: "lineItem/Id", columnName: "id", type: "text", firstExecution: "e1" },
    ]);
    const deep = `1e-${warehouse.decimalScale}`;
    const amounts = ["0.1", "", "1e-7", "-1234567.89", "0.30000000000000004", "1e17", deep, "1e-181", "-0"];
    await loadAmounts(test, warehouse, floats, amounts);
    const { registry } = await warehouse.ledger(table);
    assert.deepEqual(await warehouse.migration.migrate(table, { step: "decimals", column: "cost" }), {
      roundedValues: 1,
    });
    const held = await rows(warehouse, "SELECT cost FROM billing.bills ORDER BY id");
    assert.deepEqual(
      held.map((row) => row["cost"]),
      [
        "0.1",
        null,
        "0.0000001",
        "-1234567.89",
        "0.30000000000000004",
        "100000000000000000",
        `0.${"1".padStart(warehouse.decimalScale, "0")}`,
        "0",
        "0",
      ],
    );
    const after = await warehouse.ledger(table);
    assert.deepEqual(
      after.columns?.map(({ name, type }) => [name, type]),
      Object.entries({ ...floats, cost: "decimal" }),
    );
    assert.deepEqual(
      after.registry,
      registry.map((row) => (row.columnName === "cost" ? { ...row, type: "decimal" } : row)),
    );
    const again = await snapshot(warehouse);
    assert.deepEqual(await warehouse.migration.migrate(table, { step: "decimals", column: "cost" }), {
      roundedValues: 0,
    });
    assert.deepEqual(await snapshot(warehouse), again);
    await load(warehouse, [await csv(test, "new,2025-02-01,0.12,\n", floats)], {
      ...noCosts,
      billingMonth: "2025-02",
    });
    assert.deepEqual(await rows(warehouse, "SELECT cost FROM billing.bills WHERE id = 'new'"), [{ cost: "0.12" }]);
  },

  "makes text exact amounts, and blank text NULL": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse, texts);
    const half = `0.${"1".repeat(warehouse.decimalScale)}5`;
    await loadAmounts(test, warehouse, texts, ["1.50", "   ", "1.5E-7", "-.5", "+2", "0E-10", half, "12345678901.25"]);
    assert.deepEqual(await warehouse.migration.migrate(table, { step: "decimals", column: "cost" }), {
      roundedValues: 1,
    });
    const held = await rows(warehouse, "SELECT cost, note FROM billing.bills ORDER BY id");
    assert.deepEqual(
      held.map((row) => row["cost"]),
      ["1.5", null, "0.00000015", "-0.5", "2", "0", half.replace(/15$/u, "2"), "12345678901.25"],
    );
    assert.deepEqual(
      held.map((row) => row["note"]),
      held.map(() => "0042"),
      "and leaves the other columns alone",
    );
  },

  "does not change a column that contains a value other than an amount": async (test) => {
    const wrong = ["abc", "1e40", "1,5", "NaN", "0x10", "1_000", "$5"];
    for (const [index, value] of wrong.entries()) {
      const warehouse = await test.open();
      if (index === 0) await prepare(warehouse, texts);
      await loadAmounts(test, warehouse, texts, ["1", `"${value}"`, "2", `"${value}"`]);
      const before = await snapshot(warehouse);
      const error = await rejects(
        warehouse.migration.migrate(table, { step: "decimals", column: "cost" }),
        "VALUE_INVALID",
        "cost",
        JSON.stringify(value),
        "2 values",
      );
      assert.match(error.hint, /was not changed/u);
      assert.deepEqual(await snapshot(warehouse), before);
      await warehouse.close();
    }
  },
};

const partitioning = { partitionColumn: "period", usageColumn: null };
const noCosts = { costColumns: [], currencyColumn: null, usageColumn: null };
const floats: Columns = { id: "text", period: "timestamp", cost: "double", note: "text" };
const texts: Columns = { ...floats, cost: "text" };

async function loadAmounts(
  test: TestWarehouse,
  warehouse: Warehouse,
  columns: Columns,
  amounts: readonly string[],
): Promise<void> {
  const lines = amounts.map((amount, index) => `${index},2025-01-01,${amount},0042\n`);
  await load(warehouse, [await csv(test, lines.join(""), columns)], noCosts);
}

async function snapshot(warehouse: Warehouse): Promise<unknown> {
  const names = ["bills", "bills_load_tracking", "_dlt_loads", "_dlt_pipeline_state", "_billhouse_columns"];
  const tables = await Promise.all(names.map((name) => rows(warehouse, `SELECT * FROM billing.${name} ORDER BY 1, 2`)));
  return { tables, ledger: await warehouse.ledger(table) };
}
