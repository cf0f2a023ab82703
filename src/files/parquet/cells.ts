import type { AsyncBuffer, DecodedArray, FileMetaData, ParquetParsers, RowGroup, SchemaElement } from "hyparquet";
import { BillhouseError } from "../../errors.ts";
import type { ColumnType, SourceColumn } from "../../model.ts";
import { corruptParquet, isDecimal, readFooter } from "./footer.ts";
import { checkPages, compressors, decompressPage } from "./pages.ts";

/** The header of a Parquet file: its top-level columns in order, and what its footer declares. */
export interface ParquetHeader {
  readonly columns: readonly SourceColumn[];
  readonly rows: number;
  /** Of all columns, decompressed. */
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
  const decompressed = metadata.row_groups
    .flatMap((group) => group.columns)
    .reduce((sum, { meta_data: column }) => sum + Number(column?.total_uncompressed_size ?? 0n), 0);
  return { columns, rows: Number(metadata.num_rows), bytes: decompressed };
}

/**
 * Calls `row` for every row of a local Parquet file with the cells of some columns as text, in the order of
 * `positions`: decimals exactly, doubles and floats by their shortest text, times in ISO 8601 UTC, nothing as null. Row numbers
 * start at 1; at most `most` rows are read. Memory holds the stored values of these columns for one row group, equal
 * texts once.
 * Errors: FILE_CORRUPT when a page cannot be read or declares impossible values; VALUE_INVALID for a decimal of more than 64
 * bytes; those of `row`.
 */
export async function readParquetCells(
  key: string,
  bytes: AsyncBuffer,
  positions: readonly number[],
  row: (cells: readonly (string | null)[], rowNumber: number) => void,
  most: number = Infinity,
): Promise<void> {
  const { parquetSchema } = await import("hyparquet");
  const metadata = await readFooter(key, bytes);
  const { children } = parquetSchema(metadata);
  const wanted = positions.map((position) => {
    const column = children[position] ?? missingColumn(key, position);
    const { element } = column;
    const isFlat = column.children.length === 0 && element.repetition_type !== "REPEATED";
    const isOnly = children.filter((other) => other.element.name === element.name).length === 1;
    if (isFlat && isOnly) return element;
    const what = isOnly ? "contains nested values, and single values are needed" : "exists twice";
    throw new BillhouseError("FILE_INVALID", `${key}: its column "${element.name}" ${what}.`, {
      hint: "Put the file that the cloud delivered in its place, or have it delivered again.",
    });
  });
  const plain = { ...metadata, schema: metadata.schema.map(unannotated) };
  let first = 0;
  for (const group of metadata.row_groups) {
    if (group.num_rows === 0n) continue;
    if (first >= most) return;
    const last = Math.min(first + Number(group.num_rows), most);
    const values = new Map<SchemaElement, (row: number) => unknown>();
    try {
      await checkGroup(group, wanted, bytes);
      // One after the other: the stored pages of a column are freed before the next one is decoded.
      for (const element of new Set(wanted)) values.set(element, await readColumn(plain, bytes, element, first, last));
    } catch (cause) {
      throw corruptParquet(key, cause);
    }
    for (let index = first; index < last; index += 1) {
      row(
        wanted.map((element) => {
          const value = values.get(element)?.(index);
          if (value === tooLong) throw longDecimal(key, element.name, index + 1);
          return cellText(value, element);
        }),
        index + 1,
      );
    }
    first = last;
  }
}

/**
 * Reads some rows of one flat column, and returns a function that finds the value of a row. Rows must be asked for in
 * order.
 */
async function readColumn(
  metadata: FileMetaData,
  file: AsyncBuffer,
  element: SchemaElement,
  first: number,
  last: number,
): Promise<(row: number) => unknown> {
  const { parquetRead } = await import("hyparquet");
  const parts: { readonly start: number; readonly end: number; readonly values: DecodedArray }[] = [];
  await parquetRead({
    file,
    metadata,
    columns: [element.name],
    rowStart: first,
    rowEnd: last,
    compressors,
    parsers: parsersOf(element),
    utf8: false,
    // Kept as columns: four million row objects take more than a gigabyte.
    onChunk: ({ columnData, rowStart, rowEnd }) => parts.push({ start: rowStart, end: rowEnd, values: columnData }),
  });
  let part = 0;
  return (row) => {
    while (row >= (parts[part]?.end ?? Infinity)) part += 1;
    const found = parts[part];
    return found?.values[row - found.start];
  };
}

/** Returns the same string for all equal texts: periods and currencies repeat in every row. */
function sharing(): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    const shared = known.get(text);
    if (shared !== undefined) return shared;
    if (text.length <= longestShared && known.size < mostShared) known.set(text, text);
    return text;
  };
}

const longestShared = 100;
const mostShared = 1000;

/** A decimal that is stored as bytes, as text without its point. Called once for an entry of a dictionary. */
function decimalFromBytes(bytes: Uint8Array | undefined): bigint | symbol | undefined {
  if (bytes === undefined) return undefined;
  return bytes.length > longestDecimal ? tooLong : unscaled(bytes);
}

/** Marks a decimal of too many bytes until its row is known. */
const tooLong = Symbol("a decimal of too many bytes");

// Sixteen bytes hold 38 digits, more than any amount has; writers may add a few sign bytes in front.
const longestDecimal = 64;

function longDecimal(key: string, column: string, row: number): BillhouseError {
  return new BillhouseError(
    "VALUE_INVALID",
    `${key}, row ${row}, column ${column}: the value is a decimal of more than ${longestDecimal} bytes.`,
    { hint: "No month of this delivery was loaded. Compare the file with its source, or wait for the next delivery." },
  );
}

/** Checks the pages of some columns of a row group. Throws an Error that says what is wrong. */
async function checkGroup(group: RowGroup, wanted: readonly SchemaElement[], bytes: AsyncBuffer): Promise<void> {
  const { snappyUncompress } = await import("hyparquet");
  for (const element of new Set(wanted)) {
    const [chunk, other] = group.columns.flatMap(({ meta_data: column }) =>
      column?.path_in_schema[0] === element.name ? [column] : [],
    );
    if (chunk === undefined || other !== undefined) throw new Error(`its column ${element.name} is incomplete`);
    if (chunk.type !== element.type) throw new Error(`its column ${element.name} has two types`);
    const start = Number(chunk.dictionary_page_offset || chunk.data_page_offset);
    const pages = new Uint8Array(await bytes.slice(start, start + Number(chunk.total_compressed_size)));
    checkPages(pages, chunk, element, Number(group.num_rows), (page, size, codec) =>
      decompressPage(page, size, codec, snappyUncompress),
    );
  }
}

function missingColumn(key: string, position: number): never {
  throw new Error(`${key} does not have a column at position ${position}.`);
}

/** The type of a flat column (Parquet format specification, "Logical Types"). */
function columnType(element: SchemaElement): ColumnType {
  const logical = element.logical_type?.type;
  const converted = element.converted_type;
  if (isDecimal(element)) return "decimal";
  // A column without any value: the writer did not know its type.
  if (logical === "NULL") return "text";
  if (logical === "TIMESTAMP" || converted?.startsWith("TIMESTAMP") || element.type === "INT96") return "timestamp";
  if (logical === "DATE" || converted === "DATE") return "date";
  if (logical === "JSON" || converted === "JSON") return "json";
  if (element.type === "BOOLEAN") return "boolean";
  if (element.type === "INT32" || element.type === "INT64") return "bigint";
  if (element.type === "DOUBLE" || element.type === "FLOAT" || logical === "FLOAT16") return "decimal";
  return "text";
}

/**
 * The element as hyparquet must see it. An annotated decimal would come as a float; without the annotation it comes as
 * its unscaled number. Bytes are declared as text, because texts are parsed one by one and not kept.
 */
function unannotated(element: SchemaElement): SchemaElement {
  const { converted_type: _converted, logical_type: _logical, ...plain } = element;
  const isBytes = element.type === "BYTE_ARRAY" || element.type === "FIXED_LEN_BYTE_ARRAY";
  if (isDecimal(element)) return isBytes ? { ...plain, converted_type: "UTF8" } : plain;
  return element.type === "BYTE_ARRAY" && element.converted_type !== "JSON"
    ? { ...plain, converted_type: "UTF8" }
    : element;
}

function cellText(value: unknown, element: SchemaElement | undefined): string | null {
  if (value === null || value === undefined) return null;
  if (element !== undefined && isDecimal(element)) return scaled(BigInt(value as number | bigint), element.scale ?? 0);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("utf8");
  if (typeof value === "string") return value;
  if (typeof value === "number" && element !== undefined && isShort(element)) return floatText(value);
  const isPlain = typeof value === "number" || typeof value === "bigint" || typeof value === "boolean";
  return isPlain ? String(value) : JSON.stringify(value);
}

/** Whether the numbers of a column have 32 bits or less. DuckDB reads 16-bit values as 32-bit ones. */
function isShort(element: SchemaElement): boolean {
  return element.type === "FLOAT" || element.logical_type?.type === "FLOAT16";
}

/** The shortest text that names a float of 32 bits; that of the double with its value has more digits (0.10000000149011612). */
function floatText(value: number): string {
  for (let digits = 1; digits < 9; digits += 1) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(Number(value.toPrecision(9)));
}

function unscaled(bytes: Uint8Array): bigint {
  // As DuckDB and Spark store amounts; by two halves it takes a third of the time.
  if (bytes.length === 16) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
    const [high, low] = [view.getBigInt64(0), view.getBigUint64(8)];
    return high === 0n ? low : (high << 64n) + low;
  }
  const hex = Buffer.from(bytes).toString("hex");
  return hex === "" ? 0n : BigInt.asIntN(bytes.length * 8, BigInt(`0x${hex}`));
}

function scaled(digits: bigint, scale: number): string {
  const text = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, "0");
  const whole = text.slice(0, text.length - scale);
  return `${digits < 0n ? "-" : ""}${whole}${scale > 0 ? `.${text.slice(-scale)}` : ""}`;
}

/** The values of one column as hyparquet decodes them. */
function parsersOf(element: SchemaElement): Partial<ParquetParsers> {
  const share = sharing();
  const time = (millis: bigint | number): string => share(new Date(Number(millis)).toISOString());
  return {
    timestampFromMilliseconds: time,
    timestampFromMicroseconds: (micros: bigint) => time(micros / 1000n),
    timestampFromNanoseconds: (nanos: bigint) => time(nanos / 1_000_000n),
    dateFromDays: (days: number) => time(days * 86_400_000),
    stringFromBytes: isDecimal(element)
      ? decimalFromBytes
      : (bytes: Uint8Array | undefined) => bytes && share(Buffer.from(bytes).toString("utf8")),
  };
}
