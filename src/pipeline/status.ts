import type { Config, PipelineConfig } from "../config.ts";
import { BillhouseError } from "../errors.ts";
import type { BillingMonth } from "../model.ts";
import { monthsOf } from "../schema/periods.ts";
import { loadedExecutions } from "../state/executions.ts";
import type { Warehouse } from "../warehouses/warehouse.ts";
import type { KeptCopies, MonthStatus, PipelineStatus, StatusResult } from "./events.ts";
import { floatNotes } from "./exactness.ts";
import { finalityNow, finalityOf } from "./finality.ts";
import { reading } from "./inspect.ts";
import { measuredColumns, readLoaded, titleOf, type LoadedTable } from "./loaded.ts";
import type { MonthPlan } from "./plan.ts";
import { doubleCounting, scopeOf, type ScopedExport } from "./scopes.ts";
import { selectPipelines } from "./select.ts";
import { survey } from "./survey.ts";

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
 * the notes, and is no failure.
 * Errors: CONFIG_INVALID, USAGE_INVALID, STATE_INVALID, and those of opening the warehouse.
 */
export async function status(config: Config, options: StatusOptions = {}): Promise<StatusResult> {
  const pipelines = selectPipelines(config, options.pipelines);
  return reading(config, async (warehouse) => {
    const found: { readonly result: PipelineStatus; readonly scoped: ScopedExport }[] = [];
    for (const pipeline of pipelines) found.push(await pipelineStatus(pipeline, warehouse, options));
    const doubled = doubleCounting(found.map(({ scoped }) => scoped));
    const results = found.map(({ result }) => ({
      ...result,
      notes: [...result.notes, ...[doubled.get(result.name) ?? []].flat()],
    }));
    return { pipelines: results };
  });
}

async function pipelineStatus(
  pipeline: PipelineConfig,
  warehouse: Warehouse,
  options: StatusOptions,
): Promise<{ readonly result: PipelineStatus; readonly scoped: ScopedExport }> {
  const now = options.now ?? new Date();
  const loaded = await readLoaded(pipeline, warehouse);
  const { ledger } = loaded;
  const held = options.offline === true ? noPlans : await heldDeliveries(loaded, warehouse, options.signal);
  const missing = gaps([...loaded.months.keys()]);
  const months = [...new Set([...loaded.months.keys(), ...missing, ...held.months.keys()])];
  const newest =
    [...loaded.months.keys()]
      .map((month) => loadedAt(loaded, month) ?? "")
      .toSorted()
      .at(-1) || null;
  const seconds = newest === null ? null : (now.getTime() - Date.parse(newest)) / 1000;
  const result: PipelineStatus = {
    name: pipeline.name,
    table: titleOf(loaded),
    months: months
      .toSorted()
      .toReversed()
      .map((month) => monthStatus(loaded, month, held.months.get(month) ?? null, now)),
    missing_months: missing,
    newest_load: newest,
    ...(options.maxAge === undefined ? {} : { stale: seconds === null || seconds > options.maxAge }),
    kept: await keptCopies(loaded, warehouse),
    notes: [...floatNotes(ledger.columns ?? []), ...ledger.notes, ...held.notes],
  };
  // The scopes of clouds look different, so that none has to be named here.
  return { result, scoped: { name: pipeline.name, cloud: "", scope: scopeOf(ledger.receipts) } };
}

function monthStatus(loaded: LoadedTable, month: BillingMonth, held: MonthPlan | null, now: Date): MonthStatus {
  const entry = loaded.months.get(month);
  const receipt = entry?.receipt ?? null;
  const { closed } = loaded.format;
  const unknown = { billingMonth: month, coverage: null, uninvoicedRows: null };
  const finality =
    entry === undefined
      ? null
      : receipt === null
        ? finalityOf(unknown, closed, now)
        : finalityNow(receipt, closed, now);
  const waits = held?.action === "waiting" || held?.action === "refused" ? held.action : null;
  return {
    billing_month: month,
    state: waits ?? finality ?? "missing",
    finality,
    execution_id: entry?.ids.at(-1) ?? null,
    rows: receipt?.rows ?? null,
    cost: receipt?.cost ?? null,
    loaded_at: loadedAt(loaded, month),
    reason: held?.reason ?? null,
  };
}

function loadedAt({ months, ledger, table }: LoadedTable, month: BillingMonth): string | null {
  const { receipt = null } = months.get(month) ?? {};
  return receipt?.loadedAt ?? loadedExecutions(ledger.state, table).get(month)?.loadedAt ?? null;
}

/** The newest deliveries that a run would leave where they are, by month. */
interface HeldDeliveries {
  readonly months: ReadonlyMap<BillingMonth, MonthPlan>;
  readonly notes: readonly string[];
}

const noPlans: HeldDeliveries = { months: new Map(), notes: [] };

async function heldDeliveries(
  { pipeline, ledger }: LoadedTable,
  warehouse: Warehouse,
  signal: AbortSignal | undefined,
): Promise<HeldDeliveries> {
  try {
    const { plans } = await survey(pipeline, warehouse, {
      ledger,
      comparesBytes: false,
      ...(signal === undefined ? {} : { signal }),
    });
    const held = plans.filter(({ action }) => action === "waiting" || action === "refused");
    return { months: new Map(held.map((plan) => [plan.billingMonth, plan])), notes: [] };
  } catch (error) {
    if (!(error instanceof BillhouseError)) throw error;
    return { months: new Map(), notes: [`What waits in its storage is not known: ${error.message}`] };
  }
}

async function keptCopies(loaded: LoadedTable, warehouse: Warehouse): Promise<KeptCopies | null> {
  const [newest] = [...loaded.months.keys()].toSorted().toReversed();
  if (newest === undefined) return null;
  const { partitionColumn } = measuredColumns(loaded, newest);
  const { months, bytes } = await warehouse.keptMonths(loaded.table, partitionColumn);
  if (months.length === 0) return null;
  return { loads: months.length, rows: months.reduce((sum, { rows }) => sum + rows, 0), bytes };
}

function gaps(months: readonly BillingMonth[]): BillingMonth[] {
  const loaded = months.toSorted();
  const [first, last] = [loaded.at(0), loaded.at(-1)];
  if (first === undefined || last === undefined) return [];
  return monthsOf({ start: `${first}-01`, end: `${last}-01` }).filter((month) => !loaded.includes(month));
}
