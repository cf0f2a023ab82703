import assert from "node:assert/strict";
import { loadPackage } from "../../src/state/package.ts";
import type { FullWarehouse, TableMeasures, Warehouse } from "../../src/warehouses/warehouse.ts";
import { billReceipt, loadBill, month, newestLoad, prepare, rows, table, wideColumns, wideMonth } from "./bills.ts";
import type { CapableTestWarehouse } from "./warehouse.ts";

/** Previous loads: listing them, and restoring their rows. */
export const previousCases: Readonly<Record<string, (test: CapableTestWarehouse) => Promise<void>>> = {
  "lists no previous loads of missing tables": async (test) => {
    const { previous } = await test.open();
    assert.deepEqual(await previous.history(table, month), []);
    assert.deepEqual(await previous.history(table, null), []);
    assert.deepEqual(await previous.rows(table, "period"), { months: [], bytes: 0 });
  },

  "lists every load of a month and of all months, the newest first": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse, wideColumns);
    for (const id of ["e1", "e2", "e1"]) await loadBill(test, warehouse, id, [{ cost: "1" }]);
    await loadBill(test, warehouse, "other", [{ cost: "1" }], { billingMonth: "2025-02" });
    const history = await warehouse.previous.history(table, month);
    assert.deepEqual(
      history.map(({ executionId }) => executionId),
      ["e1", "e2", "e1"],
    );
    assert.deepEqual(
      (await warehouse.previous.history(table, null)).map(({ executionId }) => executionId),
      ["other", "e1", "e2", "e1"],
    );
    assert.equal(history[0]?.loadId, await newestLoad(warehouse, month));
    const { loadId: _, loadedAt: __, ...receipt } = history[1] ?? assert.fail("there is a second one");
    assert.deepEqual(receipt, billReceipt("e2", month, 1));
  },

  "keeps the rows that it replaces, and restores them": async (test) => {
    const warehouse = await test.open();
    await prepareWide(warehouse, true);
    await loadBill(test, warehouse, "february", [{ cost: "5" }], { billingMonth: "2025-02", keepPrevious: 1 });
    const first = await loadBill(test, warehouse, "e1", [{ cost: "1" }, { cost: "2", service: "EC2" }], {
      keepPrevious: 1,
    });
    const loadId = (await newestLoad(warehouse, month)) ?? "";
    assert.deepEqual((await warehouse.previous.rows(table, "period")).months, [], "nothing was replaced yet");
    await prepareWide(warehouse, true, { later: "text" });
    await loadBill(test, warehouse, "e2", [{ cost: "9" }], { keepPrevious: 1 });
    await warehouse.publish();
    const kept = await warehouse.previous.rows(table, "period");
    assert.deepEqual(kept.months, [{ billingMonth: month, loadId, rows: 2 }]);
    assert.ok(kept.bytes > 0);

    const back = await restore(warehouse, loadId, longAgo);
    assert.deepEqual(back, { ...first, delivered: null });
    assert.deepEqual(
      (await rows(warehouse, costs)).map(({ cost }) => Number(cost)),
      [1, 2, 5],
    );
    assert.deepEqual((await warehouse.previous.rows(table, "period")).months, [], "they are back, and kept no longer");
    assert.equal(
      (await warehouse.ledger(table)).receipts.find((one) => one.billingMonth === month)?.executionId,
      "back",
    );
  },

  "keeps the requested number of earlier loads of a month": async (test) => {
    const warehouse = await test.open();
    await prepareWide(warehouse, true);
    const loads: string[] = [];
    for (const id of ["e1", "e2", "e3", "e4"]) {
      await loadBill(test, warehouse, id, [{ cost: "1" }], { keepPrevious: 2 });
      loads.push((await newestLoad(warehouse, month)) ?? "");
    }
    const kept = async (): Promise<string[]> =>
      (await warehouse.previous.rows(table, "period")).months.map(({ loadId }) => loadId);
    assert.deepEqual(await kept(), loads.slice(1, 3));
    await loadBill(test, warehouse, "e5", [{ cost: "1" }], { keepPrevious: 0 });
    assert.deepEqual(await kept(), loads.slice(1, 3), "what is kept stays");
  },

  "leaves everything as it was when the rows that it has are not the right ones": async (test) => {
    const warehouse = await test.open();
    await prepareWide(warehouse, true);
    await loadBill(test, warehouse, "e1", [{ cost: "1" }], { keepPrevious: 1 });
    const loadId = (await newestLoad(warehouse, month)) ?? "";
    await loadBill(test, warehouse, "e2", [{ cost: "9" }], { keepPrevious: 1 });
    const before = await warehouse.ledger(table);
    const wrong = new Error("not these");
    await assert.rejects(
      restore(warehouse, loadId, longAgo, () => {
        throw wrong;
      }),
      wrong,
    );
    assert.deepEqual(await warehouse.ledger(table), before);
    assert.deepEqual(
      (await rows(warehouse, costs)).map(({ cost }) => Number(cost)),
      [9],
    );
    assert.equal((await warehouse.previous.rows(table, "period")).months.length, 1);
  },

  "says that it has rows no more, and changes nothing": async (test) => {
    const warehouse = await test.open();
    await prepareWide(warehouse, false);
    await loadBill(test, warehouse, "e1", [{ cost: "1" }]);
    const loadId = (await newestLoad(warehouse, month)) ?? "";
    await loadBill(test, warehouse, "e2", [{ cost: "9" }]);
    const before = await warehouse.ledger(table);
    assert.equal(await restore(warehouse, loadId, longAgo), null);
    assert.deepEqual(await warehouse.ledger(table), before);
    assert.deepEqual(
      (await rows(warehouse, costs)).map(({ cost }) => Number(cost)),
      [9],
    );
  },
};

/** Puts the rows of a load back, and gives what was measured of them; null when the warehouse has them no more. */
async function restore(
  warehouse: FullWarehouse,
  loadId: string,
  until: string,
  judge: (measures: TableMeasures) => void = () => {},
): Promise<TableMeasures | null> {
  let found: TableMeasures | null = null;
  const replaces = await newestLoad(warehouse, month);
  const restored = await warehouse.previous.restoreMonth(
    { ...wideMonth, executionId: "back", replaces, loadId, until },
    async (measures, current) => {
      judge(measures);
      found = measures;
      const receipt = billReceipt("back", month, measures.rows);
      return loadPackage(current, table, { receipt, submittedTime: null }, warehouse.destinationType, new Date());
    },
  );
  assert.deepEqual(restored?.receipt.rows, found === null ? undefined : (found as TableMeasures).rows);
  return found;
}

const longAgo = "2020-01-01T00:00:00.000000+00:00";
const costs = `SELECT CAST(cost AS STRING) AS cost FROM billing.bills ORDER BY 1`;

async function prepareWide(warehouse: Warehouse, keepsPrevious: boolean, columns = wideColumns): Promise<void> {
  const added = Object.entries(columns).map(([name, type]) => ({ name, type }));
  await warehouse.prepare(table, {
    added,
    registered: [],
    partitionColumn: "period",
    usageColumn: null,
    keepsPrevious,
  });
}
