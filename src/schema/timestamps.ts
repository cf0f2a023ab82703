import type { BillingMonth } from "../model.ts";
import { daysInMonth } from "./periods.ts";

const isoDate = String.raw`(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)`;
const azureDate = String.raw`(?<month>\d{1,2})/(?<day>\d{1,2})/(?<year>\d{4})`;
const timeOfDay = String.raw`[T ](?<hour>\d\d):(?<minute>\d\d)(?::(?<second>\d\d)(?:\.(?<fraction>\d{1,9}))?)?`;
const zone = String.raw`(?:Z| ?UTC|(?<sign>[+-])(?<zoneHour>\d\d)(?::(?<zoneMinute>\d\d))?)?`;
const isoForm = new RegExp(`^${isoDate}(?:${timeOfDay}${zone})?$`);
const azureForm = new RegExp(`^${azureDate}(?:${timeOfDay}${zone})?$`);

/**
 * The moment that a text in a bill names, as `2025-01-01T00:00:00.000000Z`; undefined when it names none.
 *
 * Formats: `YYYY-MM-DD` (AWS, FOCUS) and Azure's `M/D/YYYY`, with or without zeros and never day first, alone or followed
 * by `T` or a blank and `HH:MM[:SS[.f]]` with `Z`, ` UTC`, `±HH` or `±HH:MM`; without a zone it is UTC. Digits beyond the
 * microsecond are cut off, as both warehouses do. A day, an hour or an offset that does not exist is refused.
 */
export function parseTimestamp(text: string): string | undefined {
  const found = (isoForm.exec(text) ?? azureForm.exec(text))?.groups;
  if (found === undefined) return undefined;
  const year = Number(found["year"]);
  const month = Number(found["month"]);
  const day = Number(found["day"]);
  const hour = Number(found["hour"] ?? 0);
  const minute = Number(found["minute"] ?? 0);
  const second = Number(found["second"] ?? 0);
  if (year === 0 || day < 1 || day > daysInMonth(year, month) || hour > 23 || minute > 59 || second > 59) {
    return undefined;
  }
  const offsetHours = Number(found["zoneHour"] ?? 0);
  const offsetMinutes = Number(found["zoneMinute"] ?? 0);
  if (offsetHours > 23 || offsetMinutes > 59) return undefined;
  const offset = (found["sign"] === "-" ? -1 : 1) * (offsetHours * 60 + offsetMinutes);

  const minutes = hour * 60 + minute - offset;
  const days = Math.floor(minutes / 1440);
  const date = days === 0 ? `${found["year"]}-${padded(month)}-${padded(day)}` : movedDate(year, month, day + days);
  if (date === undefined) return undefined;
  const minuteOfDay = minutes - days * 1440;
  const time = `${padded(Math.floor(minuteOfDay / 60))}:${padded(minuteOfDay % 60)}:${padded(second)}`;
  return `${date}T${time}.${(found["fraction"] ?? "").slice(0, 6).padEnd(6, "0")}Z`;
}

/** The month, in UTC, of the moment that a text names; undefined when `parseTimestamp` cannot read it. */
export function monthOf(text: string): BillingMonth | undefined {
  return parseTimestamp(text)?.slice(0, 7);
}

/** The date with a day below 1 or beyond the end of its month carried over; undefined outside the years 1 to 9999. */
function movedDate(year: number, month: number, day: number): string | undefined {
  const moved = new Date(0);
  // Date.UTC would read the years 0 to 99 as 1900 to 1999.
  moved.setUTCFullYear(year, month - 1, day);
  const movedYear = moved.getUTCFullYear();
  return movedYear < 1 || movedYear > 9999 ? undefined : moved.toISOString().slice(0, 10);
}

function padded(number: number): string {
  return String(number).padStart(2, "0");
}
