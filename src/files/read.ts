import { createHash } from "node:crypto";
import { open, type FileHandle } from "node:fs/promises";
import type { AsyncBuffer } from "hyparquet";
import { BillhouseError } from "../errors.ts";
import type { Compression, DataFile, Evidence, SourceColumn, StoredObject } from "../model.ts";
import { createCsvScanner } from "./csv.ts";
import { readParquetCells, readParquetHeader } from "./parquet/cells.ts";
import { measureParquet } from "./parquet/decoded-size.ts";
import type { Tally } from "./tally.ts";
import {
  bytesIn,
  compressionOf,
  damaged,
  decompress,
  decompressedLimit,
  decompressesTooFar,
  decompressStart,
  sizeInTrailer,
  type ReadBytes,
} from "./decompress.ts";

/** The columns of a data file, in order, as its own header names them. */
export interface FileHeader {
  readonly file: DataFile;
  /** Types are null for CSV, whose header lacks them. */
  readonly columns: readonly SourceColumn[];
  /** Rows that the footer declares; null for CSV. */
  readonly rows: number | null;
  readonly compression: Compression;
}

/** A file that was read, checked and decompressed. */
export interface CheckedBytes {
  readonly evidence: Evidence;
  /** `md5:<hex>` of the bytes as delivered. */
  readonly checksum: string;
  /** Bytes that were written, decompressed. */
  readonly bytes: number;
}

/** Whether a file is empty, as its manifest declares: such a part contains neither rows nor a header. */
export function isDeclaredEmpty({ size, rows, declaredSize }: DataFile): boolean {
  return size === 0 && (rows === 0 || declaredSize === 0);
}

/**
 * Reads the header of a data file, and only as much of the file as that requires; the header of a file declared empty is empty.
 * `limit`: as for `decompress`.
 * Errors: FILE_CORRUPT, FILE_INVALID when the header is missing, LIMIT_EXCEEDED when it does not end or has more than 10,000
 * columns, those of `read`.
 */
export async function readHeader(file: DataFile, read: ReadBytes, limit: number | null): Promise<FileHeader> {
  if (isDeclaredEmpty(file)) return { file, columns: [], rows: 0, compression: "none" };
  if (file.format === "parquet") {
    const { columns, rows } = await readParquetHeader(file.key, storedBytes(file, read));
    if (columns.some(({ name }) => !isText(name))) throw invalid(`${file.key} has a column whose name is not text`);
    return { file, columns: counted(file.key, columns), rows, compression: "none" };
  }
  const { names, compression } = await csvStart(file, read, limit);
  if (names?.some((name) => !isText(name))) throw invalid(`${file.key} is not a CSV file: its first line is not text`);
  if (names === undefined || names.length === 0) throw invalid(`${file.key} is empty: the header is missing`);
  const columns = names.map((name) => ({ name, type: null }));
  return { file, columns: counted(file.key, columns), rows: null, compression };
}

/**
 * The cells of some columns in the first rows of a data file: as many rows as are available with the first one, none
 * if the file has none. `wanted` returns the positions of these columns in the header; an empty cell is "".
 * `limit`: as for `decompress`. Errors: as `readHeader`; FILE_INVALID for a file that is not CSV.
 */
export async function readFirstRows(
  file: DataFile,
  read: ReadBytes,
  limit: number | null,
  wanted: (names: readonly string[]) => readonly number[],
): Promise<readonly (readonly string[])[]> {
  if (isDeclaredEmpty(file)) return [];
  if (file.format === "csv") return (await csvStart(file, read, limit, wanted)).rows;
  const bytes = storedBytes(file, read);
  const { columns } = await readParquetHeader(file.key, bytes);
  const positions = wanted(columns.map(({ name }) => name));
  const rows: string[][] = [];
  const keep = (cells: readonly (string | null)[]): void => void rows.push(cells.map((cell) => cell ?? ""));
  if (positions.length > 0) await readParquetCells(file.key, bytes, positions, keep, 100);
  return rows;
}

/** The columns, unless there are more than a warehouse allows (BigQuery: 10,000 in a table). Error: LIMIT_EXCEEDED. */
function counted(key: string, columns: readonly SourceColumn[]): readonly SourceColumn[] {
  if (columns.length <= mostColumns) return columns;
  throw new BillhouseError("LIMIT_EXCEEDED", `${key} has ${columns.length} columns, more than ${mostColumns}.`, {
    hint: "Leave columns out of the export: resource tags are the usual reason for thousands of them.",
  });
}

const mostColumns = 10_000;

/** Whether a name is UTF-8 without control characters, apart from those that a quoted cell may contain. */
function isText(name: string): boolean {
  return !/[\p{Cc}\uFFFD]/u.test(name.replaceAll(/\t|\r?\n/g, ""));
}

function invalid(what: string): BillhouseError {
  return new BillhouseError("FILE_INVALID", `${what}.`, {
    hint: "Copy the file again from where the cloud delivered it, or wait for the next delivery.",
  });
}

/**
 * The header of a CSV file, and with `wanted` the cells of its first rows. A reader that stops here has read only a few
 * kilobytes of a file of gigabytes.
 */
async function csvStart(
  file: DataFile,
  read: ReadBytes,
  limit: number | null,
  wanted?: (names: readonly string[]) => readonly number[],
): Promise<{
  readonly names: readonly string[] | undefined;
  readonly rows: readonly (readonly string[])[];
  readonly compression: Compression;
}> {
  let names: readonly string[] | undefined;
  let rows: string[][] = [];
  let compression: Compression | undefined;
  const scan = (): ReturnType<typeof createCsvScanner> => {
    rows = [];
    return createCsvScanner(file.key, {
      header: (header) => {
        names = [...header];
        return wanted?.(header) ?? [];
      },
      row: (cells) => void (wanted !== undefined && rows.push([...cells])),
    });
  };
  const isDone = (): boolean => names !== undefined && (wanted === undefined || rows.length > 0);
  for (let size = 4096; size < Math.min(file.size, longestStart); size *= 4) {
    const start = await bytesIn(read, 0, size);
    compression = compressionOf(start);
    const scanner = scan();
    for await (const piece of decompressStart(file, read, start)) {
      scanner.write(piece);
      if (isDone()) return { names, rows, compression };
    }
  }
  const scanner = scan();
  const look = (piece: Uint8Array): void => void (compression ??= compressionOf(piece));
  for await (const piece of decompress(file, read, limit, look)) {
    scanner.write(piece);
    if (isDone()) break;
  }
  if (!isDone()) scanner.end();
  return { names, rows, compression: compression ?? "none" };
}

// Even a row that repeats others has a period, a cost and a currency, although it compresses to almost nothing.
const leastRow = 16;

// A longer header is found while the whole file is read.
const longestStart = 2 ** 24;

/**
 * Reads a data file once, whole: writes it decompressed to `path` (plain CSV without byte order marks, or unchanged Parquet)
 * and tallies its rows on the way. The checks do not depend on the database: DuckDB reads a truncated or damaged `.gz`
 * without an error and loses rows. `limit`: as for `decompress`.
 *
 * Errors: FILE_CORRUPT (checksum and length of every gzip member, and of a zip entry, are verified); FILE_INVALID;
 * LIMIT_EXCEEDED; those of the tally and of `read`. When a file is damaged and a value in it is wrong, the error is the damage.
 */
export async function readFile(
  file: DataFile,
  read: ReadBytes,
  tally: Tally,
  path: string,
  limit: number | null,
): Promise<CheckedBytes> {
  const hash = createHash("md5");
  const target = await open(path, "w+");
  try {
    if (file.format === "parquet" && !isDeclaredEmpty(file)) {
      let size = 0;
      for await (const piece of read()) {
        hash.update(piece);
        await target.appendFile(piece);
        size += piece.length;
      }
      const bytes = writtenBytes(target, size);
      const { columns, rows, bytes: decompressed } = await readParquetHeader(file.key, bytes);
      tally.header(columns.map(({ name }) => name));
      const most = decompressedLimit(file, limit);
      const least = Math.max(decompressed, rows * leastRow);
      if (least > most || (await measureParquet(file.key, bytes, most)) > most) {
        throw decompressesTooFar(file.key, most);
      }
      if (tally.wanted.length > 0) await readParquetCells(file.key, bytes, tally.wanted, tally.row);
      else for (let row = 1; row <= rows; row += 1) tally.row([], row);
      const evidence = tally.evidence();
      if (evidence.rows !== rows) {
        throw damaged(file.key, `its footer says ${rows} rows, its pages hold ${evidence.rows}`);
      }
      return { evidence, checksum: `md5:${hash.digest("hex")}`, bytes: size };
    }
    const header = (names: readonly string[]): readonly number[] => {
      tally.header(names);
      return tally.wanted;
    };
    const scanner = createCsvScanner(file.key, { header, row: tally.row });
    let problem: unknown;
    let written = 0;
    const append = async (piece: Buffer): Promise<void> => {
      await target.appendFile(piece);
      written += piece.length;
    };
    for await (const piece of decompress(file, read, limit, (stored) => hash.update(stored))) {
      if (problem !== undefined) continue;
      try {
        await append(scanner.write(piece));
      } catch (error) {
        // Keep reading: if the file turns out to be damaged, that explains the wrong value.
        problem = error;
      }
    }
    if (problem !== undefined) throw problem;
    await append(scanner.end());
    return { evidence: tally.evidence(), checksum: `md5:${hash.digest("hex")}`, bytes: written };
  } finally {
    await target.close();
  }
}

/**
 * Reads a CSV file to its end and discards its content.
 * Errors: FILE_CORRUPT, FILE_INVALID, LIMIT_EXCEEDED, those of `read`.
 */
export async function verifyBytes(file: DataFile, read: ReadBytes, limit: number | null): Promise<void> {
  const pieces = decompress(file, read, limit);
  while ((await pieces.next()).done !== true);
}

/** `md5:<hex>` of an object's bytes: from the listing if it has one, else by reading them. Errors: those of `read`. */
export async function checksumOf(file: StoredObject, read: ReadBytes): Promise<string> {
  if (file.checksum !== undefined) return file.checksum;
  const hash = createHash("md5");
  for await (const piece of read()) hash.update(piece);
  return `md5:${hash.digest("hex")}`;
}

/**
 * The bytes that a data file decompresses to, as its footer, trailer or directory says: an estimate, too small for a gzip
 * file of several members or of more than 4 GB. Errors: FILE_CORRUPT, FILE_INVALID, those of `read`.
 */
export async function decompressedSize(file: DataFile, read: ReadBytes): Promise<number> {
  if (file.format === "csv" || isDeclaredEmpty(file)) return sizeInTrailer(file, read);
  return (await readParquetHeader(file.key, storedBytes(file, read))).bytes;
}

/** A local file in the form in which hyparquet reads it. */
function writtenBytes(target: FileHandle, size: number): AsyncBuffer {
  return {
    byteLength: size,
    async slice(start, end = size) {
      const bytes = new ArrayBuffer(Math.max(Math.min(end, size) - start, 0));
      await target.read(new Uint8Array(bytes), 0, bytes.byteLength, start);
      return bytes;
    },
  };
}

/** A stored file in the form in which hyparquet reads it: by ranges. */
export function storedBytes(file: DataFile, read: ReadBytes): AsyncBuffer {
  return {
    byteLength: file.size,
    async slice(start, end = file.size) {
      return Uint8Array.from(await bytesIn(read, start, end)).buffer;
    },
  };
}
