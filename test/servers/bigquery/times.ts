const second = 1_000_000n;

const day = 86_400n * second;

/** Documented: standard-sql/data-types#timestamp_type; 0001-01-01 to 9999-12-31, in UTC. */
const earliest = -62_135_596_800n * second;

const latest = 253_402_300_800n * second - 1n;

const form =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[ Tt](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{0,6}))?)?)?(?:([Zz])|([+-]\d{1,2})(?::?(\d{2}))?| ([A-Za-z_/]+(?:[+-]\d+)?))?$/u;

/**
 * The microseconds since 1970 of the text of a TIMESTAMP; undefined if it is not valid
 * (documented: standard-sql/data-types#canonical_format_for_timestamp_literals). Of zone names it knows UTC and GMT.
 */
export function parseTimestamp(text: string): bigint | undefined {
  const parts = form.exec(text);
  if (parts === null) return undefined;
  const [, year, month, date, hour = "0", minute = "0", seconds = "0", fraction = "", , offset, more = "0", zone] =
    parts;
  if (zone !== undefined && !["UTC", "GMT", "Etc/UTC"].includes(zone)) return undefined;
  const days = daysOf(Number(year), Number(month), Number(date));
  if (days === undefined || Number(hour) > 23 || Number(minute) > 59 || Number(seconds) > 59) return undefined;
  const hours = Number(offset ?? "0");
  if (Math.abs(hours) > 14 || Number(more) > 59) return undefined;
  const shift = BigInt(hours * 60 + (offset?.startsWith("-") ? -Number(more) : Number(more)));
  const clock = BigInt(Number(hour) * 3600 + Number(minute) * 60 + Number(seconds)) * second;
  const micros = days * day + clock + BigInt(fraction.padEnd(6, "0")) - shift * 60n * second;
  return micros < earliest || micros > latest ? undefined : micros;
}

/** The microseconds since 1970 of the text of a DATETIME, which lacks a zone; undefined if it is not valid. */
export function parseDatetime(text: string): bigint | undefined {
  const parts = form.exec(text);
  return parts === null || parts[8] !== undefined || parts[9] !== undefined || parts[11] !== undefined
    ? undefined
    : parseTimestamp(text);
}

/** The days since 1970 of the text of a DATE; undefined if it is not valid. A date with a time is not a DATE. */
export function parseDate(text: string): number | undefined {
  const parts = /^(\d{4})-(\d{1,2})-(\d{1,2})$/u.exec(text);
  const days = parts && daysOf(Number(parts[1]), Number(parts[2]), Number(parts[3]));
  return days === undefined || days === null ? undefined : Number(days);
}

function daysOf(year: number, month: number, date: number): bigint | undefined {
  const moment = new Date(0);
  moment.setUTCFullYear(year, month - 1, date);
  const isReal = year >= 1 && moment.getUTCMonth() === month - 1 && moment.getUTCDate() === date;
  return isReal ? BigInt(moment.getTime() / 86_400_000) : undefined;
}

/** The parts of microseconds since 1970, each as text of its full width. */
export function partsOf(micros: bigint): { date: string; time: string; fraction: string } {
  let whole = micros / second;
  if (micros % second < 0n) whole -= 1n;
  const iso = new Date(Number(whole) * 1000).toISOString();
  return {
    date: iso.slice(0, 10),
    time: iso.slice(11, 19),
    fraction: (micros - whole * second).toString().padStart(6, "0"),
  };
}

/** A fraction of three or six digits, as casts to STRING write it; nothing when it is zero. */
export function shortFraction(fraction: string): string {
  if (fraction === "000000") return "";
  return fraction.endsWith("000") ? `.${fraction.slice(0, 3)}` : `.${fraction}`;
}

/** A TIMESTAMP as CAST writes it (documented: standard-sql/conversion_functions#cast_as_string; the zone is UTC). */
export function timestampText(micros: bigint): string {
  const { date, time, fraction } = partsOf(micros);
  return `${date} ${time}${shortFraction(fraction)}+00`;
}

/** A DATETIME as CAST writes it. */
export function datetimeText(micros: bigint, between = " "): string {
  const { date, time, fraction } = partsOf(micros);
  return `${date}${between}${time}${shortFraction(fraction)}`;
}

/** A time by a format of strftime; undefined for elements that it does not know. */
export function formatTime(format: string, micros: bigint): string | undefined {
  const { date, time, fraction } = partsOf(micros);
  const [year = "", month = "", dayOfMonth = ""] = date.split("-");
  const [hour = "", minute = "", seconds = ""] = time.split(":");
  const elements: Readonly<Record<string, string>> = {
    "%%": "%",
    "%Y": String(Number(year)),
    "%m": month,
    "%d": dayOfMonth,
    "%H": hour,
    "%M": minute,
    "%S": seconds,
    "%F": date,
    "%T": time,
    "%Z": "UTC",
    "%z": "+0000",
    "%Ez": "+00:00",
    "%E4Y": year,
    "%E3S": `${seconds}.${fraction.slice(0, 3)}`,
    "%E6S": `${seconds}.${fraction}`,
    // As many digits as there are.
    "%E*S": `${seconds}${fraction === "000000" ? "" : `.${fraction.replace(/0+$/u, "")}`}`,
  };
  let isKnown = true;
  const formatted = format.replaceAll(/%(?:E[*\d]?[A-Za-z]|.)/gu, (element) => {
    const found = elements[element];
    if (found === undefined) isKnown = false;
    return found ?? "";
  });
  return isKnown ? formatted : undefined;
}
