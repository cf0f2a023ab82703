import { Readable, type Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, crc32, createGunzip, createInflateRaw } from "node:zlib";
import { BillhouseError, messageOf } from "../errors.ts";
import type { Compression, DataFile } from "../model.ts";

/** The stored bytes of one file, all of them or those of a range. `end` is exclusive, and may lie behind the last byte. */
export type ReadBytes = (range?: { readonly start: number; readonly end: number }) => AsyncIterable<Uint8Array>;

/**
 * The decompressed bytes of a CSV file, whose stored bytes are read in order and once. Its first bytes, not its name,
 * show how it is compressed: gzip of any number of members, zip of one entry, or not at all. `limit` is the maximum of
 * decompressed bytes, null for the default of `decompressedLimit`; `onStored` is called with every stored piece.
 * Errors: FILE_CORRUPT when a checksum or a length is wrong, which is known at the end; FILE_INVALID for any other
 * compression; LIMIT_EXCEEDED at the first byte too many; those of `read`.
 */
export async function* decompress(
  file: DataFile,
  read: ReadBytes,
  limit: number | null,
  onStored?: (piece: Uint8Array) => void,
): AsyncGenerator<Buffer> {
  const pieces = read()[Symbol.asyncIterator]();
  try {
    let start = Buffer.alloc(0);
    let ended = false;
    while (start.length < 4 && !ended) {
      const next = await pieces.next();
      if (next.done === true) ended = true;
      else start = Buffer.concat([start, next.value]);
    }
    const all = async function* (): AsyncGenerator<Buffer> {
      onStored?.(start);
      if (start.length > 0) yield start;
      for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
        onStored?.(next.value);
        yield Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
      }
    };
    refuseOtherFormats(file.key, start);
    const compression = compressionOf(start);
    const most = decompressedLimit(file, limit);
    if (compression === "gzip") yield* limited(file, most, gunzip(file, all()));
    else if (compression === "zip") yield* limited(file, most, unzip(file, await findEntry(file, read), all()));
    else yield* limited(file, most, all());
  } finally {
    await pieces.return?.();
  }
}

/**
 * The decompressed start of a file, as far as its first stored bytes reach; nothing is verified. Stop reading once you
 * have enough: a few kilobytes can decompress to as many megabytes.
 * Errors: as `decompress`.
 */
export async function* decompressStart(file: DataFile, read: ReadBytes, start: Buffer): AsyncGenerator<Buffer> {
  refuseOtherFormats(file.key, start);
  const compression = compressionOf(start);
  // Ending in the middle is not an error.
  const options = { finishFlush: constants.Z_SYNC_FLUSH };
  if (compression === "gzip") yield* decode(file.key, createGunzip(options), [start], () => {});
  else if (compression === "none") yield start;
  else {
    const entry = await findEntry(file, read);
    const data = start.subarray(entry.start, entry.start + entry.storedSize);
    if (entry.isDeflated) yield* decode(file.key, createInflateRaw(options), [data], () => {});
    else yield data;
  }
}

function refuseOtherFormats(key: string, start: Buffer): void {
  const first = start.toString("latin1", 0, 4);
  if (first === "PAR1") {
    throw new BillhouseError("FILE_INVALID", `${key} is not a CSV file, plain or compressed with gzip or zip.`, {
      hint: "The manifest and the file disagree. Set the export to gzip or Parquet, or wait for the next delivery.",
    });
  }
  const compression = otherCompressions.get(first.startsWith("BZh") ? "BZh" : first);
  if (compression === undefined) return;
  throw new BillhouseError("FILE_INVALID", `${key} is compressed with ${compression}, not with gzip or zip.`, {
    hint: "A program compressed the file after the cloud wrote it. Put the file that the cloud delivered in its place, then run again.",
  });
}

// The first bytes of what tools write: RFC 8878, and the formats of bzip2, xz, LZ4 frames, Snappy frames and 7-Zip.
const otherCompressions: ReadonlyMap<string, string> = new Map([
  ["\x28\xb5\x2f\xfd", "Zstandard"],
  ["BZh", "bzip2"],
  ["\xfd7zX", "xz"],
  ["\x04\x22\x4d\x18", "LZ4"],
  ["\xff\x06\x00\x00", "Snappy"],
  ["7z\xbc\xaf", "7-Zip"],
]);

/** How a file is compressed, by its first bytes. */
export function compressionOf(start: Uint8Array): Compression {
  const magic = Buffer.from(start.subarray(0, 4)).toString("latin1");
  if (magic.startsWith("\x1f\x8b")) return "gzip";
  return zipMagics.has(magic) ? "zip" : "none";
}

// A first entry, an archive without entries, and one in several parts (PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.16, 8.5).
const zipMagics: ReadonlySet<string> = new Set(["PK\x03\x04", "PK\x05\x06", "PK\x07\x08"]);

/**
 * The bytes that a CSV file decompresses to, read from its ends: the trailer of a gzip file (RFC 1952, ISIZE), the
 * directory of a zip file. An estimate: too small for a gzip file of several members or of more than 4 GB.
 * Errors: FILE_CORRUPT, those of `read`.
 */
export async function sizeInTrailer(file: DataFile, read: ReadBytes): Promise<number> {
  if (file.size < 18) return file.size;
  const compression = compressionOf(await bytesIn(read, 0, 4));
  if (compression === "zip") return (await findEntry(file, read)).size;
  return compression === "gzip" ? (await bytesIn(read, file.size - 4, file.size)).readUInt32LE() : file.size;
}

/**
 * The most bytes that a data file may decompress to: the configured limit, else 250 times the stored size and at least 1 GiB.
 * Bills compress to between a fifth and a hundredth; a file that was made to fill a disk compresses to a thousandth.
 */
export function decompressedLimit(file: Pick<DataFile, "size">, limit: number | null): number {
  return limit ?? Math.max(2 ** 30, 250 * file.size);
}

/** The error for a file that decompresses to more bytes than allowed: LIMIT_EXCEEDED. */
export function decompressesTooFar(key: string, limit: number): BillhouseError {
  return new BillhouseError("LIMIT_EXCEEDED", `${key} decompresses to more than ${limit} bytes.`, {
    hint: "Check the file before you trust it. If it is valid, raise unpacked_limit in the section of its export.",
  });
}

/** The stored bytes from `start` to before `end`. */
export async function bytesIn(read: ReadBytes, start: number, end: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of read({ start, end })) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** The same chunks, until they exceed the limit. */
async function* limited({ key }: DataFile, limit: number, pieces: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const piece of pieces) {
    size += piece.length;
    if (size > limit) throw decompressesTooFar(key, limit);
    yield piece;
  }
}

/** Decompresses gzip of any number of members; zlib verifies each one's checksum and length. */
async function* gunzip({ key, size }: DataFile, stored: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const decoder = createGunzip({ chunkSize });
  yield* decode(key, decoder, stored, () => {
    // zlib treats zeros behind a member as padding and stops there; anything after them would be lost.
    if (decoder.bytesWritten !== size) throw new Error(`it ends at byte ${decoder.bytesWritten} of ${size}`);
  });
}

/** Decompresses the only entry of a zip file, and verifies its checksum and both of its lengths. */
async function* unzip({ key }: DataFile, entry: ZipEntry, stored: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const data = cut(stored, entry.start, entry.start + entry.storedSize);
  let [size, sum, used] = [0, 0, 0];
  const decoder = entry.isDeflated ? createInflateRaw({ chunkSize }) : undefined;
  const pieces =
    decoder === undefined
      ? data
      : decode(key, decoder, data, () => {
          used = decoder.bytesWritten;
        });
  for await (const piece of pieces) {
    size += piece.length;
    sum = crc32(piece, sum);
    if (size > entry.size) break;
    yield piece;
  }
  if (decoder === undefined) used = size;
  if (size !== entry.size) throw damaged(key, `it does not decompress to the ${entry.size} bytes that it declares`);
  if (used !== entry.storedSize) throw damaged(key, `its data ends at byte ${used} of ${entry.storedSize}`);
  if (sum !== entry.checksum) throw damaged(key, "its checksum is wrong");
}

/** A part of a stream of bytes. The bytes before and behind it are still read. */
async function* cut(pieces: AsyncIterable<Buffer>, start: number, end: number): AsyncGenerator<Buffer> {
  let at = 0;
  for await (const piece of pieces) {
    const part = piece.subarray(Math.max(start - at, 0), Math.max(end - at, 0));
    at += piece.length;
    if (part.length > 0) yield part;
  }
}

/** The output of a decoder. `verify` is called after the last byte; an error that it throws also counts as damage. */
async function* decode(
  key: string,
  decoder: Duplex,
  stored: AsyncIterable<Buffer> | Iterable<Buffer>,
  verify: () => void,
): AsyncGenerator<Buffer> {
  let sourceError: unknown;
  const source = async function* (): AsyncGenerator<Buffer> {
    try {
      yield* stored;
    } catch (error) {
      sourceError = error;
      throw error;
    }
  };
  const flow = pipeline(Readable.from(source(), { highWaterMark: 1 }), decoder);
  // The reading loop raises the error; this only keeps it from being unhandled.
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

const chunkSize = 256 * 1024;

/** The position of the only file in a zip archive, and the archive's description of it. */
interface ZipEntry {
  /** Byte at which its data starts. */
  readonly start: number;
  /** Bytes of its data in the archive. */
  readonly storedSize: number;
  /** Bytes of the file itself. */
  readonly size: number;
  /** CRC-32 of the file itself. */
  readonly checksum: number;
  /** Whether its data is deflated; otherwise it is not compressed. */
  readonly isDeflated: boolean;
}

/**
 * Finds the one file that a zip archive of a cloud holds (AWS CUR: one CSV file per archive). Reads the archive's
 * directory, which is at its end, and the header of the entry, but none of the data.
 * Errors: FILE_INVALID when it holds no file, more than one, or one that is encrypted or compressed with another method
 * than Deflate; FILE_CORRUPT when the directory cannot be read; those of `read`.
 */
async function findEntry(file: DataFile, read: ReadBytes): Promise<ZipEntry> {
  if (file.size < smallestArchive) throw invalidZip(file.key, "is not a complete archive");
  const { fromRandomAccessReaderPromise, RandomAccessReader } = await import("yauzl");
  // yauzl asks for a subclass. It reads the directory in many small pieces, all at the end of the archive.
  const tailStart = Math.max(file.size - tailSize, 0);
  const tail = await bytesIn(read, tailStart, file.size);
  class StoredBytes extends RandomAccessReader {
    override read(
      buffer: Buffer,
      offset: number,
      length: number,
      position: number,
      callback: (error: Error | null) => void,
    ): void {
      const end = position + length;
      if (position >= tailStart) {
        tail.copy(buffer, offset, position - tailStart, end - tailStart);
        callback(null);
        return;
      }
      bytesIn(read, position, end).then(
        (bytes) => {
          bytes.copy(buffer, offset);
          callback(null);
        },
        (error: unknown) => callback(error instanceof Error ? error : new Error(String(error))),
      );
    }
  }
  try {
    const archive = await fromRandomAccessReaderPromise(new StoredBytes(), file.size, {
      // Names are only shown, never used as paths.
      decodeStrings: false,
      autoClose: false,
    });
    const entries = [];
    if (archive.entryCount > mostEntries) throw invalidZip(file.key, `lists ${archive.entryCount} entries`);
    for await (const entry of archive.eachEntry()) {
      const name = entry.fileNameRaw.toString("utf8");
      if (!name.endsWith("/")) entries.push({ entry, name });
      if (entries.length > 1) break;
    }
    const [only, other] = entries;
    if (only === undefined) throw invalidZip(file.key, "does not contain a file");
    if (other !== undefined)
      throw invalidZip(file.key, `contains more than one file, such as ${only.name} and ${other.name}`);
    const { entry } = only;
    if (entry.isEncrypted()) throw invalidZip(file.key, "is encrypted");
    if (entry.compressionMethod !== storedMethod && entry.compressionMethod !== deflateMethod) {
      throw invalidZip(file.key, `is compressed with method ${entry.compressionMethod}, not with Deflate`);
    }
    const { fileDataStart } = await archive.readLocalFileHeaderPromise(entry, { minimal: true });
    return {
      start: fileDataStart,
      storedSize: entry.compressedSize,
      size: entry.uncompressedSize,
      checksum: entry.crc32,
      isDeflated: entry.compressionMethod === deflateMethod,
    };
  } catch (cause) {
    if (cause instanceof BillhouseError) throw cause;
    throw damaged(file.key, `as a zip file, ${messageOf(cause)}`, cause);
  }
}

// The record at the end of the directory, which every archive has (PKWARE APPNOTE 6.3.10, section 4.3.16).
const smallestArchive = 22;

// How far yauzl searches for the end of the directory: the longest comment, and the two records before it.
const tailSize = 65_535 + 22 + 20;

// One file, and room for the folders that some writers list; each entry costs a read of the directory.
const mostEntries = 100;

// Compression methods of PKWARE APPNOTE 6.3.10, section 4.4.5.
const storedMethod = 0;
const deflateMethod = 8;

function invalidZip(key: string, what: string): BillhouseError {
  return new BillhouseError("FILE_INVALID", `The zip file ${key} ${what}: it must contain exactly one CSV file.`, {
    hint: "The file was changed after the cloud wrote it. Copy it again, or wait for the next delivery.",
  });
}

/** The error for a file that is cut off or was changed: FILE_CORRUPT. */
export function damaged(key: string, reason: string, cause?: unknown): BillhouseError {
  return new BillhouseError("FILE_CORRUPT", `${key} is damaged: ${reason}.`, {
    hint: "Copy the file again from where the cloud delivered it, or wait for the next delivery.",
    cause,
  });
}
