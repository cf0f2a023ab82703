import { BillhouseError, quoted } from "../errors.ts";
import { checkMonths } from "../pipeline/months/select.ts";

/** The months of a flag or argument that may be repeated, with one more. Error: USAGE_INVALID. */
export function addMonth(text: string, months: readonly string[] = []): string[] {
  return [...months, parseMonth(text)];
}

/** The words of a flag that may be repeated, with one more. */
export function addWord(word: string, words: readonly string[] = []): string[] {
  return [...words, word];
}

/** The number that `--jobs` takes. Error: USAGE_INVALID. */
export function parseJobs(text: string): number {
  const jobs = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (jobs >= 1 && jobs <= 64) return jobs;
  throw new BillhouseError("USAGE_INVALID", `--jobs takes a whole number from 1 to 64, not ${quoted(text)}.`, {
    hint: "Leave it out to let billhouse choose.",
  });
}

/** The seconds of a span of time such as `36h`: minutes (m), hours (h), days (d). Error: USAGE_INVALID. */
export function parseAge(text: string): number {
  const match = /^(\d{1,6})(m|h|d)$/.exec(text);
  const seconds = { m: 60, h: 3600, d: 86_400 }[match?.[2] ?? ""];
  if (match !== null && seconds !== undefined) return Number(match[1]) * seconds;
  throw new BillhouseError("USAGE_INVALID", `--max-age takes a time such as 36h, not ${quoted(text)}.`, {
    hint: "Write a whole number and m for minutes, h for hours or d for days.",
  });
}

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

/** Spans of days as people list them: `2025-03-01 to 2025-03-04, 2025-03-09`. */
export function daySpans(spans: readonly { readonly from: string; readonly to: string }[]): string {
  return spans.map(({ from, to }) => (from === to ? from : `${from} to ${to}`)).join(", ");
}
