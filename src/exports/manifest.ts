import * as z from "zod";
import { BillhouseError } from "../errors.ts";
import type { DaySpan } from "../model.ts";
import { countDays, daysInMonth, monthSpan } from "../schema/periods.ts";
import type { ManifestPlace } from "./export.ts";

/**
 * What a manifest's JSON says, by a lenient shape (fields that are not named in it are ignored).
 * Error: MANIFEST_INVALID, which names the manifest and the first field that is wrong.
 */
export function parseManifest<T>(shape: z.ZodType<T>, json: unknown, place: ManifestPlace): T {
  const result = shape.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field = issue === undefined || issue.path.length === 0 ? "the whole file" : `"${issue.path.join(".")}"`;
  throw new BillhouseError(
    "MANIFEST_INVALID",
    `The manifest ${place.key} cannot be used: ${field}: ${issue?.message ?? "it has another shape"}.`,
    { hint: "Look at the file. When the cloud has delivered again, run again.", cause: result.error },
  );
}

/** A text of a manifest: long enough for every name that a cloud gives, and too short to fill a receipt or a screen. */
export const shortText: z.ZodString = z.string().max(1024);

/** A listed key: clouds take 1,024 bytes; an address has its bucket before them. */
export const listedKey: z.ZodString = z.string().min(1).max(2048);

/** The id of a delivery. It becomes part of messages, receipts and the state, so it has no control characters. */
export const deliveryId: z.ZodString = z
  .string()
  .regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,256}$/u, "an id of 1 to 256 characters was expected");

/** A day, and whatever stands behind it: `2025-01-31T00:00:00Z`. */
export const day: z.ZodType<string> = shortText.refine((text) => {
  const [, year = "", month = "", number = ""] = /^(\d{4})-(\d{2})-(\d{2})/.exec(text) ?? [];
  return Number(number) >= 1 && Number(number) <= daysInMonth(Number(year), Number(month));
}, "a date was expected");

/** A list. Unlike zod's own it stops at the first item that is wrong: a manifest can hold millions of them. */
export function listOf<T>(item: z.ZodType<T>): z.ZodType<T[]> {
  return z.array(z.unknown()).transform((values, context) => {
    const items: T[] = [];
    for (const [index, value] of values.entries()) {
      const result = item.safeParse(value);
      if (!result.success) {
        const [issue] = result.error.issues;
        const path = [index, ...(issue?.path ?? [])];
        context.addIssue({ code: "custom", path, message: issue?.message ?? "it has another shape" });
        return z.NEVER;
      }
      items.push(result.data);
    }
    return items;
  });
}

/**
 * The days that a folder `YYYYMMDD-YYYYMMDD` names, or undefined when they are no days. AWS names the first day that is
 * no longer part of the period, Azure the last one that is.
 */
export function folderPeriod(start: string, end: string, lastDay: "included" | "excluded"): DaySpan | undefined {
  const first = calendarDay(start, 0);
  const last = calendarDay(end, lastDay === "included" ? 0 : -1);
  if (first === undefined || last === undefined || last < first) return undefined;
  // Each month of a period is looked at by itself; no cloud delivers ten years at once.
  return countDays({ start: first, end: last }) > mostDays ? undefined : { start: first, end: last };
}

const mostDays = 3660;

// The month after the last of 9999 has no name of four digits.
const lastYear = 9998;

/** The days of the month that a folder such as `year=2018/month=1` names, or undefined when there is no such month. */
export function monthPeriod(year: string, month: string): DaySpan | undefined {
  const days = daysInMonth(Number(year), Number(month));
  return days === 0 || Number(year) > lastYear ? undefined : monthSpan(`${year}-${month.padStart(2, "0")}`);
}

function calendarDay(digits: string, shift: number): string | undefined {
  const [year, month, day] = [digits.slice(0, 4), digits.slice(4, 6), digits.slice(6, 8)].map(Number);
  const date = new Date(Date.UTC(year ?? 0, (month ?? 0) - 1, day));
  // Years before 100 are moved into the twentieth century.
  if (date.getUTCFullYear() !== year || year > lastYear || date.getUTCMonth() + 1 !== month) return undefined;
  date.setUTCDate(date.getUTCDate() + shift);
  return date.toISOString().slice(0, 10);
}
