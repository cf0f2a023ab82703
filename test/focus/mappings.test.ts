import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { fieldsUsed, sourcesOf } from "../../src/focus/reading.ts";
import { focusColumns } from "../../src/focus/columns.ts";
import { typeOf } from "../../src/focus/expression.ts";
import { lookups } from "../../src/focus/lookups.ts";
import { mappingOf, mappings } from "../../src/focus/mappings/index.ts";

describe("a mapping", () => {
  for (const mapping of mappings) {
    test(`${mapping.name} names columns of the view, with their types`, () => {
      const types = new Map(focusColumns.map(({ name, type }) => [name, type]));
      const kinds = mapping.branches.flatMap((branch) =>
        (["v1_2", "v1_4"] as const).flatMap((version) => Object.entries(sourcesOf(mapping, branch, version))),
      );
      for (const [name, expression] of kinds) {
        const wanted = types.get(name);
        assert.ok(wanted !== undefined, `${name} is a column of the view`);
        const isText = (type: string): boolean => type === "text" || type === "json";
        const type = typeOf(expression);
        assert.ok(type === wanted || (isText(type) && isText(wanted)), `${name} is ${wanted}, and its source ${type}`);
      }
      assert.ok(fieldsUsed(mapping).size > 0);
    });
  }
});

test("a bill with the columns of FOCUS alone is of the cloud that delivers it", () => {
  const columns = focusColumns
    .filter(({ name, versions }) => !name.startsWith("x_") && versions.includes("v1_2"))
    .map(({ name }) => ({ name, type: "text" as const, nativeType: "VARCHAR" }));
  const ofDeliveries = (idColumn: "assembly_id" | "run_id"): string | undefined =>
    mappingOf({
      exportName: "bills",
      table: { dataset: "billing_data", name: "bills_data", pipelineName: "p", sourceName: "s", idColumn },
      columns,
      registry: [],
      partitionColumn: "BillingPeriodStart",
      tracking: [],
      stateIn: "billing_data",
    })?.name;
  assert.deepEqual([ofDeliveries("assembly_id"), ofDeliveries("run_id")], ["aws_focus", "azure_focus"]);
});

describe("a lookup", () => {
  for (const lookup of Object.values(lookups)) {
    test(`${lookup.name} has each key once, and a source`, () => {
      const keys = lookup.rows.map(([key]) => key);
      assert.equal(new Set(keys).size, keys.length);
      assert.ok(lookup.rows.every((row) => row.length === lookup.columns.length && row[0] !== null));
      assert.match(lookup.source, /\w/u);
      // The view in DuckDB has them as one text: lines of cells separated by tabs, in which nothing is NULL.
      assert.ok(lookup.rows.flat().every((cell) => cell === null || /^[^\t\n]+$/.test(cell)));
    });
  }
});

test("the view of FOCUS 1.4 has its 65 columns, that of 1.2 its 57", () => {
  const official = focusColumns.filter(({ name }) => !name.startsWith("x_"));
  const count = (version: "v1_2" | "v1_4"): number =>
    official.filter(({ versions }) => versions.includes(version)).length;
  assert.deepEqual([count("v1_2"), count("v1_4")], [57, 65]);
});
