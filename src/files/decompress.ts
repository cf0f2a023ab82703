import { Readable, type Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, crc32, createGunzip, createInflateRaw } from "node:zlib";
import { BillhouseError, messageOf } from "../errors.ts";
import type { Compression, DataFile } from "../model.ts";
import type { Storage } from "../storages/storage.ts";
import { findEntry, type ZipEntry } from "./zip.ts";

/**
 * The unpacked bytes of a CSV file out of its stored ones, which are read in order and once. What it is packed with is
 * told by its first bytes, never by its name: gzip of any number of members, zip of one entry, or nothing. `limit` is the
 * most bytes that may come out, null for `unpackedLimitOf`'s own measure; `packed` is told of every stored byte.
 * Errors: FILE_CORRUPT when a checksum or a length is wrong, which is known at the end; FILE_INVALID for a file that is
 * packed in another way; LIMIT_EXCEEDED at the first byte too many; those of the storage.
 */
export async function* unpack(
  storage: Storage,
  file: DataFile,
  stored: AsyncIterable<Uint8Array>,
  limit: number | null,
  packed?: (piece: Uint8Array) => void,
): AsyncGenerator<Buffer> {
  const pieces = stored[Symbol.asyncIterator]();
  try {
    let start = Buffer.alloc(0);
    let ended = false;
    while (start.length < 4 && !ended) {
      const next = await pieces.next();
      if (next.done === true) ended = true;
      else start = Buffer.concat([start, next.value]);
    }
    const all = async function* (): AsyncGenerator<Buffer> {
      packed?.(start);
      if (start.length > 0) yield start;
      for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
        packed?.(next.value);
        yield Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
      }
    };
    const magic = start.subarray(0, 4).toString("latin1");
    const most = unpackedLimitOf(file, limit);
    if (magic.startsWith("\x1f\x8b")) yield* limited(file, most, gunzip(file, all()));
    else if (zipMagics.has(magic)) yield* limited(file, most, unzip(file, await findEntry(storage, file), all()));
    else if (magic === "PAR1") {
      throw new BillhouseError("FILE_INVALID", `${file.key} is no CSV, neither plain nor packed with gzip or zip.`, {
        hint: "The manifest and the file disagree. Set the export to gzip or Parquet, or wait for the next delivery.",
      });
    } else yield* limited(file, most, all());
  } finally {
    await pieces.return?.();
  }
}

/**
 * The most bytes that a data file may unpack to: what was set, else 250 times what is stored, and at least 1 GiB. Bills
 * pack to between a fifth and a hundredth; a file that was made to fill a disk packs to a thousandth.
 */
export function unpackedLimitOf(file: Pick<DataFile, "size">, limit: number | null): number {
  return limit ?? Math.max(2 ** 30, 250 * file.size);
}

/** The error for a file that unpacks to more bytes than it may. */
export function unpacksTooFar(key: string, limit: number): BillhouseError {
  return new BillhouseError("LIMIT_EXCEEDED", `${key} unpacks to more than ${limit} bytes.`, {
    hint: "Look at the file before you trust it. If it is right, raise unpacked_limit in the section of its export.",
  });
}

/** The same pieces, until there are too many bytes of them. */
async function* limited({ key }: DataFile, limit: number, pieces: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const piece of pieces) {
    size += piece.length;
    if (size > limit) throw unpacksTooFar(key, limit);
    yield piece;
  }
}

/** What a file is packed with, by its first bytes. */
export function compressionOf(start: Uint8Array): Compression {
  const magic = Buffer.from(start.subarray(0, 4)).toString("latin1");
  if (magic.startsWith("\x1f\x8b")) return "gzip";
  return zipMagics.has(magic) ? "zip" : "none";
}

/**
 * What the first stored bytes of a file unpack to, as far as they reach; nothing of it is verified. A reader that has
 * what it wants stops: a few kilobytes can unpack to as many megabytes.
 * Errors: as `unpack`.
 */
export async function* unpackStart(storage: Storage, file: DataFile, start: Buffer): AsyncGenerator<Buffer> {
  const magic = start.subarray(0, 4).toString("latin1");
  // To end in the middle is no error.
  const options = { finishFlush: constants.Z_SYNC_FLUSH };
  const isGzip = magic.startsWith("\x1f\x8b");
  if (!isGzip && !zipMagics.has(magic)) {
    yield start;
    return;
  }
  const entry = isGzip ? undefined : await findEntry(storage, file);
  const data = entry === undefined ? start : start.subarray(entry.start, entry.start + entry.packedSize);
  if (entry?.isDeflated === false) yield data;
  else yield* decode(file.key, isGzip ? createGunzip(options) : createInflateRaw(options), [data], () => {});
}

// A first entry, an archive without entries, and one in several parts (PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.16, 8.5).
const zipMagics: ReadonlySet<string> = new Set(["PK\x03\x04", "PK\x05\x06", "PK\x07\x08"]);

/** Unpacks gzip of any number of members; each one's checksum and length are verified by zlib. */
async function* gunzip({ key, size }: DataFile, packed: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const decoder = createGunzip({ chunkSize });
  yield* decode(key, decoder, packed, () => {
    // zlib takes zeros behind a member for padding and stops there; what follows them would be lost.
    if (decoder.bytesWritten !== size) throw new Error(`it ends at byte ${decoder.bytesWritten} of ${size}`);
  });
}

/** Unpacks the only entry of a zip file, and verifies its checksum and both of its lengths. */
async function* unzip({ key }: DataFile, entry: ZipEntry, packed: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const data = cut(packed, entry.start, entry.start + entry.packedSize);
  let [size, sum, stored] = [0, 0, 0];
  const decoder = entry.isDeflated ? createInflateRaw({ chunkSize }) : undefined;
  const pieces =
    decoder === undefined
      ? data
      : decode(key, decoder, data, () => {
          stored = decoder.bytesWritten;
        });
  for await (const piece of pieces) {
    size += piece.length;
    sum = crc32(piece, sum);
    if (size > entry.size) break;
    yield piece;
  }
  if (decoder === undefined) stored = size;
  if (size !== entry.size) throw damaged(key, `it unpacks to other than the ${entry.size} bytes that it declares`);
  if (stored !== entry.packedSize) throw damaged(key, `its data ends at byte ${stored} of ${entry.packedSize}`);
  if (sum !== entry.checksum) throw damaged(key, "its checksum is wrong");
}

/** A part of a stream of bytes. What stands before and behind it is read all the same. */
async function* cut(pieces: AsyncIterable<Buffer>, start: number, end: number): AsyncGenerator<Buffer> {
  let at = 0;
  for await (const piece of pieces) {
    const part = piece.subarray(Math.max(start - at, 0), Math.max(end - at, 0));
    at += piece.length;
    if (part.length > 0) yield part;
  }
}

/** What a decoder makes of the bytes. `verify` is called when all went through; what it throws is damage, too. */
async function* decode(
  key: string,
  decoder: Duplex,
  packed: AsyncIterable<Buffer> | Iterable<Buffer>,
  verify: () => void,
): AsyncGenerator<Buffer> {
  let sourceError: unknown;
  const source = async function* (): AsyncGenerator<Buffer> {
    try {
      yield* packed;
    } catch (error) {
      sourceError = error;
      throw error;
    }
  };
  const flow = pipeline(Readable.from(source(), { highWaterMark: 1 }), decoder);
  // The error reaches us through the reading loop; here it only must not go unhandled.
  flow.catch(() => {});
  try {
    for await (const piece of decoder) yield piece as Buffer;
    await flow;
    verify();
  } catch (cause) {
    if (sourceError !== undefined) throw sourceError;
    throw damaged(key, messageOf(cause), cause);
  }
}

function damaged(key: string, reason: string, cause?: unknown): BillhouseError {
  return new BillhouseError("FILE_CORRUPT", `${key} is damaged: ${reason}.`, {
    hint: "Copy the file again from where the cloud delivered it, or wait for the next delivery.",
    cause,
  });
}

const chunkSize = 256 * 1024;
