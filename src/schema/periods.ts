import { BillhouseError, quoted } from "../errors.ts";
import type { BillingMonth, DaySpan } from "../model.ts";

/** Days of a month (1 to 12), leap years counted; 0 for a month that does not exist. */
export function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return [31, 0, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
}

/** The first to the last day of a billing month. */
export function monthSpan(month: BillingMonth): DaySpan {
  const [year, number] = parts(month);
  return { start: `${month}-01`, end: `${month}-${daysInMonth(year, number)}` };
}

/** The billing month after a billing month. */
export function nextMonth(month: BillingMonth): BillingMonth {
  const [year, number] = parts(month);
  return number === 12 ? written(year + 1, 1) : written(year, number + 1);
}

/** The billing months that a span touches, oldest first; none when it ends before it starts. */
export function monthsOf(span: DaySpan): BillingMonth[] {
  const last = span.end.slice(0, 7);
  const months: BillingMonth[] = [];
  if (span.end < span.start) return months;
  if (span.start.startsWith(last)) return [last];
  // The year 10,000 would sort before 9999.
  for (let month = span.start.slice(0, 7); month <= last && month.length === 7; month = nextMonth(month)) {
    months.push(month);
  }
  return months;
}

/** The months between the first and the last of some billing months that are not among them, oldest first. */
export function monthGaps(months: Iterable<BillingMonth>): BillingMonth[] {
  const known = [...months].toSorted();
  const [first, last] = [known.at(0), known.at(-1)];
  if (first === undefined || last === undefined) return [];
  return monthsOf({ start: `${first}-01`, end: `${last}-01` }).filter((month) => !known.includes(month));
}

/** Whether a text is a billing month, `YYYY-MM`. */
export function isBillingMonth(text: string): boolean {
  return /^\d{4}-(0[1-9]|1[0-2])$/.test(text);
}

/** The days that two spans share, or undefined if they do not overlap. */
export function intersect(first: DaySpan, second: DaySpan): DaySpan | undefined {
  const start = first.start > second.start ? first.start : second.start;
  const end = first.end < second.end ? first.end : second.end;
  return start <= end ? { start, end } : undefined;
}

/** Whether every day of the inner span is a day of the outer one. */
export function covers(outer: DaySpan, inner: DaySpan): boolean {
  return outer.start <= inner.start && inner.end <= outer.end;
}

/** The day a number of days after a day, or before it if negative. */
export function addDays(day: string, days: number): string {
  return new Date(Date.parse(day) + days * 86_400_000).toISOString().slice(0, 10);
}

/** A day as people write it: `12 March`. */
export function dayInWords(day: string): string {
  return `${Number(day.slice(8))} ${monthNames[Number(day.slice(5, 7)) - 1] ?? ""}`;
}

const monthNames = "January February March April May June July August September October November December".split(" ");

/** For how long a commitment was bought: `1 year`, `6 months`; the empty text if it is not known. */
export function termInWords(months: number | null): string {
  if (months === null) return "";
  const [count, unit] = months % 12 === 0 ? [months / 12, "year"] : [months, "month"];
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

/** Days of a span, both ends counted; none when it ends before it starts. */
export function countDays(span: DaySpan): number {
  return Math.max(0, Math.round((Date.parse(span.end) - Date.parse(span.start)) / 86_400_000) + 1);
}

function parts(month: BillingMonth): [year: number, month: number] {
  return [Number(month.slice(0, 4)), Number(month.slice(5))];
}

function written(year: number, month: number): BillingMonth {
  return `${String(year).padStart(4, "0")}-${String(month).padStart(2, "0")}`;
}

/** Whether text is a day of the calendar, `YYYY-MM-DD`. */
export function isDay(text: string): boolean {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? [];
  return Number(day) >= 1 && Number(day) <= daysInMonth(Number(year), Number(month));
}

/** Months as people list them: `2024-09 to 2024-12, 2025-02`. */
export function monthSpans(months: readonly BillingMonth[]): string {
  const spans: { first: string; last: string }[] = [];
  for (const month of months.toSorted()) {
    const span = spans.at(-1);
    if (span !== undefined && nextMonth(span.last) === month) span.last = month;
    else spans.push({ first: month, last: month });
  }
  return spans.map(({ first, last }) => (first === last ? first : `${first} to ${last}`)).join(", ");
}

/** Which billing months a command is about; all of them when nothing is set. Both ends are included. */
export interface MonthSelection {
  readonly from?: BillingMonth;
  readonly to?: BillingMonth;
  readonly only?: readonly BillingMonth[];
}

/**
 * Checks a selection of months. Error: USAGE_INVALID for a month that is not `YYYY-MM`, or a span that ends before it starts.
 */
export function checkMonths({ from, to, only = [] }: MonthSelection): void {
  for (const month of [from, to, ...only]) {
    if (month === undefined || isBillingMonth(month)) continue;
    throw new BillhouseError("USAGE_INVALID", `${quoted(month)} is not a billing month.`, {
      hint: "Write the year and the month in digits, such as 2025-01.",
    });
  }
  if (from !== undefined && to !== undefined && to < from) {
    throw new BillhouseError("USAGE_INVALID", `--from (${from}) is after --to (${to}).`, {
      hint: "Swap --from and --to.",
    });
  }
}
