import pMap from "p-map";
import type { PipelineConfig } from "../../config/config.ts";
import { BillhouseError } from "../../errors.ts";
import { checksumOf } from "../../files/read.ts";
import type { BillingMonth, DataFile, Execution, Receipt } from "../../model.ts";
import { openStorage } from "../../storages/index.ts";
import { readerOf, type Storage } from "../../storages/storage.ts";
import { reachPoint } from "../../warehouses/points.ts";
import type { Ledger, Warehouse } from "../../warehouses/warehouse.ts";
import { discover, type Discovery } from "../discover/discover.ts";
import { requireOneExport } from "../discover/one-export.ts";
import { scopeOf } from "../discover/scopes.ts";
import { chooseDelivery } from "./choose.ts";
import { planMonth, sameVersions, type MonthPlan } from "./decide.ts";
import { loadedMonths, type LoadedPartition, type LoadedTable } from "./loaded.ts";
import { isSelected, tableOf, type MonthSelection } from "./select.ts";
import { holdsFiles } from "./undone.ts";

/** What one pipeline has loaded, what lies in its storage, and what follows from both. */
export interface Survey extends LoadedTable {
  readonly discovery: Discovery;
  /** Newest month first. */
  readonly plans: readonly MonthPlan[];
  /** Months that cannot be planned, most because of their manifest, and what was thrown: a bug too. */
  readonly failed: ReadonlyMap<BillingMonth, unknown>;
}

/** What narrows or widens a survey. */
export interface SurveyOptions {
  readonly months?: MonthSelection | undefined;
  readonly force?: boolean | undefined;
  /** Checks that are waived: `scope`. */
  readonly accept?: readonly string[] | undefined;
  /** The time by which it is judged whether a delivery has arrived; by default that of the call. */
  readonly now?: Date | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Discovers the export of a pipeline, compares it with the ledger of its table, and plans every month in scope. Nothing
 * is written. Files that were written again are read, to see whether they still hold the bytes that were loaded, unless
 * the warehouse `reads` them by itself: then they count as changed.
 * Errors: those of discovery, storage and state. A month that cannot be planned is in `failed`, whatever the error.
 */
export async function survey(
  pipeline: PipelineConfig,
  ledger: Ledger,
  reads: Warehouse["reads"],
  options: SurveyOptions,
): Promise<Survey> {
  const storage = stoppable(await openStorage(pipeline.bucketUrl, pipeline.storage), options.signal);
  const discovery = await discover(pipeline, storage);
  const { format } = discovery;
  const table = tableOf(pipeline, format.idColumn);
  const months = loadedMonths(ledger, table);
  const receipts = new Map(ledger.receipts.map((receipt) => [receipt.billingMonth, receipt]));
  const errors = new Map<BillingMonth, unknown>();
  const selected = [...discovery.months.keys()].filter((month) => isSelected(month, pipeline, options.months ?? {}));
  const isAccepted = options.accept?.includes("scope") ?? false;
  const planned = await pMap(
    selected,
    async (month) => {
      options.signal?.throwIfAborted();
      try {
        if (!isAccepted) await requireOneExport(discovery, month, months.get(month)?.ids ?? []);
        const [loaded, receipt] = [months.get(month) ?? null, receipts.get(month) ?? null];
        const isReadElsewhere = (file: DataFile): boolean => reads(storage.url, file);
        return await surveyMonth(discovery, month, loaded, receipt, options.force ?? false, isReadElsewhere);
      } catch (error) {
        errors.set(month, error);
        return [];
      }
    },
    { concurrency: smallReads },
  );
  options.signal?.throwIfAborted();
  reachPoint("planned");
  const plans = planned.flat();
  const unexpected = isAccepted ? new Map<BillingMonth, BillhouseError>() : otherScopes(plans, ledger.receipts);
  return {
    pipeline,
    table,
    ledger,
    format,
    months,
    discovery,
    plans: plans.filter(({ billingMonth }) => !unexpected.has(billingMonth)),
    failed: new Map([...[...errors].toSorted(([one], [other]) => (one < other ? 1 : -1)), ...unexpected]),
  };
}

/**
 * The months whose delivery holds the charges of another account than the table: two exports write to one path, and the
 * newest run would replace the bill of the other one. On a first load the newest month decides whose table it is.
 */
function otherScopes(
  plans: readonly MonthPlan[],
  receipts: readonly Receipt[],
): ReadonlyMap<BillingMonth, BillhouseError> {
  const delivered = plans.flatMap((plan) => plan.executions);
  // After an export was moved on purpose the table holds months of both scopes, and each may be restated.
  const known = new Set(receipts.flatMap(({ scope }) => scope ?? []));
  const own = scopeOf(receipts) ?? delivered.find(({ scope }) => scope !== null)?.scope ?? null;
  const unexpected = new Map<BillingMonth, BillhouseError>();
  for (const { billingMonth, action, executions } of plans) {
    const execution = executions.at(-1);
    const scope = execution?.scope ?? null;
    const isLoading = action === "new" || action === "restated";
    if (own === null || scope === null || scope === own || known.has(scope) || !isLoading) continue;
    const error = new BillhouseError(
      "EXPORT_AMBIGUOUS",
      `The delivery ${execution?.id} of ${billingMonth} holds the charges of ${scope}, but the table holds those of ${own}.`,
      {
        hint: "Two exports write to this path: let each write to a folder of its own. If the export was moved, run with --accept scope.",
      },
    );
    unexpected.set(billingMonth, error);
  }
  return unexpected;
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
  loaded: LoadedPartition | null,
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
  { ids, undone, receipt }: LoadedPartition,
  isReadElsewhere: (file: DataFile) => boolean,
): Promise<boolean> {
  const rivals = undone.filter(({ executionId, checksums }) => executionId === id && checksums !== null);
  if (rivals.length === 0 || ids.at(-1) !== id || (receipt !== null && sameVersions({ files }, receipt))) return false;
  if (files.some((file) => file.checksum === undefined && isReadElsewhere(file))) return false;
  const read: (DataFile & { readonly checksum: string })[] = [];
  for (const file of files) read.push({ ...file, checksum: await checksumOf(file, readerOf(storage, file)) });
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
    if (checksum == null || (await checksumOf(file, readerOf(discovery.storage, file))) !== checksum) return false;
  }
  return true;
}
