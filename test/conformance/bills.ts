import type { BillingMonth, ColumnType, Receipt, RegisteredColumn, Table } from "../../src/model.ts";
import { loadPackage } from "../../src/state/package.ts";
import type {
  CheckedFile,
  MonthReplacement,
  QueryRow,
  TableMeasures,
  Warehouse,
} from "../../src/warehouses/warehouse.ts";
import type { TestWarehouse } from "./warehouse.ts";

/** Columns of a table or a file, in order. */
export type Columns = Readonly<Record<string, ColumnType>>;

/** The table into which the cases load. */
export const table: Table = {
  dataset: "billing",
  name: "bills",
  pipelineName: "bills_pipeline",
  sourceName: "bills_source",
  idColumn: "assembly_id",
};

/** The columns of a small bill. */
export const billColumns: Columns = {
  id: "text",
  period: "timestamp",
  used: "timestamp",
  cost: "decimal",
  currency: "text",
};

/** The month that the cases replace where they name none. */
export const month: BillingMonth = "2025-01";

/** What a case wants differently. */
export interface LoadChoices extends Partial<Omit<MonthReplacement, "table" | "files">> {
  readonly executionId?: string;
}

/** Prepares the table: new columns, and rows of the registry. */
export async function prepare(
  warehouse: Warehouse,
  columns: Columns = billColumns,
  registered: readonly RegisteredColumn[] = [],
  partitionColumn = "period",
): Promise<void> {
  const added = Object.entries(columns).map(([name, type]) => ({ name, type }));
  await warehouse.prepare(table, { added, registered, partitionColumn, usageColumn: null });
}

/** Replaces a month, and gives what the warehouse measured. */
export async function load(
  warehouse: Warehouse,
  files: Iterable<CheckedFile> | AsyncIterable<CheckedFile>,
  { executionId = "e1", ...choices }: LoadChoices = {},
): Promise<TableMeasures> {
  let measured: TableMeasures | undefined;
  const replacement = { ...billReplacement, ...choices, files: stream(files) };
  await warehouse.replaceMonth(replacement, (measures, current) => {
    measured = measures;
    const receipt = billReceipt(executionId, replacement.billingMonth, measures.rows);
    return loadPackage(current, table, { receipt, submittedTime: null }, warehouse.destinationType, new Date());
  });
  if (measured === undefined) throw new Error("The warehouse committed without asking.");
  return measured;
}

/** A CSV file with a header of its own, whose columns go to the table columns of the same order. */
export async function csv(
  test: TestWarehouse,
  text: string,
  columns: Columns = billColumns,
  sourceNames: readonly string[] = Object.keys(columns),
): Promise<CheckedFile> {
  const header = sourceNames.map((name) => `"${name.replaceAll('"', '""')}"`).join(",");
  return { ...(await test.put("bills.csv", `${header}\n${text}`)), columns: mapped(columns, sourceNames) };
}

/** Columns of a file, each with the table column that takes it. */
export function mapped(
  columns: Columns,
  sourceNames: readonly string[] = Object.keys(columns),
): CheckedFile["columns"] {
  return Object.entries(columns).map(([columnName, type], index) => ({
    sourceName: sourceNames[index] ?? columnName,
    columnName,
    type,
  }));
}

/** All rows of a query. */
export async function rows(warehouse: Warehouse, sql: string): Promise<QueryRow[]> {
  const found: QueryRow[] = [];
  for await (const row of warehouse.query(sql)) found.push(row);
  return found;
}

/** The replacement of the small bill's month, without its files. */
export const billReplacement: Omit<MonthReplacement, "files"> = {
  table,
  billingMonth: month,
  partitionColumn: "period",
  stamped: false,
  spansMonths: false,
  costColumns: ["cost"],
  currencyColumn: "currency",
  usageColumn: "used",
};

/** The receipt of a load of the cases. */
export function billReceipt(
  executionId: string,
  billingMonth: BillingMonth,
  count: number,
): Omit<Receipt, "loadId" | "loadedAt"> {
  return {
    executionId,
    billingMonth,
    rows: count,
    fileCount: 1,
    format: "csv",
    sourceBytes: 5_000_000_000,
    cost: { USD: "12.34", "": "-0.00000000000000000001" },
    tableCost: { USD: "12.34", "": "0" },
    effectiveCost: null,
    tableEffectiveCost: null,
    roundedValues: 1,
    coverage: { start: "2025-01-01", end: "2025-01-31" },
    firstUsage: "2025-01-01T00:00:00Z",
    lastUsage: null,
    schemaChanges: ["Column a was added."],
    files: [{ key: "a/b.csv.gz", size: 5_000_000_000, version: "v1", checksum: null, rows: count }],
    waivers: ["row-count"],
    durationSeconds: 1.5,
    version: "0.1.0",
  };
}

/** Files, one after the other. */
export async function* stream(files: Iterable<CheckedFile> | AsyncIterable<CheckedFile>): AsyncGenerator<CheckedFile> {
  yield* files;
}
