import type { ReportResult, Restatement } from "../../answers/report.ts";
import type { CurrencySums } from "../../model.ts";
import { formatAmount, formatChange, formatCount, formatRowChange, formatTime } from "../figures.ts";
import { executionNames } from "../output.ts";
import { columnsOf, plainRow, type ReportRow, type ReportSection, withUnit } from "./section.ts";

/** Which months were restated, and by how much. */
export function restatementSection({ restatements }: ReportResult): ReportSection {
  if (restatements.length === 0) {
    return {
      title: "Restatements",
      sentences: ["No bill of the last twelve months was restated."],
      tables: [],
      notes: [],
    };
  }
  const table = {
    columns: columnsOf(["month", "export"], ["change", "cost", "rows", "loaded (UTC)"]),
    rows: restatements.map(restatementRow),
  };
  const undone = restatements.some((each) => each.undone)
    ? ["Restatements that were undone are marked: they do not count."]
    : [];
  return { title: "Restatements", sentences: [], tables: [table], notes: undone };
}

function restatementRow({ billingMonth, export: name, loadedAt, rows, rowChange, ...load }: Restatement): ReportRow {
  return plainRow(
    billingMonth,
    load.undone ? `${name}, undone` : name,
    sumsText(load.costChange, formatChange),
    sumsText(load.cost, formatAmount),
    rowChange === null ? formatCount(rows) : `${formatCount(rows)} (${formatRowChange(rowChange)})`,
    formatTime(loadedAt),
  );
}

function sumsText(sums: CurrencySums | null, format: (amount: string) => string): string {
  return Object.entries(sums ?? {})
    .map(([currency, amount]) => withUnit(format(amount), currency))
    .join(", ");
}

/** Where the figures come from: each export with its execution, rows, and when they were proved. */
export function proofSection({ exports, clouds, month }: ReportResult): ReportSection {
  const table = {
    columns: columnsOf(["export", "state", "execution"], ["data until", "verified (UTC)", "rows", "loaded (UTC)"]),
    rows: exports.map(({ export: name, finality, dataUntil, executionIds, loadedAt, verifiedAt, rows }) =>
      plainRow(
        name,
        finality,
        executionNames(executionIds, { verbose: false }),
        dataUntil ?? "unknown",
        verifiedAt === null ? "not by billhouse" : formatTime(verifiedAt),
        rows === null ? "unknown" : formatCount(rows),
        loadedAt === null ? "unknown" : formatTime(loadedAt),
      ),
    ),
  };
  const missing = clouds.exports
    .filter(({ missingMonths }) => missingMonths.length > 0)
    .map(({ name }) => `${name} is missing: ${month} is not loaded.`);
  return {
    title: "Freshness and proof",
    sentences: ["Rows and costs of every load were proved equal to those of its delivery before it was committed."],
    tables: exports.length === 0 ? [] : [table],
    notes: missing,
  };
}
