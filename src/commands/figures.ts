import type { AccountNames } from "../answers/bills.ts";
import type { AnswerLoad } from "../answers/loads.ts";
import type { CurrencySums } from "../model.ts";
import { lastName } from "../pipeline/reconcile/names.ts";
import type { ReadSource } from "../pipeline/open.ts";
import { formatAmount, powerOfTen, readDecimal } from "../schema/decimals.ts";
import { monthSpans } from "../schema/periods.ts";
import type { CommandContext } from "./context.ts";
import { displayWidth, padCell, paint, type ScreenStyle, visible, wrapText } from "./output.ts";

export { formatAmount };

/** A whole number with grouped thousands: `10,080`. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A number and its noun: `1 file`, `4 files`. */
export function formatNumber(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** Costs per currency, `1,650.26 USD`; with what was there before, `1,705.76 -> 1,650.26 USD`. */
export function formatCost(cost: CurrencySums, before: CurrencySums | null = null): string {
  return Object.entries(cost)
    .map(([currency, amount]) => {
      const now = formatAmount(amount);
      const old = before?.[currency];
      const change = old === undefined || formatAmount(old) === now ? now : `${formatAmount(old)} -> ${now}`;
      return currency === "" ? change : `${change} ${visible(currency)}`;
    })
    .join(", ");
}

/**
 * Costs of rows of a table, a line for each currency, so that right-aligned lines align at the decimal point:
 * `1,650.26 USD`. A row without a cost has one empty line.
 */
export function costCells(
  costs: readonly (CurrencySums | null)[],
  format: (amount: string) => string = formatAmount,
): string[][] {
  const names = costs.flatMap((cost) => Object.keys(cost ?? {})).map(visible);
  const width = Math.max(0, ...names.map((name) => displayWidth(name)));
  return costs.map((cost) => {
    const lines = Object.entries(cost ?? {}).map(([currency, amount]) =>
      width === 0 ? format(amount) : `${format(amount)} ${padCell(visible(currency), width)}`,
    );
    return lines.length === 0 ? [""] : lines;
  });
}

/** An amount with its sign, also where it is positive: `+4.25`. */
export function formatChange(amount: string): string {
  const text = formatAmount(amount);
  return amount.startsWith("-") || amount === "0" ? text : `+${text}`;
}

/** An account as a screen shows it: its name, else the end of its id; with `--verbose` the name and the whole id. */
export function accountCell(id: string, names: AccountNames, { verbose }: { readonly verbose: boolean }): string {
  const name = Object.hasOwn(names, id) ? names[id] : undefined;
  if (verbose) return name === undefined ? id : `${name} (${id})`;
  return name ?? lastName(id);
}

/** Whether an amount is shown as zero: it is less than half a cent. */
export function isShownAsZero(amount: string): boolean {
  return /^-?0\.00$/.test(formatAmount(amount));
}

/** A number of rows that were added or removed, with its sign: `+15`, `-8`, `0`. */
export function formatRowChange(rows: number): string {
  return rows === 0 ? "0" : `${rows > 0 ? "+" : "-"}${formatCount(Math.abs(rows))}`;
}

/** Bytes in decimal units, as file managers and clouds count them: `620 kB`, `1.2 GB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let unit = 0;
  // 999.5 would be shown as 1000.
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.5 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** A span of time: `1.2 s`, `12 s`, `2 min 5 s`, `1 h 20 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 59.5) return `${seconds.toFixed(seconds < 9.95 ? 1 : 0)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** How long ago something was: `just now`, `5 minutes ago`, `3 days ago`. */
export function formatAge(time: string, now: Date): string {
  const minutes = Math.floor((now.getTime() - Date.parse(time)) / 60_000);
  if (!Number.isFinite(minutes)) return "";
  if (minutes < 1) return "just now";
  if (minutes < 120) return `${formatNumber(minutes, "minute")} ago`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${formatNumber(hours, "hour")} ago` : `${formatNumber(Math.floor(hours / 24), "day")} ago`;
}

/** A time to the minute in UTC: `2025-02-03 04:05`. */
export function formatTime(time: string): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? time : date.toISOString().slice(0, 16).replace("T", " ");
}

/** A share as a percentage: `12.4 %`. */
export function formatShare(share: string | null): string {
  return share === null ? "" : `${(Number(share) * 100).toFixed(1)} %`;
}

/**
 * A bar that is as long as an amount is a part of the whole, which is `width` characters long, to an eighth of a character.
 * Nothing for an amount that is not positive, and for a whole that is not. Both are exact decimals.
 */
export function barOf(amount: string, whole: string, width: number): string {
  const [part, all] = [readDecimal(amount), readDecimal(whole)];
  const [size, largest] = [part.coefficient * powerOfTen(all.scale), all.coefficient * powerOfTen(part.scale)];
  if (size <= 0n || largest <= 0n) return "";
  const eighths = Number((size * BigInt(width) * 8n + largest / 2n) / largest);
  return "█".repeat(Math.floor(eighths / 8)) + " ▏▎▍▌▋▊▉".charAt(eighths % 8).trimEnd();
}

/**
 * Which loads the figures of an answer come from, as a part of a screen: exports, months, rows, and when they were proved. With
 * `--verbose` each load follows with its executions. Nothing without loads.
 */
export function sourcePart(loads: readonly AnswerLoad[], style: ScreenStyle): string[] {
  if (loads.length === 0) return [];
  const exports = [...Map.groupBy(loads, (load) => load.export)].map(
    ([name, own]) => `${name} ${monthSpans(own.map(({ billingMonth }) => billingMonth))}`,
  );
  const rows = loads.reduce((sum, load) => sum + (load.rows ?? 0), 0);
  const times = loads.flatMap(({ verifiedAt }) => verifiedAt ?? []).toSorted();
  const [first, last] = [times.at(0), times.at(-1)].map((time) => (time === undefined ? "" : formatTime(time)));
  const verified = first === last ? `${last}` : `${first} to ${last}`;
  const unverified = loads.length - times.length;
  const proof = [
    ...(times.length > 0 ? [`verified ${verified} UTC`] : []),
    ...(unverified > 0 ? [`${formatNumber(unverified, "load")} not verified by billhouse`] : []),
  ];
  const line = `Source: ${exports.join(", ")}; ${formatNumber(rows, "row")}, ${proof.join(", ")}`;
  const each = loads.map(
    ({ export: name, billingMonth, executionIds, rows: own }) =>
      `    ${visible(name)} ${billingMonth}: ${executionIds.map(visible).join(", ")}, ${own === null ? "rows unknown" : formatNumber(own, "row")}`,
  );
  const lines = [`  ${wrapText(visible(line), style.columns, 2)}`, ...(style.verbose ? each : [])];
  return [lines.map((text) => paint(style, "quiet", text)).join("\n")];
}

/** Says on stderr that an answer was read from the published copy, because a run is at work; nothing where the database was read. */
export function noteSource(
  source: ReadSource,
  { flags, stderr, now }: Pick<CommandContext, "flags" | "stderr" | "now">,
): void {
  const { lockedBy, publishedAt: published } = source;
  if (lockedBy === null || flags.quiet) return;
  const shown =
    published === null
      ? "Nothing has been published yet, so nothing is shown as loaded."
      : `This is the copy that was published at ${formatTime(published)} UTC (${formatAge(published, now())}).`;
  stderr.write(`${wrapText(`${visible(lockedBy)} ${shown}`, stderr.columns, 0)}\n`);
}
