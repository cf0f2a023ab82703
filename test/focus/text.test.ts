import assert from "node:assert/strict";
import { test } from "node:test";

import { bigquery } from "../../src/focus/dialects/bigquery.ts";
import { typeOf } from "../../src/focus/expression.ts";
import type { ChargeTable, Mapping } from "../../src/focus/mapping.ts";
import { mappings } from "../../src/focus/mappings/index.ts";
import { fieldsUsed } from "../../src/focus/reading.ts";
import { focusViews } from "../../src/focus/views.ts";
import type { TableColumn } from "../../src/model.ts";

test("the views of two exports of each dataset family are shorter than the 256K characters that BigQuery allows", () => {
  const tables = mappings.flatMap((mapping) => [1, 2].map((number) => wholeTable(mapping, number)));
  for (const { name, sql } of focusViews(
    tables,
    bigquery,
    { project: "acme", dataset: "billing_focus" },
    { accounts: [], tags: [] },
  )) {
    assert.ok(sql.length < 256 * 1024, `${name} has ${sql.length} characters`);
  }
});

/** A table with every column that a mapping reads. */
function wholeTable(mapping: Mapping, number: number): ChargeTable {
  const columns = [...fieldsUsed(mapping).values()].map((one) => {
    const column: TableColumn = { name: one.name, type: typeOf(one), nativeType: "STRING" };
    return column;
  });
  const name = `billing_${mapping.name}_${number}`;
  return {
    exportName: name,
    table: { project: "acme", dataset: "billing", name, pipelineName: name, sourceName: name, idColumn: "run_id" },
    columns,
    registry: [],
    partitionColumn: columns[0]?.name ?? "",
    tracking: [{ name: "run_id", type: "text", nativeType: "STRING" }],
    stateIn: "billing",
  };
}
