import type { PipelineConfig } from "../../config/config.ts";
import { BillhouseError } from "../../errors.ts";
import type { ExportFormat } from "../../exports/export.ts";
import { exportFormats } from "../../exports/index.ts";
import type { BillingMonth, MeasuredColumns, Table } from "../../model.ts";
import { findColumn, type MappedColumn } from "../../schema/columns.ts";
import { idColumnOf } from "../../state/executions.ts";
import type { Ledger, MonthColumns, Warehouse } from "../../warehouses/warehouse.ts";
import { stampedColumn } from "../load/layout.ts";
import type { LoadedMonth } from "./decide.ts";
import { tableOf, tableTitle } from "./select.ts";
import { loadedMonths } from "./survey.ts";

/** What one pipeline has loaded, by its warehouse alone: no storage is asked. */
export interface LoadedTable {
  readonly pipeline: PipelineConfig;
  readonly table: Table;
  readonly ledger: Ledger;
  /** The format that is configured, or of which receipts tell, or that the table's columns are those of. */
  readonly format: ExportFormat;
  readonly months: ReadonlyMap<BillingMonth, LoadedMonth>;
}

/** Reads what a pipeline has loaded. Errors: STATE_INVALID, those of the warehouse. */
export async function readLoaded(pipeline: PipelineConfig, warehouse: Warehouse): Promise<LoadedTable> {
  const guessed = tableOf(pipeline);
  const ledger = await warehouse.ledger(guessed);
  const table = { ...guessed, idColumn: idColumnOf(ledger.state, guessed) };
  return { pipeline, table, ledger, format: formatOf(pipeline, table, ledger), months: loadedMonths(ledger, table) };
}

/** A loaded month. Error: USAGE_INVALID, which names the months there are. */
export function loadedMonth({ pipeline, months }: LoadedTable, billingMonth: BillingMonth): LoadedMonth {
  const month = months.get(billingMonth);
  if (month !== undefined) return month;
  const known = [...months.keys()].toSorted();
  throw new BillhouseError("USAGE_INVALID", `${billingMonth} of ${pipeline.name} is not loaded.`, {
    hint: known.length === 0 ? "Nothing is loaded yet: billhouse run." : `Loaded: ${known.join(", ")}.`,
  });
}

/**
 * The columns by which a loaded month is measured: as its receipt tells, or, where the receipt is of somebody else, those
 * that the table has.
 */
export function measuredColumns(loaded: LoadedTable, billingMonth: BillingMonth): MonthColumns {
  const measured = loaded.months.get(billingMonth)?.receipt?.measured ?? columnsByName(loaded);
  return { ...measured, table: loaded.table, billingMonth };
}

/** The table as a person names it. */
export function titleOf({ pipeline }: LoadedTable): string {
  return tableTitle(pipeline);
}

function columnsByName({
  pipeline,
  ledger,
  format,
}: Pick<LoadedTable, "pipeline" | "ledger" | "format">): MeasuredColumns {
  const rules = format.columns;
  const columns = namedColumns(ledger);
  const nameOf = (sources: readonly string[]): string | null => findColumn(columns, sources, rules)?.columnName ?? null;
  return {
    partitionColumn: pipeline.partitionColumn ?? nameOf(rules.partition) ?? stampedColumn,
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
