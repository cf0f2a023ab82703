import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { openWarehouse } from "../../src/warehouses/index.ts";
import { bigqueryWarehouse } from "../support/bigquery-warehouse.ts";
import { uploadCases, warehouseCases } from "../conformance/warehouse.ts";
import { duckdbWarehouse } from "../support/duckdb-warehouse.ts";

describe("warehouse duckdb", () => {
  for (const [title, check] of Object.entries(warehouseCases)) {
    test(title, async (t) => check(await duckdbWarehouse(t)));
  }
});

describe("warehouse bigquery", () => {
  for (const [title, check] of Object.entries(warehouseCases)) {
    test(title, async (t) => check(await bigqueryWarehouse(t)));
  }
});

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
