import { rm } from "node:fs/promises";
import { join } from "node:path";
import { BillhouseError, describeError } from "../errors.ts";
import type { DataFile, Receipt, ReceiptFile } from "../model.ts";
import { loadPackage } from "../state/package.ts";
import { reachPoint } from "../warehouses/points.ts";
import type { CheckedFile, Warehouse } from "../warehouses/warehouse.ts";
import type { FailedMonth, FileRead, LoadedMonth } from "./events.ts";
import { prepare, type Preparation, type PreparedFile, type PreparedMonth } from "./prepare.ts";
import { createReadAhead, type ReadAhead, type Reading } from "./read-ahead.ts";
import { readFile, type CheckedBytes } from "./read.ts";
import type { Survey } from "./survey.ts";
import { createTally } from "./tally.ts";
import { combineEvidence, verifyFile, verifyMonth } from "./verify.ts";

/** How months are loaded. */
export interface LoadOptions {
  /** How many files are read, or wait for the warehouse, at the same time. */
  readonly jobs: number;
  /** Checks that are waived. */
  readonly accept: readonly string[];
  readonly signal: AbortSignal;
  /** Version of billhouse, for receipts. */
  readonly version: string;
}

/** Who is told of what happens. */
export interface LoadListener {
  fileRead(file: Omit<FileRead, "event" | "name">): void;
  loaded(month: LoadedMonth): void;
  failed(month: FailedMonth): void;
}

/**
 * Loads every month of the survey that is new or restated, newest first. Files of the next months are read and checked
 * while the warehouse is busy; months are replaced one at a time. A month that fails keeps its old rows and the others
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
  const readings = preparation.months.map((month) =>
    month.files.map((file, index) =>
      startReading(readAhead, survey, warehouse, preparation, month, file, index, options),
    ),
  );
  try {
    for (const [index, month] of preparation.months.entries()) {
      options.signal.throwIfAborted();
      try {
        listener.loaded(
          await loadMonth(survey, warehouse, preparation, month, readings[index] ?? [], options, listener),
        );
      } catch (error) {
        if (options.signal.aborted || !(error instanceof BillhouseError)) throw error;
        listener.failed({ billing_month: month.execution.billingMonth, ...describeError(error) });
      } finally {
        for (const { reading } of readings[index] ?? []) await reading.release();
      }
    }
  } finally {
    for (const { reading } of readings.flat()) await reading.release();
  }
}

interface FileReading {
  readonly prepared: PreparedFile;
  readonly path: string;
  readonly reading: Reading<CheckedBytes>;
}

function startReading(
  readAhead: ReadAhead,
  { discovery }: Survey,
  warehouse: Warehouse,
  { stamped, precisions }: Preparation,
  month: PreparedMonth,
  prepared: PreparedFile,
  index: number,
  options: LoadOptions,
): FileReading {
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
      precisions,
      decimalScale: warehouse.decimalScale,
      unit: file.format === "csv" ? "line" : "row",
    });
    const row: typeof tally.row = (cells, where) => {
      // The storage stops its own reads; the cells of a Parquet file are read from its local copy.
      if (where % 65_536 === 0) options.signal.throwIfAborted();
      tally.row(cells, where);
    };
    const checked = await readFile(discovery.storage, file, { ...tally, row }, path);
    verifyFile(file, checked.evidence, options.accept);
    reachPoint("file-checked");
    return checked;
  };
  return { prepared, path, reading: readAhead.add(read, () => rm(path, { force: true })) };
}

async function loadMonth(
  { table, discovery }: Survey,
  warehouse: Warehouse,
  preparation: Preparation,
  { execution, action, schemaChanges, previous }: PreparedMonth,
  readings: readonly FileReading[],
  options: LoadOptions,
  listener: LoadListener,
): Promise<LoadedMonth> {
  const started = performance.now();
  const { billingMonth, id } = execution;
  const checked: CheckedBytes[] = [];
  const files = async function* (): AsyncGenerator<CheckedFile> {
    for (const { prepared, path, reading } of readings) {
      options.signal.throwIfAborted();
      const result = await reading.result();
      checked.push(result);
      const { file, columns } = prepared;
      listener.fileRead({ billing_month: billingMonth, key: file.key, rows: result.evidence.rows, bytes: file.size });
      yield { file, path, columns };
      await reading.release();
    }
    // An overwriting export can change under the load: what was loaded must still be what lies there.
    await lookAgain(discovery.storage, execution);
  };
  let month: LoadedMonth | undefined;
  await warehouse.replaceMonth(
    {
      table,
      billingMonth,
      partitionColumn: preparation.partitionColumn,
      stamped: preparation.stamped,
      spansMonths: execution.spansMonths && !preparation.stamped,
      files: files(),
      costColumns: preparation.costColumns,
      currencyColumn: preparation.currencyColumn,
      usageColumn: preparation.usageColumn,
    },
    (measures, current) => {
      const evidence = combineEvidence(checked.map((result) => result.evidence));
      const digits = preparation.precisions.map((precision) =>
        precision === "float" ? warehouse.decimalScale : precision,
      );
      verifyMonth(execution, evidence, measures, digits, options.accept);
      const rounded = evidence.rounded.reduce((sum, count) => sum + count, 0);
      const seconds = Math.round(performance.now() - started) / 1000;
      const bytes = execution.files.reduce((sum, { size }) => sum + size, 0);
      const cost = evidence.sums[0] ?? {};
      month = {
        billing_month: billingMonth,
        execution_id: id,
        action,
        rows: evidence.monthRows,
        files: execution.files.length,
        bytes,
        cost,
        seconds,
        rounded_values: rounded,
        schema_changes: schemaChanges,
        previous: previous && { execution_id: previous.executionId, rows: previous.rows, cost: previous.cost },
      };
      return loadPackage(
        current,
        table,
        {
          submittedTime: execution.submittedTime,
          receipt: {
            executionId: id,
            billingMonth,
            rows: evidence.monthRows,
            fileCount: execution.files.length,
            format: execution.format,
            sourceBytes: bytes,
            cost,
            tableCost: measures.sums[0] ?? {},
            effectiveCost: evidence.sums[1] ?? null,
            tableEffectiveCost: measures.sums[1] ?? null,
            roundedValues: rounded,
            coverage: execution.coverage,
            firstUsage: measures.firstUsage,
            lastUsage: measures.lastUsage,
            schemaChanges,
            files: readings.map(({ prepared: { file } }, index): ReceiptFile => ({
              key: file.key,
              size: file.size,
              version: file.version,
              checksum: checked[index]?.checksum ?? null,
              rows: checked[index]?.evidence.rows ?? 0,
              ...replacedVersion(file, id, previous),
            })),
            waivers: [...options.accept],
            durationSeconds: seconds,
            version: options.version,
          },
        },
        warehouse.destinationType,
        new Date(),
      );
    },
  );
  if (month === undefined) throw new Error(`The warehouse committed ${billingMonth} without asking for its receipt.`);
  return month;
}

/** Which version of a file the execution was loaded with before, where it was loaded before and is another one now. */
function replacedVersion(file: DataFile, executionId: string, previous: Receipt | null): Pick<ReceiptFile, "replaced"> {
  const before =
    previous?.executionId === executionId ? previous.files?.find(({ key }) => key === file.key) : undefined;
  const replaced = before?.version === file.version ? before.replaced : before?.version;
  return replaced === undefined ? {} : { replaced };
}

/** Looks up the manifest and the files of an execution again. Error: OBJECT_CHANGED. */
async function lookAgain(
  storage: Survey["discovery"]["storage"],
  execution: PreparedMonth["execution"],
): Promise<void> {
  for (const object of [execution.manifest, ...execution.files]) {
    const now = await storage.find(object.key);
    if (now?.version === object.version) continue;
    throw new BillhouseError("OBJECT_CHANGED", `${object.key} changed while ${execution.billingMonth} was loaded.`, {
      hint: "The cloud delivers right now. The month is as it was; run again when the delivery is complete.",
    });
  }
}
