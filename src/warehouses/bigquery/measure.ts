import type { BillingMonth, CostLine, Table } from "../../model.ts";
import { fold } from "../../schema/names.ts";
import type { CostsOfValues, MonthColumns, MonthMeasures } from "../warehouse.ts";
import { exactMoment } from "./sql/casts.ts";
import { measuredCells, type TableValue, textOf, usageSpan } from "./sql/cells.ts";
import { exactSum, monthMeasures } from "./replace/measures.ts";
import { allPartitions, findPeriodColumn, tableMonth } from "./sql/months.ts";
import { identifier, type TableReference, tableName } from "./sql/names.ts";
import { createParameters, type Parameters } from "./api/parameters.ts";
import { askForParts, part, type QuerySettings } from "./api/statements.ts";
import { findBill } from "./companion-tables.ts";
import { summaryOf, summaryPart } from "./summaries.ts";
import { columnsOf, type TableResource } from "./api/tables.ts";

/** Rows to measure, and what the table keeps of their values, or would keep. */
export interface MonthRows {
  readonly reference: TableReference;
  /** The condition on the rows. */
  readonly condition: string;
  /** Undefined for a column that they do not have. */
  readonly valueOf: (name: string) => TableValue | undefined;
}

/** Rows of every month in the table: see `Measuring.monthsIn`. */
export async function monthsIn(
  settings: QuerySettings,
  table: Table,
  partitionColumn: string,
): Promise<ReadonlyMap<BillingMonth, number>> {
  const bill = await findBill(settings, table);
  const column = columnsOf(bill).find(({ name }) => fold(name) === fold(partitionColumn));
  if (bill === null || column === undefined) return new Map();
  const month = monthText(identifier(column.name), column.nativeType);
  const rows = `SELECT ${month} AS month FROM ${tableName(bill.tableReference)}${allPartitions(bill)}`;
  const sql = part("month", { month: "t.month", rows: "COUNT(*)" }, `(${rows}) AS t GROUP BY t.month`);
  const labels = { billhouse: "measure", table: table.name };
  const statement = { sql, parameters: createParameters(), location: bill.location, labels };
  const parts = await askForParts(settings, statement);
  return new Map(
    (parts.get("month") ?? [])
      .map((row) => [row["month"] ?? "", Number(row["rows"])] as const)
      .toSorted(([one], [other]) => (one < other ? -1 : 1)),
  );
}

/** SQL of the month of a moment of this native type, as `YYYY-MM`; NULL where it is none. */
export function monthText(moment: string, nativeType: string): string {
  return `FORMAT_TIMESTAMP('%E4Y-%m', ${exactMoment(moment, nativeType)})`;
}

/** What the table holds of a month: see `Measuring.measureMonth`. */
export async function measureMonth(settings: QuerySettings, month: MonthColumns): Promise<MonthMeasures> {
  const bill = await findBill(settings, month.table);
  const rows = bill === null ? null : rowsIn(month, bill);
  if (bill === null || rows === null) return monthMeasures([], [], month);
  return measureRows(settings, rows, month, createParameters(), bill.location);
}

/** Asks, with one question, what rows come to. Columns that they do not have are measured as NULL. */
export async function measureRows(
  settings: QuerySettings,
  { reference, condition, valueOf }: MonthRows,
  month: MonthColumns,
  parameters: Parameters,
  location: string,
): Promise<MonthMeasures> {
  const cells = Object.entries(measuredCells(month, valueOf)).map(([name, sql]) => `${sql} AS ${name}`);
  const sums = month.costColumns.map((_, index) => [`kept${index}`, `SUM(v.kept${index})`]);
  const totals = {
    currency: "v.currency",
    rows: "COUNT(*)",
    uninvoiced: "COUNTIF(v.uninvoiced)",
    ...usageSpan,
    ...(Object.fromEntries(sums) as Record<string, string>),
  };
  const [cost] = month.costColumns;
  const hasCosts = cost !== undefined && valueOf(cost) !== undefined;
  const selects = [part("group", totals, "v GROUP BY v.currency"), ...(hasCosts ? [summaryPart("TRUE")] : [])];
  const sql = `WITH v AS (SELECT ${cells.join(", ")} FROM ${tableName(reference)} WHERE ${condition})
    ${selects.join(" UNION ALL ")}`;
  const labels = { billhouse: "measure", table: month.table.name, month: month.billingMonth };
  const parts = await askForParts(settings, { sql, parameters, location, labels });
  const groups = (parts.get("group") ?? []).map((row) => ({
    rows: Number(row["rows"]),
    currency: row["currency"] ?? "",
    firstUsage: row["first"] ?? null,
    lastUsage: row["last"] ?? null,
    uninvoiced: Number(row["uninvoiced"]),
    costs: month.costColumns.map((_, index) => ({ kept: exactSum(row[`kept${index}`]) })),
  }));
  const summary: readonly CostLine[] = summaryOf(parts.get("line"));
  const { invoiceColumn } = month;
  const hasInvoices = invoiceColumn !== null && valueOf(invoiceColumn) !== undefined;
  return monthMeasures(groups, summary, { ...month, invoiceColumn: hasInvoices ? invoiceColumn : null });
}

/** The costs of a month by some columns: see `Measuring.costsBy`. */
export async function costsBy(
  settings: QuerySettings,
  month: MonthColumns,
  columns: readonly (string | null)[],
): Promise<readonly CostsOfValues[]> {
  const bill = await findBill(settings, month.table);
  const rows = bill === null ? null : rowsIn(month, bill);
  if (bill === null || rows === null) return [];
  const { currency = "''", kept0 = "CAST(NULL AS BIGNUMERIC)" } = measuredCells(month, rows.valueOf);
  const values = columns.map((name, index) => {
    const value = name === null ? undefined : rows.valueOf(name);
    return [`value${index}`, textOf(value)] as const;
  });
  const keys = [...values.map(([name]) => `v.${name}`), "v.currency"];
  const cells = [...values, ["currency", currency], ["cost", kept0]].map(([name, sql]) => `${sql} AS ${name}`);
  const from = `(SELECT ${cells.join(", ")} FROM ${tableName(rows.reference)} WHERE ${rows.condition}) AS v`;
  const totals = {
    ...Object.fromEntries(values.map(([name]) => [name, `v.${name}`])),
    currency: "v.currency",
    rows: "COUNT(*)",
    cost: "SUM(v.cost)",
  };
  const order = keys.map((key) => `${key} NULLS LAST`).join(", ");
  const sql = `${part("costs", totals, `${from} GROUP BY ${keys.join(", ")}`)} ORDER BY ${order}`;
  const labels = { billhouse: "measure", table: month.table.name, month: month.billingMonth };
  const statement = { sql, parameters: createParameters(), location: bill.location, labels };
  const parts = await askForParts(settings, statement);
  return (parts.get("costs") ?? []).map((row) => ({
    values: columns.map((_, index) => row[`value${index}`] ?? null),
    currency: row["currency"] ?? "",
    rows: Number(row["rows"]),
    cost: exactSum(row["cost"]),
  }));
}

/** The rows of a month in the table; null when none of its columns tells its months. */
function rowsIn(month: MonthColumns, bill: TableResource): MonthRows | null {
  const columns = columnsOf(bill);
  const period = findPeriodColumn(month, columns);
  if (period === undefined) return null;
  const values = new Map(
    columns.map(({ name, nativeType }) => [fold(name), { sql: identifier(name), nativeType }] as const),
  );
  return {
    reference: bill.tableReference,
    condition: tableMonth(period, month.billingMonth),
    valueOf: (name) => values.get(fold(name)),
  };
}
