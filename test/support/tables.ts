import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { ask, monthsOfTable, type Project, type Sections } from "./projects.ts";

/** The section of an export of AWS Data Exports over the project's own bucket. */
export const dataExportSection: Sections = { aws_export: { bucket_url: "bucket", prefix: "exports" } };

/** A table of the tests, with the columns that carry its billing month and its cost. */
export interface TestTable {
  readonly name: string;
  readonly partition: string;
  readonly cost: string;
}

/** The table of `[sources.aws_cur]`. */
export const curTable: TestTable = {
  name: "billing_data.aws_cur_data",
  partition: "bill_billing_period_start_date",
  cost: "line_item_unblended_cost",
};

/** The table of `[sources.azure_billing]` with files of actual cost. */
export const azureTable: TestTable = {
  name: "billing_data.azure_billing_data",
  partition: "BillingPeriodStartDate",
  cost: "CostInBillingCurrency",
};

/** The table of `[sources.azure_billing]` with FOCUS files. */
export const focusTable: TestTable = { ...azureTable, partition: "BillingPeriodStart", cost: "BilledCost" };

/** The table of `[sources.aws_export]` with files of CUR 2.0. */
export const dataExportTable: TestTable = { ...curTable, name: "billing_data.aws_export_data" };

/** Rows and cost of each month of a table, without zeros at the end: `2025-01` to `2 rows 3.5`. */
export async function held(project: Project, table: TestTable): Promise<Record<string, string>> {
  const months = await monthsOfTable(project, table.name, table);
  return Object.fromEntries(
    Object.entries(months).map(([month, [rows, sum]]) => [
      month,
      `${rows} rows ${sum.replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "")}`,
    ]),
  );
}

/** The values of one column of a table, in their order as text. */
export async function values(project: Project, table: TestTable, column: string): Promise<unknown[]> {
  const rows = await ask(project, `SELECT "${column}" AS value FROM ${table.name} ORDER BY 1 NULLS FIRST`);
  return rows.map((row) => row["value"]);
}

/** A FOCUS file in Parquet without any rows. `scratch` is a folder to write it in. */
export async function emptyParquet(scratch: string): Promise<Uint8Array> {
  const path = join(scratch, "empty.parquet");
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run(
    `COPY (SELECT CAST(NULL AS DECIMAL(38,18)) AS "BilledCost", CAST(NULL AS TIMESTAMP) AS "BillingPeriodStart" LIMIT 0) TO '${path}' (FORMAT parquet)`,
  );
  connection.closeSync();
  instance.closeSync();
  return readFile(path);
}
