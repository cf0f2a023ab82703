import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import type { AsyncBuffer } from "hyparquet";
import { BillhouseError } from "../errors.ts";
import type { DataFile, Evidence, Packing, SourceColumn } from "../model.ts";
import type { Storage } from "../storages/storage.ts";
import { createCsvScanner } from "./csv.ts";
import { readParquetCells, readParquetHeader } from "./parquet.ts";
import type { Tally } from "./tally.ts";
import { packingOf, unpack, unpackStart } from "./unpack.ts";

/** The columns of a data file, in order, as its own header names them. */
export interface FileHeader {
  readonly file: DataFile;
  /** Types are null for CSV, whose header has none. */
  readonly columns: readonly SourceColumn[];
  /** Rows that the footer declares; null for CSV. */
  readonly rows: number | null;
  readonly packing: Packing;
}

/** A file that was read, checked and unpacked. */
export interface CheckedBytes {
  readonly evidence: Evidence;
  /** `md5:<hex>` of the bytes as delivered. */
  readonly checksum: string;
}

/**
 * Reads the header of a data file and no more of it than that needs.
 * Errors: FILE_CORRUPT, FILE_INVALID when it has no header, those of the storage.
 */
export async function readHeader(storage: Storage, file: DataFile): Promise<FileHeader> {
  if (file.format === "parquet") {
    const { columns, rows } = await readParquetHeader(file.key, storedBytes(storage, file));
    return { file, columns, rows, packing: "none" };
  }
  const { names, packing } = await csvHeader(storage, file);
  if (names?.some((name) => /[\p{Cc}\uFFFD]/u.test(name.replaceAll(/[\t\r\n]/g, "")))) {
    throw new BillhouseError("FILE_INVALID", `${file.key} is no CSV: its first line is no text.`, {
      hint: "Copy the file again from where the cloud delivered it, or wait for the next delivery.",
    });
  }
  if (names === undefined || names.length === 0) {
    throw new BillhouseError("FILE_INVALID", `${file.key} is empty: it has no header.`, {
      hint: "Copy the file again from where the cloud delivered it, or wait for the next delivery.",
    });
  }
  return { file, columns: names.map((name) => ({ name, type: null })), rows: null, packing };
}

/** The header of a CSV file: a reader that wants it alone takes no more of a file of gigabytes than a few kilobytes. */
async function csvHeader(
  storage: Storage,
  file: DataFile,
): Promise<{ readonly names: readonly string[] | undefined; readonly packing: Packing }> {
  let names: readonly string[] | undefined;
  let packing: Packing | undefined;
  const scan = (): ReturnType<typeof createCsvScanner> =>
    createCsvScanner(file.key, {
      header: (header) => {
        names = [...header];
        return [];
      },
      row: () => {},
    });
  for (let size = 4096; size < file.size; size *= 4) {
    const pieces: Uint8Array[] = [];
    for await (const piece of storage.read(file, { start: 0, end: size })) pieces.push(piece);
    const start = Buffer.concat(pieces);
    packing = packingOf(start);
    scan().write(await unpackStart(storage, file, start));
    if (names !== undefined) return { names, packing };
  }
  const scanner = scan();
  const look = (piece: Uint8Array): void => void (packing ??= packingOf(piece));
  for await (const piece of unpack(storage, file, storage.read(file), look)) {
    scanner.write(piece);
    if (names !== undefined) break;
  }
  if (names === undefined) scanner.end();
  return { names, packing: packing ?? "none" };
}

/**
 * Reads a data file once, whole: writes it unpacked to `path` (plain CSV without byte order marks, or Parquet as it is)
 * and tallies its rows on the way. The checks do not depend on the database: DuckDB reads a truncated or damaged `.gz`
 * without an error and loses rows.
 *
 * Errors: FILE_CORRUPT (checksum and length of every gzip member, and of a zip entry, are verified); FILE_INVALID; those of the tally and of
 * the storage. When a file is damaged and a value in it is wrong, the damage is what is told.
 */
export async function readFile(storage: Storage, file: DataFile, tally: Tally, path: string): Promise<CheckedBytes> {
  const hash = createHash("md5");
  const target = await open(path, "w");
  try {
    if (file.format === "parquet") {
      for await (const piece of storage.read(file)) {
        hash.update(piece);
        await target.appendFile(piece);
      }
      const { asyncBufferFromFile } = await import("hyparquet");
      const bytes = await asyncBufferFromFile(path);
      const { rows } = await readParquetHeader(file.key, bytes);
      if (tally.wanted.length > 0) await readParquetCells(file.key, bytes, tally.wanted, tally.row);
      else for (let row = 1; row <= rows; row += 1) tally.row([], row);
      const evidence = tally.evidence();
      if (evidence.rows !== rows) throw uneven(file.key, rows, evidence.rows);
      return { evidence, checksum: `md5:${hash.digest("hex")}` };
    }
    const scanner = createCsvScanner(file.key, { header: () => tally.wanted, row: tally.row });
    let problem: unknown;
    for await (const piece of unpack(storage, file, storage.read(file), (packed) => hash.update(packed))) {
      if (problem !== undefined) continue;
      try {
        await target.appendFile(scanner.write(piece));
      } catch (error) {
        // Read on: if the file turns out to be damaged, that is the reason for the wrong value.
        problem = error;
      }
    }
    if (problem !== undefined) throw problem;
    await target.appendFile(scanner.end());
    return { evidence: tally.evidence(), checksum: `md5:${hash.digest("hex")}` };
  } finally {
    await target.close();
  }
}

/**
 * Reads a CSV file to its end and keeps nothing of it.
 * Errors: FILE_CORRUPT, FILE_INVALID, those of the storage.
 */
export async function verifyBytes(storage: Storage, file: DataFile): Promise<void> {
  const pieces = unpack(storage, file, storage.read(file));
  while ((await pieces.next()).done !== true);
}

/** `md5:<hex>` of an object's bytes: from the listing where it tells, else by reading it. */
export async function checksumOf(storage: Storage, file: DataFile): Promise<string> {
  if (file.checksum !== undefined) return file.checksum;
  const hash = createHash("md5");
  for await (const piece of storage.read(file)) hash.update(piece);
  return `md5:${hash.digest("hex")}`;
}

function uneven(key: string, declared: number, held: number): BillhouseError {
  return new BillhouseError(
    "FILE_CORRUPT",
    `${key} is damaged: its footer says ${declared} rows, its pages hold ${held}.`,
    { hint: "Copy the file again from where the cloud delivered it, or wait for the next delivery." },
  );
}

/** An object of the storage as hyparquet reads it: by ranges. */
export function storedBytes(storage: Storage, file: DataFile): AsyncBuffer {
  return {
    byteLength: file.size,
    async slice(start, end = file.size) {
      const pieces: Uint8Array[] = [];
      for await (const piece of storage.read(file, { start, end })) pieces.push(piece);
      const bytes = Buffer.concat(pieces);
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    },
  };
}
