import type { Compression, DataFile, Execution, MeasuredColumns, Receipt } from "../../model.ts";
import type { MappedColumn } from "../../schema/columns.ts";
import { describeDrift } from "../../schema/drift.ts";
import { reachPoint } from "../../warehouses/points.ts";
import { requireCapability, type Warehouse } from "../../warehouses/warehouse.ts";
import type { FailedMonth } from "../events.ts";
import { loadedHeader, readHeaders } from "./headers.ts";
import { layOut, stampedColumn, withoutCosts, withoutPeriod } from "./layout.ts";
import { measuredIn, precisionOf, proofColumns } from "./measured-columns.ts";
import type { FileHeader } from "../../files/read.ts";
import { planAsAtFirst } from "./first-plan.ts";
import type { Survey } from "../months/survey.ts";
import type { Precision, ProofColumns } from "../../files/tally.ts";

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
  /** The receipt of the newest load of the month, also of one that was forgotten; null when there was none. */
  readonly newestReceipt: Receipt | null;
  readonly measured: MeasuredColumns;
  /** What the table keeps of each cost column. */
  readonly precisions: readonly Precision[];
}

/** A file and where its columns go. */
export interface PreparedFile {
  readonly file: DataFile;
  readonly columns: readonly MappedColumn[];
  readonly proof: ProofColumns;
  /** Rows that the file's own footer declares (Parquet); null where it has none (CSV). */
  readonly rows: number | null;
  readonly compression: Compression;
}

/**
 * Reads the headers of all months that will be loaded, and makes the table's columns their union in one step before
 * any of them is loaded. A month whose header cannot be read, or lacks the column of the billing month, is failed, and
 * the others go on.
 * Errors: CONFIG_INVALID for a partition column that the table, or every file, does not have; those of the warehouse.
 */
export async function prepare(survey: Survey, warehouse: Warehouse): Promise<Preparation> {
  const { pipeline, discovery, ledger, table, loaded } = survey;
  const rules = discovery.format.columns;
  const read = await readHeaders(survey, (file) => warehouse.reads(discovery.storage.url, file));
  reachPoint("headers-read");
  const takenOver = ledger.columns !== null && ledger.registry.length === 0 ? await loadedHeader(survey) : [];
  const first = layOut(survey, takenOver, read.months);
  const lacking = new Map([...withoutPeriod(first, read.months), ...withoutCosts(survey, first, read.months)]);
  const failed = [...read.failed, ...lacking.values()];
  const months = read.months.filter(({ execution }) => !lacking.has(execution.billingMonth));
  const layout = lacking.size === 0 ? first : layOut(survey, takenOver, months);
  const { situation, plan, mapped, partitionColumn, nameOf } = layout;
  const stamped = partitionColumn === stampedColumn;
  if (months.length > 0) {
    if (pipeline.keepPrevious > 0) requireCapability(warehouse, "previous");
    const hasStamp = ledger.columns?.some(({ name }) => name === stampedColumn) ?? false;
    await warehouse.prepare(table, {
      added: stamped && !hasStamp ? [...plan.added, { name: stampedColumn, type: "date" }] : plan.added,
      registered: plan.registered,
      partitionColumn,
      usageColumn: nameOf(mapped.flat(), rules.usage),
      keepsPrevious: pipeline.keepPrevious > 0,
    });
    reachPoint("prepared");
  }
  return {
    partitionColumn,
    stamped,
    failed,
    months: months.map(({ execution, action, headers }, index) => {
      const files = mapped[index] ?? [];
      const measured = measuredIn(files, layout, rules);
      return {
        execution,
        action,
        measured,
        precisions: measured.costColumns.map((name) => {
          const column = ledger.columns?.find((present) => present.name === name);
          return precisionOf(column, warehouse);
        }),
        previous: loaded.get(execution.billingMonth)?.receipt ?? null,
        newestReceipt: ledger.receipts.find(({ billingMonth }) => billingMonth === execution.billingMonth) ?? null,
        schemaChanges: describeDrift(
          distinct(headers).map(({ file, columns }) => ({ columns, format: file.format })),
          planAsAtFirst(execution, survey, situation, plan),
          rules,
        ),
        files: files.map(({ file, columns, rows, compression }) => ({
          file,
          columns,
          rows,
          compression,
          proof: proofColumns(columns, stamped ? null : partitionColumn, measured),
        })),
      };
    }),
  };
}

function distinct(headers: readonly FileHeader[]): FileHeader[] {
  return [...new Map(headers.map((header) => [JSON.stringify(header.columns), header])).values()];
}
