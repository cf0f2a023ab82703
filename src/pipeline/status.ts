import type { Config, PipelineConfig } from "../config/config.ts";
import { BillhouseError, describeError } from "../errors.ts";
import type { ExportFormat } from "../exports/export.ts";
import type { BillingMonth, CurrencySums, Finality } from "../model.ts";
import { monthGaps } from "../schema/periods.ts";
import type { Warehouse } from "../warehouses/warehouse.ts";
import { doubleCounting, scopeOf } from "./discover/scopes.ts";
import type { ToldError } from "./events.ts";
import { floatNotes } from "./migrate/inexact-columns.ts";
import type { MonthPlan } from "./months/decide.ts";
import { finalityNow, finalityOf } from "./months/finality.ts";
import { measuredColumns, readLoaded, type LoadedPartition, type LoadedTable } from "./months/loaded.ts";
import { isSelected, selectPipelines, tableTitle } from "./months/select.ts";
import { survey } from "./months/survey.ts";
import { reading } from "./open.ts";

/** What `status` looks at. */
export interface StatusOptions {
  readonly pipelines?: readonly string[];
  /** Does not look into the storages: what waits there is then not reported. */
  readonly offline?: boolean;
  /** The most seconds since the newest load of an export; one that is older is `stale`. */
  readonly maxAge?: number;
  /** By default the time of the call. */
  readonly now?: Date;
  readonly signal?: AbortSignal;
}

/** The answer of `status`. */
export interface StatusResult {
  readonly pipelines: readonly PipelineStatus[];
}

/** What is loaded in one table. */
export interface PipelineStatus {
  readonly name: string;
  readonly table: string;
  /** Newest first: every month that is loaded, missing or held back. */
  readonly months: readonly MonthStatus[];
  /** Months between the first and the last loaded one that are not loaded. */
  readonly missing_months: readonly BillingMonth[];
  /** When the newest of its deliveries was loaded; null when nothing is loaded. */
  readonly newest_load: string | null;
  /** Only where an age was asked for: whether the newest load is older, or nothing is loaded. */
  readonly stale?: boolean;
  /** Earlier loads that are kept beside the table; null when there are none. */
  readonly kept: KeptCopies | null;
  /** Sentences on what is worth knowing of the table: amounts that are floats. */
  readonly notes: readonly string[];
  /** Why its state or its receipts cannot be read; the other exports are reported all the same. */
  readonly error?: ToldError;
}

/** What `keep_previous` keeps of a table. */
export interface KeptCopies {
  /** Loads of all months. */
  readonly loads: number;
  readonly rows: number;
  readonly bytes: number;
}

/**
 * What a month is: the finality of what is loaded; `waiting` or `refused` when a newer delivery is not taken; `missing`
 * when months around it are loaded; `forgotten` when its rows are there and the state has forgotten it.
 */
export type MonthState = Finality | "waiting" | "refused" | "missing" | "forgotten";

/** One month. */
export interface MonthStatus {
  readonly billing_month: BillingMonth;
  readonly state: MonthState;
  /** What the loaded rows are as a bill; null when nothing of the month is loaded. */
  readonly finality: Finality | null;
  /** Null when nothing of the month is loaded. */
  readonly execution_id: string | null;
  /** Null where nothing is loaded, or only the Python pipelines' state knows the month. */
  readonly rows: number | null;
  readonly cost: CurrencySums | null;
  readonly loaded_at: string | null;
  /** Why a newer delivery is not taken; null where there is none. */
  readonly reason: string | null;
}

/**
 * What is loaded, what each month is as a bill, and which deliveries wait. A storage that cannot be read is reported in
 * the notes, not as a failure; the warehouse is closed before any storage is read, so that a slow one blocks no run.
 * An export whose state or receipts cannot be read is reported with the error.
 * Errors: CONFIG_INVALID, USAGE_INVALID, and those of opening the warehouse.
 */
export async function status(config: Config, options: StatusOptions = {}): Promise<StatusResult> {
  const pipelines = selectPipelines(config, options.pipelines);
  const tables = await reading(config, async (warehouse) => {
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
    return found;
  });
  // The scopes of clouds look different, so that none has to be named here.
  const doubled = doubleCounting(
    tables.map(({ pipeline, loaded }) => ({
      name: pipeline.name,
      cloud: "",
      scope: loaded === null ? null : scopeOf(loaded.ledger.receipts),
    })),
  );
  const results: PipelineStatus[] = [];
  for (const table of tables) {
    if (table.loaded === null) {
      results.push(unreadable(table.pipeline, table.error));
      continue;
    }
    const { loaded, kept } = table;
    const held = options.offline === true ? nothingHeld : await heldDeliveries(loaded, options);
    const result = pipelineStatus(loaded, kept, held, options);
    results.push({ ...result, notes: [...result.notes, ...(doubled.get(result.name) ?? [])] });
  }
  return { pipelines: results };
}

/** What was read of one table, or why it cannot be read. */
type ReadTable = { readonly pipeline: PipelineConfig } & (
  | { readonly loaded: LoadedTable; readonly kept: KeptCopies | null }
  | { readonly loaded: null; readonly error: ToldError }
);

function unreadable(pipeline: PipelineConfig, error: ToldError): PipelineStatus {
  return {
    name: pipeline.name,
    table: tableTitle(pipeline),
    months: [],
    missing_months: [],
    newest_load: null,
    kept: null,
    notes: [],
    error,
  };
}

function pipelineStatus(
  loaded: LoadedTable,
  kept: KeptCopies | null,
  held: HeldDeliveries,
  { now = new Date(), maxAge }: StatusOptions,
): PipelineStatus {
  const { pipeline, ledger } = loaded;
  const receipts = ledger.columns === null ? [] : ledger.receipts.map(({ billingMonth }) => billingMonth);
  const missing = monthGaps(loaded.months.keys()).filter(
    (month) => !receipts.includes(month) && isSelected(month, pipeline, {}),
  );
  const isGone = ledger.columns === null && ledger.receipts.length > 0;
  const months = [...new Set([...loaded.months.keys(), ...receipts, ...missing, ...held.months.keys()])];
  const newest =
    [...loaded.months.values()]
      .map((entry) => deliveredAt(entry) ?? "")
      .toSorted()
      .at(-1) || null;
  const seconds = newest === null ? null : (now.getTime() - Date.parse(newest)) / 1000;
  return {
    name: pipeline.name,
    table: tableTitle(pipeline),
    months: months
      .toSorted()
      .toReversed()
      .map((month) => monthStatus(loaded, month, held.months.get(month) ?? null, now)),
    missing_months: missing,
    newest_load: newest,
    ...(maxAge === undefined ? {} : { stale: seconds === null || seconds > maxAge }),
    kept,
    notes: [
      ...(isGone ? [`The table ${tableTitle(pipeline)} is gone; billhouse run loads its months again.`] : []),
      ...floatNotes(ledger.columns ?? []),
      ...ledger.notes,
      ...held.notes,
    ],
  };
}

function monthStatus(
  { months, ledger, format }: LoadedTable,
  month: BillingMonth,
  held: MonthPlan | null,
  now: Date,
): MonthStatus {
  const entry = months.get(month);
  // What the state has forgotten still has its rows and its receipt.
  const forgotten =
    entry === undefined ? ledger.receipts.find(({ billingMonth }) => billingMonth === month) : undefined;
  const receipt = entry?.receipt ?? forgotten ?? null;
  const finality = entry === undefined ? null : finalityOfEntry(entry, month, format.closed, now);
  const waits = held?.action === "waiting" || held?.action === "refused" ? held.action : null;
  return {
    billing_month: month,
    state: waits ?? finality ?? (forgotten === undefined ? "missing" : "forgotten"),
    finality,
    execution_id: entry?.ids.at(-1) ?? null,
    rows: receipt?.rows ?? null,
    cost: receipt?.cost ?? null,
    loaded_at: receipt?.loadedAt ?? entry?.loadedAt ?? null,
    reason: held?.reason ?? null,
  };
}

function finalityOfEntry(
  { receipt, loadedAt }: LoadedPartition,
  billingMonth: BillingMonth,
  closed: ExportFormat["closed"],
  now: Date,
): Finality {
  if (receipt !== null) return finalityNow(receipt, closed, now);
  const unknown = { coverage: null, rows: null, uninvoicedRows: null };
  return finalityOf({ billingMonth, ...unknown, made: loadedAt }, closed, now);
}

/** When the rows of a month were loaded at first: to put them back makes no export fresh. */
function deliveredAt({ receipt, loadedAt }: LoadedPartition): string | null {
  const restored = receipt?.restoredLoadId ?? null;
  // A load_id is the second of its load: dlt names packages so.
  return restored === null ? loadedAt : new Date(Number(restored) * 1000).toISOString();
}

/** The newest deliveries that a run would leave where they are, by month. */
interface HeldDeliveries {
  readonly months: ReadonlyMap<BillingMonth, MonthPlan>;
  readonly notes: readonly string[];
}

const nothingHeld: HeldDeliveries = { months: new Map(), notes: [] };

async function heldDeliveries(
  { pipeline, ledger }: LoadedTable,
  { now, signal }: StatusOptions,
): Promise<HeldDeliveries> {
  try {
    // No file is read: one that was written again counts as changed.
    const { plans, failed } = await survey(pipeline, ledger, () => true, { now, signal });
    const held = plans.filter(({ action }) => action === "waiting" || action === "refused");
    return {
      months: new Map(held.map((plan) => [plan.billingMonth, plan])),
      notes: [...failed].map(([month, error]) => {
        const { code, message } = describeError(error);
        return `${month}: its newest delivery cannot be loaded. ${message} (${code})`;
      }),
    };
  } catch (error) {
    if (!(error instanceof BillhouseError)) throw error;
    return { months: new Map(), notes: [`What waits in its storage is not known: ${error.message}`] };
  }
}

async function previousLoads(loaded: LoadedTable, warehouse: Warehouse): Promise<KeptCopies | null> {
  const [newest] = [...loaded.months.keys()].toSorted().toReversed();
  if (newest === undefined || warehouse.previous === undefined) return null;
  const { partitionColumn } = measuredColumns(loaded, newest);
  const { months, bytes } = await warehouse.previous.rows(loaded.table, partitionColumn);
  if (months.length === 0) return null;
  return { loads: months.length, rows: months.reduce((sum, { rows }) => sum + rows, 0), bytes };
}
