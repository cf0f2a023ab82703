import type { ExportFormat } from "../../exports/export.ts";
import type { Evidence, Receipt, ReceiptFile } from "../../model.ts";
import type { TableMeasures } from "../../warehouses/warehouse.ts";
import type { LoadedMonth } from "../events.ts";
import { finalityAfter, hasSameFigures } from "../months/finality.ts";
import type { PreparedMonth } from "./prepare.ts";
import { isUndone } from "../discover/undone.ts";

/** A receipt but for what only the moment of its commit can tell. */
export type Draft = Omit<Receipt, "loadId" | "loadedAt">;

/** What a load found, and how it was done. */
export interface LoadFacts {
  readonly month: PreparedMonth;
  readonly evidence: Evidence;
  readonly measures: TableMeasures;
  readonly files: readonly ReceiptFile[];
  readonly accepted: readonly string[];
  readonly seconds: number;
  readonly version: string;
  readonly format: Pick<ExportFormat, "kind" | "closed">;
  readonly now: Date;
}

/** The receipt of a month that was proved. */
export function draftReceipt(facts: LoadFacts): Draft {
  const { month, evidence, measures, files, accepted, seconds, version, now } = facts;
  const { kind, closed } = facts.format;
  const { execution, newestReceipt, schemaChanges, measured } = month;
  const receipt: Omit<Draft, "finality"> = {
    executionId: execution.id,
    billingMonth: execution.billingMonth,
    rows: evidence.monthRows,
    fileCount: execution.files.length,
    format: execution.format,
    sourceBytes: execution.files.reduce((sum, { size }) => sum + size, 0),
    cost: evidence.sums[0] ?? {},
    tableCost: measures.sums[0] ?? {},
    effectiveCost: evidence.sums[1] ?? null,
    tableEffectiveCost: measures.sums[1] ?? null,
    roundedValues: evidence.rounded.reduce((sum, count) => sum + count, 0),
    coverage: execution.coverage,
    firstUsage: measures.firstUsage,
    lastUsage: measures.lastUsage,
    schemaChanges,
    files: files.map((file) => ({ ...file, ...replacedVersion(file, month) })),
    scope: execution.scope,
    submittedTime: execution.submittedTime,
    kind,
    measured,
    summary: measures.summary,
    uninvoicedRows: measures.uninvoicedRows,
    // What is loaded now was asked for; of the same execution other files may have been undone, and stay so.
    undone: (newestReceipt?.undone ?? []).filter(
      (one) => !isUndone(execution, { ids: [newestReceipt?.executionId ?? ""], undone: [one] }),
    ),
    restoredLoadId: null,
    waivers: [...accepted],
    durationSeconds: seconds,
    version,
  };
  return { ...receipt, finality: finalityAfter({ ...receipt, made: execution.made }, newestReceipt, closed, now) };
}

/** What `run` tells of a month that it loaded. */
export function describeLoad(receipt: Draft, { action, previous }: PreparedMonth): LoadedMonth {
  return {
    billing_month: receipt.billingMonth,
    execution_id: receipt.executionId,
    action,
    state: receipt.finality ?? "open",
    rows: receipt.rows,
    files: receipt.fileCount,
    bytes: receipt.sourceBytes ?? 0,
    cost: receipt.cost ?? {},
    seconds: receipt.durationSeconds ?? 0,
    rounded_values: receipt.roundedValues ?? 0,
    schema_changes: receipt.schemaChanges,
    previous: previous && {
      execution_id: previous.executionId,
      rows: previous.rows,
      cost: previous.cost,
      same_figures: hasSameFigures(receipt, previous),
    },
  };
}

/** Which version of a file the execution was loaded with before, where it was loaded before and is another one now. */
function replacedVersion(file: ReceiptFile, { execution, previous }: PreparedMonth): Pick<ReceiptFile, "replaced"> {
  const before =
    previous?.executionId === execution.id ? previous.files?.find(({ key }) => key === file.key) : undefined;
  const replaced = before?.version === file.version ? before.replaced : before?.version;
  return replaced === undefined ? {} : { replaced };
}
