import type { DuckDBConnection } from "@duckdb/node-api";
import { BillhouseError } from "../../errors.ts";
import { type BillingMonth, type CostLine, type CurrencySums, summedColumns, type Table } from "../../model.ts";
import { orderCostLines } from "../../schema/sums.ts";
import { formatDecimal, parseDecimal } from "../../schema/decimals.ts";
import { fold } from "../../schema/names.ts";
import type { MonthPackage } from "../../state/package.ts";
import { trackingTableName } from "../../state/tables.ts";
import { reachPoint } from "../points.ts";
import {
  type AccountCosts,
  type CostsOfValues,
  type MonthChange,
  type MonthColumns,
  type MonthMeasures,
  otherAccounts,
  type Settle,
  summaryLines,
} from "../warehouse.ts";
import { readRows, type ScalarRow } from "./database.ts";
import { columnsOf, nativeColumns, readCurrentState, writePackage } from "./ledger.ts";
import { identifier, isDecimal, isInteger, literal, monthCondition, type NativeColumns, tableName } from "./sql.ts";

/** Rows by billing month: see `Measuring.monthsIn`. */
export async function monthsIn(
  connection: DuckDBConnection,
  table: Table,
  partitionColumn: string,
): Promise<ReadonlyMap<BillingMonth, number>> {
  const columns = await nativeColumns(connection, table.dataset, table.name);
  if (!columns.has(fold(partitionColumn))) return new Map();
  const rows = await readRows(
    connection,
    `SELECT coalesce(strftime(TRY_CAST(${identifier(partitionColumn)} AS TIMESTAMP), '%Y-%m'), '') AS "month", count(*) AS "rows"
      FROM ${tableName(table.dataset, table.name)} GROUP BY 1 ORDER BY 1`,
  );
  return new Map(rows.map((row) => [String(row["month"]), Number(row["rows"])]));
}

/** The content of one month in the table: see `Measuring.measureMonth`. */
export async function measureMonth(connection: DuckDBConnection, month: MonthColumns): Promise<MonthMeasures> {
  const columns = await nativeColumns(connection, month.table.dataset, month.table.name);
  const wanted = presentColumns(month, columns);
  const { costColumns, currencyColumn, usageColumn, invoiceColumn } = wanted;
  const rows = rowsOf(wanted, columns);
  const usage = usageColumn === null ? "NULL" : usageTime(usageColumn, columns);
  const [cost] = costColumns;
  const isUninvoiced = `${textOf(invoiceColumn)} IS NULL`;
  const hasCost = cost === undefined ? "TRUE" : `${amount(cost, columns)} <> 0`;
  const [total] = await readRows(
    connection,
    `SELECT count(*) AS "rows", strftime(min(${usage}), ${isoFormat}) AS "first", strftime(max(${usage}), ${isoFormat}) AS "last",
      count(*) FILTER (${isUninvoiced}) AS "uninvoiced",
      count(*) FILTER (${isUninvoiced} AND ${hasCost}) AS "uninvoicedCosts" ${rows}`,
  );
  const summed = summedColumns(wanted);
  const sums = summed.map((column, position) => `CAST(sum(${amount(column, columns)}) AS VARCHAR) AS "sum${position}"`);
  const groups =
    summed.length === 0
      ? []
      : await readSums(
          connection,
          month,
          `SELECT ${currencyOf(currencyColumn)} AS "currency", ${sums.join(", ")} ${rows} GROUP BY 1 ORDER BY 1`,
        );
  return {
    rows: Number(total?.["rows"]),
    sums: summed.map((_, position): CurrencySums =>
      Object.fromEntries(groups.map((group) => [String(group["currency"]), canonical(group[`sum${position}`])])),
    ),
    firstUsage: textOrNull(total?.["first"]),
    lastUsage: textOrNull(total?.["last"]),
    uninvoicedRows: invoiceColumn === null ? null : Number(total?.["uninvoiced"]),
    uninvoicedCostRows: invoiceColumn === null ? null : Number(total?.["uninvoicedCosts"]),
    summary: await summarise(connection, wanted, columns),
    accounts: await accountCosts(connection, wanted, columns),
  };
}

/**
 * Measures a month whose rows were replaced, and writes the package that `settle` makes. The connection must be in the
 * transaction that replaces them.
 */
export async function settleMonth(
  connection: DuckDBConnection,
  change: MonthChange,
  inserted: number,
  settle: Settle,
): Promise<MonthPackage> {
  const measures = { ...(await measureMonth(connection, change)), inserted, delivered: null };
  reachPoint("measured");
  const load = await settle(measures, await readCurrentState(connection, change.table));
  const tracking = await columnsOf(connection, change.table.dataset, trackingTableName(change.table));
  await writePackage(connection, change.table, load, tracking);
  return load;
}

/** The costs of one month by some columns: see `Measuring.costsBy`. */
export async function costsBy(
  connection: DuckDBConnection,
  month: MonthColumns,
  by: readonly (string | null)[],
): Promise<readonly CostsOfValues[]> {
  const columns = await nativeColumns(connection, month.table.dataset, month.table.name);
  const wanted = presentColumns(month, columns);
  const [cost] = wanted.costColumns;
  const values = by.map((name, position) => `${textOf(presentIn(columns, name))} AS "value${position}"`);
  const sum = cost === undefined ? "'0'" : `CAST(sum(${amount(cost, columns)}) AS VARCHAR)`;
  const rows = await readSums(
    connection,
    month,
    `SELECT ${[...values, `${currencyOf(wanted.currencyColumn)} AS "currency"`].join(", ")}, count(*) AS "rows", ${sum} AS "cost"
      ${rowsOf(wanted, columns)} GROUP BY ${[...by, ""].map((_, position) => position + 1).join(", ")} ORDER BY ALL`,
  );
  return rows.map((row) => ({
    values: by.map((_, position) => textOrNull(row[`value${position}`])),
    currency: String(row["currency"]),
    rows: Number(row["rows"]),
    cost: canonical(row["cost"]),
  }));
}

/** A column that no longer exists counts as null. Cost columns keep their positions, which the sums follow. */
function presentColumns<T extends MonthColumns>(month: T, columns: NativeColumns): T {
  const { currencyColumn, usageColumn, serviceColumn, accountColumn, chargeTypeColumn, invoiceColumn } = month;
  return {
    ...month,
    currencyColumn: presentIn(columns, currencyColumn),
    usageColumn: presentIn(columns, usageColumn),
    serviceColumn: presentIn(columns, serviceColumn),
    accountColumn: presentIn(columns, accountColumn),
    chargeTypeColumn: presentIn(columns, chargeTypeColumn),
    invoiceColumn: presentIn(columns, invoiceColumn),
  };
}

function presentIn(columns: NativeColumns, name: string | null): string | null {
  return name !== null && columns.has(fold(name)) ? name : null;
}

function rowsOf(month: MonthColumns, columns: NativeColumns): string {
  return `FROM ${tableName(month.table.dataset, month.table.name)} WHERE ${monthCondition(month, columns)}`;
}

async function summarise(
  connection: DuckDBConnection,
  month: MonthColumns,
  columns: NativeColumns,
): Promise<readonly CostLine[]> {
  const { costColumns, currencyColumn, serviceColumn, accountColumn, chargeTypeColumn } = month;
  const [cost] = costColumns;
  if (cost === undefined || !columns.has(fold(cost))) return [];
  const rows = await readSums(
    connection,
    month,
    `WITH lines AS (
      SELECT ${textOf(serviceColumn)} AS "service", ${textOf(accountColumn)} AS "account", ${textOf(chargeTypeColumn)} AS "charge",
        ${currencyOf(currencyColumn)} AS "currency", count(*) AS "rows", coalesce(sum(${amount(cost, columns)}), 0) AS "cost"
      ${rowsOf(month, columns)} GROUP BY 1, 2, 3, 4),
    ranked AS (
      SELECT *, row_number() OVER (ORDER BY abs("cost") DESC, "service", "account", "charge", "currency") AS "place" FROM lines)
    SELECT "service", CASE WHEN "place" <= ${summaryLines} THEN "account" ELSE ${literal(otherAccounts)} END AS "account",
      "charge", "currency", sum("rows") AS "rows", CAST(sum("cost") AS VARCHAR) AS "cost"
    FROM ranked GROUP BY 1, 2, 3, 4`,
  );
  return orderCostLines(
    rows.map((row) => ({
      service: textOrNull(row["service"]),
      account: textOrNull(row["account"]),
      charge_type: textOrNull(row["charge"]),
      currency: String(row["currency"]),
      rows: Number(row["rows"]),
      cost: canonical(row["cost"]),
    })),
  );
}

async function accountCosts(
  connection: DuckDBConnection,
  month: MonthColumns,
  columns: NativeColumns,
): Promise<readonly AccountCosts[]> {
  const { accountColumn, currencyColumn } = month;
  const [cost] = month.costColumns;
  const value = cost === undefined ? null : amount(cost, columns);
  const positive = value === null ? "'0'" : `CAST(sum(${value}) FILTER (${value} > 0) AS VARCHAR)`;
  const rows = await readSums(
    connection,
    month,
    `SELECT ${textOf(accountColumn)} AS "account", ${currencyOf(currencyColumn)} AS "currency", count(*) AS "rows",
      ${positive} AS "positive" ${rowsOf(month, columns)} GROUP BY 1, 2`,
  );
  return rows.map((row) => ({
    account: textOrNull(row["account"]),
    currency: String(row["currency"]),
    rows: Number(row["rows"]),
    positive: canonical(row["positive"]),
  }));
}

/**
 * The rows of a statement that adds up costs of a month. Error: LIMIT_EXCEEDED when they have more digits than DuckDB can
 * sum.
 */
async function readSums(
  connection: DuckDBConnection,
  { table, billingMonth }: MonthColumns,
  sql: string,
): Promise<ScalarRow[]> {
  try {
    return await readRows(connection, sql);
  } catch (cause) {
    if (!(cause instanceof Error) || !cause.message.startsWith("Out of Range Error")) throw cause;
    throw new BillhouseError(
      "LIMIT_EXCEEDED",
      `The costs of ${billingMonth} in ${table.dataset}.${table.name} add up to more than the 38 digits that DuckDB can sum.`,
      {
        hint: "Amounts of that size are errors: check the largest costs in the files, and have the export delivered again.",
        cause,
      },
    );
  }
}

/** The value of a column as text; empty text is NULL. */
function textOf(column: string | null): string {
  return column === null ? "CAST(NULL AS VARCHAR)" : `nullif(CAST(${identifier(column)} AS VARCHAR), '')`;
}

function currencyOf(column: string | null): string {
  return column === null ? "''" : `coalesce(CAST(${identifier(column)} AS VARCHAR), '')`;
}

const isoFormat = "'%Y-%m-%dT%H:%M:%SZ'";

/** A table that was taken over may store its usage dates as text. */
function usageTime(column: string, columns: NativeColumns): string {
  const name = identifier(column);
  return columns.get(fold(column)) === "VARCHAR" ? `TRY(billhouse_time(${name}))` : `CAST(${name} AS TIMESTAMP)`;
}

/** A table that was taken over may store amounts as floats or text: the numbers of their shortest text are summed. */
function amount(column: string, columns: NativeColumns): string {
  const name = identifier(column);
  const nativeType = columns.get(fold(column));
  if (nativeType === undefined) return "CAST(NULL AS DECIMAL(38,18))";
  const exact = isDecimal(nativeType) || isInteger(nativeType);
  return exact ? name : `TRY(CAST(billhouse_number(CAST(${name} AS VARCHAR)) AS DECIMAL(38,18)))`;
}

function canonical(sum: unknown): string {
  const decimal = typeof sum === "string" ? parseDecimal(sum) : undefined;
  return decimal === undefined ? "0" : formatDecimal(decimal);
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
