import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { requireCapability } from "../../src/warehouses/warehouse.ts";
import { duckdbWarehouse } from "../support/duckdb-warehouse.ts";
import { rejects } from "../support/rejects.ts";
import { capabilityCases } from "../conformance/warehouse.ts";

describe("capabilities of a warehouse", () => {
  for (const name of ["measuring", "previous", "migration", "doctor", "query"] as const) {
    test(`${name} is given where a warehouse has it, and asked for by an error where it does not`, async (t) => {
      const warehouse = await (await duckdbWarehouse(t)).open();
      assert.equal(requireCapability(warehouse, name), warehouse[name]);
      const { [name]: _, ...without } = warehouse;
      const asked = async (): Promise<unknown> => requireCapability(without, name);
      const error = await rejects(asked(), "WAREHOUSE_UNSUPPORTED", warehouse.description);
      assert.match(error.hint, /\[destination\.duckdb\]/u);
      assert.ok(Object.keys(capabilityCases[name]).length > 0);
    });
  }
});
