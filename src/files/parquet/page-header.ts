import type { AsyncBuffer } from "hyparquet";
import { walkStruct, type ThriftValue } from "./thrift.ts";

/** What a page of a column says of itself. None of it is true until it was looked at. */
export interface PageHeader {
  readonly type: number;
  /** Bytes unpacked, and bytes as they are stored. */
  readonly size: number;
  readonly packed: number;
  /** Values with those that are empty, or entries of a dictionary; 0 for a page of neither. */
  readonly count: number;
  readonly encoding: number;
  /** Only in pages of the second version: values that are empty, bytes of both kinds of levels, and whether the rest is packed. */
  readonly nulls: number;
  readonly definitions: number;
  readonly repetitions: number;
  readonly isPacked: boolean;
  /** Where the header ends and the page begins. */
  readonly end: number;
}

/** The types of pages that hold values; readers pass by all others. */
export const pageTypes = { first: 0, dictionary: 2, second: 3 } as const;

/** The encodings that unfold, or that need care. */
export const encodings = { oldDictionary: 2, runs: 3, prefixes: 7, dictionary: 8, split: 9 } as const;

/** The most bytes of one page, or of one column of a row group, that are held in memory to look at them. */
export const mostBytes: number = 256 * 1024 * 1024;

/**
 * Reads the header of the page that starts at `at`. Error: an Error in words, for one that is cut off or impossible.
 * Source: apache/parquet-format, parquet.thrift.
 */
export function readPageHeader(bytes: Uint8Array, at: number): PageHeader {
  const fields = new Map<string, ThriftValue>();
  const end = walkStruct(bytes, at, (path, value) => fields.set(path.join("."), value));
  const figure = (path: string): number => {
    const value = fields.get(path) ?? 0;
    if (typeof value !== "number" || value < 0) throw new Error("a page describes itself with impossible figures");
    return value;
  };
  const type = figure("1");
  const layout = layouts[type];
  return {
    type,
    size: figure("2"),
    packed: figure("3"),
    count: layout === undefined ? 0 : figure(`${layout.field}.1`),
    encoding: layout === undefined ? 0 : figure(`${layout.field}.${layout.encoding}`),
    nulls: figure("8.2"),
    definitions: figure("8.5"),
    repetitions: figure("8.6"),
    isPacked: fields.get("8.7") !== false,
    end,
  };
}

/** Where the header of a page of each type tells its values (in field 1) and its encoding. */
const layouts: Readonly<Record<number, { readonly field: number; readonly encoding: number }>> = {
  [pageTypes.first]: { field: 5, encoding: 2 },
  [pageTypes.dictionary]: { field: 7, encoding: 2 },
  [pageTypes.second]: { field: 8, encoding: 4 },
};

/** Whether a page of this encoding holds places in the dictionary of its column. */
export function isDictionary(encoding: number): boolean {
  return encoding === encodings.dictionary || encoding === encodings.oldDictionary;
}

/** Where the pages of a column begin in a file, and how many values a reader asks of them. */
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
 * The pages of a column until they have as many values as a reader asks for; no more is read than their headers.
 * Errors: an Error in words for what is no page, and where the file ends before.
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
        // The smallest and largest value stand in a header, and can be long.
        if (end === bytes.byteLength || length > longestHeader) throw error;
      }
    }
    const page = { ...header, start: window.start + header.end };
    at = page.start + page.packed;
    if (at > bytes.byteLength) throw new Error("a page ends behind its file");
    if (page.type !== pageTypes.dictionary) seen += page.count;
    yield page;
  }
}

const usualHeader = 1024;
const smallWindow = 4096;
const longestHeader = 16 * 1024 * 1024;
