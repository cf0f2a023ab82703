import { checkArguments, date, flag, names, notNegative, optional, type Shape, signal } from "../config/arguments.ts";
import type { Config, PipelineConfig } from "../config/config.ts";
import { describeError } from "../errors.ts";
import type { BillingMonth, CurrencySums } from "../model.ts";
import { checkMonths, monthGaps, type MonthSelection, monthSpans } from "../schema/periods.ts";
import { addDecimals } from "../schema/sums.ts";
import type { Warehouse } from "../warehouses/warehouse.ts";
import { doubleCounting, scopeOf } from "./discover/scopes.ts";
import type { ReportedError } from "./events.ts";
import { floatNotes } from "./migrate/inexact-columns.ts";
import {
  loadedElsewhere,
  measuredColumns,
  readLoaded,
  type LoadedPartition,
  type LoadedTable,
} from "./months/loaded.ts";
import { isSelected, monthRules, selectPipelines, tableTitle } from "./months/select.ts";
import { reading, type ReadSource } from "./open.ts";
import { type HeldDeliveries, heldDeliveries, nothingHeld } from "./status/held.ts";
import { type Attention, attentionOf, type MonthStatus, monthStatus } from "./status/month.ts";
import { type CountedMonths, countedMonths } from "./views/counted.ts";

/** What `status` looks at. */
export interface StatusOptions {
  readonly pipelines?: readonly string[];
  /** The months that are reported; by default all. */
  readonly months?: MonthSelection;
  /** Does not look into the storages: what waits there is not reported then. */
  readonly offline?: boolean;
  /** The most seconds since the newest load of an export; one that is older is `stale`. */
  readonly maxAge?: number;
  /** By default the time of the call. */
  readonly now?: Date;
  readonly signal?: AbortSignal;
}

/** The answer of `status`. */
export interface StatusResult extends ReadSource {
  readonly pipelines: readonly PipelineStatus[];
}

/** What is loaded in one table. */
export interface PipelineStatus {
  readonly name: string;
  readonly table: string;
  /** Newest first: every month that is loaded, missing or held back. */
  readonly months: readonly MonthStatus[];
  /** Months between the first and the last loaded one that are not loaded. */
  readonly missingMonths: readonly BillingMonth[];
  /** What the listed months hold together. */
  readonly total: StatusTotal;
  /** When the newest of its deliveries was loaded; null when nothing is loaded. */
  readonly newestLoad: string | null;
  /** When the newest run without a failure wrote its summary; null when there was none. */
  readonly lastRun: string | null;
  /** What needs attention, newest month first. Empty when there is nothing. */
  readonly attention: readonly Attention[];
  /** Only where an age was asked for: whether the newest load is older, or nothing is loaded. */
  readonly stale?: boolean;
  /** Earlier loads that are kept beside the table; null when there are none. */
  readonly kept: KeptCopies | null;
  /** The months that other exports of the same cloud have too, and which export counts in the FOCUS views. */
  readonly counted: readonly CountedMonths[];
  /** Sentences on what is worth knowing of the table: amounts that are floats. */
  readonly notes: readonly string[];
  /** Why its state or its receipts cannot be read; the other exports are still reported. */
  readonly error?: ReportedError;
}

/** What some months hold together. */
export interface StatusTotal {
  /** Rows, as far as they are recorded. */
  readonly rows: number;
  /** Exact sums by currency, as far as costs are recorded. */
  readonly cost: CurrencySums;
}

/** What `keep_previous` keeps of a table. */
export interface KeptCopies {
  /** Loads of all months. */
  readonly loads: number;
  readonly rows: number;
  readonly bytes: number;
}

/**
 * What is loaded, what each month is as a bill, and which deliveries wait. A storage that cannot be read is reported in
 * the notes, not as a failure; the warehouse is closed before any storage is read, so that a slow one blocks no run.
 * An export whose state or receipts cannot be read is reported with the error.
 * Errors: CONFIG_INVALID, USAGE_INVALID, and those of opening the warehouse.
 */
export async function status(config: Config, options: StatusOptions = {}): Promise<StatusResult> {
  checkArguments(config, options, statusRules);
  const pipelines = await selectPipelines(config, options.pipelines);
  checkMonths(options.months ?? {});
  const { tables, ...source } = await reading(config, async (warehouse) => {
    const found: ReadTable[] = [];
    for (const pipeline of pipelines) {
      try {
        const loaded = await readLoaded(pipeline, warehouse);
        found.push({ pipeline, loaded, kept: await previousLoads(loaded, warehouse) });
      } catch (error) {
        if (options.signal?.aborted === true) throw error;
        found.push({ pipeline, loaded: null, error: describeError(error) });
      }
    }
    return { tables: found };
  });
  // The scopes of clouds look different, so that none has to be named here.
  const doubled = doubleCounting(
    tables.map(({ pipeline, loaded }) => ({
      name: pipeline.name,
      cloud: "",
      scope: loaded === null ? null : scopeOf(loaded.ledger.receipts),
      months: [...(loaded?.months.keys() ?? [])],
    })),
  );
  const counted = countedMonths(tables.flatMap(({ loaded }) => loaded ?? []));
  const results: PipelineStatus[] = [];
  for (const table of tables) {
    if (table.loaded === null) {
      results.push(unreadable(table.pipeline, table.error));
      continue;
    }
    const { loaded, kept } = table;
    const isLooking = options.offline !== true && loaded.ledger.elsewhere.length === 0;
    const held = isLooking ? await heldDeliveries(loaded, options) : nothingHeld;
    const result = pipelineStatus(loaded, kept, held, options);
    const notes = [...result.notes, ...(doubled.get(result.name) ?? [])];
    results.push({ ...result, counted: counted.get(result.name) ?? [], notes });
  }
  return { ...source, pipelines: results };
}

const statusRules: Shape<StatusOptions> = {
  pipelines: names,
  months: monthRules,
  offline: optional(flag),
  maxAge: optional(notNegative),
  now: optional(date),
  signal: optional(signal),
};

/** What was read of one table, or why it cannot be read. */
type ReadTable = { readonly pipeline: PipelineConfig } & (
  | { readonly loaded: LoadedTable; readonly kept: KeptCopies | null }
  | { readonly loaded: null; readonly error: ReportedError }
);

function unreadable(pipeline: PipelineConfig, error: ReportedError): PipelineStatus {
  return {
    name: pipeline.name,
    table: tableTitle(pipeline),
    months: [],
    missingMonths: [],
    total: { rows: 0, cost: {} },
    newestLoad: null,
    lastRun: null,
    attention: [],
    kept: null,
    counted: [],
    notes: [],
    error,
  };
}

function pipelineStatus(
  loaded: LoadedTable,
  kept: KeptCopies | null,
  held: HeldDeliveries,
  { now = new Date(), maxAge, months: selection = {} }: StatusOptions,
): Omit<PipelineStatus, "counted"> {
  const { pipeline, ledger } = loaded;
  const elsewhere = loadedElsewhere(pipeline, ledger);
  const receipts = ledger.columns === null ? [] : ledger.receipts.map(({ billingMonth }) => billingMonth);
  // Months before `first_month` that are loaded count: they are in the table.
  const isWanted = (month: BillingMonth): boolean => isSelected(month, { ...pipeline, firstMonth: null }, selection);
  const missing = monthGaps([...loaded.months.keys(), ...receipts]).filter((month) =>
    isSelected(month, pipeline, selection),
  );
  const names = [...new Set([...loaded.months.keys(), ...receipts, ...missing, ...held.months.keys()])];
  const newest =
    [...loaded.months.values()]
      .map((entry) => deliveredAt(entry) ?? "")
      .toSorted()
      .at(-1) || null;
  const seconds = newest === null ? null : (now.getTime() - Date.parse(newest)) / 1000;
  const months = names
    .filter(isWanted)
    .toSorted()
    .toReversed()
    .map((month) => monthStatus(loaded, month, held.months.get(month) ?? null, now));
  return {
    name: pipeline.name,
    table: tableTitle(pipeline),
    months,
    missingMonths: missing,
    total: totalOf(months),
    newestLoad: newest,
    // A load_id is the second of its load.
    lastRun: ledger.lastSummary === null ? null : new Date(Number(ledger.lastSummary) * 1000).toISOString(),
    attention: [
      ...(elsewhere === null
        ? []
        : [{ billingMonth: null, kind: "loaded elsewhere", reason: `${elsewhere.message} ${elsewhere.hint}` }]),
      ...months.flatMap((month) => attentionOf(pipeline.name, month, now)),
      ...[...held.failed]
        .filter(([month]) => isWanted(month))
        .map(([month, reason]) => ({ billingMonth: month, kind: "cannot be loaded", reason })),
      ...held.unknown.map((reason) => ({ billingMonth: null, kind: "storage not readable", reason })),
    ],
    ...(maxAge === undefined ? {} : { stale: seconds === null || seconds > maxAge }),
    kept,
    notes: [
      ...goneNotes(loaded),
      ...loadableNotes(loaded, held.loadable.filter(isWanted)),
      ...unrecordedNotes(loaded, months),
      ...floatNotes(ledger.columns ?? []),
      ...ledger.notes,
    ],
  };
}

function totalOf(months: readonly MonthStatus[]): StatusTotal {
  const sums = months.flatMap(({ cost }) => Object.entries(cost ?? {}));
  const byCurrency = Map.groupBy(sums, ([currency]) => currency);
  return {
    rows: months.reduce((total, { rows }) => total + (rows ?? 0), 0),
    cost: Object.fromEntries(
      [...byCurrency].map(([currency, own]) => [currency, addDecimals(own.map(([, amount]) => amount))]),
    ),
  };
}

/** Loaded months whose cost was never recorded, as by the Python pipelines. */
function unrecordedNotes(
  { pipeline: { name }, months }: LoadedTable,
  listed: readonly MonthStatus[],
): readonly string[] {
  const unrecorded = listed.filter(({ billingMonth, cost }) => cost === null && months.has(billingMonth));
  const isMeasurable = ({ billingMonth }: MonthStatus): boolean => months.get(billingMonth)?.receipt != null;
  const measured = unrecorded.filter(isMeasurable).map(({ billingMonth }) => billingMonth);
  const unknown = unrecorded.filter((month) => !isMeasurable(month)).map(({ billingMonth }) => billingMonth);
  return [
    ...(measured.length === 0
      ? []
      : [
          `The cost of ${monthSpans(measured)} was not recorded when the months were loaded. billhouse verify ${name} measures it; to record it: billhouse migrate ${name} --yes`,
        ]),
    ...(unknown.length === 0
      ? []
      : [
          `Rows and cost of ${monthSpans(unknown)} were not recorded: billhouse run ${name} --force loads these months again.`,
        ]),
  ];
}

/** Deliveries that the next run loads, or that failed in the last one. Where nothing is loaded, all of them are. */
function loadableNotes(
  { pipeline: { name }, months }: LoadedTable,
  loadable: readonly BillingMonth[],
): readonly string[] {
  if (months.size === 0 || loadable.length === 0) return [];
  return [
    `Not loaded yet: the newest delivery of ${monthSpans(loadable)}. billhouse run ${name} loads it, or says why not.`,
  ];
}

/** What a run does if the table no longer exists, as in `loadedMonths`: months that only the state of the Python pipelines contains stay loaded. */
function goneNotes({ pipeline, ledger, months }: LoadedTable): readonly string[] {
  if (ledger.columns !== null || ledger.receipts.length + months.size === 0) return [];
  const kept = [...months.keys()].toSorted().join(", ");
  const gone = `The table ${tableTitle(pipeline)} is gone`;
  return [
    kept === ""
      ? `${gone}; billhouse run loads its months again.`
      : `${gone}. The state of the Python pipelines names ${kept}, which a run takes for loaded: billhouse state forget ${pipeline.name} --all lets the next run load all months again.`,
  ];
}

/** When the rows of a month were first loaded: restoring them does not make an export fresh. */
function deliveredAt({ receipt, loadedAt }: LoadedPartition): string | null {
  const restored = receipt?.restoredLoadId ?? null;
  // A load_id is the second of its load: dlt names packages so.
  return restored === null ? loadedAt : new Date(Number(restored) * 1000).toISOString();
}

async function previousLoads(loaded: LoadedTable, warehouse: Warehouse): Promise<KeptCopies | null> {
  const [newest] = [...loaded.months.keys()].toSorted().toReversed();
  if (newest === undefined || warehouse.previous === undefined) return null;
  const { partitionColumn } = measuredColumns(loaded, newest);
  const { months, bytes } = await warehouse.previous.rows(loaded.table, partitionColumn);
  if (months.length === 0) return null;
  return { loads: months.length, rows: months.reduce((sum, { rows }) => sum + rows, 0), bytes };
}
