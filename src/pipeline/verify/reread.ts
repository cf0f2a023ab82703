import { rm } from "node:fs/promises";
import { join } from "node:path";
import { BillhouseError } from "../../errors.ts";
import type { DataFile, Evidence, Receipt, ReceiptFile, StoredObject } from "../../model.ts";
import { findColumn, type MappedColumn } from "../../schema/columns.ts";
import { digitLimit } from "../../schema/decimals.ts";
import { stampedColumn } from "../load/layout.ts";
import { measuredColumns, type LoadedTable } from "../months/loaded.ts";
import { readFile, readHeader, type CheckedBytes } from "../../files/read.ts";
import type { Survey } from "../months/survey.ts";
import { createTally, type ProofColumns } from "../../files/tally.ts";
import { makeWorkFolder } from "../../warehouses/work-folders.ts";
import { combineEvidence } from "../load/proof.ts";
import { difference, same, sameSums, type MonthCheck } from "./checks.ts";

/**
 * Reads the files of one load again, whole, and holds them against its receipt: checksums and rows of each, rows and exact
 * sums of all. A file that is gone or cannot be read is a failed check. The files pass through this machine, also those
 * that BigQuery loads by itself.
 */
export async function* rereadMonth(
  loaded: LoadedTable,
  receipt: Receipt,
  { discovery }: Survey,
  signal: AbortSignal | undefined,
): AsyncGenerator<MonthCheck> {
  const { billingMonth } = receipt;
  const folder = await makeWorkFolder(null);
  const parts: Evidence[] = [];
  try {
    for (const file of receipt.files ?? []) {
      signal?.throwIfAborted();
      const object = discovery.objects.get(file.key);
      // That it is gone is told by the check of the files.
      if (object === undefined) return;
      try {
        const read = await reread(loaded, receipt, object, discovery.storage, join(folder, "file"));
        parts.push(read.evidence);
        yield* heldAgainst(file, read, receipt);
      } catch (error) {
        if (signal?.aborted === true || !isTold(error)) throw error;
        yield difference("file", billingMonth, `${file.key} can be read`, `${error.code}: ${error.message}`);
        return;
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const evidence = combineEvidence(parts);
  yield same("delivered-rows", billingMonth, `${receipt.rows} rows`, `${evidence.monthRows} rows`);
  yield* sameSums("delivered-cost", billingMonth, receipt.cost, evidence.sums[0]);
  yield* sameSums("delivered-effective-cost", billingMonth, receipt.effectiveCost, evidence.sums[1]);
}

/** An error that says what is wrong: one of billhouse, or of the operating system, such as a disk that is full. */
function isTold(error: unknown): error is Error & { readonly code: string } {
  return error instanceof BillhouseError || (error instanceof Error && "syscall" in error && "code" in error);
}

function* heldAgainst(
  file: ReceiptFile,
  { evidence, checksum }: CheckedBytes,
  receipt: Receipt,
): Generator<MonthCheck> {
  const { key, rows } = file;
  if (file.checksum !== null) {
    yield same("file-checksum", receipt.billingMonth, `${key}: ${file.checksum}`, `${key}: ${checksum}`);
  }
  if (rows !== null)
    yield same("file-rows", receipt.billingMonth, `${key}: ${rows} rows`, `${key}: ${evidence.rows} rows`);
}

async function reread(
  loaded: LoadedTable,
  receipt: Receipt,
  object: StoredObject,
  storage: Survey["discovery"]["storage"],
  path: string,
): Promise<CheckedBytes> {
  const { ledger, format, pipeline } = loaded;
  const rules = format.columns;
  const file: DataFile = {
    ...object,
    rows: null,
    format: /\.parquet$/i.test(object.key) ? "parquet" : (receipt.format ?? "csv"),
  };
  const header = await readHeader(storage, file, pipeline.unpackedLimit);
  const own = header.columns.map(({ name, type }): MappedColumn => ({ sourceName: name, columnName: name, type }));
  const measured = measuredColumns(loaded, receipt.billingMonth);
  // The table's name of a column, whatever the file calls it. A file may lack one that others of the month have.
  const positionOf = (column: string | null, names: readonly string[]): number | null => {
    const sources = ledger.registry.filter(({ columnName }) => columnName === column).map((one) => one.sourceName);
    const found = findColumn(own, [...sources, ...(column === null ? [] : [column]), ...names], rules);
    return found === undefined ? null : own.indexOf(found);
  };
  const isStamped = measured.partitionColumn === stampedColumn;
  const proof: ProofColumns = {
    partition: isStamped ? null : positionOf(measured.partitionColumn, rules.partition),
    currency: measured.currencyColumn === null ? null : positionOf(measured.currencyColumn, rules.currency),
    costs: measured.costColumns.map((column) => positionOf(column, [])),
  };
  const tally = createTally({
    key: object.key,
    billingMonth: receipt.billingMonth,
    // Rows of other months were refused when it was loaded, or left out.
    spansMonths: true,
    header: header.columns.map(({ name }) => name),
    proof,
    precisions: proof.costs.map(() => digitLimit),
    decimalScale: digitLimit,
    unit: file.format === "csv" ? "line" : "row",
  });
  return readFile(storage, file, tally, path, pipeline.unpackedLimit);
}
