import pMap from "p-map";
import { isDeclaredEmpty, readHeader, verifyBytes, type FileHeader } from "../../files/read.ts";
import type { Precision, ProofColumns } from "../../files/tally.ts";
import {
  type BillingMonth,
  type DaySpan,
  type Execution,
  executionIdsOf,
  type MeasuredColumns,
  type Receipt,
  summedColumns,
  type TableColumn,
  type LoadReason,
} from "../../model.ts";
import {
  type ColumnPlan,
  type ColumnSituation,
  type DeliveredHeader,
  describeDrift,
  planColumns,
} from "../../schema/columns.ts";
import { fold } from "../../schema/names.ts";
import { readerOf, type Storage } from "../../storages/storage.ts";
import { reachPoint } from "../../warehouses/points.ts";
import { type Ledger, requireCapability, type SchemaChange, type Warehouse } from "../../warehouses/warehouse.ts";
import type { MonthPlan } from "../months/decide.ts";
import { isLoadAction, type LoadAction } from "../events.ts";
import { columnsToMeasure, stampedColumn, type LoadedTable, withAmounts } from "../months/loaded.ts";
import { smallReads } from "../months/survey.ts";
import {
  delivered,
  layOut,
  undeliveredColumns,
  unusableMonths,
  type LaidOutFile,
  type MonthHeaders,
} from "./columns.ts";

/** A table into which months are loaded, and the source of their files. */
export interface Destination extends LoadedTable {
  readonly storage: Storage;
  readonly warehouse: Warehouse;
}

/** Months whose headers are known and fit their table. */
export interface Preparation {
  /** Newest month first. */
  readonly months: readonly PreparedMonth[];
  /** Anything thrown, which can be a bug. */
  readonly failed: ReadonlyMap<BillingMonth, unknown>;
}

/** A month that is ready to be loaded. */
export interface PreparedMonth {
  readonly billingMonth: BillingMonth;
  /** The deliveries that make up the month, oldest first. */
  readonly executions: readonly Execution[];
  readonly action: LoadAction;
  /** The columns that the table lacks for it. */
  readonly schema: SchemaChange;
  /** Whether it is loaded although a rule suspects one of its deliveries. */
  readonly isFlagged: boolean;
  /** The billing period of the month, if it is not the calendar month. */
  readonly period: DaySpan | null;
  readonly missingDays: readonly DaySpan[];
  /** Why it is loaded: `restated` only where figures of a month that is over may change. */
  readonly loadReason: LoadReason;
  readonly files: readonly PreparedFile[];
  /** The differences between the delivery and its table, as sentences. */
  readonly schemaChanges: readonly string[];
  /** The receipt of the load that is replaced, or null. */
  readonly previous: Receipt | null;
  /** The receipt of the newest load of the month, including a forgotten one; null without one. */
  readonly newestReceipt: Receipt | null;
  readonly measured: MeasuredColumns;
  /** The precision of each summed column in the table. */
  readonly precisions: readonly Precision[];
}

/** A file, its table columns, and which of them prove the load. */
export interface PreparedFile extends LaidOutFile {
  readonly proof: ProofColumns;
}

/**
 * Reads the headers of all months to load, and assigns a table column to each of their columns. The table is
 * not changed yet: the columns of a month are added when it is loaded. A month whose header cannot be read, or lacks a
 * column that proves its load, fails, and the others continue.
 * Errors: CONFIG_INVALID for a partition column that differs from the table's, or is missing in all files.
 */
export async function prepare(plans: readonly MonthPlan[], destination: Destination): Promise<Preparation> {
  const { pipeline, format, ledger, months: loaded, storage, warehouse } = destination;
  const rules = format.columns;
  const read = await readHeaders(plans, destination);
  reachPoint("headers-read");
  const isUnregistered = ledger.columns !== null && ledger.registry.length === 0;
  const takenOver = isUnregistered ? await loadedHeader(plans, destination, storage) : [];
  const first = layOut(destination, takenOver, read.months);
  const unusable = unusableMonths(destination, first, read.months);
  const months = read.months.filter(({ billingMonth }) => !unusable.has(billingMonth));
  const layout = unusable.size === 0 ? first : layOut(destination, takenOver, months);
  const { situation, plan, mapped, partitionColumn, nameOf } = layout;
  if (months.length > 0 && pipeline.keepPrevious > 0) requireCapability(warehouse, "previous");
  const usageColumn = nameOf(mapped.flat(), rules.usage);
  const delivered = columnsOf(mapped.flat());
  const needsStamp =
    partitionColumn === stampedColumn && !(ledger.columns?.some(({ name }) => name === stampedColumn) ?? false);
  /** Columns of other months are added with their own month; those of a table that was taken over with the first. */
  const ownChange = (files: readonly LaidOutFile[]): Pick<SchemaChange, "added" | "registered"> => {
    const own = columnsOf(files);
    const isOwn = (name: string): boolean => name === partitionColumn || own.has(name) || !delivered.has(name);
    const added = plan.added.filter(({ name }) => isOwn(name));
    return {
      added: needsStamp ? [...added, { name: stampedColumn, type: "date" }] : added,
      registered: plan.registered.filter(({ columnName }) => isOwn(columnName)),
    };
  };
  return {
    failed: new Map([...read.failed, ...unusable]),
    months: months.map(({ headers, ...month }, index) => {
      const { billingMonth, executions } = month;
      const files = mapped[index] ?? [];
      // Per month: billing agreements name cost and currency differently, and a table can contain several of them.
      const named = columnsToMeasure((sources) => nameOf(files, sources), partitionColumn, rules);
      const measured = withAmounts(
        named,
        files.flatMap((file) => file.columns),
        format.cloud,
      );
      return {
        ...month,
        schema: {
          ...ownChange(files),
          partitionColumn,
          usageColumn,
          keepsPrevious: pipeline.keepPrevious > 0,
        },
        measured,
        precisions: summedColumns(measured).map((name) => {
          const column = ledger.columns?.find((present) => present.name === name);
          return precisionOf(column, warehouse);
        }),
        previous: loaded.get(billingMonth)?.receipt ?? null,
        newestReceipt: ledger.receipts.find((receipt) => receipt.billingMonth === billingMonth) ?? null,
        schemaChanges: [
          ...describeDrift(
            distinct(headers).map(({ file, columns }) => ({ columns, format: file.format })),
            planAsAtFirst(executions, plans, destination, situation, plan),
            rules,
          ),
          ...undeliveredColumns(files, rules),
        ],
        files: files.map((file) => ({
          ...file,
          proof: proofColumns(file, measured),
        })),
      };
    }),
  };
}

/**
 * Reads the headers of all months that will be loaded, newest month first. A month whose header cannot be read
 * fails, and the others continue.
 *
 * The first bytes of a damaged file can still look like a header. If a CSV header has an unknown column, its whole file
 * is verified before the table gets that column permanently. (Except for files that the warehouse reads itself: the
 * point of that is not to download their bytes.)
 */
async function readHeaders(
  plans: readonly MonthPlan[],
  { pipeline, format, ledger, storage, warehouse }: Destination,
): Promise<{
  readonly months: readonly MonthHeaders[];
  readonly failed: ReadonlyMap<BillingMonth, unknown>;
}> {
  const { unpackedLimit } = pipeline;
  const keyOf = (name: string): string => (format.columns.caseSensitive ? name : fold(name));
  const known = new Set(
    [...Object.keys(format.columns.wellKnown), ...ledger.registry.map(({ sourceName }) => sourceName)].map(keyOf),
  );
  const months: MonthHeaders[] = [];
  const failed = new Map<BillingMonth, unknown>();
  for (const { billingMonth, action, executions, ...plan } of plans) {
    if (!isLoadAction(action)) continue;
    try {
      const headers = await pMap(
        executions.flatMap((execution) => execution.files.map((file) => ({ execution, file }))),
        async ({ execution, file }) => {
          const declared = new Set(execution.columns.map(({ name }) => keyOf(name)));
          const isKnown = (name: string): boolean => known.has(keyOf(name)) || declared.has(keyOf(name));
          const header = await readHeader(file, readerOf(storage, file), unpackedLimit);
          const isNews = file.format === "csv" && !header.columns.every(({ name }) => isKnown(name));
          if (isNews && !warehouse.reads(storage.url, file))
            await verifyBytes(file, readerOf(storage, file), unpackedLimit);
          return { ...header, execution };
        },
        { concurrency: smallReads },
      );
      const { isFlagged, period, missingDays, loadReason } = plan;
      months.push({
        billingMonth,
        executions,
        action,
        isFlagged,
        period,
        missingDays,
        loadReason,
        headers,
      });
    } catch (error) {
      failed.set(billingMonth, error);
    }
  }
  return { months, failed };
}

/**
 * The header of the newest loaded month, from which a table that another tool created gets its registry; none if no
 * loaded month is in the storage any more. Errors: as `readHeader`.
 */
export async function loadedHeader(
  plans: readonly MonthPlan[],
  { pipeline, months }: LoadedTable,
  storage: Storage,
): Promise<readonly DeliveredHeader[]> {
  const loaded = plans.find((plan) => plan.executions.length > 0 && months.has(plan.billingMonth));
  const execution = loaded?.executions.at(-1);
  if (execution === undefined) return [];
  if (execution.columns.length > 0 && execution.format === "csv") {
    return [{ executionId: execution.id, format: "csv", columns: execution.columns }];
  }
  const file = execution.files.find((one) => !isDeclaredEmpty(one));
  return file === undefined
    ? []
    : [delivered({ ...(await readHeader(file, readerOf(storage, file), pipeline.unpackedLimit)), execution })];
}

/**
 * The plan for describing a month in its receipt. A run that was stopped or failed may have added columns for months that
 * it did not load: for the run that loads them they still count as new, so that the receipt is the same as without the
 * interruption.
 */
function planAsAtFirst(
  executions: readonly Execution[],
  plans: readonly MonthPlan[],
  { ledger, format }: LoadedTable,
  situation: ColumnSituation,
  plan: ColumnPlan,
): ColumnPlan {
  const { registry, table } = situation;
  const isLeft = executions.map((execution) => leftFor(execution, plans, ledger));
  const left = new Set(
    registry.filter((row) => isLeft.some((is) => is(row.firstExecution))).map((row) => row.columnName),
  );
  if (left.size === 0) return plan;
  const creator = table?.flatMap(({ name }) => registry.find((row) => row.columnName === name) ?? []).at(0);
  const creates = plan.creates || (creator !== undefined && isLeft.some((is) => is(creator.firstExecution)));
  const first = planColumns(
    {
      ...situation,
      registry: registry.filter((row) => !left.has(row.columnName)),
      table: creates ? null : (table?.filter(({ name }) => !left.has(name)) ?? null),
    },
    format.columns,
  );
  const added = plan.columns.flatMap(({ name, type }) => (left.has(name) ? [{ name, type: type ?? "text" }] : []));
  return { ...plan, creates, added: [...plan.added, ...added], untyped: [...plan.untyped, ...first.untyped] };
}

/**
 * Whether the columns that an execution added were also created for another one, by a run that did not load that one: a
 * finished run has a summary, and could not see later deliveries.
 */
function leftFor({ id, manifest }: Execution, plans: readonly MonthPlan[], ledger: Ledger): (first: string) => boolean {
  const receiptOf = (other: string): Receipt | undefined =>
    ledger.receipts.find((receipt) => executionIdsOf(receipt).includes(other));
  // It was loaded before and is loaded again.
  if (receiptOf(id) !== undefined) return () => false;
  const planned = new Set(plans.flatMap((plan) => plan.executions.map((execution) => execution.id)));
  return (first) => {
    const receipt = receiptOf(first);
    if (receipt === undefined) return planned.has(first);
    const finished = ledger.lastSummary !== null && receipt.loadId <= ledger.lastSummary;
    return !finished && Date.parse(manifest.modified) < Date.parse(receipt.loadedAt);
  };
}

/**
 * The precision of amounts in a column. A column that does not exist yet (undefined) or contains text has the precision
 * of the warehouse's own decimals.
 */
function precisionOf(column: TableColumn | undefined, { decimalScale }: Warehouse): Precision {
  if (column?.type === "double") return "float";
  if (column?.type === "bigint" || column?.nativeType.endsWith("INTEGER")) return 0;
  // BigQuery's NUMERIC without parameters.
  if (column?.nativeType === "NUMERIC") return 9;
  const scale = /^(?:DECIMAL|NUMERIC)\(\d+, *(\d+)\)$/.exec(column?.nativeType ?? "")?.[1];
  return scale === undefined ? decimalScale : Number(scale);
}

/** The table columns for some files. */
function columnsOf(files: readonly LaidOutFile[]): ReadonlySet<string> {
  return new Set(files.flatMap(({ columns }) => columns.map(({ columnName }) => columnName)));
}

/** The positions of the columns that prove a load in a file. */
function proofColumns(
  { columns, periodColumn }: LaidOutFile,
  { currencyColumn, ...measured }: Pick<MeasuredColumns, "currencyColumn" | "costColumns" | "amountColumns">,
): ProofColumns {
  const position = (name: string | null): number | null => {
    const index = columns.findIndex(({ columnName }) => columnName === name);
    return index < 0 ? null : index;
  };
  return {
    period: position(periodColumn),
    currency: position(currencyColumn),
    costs: summedColumns(measured).map(position),
  };
}

function distinct(headers: readonly FileHeader[]): FileHeader[] {
  return [...new Map(headers.map((header) => [JSON.stringify(header.columns), header])).values()];
}
