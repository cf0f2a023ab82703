import { rm } from "node:fs/promises";
import { join } from "node:path";
import { BillhouseError } from "../../errors.ts";
import { checksumOf, readFile, readHeader, type CheckedBytes } from "../../files/read.ts";
import { createTally, type ProofColumns } from "../../files/tally.ts";
import {
  type DataFile,
  type Evidence,
  type Receipt,
  type ReceiptFile,
  type StoredObject,
  summedColumns,
} from "../../model.ts";
import { findColumn, type MappedColumn } from "../../schema/columns.ts";
import { digitLimit } from "../../schema/decimals.ts";
import { describeOtherMonth } from "../../schema/invalid-rows.ts";
import { readerOf, type Storage } from "../../storages/storage.ts";
import type { Warehouse } from "../../warehouses/warehouse.ts";
import { makeWorkFolder } from "../../warehouses/work-folders.ts";
import { fileFormat } from "../discover/manifests.ts";
import { countBytes } from "../load/progress.ts";
import { combineEvidence } from "../load/proof.ts";
import { measuredColumns, namedSums, nullValuesOf, stampedColumn, type LoadedTable } from "../months/loaded.ts";
import type { Survey } from "../months/survey.ts";
import { difference, same, sameSums, type MonthCheck } from "./checks.ts";
import type { VerifyCounter } from "./progress.ts";

/** Deliveries in the storage that are not loaded. Refused deliveries are reported and pass. */
export function* newerDeliveries(loaded: LoadedTable, { plans }: Survey): Generator<MonthCheck> {
  for (const { billingMonth, action, ids, reason } of plans) {
    const current = loaded.months.get(billingMonth)?.ids.at(-1) ?? "nothing";
    const isWell = action === "unchanged" || action === "refused";
    const id = ids.join(" and ") || "an empty manifest";
    const found = action === "unchanged" ? id : `${id} is ${action}: ${reason}`;
    const actual = action === "refused" ? `${current}, refused on purpose` : current;
    const waits = action === "waiting" ? { waits: true } : {};
    yield { name: "newest-delivery", billingMonth, ok: isWell, expected: found, actual, ...waits };
  }
}

/**
 * Compares the files of a receipt with the listing, and their bytes if their versions differ. Returns whether all
 * of them exist. The files of a load that `undo` restored may have been overwritten by the undone delivery. Errors: those of
 * the storage.
 */
export async function* filesOf(
  receipt: Receipt,
  { discovery, plans }: Survey,
  reads: Warehouse["reads"],
): AsyncGenerator<MonthCheck, boolean> {
  const { billingMonth, restoredLoadId } = receipt;
  const files = receipt.files ?? [];
  const asLoaded = `${files.length} files as loaded`;
  const differing: { readonly file: ReceiptFile; readonly now: StoredObject | undefined }[] = [];
  for (const file of files) {
    const now = discovery.objects.get(file.key);
    if (now === undefined || !(await isSame(file, now, discovery.storage, reads))) differing.push({ file, now });
  }
  if (differing.length === 0) {
    yield same("files", billingMonth, asLoaded, asLoaded);
    return true;
  }
  const undone = plans.find(({ billingMonth: month, action }) => month === billingMonth && action === "refused");
  const overwriting =
    restoredLoadId === null ? [] : (undone?.executions ?? []).flatMap(({ files }) => files.map(({ key }) => key));
  const lost = differing.filter(({ file }) => !overwriting.includes(file.key));
  if (lost.length === 0) {
    const actual = `${differing.length} of them overwritten by ${undone?.ids.at(-1)}, which was undone`;
    yield { name: "files", billingMonth, ok: true, expected: asLoaded, actual };
    return false;
  }
  for (const { file, now } of lost) {
    const expected = `${file.key}: ${file.size} bytes, as loaded`;
    // Missing files are normal if old deliveries are cleaned up; changed files are not.
    if (now === undefined) yield difference("file-gone", billingMonth, expected, `${file.key} is gone`);
    else {
      const what = now.size === file.size ? "same size, other bytes" : `${now.size} bytes`;
      yield difference("files", billingMonth, expected, `${file.key}: ${what}, written ${now.modified}`);
    }
  }
  return !differing.some(({ now }) => now === undefined);
}

/**
 * Reads the files of one load again completely, and compares them with its receipt: checksums and rows of each file, rows
 * and exact sums of the month and of each delivery. A missing or unreadable file is a failed check. All files are
 * downloaded, including those that BigQuery loads itself.
 */
export async function* rereadMonth(
  loaded: LoadedTable,
  receipt: Receipt,
  { discovery }: Survey,
  signal: AbortSignal | undefined,
  counter: VerifyCounter,
): AsyncGenerator<MonthCheck> {
  const { billingMonth } = receipt;
  const folder = await makeWorkFolder(null);
  const parts: { readonly executionId: string; readonly evidence: Evidence }[] = [];
  try {
    for (const file of receipt.files ?? []) {
      signal?.throwIfAborted();
      const object = discovery.objects.get(file.key);
      // The check of the files reports missing ones.
      if (object === undefined) return;
      try {
        const read = await reread(loaded, receipt, object, discovery.storage, join(folder, "file"), counter);
        counter.read(file);
        parts.push({ executionId: file.executionId ?? receipt.executionId, evidence: read.evidence });
        const { key, checksum, rows } = file;
        if (checksum !== null) {
          yield same("file-checksum", billingMonth, `${key}: ${checksum}`, `${key}: ${read.checksum}`);
        }
        if (rows !== null) {
          yield same("file-rows", billingMonth, `${key}: ${rows} rows`, `${key}: ${read.evidence.rows} rows`);
        }
      } catch (error) {
        if (signal?.aborted === true || !isExplained(error)) throw error;
        yield difference("file", billingMonth, `${file.key} can be read`, `${error.code}: ${error.message}`);
        return;
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const evidence = combineEvidence(parts.map((part) => part.evidence));
  const measured = measuredColumns(loaded, billingMonth);
  const { cost, effectiveCost } = namedSums(evidence.sums, measured);
  yield* otherMonthsOf(loaded, receipt, evidence);
  yield same("delivered-rows", billingMonth, `${receipt.rows} rows`, `${evidence.monthRows} rows`);
  yield* sameSums("delivered-cost", billingMonth, receipt.cost, cost ?? undefined);
  yield* sameSums("delivered-effective-cost", billingMonth, receipt.effectiveCost, effectiveCost ?? undefined);
  const several = receipt.deliveries !== null && receipt.deliveries.length > 1 ? receipt.deliveries : [];
  for (const { execution_id: id, rows, cost: expected } of several) {
    const own = parts.filter(({ executionId }) => executionId === id);
    const { monthRows, sums } = combineEvidence(own.map((part) => part.evidence));
    yield same("delivery-rows", billingMonth, `${id}: ${rows} rows`, `${id}: ${monthRows} rows`);
    for (const check of sameSums(
      "delivery-cost",
      billingMonth,
      expected,
      namedSums(sums, measured).cost ?? undefined,
    )) {
      yield { ...check, expected: `${id}: ${check.expected}`, actual: `${id}: ${check.actual}` };
    }
  }
}

/** Every row of a delivery is in one of its months, or was left out on request. */
function* otherMonthsOf(
  { pipeline, months }: LoadedTable,
  { billingMonth, deliveries, otherMonths }: Receipt,
  evidence: Evidence,
): Generator<MonthCheck> {
  for (const found of evidence.otherMonths) {
    const { month } = found;
    const left = otherMonths.find((other) => other.month === month);
    const there = months.get(month)?.receipt ?? null;
    const ids = deliveries?.map(({ execution_id: id }) => id) ?? [];
    const own = there?.deliveries?.filter(({ execution_id: id }) => ids.includes(id)) ?? [];
    const actual = describeOtherMonth(found);
    if (left !== undefined) yield same("other-months", billingMonth, describeOtherMonth(left), actual);
    else if (there === null) {
      if (pipeline.firstMonth !== null && month < pipeline.firstMonth) continue;
      yield difference("other-months", billingMonth, `no rows of ${month}, which is not loaded`, actual);
    } else if (ids.length === 1 && own.length === 1) {
      const rows = own[0]?.rows;
      if (rows != null)
        yield same("other-months", billingMonth, `${rows} rows of ${month}`, `${found.rows} rows of ${month}`);
    }
    // Otherwise another delivery was chosen for that month.
  }
}

async function isSame(
  file: ReceiptFile,
  now: StoredObject,
  storage: Storage,
  reads: Warehouse["reads"],
): Promise<boolean> {
  if (now.version === file.version) return true;
  if (now.size !== file.size || file.checksum === null) return false;
  const object = { ...now, format: "csv" as const, rows: null, declaredSize: null };
  // Files that the warehouse reads itself are not downloaded just to find them unchanged.
  if (now.checksum === undefined && reads(storage.url, object)) return false;
  return (await checksumOf(now, readerOf(storage, now))) === file.checksum;
}

/** An error that explains itself: a BillhouseError, or one of the operating system, such as a full disk. */
function isExplained(error: unknown): error is Error & { readonly code: string } {
  return error instanceof BillhouseError || (error instanceof Error && "syscall" in error && "code" in error);
}

async function reread(
  loaded: LoadedTable,
  receipt: Receipt,
  object: StoredObject,
  storage: Storage,
  path: string,
  counter: VerifyCounter,
): Promise<CheckedBytes> {
  const { ledger, format, pipeline } = loaded;
  const rules = format.columns;
  const file: DataFile = {
    ...object,
    rows: receipt.files?.find(({ key }) => key === object.key)?.rows ?? null,
    declaredSize: null,
    format: fileFormat(object.key, receipt.format ?? "csv"),
  };
  const header = await readHeader(file, readerOf(storage, file), pipeline.unpackedLimit);
  const own = header.columns.map(({ name, type }): MappedColumn => ({ sourceName: name, columnName: name, type }));
  const measured = measuredColumns(loaded, receipt.billingMonth);
  // The table column of each column in the file. A file may lack a column that other files of the month have.
  const positionOf = (column: string | null, names: readonly string[]): number | null => {
    const sources = ledger.registry.filter(({ columnName }) => columnName === column).map((one) => one.sourceName);
    const found = findColumn(own, [...sources, ...(column === null ? [] : [column]), ...names], rules);
    return found === undefined ? null : own.indexOf(found);
  };
  // Older loads of a stamped table assigned every row to the month.
  const isStamped = measured.partitionColumn === stampedColumn && receipt.rowsWithoutPeriod === null;
  const proof: ProofColumns = {
    period: isStamped ? null : positionOf(measured.partitionColumn, rules.partition),
    currency: measured.currencyColumn === null ? null : positionOf(measured.currencyColumn, rules.currency),
    costs: summedColumns(measured).map((column) => positionOf(column, [])),
  };
  const tally = createTally({
    key: object.key,
    billingMonth: receipt.billingMonth,
    // A row without a period was refused by the load, or belongs to the month.
    needsPeriod: false,
    nullValues: nullValuesOf(loaded),
    header: header.columns.map(({ name }) => name),
    proof,
    precisions: proof.costs.map(() => digitLimit),
    decimalScale: digitLimit,
    unit: file.format === "csv" ? "line" : "row",
  });
  const read = countBytes(readerOf(storage, file), counter.add);
  return readFile(file, read, tally, path, pipeline.unpackedLimit);
}
