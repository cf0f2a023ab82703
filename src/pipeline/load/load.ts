import { rm } from "node:fs/promises";
import { join } from "node:path";
import pMap from "p-map";
import { BillhouseError, describeError } from "../../errors.ts";
import type { ReceiptFile, StoredObject } from "../../model.ts";
import { loadPackage } from "../../state/package.ts";
import { reachPoint } from "../../warehouses/points.ts";
import type { MappedFile, Warehouse } from "../../warehouses/warehouse.ts";
import type { FailedMonth, FileRead, LoadedMonth } from "../events.ts";
import { prepare, type Preparation, type PreparedFile, type PreparedMonth } from "./prepare.ts";
import { createReadAhead, type ReadAhead, type Reading } from "./read-ahead.ts";
import { readFile, type CheckedBytes } from "../../files/read.ts";
import { describeLoad, draftReceipt, type Draft } from "./receipt.ts";
import { smallReads, type Survey } from "../months/survey.ts";
import { createTally } from "../../files/tally.ts";
import { combineEvidence, verifyFile, verifyMonth } from "./proof.ts";

/** How months are loaded. */
export interface LoadOptions {
  /**
   * How many files are read, or wait for the warehouse, at the same time; and how many months, where the warehouse loads
   * several in parallel.
   */
  readonly jobs: number;
  /** Checks that are waived. */
  readonly accept: readonly string[];
  readonly signal: AbortSignal;
  /** Version of billhouse, for receipts. */
  readonly version: string;
  /** Judges the receipt of a month that was proved, and gives the one to commit; what it throws fails the month. */
  readonly amend?: (receipt: Draft) => Draft;
}

/** Who is told of what happens. */
export interface LoadListener {
  fileRead(file: Omit<FileRead, "event" | "name">): void;
  loaded(month: LoadedMonth): void;
  failed(month: FailedMonth): void;
}

/**
 * Loads every month of the survey that is new or restated, newest first. Files that the warehouse does not read by
 * itself are read and checked while it is busy with those before. A month that fails keeps its old rows and the others
 * go on. Error: whatever is not about one month; the signal's abort stops at the next file.
 */
export async function loadMonths(
  survey: Survey,
  warehouse: Warehouse,
  options: LoadOptions,
  listener: LoadListener,
): Promise<void> {
  const preparation = await prepare(survey, warehouse);
  // A header whose reading was stopped is no failed month.
  options.signal.throwIfAborted();
  preparation.failed.forEach((month) => listener.failed(month));
  const readAhead = createReadAhead(options.jobs);
  const months = preparation.months.map((month) => ({
    month,
    files: month.files.map((prepared, index): FileToLoad =>
      warehouse.reads(survey.discovery.storage.url, prepared.file, prepared.compression)
        ? { prepared, local: null }
        : startReading(readAhead, survey, warehouse, preparation, month, prepared, index, options),
    ),
  }));
  const release = async (files: readonly FileToLoad[]): Promise<void> => {
    for (const { local } of files) await local?.reading.release();
  };
  try {
    await pMap(
      months,
      async ({ month, files }) => {
        options.signal.throwIfAborted();
        try {
          listener.loaded(await loadMonth(survey, warehouse, preparation, month, files, options, listener));
        } catch (error) {
          if (options.signal.aborted || !(error instanceof BillhouseError)) throw error;
          listener.failed({ billing_month: month.execution.billingMonth, ...describeError(error) });
        } finally {
          await release(files);
        }
      },
      { concurrency: warehouse.loadsInParallel ? options.jobs : 1 },
    );
  } finally {
    await release(months.flatMap(({ files }) => files));
  }
}

/** A file to load: brought to this machine and checked here, or (null) read by the warehouse itself. */
interface FileToLoad {
  readonly prepared: PreparedFile;
  readonly local: { readonly path: string; readonly reading: Reading<CheckedBytes> } | null;
}

function startReading(
  readAhead: ReadAhead,
  { discovery, pipeline }: Survey,
  warehouse: Warehouse,
  { stamped }: Preparation,
  month: PreparedMonth,
  prepared: PreparedFile,
  index: number,
  options: LoadOptions,
): FileToLoad {
  const { execution } = month;
  const { file, columns, proof } = prepared;
  if (warehouse.workFolder === null) throw new TypeError(`${warehouse.description} has no folder for unpacked files.`);
  const path = join(warehouse.workFolder, `${execution.billingMonth}-${index}.${file.format}`);
  const read = async (): Promise<CheckedBytes> => {
    options.signal.throwIfAborted();
    const tally = createTally({
      key: file.key,
      billingMonth: execution.billingMonth,
      spansMonths: execution.spansMonths && !stamped,
      header: columns.map(({ sourceName }) => sourceName),
      proof,
      precisions: month.precisions,
      decimalScale: warehouse.decimalScale,
      unit: file.format === "csv" ? "line" : "row",
    });
    const row: typeof tally.row = (cells, where) => {
      // The storage stops its own reads; the cells of a Parquet file are read from its local copy.
      if (where % 65_536 === 0) options.signal.throwIfAborted();
      tally.row(cells, where);
    };
    const checked = await readFile(discovery.storage, file, { ...tally, row }, path, pipeline.unpackedLimit);
    verifyFile(file, checked.evidence.rows, options.accept);
    reachPoint("file-checked");
    return checked;
  };
  return { prepared, local: { path, reading: readAhead.add(read, () => rm(path, { force: true })) } };
}

async function loadMonth(
  { pipeline, table, discovery, plans }: Survey,
  warehouse: Warehouse,
  preparation: Preparation,
  month: PreparedMonth,
  sources: readonly FileToLoad[],
  options: LoadOptions,
  listener: LoadListener,
): Promise<LoadedMonth> {
  const started = performance.now();
  const { execution, newestReceipt, measured } = month;
  const { billingMonth } = execution;
  const isAgain = plans.some((plan) => plan.execution === execution && plan.isAgain === true);
  const storageUrl = discovery.storage.url;
  const checked = new Map<string, CheckedBytes>();
  const files = async function* (): AsyncGenerator<MappedFile> {
    for (const { prepared, local } of sources) {
      options.signal.throwIfAborted();
      const { file, columns } = prepared;
      if (local === null) {
        yield { file, storageUrl, path: null, columns };
        continue;
      }
      const result = await local.reading.result();
      checked.set(file.key, result);
      listener.fileRead({ billing_month: billingMonth, key: file.key, rows: result.evidence.rows, bytes: file.size });
      yield { file, storageUrl, path: local.path, columns };
      await local.reading.release();
    }
  };
  const unread = sources.flatMap(({ prepared, local }) => (local === null ? [prepared] : []));
  let rowsOf: (prepared: PreparedFile) => number | null = () => null;
  const { receipt } = await warehouse.replaceMonth(
    {
      ...measured,
      table,
      billingMonth,
      executionId: execution.id,
      replaces: newestReceipt?.loadId ?? null,
      // Loading the same delivery once more must not push out the one before it.
      keepPrevious: isAgain ? 0 : pipeline.keepPrevious,
      restoredLoadId: newestReceipt?.restoredLoadId ?? null,
      stamped: preparation.stamped,
      spansMonths: execution.spansMonths && !preparation.stamped,
      files: files(),
    },
    async (measures, current) => {
      // An overwriting export can change under the load: what was loaded must still be what lies there.
      await lookAgain(discovery.storage, execution);
      const { delivered } = measures;
      rowsOf = ({ file, rows }) => checked.get(file.key)?.evidence.rows ?? delivered?.rows.get(file.key) ?? rows;
      for (const prepared of unread) verifyFile(prepared.file, rowsOf(prepared), options.accept);
      const parts = [...checked.values(), ...(delivered === null ? [] : [delivered])].map((part) => part.evidence);
      const evidence = combineEvidence(parts);
      const digits = month.precisions.map((precision) => (precision === "float" ? warehouse.decimalScale : precision));
      verifyMonth(execution, evidence, measures, digits, options.accept);
      const now = new Date();
      const draft = draftReceipt({
        month,
        evidence,
        measures,
        files: sources.map(({ prepared }): ReceiptFile => {
          const { key, size, version, checksum } = prepared.file;
          const proved = checked.get(key)?.checksum ?? checksum ?? null;
          return { key, size, version, checksum: proved, rows: rowsOf(prepared) };
        }),
        accepted: options.accept,
        seconds: Math.round(performance.now() - started) / 1000,
        version: options.version,
        format: discovery.format,
        now,
      });
      const proved = { submittedTime: execution.submittedTime, receipt: options.amend?.(draft) ?? draft };
      return loadPackage(current, table, proved, warehouse.destinationType, now);
    },
  );
  for (const prepared of unread) {
    const { key, size } = prepared.file;
    listener.fileRead({ billing_month: billingMonth, key, rows: rowsOf(prepared), bytes: size });
  }
  return describeLoad(receipt, month);
}

/** Looks up the manifest and the files of an execution again. Error: OBJECT_CHANGED. */
async function lookAgain(
  storage: Survey["discovery"]["storage"],
  execution: PreparedMonth["execution"],
): Promise<void> {
  const look = async (object: StoredObject): Promise<void> => {
    const now = await storage.find(object.key);
    // A listing may be wrong about a size, and a receipt must not keep that.
    if (now?.version === object.version && now.size === object.size) return;
    throw new BillhouseError("OBJECT_CHANGED", `${object.key} changed while ${execution.billingMonth} was loaded.`, {
      hint: "The cloud delivers right now. The month is as it was; run again when the delivery is complete.",
    });
  };
  await pMap([execution.manifest, ...execution.files], look, { concurrency: smallReads });
}
