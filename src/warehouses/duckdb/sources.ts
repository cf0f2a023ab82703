import { open } from "node:fs/promises";
import type { DuckDBConnection } from "@duckdb/node-api";
import { BillhouseError } from "../../errors.ts";
import type { CheckedFile, MonthReplacement } from "../warehouse.ts";
import { castExpression, firstCell } from "./casts.ts";
import { readRows } from "./database.ts";
import { fold, identifier, literal } from "./names.ts";

/** A file as a relation `f` with the columns `c0`, `c1`, ..., by position. */
export interface Source {
  readonly file: CheckedFile;
  /** SQL of the relation. */
  readonly relation: string;
  /** The same, read by one thread in the order of the file, with the number of the row as `"row"`, from 1. */
  readonly numbered: string;
  readonly columns: readonly SourceColumn[];
}

/** A column of a file on its way to a table column. */
export interface SourceColumn {
  /** Its name in the relation. */
  readonly alias: string;
  readonly sourceName: string;
  readonly columnName: string;
  readonly nativeType: string;
  /** SQL of the value for the table. */
  readonly expression: string;
  /** Whether a value can fail to fit. */
  readonly canFail: boolean;
}

/** The columns of the table: folded name to native type. */
export type NativeColumns = ReadonlyMap<string, string>;

/** What a file holds for a table. Errors: FILE_INVALID, FILE_CORRUPT, PERIOD_MISSING. */
export async function describeSource(
  connection: DuckDBConnection,
  file: CheckedFile,
  table: NativeColumns,
  replacement: MonthReplacement,
): Promise<Source> {
  const { path, columns } = file;
  if (path === null) throw new TypeError(`${file.file.key} was not brought to this machine.`);
  const isStamped = (name: string): boolean => fold(name) === fold(replacement.partitionColumn);
  if (!replacement.stamped && !columns.some((column) => isStamped(column.columnName))) {
    throw new BillhouseError(
      "PERIOD_MISSING",
      `${file.file.key} has no column for ${replacement.partitionColumn}, which tells the billing month.`,
      {
        hint: 'Set partition_column = "billing_month" in the section of this export to take the month of the delivery.',
      },
    );
  }
  const csv = file.file.format === "csv";
  const names = columns.map((_, position) => `c${position}`);
  const relation = csv ? await csvRelation(path, names) : parquetRelation(path);
  const types = csv ? columns.map(() => "VARCHAR") : await parquetTypes(connection, relation, file);
  const alias = `f(${names.map(identifier).join(", ")})`;
  return {
    file,
    relation: `${relation} AS ${alias}`,
    numbered: csv
      ? `(SELECT row_number() OVER () AS "row", f.* FROM ${relation.replace(/\)$/, ", parallel = false)")} AS ${alias})`
      : `(SELECT f."row" + 1 AS "row", f.* EXCLUDE ("row") FROM ${relation.replace(/\)$/, ", file_row_number = true)")} AS ${alias.replace(/\)$/, ', "row")')})`,
    columns: columns.map((column, position) => {
      const nativeType = table.get(fold(column.columnName));
      if (nativeType === undefined) throw new TypeError(`The table has no column ${column.columnName}.`);
      const cell = `f.${identifier(`c${position}`)}`;
      const value = csv && position === 0 ? firstCell(cell) : cell;
      return {
        alias: cell,
        sourceName: column.sourceName,
        columnName: column.columnName,
        nativeType,
        expression: castExpression(value, types[position] ?? "VARCHAR", nativeType),
        canFail: nativeType !== "VARCHAR",
      };
    }),
  };
}

async function csvRelation(path: string, names: readonly string[]): Promise<string> {
  const columns = names.map((name) => `${literal(name)}: 'VARCHAR'`).join(", ");
  return `read_csv(${literal(path)}, auto_detect = false, header = true, delim = ',', quote = '"', escape = '"', nullstr = '', strict_mode = true, compression = 'none', columns = {${columns}}${await longLineOptions(path)})`;
}

function parquetRelation(path: string): string {
  return `read_parquet(${literal(path)}, hive_partitioning = false, binary_as_string = true)`;
}

async function parquetTypes(
  connection: DuckDBConnection,
  relation: string,
  { file, columns }: CheckedFile,
): Promise<string[]> {
  const rows = await readRows(connection, `DESCRIBE SELECT * FROM ${relation}`);
  if (rows.length !== columns.length) {
    throw new BillhouseError(
      "FILE_INVALID",
      `${file.key} has ${rows.length} columns, and ${columns.length} were expected.`,
      { hint: "Run again: the file was read in another form a moment ago." },
    );
  }
  return rows.map((row) => String(row["column_type"]));
}

/** DuckDB reads lines below this many bytes without being told. */
const usualLine = 2_000_000;
const window = usualLine / 2;
/** The longest row that BigQuery takes, too. */
const longestLine = 100_000_000;

/**
 * Options for a file with lines longer than DuckDB's limit: larger buffers and one thread, because its parallel reader
 * does not take such files. A long line fills at least one whole window, so nearly all of the file is skipped.
 */
async function longLineOptions(path: string): Promise<string> {
  const handle = await open(path);
  try {
    const { size } = await handle.stat();
    if (size <= usualLine) return "";
    let filled = 0;
    let longest = 0;
    for (let start = 0; start < size; start += window) {
      filled = (await hasLineEnd(handle, start)) ? 0 : filled + 1;
      longest = Math.max(longest, filled);
    }
    if (longest === 0) return "";
    const line = Math.min((longest + 2) * window, longestLine);
    return `, max_line_size = ${line}, buffer_size = ${2 * line}, parallel = false`;
  } finally {
    await handle.close();
  }
}

async function hasLineEnd(handle: Awaited<ReturnType<typeof open>>, start: number): Promise<boolean> {
  const buffer = Buffer.alloc(65_536);
  for (let position = start; position < start + window; position += buffer.length) {
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, start + window - position), position);
    if (buffer.subarray(0, bytesRead).includes(10)) return true;
    if (bytesRead === 0) return true;
  }
  return false;
}
