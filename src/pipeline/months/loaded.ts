import type { PipelineConfig } from "../../config/config.ts";
import { BillhouseError } from "../../errors.ts";
import type { ExportFormat } from "../../exports/export.ts";
import { exportFormats } from "../../exports/index.ts";
import {
  executionIdsOf,
  type BillingMonth,
  type MeasuredColumns,
  type Receipt,
  type Table,
  type UndoneLoad,
} from "../../model.ts";
import { findColumn, type ColumnRules, type MappedColumn } from "../../schema/columns.ts";
import { describeOtherMonth } from "../../schema/invalid-rows.ts";
import { idColumnOf, loadedExecutions } from "../../state/executions.ts";
import type { Ledger, MonthColumns, Warehouse } from "../../warehouses/warehouse.ts";
import { tableOf } from "./select.ts";

/** The column in which billhouse itself writes the billing month, where rows carry none. */
export const stampedColumn = "billing_month";

/** What is loaded of a month. */
export interface LoadedPartition {
  /** Every execution id that the state names for the month; the last is the one that is loaded. */
  readonly ids: readonly string[];
  /** Loads of the month that were undone: their executions are refused. */
  readonly undone: readonly UndoneLoad[];
  /** By its receipt, else by the state; null where neither has it. */
  readonly loadedAt: string | null;
  /** The receipt of the loaded execution; null when there is none, as after the Python pipelines. */
  readonly receipt: Receipt | null;
}

/** What one pipeline has loaded, by its warehouse alone. */
export interface LoadedTable {
  readonly pipeline: PipelineConfig;
  readonly table: Table;
  readonly ledger: Ledger;
  /** The configured format, else that of the receipts, else the one that fits the table's columns. */
  readonly format: ExportFormat;
  readonly months: ReadonlyMap<BillingMonth, LoadedPartition>;
}

/** Reads what a pipeline has loaded. Errors: STATE_INVALID, those of the warehouse. */
export async function readLoaded(pipeline: PipelineConfig, warehouse: Warehouse): Promise<LoadedTable> {
  const guessed = tableOf(pipeline);
  const ledger = await warehouse.ledger(guessed);
  const table = { ...guessed, idColumn: idColumnOf(ledger.state, guessed) };
  return { pipeline, table, ledger, format: formatOf(pipeline, table, ledger), months: loadedMonths(ledger, table) };
}

/**
 * What is loaded, month by month: the state says which execution, the newest receipt of that execution how. A month that
 * the state does not know is not loaded, whatever receipts there are (`state forget` works that way); nor is one whose
 * receipt is billhouse's own, when its table is there no more.
 * Error: STATE_INVALID.
 */
export function loadedMonths(ledger: Ledger, table: Table): ReadonlyMap<BillingMonth, LoadedPartition> {
  const receipts = new Map<BillingMonth, Receipt>(ledger.receipts.map((receipt) => [receipt.billingMonth, receipt]));
  const months = new Map<BillingMonth, LoadedPartition>();
  for (const [month, { executionId, knownIds, loadedAt }] of loadedExecutions(ledger.state, table)) {
    const newest = receipts.get(month);
    const receipt = newest?.executionId === executionId ? newest : null;
    // Somebody has dropped it. Of what the Python pipelines loaded, the state alone decides.
    if (ledger.columns === null && receipt !== null && receipt.files !== null) continue;
    months.set(month, {
      ids: knownIds,
      undone: receipt?.undone ?? [],
      loadedAt: receipt?.loadedAt ?? loadedAt,
      receipt,
    });
  }
  return months;
}

/** The executions that a month was loaded from, oldest first; none when it is not loaded. */
export function loadedIds(loaded: Pick<LoadedPartition, "ids" | "receipt"> | null): readonly string[] {
  return loaded?.receipt ? executionIdsOf(loaded.receipt) : (loaded?.ids.slice(-1) ?? []);
}

/** A loaded month. Error: USAGE_INVALID, which names the months there are. */
export function loadedMonth({ pipeline, months }: LoadedTable, billingMonth: BillingMonth): LoadedPartition {
  const month = months.get(billingMonth);
  if (month !== undefined) return month;
  const known = [...months.keys()].toSorted();
  throw new BillhouseError("USAGE_INVALID", `${billingMonth} of ${pipeline.name} is not loaded.`, {
    hint: known.length === 0 ? "Nothing is loaded yet: billhouse run." : `Loaded: ${known.join(", ")}.`,
  });
}

/** The table columns by which a loaded month is measured, with the table and the month: see `measuredBy`. */
export function measuredColumns(loaded: LoadedTable, billingMonth: BillingMonth): MonthColumns {
  return { ...measuredBy(loaded, billingMonth), table: loaded.table, billingMonth };
}

/**
 * The columns by which a loaded month is measured: those of its receipt, or, where the Python pipelines wrote the receipt,
 * those that the table has.
 */
export function measuredBy(loaded: LoadedTable, billingMonth: BillingMonth): MeasuredColumns {
  return loaded.months.get(billingMonth)?.receipt?.measured ?? columnsByName(loaded);
}

function columnsByName({ pipeline, ledger, format }: LoadedTable): MeasuredColumns {
  const rules = format.columns;
  const columns = namedColumns(ledger);
  const nameOf = (sources: readonly string[]): string | null => findColumn(columns, sources, rules)?.columnName ?? null;
  return columnsToMeasure(nameOf, pipeline.partitionColumn ?? nameOf(rules.partition) ?? stampedColumn, rules);
}

/** What is worth knowing of a load that succeeded: what it left out, or did without. */
export function loadNotes({
  flags,
  otherMonths,
  rowsWithoutPeriod,
}: Pick<Receipt, "flags" | "otherMonths" | "rowsWithoutPeriod">): readonly LoadNote[] {
  const rows = rowsWithoutPeriod ?? 0;
  return [
    ...otherMonths.map((other) => ({
      check: "other-months",
      text: `${describeOtherMonth(other)} left out (--accept other-months)`,
    })),
    ...(flags.includes("no-cost")
      ? [{ check: "cost", text: "no cost proved: the delivery has none of the known cost columns" }]
      : []),
    ...(rows > 0
      ? [{ check: "billing-period", text: `${rows} ${rows === 1 ? "row" : "rows"} without a billing period` }]
      : []),
  ];
}

/** A note on a load, and the check of `verify` that it belongs to. */
export interface LoadNote {
  readonly check: string;
  readonly text: string;
}

/** The columns by which a month is measured; `nameOf` gives the table column of the first of some source names. */
export function columnsToMeasure(
  nameOf: (sources: readonly string[]) => string | null,
  partitionColumn: string,
  rules: ColumnRules,
): MeasuredColumns {
  return {
    partitionColumn,
    costColumns: rules.cost.flatMap((sources) => nameOf(sources) ?? []),
    currencyColumn: nameOf(rules.currency),
    usageColumn: nameOf(rules.usage),
    serviceColumn: nameOf(rules.service),
    accountColumn: nameOf(rules.account),
    chargeTypeColumn: nameOf(rules.chargeType),
    invoiceColumn: nameOf(rules.invoice),
    payerColumn: nameOf(rules.payer),
  };
}

/** A table of the Python pipelines has no registry before it is loaded or migrated: its columns go by their own names. */
function namedColumns({ registry, columns }: Ledger): readonly MappedColumn[] {
  if (registry.length > 0) return registry;
  return (columns ?? []).map(({ name, type }) => ({ sourceName: name, columnName: name, type }));
}

function formatOf(pipeline: PipelineConfig, { idColumn }: Table, ledger: Ledger): ExportFormat {
  const loadedKind = ledger.receipts.findLast(({ kind }) => kind !== null)?.kind ?? null;
  const configured = exportFormats.find(({ kind }) => kind === (pipeline.kind ?? loadedKind));
  if (configured !== undefined) return configured;
  const candidates = exportFormats.filter((format) => format.idColumn === idColumn);
  const columns = namedColumns(ledger);
  const fitting = candidates.find(({ columns: rules }) =>
    rules.cost.some((sources) => findColumn(columns, sources, rules) !== undefined),
  );
  const format = fitting ?? candidates[0];
  if (format === undefined) throw new TypeError(`No export format has ${idColumn}.`);
  return format;
}
