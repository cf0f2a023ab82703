import pMap from "p-map";
import type { PipelineConfig } from "../../config/config.ts";
import { BillhouseError, describeError } from "../../errors.ts";
import type { BillingMonth, DataFile, Execution, Receipt, Table } from "../../model.ts";
import { loadedExecutions } from "../../state/executions.ts";
import { openStorage } from "../../storages/index.ts";
import type { Storage } from "../../storages/storage.ts";
import { reachPoint } from "../../warehouses/points.ts";
import type { Ledger, Warehouse } from "../../warehouses/warehouse.ts";
import { discover, type Discovery } from "../discover/discover.ts";
import type { FailedMonth } from "../events.ts";
import { chooseDelivery } from "../discover/manifests.ts";
import { planMonth, sameVersions, type LoadedMonth, type MonthPlan } from "./decide.ts";
import { checksumOf } from "../../files/read.ts";
import { foreignMonths } from "./scopes.ts";
import { holdsFiles } from "../discover/undone.ts";
import { isSelected, tableOf, type MonthSelection } from "./select.ts";

/** What one pipeline found in its storage and its warehouse, and what follows from it. Nothing was written. */
export interface Survey {
  readonly pipeline: PipelineConfig;
  readonly discovery: Discovery;
  readonly table: Table;
  readonly ledger: Ledger;
  readonly loaded: ReadonlyMap<BillingMonth, LoadedMonth>;
  /** Newest month first. */
  readonly plans: readonly MonthPlan[];
  /** Months whose manifest cannot be used. */
  readonly failed: readonly FailedMonth[];
}

/** What a survey asks of a warehouse: one that is closed can have answered before. */
export type SurveyedWarehouse = Pick<Warehouse, "ledger" | "reads">;

/** What narrows or widens a survey. */
export interface SurveyOptions {
  readonly months?: MonthSelection;
  readonly force?: boolean;
  /** Checks that are waived: `scope`. */
  readonly accept?: readonly string[];
  /**
   * Whether files that were written again are read, to see whether they still hold the bytes that were loaded; without it
   * they count as changed. True by default.
   */
  readonly comparesBytes?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Discovers the export of a pipeline, compares it with what the warehouse holds, and plans every month in scope.
 * Errors: those of discovery, storage, warehouse and state. A month whose manifest is at fault is listed in `failed`.
 */
export async function survey(
  pipeline: PipelineConfig,
  warehouse: SurveyedWarehouse,
  options: SurveyOptions,
): Promise<Survey> {
  const storage = stoppable(await openStorage(pipeline.bucketUrl, pipeline.storage), options.signal);
  const discovery = await discover(pipeline, storage);
  const table = tableOf(pipeline, discovery.format.idColumn);
  const ledger = await warehouse.ledger(table);
  const loaded = loadedMonths(ledger, table);
  const newest = new Map(ledger.receipts.map((receipt) => [receipt.billingMonth, receipt]));
  const months = [...discovery.months.keys()].filter((month) => isSelected(month, pipeline, options.months ?? {}));
  const results = await pMap(
    months,
    async (month): Promise<readonly MonthPlan[] | FailedMonth> => {
      options.signal?.throwIfAborted();
      try {
        return await surveyMonth(
          discovery,
          month,
          loaded.get(month) ?? null,
          newest.get(month) ?? null,
          options.force ?? false,
          (file) => options.comparesBytes === false || warehouse.reads(storage.url, file),
        );
      } catch (error) {
        if (!(error instanceof BillhouseError)) throw error;
        return { billing_month: month, ...describeError(error) };
      }
    },
    { concurrency: smallReads },
  );
  options.signal?.throwIfAborted();
  reachPoint("planned");
  const plans = results.flatMap((result) => ("code" in result ? [] : result));
  const isAccepted = options.accept?.includes("scope") ?? false;
  const foreign = isAccepted ? new Map<BillingMonth, FailedMonth>() : foreignMonths(plans, ledger.receipts);
  const failed = results.flatMap((result) => ("code" in result ? [result] : []));
  return {
    pipeline,
    discovery,
    table,
    ledger,
    loaded,
    plans: plans.filter(({ billingMonth }) => !foreign.has(billingMonth)),
    failed: [...failed, ...foreign.values()],
  };
}

/**
 * What is loaded, month by month: the state says which execution, the newest receipt of that execution how. A month that
 * the state does not know is not loaded, whatever receipts there are (`state forget` works that way); nor is one whose
 * receipt is billhouse's own, when its table is there no more.
 * Error: STATE_INVALID.
 */
export function loadedMonths(ledger: Ledger, table: Table): ReadonlyMap<BillingMonth, LoadedMonth> {
  const receipts = new Map<BillingMonth, Receipt>(ledger.receipts.map((receipt) => [receipt.billingMonth, receipt]));
  const months = new Map<BillingMonth, LoadedMonth>();
  for (const [month, { executionId, knownIds }] of loadedExecutions(ledger.state, table)) {
    const newest = receipts.get(month);
    const receipt = newest?.executionId === executionId ? newest : null;
    // Somebody has dropped it. Of what the Python pipelines loaded, the state alone decides.
    if (ledger.columns === null && receipt !== null && receipt.files !== null) continue;
    months.set(month, { ids: knownIds, coverage: receipt?.coverage ?? null, undone: receipt?.undone ?? [], receipt });
  }
  return months;
}

/** The storage, of which nothing more is read once the signal is aborted: one file can take minutes. */
function stoppable(storage: Storage, signal: AbortSignal | undefined): Storage {
  if (signal === undefined) return storage;
  const untilStopped = async function* <T>(pieces: AsyncIterable<T>): AsyncGenerator<T> {
    for await (const piece of pieces) {
      signal.throwIfAborted();
      yield piece;
    }
  };
  return {
    url: storage.url,
    list: (prefix) => untilStopped(storage.list(prefix)),
    find: (key) => storage.find(key),
    read: (object, range) => untilStopped(storage.read(object, range)),
    identity: () => storage.identity(),
  };
}

/** How many manifests or headers are read at the same time: they are small, and waiting for a storage is all they cost. */
export const smallReads = 8;

async function surveyMonth(
  discovery: Discovery,
  billingMonth: BillingMonth,
  loaded: LoadedMonth | null,
  newestReceipt: Receipt | null,
  force: boolean,
  isReadElsewhere: (file: DataFile) => boolean,
): Promise<readonly MonthPlan[]> {
  const deliveries = await chooseDelivery(discovery, billingMonth, loaded, force);
  const { chosen } = deliveries;
  const sameBytes =
    chosen !== null &&
    loaded?.receipt != null &&
    (await holdsSameBytes(discovery, chosen, loaded.receipt, isReadElsewhere));
  const undoneBytes =
    chosen !== null &&
    !sameBytes &&
    loaded !== null &&
    (await holdsUndoneBytes(discovery, chosen, loaded, isReadElsewhere));
  return planMonth({ billingMonth, ...deliveries, loaded, sameBytes, undoneBytes, newestReceipt }, force);
}

/** Whether the loaded execution was written again, and holds what was undone: a mirror that copies once more changes nothing. */
async function holdsUndoneBytes(
  { storage }: Discovery,
  { id, files }: Execution,
  { ids, undone, receipt }: LoadedMonth,
  isReadElsewhere: (file: DataFile) => boolean,
): Promise<boolean> {
  const rivals = undone.filter(({ executionId, checksums }) => executionId === id && checksums !== null);
  if (rivals.length === 0 || ids.at(-1) !== id || (receipt !== null && sameVersions({ files }, receipt))) return false;
  if (files.some((file) => file.checksum === undefined && isReadElsewhere(file))) return false;
  const read: (DataFile & { readonly checksum: string })[] = [];
  for (const file of files) read.push({ ...file, checksum: await checksumOf(storage, file) });
  return rivals.some((one) => holdsFiles(one, read));
}

/** Whether the loaded execution lies there under new versions but with the bytes that were loaded. */
async function holdsSameBytes(
  discovery: Discovery,
  execution: Execution,
  receipt: Receipt,
  isReadElsewhere: (file: DataFile) => boolean,
): Promise<boolean> {
  const { files } = receipt;
  if (execution.id !== receipt.executionId || files === null || sameVersions(execution, receipt)) return false;
  const loaded = new Map(files.map((file) => [file.key, file]));
  const alike = execution.files.every(({ key, size }) => loaded.get(key)?.size === size);
  if (!alike || loaded.size !== execution.files.length) return false;
  for (const file of execution.files) {
    const { checksum } = loaded.get(file.key) ?? {};
    // Its bytes are not brought here for this either: without a checksum of the storage it counts as another file.
    if (file.checksum === undefined && isReadElsewhere(file)) return false;
    if (checksum == null || (await checksumOf(discovery.storage, file)) !== checksum) return false;
  }
  return true;
}
