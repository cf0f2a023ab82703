import type { DataFile } from "../model.ts";
import type { Storage } from "../storages/storage.ts";
import { readParquetHeader } from "./parquet/cells.ts";
import { storedBytes } from "./read.ts";
import { findEntry } from "./zip.ts";

/**
 * The bytes that a data file unpacks to, by a look at its ends: the trailer of a gzip file (RFC 1952, ISIZE), the
 * directory of a zip file and the footer of a Parquet file tell it. Too small for a gzip file of several members or of more than 4 GB: an estimate.
 * Errors: FILE_CORRUPT, those of the storage.
 */
export async function unpackedBytes(storage: Storage, file: DataFile): Promise<number> {
  if (file.format === "parquet") return (await readParquetHeader(file.key, storedBytes(storage, file))).bytes;
  const bytes = storedBytes(storage, file);
  if (file.size < 18) return file.size;
  const magic = Buffer.from(await bytes.slice(0, 2)).toString("latin1");
  if (magic === "PK") return (await findEntry(storage, file)).size;
  if (magic !== "\x1f\x8b") return file.size;
  return Buffer.from(await bytes.slice(file.size - 4)).readUInt32LE();
}
