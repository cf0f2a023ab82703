import { BillhouseError, quoted } from "../errors.ts";
import { parseMonth } from "./months.ts";

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
