import assert from "node:assert/strict";

import { nextMonth } from "../../src/schema/periods.ts";
import type { CloudRollups, View, ViewPlace, ViewSource } from "../../src/warehouses/views.ts";
import { csv, load, prepare, table } from "./bills.ts";
import type { CapableTestWarehouse } from "./warehouse.ts";

/** A view `ids` with a column of every table that exists, and one that reads it. */
function idsOf(place: Pick<ViewPlace, "dataset">, column: string): ViewSource {
  return {
    tables: [table, { ...table, name: "missing" }],
    joined: [],
    dataset: place.dataset,
    render: async (shapes, { dataset }): Promise<readonly View[]> => [
      {
        name: "ids",
        sql: shapes
          .map(({ table: { dataset, name } }) => `SELECT ${column} AS value FROM ${dataset}.${name}`)
          .join(" "),
        reads: null,
      },
      { name: "copies", sql: `SELECT * FROM ${dataset}.ids`, reads: "ids" },
    ],
    rollups: async () => ({ tables: [], views: [], clouds: [], stale: "" }),
    inputs: () => null,
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
    rollups: async () => ({ tables: [], views: [], clouds: [], stale: "" }),
    inputs: () => null,
  };
}

/**
 * A view `sums` over the costs of the months of the table, which are kept in tables. `built` receives each month that is built; without
 * a version there are no bills.
 */
function summed(place: Pick<ViewPlace, "dataset">, version: string | null, built: string[] = []): ViewSource {
  const [bills, recorded] = [`${table.dataset}.${table.name}`, `${place.dataset}.kept_months`];
  const loads = `SELECT billing_month, MAX(_dlt_load_id) AS loads FROM ${bills}_load_tracking WHERE billing_month IS NOT NULL GROUP BY billing_month`;
  const cloud: CloudRollups = {
    cloud: "aws",
    tables: [{ table, exportName: "bills" }],
    version: version ?? "",
    months: `SELECT DISTINCT billing_month FROM (${loads}) AS m`,
    loads,
    kindsShown: () => null,
    kindOf: () => "unknown",
    rows(month) {
      built.push(month);
      const [from, to] = [month, nextMonth(month)].map((each) => `CAST('${each}-01' AS TIMESTAMP)`);
      return `SELECT 'aws', ${from}, '${month}', SUM(cost) FROM ${bills} WHERE period >= ${from} AND period < ${to}`;
    },
  };
  const stale = `SELECT 'aws' AS cloud, l.billing_month, l.loads FROM (${loads}) AS l LEFT JOIN ${recorded} AS b ON b.billing_month = l.billing_month
    WHERE NOT COALESCE(b.version = '${version}' AND b.loads = l.loads, FALSE)`;
  const nothing = `SELECT cloud, billing_month, '' AS loads FROM ${recorded}`;
  return {
    ...idsOf(place, "id"),
    async rollups(_, { dialect }) {
      const [text, decimal] = dialect === "duckdb" ? ["VARCHAR", "DECIMAL(38,18)"] : ["STRING", "BIGNUMERIC"];
      const columns = { cloud: text, start: "TIMESTAMP", x_BillingMonth: text, cost: decimal };
      const record = ["cloud", "billing_month", "version", "loads", "kinds", "shown"];
      return {
        tables: [
          {
            name: "kept_sums",
            columns: Object.entries(columns).map(([name, type]) => ({ name, type })),
            partitionedBy: "start",
            clusteredBy: "cloud",
          },
          { name: "kept_months", columns: record.map((name) => ({ name, type: text })) },
        ],
        views: [{ name: "sums", sql: `SELECT x_BillingMonth AS m, cost FROM ${place.dataset}.kept_sums`, reads: null }],
        clouds: version === null ? [] : [cloud],
        stale: version === null ? nothing : stale,
      };
    },
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

  "keeps sums of the months as they are now, and builds only those that changed": async (test) => {
    const place = { dataset: test.viewDataset };
    const built: string[] = [];
    const read = `SELECT m, cost FROM ${place.dataset}.sums ORDER BY m`;
    const first = await test.openWithViews(summed(place, "1", built));
    await prepare(first);
    await load(first, [await csv(test, "a,2025-01-01,,1,USD\n")]);
    await load(first, [await csv(test, "b,2025-02-01,,2,USD\n")], { billingMonth: "2025-02" });
    assert.deepEqual(await first.refreshViews(), []);
    assert.deepEqual(await test.rows(first, read), [
      { m: "2025-01", cost: "1" },
      { m: "2025-02", cost: "2" },
    ]);
    assert.deepEqual(built.splice(0).toSorted(), ["2025-01", "2025-02"]);
    await load(first, [await csv(test, "a,2025-01-01,,1.5,USD\n")]);
    assert.deepEqual([await first.refreshViews(), await first.refreshViews()], [[], []]);
    assert.deepEqual((await test.rows(first, read))[0], { m: "2025-01", cost: "1.5" });
    assert.deepEqual(built.splice(0), ["2025-01"]);
    await first.close();
    const second = await test.openWithViews(summed(place, "2", built));
    assert.deepEqual([await second.refreshViews(), await second.refreshViews()], [[], []]);
    assert.deepEqual(built.toSorted(), ["2025-01", "2025-02"], "other rules give other sums");
    assert.equal((await test.rows(second, read)).length, 2);
    await second.close();
    const third = await test.openWithViews(summed(place, null));
    assert.deepEqual(await third.refreshViews(), []);
    assert.deepEqual(await test.rows(third, read), [], "without bills there are no sums");
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
