import type { BillingMonth, ColumnType, Receipt, RegisteredColumn, Table, MeasuredColumns } from "../../src/model.ts";
import { loadPackage } from "../../src/state/package.ts";
import {
  type MappedFile,
  type MonthColumns,
  type MonthReplacement,
  type QueryRow,
  requireCapability,
  type TableMeasures,
  type Warehouse,
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
export type LoadChoices = Partial<Omit<MonthReplacement, "table" | "files">>;

/** Prepares the table: new columns, and rows of the registry. */
export async function prepare(
  warehouse: Warehouse,
  columns: Columns = billColumns,
  registered: readonly RegisteredColumn[] = [],
  partitionColumn = "period",
): Promise<void> {
  const added = Object.entries(columns).map(([name, type]) => ({ name, type }));
  await warehouse.prepare(table, { added, registered, partitionColumn, usageColumn: null, keepsPrevious: false });
}

/** The values that prove a load, read by billhouse or by the warehouse. */
export type Proof = Pick<TableMeasures, "rows" | "inserted" | "sums" | "firstUsage" | "lastUsage">;

/** Replaces a month, and gives the figures that prove it. */
export async function load(
  warehouse: Warehouse,
  files: Iterable<MappedFile> | AsyncIterable<MappedFile>,
  choices: LoadChoices = {},
): Promise<Proof> {
  const { rows, inserted, sums, firstUsage, lastUsage } = await loadAndMeasure(warehouse, files, choices);
  return { rows, inserted, sums, firstUsage, lastUsage };
}

/** The same with everything that was measured. */
export async function loadAndMeasure(
  warehouse: Warehouse,
  files: Iterable<MappedFile> | AsyncIterable<MappedFile>,
  choices: LoadChoices = {},
): Promise<TableMeasures> {
  let measured: TableMeasures | undefined;
  const replaces = await newestLoad(warehouse, choices.billingMonth ?? month);
  const replacement = { ...billReplacement, replaces, ...choices, files: stream(files) };
  await warehouse.replaceMonth(replacement, async (measures, current) => {
    measured = measures;
    const receipt = billReceipt(replacement.executionId, replacement.billingMonth, measures.rows);
    return loadPackage(current, table, { receipt, submittedTime: null }, warehouse.destinationType, new Date());
  });
  if (measured === undefined) throw new Error("The warehouse committed without asking.");
  return measured;
}

/** The load_id of the newest load of a month; null when there is none. */
export async function newestLoad(warehouse: Warehouse, billingMonth: BillingMonth): Promise<string | null> {
  const { receipts } = await warehouse.ledger(table);
  return receipts.find((receipt) => receipt.billingMonth === billingMonth)?.loadId ?? null;
}

/** What files of the delivery `e1` are, whose rows name their period where they have the column. */
export const ofDelivery = { executionId: "e1", periodColumn: "period", needsPeriod: false };

/** A CSV file with a header of its own, whose columns go to the table columns of the same order. */
export async function csv(
  test: TestWarehouse,
  text: string,
  columns: Columns = billColumns,
  sourceNames: readonly string[] = Object.keys(columns),
): Promise<MappedFile> {
  return { ...(await test.put("bills.csv", header(sourceNames) + text)), columns: mapped(columns, sourceNames) };
}

/** The first line of such a file. */
export function header(sourceNames: readonly string[] = Object.keys(billColumns)): string {
  return `${sourceNames.map((name) => `"${name.replaceAll('"', '""')}"`).join(",")}\n`;
}

/** Columns of a file, each with the table column that takes it. */
export function mapped(columns: Columns, sourceNames: readonly string[] = Object.keys(columns)): MappedFile["columns"] {
  return Object.entries(columns).map(([columnName, type], index) => ({
    sourceName: sourceNames[index] ?? columnName,
    columnName,
    type,
  }));
}

/** All rows of a query. */
export async function rows(warehouse: Warehouse, sql: string): Promise<QueryRow[]> {
  const found: QueryRow[] = [];
  for await (const row of requireCapability(warehouse, "query")(sql)) found.push(row);
  return found;
}

/** The columns by which the small bill is measured. */
export const billMeasured: MeasuredColumns = {
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
};

/** The replacement of the small bill's month, without its files. */
export const billReplacement: Omit<MonthReplacement, "files"> = {
  table,
  billingMonth: month,
  executionId: "e1",
  replaces: null,
  keepPrevious: 0,
  restoredLoadId: null,
  schema: null,
  nullValues: [],
  ...billMeasured,
};

/** The small bill with what summaries are made of. */
export const wideColumns: Columns = {
  ...billColumns,
  service: "text",
  account: "text",
  charge: "text",
  invoice: "text",
};

/** The columns by which it is measured. */
export const wideMeasured: MeasuredColumns = {
  ...billMeasured,
  serviceColumn: "service",
  accountColumn: "account",
  chargeTypeColumn: "charge",
  invoiceColumn: "invoice",
};

/** The month that the cases replace, by those columns. */
export const wideMonth: MonthColumns = { ...wideMeasured, table, billingMonth: month };

/** A row of the wide bill. */
export interface Line {
  readonly cost: string;
  readonly service?: string;
  readonly account?: string;
  readonly charge?: string;
  readonly invoice?: string;
  readonly currency?: string;
}

async function bill(test: TestWarehouse, lines: readonly Line[], of = month): Promise<MappedFile> {
  const cells = lines.map((line, index): Readonly<Record<string, string>> => ({
    id: `${index}`,
    period: `${of}-01`,
    used: `${of}-02`,
    currency: "USD",
    ...line,
  }));
  const text = cells
    .map(
      (row) =>
        `${Object.keys(wideColumns)
          .map((name) => row[name] ?? "")
          .join(",")}\n`,
    )
    .join("");
  return csv(test, text, wideColumns);
}

/** Loads rows of the wide bill into a month. */
export async function loadBill(
  test: TestWarehouse,
  warehouse: Warehouse,
  executionId: string,
  lines: readonly Line[],
  choices: LoadChoices = {},
): Promise<TableMeasures> {
  return loadAndMeasure(warehouse, [await bill(test, lines, choices.billingMonth)], {
    ...wideMeasured,
    executionId,
    ...choices,
  });
}

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
    amounts: null,
    roundedValues: 1,
    scope: "111122223333",
    dataset: null,
    submittedTime: "2025-02-01T00:00:00.0000000Z",
    kind: "aws-cur",
    measured: billMeasured,
    summary: [{ service: "EC2", account: null, charge_type: "Usage", currency: "USD", rows: 3, cost: "12.34" }],
    uninvoicedRows: 0,
    uninvoicedCostRows: 0,
    finality: "final",
    undone: [
      { loadId: "1799999999.000000", executionId: "e0", executionIds: ["e0"], fingerprint: null, checksums: null },
    ],
    restoredLoadId: null,
    coverage: { start: "2025-01-01", end: "2025-01-31" },
    firstUsage: "2025-01-01T00:00:00Z",
    lastUsage: null,
    schemaChanges: ["Column a was added."],
    files: [{ key: "a/b.csv.gz", size: 5_000_000_000, version: "v1", checksum: null, rows: count }],
    waivers: ["row-count"],
    durationSeconds: 1.5,
    version: "0.1.0",
    deliveries: [
      {
        execution_id: executionId,
        manifest_key: "a/manifest.json",
        manifest_version: "m1",
        submitted_time: null,
        made: "2025-02-01T00:00:00Z",
        coverage: { start: "2025-01-01", end: "2025-01-31" },
        rows: count,
        cost: { USD: "12.34", "": "-0.00000000000000000001" },
      },
    ],
    flags: ["unsettled"],
    dataUntil: "2025-01-30",
    period: { start: "2025-01-01", end: "2025-01-30" },
    missingDays: [{ start: "2025-01-05", end: "2025-01-06" }],
    otherMonths: [{ month: "2025-02", rows: 1, cost: { USD: "8.00" } }],
    rowsWithoutPeriod: 2,
    accepted: { gap: { who: "ann", when: "2025-03-03T04:05:06Z", why: null } },
    loadReason: null,
  };
}

/** Files as one batch. */
export async function* stream(
  files: Iterable<MappedFile> | AsyncIterable<MappedFile>,
): AsyncGenerator<readonly MappedFile[]> {
  const batch: MappedFile[] = [];
  for await (const file of files) batch.push(file);
  yield batch;
}
