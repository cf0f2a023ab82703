import assert from "node:assert/strict";

import type { View, ViewPlace, ViewSource } from "../../src/warehouses/views.ts";
import { csv, load, prepare, table } from "./bills.ts";
import type { CapableTestWarehouse } from "./warehouse.ts";

/** A view `ids` with a column of every table that exists, and one that reads it. */
function idsOf(place: Pick<ViewPlace, "dataset">, column: string): ViewSource {
  return {
    tables: [table, { ...table, name: "missing" }],
    joined: [],
    dataset: place.dataset,
    render: (shapes, { dataset }): readonly View[] => [
      {
        name: "ids",
        sql: shapes
          .map(({ table: { dataset, name } }) => `SELECT ${column} AS value FROM ${dataset}.${name}`)
          .join(" "),
        reads: null,
      },
      { name: "copies", sql: `SELECT * FROM ${dataset}.ids`, reads: "ids" },
    ],
    rollups: () => ({ tables: [], views: [], clouds: [], stale: "" }),
  };
}

function faulty(dataset: string): ViewSource {
  return {
    tables: [table],
    joined: [],
    dataset,
    render() {
      throw new TypeError("A bug in the views.");
    },
    rollups: () => ({ tables: [], views: [], clouds: [], stale: "" }),
  };
}

/** Views over the tables of a warehouse. */
export const viewCases: Readonly<Record<string, (test: CapableTestWarehouse) => Promise<void>>> = {
  "makes views over the tables that exist, and changes their text when it differs": async (test) => {
    const place = { dataset: test.viewDataset };
    const first = await test.openWithViews(idsOf(place, "id"));
    assert.deepEqual(await first.refreshViews(), [], "without a table there is nothing to read");
    await prepare(first);
    await load(first, [await csv(test, "a,2025-01-01,,1,USD\n")]);
    assert.deepEqual(await first.refreshViews(), []);
    const read = `SELECT value FROM ${place.dataset}.copies`;
    assert.deepEqual(await test.rows(first, read), [{ value: "a" }]);
    await first.close();
    const second = await test.openWithViews(idsOf(place, "currency"));
    assert.deepEqual(await second.refreshViews(), []);
    assert.deepEqual(await test.rows(second, read), [{ value: "USD" }]);
    await second.close();
    const third = await test.open();
    assert.deepEqual(await third.refreshViews(), []);
    assert.deepEqual(await test.rows(third, read), [{ value: "USD" }], "without a source views stay");
  },

  "loads a month although a view cannot be made, and reports it afterwards": async (test) => {
    for (const views of [idsOf({ dataset: test.viewDataset }, "nothing"), faulty(test.viewDataset)]) {
      const warehouse = await test.openWithViews(views);
      await prepare(warehouse);
      await load(warehouse, [await csv(test, "a,2025-01-01,,1,USD\n")]);
      assert.deepEqual(await test.rows(warehouse, `SELECT id FROM ${table.dataset}.${table.name}`), [{ id: "a" }]);
      await assert.rejects(warehouse.refreshViews(), /nothing|bug/i);
      await warehouse.close();
    }
  },
};
