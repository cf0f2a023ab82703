import type { Config } from "../config/config.ts";
import { BillhouseError, interrupted } from "../errors.ts";
import type { BillingMonth, Receipt, StoredObject } from "../model.ts";
import { openStorage } from "../storages/index.ts";
import { openWarehouse } from "../warehouses/index.ts";
import { type Holder, requireCapability, type Warehouse } from "../warehouses/warehouse.ts";
import { describeReceipt } from "./diff.ts";
import type { UndoResult } from "./events.ts";
import { loadedMonth, readLoaded, titleOf, type LoadedTable } from "./months/loaded.ts";
import { checksumOf } from "../files/read.ts";
import { loadAgain, restore, type StoredDelivery, type Undoing } from "./undo/restore.ts";
import { selectOne } from "./months/select.ts";
import { holdsFiles, isSameDelivery } from "./discover/undone.ts";

/** How an undo is done. */
export interface UndoOptions {
  readonly signal?: AbortSignal;
  /** What others are told who find the warehouse locked while this runs. */
  readonly holder?: Holder;
}

/**
 * Puts the rows of the load before in the place of a month's rows, in one transaction, and remembers the execution that
 * was undone: `run` refuses it until `--force` takes it. The rows come from the files of the delivery, where they still
 * lie unchanged, else from what the warehouse has kept (`keep_previous`) or remembers (BigQuery's time travel). They are
 * committed only when their rows and costs are those of the receipt.
 * Errors: USAGE_INVALID when the month is not loaded or there is no load before; ROWS_GONE when nobody has the rows any
 * more; ROW_COUNT_MISMATCH, SUM_MISMATCH; INTERRUPTED; those of storage and warehouse.
 */
export async function undo(
  config: Config,
  name: string,
  billingMonth: BillingMonth,
  options: UndoOptions = {},
): Promise<UndoResult> {
  const started = performance.now();
  const pipeline = selectOne(config, name);
  const signal = options.signal ?? new AbortController().signal;
  const warehouse = await openWarehouse(config.warehouse, "write", options.holder);
  const stop = (): void => void warehouse.close();
  signal.addEventListener("abort", stop);
  let isDone = false;
  try {
    signal.throwIfAborted();
    const loaded = await readLoaded(pipeline, warehouse);
    const undoing = await findPrevious(loaded, billingMonth, warehouse);
    const { delivery, failure } = await unchangedFiles(loaded, undoing.previous);
    const restored =
      delivery === null
        ? await restore(loaded, undoing, warehouse).catch((error: unknown) => {
            throw failure === null ? error : outOfReach(error, failure);
          })
        : await loadAgain(loaded, undoing, delivery, warehouse, signal);
    isDone = true;
    await warehouse.publish();
    return {
      name: pipeline.name,
      table: titleOf(loaded),
      billing_month: billingMonth,
      undone: describeReceipt(undoing.current),
      restored: { ...describeReceipt(undoing.previous), rows: restored.rows, cost: restored.tableCost },
      from: delivery === null ? "warehouse" : "storage",
      state: restored.finality ?? "open",
      notes: failure === null ? [] : [`The storage could not be looked at. ${failure.message}`],
      seconds: Math.round(performance.now() - started) / 1000,
    };
  } catch (error) {
    if (isDone) throw unpublished(billingMonth, signal.aborted, error);
    throw signal.aborted
      ? interrupted("The undo was stopped.", {
          hint: "Check with billhouse status whether it was committed, as it can be in BigQuery, before you undo again.",
          cause: error,
        })
      : error;
  } finally {
    signal.removeEventListener("abort", stop);
    await warehouse.close();
  }
}

/** The undo is committed, and doing it again would go back one load further. */
function unpublished(billingMonth: BillingMonth, isStopped: boolean, cause: unknown): BillhouseError {
  const code = isStopped ? "INTERRUPTED" : cause instanceof BillhouseError ? cause.code : "WAREHOUSE_UNAVAILABLE";
  const reason = isStopped || !(cause instanceof Error) ? "making their copy was stopped." : cause.message;
  return new BillhouseError(code, `${billingMonth} is undone, but readers do not see it yet: ${reason}`, {
    hint: "billhouse run makes the copy for readers. Do not undo again.",
    cause,
  });
}

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
    unknown: `The month has no receipt of its own: ${again} makes one.`,
    undone: `What was undone comes back with ${again}.`,
    first: "It was loaded from one delivery only.",
  };
  throw new BillhouseError("USAGE_INVALID", `There is no load of ${billingMonth} of ${name} to go back to.`, {
    hint: hints[current === null ? "unknown" : current.undone.length > 0 ? "undone" : "first"],
  });
}

/** Whether a load was of an execution that was undone, also when it was put back in between. */
function wasUndone({ executionId, files }: Receipt, undone: Receipt["undone"]): boolean {
  return undone.some((one) => one.executionId === executionId && (files === null || holdsFiles(one, files)));
}

/** Nobody has the rows but, maybe, the storage that could not be looked at: that is what has to be mended. */
function outOfReach(error: unknown, failure: BillhouseError): unknown {
  if (!(error instanceof BillhouseError) || error.code !== "ROWS_GONE") return error;
  return new BillhouseError(failure.code, failure.message, {
    hint: `${failure.hint} Then undo again: nothing was changed, and the warehouse has no copy of the rows.`,
    cause: failure,
  });
}

/** The files of a delivery, when they lie in the storage as they were loaded; else null, with the failure of looking there. */
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
      const checksum = await checksumOf(storage, { ...found, format: "csv", rows: null });
      if (file.checksum === null || checksum !== file.checksum) return gone;
    }
    return { delivery: { storage, objects }, failure: null };
  } catch (error) {
    if (!(error instanceof BillhouseError)) throw error;
    return { delivery: null, failure: error };
  }
}
