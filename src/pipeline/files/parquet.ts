import type { AsyncBuffer, RowGroup, SchemaElement } from "hyparquet";
import type { ColumnType, SourceColumn } from "../../model.ts";
import { corruptParquet, readFooter } from "./parquet-footer.ts";
import { checkPages, compressors, inflatePage } from "./parquet-pages.ts";

/** The header of a Parquet file: its top-level columns in order, and what its footer declares. */
export interface ParquetHeader {
  readonly columns: readonly SourceColumn[];
  readonly rows: number;
  /** Of all columns, unpacked. */
  readonly bytes: number;
}

/**
 * Reads the footer of a Parquet file. `key` names the file in errors.
 * Errors: as `readFooter`. Types: decimals, doubles and floats are `decimal`, because
 * every amount of a bill is; maps, lists and structs are `json`.
 */
export async function readParquetHeader(key: string, bytes: AsyncBuffer): Promise<ParquetHeader> {
  const metadata = await readFooter(key, bytes);
  const { parquetSchema } = await import("hyparquet");
  const columns = parquetSchema(metadata).children.map(({ element, children }) => ({
    name: element.name,
    type: children.length > 0 ? ("json" as const) : columnType(element),
  }));
  const unpacked = metadata.row_groups
    .flatMap((group) => group.columns)
    .reduce((sum, { meta_data: column }) => sum + Number(column?.total_uncompressed_size ?? 0n), 0);
  return { columns, rows: Number(metadata.num_rows), bytes: unpacked };
}

/**
 * Calls `row` for every row of a local Parquet file with the cells of some columns as text, in the order of
 * `positions`: decimals exactly, doubles by their shortest text, times in ISO 8601 UTC, nothing as null. Row numbers
 * start at 1. Memory holds one row group of those columns.
 * Error: FILE_CORRUPT when a page cannot be read, or claims what cannot be.
 */
export async function readParquetCells(
  key: string,
  bytes: AsyncBuffer,
  positions: readonly number[],
  row: (cells: readonly (string | null)[], rowNumber: number) => void,
): Promise<void> {
  const { parquetRead, parquetSchema } = await import("hyparquet");
  const metadata = await readFooter(key, bytes);
  const { children } = parquetSchema(metadata);
  const wanted = positions.map((position) => {
    const column = children[position] ?? missingColumn(key, position);
    const { element } = column;
    const isFlat = column.children.length === 0 && element.repetition_type !== "REPEATED";
    if (isFlat && children.filter((other) => other.element.name === element.name).length === 1) return element;
    throw corruptParquet(key, new Error(`its column ${element.name} is nested, or is there twice`));
  });
  // Without the annotation a decimal comes as its unscaled bytes; with it, as a float.
  const schema = metadata.schema.map((element) => (isDecimal(element) ? unannotated(element) : element));
  let first = 0;
  for (const group of metadata.row_groups) {
    const last = first + Number(group.num_rows);
    let cells: unknown[][] = [];
    try {
      await checkGroup(group, wanted, bytes);
      await parquetRead({
        file: bytes,
        metadata: { ...metadata, schema },
        columns: [...new Set(wanted.map(({ name }) => name))],
        rowStart: first,
        rowEnd: last,
        rowFormat: "object",
        compressors,
        parsers: timeParsers,
        utf8: false,
        onComplete: (rows) => {
          cells = rows.map((record) => wanted.map(({ name }) => record[name] as unknown));
        },
      });
    } catch (cause) {
      throw corruptParquet(key, cause);
    }
    for (const [index, values] of cells.entries()) {
      row(
        values.map((value, slot) => cellText(value, wanted[slot])),
        first + index + 1,
      );
    }
    first = last;
  }
}

/** Looks at the pages of some columns of a row group. Error: an Error in words. */
async function checkGroup(group: RowGroup, wanted: readonly SchemaElement[], bytes: AsyncBuffer): Promise<void> {
  const { snappyUncompress } = await import("hyparquet");
  for (const element of new Set(wanted)) {
    const [chunk, other] = group.columns.flatMap(({ meta_data: column }) =>
      column?.path_in_schema[0] === element.name ? [column] : [],
    );
    if (chunk === undefined || other !== undefined) throw new Error(`its column ${element.name} is there in part`);
    if (chunk.type !== element.type) throw new Error(`its column ${element.name} has two types`);
    const start = Number(chunk.dictionary_page_offset || chunk.data_page_offset);
    const pages = new Uint8Array(await bytes.slice(start, start + Number(chunk.total_compressed_size)));
    checkPages(pages, chunk, element, Number(group.num_rows), (page, size, codec) =>
      inflatePage(page, size, codec, snappyUncompress),
    );
  }
}

function missingColumn(key: string, position: number): never {
  throw new Error(`${key} has no column at position ${position}.`);
}

/** The type of a flat column (Parquet format specification, "Logical Types"). */
function columnType(element: SchemaElement): ColumnType {
  const logical = element.logical_type?.type;
  const converted = element.converted_type;
  if (isDecimal(element)) return "decimal";
  if (logical === "TIMESTAMP" || converted?.startsWith("TIMESTAMP") || element.type === "INT96") return "timestamp";
  if (logical === "DATE" || converted === "DATE") return "date";
  if (logical === "JSON" || converted === "JSON") return "json";
  if (element.type === "BOOLEAN") return "boolean";
  if (element.type === "INT32" || element.type === "INT64") return "bigint";
  if (element.type === "DOUBLE" || element.type === "FLOAT") return "decimal";
  return "text";
}

function isDecimal(element: SchemaElement): boolean {
  return element.converted_type === "DECIMAL" || element.logical_type?.type === "DECIMAL";
}

function unannotated(element: SchemaElement): SchemaElement {
  const { converted_type: _converted, logical_type: _logical, ...plain } = element;
  return plain;
}

function cellText(value: unknown, element: SchemaElement | undefined): string | null {
  if (value === null || value === undefined) return null;
  if (element !== undefined && isDecimal(element)) return scaled(unscaled(value), element.scale ?? 0);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("utf8");
  if (typeof value === "string") return value;
  const isPlain = typeof value === "number" || typeof value === "bigint" || typeof value === "boolean";
  return isPlain ? String(value) : JSON.stringify(value);
}

function unscaled(value: unknown): bigint {
  if (!(value instanceof Uint8Array)) return BigInt(String(value));
  const hex = Buffer.from(value).toString("hex");
  return hex === "" ? 0n : BigInt.asIntN(value.length * 8, BigInt(`0x${hex}`));
}

function scaled(digits: bigint, scale: number): string {
  const text = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, "0");
  const whole = text.slice(0, text.length - scale);
  return `${digits < 0n ? "-" : ""}${whole}${scale > 0 ? `.${text.slice(-scale)}` : ""}`;
}

const timeParsers = {
  timestampFromMilliseconds: (millis: bigint): string => new Date(Number(millis)).toISOString(),
  timestampFromMicroseconds: (micros: bigint): string => new Date(Number(micros / 1000n)).toISOString(),
  timestampFromNanoseconds: (nanos: bigint): string => new Date(Number(nanos / 1_000_000n)).toISOString(),
  dateFromDays: (days: number): string => new Date(days * 86_400_000).toISOString(),
};
