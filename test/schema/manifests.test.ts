import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { SourceColumn } from "../../src/model.ts";
import { type ColumnPlan, planColumns, type SchemaRules } from "../../src/schema/columns.ts";
import { curTypes, manifestType } from "../../src/schema/well-known.ts";
import { samplesFolder } from "../support/schema-samples.ts";

// Manifests of 2017 to 2019 that the ice project published (github.com/jimroth/ice, src/test/resources). The golden
// files hold what our tables make of their columns; their names were compared with a run of the Python pipelines' code
// when they were written, and are equal. A known column that such a manifest calls a string has its known type. UPDATE=1 rewrites them.
const fixtures = join(import.meta.dirname, "../fixtures/schema");
const copies = join(fixtures, "manifests");
const rules: SchemaRules = { naming: "cur-legacy", caseSensitive: true, wellKnown: curTypes };

describe("columns of real manifests", () => {
  for (const name of readdirSync(copies)) {
    it(`${name} gives the golden names and types`, () => {
      const golden = join(fixtures, name);
      const columns = describeColumns(join(copies, name));
      if (process.env["UPDATE"] === "1") writeFileSync(golden, `${JSON.stringify(columns, null, 2)}\n`);
      assert.deepEqual(columns, JSON.parse(readFileSync(golden, "utf8")));
    });

    it(`${name} has a type for every column`, () => {
      assert.deepEqual(planOf(readManifest(join(copies, name))).untyped, []);
    });
  }

  it("the manifests of the samples give the same", (test) => {
    const folder = samplesFolder(test, "rows/aws-cur1-manifests");
    if (folder === undefined) return;
    const names = readdirSync(folder);
    assert.deepEqual(names, readdirSync(copies));
    for (const name of names) {
      const golden: unknown = JSON.parse(readFileSync(join(fixtures, name), "utf8"));
      assert.deepEqual(describeColumns(join(folder, name)), golden, name);
    }
  });
});

describe("the dictionary of legacy CUR", () => {
  for (const name of ["manifest-2019-01.json", "manifest-2019-12.json"]) {
    it(`says what ${name} declares`, () => {
      const columns = readManifest(join(copies, name)).filter(({ type }) => type !== null);
      const untyped = planOf(columns.map((column) => ({ ...column, type: null })));
      assert.deepEqual(untyped.added, planOf(columns).added);
      assert.ok(columns.length > 200);
    });
  }
});

function describeColumns(path: string): Record<string, string> {
  const columns = readManifest(path);
  const { added, registered } = planOf(columns);
  assert.equal(added.length, columns.length);
  const types = new Map(added.map(({ name, type }) => [name, type]));
  return Object.fromEntries(
    registered.map(({ sourceName, columnName }) => [sourceName, `${columnName} ${types.get(columnName)}`]),
  );
}

function planOf(columns: readonly SourceColumn[]): ColumnPlan {
  const headers = [{ executionId: "one", format: "csv", columns } as const];
  return planColumns({ headers, registry: [], table: null, reserved: [] }, rules);
}

function readManifest(path: string): SourceColumn[] {
  const { columns } = JSON.parse(readFileSync(path, "utf8")) as {
    columns: { category: string; name: string; type?: string }[];
  };
  return columns.map(({ category, name, type }) => ({ name: `${category}/${name}`, type: manifestType(type) }));
}
