import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import type { DuckDBConnection } from "@duckdb/node-api";
import { BillhouseError, firstLine } from "../../errors.ts";
import { missingPeriodColumn, notANumber } from "../../schema/invalid-rows.ts";
import { fold } from "../../schema/names.ts";
import type { MappedFile, MonthReplacement } from "../warehouse.ts";
import { readRows } from "./database.ts";
import { castExpression, identifier, literal, type NativeColumns } from "./sql.ts";

/** A file as a relation `f` with the columns `c0`, `c1`, ..., by position. */
export interface Source {
  readonly file: MappedFile;
  readonly path: string;
  /** Sources of equal shape can be read as one relation. */
  readonly shape: string;
  /** SQL of the relation of all files at these paths, which must have the shape of this one. */
  relation(paths: readonly string[]): string;
  /** The relation of this file with the number of the row, counted in the order of the file from `firstRow` on, as `"row"`. */
  readonly numbered: string;
  readonly firstRow: 0 | 1;
  readonly columns: readonly SourceColumn[];
  /** The expression for the month of a row; null if the file lacks a billing period. */
  readonly period: {
    readonly column: SourceColumn;
    /** SQL of the TIMESTAMP on which the period of the row starts; NULL for a row without one. */
    readonly moment: string;
  } | null;
}

/** A column of a file and its table column. */
export interface SourceColumn {
  /** Its name in the relation. */
  readonly alias: string;
  readonly sourceName: string;
  readonly columnName: string;
  readonly nativeType: string;
  /** SQL of the value for the table. */
  readonly expression: string;
  /** Whether a value may not fit. */
  readonly canFail: boolean;
  /** Whether the values in the file are floats, which can be not a number. */
  readonly isFloat: boolean;
}

/** The content of a file for a table. Errors: FILE_INVALID, FILE_CORRUPT, PERIOD_MISSING. */
export async function describeSource(
  connection: DuckDBConnection,
  file: MappedFile,
  table: NativeColumns,
  replacement: Pick<MonthReplacement, "nullValues">,
): Promise<Source> {
  const { path, columns, periodColumn, needsPeriod } = file;
  if (path === null) throw new TypeError(`${file.file.key} was not downloaded.`);
  if (needsPeriod && periodColumn === null) throw missingPeriodColumn(file.file.key);
  const csv = file.file.format === "csv";
  const names = columns.map((_, position) => `c${position}`);
  const options = csv ? await csvOptions(path, names) : parquetOptions;
  const read = (paths: readonly string[], more = ""): string =>
    `${csv ? "read_csv" : "read_parquet"}([${paths.map(literal).join(", ")}], ${options}${more})`;
  const types = csv ? columns.map(() => "VARCHAR") : await parquetTypes(connection, read([path]), file);
  const cells = columns.map(({ columnName, sourceName }, position) => {
    const nativeType = table.get(fold(columnName));
    if (nativeType === undefined) throw new TypeError(`The table is missing the column ${columnName}.`);
    const sourceType = types[position] ?? "VARCHAR";
    const isFloat = sourceType === "DOUBLE" || sourceType === "FLOAT";
    return { name: names[position] ?? "", columnName, sourceName, nativeType, sourceType, isFloat };
  });
  // These are separate expressions below the casts: a cast plans its argument many times.
  const cleaned = cells.flatMap(({ name, columnName, sourceType, nativeType, isFloat }) => {
    if (isFloat && nativeType !== "VARCHAR" && replacement.nullValues.includes(notANumber)) {
      return [`CASE WHEN NOT isnan("${name}") THEN "${name}" END AS "${name}"`];
    }
    if (sourceType !== "VARCHAR") return [];
    const isPeriod = periodColumn !== null && fold(columnName) === fold(periodColumn);
    const words = nativeType === "VARCHAR" && !isPeriod ? [] : replacement.nullValues;
    // In CSV an empty cell is already NULL.
    const none = csv || nativeType === "VARCHAR" ? words : ["", ...words];
    if (none.length === 0) return [];
    return [`CASE WHEN "${name}" NOT IN (${none.map(literal).join(", ")}) THEN "${name}" END AS "${name}"`];
  });
  const replaced = cleaned.length === 0 ? "*" : `* REPLACE (${cleaned.join(", ")})`;
  const select = (what: string, from: string, alias: readonly string[]): string =>
    `(SELECT ${what} FROM ${from} AS f(${alias.map(identifier).join(", ")})) AS f`;
  const described = cells.map(({ name, columnName, sourceName, nativeType, sourceType, isFloat }) => ({
    alias: `f.${identifier(name)}`,
    sourceName,
    columnName,
    nativeType,
    expression: castExpression(`f.${identifier(name)}`, sourceType, nativeType),
    canFail: nativeType !== "VARCHAR",
    isFloat,
  }));
  const own = periodColumn === null ? -1 : cells.findIndex(({ columnName }) => fold(columnName) === fold(periodColumn));
  const column = described[own];
  const moment = castExpression(column?.alias ?? "NULL", cells[own]?.sourceType ?? "VARCHAR", "TIMESTAMP");
  // DuckDB finds the columns of further Parquet files by their names, whatever the case.
  const isNamedTwice = new Set(columns.map(({ sourceName }) => fold(sourceName))).size < columns.length;
  return {
    file,
    path,
    shape: JSON.stringify([options, types, columns, periodColumn, needsPeriod, !csv && isNamedTwice ? path : ""]),
    period: column === undefined ? null : { column, moment },
    relation: (paths) => select(replaced, read(paths), names),
    numbered: csv
      ? select(`row_number() OVER () AS "row", ${replaced}`, read([path], ", parallel = false"), names)
      : select(replaced, read([path], ", file_row_number = true"), [...names, "row"]),
    firstRow: csv ? 1 : 0,
    columns: described,
  };
}

async function csvOptions(path: string, names: readonly string[]): Promise<string> {
  const columns = names.map((name) => `${literal(name)}: 'VARCHAR'`).join(", ");
  // DuckDB reads the first line as the header even if it is blank.
  return `skip = ${await blankLinesAtStart(path)}, auto_detect = false, header = true, delim = ',', quote = '"', escape = '"', nullstr = '', strict_mode = true, compression = 'none', columns = {${columns}}${await bufferOptions(path)}`;
}

const parquetOptions = "hive_partitioning = false, binary_as_string = true";

async function parquetTypes(
  connection: DuckDBConnection,
  relation: string,
  { file, columns }: MappedFile,
): Promise<string[]> {
  const rows = await readRows(connection, `DESCRIBE SELECT * FROM ${relation}`).catch((cause: unknown) => {
    throw corruptFile(file.key, cause);
  });
  if (rows.length !== columns.length) {
    throw new BillhouseError("FILE_INVALID", `${file.key} has ${rows.length} columns instead of ${columns.length}.`, {
      hint: "Run again: the file changed while it was read.",
    });
  }
  return rows.map((row) => String(row["column_type"]));
}

/** The error for a Parquet file that DuckDB cannot read: FILE_INVALID for text that is not UTF-8, else FILE_CORRUPT. */
export function corruptFile(key: string, cause: unknown): BillhouseError {
  const reason = cause instanceof Error ? firstLine(cause.message) : "It is not Parquet.";
  if (/invalid string encoding/i.test(reason)) {
    return new BillhouseError("FILE_INVALID", `${key}: a column of text contains bytes that are not UTF-8.`, {
      hint: "Have the export delivered again, or copy the file again from where it came.",
      cause,
    });
  }
  return new BillhouseError("FILE_CORRUPT", `${key} cannot be read: ${reason}`, {
    hint: "Have the export delivered again, or copy the file again from its source.",
    cause,
  });
}

/** DuckDB reads lines below this many bytes without an option. */
const usualLine = 2_000_000;
const window = usualLine / 2;
/** A quarter of DuckDB's default, which every thread holds more than once: with it, less memory is left for rows. */
const usualBuffer = ", buffer_size = 8000000";
/** The longest row that BigQuery accepts, too. */
const longestLine = 100_000_000;

/**
 * Options for the buffers that a file needs. Lines longer than DuckDB's limit take larger ones and one thread, because its
 * parallel reader does not take such files. A long line fills at least one whole window, so nearly all of the file is
 * skipped.
 */
async function bufferOptions(path: string): Promise<string> {
  const handle = await open(path);
  try {
    const { size } = await handle.stat();
    if (size <= usualLine) return usualBuffer;
    let filled = 0;
    let longest = 0;
    for (let start = 0; start < size; start += window) {
      const content = await contentOf(handle, start);
      // With smaller buffers, DuckDB reads rows out of blank lines that fill a few of them, or fails.
      if (content === "blank lines") return "";
      filled = content === "lines" ? 0 : filled + 1;
      longest = Math.max(longest, filled);
    }
    if (longest === 0) return usualBuffer;
    const line = Math.min((longest + 2) * window, longestLine);
    return `, max_line_size = ${line}, buffer_size = ${2 * line}, parallel = false`;
  } finally {
    await handle.close();
  }
}

/** The blank lines before the header of a CSV file. */
export async function blankLinesAtStart(path: string): Promise<number> {
  let lines = 0;
  for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) {
    for (const byte of piece) {
      if (byte === 10) lines += 1;
      else if (byte !== 13) return lines;
    }
  }
  return lines;
}

/** What a window of the file has: the end of a line, at its start nothing but ends of lines, or a part of one line. */
async function contentOf(
  handle: Awaited<ReturnType<typeof open>>,
  start: number,
): Promise<"lines" | "blank lines" | "part of a line"> {
  const buffer = Buffer.alloc(65_536);
  for (let position = start; position < start + window; position += buffer.length) {
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, start + window - position), position);
    const read = buffer.subarray(0, bytesRead);
    const isBlank = bytesRead === buffer.length && read.every((byte) => byte === 10 || byte === 13);
    if (position === start && isBlank) return "blank lines";
    if (bytesRead === 0 || read.includes(10)) return "lines";
  }
  return "part of a line";
}
