import { defaultTableName, type PipelineConfig } from "../../config/config.ts";
import { BillhouseError } from "../../errors.ts";
import type { ExportFormat } from "../../exports/export.ts";
import { exportFormats } from "../../exports/index.ts";
import { mappingOfColumns } from "../../focus/mappings/index.ts";
import {
  executionIdsOf,
  type BillingMonth,
  type CurrencySums,
  type MeasuredColumns,
  type Receipt,
  type Table,
  type UndoneLoad,
} from "../../model.ts";
import { findColumn, type ColumnRules, type MappedColumn } from "../../schema/columns.ts";
import { describeOtherMonth } from "../../schema/invalid-rows.ts";
import { monthSpans } from "../../schema/periods.ts";
import { idColumnOf, loadedExecutions } from "../../state/executions.ts";
import type { Ledger, MonthColumns, Warehouse } from "../../warehouses/warehouse.ts";
import { tableOf } from "./select.ts";

/** The column in which billhouse writes the billing month if the rows lack one. */
export const stampedColumn = "billing_month";

/** The loaded data of a month. */
export interface LoadedPartition {
  /** All execution ids in the state of the month; the last one is loaded. */
  readonly ids: readonly string[];
  /** Loads of the month that were undone: their executions are refused. */
  readonly undone: readonly UndoneLoad[];
  /** From its receipt, else the state; null if neither has it. */
  readonly loadedAt: string | null;
  /** The receipt of the loaded execution; null without one, as after the Python pipelines. */
  readonly receipt: Receipt | null;
}

/** The loaded data of one pipeline, read only from its warehouse. */
export interface LoadedTable {
  readonly pipeline: PipelineConfig;
  readonly table: Table;
  readonly ledger: Ledger;
  /** The configured format, else that of the receipts, else the one that matches the table's columns. */
  readonly format: ExportFormat;
  readonly months: ReadonlyMap<BillingMonth, LoadedPartition>;
}

/** Reads the loaded data of a pipeline. Errors: STATE_INVALID, those of the warehouse. */
export async function readLoaded(pipeline: PipelineConfig, warehouse: Warehouse): Promise<LoadedTable> {
  const guessed = tableOf(pipeline);
  const ledger = await warehouse.ledger(guessed);
  const table = { ...guessed, idColumn: idColumnOf(ledger.state, guessed) };
  return { pipeline, table, ledger, format: formatOf(pipeline, table, ledger), months: loadedMonths(ledger, table) };
}

/**
 * The loaded data by month: the state says which execution, its newest receipt the details. A month that the state does
 * not contain is not loaded, whatever its receipts (that is how `state forget` works); nor is a month with a receipt of
 * billhouse if its table no longer exists.
 * Error: STATE_INVALID.
 */
export function loadedMonths(ledger: Ledger, table: Table): ReadonlyMap<BillingMonth, LoadedPartition> {
  const receipts = new Map<BillingMonth, Receipt>(ledger.receipts.map((receipt) => [receipt.billingMonth, receipt]));
  const months = new Map<BillingMonth, LoadedPartition>();
  for (const [month, { executionId, knownIds, loadedAt }] of loadedExecutions(ledger.state, table)) {
    const newest = receipts.get(month);
    const receipt = newest?.executionId === executionId ? newest : null;
    // The table was dropped. For loads of the Python pipelines only the state decides.
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

/**
 * The error LOADED_ELSEWHERE if the loads of an export are in another dataset than the configured one, as when a
 * configuration of the Python pipelines lacks `dataset`: a run would load every month a second time. Else null. A table of
 * another name counts only where the configuration lacks `table_name` too, or repeats its default.
 */
export function loadedElsewhere(
  { name, dataset, tableName }: PipelineConfig,
  { elsewhere }: Pick<Ledger, "elsewhere">,
): BillhouseError | null {
  const places = elsewhere.filter((place) => place.name === tableName || tableName === defaultTableName(name));
  const [first] = places;
  if (first === undefined) return null;
  const list = places.map((place) => `${place.dataset}.${place.name}`).join(", ");
  const key = first.name === tableName ? "" : ` and table_name = "${first.name}"`;
  return new BillhouseError(
    "LOADED_ELSEWHERE",
    `${dataset}.${tableName} does not exist yet, but ${name} has been loaded into ${list}.`,
    {
      hint: `Set dataset = "${first.dataset}"${key} in [sources.${name}] to continue there. To load a second copy into ${dataset}, run billhouse run ${name} --accept second-copy`,
    },
  );
}

/** The executions that a month was loaded from, oldest first; empty if it is not loaded. */
export function loadedIds(loaded: Pick<LoadedPartition, "ids" | "receipt"> | null): readonly string[] {
  return loaded?.receipt ? executionIdsOf(loaded.receipt) : (loaded?.ids.slice(-1) ?? []);
}

/** A loaded month. Error: USAGE_INVALID, which lists the loaded months. */
export function loadedMonth({ pipeline, months }: LoadedTable, billingMonth: BillingMonth): LoadedPartition {
  const month = months.get(billingMonth);
  if (month !== undefined) return month;
  const known = monthSpans([...months.keys()]);
  throw new BillhouseError("USAGE_INVALID", `${billingMonth} of ${pipeline.name} is not loaded.`, {
    hint: known === "" ? "Nothing is loaded yet: billhouse run." : `Loaded: ${known}.`,
  });
}

/** The words that mean NULL in columns that are not text: those of the configuration and those of the format. */
export function nullValuesOf({ pipeline, format }: Pick<LoadedTable, "pipeline" | "format">): readonly string[] {
  return [...new Set([...pipeline.nullValues, ...(format.nullValues ?? [])])];
}

/** The table columns used to measure a loaded month, with the table and the month: see `measuredBy`. */
export function measuredColumns(loaded: LoadedTable, billingMonth: BillingMonth): MonthColumns {
  return { ...measuredBy(loaded, billingMonth), table: loaded.table, billingMonth };
}

/**
 * The columns by which a loaded month is measured: those of its receipt, or, if the Python pipelines wrote the receipt,
 * those that the table has. The columns of amounts are those that the table has, if the receipt lacks their sums.
 */
export function measuredBy(loaded: LoadedTable, billingMonth: BillingMonth): MeasuredColumns {
  const receipt = loaded.months.get(billingMonth)?.receipt ?? null;
  if (receipt?.measured == null) return columnsByName(loaded);
  const { measured, amounts } = receipt;
  return amounts === null ? withAmounts(measured, namedColumns(loaded.ledger), loaded.format.cloud) : measured;
}

function columnsByName({ pipeline, ledger, format }: LoadedTable): MeasuredColumns {
  const rules = format.columns;
  const columns = namedColumns(ledger);
  const nameOf = (sources: readonly string[]): string | null => findColumn(columns, sources, rules)?.columnName ?? null;
  const partitionColumn = pipeline.partitionColumn ?? nameOf(rules.partition) ?? stampedColumn;
  return withAmounts(columnsToMeasure(nameOf, partitionColumn, rules), columns, format.cloud);
}

/** Notes on a successful load: what it left out or could not prove. */
export function loadNotes({
  flags,
  otherMonths,
  rowsWithoutPeriod,
  files,
}: Pick<Receipt, "flags" | "otherMonths" | "rowsWithoutPeriod" | "files">): readonly LoadNote[] {
  const rows = rowsWithoutPeriod ?? 0;
  return [
    ...otherMonths.map((other) => ({
      check: "other-months",
      text: `${describeOtherMonth(other)} left out (--accept other-months)`,
    })),
    ...(files ?? []).flatMap(({ key, copies = [] }) =>
      copies.map((copy) => ({ check: "copies", text: `${copy.key} left out: it has the same bytes as ${key}` })),
    ),
    ...(flags.includes("no-cost")
      ? [{ check: "cost", text: "no cost proved: the delivery lacks all known cost columns" }]
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

/** The columns used to measure a month; `nameOf` gives the table column of the first of some source names. */
export function columnsToMeasure(
  nameOf: (sources: readonly string[]) => string | null,
  partitionColumn: string,
  rules: ColumnRules,
): MeasuredColumns {
  return {
    partitionColumn,
    costColumns: rules.cost.flatMap((sources) => nameOf(sources) ?? []),
    amountColumns: [],
    currencyColumn: nameOf(rules.currency),
    usageColumn: nameOf(rules.usage),
    serviceColumn: nameOf(rules.service),
    accountColumn: nameOf(rules.account),
    chargeTypeColumn: nameOf(rules.chargeType),
    invoiceColumn: nameOf(rules.invoice),
    payerColumn: nameOf(rules.payer),
  };
}

/**
 * The columns by which a month is measured, with the other columns that have amounts in the currency of the bill and that the
 * FOCUS view reads. Only columns of numbers: text can be anything.
 */
export function withAmounts(
  measured: MeasuredColumns,
  columns: readonly MappedColumn[],
  cloud: ExportFormat["cloud"],
): MeasuredColumns {
  const { costColumns } = measured;
  if (costColumns.length === 0) return measured;
  const sourceNames = columns.map(({ sourceName }) => sourceName);
  const mapping = mappingOfColumns(cloud, sourceNames);
  const found = columns.filter(
    ({ sourceName, columnName, type }) =>
      (type === "decimal" || type === "double") &&
      !costColumns.includes(columnName) &&
      mapping?.amounts.includes(mapping.fieldOf(sourceName)) === true,
  );
  return { ...measured, amountColumns: [...new Set(found.map(({ columnName }) => columnName))] };
}

/** The sums of `summedColumns`, by what they are in a receipt; the second cost is null without a second cost column. */
export function namedSums(
  sums: readonly CurrencySums[],
  { costColumns, amountColumns }: Pick<MeasuredColumns, "costColumns" | "amountColumns">,
): NamedSums {
  const count = costColumns.length;
  return {
    cost: (count > 0 ? sums[0] : undefined) ?? null,
    effectiveCost: (count > 1 ? sums[1] : undefined) ?? null,
    amounts: Object.fromEntries(amountColumns.map((name, index) => [name, sums[count + index] ?? {}])),
  };
}

/** Sums of a month as a receipt names them. */
export interface NamedSums extends Pick<Receipt, "cost" | "effectiveCost"> {
  readonly amounts: NonNullable<Receipt["amounts"]>;
}

/** A table of the Python pipelines lacks a registry until it is loaded or migrated: its columns keep their own names. */
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
  if (format === undefined) throw new TypeError(`Unknown id column ${idColumn}.`);
  return format;
}
