import * as z from "zod";
import { BillhouseError } from "../errors.ts";
import type { DaySpan } from "../model.ts";
import { addDays, countDays, daysInMonth, isDay, monthSpan } from "../schema/periods.ts";
import type { ManifestPlace } from "./export.ts";

/**
 * The content of a manifest's JSON, validated by a lenient shape (fields that the shape does not name are ignored).
 * Error: MANIFEST_INVALID, which names the manifest and the first invalid field.
 */
export function parseManifest<T>(shape: z.ZodType<T>, json: unknown, place: ManifestPlace): T {
  const result = shape.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field = issue === undefined || issue.path.length === 0 ? "the whole file" : `"${issue.path.join(".")}"`;
  throw new BillhouseError(
    "MANIFEST_INVALID",
    `The manifest ${place.key} cannot be used: ${field}${problemOf(issue)}.`,
    { hint: "Check the file, or run again after the cloud's next delivery.", cause: result.error },
  );
}

/** What is wrong with a field, to be put behind its name. */
function problemOf(issue: z.core.$ZodIssue | undefined): string {
  if (issue?.code === "custom" && issue.params?.["isSentence"] === true) return issue.message;
  if (issue?.code !== "invalid_type") return `: ${issue?.message ?? "unexpected content"}`;
  return issue.message.endsWith(" undefined")
    ? " is missing"
    : ` is not ${typeNames[issue.expected] ?? issue.expected}`;
}

const typeNames: Readonly<Record<string, string>> = {
  string: "text",
  array: "a list",
  object: "an object",
  number: "a number",
  int: "a whole number",
};

/** A text in a manifest: long enough for every name in a cloud, and short enough for a receipt and a screen. */
export const shortText: z.ZodString = z.string().max(1024);

/** A listed key: clouds allow 1,024 bytes; an address has its bucket in front of them. */
export const listedKey: z.ZodString = z.string().min(1).max(2048);

/** The id of a delivery. It becomes part of messages, receipts and the state, so control characters are refused. */
export const deliveryId: z.ZodString = z
  .string()
  .regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,256}$/u, "an id of 1 to 256 characters was expected");

/** A day, with or without a time behind it: `2025-01-31T00:00:00Z`. */
export const day: z.ZodType<string> = shortText.refine((text) => {
  const [, year = "", month = "", number = ""] = /^(\d{4})-(\d{2})-(\d{2})/.exec(text) ?? [];
  return Number(number) >= 1 && Number(number) <= daysInMonth(Number(year), Number(month));
}, "a date was expected");

/** A list. Unlike zod's own it stops at the first invalid item: a manifest can contain millions of them. */
export function listOf<T>(item: z.ZodType<T>): z.ZodType<T[]> {
  return z.array(z.unknown()).transform((values, context) => {
    const items: T[] = [];
    for (const [index, value] of values.entries()) {
      const result = item.safeParse(value);
      if (!result.success) {
        const [issue] = result.error.issues;
        const path = [index, ...(issue?.path ?? [])];
        context.addIssue({ code: "custom", path, message: problemOf(issue), params: { isSentence: true } });
        return z.NEVER;
      }
      items.push(result.data);
    }
    return items;
  });
}

/**
 * The days that a folder `YYYYMMDD-YYYYMMDD` names, or undefined when these are not days. AWS names the first day that is
 * no longer part of the period, Azure the last one that is.
 */
export function folderPeriod(start: string, end: string, lastDay: "included" | "excluded"): DaySpan | undefined {
  const first = calendarDay(start, 0);
  const last = calendarDay(end, lastDay === "included" ? 0 : -1);
  if (first === undefined || last === undefined || last < first) return undefined;
  // Each month of a period is planned separately; clouds never deliver ten years at once.
  return countDays({ start: first, end: last }) > mostDays ? undefined : { start: first, end: last };
}

const mostDays = 3660;

// `Date` moves years before 100 into the twentieth century.
const firstYear = 100;

// The month after 9999-12 does not fit into four digits.
const lastYear = 9998;

/** The days of the month that a folder such as `year=2018/month=1` names, or undefined when that month does not exist. */
export function monthPeriod(year: string, month: string): DaySpan | undefined {
  const days = daysInMonth(Number(year), Number(month));
  return days === 0 || Number(year) > lastYear ? undefined : monthSpan(`${year}-${month.padStart(2, "0")}`);
}

function calendarDay(digits: string, shift: number): string | undefined {
  const day = `${digits.slice(0, 4)}-${digits.slice(4, 6)}-${digits.slice(6, 8)}`;
  const year = Number(digits.slice(0, 4));
  if (!isDay(day) || year < firstYear || year > lastYear) return undefined;
  return shift === 0 ? day : addDays(day, shift);
}
