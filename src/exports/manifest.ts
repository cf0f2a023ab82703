import * as z from "zod";
import { BillhouseError } from "../errors.ts";
import type { DaySpan } from "../model.ts";
import { daysInMonth, monthSpan } from "../schema/periods.ts";
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
    { hint: "Look at the file; when the cloud delivers again the month is tried anew.", cause: result.error },
  );
}

/**
 * The days that a folder `YYYYMMDD-YYYYMMDD` names, or undefined when they are no days. AWS names the first day that is
 * no longer part of the period, Azure the last one that is.
 */
export function folderPeriod(start: string, end: string, lastDay: "included" | "excluded"): DaySpan | undefined {
  const first = calendarDay(start, 0);
  const last = calendarDay(end, lastDay === "included" ? 0 : -1);
  return first === undefined || last === undefined || last < first ? undefined : { start: first, end: last };
}

/** The days of the month that a folder such as `year=2018/month=1` names, or undefined when there is no such month. */
export function monthPeriod(year: string, month: string): DaySpan | undefined {
  const days = daysInMonth(Number(year), Number(month));
  return days === 0 ? undefined : monthSpan(`${year}-${month.padStart(2, "0")}`);
}

function calendarDay(digits: string, shift: number): string | undefined {
  const [year, month, day] = [digits.slice(0, 4), digits.slice(4, 6), digits.slice(6, 8)].map(Number);
  const date = new Date(Date.UTC(year ?? 0, (month ?? 0) - 1, day));
  if (date.getUTCMonth() + 1 !== month) return undefined;
  date.setUTCDate(date.getUTCDate() + shift);
  return date.toISOString().slice(0, 10);
}
