import * as zlib from "node:zlib";
import type { ColumnMetaData, Compressors, SchemaElement } from "hyparquet";
import { encodings, isDictionary, mostBytes, pageTypes, readPageHeader } from "./page-header.ts";
import { checkPrefixes, checkRuns } from "./rle.ts";

/**
 * Looks at the pages of one flat column of a row group before hyparquet unfolds them: that believes what pages say of
 * themselves, so that ten bytes can make it write a billion values. `chunk` are the column's bytes.
 * Returns the bytes that the pages unpack to. Error: an Error in words.
 * Source: apache/parquet-format, parquet.thrift and Encodings.md.
 */
export function checkPages(
  chunk: Uint8Array,
  column: ColumnMetaData,
  element: SchemaElement,
  rows: number,
  inflate: (bytes: Uint8Array, size: number, codec: string) => Uint8Array,
): number {
  let at = 0;
  let values = 0;
  let total = 0;
  while (values < rows) {
    if (at >= chunk.length) throw new Error(`a column has ${values} of its ${rows} values`);
    const header = readPageHeader(chunk, at);
    const { type, size, packed, count, encoding } = header;
    at = header.end;
    if (packed > chunk.length - at) throw new Error("a page ends behind its column");
    total += size;
    if (total > mostBytes) throw new Error(`a column of a row group unpacks to more than ${mostBytes} bytes`);
    const bytes = chunk.subarray(at, at + packed);
    at += packed;
    const isOptional = element.repetition_type !== "REQUIRED";
    if (type === pageTypes.dictionary) {
      // An empty text takes the four bytes of its length.
      if (count * Math.min(element.type_length ?? 4, 4) > size)
        throw new Error(`a dictionary of ${size} bytes claims ${count} values`);
      continue;
    }
    if (type !== pageTypes.first && type !== pageTypes.second) continue;
    if (count > rows - values) throw new Error(`a column has more values than its row group has rows`);
    values += count;
    if (type === pageTypes.second) {
      const levels = header.definitions;
      if (header.repetitions !== 0 || levels > packed || levels > size) throw new Error("a page has impossible levels");
      const present = isOptional ? checkRuns(bytes.subarray(0, levels), 1, count) : count;
      if (header.nulls !== count - present) throw new Error("a page claims another number of empty values");
      const data = bytes.subarray(levels);
      const page = header.isPacked ? inflate(data, size - levels, column.codec) : data;
      checkValues(page, encoding, present, element);
    } else {
      const page = inflate(bytes, size, column.codec);
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

/** Decompressors that give no more than a page claims; Snappy, which clouds write, is hyparquet's own. */
export const compressors: Compressors = {
  GZIP: (input, size) => zlib.gunzipSync(input, { maxOutputLength: Math.max(size, 1) }),
  ZSTD: (input, size) => zlib.zstdDecompressSync(input, { maxOutputLength: Math.max(size, 1) }),
};

/** The bytes of a page, no more than it claims. Error: an Error in words. */
export function inflatePage(
  bytes: Uint8Array,
  size: number,
  codec: string,
  snappy: (input: Uint8Array, output: Uint8Array) => void,
): Uint8Array {
  const packed = compressors[codec as keyof Compressors];
  if (codec === "UNCOMPRESSED") return bytes;
  if (packed !== undefined) return packed(bytes, size);
  if (codec !== "SNAPPY") throw new Error(`it is compressed with ${codec}, which is not read`);
  // Three bytes of Snappy make sixty-four at most.
  if (size > 32 * bytes.length + 64) throw new Error(`a page claims ${size} bytes in ${bytes.length}`);
  const page = new Uint8Array(size);
  snappy(bytes, page);
  return page;
}

/** Looks at values that unfold: those with runs, and those with lengths. */
function checkValues(page: Uint8Array, encoding: number, count: number, element: SchemaElement): void {
  if (isDictionary(encoding)) {
    const width = page[0] ?? 0;
    if (width > 32) throw new Error(`a page has values of ${width} bits`);
    // Without bits there is nothing to read: all values are the first.
    if (count > 0 && width > 0) checkRuns(page.subarray(1), width, count);
    else if (page.length > 1 && width === 0) checkRuns(page.subarray(1), 0, count);
  } else if (encoding === encodings.runs) {
    if (count > 0) checkRuns(page.subarray(element.type === "BOOLEAN" ? 4 : 0), 1, count);
  } else if (encoding === encodings.split) {
    const isShort = element.type === "FLOAT" || element.type === "INT32";
    const width = element.type_length ?? (isShort ? 4 : 8);
    if (count * width > page.length) throw new Error(`a page of ${page.length} bytes claims ${count} values`);
  } else if (encoding === encodings.prefixes) {
    const total = checkPrefixes(page, count);
    if (total > mostBytes) throw new Error(`a page of ${page.length} bytes claims texts of ${total} bytes`);
  }
}
