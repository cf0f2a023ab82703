import { BillhouseError, describeError } from "../../errors.ts";
import type { BillingMonth, DataFile } from "../../model.ts";
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
import type { FailedMonth } from "../events.ts";
import { delivered, type MonthHeaders } from "./headers.ts";
import type { FileHeader } from "../../files/read.ts";
import type { Survey } from "../months/survey.ts";

/** The column in which billhouse itself writes the billing month, where rows carry none. */
export const stampedColumn = "billing_month";

/** A file whose columns are known. */
export interface LaidOutFile extends Pick<FileHeader, "file" | "rows" | "compression"> {
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
 * Finds the table columns for the headers of some months, and the one by which months are replaced. Errors: FILE_INVALID
 * as of `planColumns`; CONFIG_INVALID when the table, or a file, lacks the column of the month.
 */
export function layOut(survey: Survey, takenOver: readonly DeliveredHeader[], months: readonly MonthHeaders[]): Layout {
  const { discovery, ledger } = survey;
  const rules = discovery.format.columns;
  const headers = months.flatMap(({ execution, headers }) => headers.map((header) => delivered(execution, header)));
  const situation: ColumnSituation = {
    headers: [...takenOver, ...headers],
    registry: ledger.registry,
    table: ledger.columns,
    reserved: [stampedColumn],
  };
  const plan = planColumns(situation, rules);
  const mapped = months.map(({ headers }) =>
    headers.map(({ file, columns, rows, compression }) => ({
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
  return { situation, plan, mapped, nameOf, partitionColumn: choosePartition(survey, plan, files, natural) };
}

/** The months of which a file lacks the column of the billing month, as failed ones. */
export function withoutPeriod(
  { mapped, partitionColumn }: Layout,
  months: readonly MonthHeaders[],
): ReadonlyMap<BillingMonth, FailedMonth> {
  const failed = new Map<BillingMonth, FailedMonth>();
  const fail = (month: BillingMonth, error: BillhouseError): void => {
    failed.set(month, { billing_month: month, ...describeError(error) });
  };
  if (partitionColumn === stampedColumn) {
    // All its rows would go into each of its months.
    for (const { execution } of months.filter((month) => month.execution.spansMonths)) {
      const hint = "Let the export deliver one month at a time.";
      const what = `The delivery ${execution.id} covers several months, and its rows do not say to which they belong.`;
      fail(execution.billingMonth, new BillhouseError("PERIOD_MISSING", what, { hint }));
    }
    return failed;
  }
  for (const [index, { execution }] of months.entries()) {
    const lacking = mapped[index]?.find(({ columns }) => !holds(columns, partitionColumn));
    if (lacking === undefined) continue;
    fail(execution.billingMonth, missingPeriodColumn(lacking.file.key, partitionColumn));
  }
  return failed;
}

/**
 * The months of files in which nothing tells a bill from another table: neither the billing period nor a cost. Whoever
 * sets `partition_column` has said that they are bills.
 */
export function withoutCosts(
  { pipeline, discovery }: Survey,
  { mapped, partitionColumn, nameOf }: Layout,
  months: readonly MonthHeaders[],
): ReadonlyMap<BillingMonth, FailedMonth> {
  const failed = new Map<BillingMonth, FailedMonth>();
  if (partitionColumn !== stampedColumn || pipeline.partitionColumn !== null) return failed;
  const { cost } = discovery.format.columns;
  for (const [index, { execution }] of months.entries()) {
    const files = mapped[index] ?? [];
    if (files.length === 0 || cost.some((sources) => nameOf(files, sources) !== null)) continue;
    const error = new BillhouseError(
      "FILE_INVALID",
      `${files[0]?.file.key} is no bill: it has none of the columns of costs (${cost.flat().join(", ")}).`,
      { hint: "Point `prefix` at an export of costs, or set `partition_column` if this is one." },
    );
    failed.set(execution.billingMonth, { billing_month: execution.billingMonth, ...describeError(error) });
  }
  return failed;
}

function holds(columns: readonly MappedColumn[], name: string): boolean {
  return columns.some(({ columnName }) => columnName === name);
}

/** The table column by which months are replaced. It is fixed with the table: another one would leave rows behind. */
function choosePartition(
  { pipeline, ledger }: Survey,
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
  const [lacking] = files;
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
