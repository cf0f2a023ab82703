import pMap from "p-map";
import { BillhouseError } from "../../errors.ts";
import type { ExportFormat, FolderRules } from "../../exports/export.ts";
import { readColumns } from "../../files/columns.ts";
import { checksumOf, readHeader } from "../../files/read.ts";
import type { BillingMonth, DataFile, Receipt, FileCopy, ReceiptFile, StoredObject } from "../../model.ts";
import { fold } from "../../schema/names.ts";
import { invalidValue, missingPeriod } from "../../schema/invalid-rows.ts";
import { monthOf } from "../../schema/timestamps.ts";
import { readerOf, type Storage } from "../../storages/storage.ts";
import { fileFormat } from "./manifests.ts";
import { chargeReader, createSampler, withoutCopies } from "./repeats.ts";

/** A file of a folder without manifests, and the billing months of its rows. */
export interface FolderFile {
  /** Its checksum is set where it is known. */
  readonly object: StoredObject;
  readonly months: readonly BillingMonth[];
  /** Other files with the same bytes, which are left out. */
  readonly copies: readonly FileCopy[];
  /** See `DataFile.sample`; undefined if it was not read, or may still be arriving. */
  readonly sample?: readonly number[] | undefined;
  /** Why none of these months can be loaded, or null. */
  readonly error: BillhouseError | null;
}

/** What is known before the files of a folder are read. */
export interface FolderOptions {
  /** The newest receipts: a file in one of them is not read again while it is unchanged. */
  readonly receipts: readonly Receipt[];
  readonly now: Date;
  /** Milliseconds: a file that is younger may still be arriving. */
  readonly settle: number;
  /** As for `decompress`. */
  readonly unpackedLimit: number | null;
}

/**
 * Reads the billing periods of the files of a folder; of several files with the same bytes only one counts. A file at the version
 * of a receipt, or with its bytes, has the months in the receipt. Any other file is read, with the bytes of a CSV file as a whole. A file that cannot be read and is younger than
 * `settle` is left out: it may still be arriving. Empty files and files of other datasets are left out too.
 * Errors: that of a file that cannot be read, is not a bill or lacks billing periods, if nothing says which months it belongs to;
 * those of the storage.
 */
export async function readFolder(
  files: readonly StoredObject[],
  { folder, nullValues = [] }: { readonly folder: FolderRules; readonly nullValues?: readonly string[] },
  storage: Storage,
  { receipts, now, settle, unpackedLimit }: FolderOptions,
): Promise<readonly FolderFile[]> {
  const known = Map.groupBy(
    receipts.flatMap(({ files: loaded }) => (loaded ?? []).flatMap(withCopies)),
    ({ key }) => key,
  );
  const hasUndone = receipts.some(({ undone }) => undone.length > 0);
  const read = async (object: StoredObject): Promise<FolderFile | null> => {
    const loads = known.get(object.key) ?? [];
    const same = loads.find(({ version }) => version === object.version);
    if (same?.months !== undefined)
      return { object: withChecksum(object, same), months: same.months, sample: same.sample, copies: [], error: null };
    const isArriving =
      now.getTime() - Date.parse(object.modified) < settle && Date.parse(object.modified) <= now.getTime();
    const before = [...new Set(loads.flatMap(({ months = [] }) => months))];
    const periods = new Set<BillingMonth>();
    try {
      const rival = loads.some(({ size, checksum }) => size === object.size && checksum !== null);
      const checksum = rival || hasUndone ? await checksumOf(object, readerOf(storage, object)) : object.checksum;
      const copy = loads.find((load) => load.checksum !== null && load.checksum === checksum);
      if (copy?.months !== undefined)
        return {
          object: withChecksum(object, copy),
          months: copy.months,
          sample: copy.sample,
          copies: [],
          error: null,
        };
      const found = await readPeriods(object, storage, folder, nullValues, unpackedLimit, periods);
      if (found === null) return null;
      return {
        object: withChecksum(object, { checksum: checksum ?? found.checksum }),
        months: [...periods],
        copies: [],
        sample: isArriving ? undefined : found.sample,
        error: found.error,
      };
    } catch (error) {
      if (!(error instanceof BillhouseError) || !ofFile.has(error.code)) throw error;
      const months = [...new Set([...before, ...periods])];
      if (isArriving) return months.length === 0 ? null : { object, months, copies: [], error: null };
      if (months.length === 0) throw error;
      return { object, months, copies: [], error };
    }
  };
  const found = await pMap(
    files.filter(({ size }) => size > 0),
    read,
    { concurrency: filesRead },
  );
  const loaded = new Set(receipts.flatMap(({ files: own }) => (own ?? []).map(({ key }) => key)));
  return withoutCopies(
    found.filter((file) => file !== null),
    loaded,
    storage,
  );
}

/** A file of a receipt, and its copies, which have its bytes. */
function withCopies(file: ReceiptFile): readonly ReceiptFile[] {
  return [file, ...(file.copies ?? []).map((copy) => ({ ...file, ...copy }))];
}

/** Files without those that belong to an export whose manifests are missing. */
export function withoutLayouts(
  files: readonly StoredObject[],
  formats: readonly Pick<ExportFormat, "dataFiles">[],
): readonly StoredObject[] {
  const layouts = formats.flatMap(({ dataFiles }) => dataFiles);
  return files.filter(({ key }) => !layouts.some(({ path }) => path.test(key)));
}

/**
 * Whether the first files have the header of a bill of this format, apart from those that cannot be read and those of other
 * datasets; at least one must have it. Errors: those of the storage.
 */
export async function areBills(
  files: readonly StoredObject[],
  { folder }: Pick<ExportFormat, "folder">,
  storage: Storage,
): Promise<boolean> {
  if (folder === undefined) return false;
  let found = 0;
  for (const object of files.filter(({ size }) => size > 0).slice(0, headersRead)) {
    const names = await readHeader(dataFileOf(object), readerOf(storage, object), null).then(
      ({ columns }) => new Set(columns.map(({ name }) => fold(name))),
      (error: unknown) => {
        if (error instanceof BillhouseError && ofFile.has(error.code)) return null;
        throw error;
      },
    );
    if (names === null || folder.others.some(({ column }) => names.has(fold(column)))) continue;
    if (!folder.recognised.every((name) => names.has(fold(name)))) return false;
    found += 1;
  }
  return found > 0;
}

const headersRead = 5;

/** The files below a prefix that may belong to a folder of this format, by their paths alone. */
export function filesOfFolder(
  objects: ReadonlyMap<string, StoredObject>,
  prefix: string,
  { folder }: Pick<ExportFormat, "folder">,
): readonly StoredObject[] {
  const start = prefix === "" ? 0 : prefix.length + 1;
  return [...objects.values()].filter(({ key }) => folder?.file.test(key.slice(start)) ?? false);
}

/** A stored object as a data file. */
export function dataFileOf(object: StoredObject): DataFile {
  return { ...object, format: fileFormat(object.key, "csv"), rows: null, declaredSize: null };
}

// A CSV file keeps a processor busy; more of them only cost memory.
const filesRead = 4;

/** Errors that say something of one file, and nothing of its storage. */
const ofFile: ReadonlySet<string> = new Set([
  "FILE_CORRUPT",
  "FILE_INVALID",
  "LIMIT_EXCEEDED",
  "PERIOD_MISSING",
  "VALUE_INVALID",
]);

/** What else the reading of a file shows. */
interface PeriodsRead {
  readonly checksum: string | null;
  readonly sample: readonly number[];
  readonly error: BillhouseError | null;
}

/**
 * Adds the months of a file to `months`; null for a file of another dataset. A row without a period, or with an invalid one, is an
 * error of the other months of the file, which its load would report as well.
 */
async function readPeriods(
  object: StoredObject,
  storage: Storage,
  folder: FolderRules,
  nullValues: readonly string[],
  limit: number | null,
  months: Set<BillingMonth>,
): Promise<PeriodsRead | null> {
  const file = dataFileOf(object);
  const { columns } = await readHeader(file, readerOf(storage, object), limit);
  const names = columns.map(({ name }) => fold(name));
  const has = (name: string): boolean => names.includes(fold(name));
  const position = names.indexOf(fold(folder.period));
  const isOther = folder.others.some(({ column }) => has(column));
  if (isOther) return null;
  if (position < 0) throw notABill(object.key, `the column ${folder.period} is missing`);
  if (!folder.costs.some(has)) throw notABill(object.key, `it lacks a cost column (${folder.costs.join(", ")})`);
  const unit = file.format === "csv" ? "line" : "row";
  const parsed = new Map<string, BillingMonth>();
  let error: BillhouseError | null = null;
  const charge = chargeReader(columns, folder.charge);
  const sampler = createSampler();
  const positions = [position, ...charge.positions];
  const checksum = await readColumns(file, readerOf(storage, object), limit, positions, (cells, where) => {
    sampler.add(charge.digest(cells.slice(1)));
    const [cell = ""] = cells;
    if (parsed.has(cell)) return;
    const text = nullValues.includes(cell) ? "" : cell;
    const month = monthOf(text);
    if (month === undefined) {
      const place = `${object.key}, ${unit} ${where}, column ${columns[position]?.name}`;
      error ??= text === "" ? withoutPeriod(place) : invalidValue(place, text, "a date");
      return;
    }
    if (parsed.size >= mostPeriods) parsed.clear();
    parsed.set(cell, month);
    months.add(month);
  });
  if (error !== null && months.size === 0) throw error;
  return { checksum, sample: sampler.sample(), error };
}

// Periods repeat from row to row; memory must not grow with rows that do not.
const mostPeriods = 10_000;

function notABill(key: string, what: string): BillhouseError {
  return new BillhouseError("FILE_INVALID", `${key} is not a FOCUS file of costs: ${what}.`, {
    hint: "Move the file out of the folder, or set `prefix` to the folder of the FOCUS files. No month of this export was loaded, because the file may belong to any of them.",
  });
}

function withoutPeriod(place: string): BillhouseError {
  const { message, cause } = missingPeriod(place);
  return new BillhouseError("PERIOD_MISSING", message, {
    hint: "The month keeps its previous rows. Every row of a FOCUS file must have a BillingPeriodStart: have the file delivered again, or correct it.",
    cause,
  });
}

function withChecksum(object: StoredObject, { checksum }: Pick<ReceiptFile, "checksum">): StoredObject {
  return object.checksum !== undefined || checksum === null ? object : { ...object, checksum };
}
