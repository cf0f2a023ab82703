import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { openWarehouse } from "../../src/warehouses/index.ts";
import { bigqueryWarehouse } from "../support/bigquery-warehouse.ts";
import type { FullWarehouse, Warehouse } from "../../src/warehouses/warehouse.ts";
import {
  type CapableTestWarehouse,
  capabilityCases,
  coreCases,
  type TestWarehouse,
  uploadCases,
} from "../conformance/warehouse.ts";
import { duckdbWarehouse } from "../support/duckdb-warehouse.ts";

const warehouses = { duckdb: duckdbWarehouse, bigquery: bigqueryWarehouse };

for (const [kind, make] of Object.entries(warehouses)) {
  for (const [capability, cases] of Object.entries({ core: coreCases, ...capabilityCases })) {
    describe(`warehouse ${kind}, ${capability}`, () => {
      for (const [title, check] of Object.entries(cases)) test(title, async (t) => check(await make(t)));
    });
  }
}

describe("a warehouse without any capability, core", () => {
  for (const [title, check] of Object.entries(coreCases)) {
    test(title, async (t) => check(withoutCapabilities(await duckdbWarehouse(t))));
  }
});

/** The core of a warehouse alone. The cases look at its tables through the whole one. */
function withoutCapabilities(whole: CapableTestWarehouse): TestWarehouse {
  const opened = new Map<Warehouse, FullWarehouse>();
  return {
    ...whole,

    async open(mode) {
      const warehouse = await whole.open(mode);
      const {
        measuring: _,
        previous: __,
        migration: ___,
        doctor: ____,
        query: _____,
        refreshViews: ______,
        ...core
      } = warehouse;
      opened.set(core, warehouse);
      return core;
    },

    rows: (core, sql) => whole.rows(opened.get(core) ?? assert.fail("another warehouse"), sql),
  };
}

describe("warehouse bigquery, of files that have to be uploaded", () => {
  for (const [title, check] of Object.entries(uploadCases)) {
    test(title, async (t) => {
      const warehouse = await bigqueryWarehouse(t);
      await check({ ...warehouse, put: (name, bytes) => warehouse.putHere(name, bytes) });
      assert.deepEqual(warehouse.storage.keys("staging"), [], "nothing stays in the staging bucket");
    });
  }
});

test("openWarehouse opens what a configuration names", async (t) => {
  const { path } = await duckdbWarehouse(t);
  const options = { path, storageVersion: "latest", memoryLimit: "1GB", threads: 1 };
  const warehouse = await openWarehouse({ kind: "duckdb", ...options }, "write");
  assert.equal(warehouse.description, "DuckDB bills.duckdb");
  await warehouse.close();
  const { options: bigquery } = await bigqueryWarehouse(t);
  const other = await openWarehouse({ kind: "bigquery", ...bigquery }, "read");
  assert.equal(other.description, "BigQuery p");
  await other.close();
});
