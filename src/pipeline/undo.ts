import {
  callback,
  checkArguments,
  holder,
  optional,
  type Shape,
  signal as anySignal,
  text,
} from "../config/arguments.ts";
import type { Config } from "../config/config.ts";
import { BillhouseError } from "../errors.ts";
import { checksumOf } from "../files/read.ts";
import { readerOf } from "../storages/storage.ts";
import { type BillingMonth, executionIdsOf, type Finality, type Receipt, type StoredObject } from "../model.ts";
import { openStorage } from "../storages/index.ts";
import { type Holder, requireCapability, type Warehouse } from "../warehouses/warehouse.ts";
import { describeReceipt, type ComparedLoad } from "./diff.ts";
import type { LoadEvent, ReportedError } from "./events.ts";
import { loadedMonth, readLoaded, type LoadedTable } from "./months/loaded.ts";
import { selectOne, tableTitle } from "./months/select.ts";
import { holdsFiles, isSameDelivery, isSameSet } from "./months/undone.ts";
import { withWarehouse } from "./open.ts";
import { refreshViews } from "./views/refresh.ts";
import { loadAgain, restore, type StoredDelivery, type Undoing } from "./undo/restore.ts";

/** The options of `undo`. */
export interface UndoOptions {
  /** The section of one export, or a cloud with only one. */
  readonly pipeline: string;
  readonly month: BillingMonth;
  readonly signal?: AbortSignal;
  /** The process shown to others that find the warehouse locked while this runs. */
  readonly holder?: Holder;
  /** Receives how far it is, as the events of a run. */
  readonly onProgress?: (event: LoadEvent) => void;
}

/** The result of `undo`. */
export interface UndoResult {
  readonly name: string;
  readonly table: string;
  readonly billingMonth: BillingMonth;
  /** The load that was undone. */
  readonly undone: ComparedLoad;
  /** The load that was restored, with the values that were proved again. */
  readonly restored: ComparedLoad;
  /** Where the rows came from: the files of the delivery, or the copy or history of the warehouse. */
  readonly from: "storage" | "warehouse";
  /** Sentences: why the files of the delivery were not read. */
  readonly notes: readonly string[];
  readonly state: Finality;
  /** What is wrong with the FOCUS views; the undo is not affected. */
  readonly warnings: readonly ReportedError[];
  readonly seconds: number;
}

/**
 * Restores the previous load of a month in one transaction, and records the execution that was undone: `run` refuses it
 * until it is loaded with `--force`. The rows come from the files of the delivery, if they are unchanged in the storage,
 * else from the copy in the warehouse (`keep_previous`) or its history (BigQuery's time travel). They are committed only
 * when their rows and costs match the receipt.
 * Errors: USAGE_INVALID when the month is not loaded or a previous load is missing; ROWS_GONE when the rows no longer exist
 * anywhere; ROW_COUNT_MISMATCH, SUM_MISMATCH; INTERRUPTED; those of storage and warehouse.
 */
export async function undo(config: Config, options: UndoOptions): Promise<UndoResult> {
  checkArguments(config, options, undoRules);
  const { pipeline: name, month: billingMonth } = options;
  const started = performance.now();
  const pipeline = await selectOne(config, name);
  const { signal = new AbortController().signal, onProgress } = options;
  let isDone = false;
  const undoIn = async (warehouse: Warehouse): Promise<UndoResult> => {
    const loaded = await readLoaded(pipeline, warehouse);
    const undoing = await findPrevious(loaded, billingMonth, warehouse);
    const { delivery, failure } = await unchangedFiles(loaded, undoing.previous);
    const restored =
      delivery === null
        ? await restore(loaded, undoing, warehouse, onProgress).catch((error: unknown) => {
            throw failure === null ? error : outOfReach(error, failure);
          })
        : await loadAgain(loaded, undoing, delivery, warehouse, signal, onProgress);
    isDone = true;
    // What the views read may have changed with the rows: columns, complete months.
    const { warnings } = await refreshViews(new Map([[pipeline.name, [billingMonth]]]), config, warehouse, { signal });
    onProgress?.({ event: "publishing" });
    await warehouse.publish().catch((error: unknown) => {
      throw unpublished(billingMonth, error);
    });
    return {
      name: pipeline.name,
      table: tableTitle(pipeline),
      billingMonth,
      undone: describeReceipt(undoing.current),
      restored: { ...describeReceipt(undoing.previous), rows: restored.rows, cost: restored.tableCost },
      from: delivery === null ? "warehouse" : "storage",
      state: restored.finality ?? "open",
      notes: failure === null ? [] : [`The storage could not be read. ${failure.message}`],
      warnings,
      seconds: Math.round(performance.now() - started) / 1000,
    };
  };
  return withWarehouse(config, "write", undoIn, {
    ...options,
    interrupted: () => {
      if (isDone) return { message: notVisible(billingMonth, "publishing was stopped."), hint: notAgain };
      return {
        message: "The undo was stopped.",
        hint: "Check with billhouse status whether it was committed, as it can be in BigQuery, before you undo again.",
      };
    },
  });
}

const undoRules: Shape<UndoOptions> = {
  pipeline: text,
  month: text,
  signal: optional(anySignal),
  holder,
  onProgress: optional(callback),
};

function unpublished(billingMonth: BillingMonth, cause: unknown): BillhouseError {
  const code = cause instanceof BillhouseError ? cause.code : "WAREHOUSE_UNAVAILABLE";
  const reason = cause instanceof Error ? cause.message : "publishing was stopped.";
  return new BillhouseError(code, notVisible(billingMonth, reason), { hint: notAgain, cause });
}

function notVisible(billingMonth: BillingMonth, reason: string): string {
  return `${billingMonth} is undone, but readers do not see it yet: ${reason}`;
}

/** The undo is committed: another one would go back one load further. */
const notAgain = "Run billhouse run to publish the copy for readers. Do not undo again.";

async function findPrevious(loaded: LoadedTable, billingMonth: BillingMonth, warehouse: Warehouse): Promise<Undoing> {
  const { receipt: current } = loadedMonth(loaded, billingMonth);
  const history = await requireCapability(warehouse, "previous").history(loaded.table, billingMonth);
  const index = history.findIndex(
    (receipt) => current !== null && !isSameDelivery(receipt, current) && !wasUndone(receipt, current.undone),
  );
  const [previous, next] = [history[index], history[index - 1]];
  if (current !== null && previous !== undefined && next !== undefined) {
    return { billingMonth, current, previous, until: next.loadedAt };
  }
  const { name } = loaded.pipeline;
  const again = `billhouse run ${name} --month ${billingMonth} --force`;
  const hints = {
    unknown: `The receipt of the month is missing: ${again} creates one.`,
    undone: `To load the undone delivery again, run ${again}.`,
    first: "Only one delivery of the month was loaded.",
  };
  throw new BillhouseError("USAGE_INVALID", `${billingMonth} of ${name} does not have a previous load.`, {
    hint: hints[current === null ? "unknown" : current.undone.length > 0 ? "undone" : "first"],
  });
}

/** Whether a load was of the executions of one that was undone, also when it was restored in between. */
function wasUndone(receipt: Receipt, undone: Receipt["undone"]): boolean {
  const { files } = receipt;
  const ids = executionIdsOf(receipt);
  return undone.some((one) => isSameSet(one.executionIds, ids) && (files === null || holdsFiles(one, files)));
}

/** Only the unreadable storage may still have the rows: that is the failure to fix. */
function outOfReach(error: unknown, failure: BillhouseError): unknown {
  if (!(error instanceof BillhouseError) || error.code !== "ROWS_GONE") return error;
  return new BillhouseError(failure.code, failure.message, {
    hint: `${failure.hint} Then undo again: nothing was changed, and the warehouse does not keep a copy of the rows.`,
    cause: failure,
  });
}

/** The files of a delivery, if they are unchanged in the storage; else null, with the failure of reading it. */
async function unchangedFiles(
  { pipeline }: LoadedTable,
  { files }: Receipt,
): Promise<{ readonly delivery: StoredDelivery | null; readonly failure: BillhouseError | null }> {
  const gone = { delivery: null, failure: null };
  if (files === null || files.length === 0) return gone;
  try {
    const storage = await openStorage(pipeline.bucketUrl, pipeline.storage);
    const objects: StoredObject[] = [];
    for (const file of files) {
      const found = await storage.find(file.key);
      if (found === undefined || found.size !== file.size) return gone;
      objects.push(found);
      if (found.version === file.version) continue;
      // Written again, as a mirror does: its bytes decide.
      const checksum = await checksumOf(found, readerOf(storage, found));
      if (file.checksum === null || checksum !== file.checksum) return gone;
    }
    return { delivery: { storage, objects }, failure: null };
  } catch (error) {
    if (!(error instanceof BillhouseError)) throw error;
    return { delivery: null, failure: error };
  }
}
