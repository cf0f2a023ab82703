import { BillhouseError } from "../../errors.ts";
import { readFirstRows } from "../../files/read.ts";
import type { BillingMonth, DaySpan, Execution } from "../../model.ts";
import { findColumn, type ColumnRules } from "../../schema/columns.ts";
import { addDays, countDays, daysInMonth, monthSpan, nextMonth } from "../../schema/periods.ts";
import { parseTimestamp } from "../../schema/timestamps.ts";
import { readerOf } from "../../storages/storage.ts";
import type { Discovery } from "../discover/discover.ts";

/**
 * The days of a delivery's month: the billing period in its first rows. If they name the period of another month, and
 * periods do not begin on the first, this month's period begins on the same day of the month. Null if the rows name no
 * period, as in an incomplete delivery. Errors: those of the storage.
 */
export async function readPeriod(
  { billingMonth, files, missing }: Execution,
  { format, storage }: Discovery,
  limit: number | null,
): Promise<DaySpan | null> {
  const file = files.find(({ size }) => size > 0);
  if (file === undefined || missing.length > 0) return null;
  let columns: PeriodColumns | null = null;
  const wanted = (names: readonly string[]): readonly number[] => {
    columns = periodColumns(names, format.columns);
    return columns === null ? [] : [columns.start, columns.end];
  };
  const rows = await readFirstRows(file, readerOf(storage, file), limit, wanted).catch((error: unknown) => {
    // Loading the month reports the error with its line.
    const codes = ["FILE_CORRUPT", "FILE_INVALID", "LIMIT_EXCEEDED", "VALUE_INVALID"];
    if (error instanceof BillhouseError && codes.includes(error.code)) return [];
    throw error;
  });
  const { isIncluded = true } = (columns as PeriodColumns | null) ?? {};
  const named = rows.flatMap(([start = "", end = ""]) => namedPeriod(start, end, isIncluded) ?? []);
  const own = named.filter(({ start }) => start.startsWith(billingMonth));
  const [other] = named;
  if (own.length === 0) return other === undefined ? null : periodLike(other, billingMonth);
  const [[start = ""], ends] = [own.map((one) => one.start).toSorted(), own.map((one) => one.end).toSorted()];
  return { start, end: ends.at(-1) ?? start };
}

interface PeriodColumns {
  readonly start: number;
  readonly end: number;
  /** Whether the end column holds the last day of the period, not the day after it. */
  readonly isIncluded: boolean;
}

function periodColumns(names: readonly string[], rules: ColumnRules): PeriodColumns | null {
  const columns = names.map((name) => ({ sourceName: name, columnName: name, type: null }));
  const position = (sources: readonly string[]): number | null => {
    const column = findColumn(columns, sources, rules);
    return column === undefined ? null : columns.findIndex((one) => one === column);
  };
  const start = position(rules.partition);
  const included = position(rules.periodEnd.included);
  const end = included ?? position(rules.periodEnd.excluded);
  return start === null || end === null ? null : { start, end, isIncluded: included !== null };
}

/** The period of a row; null without a period, or for more days than a month has. */
function namedPeriod(start: string, end: string, isIncluded: boolean): DaySpan | null {
  const [first, last] = [start, end].map((text) => parseTimestamp(text)?.slice(0, 10));
  if (first === undefined || last === undefined) return null;
  const period = { start: first, end: isIncluded ? last : addDays(last, -1) };
  const days = countDays(period);
  return days >= 1 && days <= 31 ? period : null;
}

/** The period of a month, derived from the period of another month. */
export function periodLike(period: DaySpan, month: BillingMonth): DaySpan {
  const day = Number(period.start.slice(8));
  const isWholePeriod = addDays(period.end, 1) === dayOf(nextMonth(period.start.slice(0, 7)), day);
  if (day === 1 || !isWholePeriod) return monthSpan(month);
  return { start: dayOf(month, day), end: addDays(dayOf(nextMonth(month), day), -1) };
}

/** A day of a month, or the last day if the month is shorter. */
function dayOf(month: BillingMonth, day: number): string {
  const last = daysInMonth(Number(month.slice(0, 4)), Number(month.slice(5)));
  return `${month}-${String(Math.min(day, last)).padStart(2, "0")}`;
}
