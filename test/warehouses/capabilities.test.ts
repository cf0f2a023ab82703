import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";

import { requireCapability } from "../../src/warehouses/warehouse.ts";
import { duckdbWarehouse } from "../support/duckdb-warehouse.ts";
import { rejects } from "../support/rejects.ts";
import { codeOf } from "../support/source-text.ts";
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

test("docs/adding-a-warehouse.md lists every member of the contract, and no other", async () => {
  const page = await readFile(new URL("../../docs/adding-a-warehouse.md", import.meta.url), "utf8");
  const contract = codeOf(await readFile(new URL("../../src/warehouses/warehouse.ts", import.meta.url), "utf8"));
  for (const name of ["Warehouse", "Measuring", "PreviousLoads", "Migration"]) {
    const [, body = ""] = new RegExp(`^export interface ${name} \\{\\n(.*?)^\\}`, "msu").exec(contract) ?? [];
    const members = [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[(:]/gmu)].map(([, member]) => member);
    const [, rows = ""] =
      new RegExp(`^\\| member of \`${name}\` .*\\n\\|[-|]+\\n((?:\\|.*\\n)+)`, "mu").exec(page) ?? [];
    const listed = [...rows.matchAll(/^\| `(\w+)` /gmu)].map(([, member]) => member);
    assert.ok(members.length > 1);
    assert.deepEqual(listed, members, name);
  }
});
