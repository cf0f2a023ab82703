import { BillhouseError, quoted } from "../../errors.ts";
import type { FileHeader } from "../../files/read.ts";
import type { BillingMonth, DataFile, DaySpan, Execution, LoadReason } from "../../model.ts";
import {
  findColumn,
  mapHeader,
  planColumns,
  type ColumnPlan,
  type ColumnRules,
  type ColumnSituation,
  type DeliveredHeader,
  type MappedColumn,
} from "../../schema/columns.ts";
import { missingPeriodColumn } from "../../schema/invalid-rows.ts";
import { fold } from "../../schema/names.ts";
import type { LoadAction } from "../events.ts";
import { stampedColumn, type LoadedTable } from "../months/loaded.ts";

/** A month to load, with the headers of its files. */
export interface MonthHeaders {
  readonly billingMonth: BillingMonth;
  /** Oldest first. */
  readonly executions: readonly Execution[];
  readonly action: LoadAction;
  /** Whether it is loaded although a rule suspects one of its deliveries. */
  readonly isFlagged: boolean;
  readonly period: DaySpan | null;
  readonly missingDays: readonly DaySpan[];
  /** Why it is loaded: `restated` only where figures of a month that is over may change. */
  readonly loadReason: LoadReason;
  readonly headers: readonly DeliveredFile[];
}

/** The header of a data file, and the delivery that the file belongs to. */
export interface DeliveredFile extends FileHeader {
  readonly execution: Execution;
}

/** The header of a data file, with the types that its manifest declares. */
export function delivered({ execution, file, columns }: DeliveredFile): DeliveredHeader {
  // The header gives the columns, the manifest their types.
  const declared = new Map(execution.columns.map(({ name, type }) => [name, type]));
  return {
    executionId: execution.id,
    format: file.format,
    columns: columns.map(({ name, type }) => ({ name, type: type ?? declared.get(name) ?? null })),
  };
}

/** A file whose columns are known. */
export interface LaidOutFile extends Pick<DeliveredFile, "execution" | "file" | "rows" | "compression"> {
  /** Empty for a file that is declared empty. */
  readonly columns: readonly MappedColumn[];
  /**
   * The table column that stores the billing period of its rows: the partition column if the file has it. Null if
   * the file does not name a period.
   */
  readonly periodColumn: string | null;
}

/** The table columns for the columns of some months. */
export interface Layout {
  readonly situation: ColumnSituation;
  readonly plan: ColumnPlan;
  /** The columns of each month's files. */
  readonly mapped: readonly (readonly LaidOutFile[])[];
  readonly partitionColumn: string;
  /** The table column that some of the files know by the first of some source names that any of them has. */
  readonly nameOf: (files: readonly Pick<LaidOutFile, "columns">[], sources: readonly string[]) => string | null;
}

/**
 * Assigns table columns to the headers of some months, and finds the column that partitions the table by month. Errors:
 * FILE_INVALID as for `planColumns`; CONFIG_INVALID when the configured column differs from the table's, or is missing in
 * all files.
 */
export function layOut(
  loaded: LoadedTable,
  takenOver: readonly DeliveredHeader[],
  months: readonly MonthHeaders[],
): Layout {
  const { format, ledger } = loaded;
  const rules = format.columns;
  const headers = months.flatMap((month) => month.headers.map(delivered));
  const situation: ColumnSituation = {
    headers: [...takenOver, ...headers],
    registry: ledger.registry,
    table: ledger.columns,
    reserved: [stampedColumn],
  };
  const plan = planColumns(situation, rules);
  const mapped = months.map(({ headers }) =>
    headers.map(({ execution, file, columns, rows, compression }) => ({
      execution,
      file,
      columns: mapHeader({ columns, format: file.format }, plan, rules),
      rows,
      compression,
    })),
  );
  const nameOf: Layout["nameOf"] = (among, sources) =>
    sources
      .flatMap((source) => among.map(({ columns }) => findColumn(columns, [source], rules)?.columnName))
      .find((name) => name !== undefined) ?? null;
  const partitionColumn = choosePartition(loaded, plan, mapped.flat(), nameOf);
  const periodOf = (columns: readonly MappedColumn[]): string | null =>
    holds(columns, partitionColumn) ? partitionColumn : nameOf([{ columns }], rules.partition);
  return {
    situation,
    plan,
    nameOf,
    partitionColumn,
    mapped: mapped.map((files) => files.map((file) => ({ ...file, periodColumn: periodOf(file.columns) }))),
  };
}

/** The months whose files cannot be loaded with this layout, with their errors: PERIOD_MISSING, FILE_INVALID. */
export function unusableMonths(
  loaded: LoadedTable,
  layout: Layout,
  months: readonly MonthHeaders[],
): ReadonlyMap<BillingMonth, BillhouseError> {
  const failed = new Map<BillingMonth, BillhouseError>();
  for (const [index, { billingMonth }] of months.entries()) {
    const files = layout.mapped[index] ?? [];
    const error = withoutCosts(loaded, layout, files) ?? withoutProof(loaded, layout, files) ?? withoutPeriod(files);
    if (error !== null) failed.set(billingMonth, error);
  }
  return failed;
}

/** In a delivery over several months, rows without a billing period would be loaded into each month. */
function withoutPeriod(files: readonly LaidOutFile[]): BillhouseError | null {
  const lacking = files.find(
    ({ execution, columns, periodColumn }) => execution.spansMonths && columns.length > 0 && periodColumn === null,
  );
  return lacking === undefined ? null : missingPeriodColumn(lacking.file.key);
}

/**
 * A file with rows that lacks a column by which its load is proved, although its manifest declares it or other files of
 * the month have it: its amounts would silently be missing from the sum.
 */
function withoutProof(
  { format }: LoadedTable,
  { nameOf }: Layout,
  files: readonly LaidOutFile[],
): BillhouseError | null {
  const rules = format.columns;
  const costs = rules.cost.flatMap((sources) => nameOf(files, sources) ?? []);
  for (const { file, execution, columns } of files.filter((one) => one.columns.length > 0 && one.rows !== 0)) {
    const declared = execution.columns.map(({ name }) => ({ sourceName: name, columnName: name, type: null }));
    for (const sources of [rules.partition, ...rules.cost, rules.currency]) {
      const wanted = findColumn(declared, sources, rules)?.sourceName;
      if (wanted === undefined || findColumn(columns, [wanted], rules) !== undefined) continue;
      return lacksProof(file.key, wanted, "its manifest declares");
    }
    const cost = costs.find((name) => !holds(columns, name));
    if (cost !== undefined) return lacksProof(file.key, cost, "other files of the month have");
  }
  return null;
}

/** The columns that manifests declare and files with rows lack, as sentences for the receipt. The table has NULL there. */
export function undeliveredColumns(files: readonly LaidOutFile[], rules: ColumnRules): readonly string[] {
  const lacking = files.flatMap(({ file, execution, columns, rows }) =>
    columns.length === 0 || rows === 0
      ? []
      : execution.columns
          .filter(({ name }) => findColumn(columns, [name], rules) === undefined)
          .map(({ name }) => ({ name, key: file.key })),
  );
  return [...Map.groupBy(lacking, ({ name }) => name)].map(([name, own]) => {
    const others = own.length > 1 ? ` and ${own.length - 1} more ${own.length === 2 ? "file" : "files"}` : "";
    return `The manifest declares the column ${quoted(name)}, but ${own[0]?.key}${others} ${own.length === 1 ? "lacks" : "lack"} it.`;
  });
}

function lacksProof(key: string, column: string, source: string): BillhouseError {
  const what = `${key} is missing the column ${quoted(column)}, which ${source}, and which is needed to prove the load.`;
  return new BillhouseError("FILE_INVALID", what, {
    hint: "The month keeps its previous rows. Copy the file again, or have the export delivered again with the same columns in all of its files.",
  });
}

/**
 * Files with neither a billing period nor a cost may be any table. A configured `partition_column` confirms that they are
 * bills.
 */
function withoutCosts(
  { pipeline, format }: LoadedTable,
  { nameOf }: Layout,
  files: readonly LaidOutFile[],
): BillhouseError | null {
  const first = files.find(({ columns }) => columns.length > 0);
  if (pipeline.partitionColumn !== null || first === undefined) return null;
  const { cost } = format.columns;
  if (files.some(({ periodColumn }) => periodColumn !== null)) return null;
  if (cost.some((sources) => nameOf(files, sources) !== null)) return null;
  return new BillhouseError(
    "FILE_INVALID",
    `${first.file.key} is not a bill: it lacks a cost column (${cost.flat().join(", ")}).`,
    { hint: "Set `prefix` to an export of costs, or set `partition_column` if this is one." },
  );
}

function holds(columns: readonly MappedColumn[], name: string): boolean {
  return columns.some(({ columnName }) => columnName === name);
}

/**
 * The table column that partitions the table by month. It never changes: another column would leave old rows behind.
 * Rows of files that lack it get the month of their delivery in it, so deliveries may omit it.
 */
function choosePartition(
  loaded: LoadedTable,
  plan: ColumnPlan,
  files: readonly { readonly columns: readonly MappedColumn[]; readonly file: DataFile }[],
  nameOf: Layout["nameOf"],
): string {
  const { pipeline, ledger, format } = loaded;
  const configured = pipeline.partitionColumn;
  const isConfigured = (name: string): boolean => fold(name) === fold(configured ?? "");
  const natural = nameOf(files, format.columns.partition);
  if (ledger.columns !== null) {
    const made = partitionOf(loaded, natural);
    // "billing_month" means the month of the delivery, which is stored in the table's own partition column.
    if (made !== null && (configured === null || configured === stampedColumn || isConfigured(made))) return made;
    throw new BillhouseError(
      "CONFIG_INVALID",
      `The table ${pipeline.dataset}.${pipeline.tableName} is not partitioned by the column ${configured ?? stampedColumn}.`,
      {
        hint: `Set partition_column = "${made ?? "..."}" in [sources.${pipeline.name}], the column with which the table was created, or load into a new table by setting table_name.`,
      },
    );
  }
  if (configured === null) {
    const type = plan.columns.find(({ name }) => name === natural)?.type;
    return natural !== null && (type === "timestamp" || type === "date") ? natural : stampedColumn;
  }
  if (configured === stampedColumn) return stampedColumn;
  const first = files.find(({ columns }) => columns.length > 0);
  const column = plan.columns.find(({ name }) => isConfigured(name))?.name;
  if (column !== undefined || first === undefined) return column ?? configured;
  throw new BillhouseError("CONFIG_INVALID", `${first.file.key} is missing the column ${configured}.`, {
    hint: `Set partition_column in [sources.${pipeline.name}] to a column in the files, or to "${stampedColumn}" for the month of the delivery.`,
  });
}

/** The partition column of a table: from its newest receipt, else from its columns. Null if unknown. */
function partitionOf({ pipeline, ledger, format }: LoadedTable, natural: string | null): string | null {
  const present = (name: string | null | undefined): string | null =>
    ledger.columns?.find((column) => fold(column.name) === fold(name ?? ""))?.name ?? null;
  const newest = ledger.receipts
    .filter(({ measured }) => measured !== null)
    .toSorted((first, second) => (first.loadId < second.loadId ? -1 : 1))
    .at(-1);
  const named = (ledger.columns ?? []).map(({ name, type }) => ({ sourceName: name, columnName: name, type }));
  const known = [...ledger.registry, ...named];
  return (
    present(newest?.measured?.partitionColumn) ??
    present(pipeline.partitionColumn) ??
    present(natural) ??
    present(findColumn(known, format.columns.partition, format.columns)?.columnName) ??
    present(stampedColumn)
  );
}
