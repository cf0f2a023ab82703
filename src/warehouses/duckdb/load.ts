import type { DuckDBConnection } from "@duckdb/node-api";
import { BillhouseError } from "../../errors.ts";
import type { CurrencySums } from "../../model.ts";
import { formatDecimal, parseDecimal } from "../../schema/decimals.ts";
import { nextMonth } from "../../schema/periods.ts";
import { reachPoint } from "../points.ts";
import type { MonthReplacement, Settle, TableMeasures } from "../warehouse.ts";
import { isDecimal, isInteger } from "./casts.ts";
import { type Database, readRows } from "./database.ts";
import { explainFailure } from "./diagnosis.ts";
import { columnsOf, readCurrentState } from "./ledger.ts";
import { fold, identifier, tableName } from "./names.ts";
import { takeLease, writePackage } from "./packages.ts";
import { describeSource, type NativeColumns, type Source } from "./sources.ts";

/** Replaces the rows of one billing month: see `Warehouse.replaceMonth`. */
export async function replaceMonth(database: Database, replacement: MonthReplacement, settle: Settle): Promise<void> {
  const { table } = replacement;
  const target = tableName(table.dataset, table.name);
  await database.transact(async (connection) => {
    // First of all: two writers conflict here, and not after an hour of loading.
    await takeLease(connection, table);
    const columns: NativeColumns = new Map(
      (await columnsOf(connection, table.dataset, table.name)).map((column) => [fold(column.name), column.nativeType]),
    );
    const inMonth = monthCondition(replacement, columns);
    reachPoint("before-delete");
    await connection.run(`DELETE FROM ${target} WHERE ${inMonth}`);
    reachPoint("after-delete");
    let inserted = 0;
    for await (const file of replacement.files) {
      database.throwIfClosing();
      const source = await describeSource(connection, file, columns, replacement);
      try {
        const result = await connection.run(insertStatement(target, source, replacement, inMonth));
        inserted += result.rowsChanged;
        reachPoint("file-inserted");
      } catch (cause) {
        // Here and not further out: when the loop ends, whoever gives the files takes them away.
        throw await explainFailure(database, source, replacement, inMonth, cause);
      }
    }
    const measures = await measure(connection, replacement, columns, inMonth, inserted);
    reachPoint("measured");
    await writePackage(connection, table, await settle(measures, await readCurrentState(connection, table)));
  });
  // Gives the place of the old rows to the next month. It is no part of the load: publishing does it again, and tells.
  await database.use((connection) => connection.run("CHECKPOINT")).catch(() => undefined);
}

/**
 * The condition that a row lies in the billing month, by the table's partition column; for NULL it is NULL.
 * Error: TYPE_MISMATCH when that column of the table holds no times.
 */
function monthCondition({ table, billingMonth, partitionColumn }: MonthReplacement, columns: NativeColumns): string {
  const nativeType = columns.get(fold(partitionColumn));
  if (nativeType === undefined) throw new TypeError(`${table.name} was not prepared: it has no ${partitionColumn}.`);
  if (!["DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"].includes(nativeType)) {
    throw new BillhouseError(
      "TYPE_MISMATCH",
      `The column ${partitionColumn} of ${table.dataset}.${table.name} is a ${nativeType}, and tells no month.`,
      { hint: "Name a column of dates or times as partition_column, or load into a new table." },
    );
  }
  const moment = (month: string): string => `CAST('${month}-01' AS ${nativeType})`;
  const column = identifier(partitionColumn);
  return `(${column} >= ${moment(billingMonth)} AND ${column} < ${moment(nextMonth(billingMonth))})`;
}

function insertStatement(target: string, source: Source, replacement: MonthReplacement, inMonth: string): string {
  const { partitionColumn, billingMonth, stamped, spansMonths } = replacement;
  const column = identifier(partitionColumn);
  const values = source.columns.map(({ expression, columnName }) => `${expression} AS ${identifier(columnName)}`);
  if (stamped) {
    const cells = [`CAST('${billingMonth}-01' AS DATE) AS ${column}`, ...values];
    return `INSERT INTO ${target} BY NAME SELECT ${cells.join(", ")} FROM ${source.relation}`;
  }
  // A row of another month, or of none, stops the load at once; the diagnosis then says which row it is.
  const guard = `CASE WHEN ${inMonth} THEN ${column} ELSE error('not a row of the month') END AS ${column}`;
  const rows = `(SELECT ${values.join(", ")} FROM ${source.relation})`;
  const others = spansMonths ? ` WHERE ${column} IS NULL OR ${inMonth}` : "";
  return `INSERT INTO ${target} BY NAME SELECT * REPLACE (${guard}) FROM ${rows}${others}`;
}

async function measure(
  connection: DuckDBConnection,
  replacement: MonthReplacement,
  columns: NativeColumns,
  inMonth: string,
  inserted: number,
): Promise<TableMeasures> {
  const { table, costColumns, currencyColumn, usageColumn } = replacement;
  const rows = `FROM ${tableName(table.dataset, table.name)} WHERE ${inMonth}`;
  const usage = usageColumn === null ? "NULL" : usageTime(usageColumn, columns);
  const [total] = await readRows(
    connection,
    `SELECT count(*) AS "rows", strftime(min(${usage}), ${isoFormat}) AS "first", strftime(max(${usage}), ${isoFormat}) AS "last" ${rows}`,
  );
  const currency = currencyColumn === null ? "''" : `coalesce(CAST(${identifier(currencyColumn)} AS VARCHAR), '')`;
  const sums = costColumns.map((column, position) => `${exactSum(column, columns)} AS "sum${position}"`);
  const groups =
    costColumns.length === 0
      ? []
      : await readRows(
          connection,
          `SELECT ${currency} AS "currency", ${sums.join(", ")} ${rows} GROUP BY 1 ORDER BY 1`,
        );
  return {
    rows: Number(total?.["rows"]),
    inserted,
    sums: costColumns.map((_, position): CurrencySums =>
      Object.fromEntries(groups.map((group) => [String(group["currency"]), canonical(group[`sum${position}`])])),
    ),
    firstUsage: textOrNull(total?.["first"]),
    lastUsage: textOrNull(total?.["last"]),
    delivered: null,
  };
}

const isoFormat = "'%Y-%m-%dT%H:%M:%SZ'";

/** A taken-over table may keep its usage dates as text. */
function usageTime(column: string, columns: NativeColumns): string {
  const name = identifier(column);
  return columns.get(fold(column)) === "VARCHAR" ? `TRY(billhouse_time(${name}))` : `CAST(${name} AS TIMESTAMP)`;
}

/** A taken-over table may keep its amounts as floats or text: summed are the numbers that their shortest text names. */
function exactSum(column: string, columns: NativeColumns): string {
  const name = identifier(column);
  const nativeType = columns.get(fold(column)) ?? "";
  const exact = isDecimal(nativeType) || isInteger(nativeType);
  const amount = exact ? name : `TRY(CAST(billhouse_number(CAST(${name} AS VARCHAR)) AS DECIMAL(38,18)))`;
  return `CAST(sum(${amount}) AS VARCHAR)`;
}

function canonical(sum: unknown): string {
  const decimal = typeof sum === "string" ? parseDecimal(sum) : undefined;
  return decimal === undefined ? "0" : formatDecimal(decimal);
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
