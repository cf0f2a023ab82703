import { describe, test } from "node:test";

import { warehouseCases } from "./conformance/warehouse.ts";
import { duckdbWarehouse } from "./duckdb-warehouse.ts";

describe("warehouse duckdb", () => {
  for (const [title, check] of Object.entries(warehouseCases)) {
    test(title, async (t) => check(await duckdbWarehouse(t)));
  }
});
