import { BillhouseError } from "../errors.ts";
import { checkMonths } from "../pipeline/months/select.ts";
import { nextMonth } from "../schema/periods.ts";

/** The flags that choose billing months. */
export interface MonthFlags {
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly month: readonly string[];
}

/** The billing months that flags choose, as the engine takes them. Error: USAGE_INVALID when they contradict each other. */
export function monthScope(flags: MonthFlags): { from?: string; to?: string; only?: readonly string[] } {
  const { from, to, month } = flags;
  if (month.length > 0 && (from !== undefined || to !== undefined)) {
    throw new BillhouseError("USAGE_INVALID", "--month names single months and --from and --to a span of months.", {
      hint: "Use one or the other.",
    });
  }
  checkMonths({ ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) });
  if (month.length > 0) return { only: month };
  return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
}

/** A month from the command line. Error: USAGE_INVALID when it is not `YYYY-MM`. */
export function parseMonth(text: string): string {
  checkMonths({ only: [text] });
  return text;
}

/** Months as people list them: `2024-09 to 2024-12, 2025-02`. */
export function monthSpans(months: readonly string[]): string {
  const spans: { first: string; last: string }[] = [];
  for (const month of months.toSorted()) {
    const span = spans.at(-1);
    if (span !== undefined && nextMonth(span.last) === month) span.last = month;
    else spans.push({ first: month, last: month });
  }
  return spans.map(({ first, last }) => (first === last ? first : `${first} to ${last}`)).join(", ");
}
