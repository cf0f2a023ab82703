import type { ExportFormat } from "../exports/export.ts";
import type { BillingMonth, DaySpan, Finality, Receipt } from "../model.ts";
import { covers, monthSpan, nextMonth } from "../schema/periods.ts";

/** What tells whether a delivery of a month is the last one. */
export interface FinalityFacts {
  readonly billingMonth: BillingMonth;
  readonly coverage: DaySpan | null;
  /** Rows without an invoice id; null where there is no column for it. */
  readonly uninvoicedRows: number | null;
}

/**
 * What a month is as a bill, by what was delivered of it and by the calendar. Pure.
 *
 * A month that is not over in UTC is `open`. It is `final` when the cloud has closed it, as its format says: each row has
 * an invoice id, or the delivery covers the whole month and the day of the last scheduled run is past. Otherwise it is
 * `estimated`.
 */
export function finalityOf(
  facts: FinalityFacts,
  closed: ExportFormat["closed"],
  now: Date,
): Exclude<Finality, "restated-after-final"> {
  const today = now.toISOString().slice(0, 10);
  const month = monthSpan(facts.billingMonth);
  if (today <= month.end) return "open";
  if (closed === "invoice") return facts.uninvoicedRows === 0 ? "final" : "estimated";
  const lastRun = `${nextMonth(facts.billingMonth)}-${String(closed.day).padStart(2, "0")}`;
  const isWhole = facts.coverage === null || covers(facts.coverage, { start: month.end, end: month.end });
  return isWhole && today > lastRun ? "final" : "estimated";
}

/** What a loaded month is today: a month that was restated after it was final stays so. */
export function finalityNow(receipt: Receipt, closed: ExportFormat["closed"], now: Date): Finality {
  return receipt.finality === "restated-after-final" ? receipt.finality : finalityOf(receipt, closed, now);
}

/**
 * What a month is after a load. It is `restated-after-final` when what it replaces was final by now, and has other rows or
 * costs; loading the same again changes nothing.
 */
export function finalityAfter(
  load: Omit<Receipt, "loadId" | "loadedAt" | "finality">,
  previous: Receipt | null,
  closed: ExportFormat["closed"],
  now: Date,
): Finality {
  const before = previous === null ? "open" : finalityNow(previous, closed, now);
  const wasFinal = before === "final" || before === "restated-after-final";
  if (previous !== null && wasFinal) return hasSameFigures(load, previous) ? before : "restated-after-final";
  return finalityOf(load, closed, now);
}

/** Whether two loads of a month come to the same rows and costs, line for line where their summaries tell. */
function hasSameFigures(
  one: Pick<Receipt, "rows" | "cost" | "effectiveCost" | "summary">,
  other: Pick<Receipt, "rows" | "cost" | "effectiveCost" | "summary">,
): boolean {
  const figures = ({ rows, cost, effectiveCost }: typeof one): string =>
    JSON.stringify([rows, sorted(cost), sorted(effectiveCost)]);
  if (figures(one) !== figures(other)) return false;
  return (
    one.summary === null || other.summary === null || JSON.stringify(one.summary) === JSON.stringify(other.summary)
  );
}

function sorted(sums: Readonly<Record<string, string>> | null): readonly (readonly string[])[] {
  return Object.entries(sums ?? {}).toSorted(([first], [second]) => (first < second ? -1 : 1));
}
