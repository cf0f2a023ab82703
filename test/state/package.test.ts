import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { loadedExecutions } from "../../src/state/executions.ts";
import { forgetPackage, loadPackage, packageRows, summaryPackage } from "../../src/state/package.ts";
import { readReceipt } from "../../src/state/receipts.ts";
import { trackingTableName, trackingTableOf } from "../../src/state/tables.ts";
import { dltFixtures, fixturesOf, newestLoadId, newestState, rowsOf, type DltFixture } from "./fixtures.ts";
import { awsTable, duckdbColumns, presentIn, receipt } from "./sample.ts";

const now = new Date("2027-01-02T03:04:05.006Z");

function currentOf(fixture: DltFixture): { state: string; newestLoadId: string } {
  return { state: newestState(fixture), newestLoadId: newestLoadId(fixture) };
}

describe("packages", () => {
  for (const fixture of dltFixtures) {
    it(`of a load continue what dlt wrote: ${fixture.title}`, () => {
      const current = currentOf(fixture);
      const { loadId: _, loadedAt: __, ...proved } = receipt;
      const load = loadPackage(
        current,
        fixture.table,
        { receipt: proved, submittedTime: null },
        "dlt.destinations.duckdb",
        now,
      );
      assert.ok(load.loadId > current.newestLoadId);
      const rows = packageRows(load, fixture.table, presentIn(fixture));
      assert.deepEqual(
        rows.map((row) => row.table.name),
        [trackingTableName(fixture.table), "_billhouse_receipts", "_dlt_pipeline_state", "_dlt_loads"],
      );
      for (const { table, values } of rows) {
        assert.equal(values["load_id"] ?? values["_dlt_load_id"], load.loadId);
        const names = new Set(table.columns.map((column) => column.name));
        assert.ok(Object.keys(values).every((name) => names.has(name) || name.endsWith("__v_text")));
      }
    });
  }

  it("of a load into our own table need no row elsewhere", () => {
    const { loadId: _, loadedAt: __, ...proved } = receipt;
    const current = { state: null, newestLoadId: null };
    const load = loadPackage(
      current,
      awsTable,
      { receipt: proved, submittedTime: null },
      "dlt.destinations.duckdb",
      now,
    );
    const rows = packageRows(load, awsTable, duckdbColumns(trackingTableOf(awsTable)));
    assert.deepEqual(
      rows.map((row) => row.table.name),
      ["aws_cur_data_load_tracking", "_dlt_pipeline_state", "_dlt_loads"],
    );
    assert.equal(rows[1]?.values["version"], 1);
    assert.equal(rows[2]?.values["status"], 0);
  });

  it("of a run summary look like dlt's, and are not a receipt", () => {
    for (const fixture of fixturesOf("aws-second-run")) {
      const counts = { totalRows: 20, manifestsProcessed: 2, manifestsSkipped: 1 };
      const load = summaryPackage(currentOf(fixture), fixture.table, counts, now);
      assert.equal(load.state, null);
      const [row, loads] = packageRows(load, fixture.table, presentIn(fixture));
      assert.equal(loads?.table.name, "_dlt_loads");
      const theirs = rowsOf(fixture, trackingTableName(fixture.table)).find((each) => each["total_rows"] === "20");
      const filled = Object.keys(theirs ?? {}).filter((name) => theirs?.[name] !== null);
      assert.deepEqual(Object.keys(row?.values ?? {}).toSorted(), filled.toSorted());
      assert.equal(row?.values["run_date"], "2027-01-02");
      assert.equal(readReceipt(row?.values ?? {}), null);
    }
  });

  it("of a forgetting have a state, and none where there is nothing to forget", () => {
    for (const fixture of fixturesOf("aws-fresh")) {
      const load = forgetPackage(currentOf(fixture), fixture.table, ["2025-10"], now);
      assert.deepEqual([...loadedExecutions(load.state?.state ?? null, fixture.table).keys()], ["2025-09"]);
      const none = forgetPackage({ state: null, newestLoadId: null }, fixture.table, "all", now);
      assert.deepEqual(
        packageRows(none, fixture.table, []).map((row) => row.table.name),
        ["_dlt_loads"],
      );
    }
  });
});
