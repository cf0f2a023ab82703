import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { BillhouseError } from "../../src/errors.ts";
import type { Table } from "../../src/model.ts";
import { loadedExecutions } from "../../src/state/executions.ts";
import { newestReceipts, readReceipt } from "../../src/state/receipts.ts";
import { receiptRow, trackingRow } from "../../src/state/package.ts";
import { columnsToAdd, trackingTableName, trackingTableOf } from "../../src/state/tables.ts";
import { dltFixtures, fixturesOf, newestState, rowsOf } from "./fixtures.ts";
import { awsTable, azureTable, duckdbColumns, duckdbTypes, presentIn, receipt } from "./sample.ts";

describe("receipts", () => {
  const cases: Readonly<Record<string, Table>> = { AWS: awsTable, Azure: azureTable };
  for (const [cloud, table] of Object.entries(cases)) {
    it(`come back from a tracking table that billhouse made: ${cloud}`, () => {
      const row = trackingRow(receipt, table, duckdbColumns(trackingTableOf(table)));
      assert.deepEqual(Object.keys(row).toSorted(), expectedColumns(table));
      assert.deepEqual(readReceipt(row), receipt);
    });
  }

  for (const fixture of dltFixtures) {
    it(`come back from a tracking table that dlt made, and a row of our own: ${fixture.title}`, () => {
      const { table } = fixture;
      const present = [
        ...presentIn(fixture),
        ...columnsToAdd(trackingTableOf(table), presentIn(fixture)).map(({ name, type }) => ({
          name,
          nativeType: duckdbTypes[type],
        })),
      ];
      for (const executionId of [receipt.executionId, "20251103T010203Z"]) {
        const written = { ...receipt, executionId };
        const row = trackingRow(written, table, present);
        assert.ok(Object.keys(row).every((name) => present.some((column) => column.name === name)));
        assert.deepEqual(readReceipt(row, receiptRow(written, table)), written);
      }
    });
  }

  it("of a migrated table are found in both places", () => {
    const row = { ...trackingRow(receipt, azureTable, duckdbColumns(trackingTableOf(azureTable))), source_bytes: null };
    assert.equal(readReceipt(row, { source_bytes: "77" })?.sourceBytes, 77);
  });

  it("of the Python pipelines have null for missing values", () => {
    for (const fixture of fixturesOf("azure-second-run")) {
      const [first] = rowsOf(fixture, trackingTableName(fixture.table));
      const read = readReceipt(first ?? {});
      assert.equal(read?.executionId, "0b8c7b2e-6a0b-4d7c-9f5e-3a1d2c4b5e6f");
      assert.equal(read.rows, 21);
      assert.equal(read.fileCount, 2);
      assert.match(read.loadedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/);
      assert.deepEqual(
        [read.format, read.cost, read.files, read.coverage, read.version],
        [null, null, null, null, null],
      );
      assert.deepEqual([read.schemaChanges, read.waivers], [[], []]);
    }
  });

  for (const fixture of dltFixtures) {
    it(`that are newest are those of the state: ${fixture.title}`, () => {
      const receipts = newestReceipts(rowsOf(fixture, trackingTableName(fixture.table)));
      const state = [...loadedExecutions(newestState(fixture), fixture.table)].map(([month, loaded]) => [
        month,
        loaded.executionId,
      ]);
      assert.deepEqual(
        Object.fromEntries(receipts.map((each) => [each.billingMonth, each.executionId])),
        Object.fromEntries(state),
      );
    });
  }

  it("are newest by load id as text, joined with our own rows by load id and month", () => {
    const present = duckdbColumns(trackingTableOf(awsTable)).slice(0, 8);
    const older = { ...receipt, loadId: "1800000000.5", executionId: "older" };
    const newer = { ...receipt, loadId: "1800000000.50001", executionId: "newer", sourceBytes: 9 };
    const rows = [newer, older].map((each) => trackingRow(each, awsTable, present));
    const own = [older, newer].map((each) => receiptRow(each, awsTable));
    assert.deepEqual(newestReceipts(rows, own), [newer]);
  });

  it("read times in any zone and spelling", () => {
    const row = trackingRow(receipt, awsTable, duckdbColumns(trackingTableOf(awsTable)));
    const times: Readonly<Record<string, string>> = {
      "2025-11-02 03:04:05.123456+00": "2025-11-02T03:04:05.123456+00:00",
      "2025-11-02 03:04:05+00": "2025-11-02T03:04:05.000000+00:00",
      "2025-11-02 05:34:05.1+02:30": "2025-11-02T03:04:05.100000+00:00",
      "2025-11-01 22:04:05.123456-05": "2025-11-02T03:04:05.123456+00:00",
      "2025-11-02T03:04:05.123456Z": "2025-11-02T03:04:05.123456+00:00",
    };
    for (const [written, read] of Object.entries(times)) {
      assert.equal(readReceipt({ ...row, loaded_at: written })?.loadedAt, read);
    }
  });

  it("say STATE_INVALID when their JSON is damaged", () => {
    const row = { ...trackingRow(receipt, awsTable, duckdbColumns(trackingTableOf(awsTable))), files: "[{" };
    assert.throws(() => readReceipt(row), { code: "STATE_INVALID" });
  });

  const wrong: Readonly<Record<string, readonly string[]>> = {
    cost_by_currency: ["[]", "[1]", '"1"', "5", '{"USD":1}', '{"USD":null}', '{"USD":"x"}', '{"USD":"1e999999999"}'],
    table_cost_by_currency: ['{"a":1}', '{"__proto__":{}}'],
    effective_cost_by_currency: ['{"a":["1"]}'],
    table_effective_cost_by_currency: ["true"],
    files: ['{"a":1}', "[null]", "[1]", "[{}]", '[{"key":null}]', '[{"key":"a","size":"1","version":"v"}]'],
    undone_loads: ['{"a":1}', "[null]", "[1]", '[{"loadId":"1"}]', '[{"loadId":1,"executionId":"e"}]'],
    measured_columns: [
      "[]",
      "{}",
      '{"partitionColumn":"p","costColumns":"cost"}',
      `${"[".repeat(3000)}${"]".repeat(3000)}`,
    ],
    cost_summary: [
      '{"a":1}',
      "[null]",
      "[1]",
      '[{"currency":"USD","rows":1,"cost":1}]',
      '[{"currency":1,"rows":1,"cost":"1"}]',
    ],
    schema_changes: ['{"a":1}', "[null]", "[1]", '"text"'],
    waivers: ['{"a":1}', "[null]", "[1]", '"row-count"'],
    loaded_at: ["infinity", "9999-99-99T99:99:99Z", "2025-02-30 00:00:00+00", "9999-12-31 23:59:59-05", "soon"],
    coverage_start: ["infinity", "9999-99-99", "2025-02-30", "soon"],
    coverage_end: ["-infinity", "2025-12-31T00:00:00Z"],
    restored_load_id: ["infinity", "9e99", "99999999999999", "-1"],
    finality: ["constructor", "closed"],
    row_count: ["many", "1.5", "9007199254740993"],
    source_bytes: ["nan"],
  };
  const complete = trackingRow(receipt, awsTable, duckdbColumns(trackingTableOf(awsTable)));
  for (const [column, values] of Object.entries(wrong)) {
    it(`say STATE_INVALID, naming load, column and remedy, for a ${column} of another shape`, () => {
      for (const value of values) {
        assert.throws(
          () => readReceipt({ ...complete, [column]: value }),
          (error: BillhouseError) =>
            error.code === "STATE_INVALID" &&
            error.message.includes(`load ${receipt.loadId} of 2025-12`) &&
            error.message.includes(column) &&
            error.hint.includes(`Set ${column} to NULL`),
          `${column} = ${value.slice(0, 60)}`,
        );
      }
      // As the hint says.
      assert.equal(readReceipt({ ...complete, [column]: null })?.loadId, receipt.loadId);
    });
  }

  it("name the table that a broken value is kept in", () => {
    const row = { ...complete, files: null };
    assert.throws(
      () => readReceipt(row, { files: "[1]" }),
      (error: BillhouseError) => error.hint.includes("_billhouse_receipts"),
    );
  });

  it("of older and newer versions are read", () => {
    const read = readReceipt({
      ...complete,
      undone_loads: '[{"loadId":"1","executionId":"e","fingerprint":null}]',
      files: '[{"key":"a","size":1,"version":"v","checksum":null,"rows":null,"replaced":"u","later":[]}]',
      cost_summary: '[{"cost":"1","rows":1,"currency":"","service":null,"account":null,"charge_type":null}]',
      cost_by_currency: '{"__proto__":"1","USD":"1.2E-7"}',
      schema_changes: "null",
    });
    assert.deepEqual(read?.undone, [
      { loadId: "1", executionId: "e", executionIds: ["e"], fingerprint: null, checksums: null },
    ]);
    assert.deepEqual(read.files, [{ key: "a", size: 1, version: "v", checksum: null, rows: null, replaced: "u" }]);
    // What summaries are compared by is their text.
    assert.equal(
      JSON.stringify(read.summary),
      '[{"service":null,"account":null,"charge_type":null,"currency":"","rows":1,"cost":"1"}]',
    );
    assert.equal(JSON.stringify(read.cost), '{"__proto__":"1","USD":"1.2E-7"}');
    assert.deepEqual(read.schemaChanges, []);
  });

  it("have null for an unknown format", () => {
    assert.equal(readReceipt({ ...complete, format: "xml" })?.format, null);
  });

  it("keep an id that only looks like a time", () => {
    for (const id of ["9999-99-99T99:99:99Z", "2025-11-02 03:04 or so"]) {
      assert.equal(readReceipt({ ...complete, assembly_id: id })?.executionId, id);
    }
  });

  function expectedColumns(table: Table): string[] {
    const summary = new Set(["run_date", "total_rows", "manifests_processed", "manifests_skipped", "is_run_summary"]);
    return trackingTableOf(table)
      .columns.map((column) => column.name)
      .filter((name) => !summary.has(name))
      .toSorted();
  }
});
