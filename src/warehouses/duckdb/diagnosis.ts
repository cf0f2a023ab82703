import { createReadStream } from "node:fs";
import { BillhouseError } from "../../errors.ts";
import type { MonthReplacement } from "../warehouse.ts";
import { type Database, readRows } from "./database.ts";
import { firstLine } from "./failures.ts";
import { castMacros } from "./casts.ts";
import { fold, identifier } from "./names.ts";
import type { Source } from "./sources.ts";

/**
 * The error that a person can act on when a file could not be inserted: reads the file again, slowly, until the first
 * value that does not fit. A failure that has nothing to do with the file is returned as it is.
 * Codes: FILE_INVALID, FILE_CORRUPT, VALUE_INVALID, PERIOD_MISSING, MONTH_MISMATCH.
 */
export async function explainFailure(
  database: Database,
  source: Source,
  replacement: MonthReplacement,
  inMonth: string,
  cause: unknown,
): Promise<unknown> {
  if (!(cause instanceof Error)) return cause;
  const { message } = cause;
  const { key, format } = source.file.file;
  if (/^(IO|Out of Memory|INTERRUPT|FATAL|TransactionContext|Constraint) Error/.test(message)) return cause;
  if (/CSV Error|CSV Parser|CSV Reader|maximum line size/i.test(message)) {
    const line = /CSV Error on Line: (\d+)/.exec(message)?.[1];
    const place = line === undefined ? key : `${key}, line ${line}`;
    return new BillhouseError(
      "FILE_INVALID",
      `${place}: this is not the CSV that was expected. ${csvReason(message)}`,
      {
        hint: "Look at this line of the file; if it is damaged, have the export delivered again.",
        cause,
      },
    );
  }
  const found = await database
    .use(async (connection) => {
      for (const macro of castMacros) await connection.run(macro);
      const [row] = await readRows(connection, firstMisfit(source, replacement, inMonth));
      return row;
    })
    .catch(() => undefined);
  if (found === undefined) {
    if (format !== "parquet") return cause;
    return new BillhouseError("FILE_CORRUPT", `${key} cannot be read: ${firstLine(message)}`, {
      hint: "Have the export delivered again, or copy the file again from where it came.",
      cause,
    });
  }
  const row = Number(found["row"]);
  const column = source.columns[Number(found["position"])];
  const name = column?.sourceName ?? replacement.partitionColumn;
  const line = format === "csv" && source.file.path !== null ? await lineOfRow(source.file.path, row) : undefined;
  const place = `${key}, ${line === undefined ? `row ${row}` : `line ${line}`}, column "${name}"`;
  const value = shown(found["value"]);
  const month = replacement.billingMonth;
  if (found["kind"] === "missing") {
    return new BillhouseError("PERIOD_MISSING", `${place}: the row names no billing period.`, {
      hint: 'Have the export delivered again, or set partition_column = "billing_month" to take the month of the delivery.',
      cause,
    });
  }
  if (found["kind"] === "month") {
    return new BillhouseError("MONTH_MISMATCH", `${place}: ${value} is not in the billing month ${month}.`, {
      hint: 'If this export mixes months by intention, set partition_column = "billing_month".',
      cause,
    });
  }
  return new BillhouseError("VALUE_INVALID", `${place}: ${value} is no ${column?.nativeType ?? "value"}.`, {
    hint: "Have the export delivered again; if the value is right, the column of the table has the wrong type.",
    cause,
  });
}

/** The query for the first row that does not fit, with the position of its column and what is wrong with it. */
function firstMisfit(source: Source, replacement: MonthReplacement, inMonth: string): string {
  const { stamped, spansMonths, partitionColumn } = replacement;
  const period = stamped ? -1 : source.columns.findIndex((column) => fold(column.columnName) === fold(partitionColumn));
  const misfits = source.columns.flatMap(({ alias, expression, canFail }, position) =>
    canFail
      ? [{ position, value: alias, kind: "value", when: `${alias} IS NOT NULL AND TRY(${expression}) IS NULL` }]
      : [],
  );
  const partition = source.columns[period];
  const month = identifier("billhouse month");
  if (partition !== undefined) {
    const { alias: value } = partition;
    misfits.push({ position: period, value, kind: "missing", when: `${value} IS NULL` });
    if (!spansMonths) misfits.push({ position: period, value, kind: "month", when: `NOT ${month}` });
  }
  const pick = (choice: (misfit: (typeof misfits)[number]) => string): string =>
    misfits.length === 0
      ? "NULL"
      : `CASE ${misfits.map((misfit) => `WHEN ${misfit.when} THEN ${choice(misfit)}`).join(" ")} END`;
  const inside =
    partition === undefined
      ? "true"
      : `(SELECT ${inMonth} FROM (SELECT TRY(${partition.expression}) AS ${identifier(partitionColumn)}))`;
  return `SELECT f."row" AS "row", ${pick(({ position }) => String(position))} AS "position",
    ${pick(({ value }) => `CAST(${value} AS VARCHAR)`)} AS "value", ${pick(({ kind }) => `'${kind}'`)} AS "kind"
    FROM (SELECT f.*, ${inside} AS ${month} FROM ${source.numbered} AS f) AS f
    WHERE "position" IS NOT NULL${spansMonths ? ` AND ${month} IS DISTINCT FROM false` : ""} ORDER BY 1 LIMIT 1`;
}

/** The line, from 1, on which a row of a CSV file begins. Rows count from 1 below the header; blank lines are none. */
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

/** What DuckDB says about a line, without the line itself. */
function csvReason(message: string): string {
  const counts = /Expected Number of Columns: (\d+) Found: (\d+)/.exec(message);
  if (counts !== null) return `It has ${counts[2]} columns, and ${counts[1]} were expected.`;
  if (/unterminated quote/i.test(message)) return "A quote is not closed.";
  if (/not utf-8/i.test(message)) return "It is not UTF-8.";
  if (/maximum line size/i.test(message)) return "It is longer than a line may be.";
  return "It mixes line ends, or its quotes are not those of CSV.";
}

/** A value for a message: quoted, without control characters, and not endless. */
function shown(value: unknown): string {
  const text = typeof value === "string" ? value : "";
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text);
}
