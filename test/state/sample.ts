import type { Receipt, Table } from "../../src/model.ts";
import type { PresentColumn, StateTable } from "../../src/state/tables.ts";
import { trackingTableName } from "../../src/state/tables.ts";
import type { DltFixture } from "./fixtures.ts";

/** DuckDB's names for the types of the tables that billhouse keeps. */
export const duckdbTypes = {
  text: "VARCHAR",
  bigint: "BIGINT",
  timestamptz: "TIMESTAMP WITH TIME ZONE",
  boolean: "BOOLEAN",
  date: "DATE",
  double: "DOUBLE",
} as const;

/** A receipt that says everything. */
export const receipt: Receipt = {
  loadId: "1800000000.000000",
  executionId: "9797f397-5193-4295-8ddf-ed4a1d37fe95",
  billingMonth: "2025-12",
  loadedAt: "2026-01-03T04:05:06.789012+00:00",
  rows: 3,
  fileCount: 1,
  format: "csv",
  sourceBytes: 5_000_000_000,
  cost: { USD: "12.34", "": "-0.00000000000000000001" },
  tableCost: { USD: "12.34", "": "0" },
  effectiveCost: null,
  tableEffectiveCost: null,
  amounts: { list: { USD: "15.5" } },
  roundedValues: 1,
  scope: "111122223333",
  dataset: "ActualCost",
  submittedTime: "2025-02-01T00:00:00.0000000Z",
  kind: "aws-cur",
  measured: {
    partitionColumn: "period",
    costColumns: ["cost"],
    amountColumns: [],
    currencyColumn: "currency",
    usageColumn: "used",
    serviceColumn: null,
    accountColumn: null,
    chargeTypeColumn: null,
    invoiceColumn: null,
    payerColumn: null,
  },
  summary: [{ service: "EC2", account: null, charge_type: "Usage", currency: "USD", rows: 3, cost: "12.34" }],
  uninvoicedRows: 0,
  uninvoicedCostRows: 0,
  finality: "final",
  undone: [
    { loadId: "1799999999.000000", executionId: "e0", executionIds: ["e9", "e0"], fingerprint: null, checksums: null },
  ],
  restoredLoadId: null,
  coverage: { start: "2025-12-01", end: "2025-12-31" },
  firstUsage: "2025-12-01T00:00:00Z",
  lastUsage: "2025-12-31T23:00:00Z",
  schemaChanges: ["Column a was added."],
  files: [{ key: "a/b.csv.gz", size: 5_000_000_000, version: "v1", checksum: null, rows: 3 }],
  waivers: [],
  durationSeconds: 1.5,
  version: "0.1.0",
  deliveries: [
    {
      execution_id: "9797f397-5193-4295-8ddf-ed4a1d37fe95",
      manifest_key: "a/manifest.json",
      manifest_version: "m1",
      submitted_time: "2025-02-01T00:00:00.0000000Z",
      made: "2025-02-01T00:00:00Z",
      coverage: { start: "2025-12-01", end: "2025-12-31" },
      rows: 3,
      cost: { USD: "12.34", "": "-0.00000000000000000001" },
    },
  ],
  flags: ["unsettled"],
  dataUntil: "2025-12-30",
  period: { start: "2025-12-01", end: "2025-12-30" },
  missingDays: [{ start: "2025-12-05", end: "2025-12-06" }],
  otherMonths: [{ month: "2026-01", rows: 1, cost: { USD: "8.00" } }],
  rowsWithoutPeriod: 2,
  accepted: { gap: { who: "ann", when: "2026-01-03T04:05:06Z", why: null } },
  loadReason: "restated",
};

/** The tables of the AWS and the Azure pipeline. */
export const awsTable: Table = {
  dataset: "aws_billing_data",
  name: "aws_cur_data",
  pipelineName: "aws_billing_pipeline",
  sourceName: "aws_billing_source",
  idColumn: "assembly_id",
};
/** The table of the Azure pipeline. */
export const azureTable: Table = {
  dataset: "azure_billing_data",
  name: "azure_billing_data",
  pipelineName: "azure_billing_pipeline",
  sourceName: "azure_billing_source",
  idColumn: "run_id",
};

/** The columns that a table has when billhouse made it in DuckDB. */
export function duckdbColumns(table: StateTable): PresentColumn[] {
  return table.columns.map(({ name, type }) => ({ name, nativeType: duckdbTypes[type] }));
}

/** The columns of the tracking table that dlt made. */
export function presentIn(fixture: DltFixture): PresentColumn[] {
  const tracking = fixture.tables[trackingTableName(fixture.table)];
  return (tracking?.columns ?? []).map(({ name, type }) => ({ name, nativeType: type }));
}
