import { BillhouseError, describeError } from "../errors.ts";
import type { BillingMonth, DataFile, Execution, Packing, Receipt, TableColumn } from "../model.ts";
import {
  findColumn,
  mapHeader,
  planColumns,
  type ColumnPlan,
  type ColumnSituation,
  type DeliveredHeader,
  type MappedColumn,
} from "../schema/columns.ts";
import { describeDrift } from "../schema/drift.ts";
import { reachPoint } from "../warehouses/points.ts";
import type { Warehouse } from "../warehouses/warehouse.ts";
import type { FailedMonth } from "./events.ts";
import { delivered, loadedHeader, readHeaders, type MonthHeaders } from "./headers.ts";
import type { FileHeader } from "./read.ts";
import { planAsAtFirst } from "./resumption.ts";
import type { Survey } from "./survey.ts";
import type { Precision, ProofColumns } from "./tally.ts";

/** Months whose headers are known and whose table can take them. */
export interface Preparation {
  /** Newest month first. */
  readonly months: readonly PreparedMonth[];
  readonly failed: readonly FailedMonth[];
  readonly partitionColumn: string;
  /** Whether billhouse fills the partition column itself, because the files do not carry the month. */
  readonly stamped: boolean;
}

/** A month that is ready to be loaded. */
export interface PreparedMonth {
  readonly execution: Execution;
  readonly action: "new" | "restated";
  readonly files: readonly PreparedFile[];
  /** Sentences on how the delivery differs from its table. */
  readonly schemaChanges: readonly string[];
  /** The receipt of what is replaced, or null. */
  readonly previous: Receipt | null;
  /** The load_id of the newest load of the month, also of one that was forgotten; null when there was none. */
  readonly replaces: string | null;
  readonly measured: MeasuredColumns;
}

/**
 * The table columns by which the load of a month is proved. Each month has its own: agreements differ in what they call
 * cost and currency, and both can follow each other in one table.
 */
export interface MeasuredColumns {
  /** The columns to sum, at most two. */
  readonly costColumns: readonly string[];
  /** What the table keeps of each cost column. */
  readonly precisions: readonly Precision[];
  readonly currencyColumn: string | null;
  /** The column of the start of usage. */
  readonly usageColumn: string | null;
}

/** A file and where its columns go. */
export interface PreparedFile {
  readonly file: DataFile;
  readonly columns: readonly MappedColumn[];
  readonly proof: ProofColumns;
  /** Rows that the file's own footer declares (Parquet); null where it has none (CSV). */
  readonly rows: number | null;
  readonly packing: Packing;
}

/** The column in which billhouse itself writes the billing month, where rows carry none. */
export const stampedColumn = "billing_month";

/**
 * Reads the headers of all months that will be loaded, and makes the table's columns their union in one step before
 * any of them is loaded. A month whose header cannot be read, or lacks the column of the billing month, is failed, and
 * the others go on.
 * Errors: CONFIG_INVALID for a partition column that the table, or every file, does not have; those of the warehouse.
 */
export async function prepare(survey: Survey, warehouse: Warehouse): Promise<Preparation> {
  const { discovery, ledger, table, loaded } = survey;
  const rules = discovery.format.columns;
  const read = await readHeaders(survey, (file) => warehouse.reads(discovery.storage.url, file));
  reachPoint("headers-read");
  const takenOver = ledger.columns !== null && ledger.registry.length === 0 ? await loadedHeader(survey) : [];
  const first = layOut(survey, takenOver, read.months);
  const lacking = new Map([...withoutPeriod(first, read.months), ...withoutCosts(survey, first, read.months)]);
  const failed = [...read.failed, ...lacking.values()];
  const months = read.months.filter(({ execution }) => !lacking.has(execution.billingMonth));
  const { situation, plan, mapped, partitionColumn, nameOf } =
    lacking.size === 0 ? first : layOut(survey, takenOver, months);
  const stamped = partitionColumn === stampedColumn;
  const measuredIn = (files: readonly MappedFile[]): MeasuredColumns => {
    const costColumns = rules.cost.flatMap((sources) => nameOf(files, sources) ?? []);
    return {
      costColumns,
      precisions: costColumns.map((name) =>
        precisionOf(
          ledger.columns?.find((column) => column.name === name),
          warehouse,
        ),
      ),
      currencyColumn: nameOf(files, rules.currency),
      usageColumn: nameOf(files, rules.usage),
    };
  };
  if (months.length > 0) {
    const hasStamp = ledger.columns?.some(({ name }) => name === stampedColumn) ?? false;
    await warehouse.prepare(table, {
      added: stamped && !hasStamp ? [...plan.added, { name: stampedColumn, type: "date" }] : plan.added,
      registered: plan.registered,
      partitionColumn,
      usageColumn: nameOf(mapped.flat(), rules.usage),
    });
    reachPoint("prepared");
  }
  return {
    partitionColumn,
    stamped,
    failed,
    months: months.map(({ execution, action, headers }, index) => {
      const files = mapped[index] ?? [];
      const measured = measuredIn(files);
      return {
        execution,
        action,
        measured,
        previous: loaded.get(execution.billingMonth)?.receipt ?? null,
        replaces: ledger.receipts.find(({ billingMonth }) => billingMonth === execution.billingMonth)?.loadId ?? null,
        schemaChanges: describeDrift(
          distinct(headers).map(({ file, columns }) => ({ columns, format: file.format })),
          planAsAtFirst(execution, survey, situation, plan),
          rules,
        ),
        files: files.map(({ file, columns, rows, packing }) => ({
          file,
          columns,
          rows,
          packing,
          proof: proofColumns(columns, stamped ? null : partitionColumn, measured),
        })),
      };
    }),
  };
}

/** A file whose columns are known, before it is said which of them prove its load. */
type MappedFile = Omit<PreparedFile, "proof">;

/** Where the columns of some months go. */
interface Layout {
  readonly situation: ColumnSituation;
  readonly plan: ColumnPlan;
  /** The columns of each month's files. */
  readonly mapped: readonly (readonly MappedFile[])[];
  readonly partitionColumn: string;
  /** The table column that some of the files know by the first of some source names. */
  readonly nameOf: (files: readonly MappedFile[], sources: readonly string[]) => string | null;
}

function layOut(survey: Survey, takenOver: readonly DeliveredHeader[], months: readonly MonthHeaders[]): Layout {
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
    headers.map(({ file, columns, rows, packing }) => ({
      file,
      columns: mapHeader({ columns, format: file.format }, plan, rules),
      rows,
      packing,
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
function withoutPeriod(
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
    const error = new BillhouseError(
      "PERIOD_MISSING",
      `${lacking.file.key} has no column for ${partitionColumn}, which carries the billing month.`,
      { hint: "The old rows of the month stay. Look at the header of the file, or wait for the next delivery." },
    );
    fail(execution.billingMonth, error);
  }
  return failed;
}

/**
 * The months of files in which nothing tells a bill from another table: neither the billing period nor a cost. Whoever
 * sets `partition_column` has said that they are bills.
 */
function withoutCosts(
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

/** A column that does not exist yet, or that holds text, keeps what the warehouse's own decimals keep. */
function precisionOf(column: TableColumn | undefined, { decimalScale }: Warehouse): Precision {
  if (column?.type === "double") return "float";
  if (column?.type === "bigint" || column?.nativeType.endsWith("INTEGER")) return 0;
  // BigQuery's NUMERIC without parameters.
  if (column?.nativeType === "NUMERIC") return 9;
  const scale = /^(?:DECIMAL|NUMERIC)\(\d+, *(\d+)\)$/.exec(column?.nativeType ?? "")?.[1];
  return scale === undefined ? decimalScale : Number(scale);
}

function proofColumns(
  columns: readonly MappedColumn[],
  partition: string | null,
  { currencyColumn, costColumns }: MeasuredColumns,
): ProofColumns {
  const position = (name: string | null): number | null => {
    const index = columns.findIndex(({ columnName }) => columnName === name);
    return index < 0 ? null : index;
  };
  return {
    partition: position(partition),
    currency: position(currencyColumn),
    costs: costColumns.map(position),
  };
}

function distinct(headers: readonly FileHeader[]): FileHeader[] {
  return [...new Map(headers.map((header) => [JSON.stringify(header.columns), header])).values()];
}
