import { BillhouseError } from "../../errors.ts";
import {
  type BillingMonth,
  type CurrencySums,
  type DataFile,
  type Execution,
  executionIdsOf,
  type Receipt,
  type StoredObject,
} from "../../model.ts";
import { loadPackage } from "../../state/package.ts";
import type { Storage } from "../../storages/storage.ts";
import { version } from "../../version.ts";
import { monthSpan } from "../../schema/periods.ts";
import { requireCapability, type Warehouse } from "../../warehouses/warehouse.ts";
import type { LoadEvent } from "../events.ts";
import { fileFormat } from "../discover/manifests.ts";
import { loadMonths } from "../load/load.ts";
import { countMonth } from "../load/progress.ts";
import type { Draft } from "../load/proof.ts";
import { describePlan, type MonthPlan } from "../months/decide.ts";
import { type FinalityRules, finalityNow, hasSameFigures } from "../months/finality.ts";
import { measuredBy, namedSums, type LoadedTable } from "../months/loaded.ts";
import { undoneLoad } from "../months/undone.ts";

/** The load to restore, and the load that it replaces. */
export interface Undoing {
  readonly billingMonth: BillingMonth;
  readonly current: Receipt;
  readonly previous: Receipt;
  /** When the rows of `previous` were replaced. */
  readonly until: string;
}

/** The files of a load as they are in the storage now, in the order of its receipt. */
export interface StoredDelivery {
  readonly storage: Storage;
  readonly objects: readonly StoredObject[];
}

/**
 * Loads the files of a delivery again; their manifest may no longer exist. Errors: those of loading a month, and
 * ROW_COUNT_MISMATCH, SUM_MISMATCH when their values differ from those of the first load.
 */
export async function loadAgain(
  loaded: LoadedTable,
  undoing: Undoing,
  { storage, objects }: StoredDelivery,
  warehouse: Warehouse,
  signal: AbortSignal,
  onProgress: ((event: LoadEvent) => void) | undefined,
): Promise<Receipt> {
  const { pipeline } = loaded;
  const { name } = pipeline;
  const { billingMonth, previous } = undoing;
  const files = objects.map((object, index): DataFile => {
    const { rows = null, months, sample } = previous.files?.[index] ?? {};
    const file = { ...object, rows, declaredSize: null, format: fileFormat(object.key, previous.format ?? "csv") };
    return { ...file, ...(months === undefined ? {} : { months }), ...(sample === undefined ? {} : { sample }) };
  });
  const plan = planOf(previous, executionsOf(previous, files, pipeline.exportName ?? ""));
  const now = new Date();
  const context = {
    ...loaded,
    // The undone delivery is in the storage: a copy of it would only displace a copy of an older load.
    pipeline: { ...pipeline, keepPrevious: 0 },
    storage,
    warehouse,
    jobs: 2,
    // Rows of other months were loaded there or left out; the values are compared with the receipt.
    accept: [...previous.waivers, "other-months"],
    acceptance: null,
    now,
    signal,
    amend: (draft: Draft): Draft => amended(draft, undoing, { ...loaded, now }),
  };
  onProgress?.({ event: "month_planned", name, ...describePlan(plan) });
  const [receipt] = await loadMonths([plan], context, {
    fileRead: (file) => onProgress?.({ event: "file_read", name, ...file }),
    progress: onProgress && ((progress) => onProgress({ event: "month_progress", name, ...progress })),
    loaded: () => {},
    failed: (_, error) => {
      throw error;
    },
  });
  if (receipt === undefined) throw new Error(`${billingMonth} was loaded without a receipt.`);
  return receipt;
}

function planOf(previous: Receipt, executions: readonly Execution[]): MonthPlan {
  return {
    billingMonth: previous.billingMonth,
    action: "restated",
    reason: "The previous load is restored.",
    ids: [previous.executionId],
    period: previous.period,
    missingDays: [],
    unsettledDays: [],
    passedOver: [],
    isFlagged: false,
    loadReason: "restored",
    executions,
  };
}

/** The executions of a load, oldest first, as its receipt describes them: their manifests may no longer exist. */
function executionsOf(receipt: Receipt, files: readonly DataFile[], exportName: string): readonly Execution[] {
  const { billingMonth, loadId, loadedAt, executionId, format, scope, dataset } = receipt;
  const { coverage, submittedTime, rows } = receipt;
  const alone = { execution_id: executionId, coverage, submitted_time: submittedTime, rows };
  return (receipt.deliveries ?? [alone]).map((delivery) => {
    const id = delivery.execution_id;
    const own = files.filter((_, index) => (receipt.files?.[index]?.executionId ?? executionId) === id);
    // Only the files must not change meanwhile.
    const manifest = own[0] ?? files[0];
    if (manifest === undefined) throw new TypeError(`The load ${loadId} does not have files.`);
    return {
      id,
      billingMonth,
      exportName,
      manifest,
      format: format ?? "csv",
      files: own,
      missing: [],
      columns: [],
      rows: null,
      submittedTime: delivery.submitted_time,
      made: delivery.submitted_time ?? loadedAt,
      coverage: delivery.coverage,
      declared: delivery.coverage ?? monthSpan(billingMonth),
      isEmpty: own.length === 0,
      scope,
      dataset,
      // All rows without a billing period belong to this month.
      spansMonths: false,
    };
  });
}

/**
 * Restores rows that the warehouse kept. Errors: ROWS_GONE when it no longer has them; ROW_COUNT_MISMATCH,
 * SUM_MISMATCH; those of the warehouse.
 */
export async function restore(
  loaded: LoadedTable,
  undoing: Undoing,
  warehouse: Warehouse,
  onProgress: ((event: LoadEvent) => void) | undefined,
): Promise<Receipt> {
  const { pipeline, table } = loaded;
  const { billingMonth, current, previous, until } = undoing;
  const started = performance.now();
  const measured = previous.measured ?? measuredBy(loaded, billingMonth);
  const { name } = pipeline;
  const counted = (previous.files ?? []).map((file) => ({ file, byWarehouse: true }));
  const bytes = counted.reduce((sum, { file }) => sum + file.size, 0);
  onProgress?.({ event: "month_planned", name, ...describePlan(planOf(previous, [])), files: counted.length, bytes });
  const counter =
    onProgress &&
    countMonth(billingMonth, counted, (progress) => onProgress({ event: "month_progress", name, ...progress }));
  const restored = await requireCapability(warehouse, "previous").restoreMonth(
    {
      ...measured,
      table,
      billingMonth,
      executionId: previous.executionId,
      replaces: current.loadId,
      loadId: previous.loadId,
      until,
      inserting: counter && ((share) => counter.inserting({ bytes: share * bytes })),
    },
    async (measures, state) => {
      counter?.checking();
      const { loadId: _, loadedAt: __, ...before } = previous;
      const stored = namedSums(measures.sums, measured);
      const draft: Draft = {
        ...before,
        measured,
        rows: measures.rows,
        tableCost: stored.cost ?? {},
        tableEffectiveCost: stored.effectiveCost,
        amounts: stored.amounts,
        summary: measures.summary,
        uninvoicedRows: measures.uninvoicedRows,
        uninvoicedCostRows: measures.uninvoicedCostRows,
        schemaChanges: [],
        durationSeconds: Math.round(performance.now() - started) / 1000,
        version,
      };
      const receipt = amended(draft, undoing, { ...loaded, now: new Date() });
      const load = { receipt, submittedTime: previous.submittedTime };
      counter?.committing();
      return loadPackage(state, table, load, warehouse.destinationType, new Date());
    },
  );
  if (restored !== null) return restored.receipt;
  throw new BillhouseError(
    "ROWS_GONE",
    `The rows of ${titleOf(previous)} no longer exist: the files were overwritten or deleted, and the warehouse did not keep a copy.`,
    {
      hint: `Nothing was changed. With keep_previous = ${pipeline.keepPrevious + 1} in [sources.${pipeline.name}] one more future load can be undone.`,
    },
  );
}

/** The receipt of restored rows. Errors: ROW_COUNT_MISMATCH, SUM_MISMATCH when they differ from those of the first load. */
function amended(draft: Draft, { current, previous }: Undoing, rules: FinalityRules): Draft {
  proveSame(draft, previous);
  const { deliveries, flags, dataUntil, period, missingDays, otherMonths, rowsWithoutPeriod, accepted } = previous;
  return {
    ...draft,
    // The receipt describes the restored deliveries, whatever is in the storage now.
    deliveries,
    flags,
    dataUntil,
    period,
    missingDays,
    otherMonths,
    rowsWithoutPeriod,
    accepted,
    waivers: previous.waivers,
    finality: finalityNow(previous, rules).state,
    undone: [...current.undone, undoneLoad(current)],
    restoredLoadId: previous.restoredLoadId ?? previous.loadId,
    loadReason: "restored",
  };
}

function proveSame(draft: Draft, previous: Receipt): void {
  proveTotals(draft, previous);
  // The other amounts do not change the summary.
  const summaryColumns = ({ measured }: Pick<Draft, "measured">): string =>
    JSON.stringify(measured && { ...measured, amountColumns: [] });
  const isMeasuredAlike = summaryColumns(draft) === summaryColumns(previous);
  if (!isMeasuredAlike || hasSameFigures({ ...draft, cost: null, effectiveCost: null }, previous)) return;
  throw new BillhouseError(
    "SUM_MISMATCH",
    `The costs of ${previous.billingMonth} by service, account and charge type differ from those loaded from ${titleOf(previous)}.`,
    { hint: otherRows },
  );
}

const otherRows =
  "Nothing was changed. If the copy of that load was edited, undo its changes, then run again. With time travel, set the clock of this machine first.";

function titleOf(receipt: Receipt): string {
  return executionIdsOf(receipt).join(" and ");
}

function proveTotals(draft: Draft, previous: Receipt): void {
  const hint = otherRows;
  const { billingMonth } = previous;
  const from = titleOf(previous);
  if (draft.rows !== previous.rows) {
    const what = `${previous.rows} rows of ${billingMonth} were loaded from ${from}, but ${draft.rows} were found.`;
    throw new BillhouseError("ROW_COUNT_MISMATCH", what, { hint });
  }
  const others = Object.keys(previous.amounts ?? {}).filter((column) => draft.amounts?.[column] !== undefined);
  const pairs: readonly (readonly [before: CurrencySums | null, now: CurrencySums | null])[] = [
    [previous.tableCost, draft.tableCost],
    [previous.tableEffectiveCost, draft.tableEffectiveCost],
    ...others.map((column) => [previous.amounts?.[column] ?? null, draft.amounts?.[column] ?? null] as const),
  ];
  for (const [before, found] of pairs) {
    const now = found ?? {};
    for (const currency of before === null ? [] : new Set([...Object.keys(before), ...Object.keys(now)])) {
      const [expected, actual] = [before?.[currency] ?? "0", now[currency] ?? "0"];
      if (expected === actual) continue;
      const what = `The cost of ${billingMonth} was ${expected} ${currency} as loaded from ${from}, but is ${actual} now.`;
      throw new BillhouseError("SUM_MISMATCH", what, { hint });
    }
  }
}
