import {
  type BillingMonth,
  type CostLine,
  type CurrencySums,
  type MeasuredColumns,
  summedColumns,
  type Table,
} from "../../model.ts";
import { createSum, orderCostLines } from "../../schema/sums.ts";
import { type DecimalSum, formatDecimal, readDecimal } from "../../schema/decimals.ts";
import { fold } from "../../schema/names.ts";
import type { AccountCosts, CostsOfValues, MonthColumns, MonthMeasures } from "../warehouse.ts";
import type { Settings } from "./api/client.ts";
import { createParameters, type Parameters, part, selectParts, type TextRow } from "./api/jobs.ts";
import type { TableReference, TableResource } from "./api/tables.ts";
import { findBillingTable } from "./companion-tables.ts";
import {
  accountsPart,
  countsOfUninvoiced,
  filledTextOf,
  measuredCells,
  summaryPart,
  type TableValue,
  usageSpan,
} from "./sql/measured-cells.ts";
import { allPartitions, findPeriodColumn, monthText, tableMonth } from "./sql/months.ts";
import { columnsOf, identifier, tableName } from "./sql/names.ts";

/** Rows of every month in the table: see `Measuring.monthsIn`. */
export async function monthsIn(
  settings: Settings,
  table: Table,
  partitionColumn: string,
): Promise<ReadonlyMap<BillingMonth, number>> {
  const bill = await findBillingTable(settings, table);
  const column = columnsOf(bill).find(({ name }) => fold(name) === fold(partitionColumn));
  if (bill === null || column === undefined) return new Map();
  const month = monthText(identifier(column.name), column.nativeType);
  const rows = `SELECT ${month} AS month FROM ${tableName(bill.tableReference)}${allPartitions(bill)}`;
  const sql = part("month", { month: "t.month", rows: "COUNT(*)" }, `(${rows}) AS t GROUP BY t.month`);
  const labels = { billhouse: "measure", table: table.name };
  const statement = { sql, parameters: createParameters(), location: bill.location, labels };
  const parts = await selectParts(settings, statement);
  return new Map(
    (parts.get("month") ?? [])
      .map((row) => [row["month"] ?? "", Number(row["rows"])] as const)
      .toSorted(([one], [other]) => (one < other ? -1 : 1)),
  );
}

/** The content of a month in the table: see `Measuring.measureMonth`. */
export async function measureMonth(settings: Settings, month: MonthColumns): Promise<MonthMeasures> {
  const bill = await findBillingTable(settings, month.table);
  const rows = bill === null ? null : rowsIn(month, bill);
  if (bill === null || rows === null) return monthMeasures([], { summary: [], accounts: [] }, month);
  return measureRows(settings, rows, month, createParameters(), bill.location);
}

/** Rows to measure, and their values as the table stores or would store them. */
export interface MonthRows {
  readonly reference: TableReference;
  /** The condition on the rows. */
  readonly condition: string;
  /** Undefined for a column that they do not have. */
  readonly valueOf: (name: string) => TableValue | undefined;
}

/** Measures rows with one query. Columns that they do not have are measured as NULL. */
export async function measureRows(
  settings: Settings,
  { reference, condition, valueOf }: MonthRows,
  month: MonthColumns,
  parameters: Parameters,
  location: string,
): Promise<MonthMeasures> {
  const cells = Object.entries(measuredCells(month, valueOf)).map(([name, sql]) => `${sql} AS ${name}`);
  const sums = summedColumns(month).map((_, index) => [`kept${index}`, `SUM(v.kept${index})`]);
  const totals = {
    currency: "v.currency",
    rows: "COUNT(*)",
    ...countsOfUninvoiced(month),
    ...usageSpan,
    ...(Object.fromEntries(sums) as Record<string, string>),
  };
  const [cost] = month.costColumns;
  const hasCosts = cost !== undefined && valueOf(cost) !== undefined;
  const selects = [
    part("group", totals, "v GROUP BY v.currency"),
    accountsPart(hasCosts, "TRUE"),
    ...(hasCosts ? [summaryPart("TRUE")] : []),
  ];
  const sql = `WITH v AS (SELECT ${cells.join(", ")} FROM ${tableName(reference)} WHERE ${condition})
    ${selects.join(" UNION ALL ")}`;
  const labels = { billhouse: "measure", table: month.table.name, month: month.billingMonth };
  const parts = await selectParts(settings, { sql, parameters, location, labels });
  const groups = (parts.get("group") ?? []).map((row) => ({
    rows: Number(row["rows"]),
    currency: row["currency"] ?? "",
    firstUsage: row["first"] ?? null,
    lastUsage: row["last"] ?? null,
    uninvoiced: Number(row["uninvoiced"]),
    uninvoicedCosts: Number(row["uninvoiced_costs"]),
    costs: summedColumns(month).map((_, index) => ({ kept: exactSum(row[`kept${index}`]) })),
  }));
  const summary: readonly CostLine[] = summaryOf(parts.get("line"));
  const accounts = accountsOf(parts.get("account"));
  const { invoiceColumn } = month;
  const hasInvoices = invoiceColumn !== null && valueOf(invoiceColumn) !== undefined;
  return monthMeasures(groups, { summary, accounts }, { ...month, invoiceColumn: hasInvoices ? invoiceColumn : null });
}

/** The costs of a month by some columns: see `Measuring.costsBy`. */
export async function costsBy(
  settings: Settings,
  month: MonthColumns,
  columns: readonly (string | null)[],
): Promise<readonly CostsOfValues[]> {
  const bill = await findBillingTable(settings, month.table);
  const rows = bill === null ? null : rowsIn(month, bill);
  if (bill === null || rows === null) return [];
  const { currency = "''", kept0 = "CAST(NULL AS BIGNUMERIC)" } = measuredCells(month, rows.valueOf);
  const values = columns.map((name, index) => {
    const value = name === null ? undefined : rows.valueOf(name);
    return [`value${index}`, filledTextOf(value)] as const;
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
  const parts = await selectParts(settings, statement);
  return (parts.get("costs") ?? []).map((row) => ({
    values: columns.map((_, index) => row[`value${index}`] ?? null),
    currency: row["currency"] ?? "",
    rows: Number(row["rows"]),
    cost: exactSum(row["cost"]),
  }));
}

/** The rows of a month in the table; null if the table lacks the month column. */
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

/** Rows of one currency; a month has one group or more. */
export interface CurrencyGroup {
  readonly rows: number;
  readonly currency: string;
  readonly firstUsage: string | null;
  readonly lastUsage: string | null;
  /** Rows without an invoice id. */
  readonly uninvoiced: number;
  /** Those of them whose first cost is not zero; all of them without a cost column. */
  readonly uninvoicedCosts: number;
  /** One for each summed column: the exact sum of the stored values. */
  readonly costs: readonly { readonly kept: string }[];
}

/** The measured values of the rows of a month. */
export function monthMeasures(
  groups: readonly CurrencyGroup[],
  details: Pick<MonthMeasures, "summary" | "accounts">,
  { invoiceColumn, ...columns }: Pick<MeasuredColumns, "costColumns" | "amountColumns" | "invoiceColumn">,
): MonthMeasures {
  const first = groups.map(({ firstUsage }) => firstUsage).filter((moment) => moment !== null);
  const last = groups.map(({ lastUsage }) => lastUsage).filter((moment) => moment !== null);
  return {
    rows: totalRows(groups),
    sums: storedSums(groups, summedColumns(columns)),
    firstUsage: first.toSorted()[0] ?? null,
    lastUsage: last.toSorted().at(-1) ?? null,
    uninvoicedRows: invoiceColumn === null ? null : groups.reduce((sum, { uninvoiced }) => sum + uninvoiced, 0),
    uninvoicedCostRows:
      invoiceColumn === null ? null : groups.reduce((sum, { uninvoicedCosts }) => sum + uninvoicedCosts, 0),
    ...details,
  };
}

/** A sum as BigQuery writes it, NULL for one of no values, as decimal text. */
export function exactSum(sum: string | null | undefined): string {
  return formatDecimal(readDecimal(sum ?? "0"));
}

/** The sum of each summed column over all currencies. */
export function totalsOf(measures: Pick<MonthMeasures, "sums">): readonly string[] {
  return measures.sums.map((sums) => {
    const sum = createSum();
    for (const amount of Object.values(sums)) sum.add(amount);
    return sum.total();
  });
}

/** The rows of all groups. */
export function totalRows(groups: readonly Pick<CurrencyGroup, "rows">[]): number {
  return groups.reduce((sum, { rows }) => sum + rows, 0);
}

/** The sum of the stored values of each column, by currency. */
export function storedSums(groups: readonly CurrencyGroup[], columns: readonly string[]): readonly CurrencySums[] {
  return sumsByCurrency(groups, columns, (sum, { kept }) => sum.add(kept));
}

/** Exact sums of each column by currency, in the order of the currencies; `add` adds one group's amounts. */
export function sumsByCurrency<Cost>(
  groups: readonly { readonly currency: string; readonly costs: readonly Cost[] }[],
  columns: readonly string[],
  add: (sum: DecimalSum, cost: Cost) => void,
): readonly CurrencySums[] {
  return columns.map((_, index) => {
    const sums = new Map<string, DecimalSum>();
    for (const { currency, costs } of groups) {
      const sum = sums.get(currency) ?? createSum();
      sums.set(currency, sum);
      const cost = costs[index];
      if (cost !== undefined) add(sum, cost);
    }
    return Object.fromEntries(
      [...sums].toSorted(([first], [second]) => (first < second ? -1 : 1)).map(([key, sum]) => [key, sum.total()]),
    );
  });
}

/** The costs by account in the rows of that part. */
export function accountsOf(rows: readonly TextRow[] = []): readonly AccountCosts[] {
  return rows.map((row) => ({
    account: row["account"] ?? null,
    currency: row["currency"] ?? "",
    rows: Number(row["rows"]),
    positive: exactSum(row["positive"]),
  }));
}

/** The summary in the rows of that part. */
export function summaryOf(rows: readonly TextRow[] = []): readonly CostLine[] {
  return orderCostLines(
    rows.map((row) => ({
      service: row["service"] ?? null,
      account: row["account"] ?? null,
      charge_type: row["charge_type"] ?? null,
      currency: row["currency"] ?? "",
      rows: Number(row["rows"]),
      cost: exactSum(row["cost"]),
    })),
  );
}
