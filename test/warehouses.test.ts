import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { openWarehouse } from "../src/warehouses/index.ts";
import { warehouseCases } from "./conformance/warehouse.ts";
import { duckdbWarehouse } from "./duckdb-warehouse.ts";
import { rejects } from "./rejects.ts";

describe("warehouse duckdb", () => {
  for (const [title, check] of Object.entries(warehouseCases)) {
    test(title, async (t) => check(await duckdbWarehouse(t)));
  }
});

test("openWarehouse opens what a configuration names", async (t) => {
  const { path } = await duckdbWarehouse(t);
  const options = { path, storageVersion: "latest", memoryLimit: "1GB", threads: 1 };
  const warehouse = await openWarehouse({ kind: "duckdb", ...options }, "write");
  assert.equal(warehouse.description, "DuckDB bills.duckdb");
  await warehouse.close();
  await rejects(openWarehouse({ kind: "bigquery" }, "write"), "WAREHOUSE_UNSUPPORTED", "BigQuery");
});
