import pMap from "p-map";
import type { PipelineConfig } from "../../config/config.ts";
import { checksumOf } from "../../files/read.ts";
import {
  executionIdsOf,
  type BillingMonth,
  type DataFile,
  type DaySpan,
  type Execution,
  type Receipt,
} from "../../model.ts";
import { openStorage } from "../../storages/index.ts";
import { readerOf, type Storage } from "../../storages/storage.ts";
import { reachPoint } from "../../warehouses/points.ts";
import type { Ledger, Warehouse } from "../../warehouses/warehouse.ts";
import { discover, type Discovery, withMonths } from "../discover/discover.ts";
import { requireOneExport, requireOneScope } from "../discover/one-export.ts";
import { type ChoiceOptions, chooseRuns } from "./choose.ts";
import { planMonth, sameVersions, type MonthPlan } from "./decide.ts";
import { folderRuns } from "./folder-month.ts";
import { loadedElsewhere, loadedIds, loadedMonths, type LoadedPartition, type LoadedTable } from "./loaded.ts";
import { otherDatasets, otherScopes } from "./other-exports.ts";
import { isSelected, tableOf } from "./select.ts";
import { addDays, type MonthSelection, monthSpan, monthSpans } from "../../schema/periods.ts";
import type { ArrivalRule } from "./settle.ts";
import { holdsFiles } from "./undone.ts";

/** The loaded data of one pipeline, the deliveries in its storage, and the plan that follows. */
export interface Survey extends LoadedTable {
  readonly discovery: Discovery;
  /** Newest month first. */
  readonly plans: readonly MonthPlan[];
  /** Months that cannot be planned, mostly because of their manifest, and the error, which can be a bug. */
  readonly failed: ReadonlyMap<BillingMonth, unknown>;
  /** Why months that were asked for by name are in neither, as sentences. */
  readonly notes: readonly string[];
}

/** Options of a survey. */
export interface SurveyOptions {
  readonly months?: MonthSelection | undefined;
  readonly force?: boolean | undefined;
  /** Checks that are waived: `scope`, `second-copy`. */
  readonly accept?: readonly string[] | undefined;
  /** The time for the rules on complete deliveries; by default that of the call. */
  readonly now?: Date | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The result of `discoverExport`, if it has begun already. */
  readonly discovery?: Promise<Discovery> | undefined;
}

/** Discovers the export of a pipeline; the signal stops it. Errors: those of discovery and storage. */
export async function discoverExport(pipeline: PipelineConfig, signal: AbortSignal | undefined): Promise<Discovery> {
  return discover(pipeline, stoppable(await openStorage(pipeline.bucketUrl, pipeline.storage), signal));
}

/**
 * Discovers the export of a pipeline, compares it with the ledger of its table, and plans every month in scope. Nothing
 * is written. Files that were written again are read to see whether they still have the loaded bytes, unless
 * the warehouse `reads` them itself: then they count as changed.
 * Errors: LOADED_ELSEWHERE; those of discovery, storage and state. A month that cannot be planned is in `failed`, whatever the error.
 */
export async function survey(
  pipeline: PipelineConfig,
  ledger: Ledger,
  reads: Warehouse["reads"],
  options: SurveyOptions,
): Promise<Survey> {
  const elsewhere = loadedElsewhere(pipeline, ledger);
  if (elsewhere !== null && options.accept?.includes("second-copy") !== true) throw elsewhere;
  const found = await (options.discovery ?? discoverExport(pipeline, options.signal));
  const discovery = await withMonths(found, pipeline, ledger.receipts, options.now ?? new Date());
  const { format, storage } = discovery;
  const table = tableOf(pipeline, format.idColumn);
  const months = loadedMonths(ledger, table);
  const planned = await planMonths(discovery, months, ledger.receipts, {
    ...options,
    pipeline,
    isTableGone: ledger.columns === null,
    isReadElsewhere: (file) => reads(storage.url, file),
  });
  options.signal?.throwIfAborted();
  reachPoint("planned");
  const { plans, failed: errors } = planned;
  const isAccepted = options.accept?.includes("scope") ?? false;
  const unexpected = new Map([
    ...(isAccepted ? [] : otherScopes(plans, ledger.receipts)),
    ...otherDatasets(plans, isAccepted ? [] : ledger.receipts),
  ]);
  return {
    pipeline,
    table,
    ledger,
    format,
    months,
    discovery,
    plans: plans.filter(({ billingMonth }) => !unexpected.has(billingMonth)),
    failed: new Map([...[...errors].toSorted(([one], [other]) => (one < other ? 1 : -1)), ...unexpected]),
    notes: (options.months?.only ?? [])
      .filter((month) => !errors.has(month) && plans.every(({ billingMonth }) => billingMonth !== month))
      .map((month) => whyAbsent(month, pipeline, discovery, months)),
  };
}

function whyAbsent(
  month: BillingMonth,
  { firstMonth }: PipelineConfig,
  discovery: Discovery,
  loaded: Survey["months"],
): string {
  if (firstMonth !== null && month < firstMonth) return `${month} is before first_month (${firstMonth}).`;
  const others = monthSpans([...discovery.months.keys()].filter((other) => other !== month));
  const rows = loaded.has(month) ? " Its loaded rows stay." : "";
  return `No delivery of ${month} is in the storage${others === "" ? "" : `, only ${others}`}.${rows}`;
}

/** The input for planning the months of a discovered export, apart from the loaded data. */
export interface PlanningOptions extends SurveyOptions {
  readonly pipeline: PipelineConfig;
  /** Whether the warehouse reads a file itself, so that its bytes are not compared. */
  readonly isReadElsewhere: (file: DataFile) => boolean;
  /** Whether someone has dropped the table. */
  readonly isTableGone?: boolean;
  /** The rules on whether a delivery has arrived; by default all of them. */
  readonly rules?: readonly ArrivalRule[];
}

/**
 * Plans the selected months of a discovered export, newest first. `receipts` are the newest of each month, also of months
 * that the state has forgotten. A month that cannot be planned is in `failed`, whatever the error; the signal's abort stops.
 */
export async function planMonths(
  discovery: Discovery,
  months: ReadonlyMap<BillingMonth, LoadedPartition>,
  receipts: readonly Receipt[],
  options: PlanningOptions,
): Promise<Pick<Survey, "plans" | "failed">> {
  const failed = new Map<BillingMonth, unknown>();
  const isAccepted = options.accept?.includes("scope") ?? false;
  const selected = [...discovery.months.keys()].filter((month) =>
    isSelected(month, options.pipeline, options.months ?? {}),
  );
  const planOf = async (month: BillingMonth, nextPeriod?: DaySpan): Promise<readonly MonthPlan[]> => {
    options.signal?.throwIfAborted();
    try {
      const loaded = months.get(month) ?? null;
      if (!isAccepted) await requireOneExport(discovery, month, loadedIds(loaded));
      const receipt = receipts.find(({ billingMonth }) => billingMonth === month) ?? null;
      return await surveyMonth(discovery, month, loaded, receipt, { ...options, nextPeriod });
    } catch (error) {
      failed.set(month, error);
      return [];
    }
  };
  const planned = (await pMap(selected, (month) => planOf(month), { concurrency: smallReads })).flat();
  // A billing period that began in the month before the first run of the export.
  const [oldest, places] = [...discovery.months].at(-1) ?? ["", []];
  const ofOldest = planned.find(({ billingMonth }) => billingMonth === oldest) ?? months.get(oldest)?.receipt;
  const period = ofOldest?.period ?? null;
  const isSplit = places.some((place) => period !== null && place.period.start < period.start);
  const before = isSplit ? addDays(monthSpan(oldest).start, -1).slice(0, 7) : null;
  const isWanted = before !== null && isSelected(before, options.pipeline, options.months ?? {});
  const plans = isWanted && period !== null ? [...planned, ...(await planOf(before, period))] : planned;
  const [several] = selected
    .filter((month) => (discovery.months.get(month)?.length ?? 0) > 1)
    .toSorted()
    .toReversed();
  // Once something is loaded, its scope is known: see `otherScopes`.
  if (isAccepted || receipts.length > 0 || several === undefined) return { plans, failed };
  const newest = plans.filter(({ billingMonth }) => billingMonth === several);
  try {
    await requireOneScope(
      discovery,
      several,
      newest.flatMap(({ executions }) => executions),
    );
  } catch (error) {
    return { plans: [], failed: new Map([...selected.map((month) => [month, error] as const), ...failed]) };
  }
  return { plans, failed };
}

/** The storage, whose reads stop once the signal is aborted: one file can take minutes. */
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

/** How many manifests or headers are read at the same time: they are small, and only cost waiting for the storage. */
export const smallReads = 8;

async function surveyMonth(
  discovery: Discovery,
  billingMonth: BillingMonth,
  loaded: LoadedPartition | null,
  newestReceipt: Receipt | null,
  {
    pipeline,
    isReadElsewhere,
    isTableGone = false,
    force = false,
    accept = [],
    now = new Date(),
    rules,
    nextPeriod,
  }: PlanningOptions & Pick<ChoiceOptions, "nextPeriod">,
): Promise<readonly MonthPlan[]> {
  const { name, activeFrom, activeTo, settle, unpackedLimit } = pipeline;
  const options = { now, activeFrom, activeTo, force, unpackedLimit, nextPeriod };
  const { files } = discovery;
  const chosen =
    files === null
      ? await chooseRuns(discovery, billingMonth, loaded, options)
      : folderRuns({ ...discovery, files }, billingMonth, loaded, { pipeline: name, force, accept });
  const receipt = loaded?.receipt ?? null;
  const sameBytes = new Set<string>();
  for (const run of receipt === null || sameVersions(chosen.runs, receipt) ? [] : chosen.runs) {
    if (receipt !== null && (await holdsSameBytes(discovery, run, receipt, isReadElsewhere))) sameBytes.add(run.id);
  }
  const newest = chosen.runs.at(-1);
  const undoneBytes =
    newest !== undefined &&
    !force &&
    !sameBytes.has(newest.id) &&
    loaded !== null &&
    (await holdsUndoneBytes(discovery, newest, loaded, isReadElsewhere));
  const facts = { billingMonth, ...chosen, loaded, newestReceipt, sameBytes, undoneBytes, isTableGone, now, settle };
  return planMonth(rules === undefined ? facts : { ...facts, rules }, force);
}

/** Whether the loaded execution was written again with the undone bytes: another copy by a mirror changes nothing. */
async function holdsUndoneBytes(
  { storage }: Discovery,
  { id, files }: Execution,
  { ids, undone, receipt }: LoadedPartition,
  isReadElsewhere: (file: DataFile) => boolean,
): Promise<boolean> {
  const rivals = undone.filter(({ executionId, checksums }) => executionId === id && checksums !== null);
  if (rivals.length === 0 || ids.at(-1) !== id || (receipt !== null && sameVersions([{ files }], receipt)))
    return false;
  if (files.some((file) => file.checksum === undefined && isReadElsewhere(file))) return false;
  const read: (DataFile & { readonly checksum: string })[] = [];
  for (const file of files) read.push({ ...file, checksum: await checksumOf(file, readerOf(storage, file)) });
  return rivals.some((one) => holdsFiles(one, read));
}

/** Whether a loaded execution still has the loaded bytes, although some or all of its versions are new. */
async function holdsSameBytes(
  discovery: Discovery,
  execution: Execution,
  receipt: Receipt,
  isReadElsewhere: (file: DataFile) => boolean,
): Promise<boolean> {
  const ids = executionIdsOf(receipt);
  if (!ids.includes(execution.id) || receipt.files === null) return false;
  const loaded = new Map(receipt.files.map((file) => [file.key, file]));
  if (!execution.files.every(({ key, size }) => loaded.get(key)?.size === size)) return false;
  for (const file of execution.files) {
    const { checksum, version } = loaded.get(file.key) ?? {};
    if (version === file.version) continue;
    // Its bytes are not downloaded for this either: without a checksum in the storage it counts as changed.
    if (file.checksum === undefined && isReadElsewhere(file)) return false;
    if (checksum == null || (await checksumOf(file, readerOf(discovery.storage, file))) !== checksum) return false;
  }
  return true;
}
