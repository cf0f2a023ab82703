import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { BillhouseError } from "../../errors.ts";
import type { BillingMonth } from "../../model.ts";
import { invalidValue, missingPeriod, notANumber } from "../../schema/invalid-rows.ts";
import { fold } from "../../schema/names.ts";
import type { MonthPackage } from "../../state/package.ts";
import { reachPoint } from "../points.ts";
import type { MonthReplacement, Settle } from "../warehouse.ts";
import { type Database, readRows } from "./database.ts";
import { isView, nativeColumns, takeCommitLock } from "./ledger.ts";
import { settleMonth } from "./measure.ts";
import { keepRows } from "./previous.ts";
import { prepareTable } from "./schema.ts";
import { runInsert } from "./resources.ts";
import { rebuildLoadedMonth } from "./rollups.ts";
import { blankLinesAtStart, corruptFile, describeSource, type Source, type SourceColumn } from "./sources.ts";
import { castMacros, identifier, monthCondition, type NativeColumns, tableName } from "./sql.ts";

/** Replaces the rows of one billing month: see `Warehouse.replaceMonth`. */
export async function replaceMonth(
  database: Database,
  replacement: MonthReplacement,
  settle: Settle,
): Promise<MonthPackage> {
  const { table, schema } = replacement;
  const target = tableName(table.dataset, table.name);
  await database.checkpoint();
  const load = await database.transact(async (connection) => {
    if (await isView(connection, table)) throw replacedByView(table);
    if (schema !== null) await prepareTable(connection, table, schema, database.views);
    // Before any row: two writers conflict here instead of after an hour of loading.
    await takeCommitLock(connection, table);
    reachPoint("prepared");
    const columns = await nativeColumns(connection, table.dataset, table.name);
    const inMonth = monthCondition(replacement, columns);
    await keepRows(connection, replacement, inMonth);
    reachPoint("before-delete");
    await connection.run(`DELETE FROM ${target} WHERE ${inMonth}`);
    reachPoint("after-delete");
    const { progress } = replacement;
    let inserted = 0;
    let bytes = 0;
    for await (const batch of replacement.files) {
      const sources: Source[] = [];
      for (const file of batch) sources.push(await describeSource(connection, file, columns, replacement));
      // One statement for many files fills the row groups of the table: those that are half empty cost a rewrite later.
      for (const alike of Map.groupBy(sources, ({ shape }) => shape).values()) {
        database.throwIfClosing();
        try {
          const size = { columns: columns.size, ...(await sizeOf(alike)) };
          const statement = insertStatement(target, alike, replacement, columns);
          const delivered = alike.reduce((sum, { file }) => sum + file.file.size, 0);
          const before = bytes;
          progress?.inserting({ bytes });
          const onShare =
            progress && ((share: number): void => progress.inserting({ bytes: before + share * delivered }));
          const result = await runInsert(connection, statement, database, size, onShare);
          inserted += result.rowsChanged;
          bytes += delivered;
          reachPoint("batch-inserted");
        } catch (cause) {
          // Must be inside the loop: the caller removes the files when the loop ends.
          throw await explainFailure(database, alike, replacement, cause);
        }
      }
    }
    progress?.checking();
    return settleMonth(connection, replacement, inserted, settle);
  });
  await rebuildLoadedMonth(database, replacement);
  return load;
}

function replacedByView({ dataset, name }: MonthReplacement["table"]): BillhouseError {
  return new BillhouseError("TABLE_UNUSABLE", `${dataset}.${name} is a view, but months are loaded into a table.`, {
    hint: "Rename the view, or set table_name in the section of the export, then run again.",
  });
}

/** The rows and decompressed bytes of these files. */
async function sizeOf(sources: readonly Source[]): Promise<{ readonly rows: number; readonly bytes: number }> {
  let [rows, bytes] = [0, 0];
  for (const { path, file } of sources) {
    rows += file.rows ?? 0;
    bytes += (await stat(path)).size;
  }
  return { rows, bytes };
}

/** Inserts the rows of the month. The partition column of a row without a period gets the first day of the month. */
function insertStatement(
  target: string,
  alike: readonly Source[],
  replacement: MonthReplacement,
  table: NativeColumns,
): string {
  const [first] = alike;
  if (first === undefined) throw new TypeError("There is no file to insert.");
  const { file, columns, period } = first;
  const relation = first.relation(alike.map(({ path }) => path));
  const { partitionColumn, billingMonth } = replacement;
  const column = identifier(partitionColumn);
  const values = columns.map(({ expression, columnName }) => `${expression} AS ${identifier(columnName)}`);
  const start = `CAST('${billingMonth}-01' AS ${table.get(fold(partitionColumn)) ?? "DATE"})`;
  const insert = `INSERT INTO ${target} BY NAME SELECT`;
  // A row without a required period stops the load at once; the diagnosis then finds the row.
  const unless = (isMissing: string, value: string): string =>
    file.needsPeriod ? `CASE WHEN ${isMissing} THEN error('no period') ELSE ${value} END` : value;
  if (columns.some(({ columnName }) => fold(columnName) === fold(partitionColumn))) {
    const inMonth = monthCondition(replacement, table);
    const filled = unless(`${column} IS NULL`, `coalesce(${column}, ${start})`);
    const rows = `(SELECT ${values.join(", ")} FROM ${relation})`;
    return `${insert} * REPLACE (${filled} AS ${column}) FROM ${rows} WHERE ${column} IS NULL OR ${inMonth}`;
  }
  if (period === null) return `${insert} ${[`${start} AS ${column}`, ...values].join(", ")} FROM ${relation}`;
  const stamp = unless(`${period.moment} IS NULL`, start);
  const cells = [`${stamp} AS ${column}`, ...values].join(", ");
  return `${insert} ${cells} FROM ${relation} WHERE ${isOfMonth(period.moment, billingMonth)}`;
}

/** The condition that a row with this period belongs to the month; a row without a period does. */
function isOfMonth(moment: string, billingMonth: BillingMonth): string {
  return `coalesce(${hasMonth(moment, billingMonth)}, true)`;
}

/** As `isOfMonth`, but NULL for a row without a period. */
function hasMonth(moment: string, billingMonth: BillingMonth): string {
  return `date_trunc('month', ${moment}) = CAST('${billingMonth}-01' AS TIMESTAMP)`;
}

/**
 * The error for files that could not be inserted: reads them again, slowly, up to the first value that does not fit. A
 * failure not caused by the files is returned unchanged.
 * Codes: FILE_INVALID, FILE_CORRUPT, VALUE_INVALID, PERIOD_MISSING.
 */
async function explainFailure(
  database: Database,
  sources: readonly Source[],
  replacement: MonthReplacement,
  cause: unknown,
): Promise<unknown> {
  if (!(cause instanceof Error)) return cause;
  const { message } = cause;
  if (/^(IO|Out of Memory|INTERRUPT|FATAL|TransactionContext|Constraint) Error/.test(message)) return cause;
  // CSV: `file = <path>` on a line of its own; Parquet: `file "<path>"`.
  const named = /^ *file = (.*)$/m.exec(message)?.[1] ?? /file "(.*?)"/.exec(message)?.[1];
  const source = sources.find(({ path }) => path === named) ?? (sources.length === 1 ? sources[0] : undefined);
  if (/CSV Error|CSV Parser|CSV Reader|maximum line size/i.test(message) && source !== undefined) {
    return explainCsv(source, cause);
  }
  for (const each of sources) {
    const misfit = await findMisfit(database, each, replacement).catch(() => undefined);
    if (misfit === undefined) continue;
    const { row, column } = misfit;
    const { key, format } = each.file.file;
    const line = format === "csv" ? await lineOfRow(each.path, row) : undefined;
    const place = `${key}, ${line === undefined ? `row ${row}` : `line ${line}`}, column "${column.sourceName}"`;
    if (misfit.kind === "missing") return missingPeriod(place, { cause });
    return invalidValue(place, misfit.value, `a valid ${column.nativeType}`, { cause });
  }
  return source?.file.file.format === "parquet" ? corruptFile(source.file.file.key, cause) : cause;
}

/** The error for a CSV file that DuckDB refuses: FILE_INVALID. */
async function explainCsv({ file: { file }, path }: Source, cause: Error): Promise<BillhouseError> {
  // DuckDB counts records, the header included, and calls them lines.
  const record = /CSV Error on Line: (\d+)/.exec(cause.message)?.[1];
  const line =
    record === undefined ? undefined : await lineOfRow(path, Number(record) - 1 - (await blankLinesAtStart(path)));
  const place = line === undefined ? file.key : `${file.key}, line ${line}`;
  return new BillhouseError("FILE_INVALID", `${place}: this is not valid CSV. ${csvReason(cause.message)}`, {
    hint: "Check this line of the file; if it is damaged, have the export delivered again.",
    cause,
  });
}

/** A value that does not fit: its row, counted from 1, and the reason. */
interface Misfit {
  readonly row: number;
  readonly column: SourceColumn;
  readonly kind: "value" | "missing";
  readonly value: string;
}

async function findMisfit(
  database: Database,
  source: Source,
  { billingMonth }: MonthReplacement,
): Promise<Misfit | undefined> {
  const { period } = source;
  const checks: { readonly column: SourceColumn; readonly kind: Misfit["kind"]; readonly when: string }[] = [];
  for (const column of source.columns.filter(({ canFail }) => canFail)) {
    const { alias, expression } = column;
    checks.push({ column, kind: "value", when: `${alias} IS NOT NULL AND TRY(${expression}) IS NULL` });
  }
  // Rows of other months are not loaded, whatever they contain.
  const month = identifier("month of billhouse");
  const inside = period === null ? "true" : `TRY(${hasMonth(period.moment, billingMonth)})`;
  if (period !== null && source.file.needsPeriod) {
    checks.push({ column: period.column, kind: "missing", when: `${period.column.alias} IS NULL` });
  }
  const cases = checks.map(({ when }, position) => `WHEN ${when} THEN ${position}`);
  return database.use(async (connection) => {
    for (const macro of castMacros) await connection.run(macro);
    const [found] = await readRows(
      connection,
      `SELECT "row", "check" FROM (SELECT "row", CASE ${cases.join(" ")} END AS "check"
        FROM (SELECT *, ${inside} AS ${month} FROM ${source.numbered}) AS f WHERE ${month} IS DISTINCT FROM false)
        WHERE "check" IS NOT NULL ORDER BY "row" LIMIT 1`,
    );
    const check = checks[Number(found?.["check"])];
    if (found === undefined || check === undefined) return undefined;
    const { column, kind } = check;
    const [cell] = await readRows(
      connection,
      `SELECT CAST(${column.alias} AS VARCHAR) AS "value" FROM ${source.numbered} WHERE "row" = ${found["row"]}`,
    );
    const written = String(cell?.["value"] ?? "");
    // DuckDB writes such a float as nan, and the word in `null_values` is NaN.
    const value = column.isFloat && written === "nan" ? notANumber : written;
    return { row: Number(found["row"]) + 1 - source.firstRow, column, kind, value };
  });
}

/** The line, from 1, on which a row of a CSV file begins. Rows count from 1 below the header; blank lines do not count. */
async function lineOfRow(path: string, wanted: number): Promise<number | undefined> {
  let line = 1;
  let record = 0;
  let blank = true;
  let quoted = false;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    for (const byte of chunk) {
      if (byte === lineFeed) {
        line++;
        if (!quoted && !blank) record++;
        if (!quoted) blank = true;
      } else if (byte !== carriageReturn) {
        if (blank && record === wanted) return line;
        blank = false;
        if (byte === quote) quoted = !quoted;
      }
    }
  }
  return undefined;
}

const lineFeed = 10;
const carriageReturn = 13;
const quote = 34;

/** DuckDB's reason for refusing a line, without the line itself. */
function csvReason(message: string): string {
  const counts = /Expected Number of Columns: (\d+) Found: (\d+)/.exec(message);
  if (counts !== null) return `It has ${counts[2]} columns instead of ${counts[1]}.`;
  if (/unterminated quote/i.test(message)) return "A quote is not closed.";
  if (/not utf-8/i.test(message)) return "It is not UTF-8.";
  if (/maximum line size/i.test(message)) return "It is longer than the maximum line size.";
  return "It mixes line ends, or its quotes are not valid CSV.";
}
