import { join } from "node:path";
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import { normaliseCurName } from "../../src/schema/names.ts";
import { curDelivery, curManifestTypes, curRow, deliver, type Delivery, type Row } from "./deliveries.ts";
import type { Project, Sections } from "./projects.ts";
import { fixturesOf, rowsOf, textOf, type DltFixture } from "../state/fixtures.ts";

/** What the Python pipelines left in one dataset, by the newest dlt of the fixtures. */
export const pythonDataset: DltFixture = newestFixture("aws-second-run");

/** The section that reads it. */
export const pythonSections: Sections = {
  aws_cur: {
    bucket_url: "bucket",
    prefix: "cur",
    dataset: pythonDataset.table.dataset,
    table_name: pythonDataset.table.name,
  },
};

/** `dataset.table` of the bill. */
export const pythonTable: string = `${pythonDataset.table.dataset}.${pythonDataset.table.name}`;

/** The types with which its amounts were loaded; nothing else is meant to change. */
export const inexactTypes: Readonly<Record<string, string>> = {
  "lineItem/UnblendedCost": "DOUBLE",
  "lineItem/UsageAmount": "DOUBLE",
  "lineItem/NetUnblendedCost": "VARCHAR",
  "reservation/UnusedQuantity": "FLOAT",
};

const columns: readonly string[] = [
  "identity/LineItemId",
  "bill/BillingPeriodStartDate",
  "bill/PayerAccountId",
  "lineItem/UsageStartDate",
  "lineItem/CurrencyCode",
  "lineItem/UnblendedRate",
  ...Object.keys(inexactTypes),
  "product/ecu",
  "product/ECU",
];

/** The words of its manifests. Only the dictionary knows what a quantity is that the newest month does not have any more. */
const types = { ...curManifestTypes, "lineItem/NetUnblendedCost": "OptionalBigDecimal" };

/** A delivery of a month as AWS writes it: 300 rows with amounts of every form. */
export function bill(month: string, id: string): Delivery {
  const forms = ["0.0416000000", "12.34", "-0.5", "1.5E-7", "", "0", "1234567.891", "3E+2", "0.1", "7.0000000001"];
  const amount = (index: number): string => forms[index % forms.length] ?? "";
  const rows = Array.from({ length: 300 }, (_, index): Row =>
    curRow(month, {
      "identity/LineItemId": `${month}-${index}`,
      "bill/PayerAccountId": "0042",
      "lineItem/UnblendedCost": amount(index * 7 + Number(month.slice(5))),
      "lineItem/UsageAmount": amount(index * 3),
      "lineItem/NetUnblendedCost": month < "2025-12" && index % 9 === 0 ? "   " : amount(index),
      "reservation/UnusedQuantity": index % 2 === 0 ? "0.1" : "",
      "product/ecu": "Variable",
      "product/ECU": "4",
    }),
  );
  const header = month === "2025-09" ? columns : columns.filter((column) => column !== "reservation/UnusedQuantity");
  return curDelivery({ month, id, files: [rows.slice(0, 200), rows.slice(200)], columns: header, types });
}

/**
 * Makes the project's database what the Python pipelines would have left: dlt's own tables, and the rows of every month
 * that its state knows, under its names, with floats and text for amounts. Their deliveries lie in the bucket.
 */
export async function makePythonTables(project: Pick<Project, "folder" | "bucket">): Promise<readonly string[]> {
  const { table } = pythonDataset;
  const instance = await DuckDBInstance.create(join(project.folder, "billhouse.duckdb"));
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  await restoreDataset(connection, pythonDataset);
  const months = new Map(
    rowsOf(pythonDataset, `${table.name}_load_tracking`).flatMap((row) =>
      row["billing_month"] === null ? [] : [[textOf(row["billing_month"]), textOf(row["assembly_id"])] as const],
    ),
  );
  const target = `"${table.dataset}"."${table.name}"`;
  const numbered = (column: string): string => (column === "product/ECU" ? "product_ecu_1" : normaliseCurName(column));
  const typeOf = (column: string): string =>
    inexactTypes[column] ?? (column.endsWith("Date") ? "TIMESTAMP" : "VARCHAR");
  const definitions = columns.map((column) => `"${numbered(column)}" ${typeOf(column)}`);
  await connection.run(`CREATE TABLE ${target} (${definitions.join(", ")})`);
  for (const [month, id] of months) {
    const delivery = bill(month, id);
    await deliver(project.bucket, delivery);
    for (const key of delivery.fileKeys) {
      const path = join(project.bucket, key);
      // Where the same name differs in case only, DuckDB's reader numbers it as Python did.
      const cells = columns.map((column) =>
        month !== "2025-09" && column === "reservation/UnusedQuantity"
          ? "NULL"
          : `CAST("${column === "product/ECU" ? "product/ECU_1" : column}" AS ${typeOf(column)})`,
      );
      await connection.run(
        `INSERT INTO ${target} SELECT ${cells.join(", ")} FROM read_csv('${path}', all_varchar = true)`,
      );
    }
  }
  connection.closeSync();
  instance.closeSync();
  return [...months.keys()].toSorted();
}

/** Writes the tables of a fixture as dlt left them. */
export async function restoreDataset(connection: DuckDBConnection, { table, tables }: DltFixture): Promise<void> {
  await connection.run(`CREATE SCHEMA "${table.dataset}"`);
  for (const [name, { columns: kept, rows }] of Object.entries(tables)) {
    const target = `"${table.dataset}"."${name}"`;
    const definitions = kept.map((column) => `"${column.name}" ${column.type}${column.nullable ? "" : " NOT NULL"}`);
    await connection.run(`CREATE TABLE ${target} (${definitions.join(", ")})`);
    for (const row of rows) {
      const values = Object.values(row).map((value) => (value === null ? null : String(value)));
      const names = Object.keys(row).map((column) => `"${column}"`);
      const places = values.map((_, index) => `$${index + 1}`);
      await connection.run(`INSERT INTO ${target} (${names.join(", ")}) VALUES (${places.join(", ")})`, values);
    }
  }
}

function newestFixture(name: string): DltFixture {
  const fixture = fixturesOf(name).at(-1);
  if (fixture === undefined) throw new Error(`There is no fixture ${name}.`);
  return fixture;
}
