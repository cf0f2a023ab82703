import { callback, checkArguments, date, flag, names, optional, type Shape, signal } from "../config/arguments.ts";
import type { Config, PipelineConfig } from "../config/config.ts";
import { BillhouseError, describeError } from "../errors.ts";
import type { BillingMonth, ReceiptFile } from "../model.ts";
import type { Warehouse } from "../warehouses/warehouse.ts";
import { readLoaded, type LoadedTable } from "./months/loaded.ts";
import { isSelected, monthRules, selectPipelines } from "./months/select.ts";
import { checkMonths, type MonthSelection } from "../schema/periods.ts";
import { survey } from "./months/survey.ts";
import { reading, type ReadSource } from "./open.ts";
import { difference, type Check, type MonthCheck } from "./verify/checks.ts";
import { compareView } from "./verify/focus.ts";
import { compareRollups } from "./verify/rollups.ts";
import { filesOf, newerDeliveries, rereadMonth } from "./verify/files.ts";
import { countVerification, type VerifyCounter, type VerifyProgress } from "./verify/progress.ts";
import { compareWithReceipt, missingDays, missingMonths, monthsWithoutTable, strayMonths } from "./verify/table.ts";

export type { Check, VerifyProgress };

/** The scope of `verify`. */
export interface VerifyOptions {
  readonly pipelines?: readonly string[];
  readonly months?: MonthSelection;
  /** Reads the complete files of every month again. */
  readonly deep?: boolean;
  /** The time for the rules on complete deliveries; by default that of the call. */
  readonly now?: Date;
  readonly signal?: AbortSignal;
  /** Called before each month is checked, and at most four times a second while its files are read again. */
  readonly onProgress?: (progress: VerifyProgress) => void;
}

/** The result of `verify`. */
export interface VerifyResult extends ReadSource {
  /** Whether all checks passed. */
  readonly ok: boolean;
  readonly checks: readonly Check[];
}

/** The loaded data of one export. */
interface VerifiedTable {
  readonly name: string;
  readonly checks: readonly MonthCheck[];
  /** Null when the state or the table could not be read. */
  readonly loaded: LoadedTable | null;
}

/**
 * Compares every table with its receipts (months, rows, costs) and the receipts with the storage (files, newer
 * deliveries, gaps). Changes nothing. A storage, a table or a state that cannot be read is a failed check, and the other
 * exports are still checked. The warehouse is closed before a storage is read, which may take hours with `deep`.
 * Errors: CONFIG_INVALID, USAGE_INVALID, INTERRUPTED, and those of opening the warehouse.
 */
export async function verify(config: Config, options: VerifyOptions = {}): Promise<VerifyResult> {
  checkArguments(config, options, verifyRules);
  const pipelines = await selectPipelines(config, options.pipelines);
  checkMonths(options.months ?? {});
  const counter = countVerification(options.onProgress);
  const { reads, tables, ...source } = await reading(config, async (warehouse) => {
    const verified: VerifiedTable[] = [];
    for (const pipeline of pipelines) verified.push(await tableChecks(pipeline, config, warehouse, options, counter));
    return { reads: warehouse.reads, tables: verified };
  });
  if (options.deep === true) {
    counter.expect(tables.flatMap(({ loaded }) => (loaded === null ? [] : filesToRead(loaded, options.months ?? {}))));
  }
  const checks: Check[] = [];
  for (const { name: pipeline, checks: own, loaded } of tables) {
    checks.push(...own.map((check) => ({ pipeline, ...check })));
    if (loaded === null) continue;
    for await (const check of storageChecks(loaded, reads, options, counter)) {
      options.signal?.throwIfAborted();
      checks.push({ pipeline, ...check });
    }
  }
  return { ...source, ok: checks.every(({ ok }) => ok), checks };
}

const verifyRules: Shape<VerifyOptions> = {
  pipelines: names,
  months: monthRules,
  deep: optional(flag),
  now: optional(date),
  signal: optional(signal),
  onProgress: optional(callback),
};

async function tableChecks(
  pipeline: PipelineConfig,
  config: Config,
  warehouse: Warehouse,
  { months = {}, now = new Date(), signal }: VerifyOptions,
  counter: VerifyCounter,
): Promise<VerifiedTable> {
  const { name } = pipeline;
  const checks: MonthCheck[] = [];
  try {
    const loaded = await readLoaded(pipeline, warehouse);
    const isWanted = (month: BillingMonth): boolean => isSelected(month, pipeline, months);
    checks.push(...monthsWithoutTable(loaded, isWanted), ...(await strayMonths(loaded, warehouse, isWanted)));
    for (const month of loaded.ledger.columns === null ? [] : wantedMonths(loaded, months)) {
      signal?.throwIfAborted();
      counter.comparing(name, month);
      checks.push(...(await compareWithReceipt(loaded, month, warehouse)));
      checks.push(...missingDays(loaded, month, now));
    }
    checks.push(...(await compareView(loaded, config, warehouse, wantedMonths(loaded, months))));
    checks.push(...(await compareRollups(name, config, warehouse, wantedMonths(loaded, months))));
    checks.push(...missingMonths(loaded, months));
    return { name, checks, loaded };
  } catch (error) {
    return { name, checks: [...checks, cannotLook("table", error, signal)], loaded: null };
  }
}

async function* storageChecks(
  loaded: LoadedTable,
  reads: Warehouse["reads"],
  { months = {}, now, signal, deep }: VerifyOptions,
  counter: VerifyCounter,
): AsyncGenerator<MonthCheck> {
  try {
    const found = await survey(loaded.pipeline, loaded.ledger, reads, { months, now, signal });
    for (const [month, error] of found.failed) {
      const { code, message } = describeError(error);
      yield difference("newest-delivery", month, "a delivery that can be loaded", `${code}: ${message}`);
    }
    yield* newerDeliveries(loaded, found);
    for (const month of wantedMonths(loaded, months)) {
      const receipt = loaded.months.get(month)?.receipt ?? null;
      if (receipt?.files == null) continue;
      if (deep === true) counter.reading(loaded.pipeline.name, month);
      const isThere = yield* filesOf(receipt, found, reads);
      if (deep === true && isThere) yield* rereadMonth(loaded, receipt, found, signal, counter);
      if (deep === true) counter.finished(receipt.files);
    }
  } catch (error) {
    yield cannotLook("storage", error, signal);
  }
}

function wantedMonths({ pipeline, months }: LoadedTable, selection: MonthSelection): BillingMonth[] {
  // Also months loaded before `first_month` was set: they are in the table and in sums over it.
  const selected = { ...pipeline, firstMonth: null };
  return [...months.keys()].filter((month) => isSelected(month, selected, selection)).toSorted();
}

/** The files of each month that `deep` reads again. */
function filesToRead(loaded: LoadedTable, selection: MonthSelection): readonly (readonly ReceiptFile[])[] {
  return wantedMonths(loaded, selection).flatMap((month) => {
    const files = loaded.months.get(month)?.receipt?.files ?? null;
    return files === null ? [] : [files];
  });
}

function cannotLook(what: "table" | "storage", error: unknown, signal: AbortSignal | undefined): MonthCheck {
  if (!(error instanceof BillhouseError) || signal?.aborted === true) throw error;
  return difference(what, null, `a readable ${what}`, `${error.code}: ${error.message}`);
}
