import type { ExportFormat } from "../../exports/export.ts";
import type { BillingMonth, CurrencySums, DaySpan, Finality, Receipt } from "../../model.ts";
import { covers, monthSpan, nextMonth } from "../../schema/periods.ts";

/** What decides whether a delivery of a month is the last one. */
export interface FinalityFacts {
  readonly billingMonth: BillingMonth;
  readonly coverage: DaySpan | null;
  /** Null where they are not known. */
  readonly rows: number | null;
  /** Rows without an invoice id; null where there is no column for it. */
  readonly uninvoicedRows: number | null;
  /** When the delivery was made: ISO 8601; null where it is not known. */
  readonly made: string | null;
}

/**
 * What a month is as a bill, by what was delivered of it and by the calendar. Pure.
 *
 * A month that is not over in UTC is `open`. It is `final` when the cloud has closed it, as its format says: each row has
 * an invoice id; or the delivery covers the last day of the month and is that of the last scheduled run, or a later one.
 * Otherwise it is `estimated`.
 */
export function finalityOf(
  { billingMonth, coverage, rows, uninvoicedRows, made }: FinalityFacts,
  closed: ExportFormat["closed"],
  now: Date,
): Exclude<Finality, "restated-after-final"> {
  const month = monthSpan(billingMonth);
  if (now.toISOString().slice(0, 10) <= month.end) return "open";
  if (closed === "invoice") return uninvoicedRows === 0 && rows !== 0 ? "final" : "estimated";
  const lastRun = `${nextMonth(billingMonth)}-${String(closed.day).padStart(2, "0")}`;
  const isWhole = coverage === null || covers(coverage, { start: month.end, end: month.end });
  return isWhole && made !== null && made.slice(0, 10) >= lastRun ? "final" : "estimated";
}

/**
 * What a loaded month is today: a month that was restated after it was final stays so. Time alone does not
 * make a delivery a later one: where its receipt does not keep when it was made, what the month was at its load counts.
 */
export function finalityNow(receipt: Receipt, closed: ExportFormat["closed"], now: Date): Finality {
  const { finality, submittedTime, files, loadedAt, restoredLoadId } = receipt;
  // Receipts of other pipelines have only the time at which they were written; an undo writes them again.
  const made = submittedTime ?? (files === null && restoredLoadId === null ? loadedAt : null);
  if (finality === "restated-after-final" || (finality === "final" && made === null)) return finality;
  return finalityOf({ ...receipt, made }, closed, now);
}

/**
 * What a month is after a load. It is `restated-after-final` when what it replaces was final by now, and has other rows or
 * costs; loading the same again changes nothing.
 */
export function finalityAfter(
  load: Omit<Receipt, "loadId" | "loadedAt" | "finality"> & Pick<FinalityFacts, "made">,
  previous: Receipt | null,
  closed: ExportFormat["closed"],
  now: Date,
): Finality {
  const before = previous === null ? "open" : finalityNow(previous, closed, now);
  const wasFinal = before === "final" || before === "restated-after-final";
  if (previous !== null && wasFinal) return hasSameFigures(load, previous) ? before : "restated-after-final";
  return finalityOf(load, closed, now);
}

/** What two loads of a month are compared by. */
type Figures = Pick<Receipt, "rows" | "cost" | "effectiveCost" | "summary">;

/** Whether two loads of a month come to the same rows and costs, as far as both are known. */
export function hasSameFigures(one: Figures, other: Figures): boolean {
  const isSame = <T>(first: T | null, second: T | null, text: (known: T) => string): boolean =>
    first === null || second === null || text(first) === text(second);
  return (
    one.rows === other.rows &&
    isSame(one.cost, other.cost, sumsText) &&
    isSame(one.effectiveCost, other.effectiveCost, sumsText) &&
    isSame(one.summary, other.summary, (lines) => JSON.stringify(lines))
  );
}

function sumsText(sums: CurrencySums): string {
  return JSON.stringify(Object.entries(sums).toSorted(([first], [second]) => (first < second ? -1 : 1)));
}
