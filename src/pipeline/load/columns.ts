import { BillhouseError } from "../../errors.ts";
import type { FileHeader } from "../../files/read.ts";
import type { BillingMonth, DataFile, DaySpan, Execution } from "../../model.ts";
import {
  findColumn,
  mapHeader,
  planColumns,
  type ColumnPlan,
  type ColumnSituation,
  type DeliveredHeader,
  type MappedColumn,
} from "../../schema/columns.ts";
import { missingPeriodColumn } from "../../schema/invalid-rows.ts";
import { stampedColumn, type LoadedTable } from "../months/loaded.ts";

/** A month to load, with the headers of its files. */
export interface MonthHeaders {
  readonly billingMonth: BillingMonth;
  /** Oldest first. */
  readonly executions: readonly Execution[];
  readonly action: "new" | "restated";
  /** Whether it is what is loaded, byte for byte, and is loaded again because of `force`. */
  readonly isAgain: boolean;
  /** Whether a rule suspects one of its deliveries, and it is loaded all the same. */
  readonly isFlagged: boolean;
  readonly missingDays: readonly DaySpan[];
  /** Whether figures that were loaded before change; false where days are only added, or the month is not over. */
  readonly isRestatement: boolean;
  readonly headers: readonly DeliveredFile[];
}

/** The header of a data file, and the delivery that the file belongs to. */
export interface DeliveredFile extends FileHeader {
  readonly execution: Execution;
}

/** The header of a data file, with the types that its manifest declares. */
export function delivered({ execution, file, columns }: DeliveredFile): DeliveredHeader {
  // The header decides which columns there are, the manifest which type they have.
  const declared = new Map(execution.columns.map(({ name, type }) => [name, type]));
  return {
    executionId: execution.id,
    format: file.format,
    columns: columns.map(({ name, type }) => ({ name, type: type ?? declared.get(name) ?? null })),
  };
}

/** A file whose columns are known. */
export interface LaidOutFile extends Pick<DeliveredFile, "execution" | "file" | "rows" | "compression"> {
  /** None of a file that is declared empty. */
  readonly columns: readonly MappedColumn[];
}

/** Where the columns of some months go. */
export interface Layout {
  readonly situation: ColumnSituation;
  readonly plan: ColumnPlan;
  /** The columns of each month's files. */
  readonly mapped: readonly (readonly LaidOutFile[])[];
  readonly partitionColumn: string;
  /** The table column that some of the files know by the first of some source names. */
  readonly nameOf: (files: readonly LaidOutFile[], sources: readonly string[]) => string | null;
}

/**
 * Finds the table columns for the headers of some months, and the one that partitions the table by month. Errors:
 * FILE_INVALID as of `planColumns`; CONFIG_INVALID when the table, or a file, lacks the column of the month.
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
  const files = mapped.flat();
  const nameOf: Layout["nameOf"] = (among, sources) =>
    among.map(({ columns }) => findColumn(columns, sources, rules)?.columnName).find((name) => name !== undefined) ??
    null;
  // Files that all lack it do not make another column the partition of a table that has one.
  const inTable = findColumn(ledger.registry, rules.partition, rules)?.columnName ?? null;
  const natural = nameOf(files, rules.partition) ?? (ledger.columns === null ? null : inTable);
  return { situation, plan, mapped, nameOf, partitionColumn: choosePartition(loaded, plan, files, natural) };
}

/** The months whose files cannot be loaded with this layout, and why: PERIOD_MISSING, FILE_INVALID. */
export function unusableMonths(
  loaded: LoadedTable,
  layout: Layout,
  months: readonly MonthHeaders[],
): ReadonlyMap<BillingMonth, BillhouseError> {
  const failed = new Map<BillingMonth, BillhouseError>();
  for (const [index, { billingMonth, executions }] of months.entries()) {
    const files = layout.mapped[index] ?? [];
    const error = withoutCosts(loaded, layout, files) ?? withoutPeriod(layout, files, executions);
    if (error !== null) failed.set(billingMonth, error);
  }
  return failed;
}

function withoutPeriod(
  { partitionColumn }: Layout,
  files: readonly LaidOutFile[],
  executions: readonly Execution[],
): BillhouseError | null {
  if (partitionColumn === stampedColumn) {
    const spanning = executions.find(({ spansMonths }) => spansMonths);
    if (spanning === undefined) return null;
    // All its rows would go into each of its months.
    const what = `The delivery ${spanning.id} covers several months, and its rows do not say to which they belong.`;
    return new BillhouseError("PERIOD_MISSING", what, { hint: "Let the export deliver one month at a time." });
  }
  const lacking = files.find(({ columns }) => columns.length > 0 && !holds(columns, partitionColumn));
  if (lacking === undefined) return null;
  return missingPeriodColumn(lacking.file.key, partitionColumn);
}

/**
 * Files with neither the billing period nor a cost may be any table. A configured `partition_column` says that they are
 * bills.
 */
function withoutCosts(
  { pipeline, format }: LoadedTable,
  { partitionColumn, nameOf }: Layout,
  files: readonly LaidOutFile[],
): BillhouseError | null {
  const first = files.find(({ columns }) => columns.length > 0);
  if (partitionColumn !== stampedColumn || pipeline.partitionColumn !== null || first === undefined) return null;
  const { cost } = format.columns;
  if (cost.some((sources) => nameOf(files, sources) !== null)) return null;
  return new BillhouseError(
    "FILE_INVALID",
    `${first.file.key} is no bill: it has none of the columns of costs (${cost.flat().join(", ")}).`,
    { hint: "Point `prefix` at an export of costs, or set `partition_column` if this is one." },
  );
}

function holds(columns: readonly MappedColumn[], name: string): boolean {
  return columns.some(({ columnName }) => columnName === name);
}

/** The table column that partitions the table by month. It is fixed with the table: another one would leave rows behind. */
function choosePartition(
  { pipeline, ledger }: LoadedTable,
  plan: ColumnPlan,
  files: readonly { readonly columns: readonly MappedColumn[]; readonly file: DataFile }[],
  natural: string | null,
): string {
  const wanted = pipeline.partitionColumn ?? natural ?? stampedColumn;
  const same = (name: string): boolean => name.toLowerCase() === wanted.toLowerCase();
  const present = ledger.columns?.find(({ name }) => same(name));
  if (ledger.columns !== null && files.length > 0 && present === undefined) {
    throw new BillhouseError(
      "CONFIG_INVALID",
      `The table ${pipeline.dataset}.${pipeline.tableName} has no column ${wanted}, by which its months would be replaced.`,
      {
        hint: `Set \`partition_column\` in [sources.${pipeline.name}] to the column with which the table was made, or load into a new table.`,
      },
    );
  }
  if (wanted === stampedColumn) return stampedColumn;
  const column = plan.columns.find(({ name }) => same(name))?.name ?? wanted;
  const lacking = files.find(({ columns }) => columns.length > 0);
  if (present !== undefined || lacking === undefined || files.some(({ columns }) => holds(columns, column)))
    return column;
  throw new BillhouseError(
    "CONFIG_INVALID",
    `${lacking.file.key} has no column ${column}, which carries the billing month.`,
    {
      hint: `Set \`partition_column\` in [sources.${pipeline.name}] to a column that every file has, or to "${stampedColumn}" to stamp the month of the delivery.`,
    },
  );
}
