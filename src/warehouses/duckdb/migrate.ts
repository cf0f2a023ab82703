import { isDeepStrictEqual } from "node:util";
import type { DuckDBConnection } from "@duckdb/node-api";
import { BillhouseError, firstLine } from "../../errors.ts";
import type { Table } from "../../model.ts";
import { type ConvertibleColumn, proveConversion, refuseMisfits } from "../../schema/conversion.ts";
import { compareDecimals, fractionDigits } from "../../schema/decimals.ts";
import { fold } from "../../schema/names.ts";
import { createSum } from "../../schema/sums.ts";
import { newestReceipts } from "../../state/receipts.ts";
import { columnsTable, type PresentColumn, receiptsTable, trackingTableName } from "../../state/tables.ts";
import { hasReceiptKeys, movedColumns, trackingSteps } from "../separate-receipts.ts";
import type { MigrationOutcome, MigrationStep, PendingStep } from "../warehouse.ts";
import { readRows } from "./database.ts";
import { columnsOf, readTracking, takeCommitLock } from "./ledger.ts";
import { prepareState } from "./schema.ts";
import { identifier, isDecimal, nativeTypes, tableName } from "./sql.ts";

/** The pending steps for a table: see `Migration.pendingSteps`. */
export async function pendingSteps(connection: DuckDBConnection, table: Table): Promise<readonly PendingStep[]> {
  const tracking = await columnsOf(connection, table.dataset, trackingTableName(table));
  return trackingSteps(table, tracking, await countSeparateReceipts(connection, table, tracking));
}

/** Runs one step: see `Migration.migrate`. The connection must be in a transaction. */
export async function migrate(
  connection: DuckDBConnection,
  table: Table,
  step: MigrationStep,
): Promise<MigrationOutcome> {
  if (step.step === "tracking-columns") return keepReceipts(connection, table);
  if (step.step === "decimals") return makeDecimal(connection, table, step.column);
  // Partitioning: DuckDB does not use partitions; it finds a month by the smallest and largest value of each row group.
  return { roundedValues: 0 };
}

async function keepReceipts(connection: DuckDBConnection, table: Table): Promise<MigrationOutcome> {
  const pending = await pendingSteps(connection, table);
  if (pending.length === 0) return { roundedValues: 0 };
  const before = newestReceipts(...(await readTracking(connection, table)));
  await prepareState(connection, table, { migrate: true });
  await takeCommitLock(connection, table);
  await moveReceipts(connection, table);
  const after = newestReceipts(...(await readTracking(connection, table)));
  if (!isDeepStrictEqual(after, before)) {
    throw new Error(`The receipts of ${table.dataset}.${table.name} would differ after the migration.`);
  }
  return { roundedValues: 0 };
}

/** Moves the receipts that are stored separately into their tracking rows. A receipt without a tracking row is not moved. */
async function moveReceipts(connection: DuckDBConnection, table: Table): Promise<void> {
  const tracking = await columnsOf(connection, table.dataset, trackingTableName(table));
  if (!hasReceiptKeys(tracking)) return;
  const receipts = await columnsOf(connection, table.dataset, receiptsTable.name);
  const target = tableName(table.dataset, trackingTableName(table));
  const source = tableName(table.dataset, receiptsTable.name);
  // As for readers: values in the tracking row take precedence.
  const values = movedColumns(receipts, tracking)
    .map(identifier)
    .map((name) => `${name} = coalesce(t.${name}, r.${name})`);
  await connection.run(`UPDATE ${target} AS t SET ${values.join(", ")} FROM ${source} AS r WHERE ${sameLoad}`, [
    table.name,
  ]);
  await connection.run(`DELETE FROM ${source} AS r USING ${target} AS t WHERE ${sameLoad}`, [table.name]);
}

async function countSeparateReceipts(
  connection: DuckDBConnection,
  table: Table,
  tracking: readonly PresentColumn[],
): Promise<number> {
  const receipts = await columnsOf(connection, table.dataset, receiptsTable.name);
  if (receipts.length === 0 || !hasReceiptKeys(tracking)) return 0;
  const [row] = await readRows(
    connection,
    `SELECT count(*) AS "count" FROM ${tableName(table.dataset, receiptsTable.name)} AS r
      WHERE EXISTS (FROM ${tableName(table.dataset, trackingTableName(table))} AS t WHERE ${sameLoad})`,
    [table.name],
  );
  return Number(row?.["count"]);
}

const sameLoad = `r."table_name" = $1 AND t."_dlt_load_id" = r."load_id" AND t."billing_month" = r."billing_month"`;

/**
 * Converts a column of floats or text, and its registry row, to the exact decimal type. A float becomes the number
 * of its shortest text, blank text NULL. The connection must be in a transaction.
 * Errors: VALUE_INVALID, TYPE_MISMATCH, ROW_COUNT_MISMATCH, SUM_MISMATCH.
 */
async function makeDecimal(connection: DuckDBConnection, table: Table, name: string): Promise<MigrationOutcome> {
  const columns = await columnsOf(connection, table.dataset, table.name);
  const column = columns.find((each) => fold(each.name) === fold(name));
  if (column === undefined || isDecimal(column.nativeType)) return { roundedValues: 0 };
  await prepareState(connection, table);
  await takeCommitLock(connection, table);
  const title = `The column ${column.name} of ${table.dataset}.${table.name}`;
  const target = tableName(table.dataset, table.name);
  const cell = identifier(column.name);
  const text = `CAST(${cell} AS VARCHAR)`;
  const filled = column.nativeType === "VARCHAR" ? `nullif(trim(${cell}, E' \\t\\r\\n'), '')` : text;

  const old = await measure(connection, target, filled);
  refuseMisfits(title, nativeTypes.decimal, old);
  try {
    await connection.run(
      `ALTER TABLE ${target} ALTER COLUMN ${cell} SET DATA TYPE ${nativeTypes.decimal} USING ${amountOf(text)}`,
    );
  } catch (cause) {
    throw explain(cause, title);
  }
  proveConversion(title, old, await measure(connection, target, text), scale);
  await connection.run(
    `UPDATE ${tableName(table.dataset, columnsTable.name)} SET "type" = 'decimal'
      WHERE "table_name" = $1 AND lower("column_name") = lower($2)`,
    [table.name, column.name],
  );
  return { roundedValues: old.rounded };
}

/**
 * The amount that a text names, rounded once; NULL for other text. Only casts are used: DuckDB cannot replay an ALTER
 * that contains a function from its log, and a process killed before the next checkpoint would leave a database
 * that cannot be opened again. A cast to 18 digits rounds a number with an exponent twice, so it goes through 30
 * digits, which fit smaller numbers only.
 */
function amountOf(text: string): string {
  const isSmall = `TRY_CAST(${text} AS DOUBLE) BETWEEN CAST('-9999999' AS DOUBLE) AND CAST('9999999' AS DOUBLE)`;
  const small = `CAST(TRY_CAST(${text} AS DECIMAL(38,30)) AS ${nativeTypes.decimal})`;
  return `COALESCE(CASE WHEN ${isSmall} THEN ${small} END, TRY_CAST(${text} AS ${nativeTypes.decimal}))`;
}

/** Counts and sums a column independently of the database. */
async function measure(connection: DuckDBConnection, target: string, text: string): Promise<ConvertibleColumn> {
  const sum = createSum();
  let [values, rounded, misfits, example] = [0, 0, 0, ""];
  const result = await connection.stream(`SELECT ${text} FROM ${target} WHERE ${text} IS NOT NULL`);
  for await (const chunk of result) {
    chunk.visitColumnValues(0, (value) => {
      const amount = String(value);
      values += 1;
      const long = amount.length > scale || /e/i.test(amount);
      if ((long && !fits(amount)) || !sum.add(amount)) {
        misfits += 1;
        if (misfits === 1) example = amount;
      } else if (long && (fractionDigits(amount) ?? 0) > scale) rounded += 1;
    });
  }
  const [row] = await readRows(connection, `SELECT count(*) AS "rows" FROM ${target}`);
  return { rows: Number(row?.["rows"]), values, sum: sum.total(), rounded, misfits, example };
}

/** Digits of DECIMAL(38,18) after the point. */
const scale = 18;

/** Rounded to 18 digits, this is the first number too large for DECIMAL(38,18). */
const tooLarge = `${"9".repeat(20)}.${"9".repeat(scale)}5`;

function fits(text: string): boolean {
  return fractionDigits(text) !== undefined && compareDecimals(text.replace(/^[-+]/, ""), tooLarge) < 0;
}

/** The obstacles to another type: an index, a constraint, a generated column, a view instead of a table. */
function explain(cause: unknown, title: string): unknown {
  if (!(cause instanceof Error) || !/^(Dependency|Binder|Catalog|Constraint|Conversion) Error/.test(cause.message)) {
    return cause;
  }
  return new BillhouseError(
    "TYPE_MISMATCH",
    `${title} cannot become a ${nativeTypes.decimal}: ${firstLine(cause.message)}`,
    {
      hint: "The table was not changed. Drop the objects that depend on the column, such as an index, then migrate again.",
      cause,
    },
  );
}
