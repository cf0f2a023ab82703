import { BillhouseError, messageOf } from "../errors.ts";
import type { DataFile } from "../model.ts";
import type { Storage } from "../storages/storage.ts";

/** Where the only file of a zip archive lies in it, and what the archive says of it. */
export interface ZipEntry {
  /** Byte at which its data starts. */
  readonly start: number;
  /** Bytes of its data in the archive. */
  readonly packedSize: number;
  /** Bytes of the file itself. */
  readonly size: number;
  /** CRC-32 of the file itself. */
  readonly checksum: number;
  /** Whether its data is deflated; otherwise it is stored as it is. */
  readonly isDeflated: boolean;
}

/**
 * Finds the one file that a zip archive of a cloud holds (AWS CUR: one CSV file per archive). Reads the archive's
 * directory, which stands at its end, and the header of the entry; nothing of the data.
 * Errors: FILE_INVALID when it holds no file, more than one, or one that is encrypted or packed in an unusual way;
 * FILE_CORRUPT when the directory cannot be read; those of the storage.
 */
export async function findEntry(storage: Storage, file: DataFile): Promise<ZipEntry> {
  if (file.size < smallestArchive) throw invalid(file.key, "is no archive");
  const { fromRandomAccessReaderPromise, RandomAccessReader } = await import("yauzl");
  // yauzl asks for a subclass. It reads the directory in many small pieces, which all stand at the end of the archive.
  const tailStart = Math.max(file.size - tailSize, 0);
  const tail = await storedRange(storage, file, tailStart, file.size);
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
      storedRange(storage, file, position, end).then(
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
      // Names are only told, never used as paths.
      decodeStrings: false,
      autoClose: false,
    });
    const entries = [];
    if (archive.entryCount > mostEntries) throw invalid(file.key, `lists ${archive.entryCount} entries`);
    for await (const entry of archive.eachEntry()) {
      const name = entry.fileNameRaw.toString("utf8");
      if (!name.endsWith("/")) entries.push({ entry, name });
      if (entries.length > 1) break;
    }
    const [only, other] = entries;
    if (only === undefined) throw invalid(file.key, "holds no file");
    if (other !== undefined)
      throw invalid(file.key, `holds more than one file, such as ${only.name} and ${other.name}`);
    const { entry } = only;
    if (entry.isEncrypted()) throw invalid(file.key, "is encrypted");
    if (entry.compressionMethod !== stored && entry.compressionMethod !== deflated) {
      throw invalid(file.key, `is packed with method ${entry.compressionMethod}, not with Deflate`);
    }
    const { fileDataStart } = await archive.readLocalFileHeaderPromise(entry, { minimal: true });
    return {
      start: fileDataStart,
      packedSize: entry.compressedSize,
      size: entry.uncompressedSize,
      checksum: entry.crc32,
      isDeflated: entry.compressionMethod === deflated,
    };
  } catch (cause) {
    if (cause instanceof BillhouseError) throw cause;
    const reason = messageOf(cause);
    throw new BillhouseError("FILE_CORRUPT", `${file.key} is damaged: as a zip file, ${reason}.`, {
      hint: "Copy the file again from where the cloud delivered it, or wait for the next delivery.",
      cause,
    });
  }
}

// The record at the end of the directory, without which there is no archive (PKWARE APPNOTE 6.3.10, section 4.3.16).
const smallestArchive = 22;

// What yauzl searches for the end of the directory: the longest comment, and the two records before it.
const tailSize = 65_535 + 22 + 20;

async function storedRange(storage: Storage, file: DataFile, start: number, end: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of storage.read(file, { start, end })) pieces.push(piece);
  return Buffer.concat(pieces);
}

// One file, and room for the folders that some packers list; each entry costs a read of the directory.
const mostEntries = 100;

// Compression methods of PKWARE APPNOTE 6.3.10, section 4.4.5.
const stored = 0;
const deflated = 8;

function invalid(key: string, what: string): BillhouseError {
  return new BillhouseError("FILE_INVALID", `The zip file ${key} ${what}: it must hold exactly one CSV file.`, {
    hint: "The file is not as the cloud wrote it. Copy it again, or wait for the next delivery.",
  });
}
