import type { Config } from "../config/config.ts";
import { BillhouseError } from "../errors.ts";
import type { BillingMonth } from "../model.ts";
import { monthGaps } from "../schema/periods.ts";
import { loadedExecutions } from "../state/executions.ts";
import type { Warehouse } from "../warehouses/warehouse.ts";
import type { KeptCopies, MonthState, MonthStatus, PipelineStatus, StatusResult } from "./events.ts";
import { floatNotes } from "./migrate/inexact-columns.ts";
import { finalityNow, finalityOf } from "./months/finality.ts";
import { reading } from "./inspect.ts";
import { measuredColumns, readLoaded, titleOf, type LoadedTable } from "./months/loaded.ts";
import type { MonthPlan } from "./months/decide.ts";
import { doubleCounting, scopeOf } from "./months/scopes.ts";
import { selectPipelines } from "./months/select.ts";
import { survey, type SurveyedWarehouse } from "./months/survey.ts";

/** What `status` looks at. */
export interface StatusOptions {
  readonly pipelines?: readonly string[];
  /** Leaves the storages alone: what waits there is then not told. */
  readonly offline?: boolean;
  /** The most seconds since the newest load of an export; one that is older is `stale`. */
  readonly maxAge?: number;
  /** By default the time of the call. */
  readonly now?: Date;
  readonly signal?: AbortSignal;
}

/**
 * What is loaded, what each month is as a bill, and which deliveries wait. A storage that cannot be looked at is told in
 * the notes, and is no failure; the warehouse is closed before any is asked, so that a slow one keeps no run waiting.
 * Errors: CONFIG_INVALID, USAGE_INVALID, STATE_INVALID, and those of opening the warehouse.
 */
export async function status(config: Config, options: StatusOptions = {}): Promise<StatusResult> {
  const pipelines = selectPipelines(config, options.pipelines);
  const tables = await reading(config, async (warehouse) => {
    const found: {
      readonly loaded: LoadedTable;
      readonly kept: KeptCopies | null;
      readonly asked: SurveyedWarehouse;
    }[] = [];
    for (const pipeline of pipelines) {
      const loaded = await readLoaded(pipeline, warehouse);
      const asked: SurveyedWarehouse = {
        ledger: async () => loaded.ledger,
        reads: (...file) => warehouse.reads(...file),
      };
      found.push({ loaded, kept: await keptCopies(loaded, warehouse), asked });
    }
    return found;
  });
  // The scopes of clouds look different, so that none has to be named here.
  const doubled = doubleCounting(
    tables.map(({ loaded: { pipeline, ledger } }) => ({
      name: pipeline.name,
      cloud: "",
      scope: scopeOf(ledger.receipts),
    })),
  );
  const results: PipelineStatus[] = [];
  for (const { loaded, kept, asked } of tables) {
    const held = options.offline === true ? nothingHeld : await heldDeliveries(loaded, asked, options.signal);
    const result = pipelineStatus(loaded, kept, held, options);
    results.push({ ...result, notes: [...result.notes, ...[doubled.get(result.name) ?? []].flat()] });
  }
  return { pipelines: results };
}

function pipelineStatus(
  loaded: LoadedTable,
  kept: KeptCopies | null,
  held: HeldDeliveries,
  { now = new Date(), maxAge }: StatusOptions,
): PipelineStatus {
  const { pipeline, ledger } = loaded;
  const receipts = ledger.columns === null ? [] : ledger.receipts.map(({ billingMonth }) => billingMonth);
  const missing = gaps(loaded).filter((month) => !receipts.includes(month));
  const isGone = ledger.columns === null && ledger.receipts.length > 0;
  const months = [...new Set([...loaded.months.keys(), ...receipts, ...missing, ...held.months.keys()])];
  const newest =
    [...loaded.months.keys()]
      .map((month) => deliveredAt(loaded, month) ?? "")
      .toSorted()
      .at(-1) || null;
  const seconds = newest === null ? null : (now.getTime() - Date.parse(newest)) / 1000;
  return {
    name: pipeline.name,
    table: titleOf(loaded),
    months: months
      .toSorted()
      .toReversed()
      .map((month) => monthStatus(loaded, month, held.months.get(month) ?? null, now)),
    missing_months: missing,
    newest_load: newest,
    ...(maxAge === undefined ? {} : { stale: seconds === null || seconds > maxAge }),
    kept,
    notes: [
      ...(isGone ? [`The table ${titleOf(loaded)} is gone; billhouse run loads its months again.`] : []),
      ...floatNotes(ledger.columns ?? []),
      ...ledger.notes,
      ...held.notes,
    ],
  };
}

function monthStatus(loaded: LoadedTable, month: BillingMonth, held: MonthPlan | null, now: Date): MonthStatus {
  const entry = loaded.months.get(month);
  const receipt = entry?.receipt ?? null;
  const { closed } = loaded.format;
  const unknown = {
    billingMonth: month,
    coverage: null,
    rows: null,
    uninvoicedRows: null,
    made: loadedAt(loaded, month),
  };
  const ofEntry = receipt === null ? finalityOf(unknown, closed, now) : finalityNow(receipt, closed, now);
  const finality = entry === undefined ? null : ofEntry;
  // Its rows are still there, and so is their receipt.
  const forgotten =
    entry === undefined ? loaded.ledger.receipts.find(({ billingMonth }) => billingMonth === month) : undefined;
  const waits = held?.action === "waiting" || held?.action === "refused" ? held.action : null;
  const state: MonthState = waits ?? finality ?? (forgotten === undefined ? "missing" : "forgotten");
  const shown = receipt ?? forgotten ?? null;
  return {
    billing_month: month,
    state,
    finality,
    execution_id: entry?.ids.at(-1) ?? null,
    rows: shown?.rows ?? null,
    cost: shown?.cost ?? null,
    loaded_at: shown?.loadedAt ?? loadedAt(loaded, month),
    reason: held?.reason ?? null,
  };
}

function loadedAt({ months, ledger, table }: LoadedTable, month: BillingMonth): string | null {
  const { receipt = null } = months.get(month) ?? {};
  return receipt?.loadedAt ?? loadedExecutions(ledger.state, table).get(month)?.loadedAt ?? null;
}

/** When the rows of a month were loaded at first: to put them back makes no export fresh. */
function deliveredAt(loaded: LoadedTable, month: BillingMonth): string | null {
  const restored = loaded.months.get(month)?.receipt?.restoredLoadId ?? null;
  // A load_id is the second of its load: dlt names packages so.
  return restored === null ? loadedAt(loaded, month) : new Date(Number(restored) * 1000).toISOString();
}

/** The newest deliveries that a run would leave where they are, by month. */
interface HeldDeliveries {
  readonly months: ReadonlyMap<BillingMonth, MonthPlan>;
  readonly notes: readonly string[];
}

const nothingHeld: HeldDeliveries = { months: new Map(), notes: [] };

async function heldDeliveries(
  { pipeline }: LoadedTable,
  warehouse: SurveyedWarehouse,
  signal: AbortSignal | undefined,
): Promise<HeldDeliveries> {
  try {
    const { plans, failed } = await survey(pipeline, warehouse, {
      comparesBytes: false,
      ...(signal === undefined ? {} : { signal }),
    });
    const held = plans.filter(({ action }) => action === "waiting" || action === "refused");
    return {
      months: new Map(held.map((plan) => [plan.billingMonth, plan])),
      notes: failed.map(
        ({ billing_month: month, code, message }) =>
          `${month}: its newest delivery cannot be loaded. ${message} (${code})`,
      ),
    };
  } catch (error) {
    if (!(error instanceof BillhouseError)) throw error;
    return { months: new Map(), notes: [`What waits in its storage is not known: ${error.message}`] };
  }
}

async function keptCopies(loaded: LoadedTable, warehouse: Warehouse): Promise<KeptCopies | null> {
  const [newest] = [...loaded.months.keys()].toSorted().toReversed();
  if (newest === undefined || warehouse.previous === undefined) return null;
  const { partitionColumn } = measuredColumns(loaded, newest);
  const { months, bytes } = await warehouse.previous.rows(loaded.table, partitionColumn);
  if (months.length === 0) return null;
  return { loads: months.length, rows: months.reduce((sum, { rows }) => sum + rows, 0), bytes };
}

function gaps({ months, pipeline }: LoadedTable): BillingMonth[] {
  return monthGaps(months.keys()).filter((month) => month >= (pipeline.firstMonth ?? ""));
}
