import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { BillhouseError } from "../../../src/errors.ts";
import { awsCur } from "../../../src/exports/aws-cur.ts";
import { awsDataExport } from "../../../src/exports/aws-data-export.ts";
import { azureCost } from "../../../src/exports/azure-cost.ts";
import type { ExportFormat } from "../../../src/exports/export.ts";
import type { DataFile, StoredObject } from "../../../src/model.ts";
import { readManifest } from "../../../src/pipeline/discover/manifests.ts";
import { readParquetCells, readParquetHeader } from "../../../src/files/parquet/cells.ts";
import { measureParquet } from "../../../src/files/parquet/decoded-size.ts";
import { readHeader, verifyBytes } from "../../../src/files/read.ts";
import { resolveFiles } from "../../../src/pipeline/discover/resolve.ts";
import { readAgreed } from "./agreement.ts";
import { mapHeader, planColumns } from "../../../src/schema/columns.ts";
import { monthsOf } from "../../../src/schema/periods.ts";
import { readerOf, type Storage } from "../../../src/storages/storage.ts";

/** Where inputs are kept, a folder for each reader: files of bytes, and `<file>.txt` with a sentence on how it was found. */
export const corpusFolder: string = join(import.meta.dirname, "../../fixtures/fuzz");

/** What reads an input, by the name of its folder. */
export const readers: Readonly<Record<string, (bytes: Buffer) => Promise<void>>> = {
  "aws-cur": (bytes) => readDelivery(awsCur, "cur/acme/20250101-20250201/acme-Manifest.json", bytes),
  "aws-data-export": (bytes) => readDelivery(awsDataExport, "x/metadata/BILLING_PERIOD=2025-01/x-Manifest.json", bytes),
  "azure-cost": (bytes) => readDelivery(azureCost, "x/y/20250101-20250131/202502010400/run/manifest.json", bytes),
  cells: async (bytes) => void (await readAgreed(bytes)),
  csv: readCsv,
  parquet: readParquet,
};

/** Reads an input. Any error but a BillhouseError is a finding. */
export async function readInput(reader: string, bytes: Buffer): Promise<"read" | "refused"> {
  const read = readers[reader];
  if (read === undefined) throw new TypeError(`There is no reader ${reader}.`);
  try {
    await read(bytes);
    return "read";
  } catch (error) {
    if (!(error instanceof BillhouseError)) throw error;
    if (error.message.length > 5000) throw new RangeError(`A message of ${error.message.length} characters.`);
    return "refused";
  }
}

/** The kept inputs of a reader, by the names of their files. */
export async function corpusOf(reader: string): Promise<ReadonlyMap<string, Buffer>> {
  const folder = join(corpusFolder, reader);
  const names = (await readdir(folder)).filter((name) => !name.endsWith(".txt")).toSorted();
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))] as const)));
}

async function readDelivery(format: ExportFormat, key: string, bytes: Buffer): Promise<void> {
  const place = format.recognise(key);
  if (place === undefined) throw new TypeError(`${key} is not a manifest.`);
  const object = objectOf(key, bytes);
  const manifest = await readManifest(format, place, storageOf(bytes), new Map([[key, object]]));
  monthsOf(manifest.period);
  const present = manifest.files.slice(0, 2).map(({ key: listed }) => listed);
  resolveFiles(manifest, key, new Map([key, ...present].map((one) => [one, objectOf(one, bytes)])));
}

async function readCsv(bytes: Buffer): Promise<void> {
  const file: DataFile = { ...objectOf("a.csv", bytes), format: "csv", rows: null, declaredSize: null };
  const read = readerOf(storageOf(bytes), file);
  const { columns } = await readHeader(file, read, 64 * 1024 * 1024);
  for (const { columns: rules } of [awsCur, azureCost]) {
    const header = { executionId: "run", format: "csv" as const, columns };
    const plan = planColumns({ headers: [header], registry: [], table: null, reserved: ["billing_month"] }, rules);
    mapHeader(header, plan, rules);
  }
  await verifyBytes(file, read, 64 * 1024 * 1024);
}

async function readParquet(bytes: Buffer): Promise<void> {
  const file = {
    byteLength: bytes.length,
    slice: (start: number, end?: number) => Uint8Array.from(bytes.subarray(start, end)).buffer,
  };
  const { columns } = await readParquetHeader("a.parquet", file);
  await measureParquet("a.parquet", file, 2 ** 28);
  await readParquetCells("a.parquet", file, [...columns.keys()].slice(0, 4), () => {});
}

function objectOf(key: string, bytes: Buffer): StoredObject {
  return { key, size: bytes.length, version: "1", modified: "2025-02-01T00:00:00.000Z" };
}

/** A storage that has these bytes under every key. */
function storageOf(bytes: Buffer): Storage {
  return {
    url: "memory",
    async *list() {},
    find: async (key) => objectOf(key, bytes),
    async *read(_object, range = { start: 0, end: bytes.length }) {
      // Pieces that are small, so that whatever is parted between two of them is parted.
      for (let at = range.start; at < Math.min(range.end, bytes.length); at += 1000) {
        yield bytes.subarray(at, Math.min(at + 1000, range.end));
      }
    },
    identity: async () => null,
  };
}
