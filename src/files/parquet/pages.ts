import * as zlib from "node:zlib";
import type { AsyncBuffer, ColumnMetaData, Compressors, SchemaElement } from "hyparquet";
import { decompressLz4 } from "./lz4.ts";
import { checkPrefixes, checkRuns } from "./rle.ts";
import { walkStruct, type ThriftValue } from "./thrift.ts";

/** The header of a page of a column. It must be checked before it is trusted. */
export interface PageHeader {
  readonly type: number;
  /** Decompressed bytes, and stored bytes. */
  readonly size: number;
  readonly storedSize: number;
  /** Values including empty ones, or entries of a dictionary; 0 for other pages. */
  readonly count: number;
  readonly encoding: number;
  /**
   * Only in pages of the second version: values that are empty, bytes of both kinds of levels, and whether the rest is
   * compressed.
   */
  readonly nulls: number;
  readonly definitions: number;
  readonly repetitions: number;
  readonly isCompressed: boolean;
  /** CRC-32 of the page as it is stored; undefined if the writer left it out. */
  readonly checksum: number | undefined;
  /** Where the header ends and the page begins. */
  readonly end: number;
}

/** The types of pages that hold values; readers skip all others. */
export const pageTypes = { first: 0, dictionary: 2, second: 3 } as const;

/** The encodings that expand, or that need checks. */
export const encodings = { oldDictionary: 2, runs: 3, prefixes: 7, dictionary: 8, split: 9 } as const;

/** The most bytes of one page, or of one column of a row group, that are kept in memory to check them. */
export const mostBytes: number = 256 * 1024 * 1024;

/**
 * Reads the header of the page that starts at `at`. Throws an Error for one that is cut off or impossible.
 * Source: apache/parquet-format, parquet.thrift.
 */
export function readPageHeader(bytes: Uint8Array, at: number): PageHeader {
  const fields = new Map<string, ThriftValue>();
  const end = walkStruct(bytes, at, (path, value) => fields.set(path.join("."), value));
  const figure = (path: string): number => {
    const value = fields.get(path) ?? 0;
    if (typeof value !== "number" || value < 0) throw new Error("a page header contains impossible values");
    return value;
  };
  const type = figure("1");
  const checksum = fields.get("4");
  const layout = layouts[type];
  return {
    type,
    size: figure("2"),
    storedSize: figure("3"),
    count: layout === undefined ? 0 : figure(`${layout.field}.1`),
    encoding: layout === undefined ? 0 : figure(`${layout.field}.${layout.encoding}`),
    nulls: figure("8.2"),
    definitions: figure("8.5"),
    repetitions: figure("8.6"),
    isCompressed: fields.get("8.7") !== false,
    checksum: typeof checksum === "number" ? checksum >>> 0 : undefined,
    end,
  };
}

/** Where the page header of each type has its number of values (in field 1) and its encoding. */
const layouts: Readonly<Record<number, { readonly field: number; readonly encoding: number }>> = {
  [pageTypes.first]: { field: 5, encoding: 2 },
  [pageTypes.dictionary]: { field: 7, encoding: 2 },
  [pageTypes.second]: { field: 8, encoding: 4 },
};

/** Whether a page of this encoding contains positions in the dictionary of its column. */
export function isDictionary(encoding: number): boolean {
  return encoding === encodings.dictionary || encoding === encodings.oldDictionary;
}

/** Where the pages of a column begin in a file, and how many values a reader requests. */
export interface Pages {
  readonly bytes: AsyncBuffer;
  readonly start: number;
  readonly values: number;
}

/** A page, and where it starts in its file. */
export interface Page extends PageHeader {
  readonly start: number;
}

/**
 * The pages of a column until they have as many values as a reader requests; only their headers are read.
 * Throws an Error for bytes that are not a page, and if the file ends too early.
 */
export async function* pagesOf({ bytes, start, values }: Pages): AsyncGenerator<Page> {
  let window = { start: 0, bytes: new Uint8Array() };
  let at = start;
  let seen = 0;
  while (seen < values) {
    let header: PageHeader | undefined;
    for (let length = usualHeader; header === undefined; length *= 16) {
      const end = Math.min(at + length, bytes.byteLength);
      if (at < window.start || end > window.start + window.bytes.length) {
        const more = Math.min(at + Math.max(length, smallWindow), bytes.byteLength);
        window = { start: at, bytes: new Uint8Array(await bytes.slice(at, more)) };
      }
      try {
        header = readPageHeader(window.bytes, at - window.start);
      } catch (error) {
        // A header contains the smallest and largest value, which can be long.
        if (end === bytes.byteLength || length > longestHeader) throw error;
      }
    }
    const page = { ...header, start: window.start + header.end };
    at = page.start + page.storedSize;
    if (at > bytes.byteLength) throw new Error("a page ends behind its file");
    if (page.type !== pageTypes.dictionary) seen += page.count;
    yield page;
  }
}

const usualHeader = 1024;
const smallWindow = 4096;
const longestHeader = 16 * 1024 * 1024;

/**
 * Checks the pages of one flat column of a row group before hyparquet decodes them: hyparquet trusts page headers, so
 * ten bytes could make it write a billion values. `chunk` are the column's bytes.
 * Returns the bytes that the pages decompress to. Throws an Error that says what is wrong.
 * Source: apache/parquet-format, parquet.thrift and Encodings.md.
 */
export function checkPages(
  chunk: Uint8Array,
  column: ColumnMetaData,
  element: SchemaElement,
  rows: number,
  decompress: (bytes: Uint8Array, size: number, codec: string) => Uint8Array,
): number {
  let at = 0;
  let values = 0;
  let total = 0;
  while (values < rows) {
    if (at >= chunk.length) throw new Error(`a column has ${values} of its ${rows} values`);
    const header = readPageHeader(chunk, at);
    const { type, size, storedSize, count, encoding } = header;
    at = header.end;
    if (storedSize > chunk.length - at) throw new Error("a page ends behind its column");
    total += size;
    if (total > mostBytes) throw new Error(`a column of a row group decompresses to more than ${mostBytes} bytes`);
    const bytes = chunk.subarray(at, at + storedSize);
    at += storedSize;
    const isOptional = element.repetition_type !== "REQUIRED";
    if (type === pageTypes.dictionary) {
      // An empty text takes the four bytes of its length.
      if (count * Math.min(element.type_length ?? 4, 4) > size)
        throw new Error(`a dictionary of ${size} bytes declares ${count} values`);
      continue;
    }
    if (type !== pageTypes.first && type !== pageTypes.second) continue;
    if (count > rows - values) throw new Error(`a column has more values than its row group has rows`);
    values += count;
    if (type === pageTypes.second) {
      const levels = header.definitions;
      if (header.repetitions !== 0 || levels > storedSize || levels > size)
        throw new Error("a page has impossible levels");
      const present = isOptional ? checkRuns(bytes.subarray(0, levels), 1, count) : count;
      if (header.nulls !== count - present) throw new Error("a page declares another number of empty values");
      const data = bytes.subarray(levels);
      const page = header.isCompressed ? decompress(data, size - levels, column.codec) : data;
      checkValues(page, encoding, present, element);
    } else {
      const page = decompress(bytes, size, column.codec);
      if (!isOptional) checkValues(page, encoding, count, element);
      else {
        const levels = Buffer.from(page.buffer, page.byteOffset, page.length).readUInt32LE(0);
        if (levels > page.length - 4) throw new Error("a page has impossible levels");
        const present = checkRuns(page.subarray(4, 4 + levels), 1, count);
        checkValues(page.subarray(4 + levels), encoding, present, element);
      }
    }
  }
  return total;
}

/** Compares the stored bytes of a page with its checksum, where it has one. Throws an Error when they differ. */
export async function verifyChecksum(bytes: AsyncBuffer, { start, storedSize, checksum }: Page): Promise<void> {
  if (checksum === undefined) return;
  const end = start + storedSize;
  let sum = 0;
  for (let at = start; at < end; at += checksumWindow) {
    sum = zlib.crc32(new Uint8Array(await bytes.slice(at, Math.min(at + checksumWindow, end))), sum);
  }
  if (sum !== checksum) throw new Error("the checksum of a page is wrong");
}

const checksumWindow = 1024 * 1024;

/** Decompressors that stop at the size that a page declares; hyparquet has its own for Snappy, which clouds write. */
export const compressors: Compressors = {
  GZIP: (input, size) => zlib.gunzipSync(input, { maxOutputLength: Math.max(size, 1) }),
  ZSTD: (input, size) => zlib.zstdDecompressSync(input, { maxOutputLength: Math.max(size, 1) }),
  BROTLI: (input, size) => zlib.brotliDecompressSync(input, { maxOutputLength: Math.max(size, 1) }),
  LZ4_RAW: decompressLz4,
};

/** The bytes of a page, no more than it claims. Error: an Error in words. */
export function decompressPage(
  bytes: Uint8Array,
  size: number,
  codec: string,
  snappy: (input: Uint8Array, output: Uint8Array) => void,
): Uint8Array {
  const decompressor = compressors[codec as keyof Compressors];
  if (codec === "UNCOMPRESSED") return bytes;
  if (decompressor !== undefined) return decompressor(bytes, size);
  if (codec !== "SNAPPY") throw new Error(`it is compressed with the unknown codec ${codec}`);
  // Three bytes of Snappy decompress to at most sixty-four.
  if (size > 32 * bytes.length + 64) throw new Error(`a page declares ${size} bytes in ${bytes.length}`);
  const page = new Uint8Array(size);
  snappy(bytes, page);
  return page;
}

/** Checks values that expand: those with runs, and those with lengths. */
function checkValues(page: Uint8Array, encoding: number, count: number, element: SchemaElement): void {
  if (isDictionary(encoding)) {
    const width = page[0] ?? 0;
    if (width > 32) throw new Error(`a page has values of ${width} bits`);
    // With a width of zero, all values are the first one.
    if (count > 0 && width > 0) checkRuns(page.subarray(1), width, count);
    else if (page.length > 1 && width === 0) checkRuns(page.subarray(1), 0, count);
  } else if (encoding === encodings.runs) {
    if (count > 0) checkRuns(page.subarray(element.type === "BOOLEAN" ? 4 : 0), 1, count);
  } else if (encoding === encodings.split) {
    const isShort = element.type === "FLOAT" || element.type === "INT32";
    const width = element.type_length ?? (isShort ? 4 : 8);
    if (count * width > page.length) throw new Error(`a page of ${page.length} bytes declares ${count} values`);
  } else if (encoding === encodings.prefixes) {
    const total = checkPrefixes(page, count);
    if (total > mostBytes) throw new Error(`a page of ${page.length} bytes declares texts of ${total} bytes`);
  }
}
