import { rm } from "node:fs/promises";
import { join } from "node:path";
import pMap from "p-map";
import { BillhouseError } from "../../errors.ts";
import type { CheckedBytes } from "../../files/read.ts";
import { createThreads, type ReadingThreads } from "../../files/threads.ts";
import type { Acceptance, BillingMonth, Execution, Receipt, ReceiptFile, StoredObject } from "../../model.ts";
import { loadPackage } from "../../state/package.ts";
import { readerOf, type Storage } from "../../storages/storage.ts";
import { version } from "../../version.ts";
import { reachPoint } from "../../warehouses/points.ts";
import type { MappedFile } from "../../warehouses/warehouse.ts";
import type { FileRead, LoadedMonth } from "../events.ts";
import type { MonthPlan } from "../months/decide.ts";
import { nullValuesOf } from "../months/loaded.ts";
import { smallReads } from "../months/survey.ts";
import { guardMonth, measureBefore } from "./guards.ts";
import { prepare, type Destination, type PreparedFile, type PreparedMonth } from "./prepare.ts";
import {
  combineEvidence,
  type DeliveredEvidence,
  describeLoad,
  type Draft,
  draftReceipt,
  foreignRows,
  newestOf,
  verifyFile,
  verifyMonth,
} from "./proof.ts";
import { type CountedMonth, countMonth, type MonthCounter } from "./progress.ts";
import { createReadAhead, type ReadAhead, type Reading } from "./read-ahead.ts";

/** The table and the options of a load. */
export interface LoadContext extends Destination {
  /**
   * How many files are read at the same time; and how many months are loaded, if the warehouse loads several in parallel.
   */
  readonly jobs: number;
  /** Checks that are waived. */
  readonly accept: readonly string[];
  /** Set if `gap` is waived: who accepts the missing days of these months. */
  readonly acceptance: Acceptance | null;
  /** The time for the states of the loaded months. */
  readonly now: Date;
  /** Whether refused and waiting deliveries are loaded. */
  readonly force?: boolean;
  readonly signal: AbortSignal;
  /** Checks the receipt of a proved month, and returns the one to commit; an error that it throws fails the month. */
  readonly amend?: (receipt: Draft) => Draft;
}

/** Receives the progress. An error that a method throws ends the loading. */
export interface LoadListener {
  fileRead(file: Omit<FileRead, "event" | "name">): void;
  /** Wanted only if somebody watches: then the warehouse measures how far it is. */
  readonly progress?: ((progress: CountedMonth) => void) | undefined;
  loaded(month: LoadedMonth): void;
  /** Anything thrown while the month was loaded, which can be a bug. */
  failed(month: BillingMonth, error: unknown): void;
}

/**
 * Loads every month of the plans that is new or restated, newest first, and returns their receipts. Files that the
 * warehouse does not read itself are read and checked while it loads the previous ones. A month that fails keeps its
 * old rows, whatever the error, and the others continue. Errors: those of `prepare`; aborting the signal stops at the
 * next file.
 */
export async function loadMonths(
  plans: readonly MonthPlan[],
  context: LoadContext,
  listener: LoadListener,
): Promise<readonly Receipt[]> {
  const { warehouse, storage, signal } = context;
  const preparation = await prepare(plans, context);
  // A month whose header was not read because of the signal did not fail.
  signal.throwIfAborted();
  for (const [month, error] of preparation.failed) listener.failed(month, error);
  const readAhead = createReadAhead(context.jobs, readAheadRoom);
  const threads = createThreads();
  const isLocal = ({ columns, file, compression }: PreparedFile): boolean =>
    columns.length > 0 && !warehouse.reads(storage.url, file, compression);
  const months = preparation.months.map((month) => {
    const counted = month.files.map((prepared) => ({ file: prepared.file, byWarehouse: !isLocal(prepared) }));
    const { progress } = listener;
    const counter = progress === undefined ? undefined : countMonth(month.billingMonth, counted, progress);
    const files = month.files.map((prepared, index): FileToLoad =>
      isLocal(prepared)
        ? startReading(readAhead, threads, month, prepared, index, context, counter)
        : { prepared, local: null },
    );
    return { month, files, counter };
  });
  const release = async (files: readonly FileToLoad[]): Promise<void> => {
    for (const { local } of files) await local?.reading.release();
  };
  try {
    const receipts = await pMap(
      months,
      async ({ month, files, counter }): Promise<readonly Receipt[]> => {
        signal.throwIfAborted();
        let receipt: Receipt;
        try {
          receipt = await loadMonth(month, files, context, listener, counter);
        } catch (error) {
          if (signal.aborted) throw error;
          listener.failed(month.billingMonth, error);
          return [];
        } finally {
          await release(files);
        }
        listener.loaded(describeLoad(receipt, month, context));
        return [receipt];
      },
      { concurrency: warehouse.loadsInParallel ? context.jobs : 1 },
    );
    return receipts.flat();
  } finally {
    await release(months.flatMap(({ files }) => files));
    await threads.close();
  }
}

/** The most bytes of decompressed files beside the database at the same time, unless one file alone is larger. */
const readAheadRoom = 4 * 2 ** 30;

/** How much larger a bill in CSV usually is when it is decompressed. */
const usualRatio = 10;

/** A file to load: downloaded and checked here, or (null) read by the warehouse itself or declared empty. */
interface FileToLoad {
  readonly prepared: PreparedFile;
  readonly local: { readonly path: string; readonly reading: Reading<CheckedBytes> } | null;
}

function startReading(
  readAhead: ReadAhead,
  threads: ReadingThreads,
  month: PreparedMonth,
  prepared: PreparedFile,
  index: number,
  { pipeline, format, storage, warehouse, signal, accept, force = false }: LoadContext,
  counter: MonthCounter | undefined,
): FileToLoad {
  const { billingMonth } = month;
  const { execution, file, columns, proof } = prepared;
  if (warehouse.workFolder === null)
    throw new TypeError(`${warehouse.description} does not have a folder for decompressed files.`);
  const path = join(warehouse.workFolder, `${billingMonth}-${index}.${file.format}`);
  const read = async (): Promise<CheckedBytes> => {
    signal.throwIfAborted();
    const job = {
      file,
      path,
      limit: pipeline.unpackedLimit,
      tally: {
        key: file.key,
        billingMonth,
        needsPeriod: execution.spansMonths,
        nullValues: nullValuesOf({ pipeline, format }),
        header: columns.map(({ sourceName }) => sourceName),
        proof,
        precisions: month.precisions,
        decimalScale: warehouse.decimalScale,
        unit: file.format === "csv" ? ("line" as const) : ("row" as const),
      },
    };
    const stored = readerOf(storage, file);
    const checked = await threads.read(job, counter?.reading(file, stored) ?? stored, signal);
    counter?.read(file);
    verifyFile(file, checked.evidence.rows, billingMonth, { pipeline: pipeline.name, force, accept });
    reachPoint("file-checked");
    return checked;
  };
  const reading = readAhead.add({
    estimate: prepared.compression === "none" ? file.size : file.size * usualRatio,
    read,
    bytesOf: ({ bytes }) => bytes,
    dispose: () => rm(path, { force: true }),
  });
  return { prepared, local: { path, reading } };
}

async function loadMonth(
  month: PreparedMonth,
  sources: readonly FileToLoad[],
  context: LoadContext,
  listener: LoadListener,
  counter: MonthCounter | undefined,
): Promise<Receipt> {
  const {
    pipeline,
    table,
    format,
    storage,
    warehouse,
    signal,
    accept,
    acceptance,
    now,
    force = false,
    amend,
  } = context;
  const started = performance.now();
  const command = { pipeline: pipeline.name, force, accept };
  const { billingMonth, executions, newestReceipt, measured, schema } = month;
  const { id: executionId, submittedTime } = newestOf(executions);
  const storageUrl = storage.url;
  const checked = new Map<string, CheckedBytes>();
  const batches = async function* (): AsyncGenerator<readonly MappedFile[]> {
    let batch: MappedFile[] = [];
    let readings: Reading<CheckedBytes>[] = [];
    let bytes = 0;
    for (const { prepared, local } of sources) {
      signal.throwIfAborted();
      const { execution, file, columns, periodColumn } = prepared;
      if (columns.length === 0) continue;
      const { id, spansMonths } = execution;
      const mapped = { file, storageUrl, columns, executionId: id, periodColumn, needsPeriod: spansMonths };
      if (local === null) {
        batch.push({ ...mapped, path: null, rows: null });
        continue;
      }
      // While half of the room is inserted, the other half is read.
      if (batch.length > 0 && (bytes > readAheadRoom / 2 || !local.reading.isStarted)) {
        yield batch;
        for (const reading of readings) await reading.release();
        [batch, readings, bytes] = [[], [], 0];
      }
      const result = await local.reading.result();
      checked.set(file.key, result);
      listener.fileRead({ billingMonth, key: file.key, rows: result.evidence.rows, bytes: file.size });
      batch.push({ ...mapped, path: local.path, rows: result.evidence.rows });
      readings.push(local.reading);
      bytes += result.bytes;
    }
    if (batch.length > 0) yield batch;
    for (const reading of readings) await reading.release();
  };
  const unread = sources.flatMap(({ prepared, local }) => (local === null ? [prepared] : []));
  let rowsOf: (prepared: PreparedFile) => number | null = () => null;
  // Rows that an undo restores are compared with their own receipt.
  const isGuarded = amend === undefined && !accept.includes("shrink");
  const before = isGuarded ? await measureBefore(month, context, warehouse) : null;
  const { receipt } = await warehouse.replaceMonth(
    {
      ...measured,
      table,
      billingMonth,
      executionId,
      replaces: newestReceipt?.loadId ?? null,
      // Loading the same delivery again must not displace the previous load.
      keepPrevious: month.action === "reloaded" ? 0 : pipeline.keepPrevious,
      restoredLoadId: newestReceipt?.restoredLoadId ?? null,
      schema,
      nullValues: nullValuesOf(context),
      files: batches(),
      progress: counter,
    },
    async (measures, current) => {
      // An overwriting export can change its files during the load: the loaded files must still be current.
      await lookAgain(storage, executions);
      const { delivered } = measures;
      rowsOf = ({ file, rows }) => checked.get(file.key)?.evidence.rows ?? delivered?.rows.get(file.key) ?? rows;
      for (const prepared of unread) verifyFile(prepared.file, rowsOf(prepared), billingMonth, command);
      const deliveries = executions.map((execution): DeliveredEvidence => {
        const read = execution.files.flatMap(({ key }) => checked.get(key)?.evidence ?? []);
        const elsewhere = delivered?.evidence.get(execution.id) ?? [];
        return { execution, evidence: combineEvidence(read.concat(elsewhere)) };
      });
      const otherMonths = foreignRows(deliveries, month.period, command);
      const digits = month.precisions.map((precision) => (precision === "float" ? warehouse.decimalScale : precision));
      verifyMonth(deliveries, measures, digits, command);
      const draft = draftReceipt({
        month,
        deliveries,
        otherMonths,
        measures,
        files: sources.map(({ prepared }): ReceiptFile => {
          const { key, size, version, checksum, months, copies, sample } = prepared.file;
          const proved = checked.get(key)?.checksum ?? checksum ?? null;
          const file = {
            key,
            size,
            version,
            checksum: proved,
            rows: rowsOf(prepared),
            ...(months === undefined ? {} : { months }),
            ...(copies === undefined ? {} : { copies }),
            ...(sample === undefined ? {} : { sample }),
          };
          return executions.length > 1 ? { ...file, executionId: prepared.execution.id } : file;
        }),
        accepted: accept,
        acceptance,
        seconds: Math.round(performance.now() - started) / 1000,
        version,
        kind: format.kind,
        rules: { format, pipeline, now },
      });
      if (before !== null) {
        await guardMonth({
          command,
          billingMonth,
          executionId,
          files: draft.files ?? [],
          before,
          after: { ...measures, accountColumn: measured.accountColumn },
          history: async () => (await warehouse.previous?.history(table, billingMonth)) ?? [],
        });
      }
      const proved = { submittedTime, receipt: amend?.(draft) ?? draft };
      counter?.committing();
      return loadPackage(current, table, proved, warehouse.destinationType, new Date());
    },
  );
  for (const prepared of unread) {
    const { key, size } = prepared.file;
    listener.fileRead({ billingMonth, key, rows: rowsOf(prepared), bytes: size });
  }
  return receipt;
}

/** Looks up the manifests and files of a month's executions again. Error: OBJECT_CHANGED. */
async function lookAgain(storage: Storage, executions: readonly Execution[]): Promise<void> {
  const month = executions[0]?.billingMonth;
  const look = async (object: StoredObject): Promise<void> => {
    const now = await storage.find(object.key);
    // The listing may give a wrong size, which must not be kept in a receipt.
    if (now?.version === object.version && now.size === object.size) return;
    throw new BillhouseError("OBJECT_CHANGED", `${object.key} changed while ${month} was loaded.`, {
      hint: "A delivery is probably arriving. The month keeps its previous rows; run again once the delivery is complete.",
    });
  };
  const objects = executions.flatMap(({ manifest, files }) => [manifest, ...files]);
  await pMap(objects, look, { concurrency: smallReads });
}
