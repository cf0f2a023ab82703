import type { Config } from "../config.ts";
import { BillhouseError } from "../errors.ts";
import type { BillingMonth, Receipt } from "../model.ts";
import { openStorage } from "../storages/index.ts";
import type { Storage } from "../storages/storage.ts";
import { openWarehouse } from "../warehouses/index.ts";
import type { Holder, Warehouse } from "../warehouses/warehouse.ts";
import { describeReceipt } from "./difference.ts";
import type { UndoResult } from "./events.ts";
import { loadedMonth, readLoaded, titleOf, type LoadedTable } from "./loaded.ts";
import { checksumOf } from "./files/read.ts";
import { loadAgain, restore, type Undoing } from "./restoration.ts";
import { selectOne } from "./select.ts";
import { holdsFiles, isSameDelivery } from "./undone.ts";

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
    const { storage, note } = await unchangedFiles(loaded, undoing.previous);
    const restored =
      storage === null
        ? await restore(loaded, undoing, warehouse)
        : await loadAgain(loaded, undoing, storage, warehouse, signal);
    isDone = true;
    await warehouse.publish();
    return {
      name: pipeline.name,
      table: titleOf(loaded),
      billing_month: billingMonth,
      undone: describeReceipt(undoing.current),
      restored: { ...describeReceipt(undoing.previous), rows: restored.rows, cost: restored.tableCost },
      from: storage === null ? "warehouse" : "storage",
      state: restored.finality ?? "open",
      notes: note === null ? [] : [note],
      seconds: Math.round(performance.now() - started) / 1000,
    };
  } catch (error) {
    throw signal.aborted ? interrupted(billingMonth, isDone, error) : error;
  } finally {
    signal.removeEventListener("abort", stop);
    await warehouse.close();
  }
}

function interrupted(billingMonth: BillingMonth, isDone: boolean, cause: unknown): BillhouseError {
  return isDone
    ? new BillhouseError(
        "INTERRUPTED",
        `${billingMonth} is undone, but readers do not see it yet: making their copy was stopped.`,
        { hint: "billhouse run makes it. Do not undo again.", cause },
      )
    : new BillhouseError("INTERRUPTED", "The undo was stopped. The month is as it was before.", {
        hint: "Look with billhouse status, and undo again.",
        cause,
      });
}

async function findPrevious(loaded: LoadedTable, billingMonth: BillingMonth, warehouse: Warehouse): Promise<Undoing> {
  const { receipt: current } = loadedMonth(loaded, billingMonth);
  const history = await warehouse.history(loaded.table, billingMonth);
  const index = history.findIndex(
    (receipt) => current !== null && !isSameDelivery(receipt, current) && !wasUndone(receipt, current.undone),
  );
  const [previous, next] = [history[index], history[index - 1]];
  if (current !== null && previous !== undefined && next !== undefined) {
    return { billingMonth, current, previous, until: next.loadedAt };
  }
  const { name } = loaded.pipeline;
  const isUndone = current !== null && current.undone.length > 0;
  throw new BillhouseError("USAGE_INVALID", `There is no load of ${billingMonth} of ${name} to go back to.`, {
    hint: isUndone
      ? `What was undone comes back with billhouse run ${name} --month ${billingMonth} --force.`
      : "It was loaded from one delivery only.",
  });
}

/** Whether a load was of an execution that was undone, also when it was put back in between. */
function wasUndone({ executionId, files }: Receipt, undone: Receipt["undone"]): boolean {
  return undone.some((one) => one.executionId === executionId && (files === null || holdsFiles(one, files)));
}

/** The storage, when the files of a delivery lie in it as they were loaded; else null, with a note when nobody knows. */
async function unchangedFiles(
  { pipeline }: LoadedTable,
  { files }: Receipt,
): Promise<{ readonly storage: Storage | null; readonly note: string | null }> {
  const gone = { storage: null, note: null };
  if (files === null || files.length === 0) return gone;
  try {
    const storage = await openStorage(pipeline.bucketUrl, pipeline.storage);
    for (const file of files) {
      const found = await storage.find(file.key);
      if (found === undefined || found.size !== file.size) return gone;
      if (found.version === file.version) continue;
      // Written again, as a mirror does: its bytes decide.
      const checksum = await checksumOf(storage, { ...found, format: "csv", rows: null });
      if (file.checksum === null || checksum !== file.checksum) return gone;
    }
    return { storage, note: null };
  } catch (error) {
    if (!(error instanceof BillhouseError)) throw error;
    return { storage: null, note: `The storage could not be looked at. ${error.message}` };
  }
}
