import type { AsyncBuffer, FileMetaData, SchemaElement } from "hyparquet";
import { BillhouseError, messageOf, quoted } from "../../errors.ts";
import { damaged } from "../decompress.ts";
import { walkStruct } from "./thrift.ts";

/**
 * Reads the footer of a Parquet file and checks everything in it that a reader would trust: sizes,
 * positions, rows. `key` names the file in errors.
 * Errors: FILE_CORRUPT for a file that is cut off or does not match its footer; FILE_INVALID for a file that is not Parquet,
 * for an encrypted one, for unsupported codecs, for columns that crash databases (times of day, and nesting deeper than
 * in any bill), and for decimals that databases misread; those of `bytes`.
 */
export async function readFooter(key: string, bytes: AsyncBuffer): Promise<FileMetaData> {
  const { parquetMetadata, parquetSchema } = await import("hyparquet");
  try {
    const footer = await footerBytes(key, bytes);
    const metadata = parquetMetadata(footer.bytes, { geoparquet: false });
    metadata.schema.forEach(checkElement);
    checkColumns(key, metadata.schema);
    // hyparquet reports the first of two logical types; the database uses the other.
    if (footer.hasTimes) throw new Error("a column has two types");
    const { children } = parquetSchema(metadata);
    if (children.length === 0) throw new Error("it does not contain columns");
    checkGroups(key, metadata, bytes.byteLength);
    return metadata;
  } catch (cause) {
    throw corruptParquet(key, cause);
  }
}

/** The error for a Parquet file that cannot be read; a BillhouseError is returned unchanged. */
export function corruptParquet(key: string, cause: unknown): BillhouseError {
  // An error of the storage takes precedence: it is the cause.
  if (cause instanceof BillhouseError) return cause;
  return damaged(key, messageOf(cause), cause);
}

/**
 * The footer with its length and magic behind it, as hyparquet expects it, checked so that hyparquet cannot allocate or
 * recurse without bound.
 */
async function footerBytes(
  key: string,
  bytes: AsyncBuffer,
): Promise<{ readonly bytes: ArrayBuffer; readonly hasTimes: boolean }> {
  const size = bytes.byteLength;
  if (size < 12) throw new Error("it is too short for a Parquet file");
  // Footers are a few kilobytes, so one read per file is enough.
  const tailStart = Math.max(0, size - 16 * 1024);
  const tail = Buffer.from(await bytes.slice(tailStart, size));
  const magic = tail.toString("latin1", tail.length - 4);
  if (magic === "PARE") {
    throw new BillhouseError("FILE_INVALID", `${key} is encrypted.`, {
      hint: "Configure the export without Parquet encryption; encryption of the bucket is fine.",
    });
  }
  if (magic !== "PAR1") {
    const start = Buffer.from(await bytes.slice(0, 4)).toString("latin1");
    if (start === "PAR1") throw new Error("it does not end like a Parquet file");
    throw new BillhouseError("FILE_INVALID", `${key} is not a Parquet file.`, {
      hint: "The manifest and the file disagree. Put the file that the cloud delivered in its place, or wait for the next delivery.",
    });
  }
  const length = tail.readUInt32LE(tail.length - 8);
  if (length > size - 12) throw new Error(`its footer of ${length} bytes is longer than the file`);
  if (length > longestFooter) throw new Error(`its footer has ${length} bytes, more than is allowed`);
  const start = size - 8 - length;
  const rest = start < tailStart ? Buffer.from(await bytes.slice(start, tailStart)) : Buffer.alloc(0);
  const footer = Buffer.concat([rest, tail.subarray(Math.max(start - tailStart, 0))]);
  let hasTimes = false;
  walkStruct(footer.subarray(0, length), 0, (path, value) => {
    const place = path.join(".");
    // Statistics are not used, and decoding a decimal of a megabyte takes minutes.
    if (value instanceof Uint8Array && place.startsWith(statistics)) value.fill(0);
    if (place === timeType) hasTimes = true;
  });
  return { bytes: footer.buffer.slice(footer.byteOffset, footer.byteOffset + footer.byteLength), hasTimes };
}

// FileMetaData.row_groups.columns.meta_data.statistics (apache/parquet-format, parquet.thrift).
const statistics = "4.1.3.12.";

// FileMetaData.schema.logicalType.TIME.isAdjustedToUTC, which every logical type TIME has.
const timeType = "2.10.7.1";

const longestFooter = 64 * 1024 * 1024;

function checkElement(element: SchemaElement): void {
  if (typeof element.name !== "string") throw new Error("a column name is missing");
  const { scale = 0, type_length: width = 0 } = element;
  // More digits than any decimal type of a warehouse has, and values that are longer than any decimal.
  if (scale < 0 || scale > 76) throw new Error(`its column ${element.name} has the scale ${scale}`);
  if (isDecimal(element) && !decimalTypes.has(element.type)) {
    throw new Error(`its column ${element.name} has decimals of the type ${element.type}`);
  }
  if (width < 0 || width > 65_536) throw new Error(`the values of its column ${element.name} have ${width} bytes`);
}

/** Whether the values of a column are exact decimals. */
export function isDecimal(element: SchemaElement): boolean {
  return element.converted_type === "DECIMAL" || element.logical_type?.type === "DECIMAL";
}

const decimalTypes: ReadonlySet<string | undefined> = new Set(["INT32", "INT64", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"]);

/**
 * Checks the types and the nesting of all columns, in the order of the schema: a group comes before its children.
 * DuckDB crashes on invalid times of day and on structs nested three hundred deep; each level of nested lists doubles
 * its time. It reads decimals of more than 38 digits as floats, and wrongly. Bills contain none of
 * these. Error: FILE_INVALID.
 */
function checkColumns(key: string, schema: readonly SchemaElement[]): void {
  // For each group around an element, how many of its children follow.
  const open: number[] = [];
  let column = "";
  for (const element of schema.slice(1)) {
    while (open.at(-1) === 0) open.pop();
    const left = open.pop();
    if (left === undefined) column = element.name;
    else open.push(left - 1);
    if (open.length >= deepest) {
      throw unreadable(
        key,
        column,
        `is nested more than ${deepest} levels deep`,
        "Leave the column out of the export.",
      );
    }
    const type = [element.converted_type, element.logical_type?.type].find((name) => /^TIME(_M|$)/.test(name ?? ""));
    if (type !== undefined) {
      throw unreadable(
        key,
        column,
        `contains times of day (${type}), which are not supported`,
        "Export it as a timestamp or as text, or leave it out of the export.",
      );
    }
    const { precision = 0, logical_type: logical } = element;
    const digits = Math.max(precision, logical?.type === "DECIMAL" ? logical.precision : 0);
    if (isDecimal(element) && digits > mostDigits) {
      throw unreadable(
        key,
        column,
        `contains decimals of ${digits} digits; at most ${mostDigits} are supported`,
        `Export it with a precision of at most ${mostDigits}, or leave it out of the export.`,
      );
    }
    open.push(element.num_children ?? 0);
  }
}

function unreadable(key: string, column: string, what: string, hint: string): BillhouseError {
  return new BillhouseError("FILE_INVALID", `${key}: its column ${quoted(column, 300)} ${what}.`, {
    hint,
  });
}

// A map in a struct in a map takes six; a list in a list takes three for each.
const deepest = 16;

const mostDigits = 38;

function checkGroups(key: string, metadata: FileMetaData, size: number): void {
  let rows = 0n;
  for (const group of metadata.row_groups) {
    if (group.num_rows < 0n || group.num_rows > BigInt(mostGroupRows)) {
      throw new Error(`a row group declares ${group.num_rows} rows, more than ${mostGroupRows}`);
    }
    rows += group.num_rows;
    for (const { meta_data: column, file_path: path } of group.columns) {
      if (column === undefined || path !== undefined) throw new Error("a column is stored in another file");
      if (unreadCodecs.has(column.codec)) {
        throw new BillhouseError("FILE_INVALID", `${key} is compressed with ${column.codec}, which is not supported.`, {
          hint: "Configure the export to write Parquet with Snappy, gzip, Zstandard, Brotli or LZ4_RAW.",
        });
      }
      // A column without values does not have a position.
      if (column.num_values === 0n && column.total_compressed_size === 0n) continue;
      const start = column.dictionary_page_offset || column.data_page_offset;
      const inFile = start >= 4n && column.total_compressed_size >= 0n;
      if (!inFile || start + column.total_compressed_size > BigInt(size - 8)) {
        throw new Error(`its column ${column.path_in_schema.join(".")} is outside the file`);
      }
      if (column.total_uncompressed_size < 0n) throw new Error("a column has a negative size");
    }
  }
  if (rows !== metadata.num_rows)
    throw new Error(`its footer declares ${metadata.num_rows} rows, its row groups ${rows}`);
}

// LZ4 is the deprecated one, with frames as Hadoop writes them (apache/parquet-format, Compression.md).
const unreadCodecs: ReadonlySet<string> = new Set(["LZO", "LZ4"]);

// A row group is held in memory, column by column. Writers use 100,000 to one million rows.
const mostGroupRows = 2 ** 22;
