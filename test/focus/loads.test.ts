import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";

import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";

import { bigquery } from "../../src/focus/dialects/bigquery.ts";
import { duckdb } from "../../src/focus/dialects/duckdb.ts";
import { newestLoads } from "../../src/focus/loads.ts";
import type { ChargeTable } from "../../src/focus/mapping.ts";
import type { TableColumn } from "../../src/model.ts";
import { receiptsTable, trackingTableName } from "../../src/state/tables.ts";
import { startBigqueryServer } from "../servers/bigquery/server.ts";
import { type DltFixture, fixturesOf, rowsOf } from "../state/fixtures.ts";
import { restoreDataset } from "../support/python-tables.ts";

// dlt made the ids of AWS times, because such ids came first, and keeps later ids as text: test/witnesses/dlt/golden.py.
const fixtures = fixturesOf("aws-time-ids-first");
const newest = [
  ["2025-09", "1c5b2b96-0e4a-4a57-8f60-0d1f7d1e2a01"],
  ["2025-10", "4b02f8c3-11aa-4f5c-8c3b-9d2e4c5d6b04"],
  ["2025-11", "3a917e52-54b1-4c8b-a1de-77e0c9b8aa03"],
];
const first = [
  ["2025-09", "20251002T000000Z"],
  ["2025-10", "20251103T010203Z"],
];
/** The loads before those with ids that are not times. */
const before = "billing_month < '2025-11' AND assembly_id IS NOT NULL";

function charged(
  { table }: DltFixture,
  tracking: readonly TableColumn[],
  receipts?: readonly TableColumn[],
): ChargeTable {
  const own = receipts === undefined ? {} : { receipts };
  return {
    exportName: "aws_cur",
    table,
    columns: [],
    registry: [],
    partitionColumn: "",
    tracking,
    ...own,
    stateIn: table.dataset,
  };
}

/** The columns of the tracking table of a fixture, in the types of a warehouse. */
function trackingOf(fixture: DltFixture, types: Readonly<Record<string, string>> = {}): readonly TableColumn[] {
  const { columns = [] } = fixture.tables[trackingTableName(fixture.table)] ?? {};
  return columns.map(({ name, type }) => ({ name, type: null, nativeType: types[type] ?? type }));
}

async function openDuckdb(t: TestContext): Promise<DuckDBConnection> {
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  t.after(() => {
    connection.closeSync();
    instance.closeSync();
  });
  return connection;
}

for (const fixture of fixtures) {
  test(`ids that dlt made times are shown as AWS wrote them, in DuckDB in any time zone (${fixture.title})`, async (t) => {
    const connection = await openDuckdb(t);
    await connection.run("SET TimeZone = 'America/New_York'");
    await restoreDataset(connection, fixture);
    const loads = async (): Promise<unknown> => {
      const sql = newestLoads(charged(fixture, trackingOf(fixture)), ["execution_id"], duckdb) ?? assert.fail();
      return (await connection.runAndReadAll(`${sql} ORDER BY 1`)).getRowsJson();
    };
    assert.deepEqual(await loads(), newest);
    const { dataset, name } = { dataset: fixture.table.dataset, name: trackingTableName(fixture.table) };
    await connection.run(`DELETE FROM "${dataset}"."${name}" WHERE NOT (${before})`);
    assert.deepEqual(await loads(), first);
  });
}

test("ids that dlt made times are shown as AWS wrote them, in BigQuery", async (t) => {
  const [fixture = assert.fail()] = fixtures;
  const server = await startBigqueryServer({ readObject: () => Promise.resolve(undefined) });
  t.after(() => server.close());
  const { dataset } = fixture.table;
  server.createDataset(dataset);
  const tracking = trackingTableName(fixture.table);
  const columns = trackingOf(fixture, {
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
    VARCHAR: "STRING",
    BIGINT: "INT64",
    BOOLEAN: "BOOL",
  });
  const rows = rowsOf(fixture, tracking).map((row) => {
    const cells = columns.map(({ name, nativeType }) => {
      const value = row[name] ?? null;
      return `CAST(${value === null ? "NULL" : bigquery.literal(String(value))} AS ${nativeType}) AS ${name}`;
    });
    return `SELECT ${cells.join(", ")}`;
  });
  const place = bigquery.tableName({ dataset }, tracking);
  await server.rows(`CREATE TABLE ${place} AS ${rows.join(" UNION ALL ")}`);
  const loads = (): Promise<unknown> =>
    server.rows(`${newestLoads(charged(fixture, columns), ["execution_id"], bigquery) ?? assert.fail()} ORDER BY 1`);
  assert.deepEqual(await loads(), newest);
  await server.rows(`DELETE FROM ${place} WHERE NOT (${before}) OR assembly_id IS NULL OR billing_month IS NULL`);
  assert.deepEqual(await loads(), first);
});

test("what a tracking table of another tool lacks is in the table of receipts", async (t) => {
  const [fixture = assert.fail()] = fixtures;
  const connection = await openDuckdb(t);
  await restoreDataset(connection, fixture);
  const { dataset, name } = fixture.table;
  const newestLoad = rowsOf(fixture, trackingTableName(fixture.table)).at(-1)?.["_dlt_load_id"];
  await connection.run(
    `CREATE TABLE "${dataset}"."${receiptsTable.name}" (table_name VARCHAR, billing_month VARCHAR, load_id VARCHAR, dataset VARCHAR, missing_days VARCHAR);
     INSERT INTO "${dataset}"."${receiptsTable.name}" VALUES ('${name}', '2025-11', '${newestLoad}', 'ActualCost', '[]'),
       ('another', '2025-10', '${newestLoad}', 'FocusCost', '[]')`,
  );
  const receipts = ["table_name", "billing_month", "load_id", "dataset", "missing_days"].map((column) => ({
    name: column,
    type: null,
    nativeType: "VARCHAR",
  }));
  const sql = newestLoads(charged(fixture, trackingOf(fixture), receipts), ["dataset", "missing_days"], duckdb);
  const found = await connection.runAndReadAll(`${sql ?? ""} ORDER BY 1`);
  assert.deepEqual(found.getRowsJson(), [
    ["2025-09", null, null],
    ["2025-10", null, null],
    ["2025-11", "ActualCost", "[]"],
  ]);
});
