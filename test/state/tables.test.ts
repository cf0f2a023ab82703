import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { columnsToAdd, keepsReceipts, loadsTable, pipelineStateTable } from "../../src/state/tables.ts";
import { trackingTableName, trackingTableOf } from "../../src/state/tables.ts";
import { dltFixtures, fixturesOf } from "./fixtures.ts";
import { awsTable, duckdbColumns, duckdbTypes, presentIn } from "./sample.ts";

describe("the tables that billhouse keeps are those that real dlt makes", () => {
  for (const fixture of dltFixtures) {
    it(fixture.title, () => {
      for (const table of [loadsTable, pipelineStateTable, trackingTableOf(fixture.table)]) {
        const made = fixture.tables[table.name]?.columns ?? [];
        assert.ok(made.length > 0, table.name);
        const known = new Map(table.columns.map((column) => [column.name, column]));
        // The two deviations, each with a test of its own: ids that look like times, and their spare column.
        const columns = made.filter(
          ({ name, type }) => !name.endsWith("__v_text") && !(name === "assembly_id" && type !== "VARCHAR"),
        );
        for (const column of columns) {
          const ours = known.get(column.name);
          assert.ok(ours !== undefined, `${table.name}.${column.name}`);
          assert.equal(ours.origin, "dlt");
          assert.deepEqual(
            { type: duckdbTypes[ours.type], nullable: ours.nullable },
            { type: column.type, nullable: column.nullable },
          );
        }
      }
    });
  }

  it("in their order", () => {
    for (const fixture of [...fixturesOf("aws-second-run"), ...fixturesOf("azure-second-run")]) {
      for (const table of [loadsTable, pipelineStateTable, trackingTableOf(fixture.table)]) {
        const names = table.columns.filter((column) => column.origin === "dlt").map((column) => column.name);
        assert.deepEqual(
          fixture.tables[table.name]?.columns.map((column) => column.name),
          names,
        );
      }
    }
  });

  it("under dlt's name for the tracking table", () => {
    assert.equal(trackingTableName({ ...awsTable, name: "AWS-Cur" }), "aws_cur_load_tracking");
  });
});

describe("columnsToAdd", () => {
  const names = (columns: readonly { readonly name: string }[]): string[] => columns.map((column) => column.name);

  it("adds to a table of the Python pipelines only what they would add themselves", () => {
    for (const fixture of fixturesOf("aws-second-run")) {
      assert.deepEqual(columnsToAdd(trackingTableOf(fixture.table), presentIn(fixture)), []);
    }
    for (const fixture of fixturesOf("aws-before-summaries")) {
      assert.deepEqual(names(columnsToAdd(trackingTableOf(fixture.table), presentIn(fixture))), [
        "run_date",
        "total_rows",
        "manifests_processed",
        "manifests_skipped",
        "is_run_summary",
      ]);
    }
    for (const fixture of fixturesOf("aws-summary-only")) {
      const added = columnsToAdd(trackingTableOf(fixture.table), presentIn(fixture));
      assert.deepEqual(names(added), ["assembly_id", "billing_month", "row_count", "file_count", "format"]);
    }
  });

  it("adds ours when it migrates, all of them nullable", () => {
    for (const fixture of fixturesOf("azure-second-run")) {
      const added = columnsToAdd(trackingTableOf(fixture.table), presentIn(fixture), { migrate: true });
      assert.deepEqual(names(added).slice(0, 2), ["format", "source_bytes"]);
      assert.ok(added.every((column) => column.nullable));
    }
  });

  it("adds the spare column for ids where dlt made the ids times", () => {
    for (const fixture of fixturesOf("aws-time-ids")) {
      assert.deepEqual(names(columnsToAdd(trackingTableOf(fixture.table), presentIn(fixture))), [
        "assembly_id__v_text",
      ]);
    }
    for (const fixture of fixturesOf("aws-time-ids-first")) {
      assert.deepEqual(columnsToAdd(trackingTableOf(fixture.table), presentIn(fixture)), []);
    }
  });

  it("adds what a newer billhouse knows to a table that billhouse made", () => {
    const table = trackingTableOf(awsTable);
    const older = duckdbColumns(table).filter((column) => column.name !== "waivers");
    assert.ok(keepsReceipts(older));
    assert.deepEqual(names(columnsToAdd(table, older)), ["waivers"]);
  });
});
