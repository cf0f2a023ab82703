import type { RunEvent } from "../pipeline/events.ts";
import { formatBytes, formatCount, formatNumber, formatSeconds } from "./figures.ts";
import { cutText, visible } from "./output.ts";

/** How far a run is, as its events tell. */
export interface Progress {
  /** Milliseconds since 1970. */
  readonly started: number;
  /** When the first file was asked for, as far as can be told: the rate counts from here. */
  readonly planned: number | null;
  readonly exports: number;
  /** The months to load, by export and billing month. */
  readonly months: ReadonlyMap<string, MonthProgress>;
  readonly rows: number;
  /** The file that was read last. */
  readonly current: { readonly name: string; readonly month: string; readonly key: string } | null;
}

interface MonthProgress {
  readonly files: number;
  readonly bytes: number;
  readonly filesRead: number;
  readonly bytesRead: number;
  readonly done: boolean;
}

/** The progress of a run that has told nothing yet. */
export function startProgress(time: number): Progress {
  return { started: time, planned: null, exports: 0, months: new Map(), rows: 0, current: null };
}

/** The progress after one more event. */
export function advance(progress: Progress, event: RunEvent, time: number): Progress {
  switch (event.event) {
    case "run_started":
      return { ...progress, exports: event.pipelines.length };
    case "month_planned": {
      if (event.action !== "new" && event.action !== "restated") return progress;
      const { files, bytes } = event;
      const month = { files, bytes, filesRead: 0, bytesRead: 0, done: false };
      return { ...withMonth(progress, event, month), planned: progress.planned ?? time };
    }
    case "file_read": {
      const current = { name: event.name, month: event.billing_month, key: event.key };
      const month = progress.months.get(monthKey(event));
      const rows = progress.rows + (event.rows ?? 0);
      if (month === undefined) return { ...progress, rows, current };
      const read = { filesRead: month.filesRead + 1, bytesRead: month.bytesRead + event.bytes };
      return { ...withMonth(progress, event, { ...month, ...read }), rows, current };
    }
    case "month_loaded":
    case "month_failed": {
      // What a failed month did not read will not be read: it counts as done, or time left would never end.
      const month = progress.months.get(monthKey(event));
      if (month === undefined) return progress;
      return withMonth(progress, event, { ...month, filesRead: month.files, bytesRead: month.bytes, done: true });
    }
    case "export_found":
    case "pipeline_failed":
    case "run_finished":
    default:
      return progress;
  }
}

/** The lines that a terminal shows while a run goes on, none wider than `width`. */
export function progressLines(progress: Progress, time: number, width: number): string[] {
  const spinner = spinners[Math.floor(time / 100) % spinners.length] ?? "";
  const elapsed = formatSeconds((time - progress.started) / 1000);
  const months = [...progress.months.values()];
  if (months.length === 0) {
    return [
      cutText(`${spinner} Looking for deliveries in ${formatNumber(progress.exports, "export")}   ${elapsed}`, width),
    ];
  }
  const sum = (figure: "files" | "bytes" | "filesRead" | "bytesRead"): number =>
    months.reduce((total, month) => total + month[figure], 0);
  const bytes = sum("bytes");
  const bytesRead = Math.min(sum("bytesRead"), bytes);
  const done = months.filter((month) => month.done).length;
  const share = bytes > 0 ? bytesRead / bytes : done / months.length;
  const { current } = progress;
  const place = current === null ? "Reading" : `${visible(current.name)} ${current.month}`;
  const file = current === null ? "" : visible(current.key.slice(current.key.lastIndexOf("/") + 1));
  const seconds = Math.max((time - (progress.planned ?? time)) / 1000, 0);
  const rate = seconds >= 1 ? bytesRead / seconds : 0;
  const left = rate > 0 && bytesRead < bytes ? `${formatSeconds(Math.ceil((bytes - bytesRead) / rate))} left` : "";
  return [
    `${spinner} ${place}   ${file}`.trimEnd(),
    `  ${bar(share)} ${String(Math.floor(share * 100)).padStart(3)} %   ${formatCount(done)} of ${formatNumber(months.length, "month")}`,
    [
      `  ${formatCount(sum("filesRead"))} of ${formatNumber(sum("files"), "file")}`,
      `${formatBytes(bytesRead)} of ${formatBytes(bytes)}`,
      `${formatCount(progress.rows)} rows`,
      rate > 0 ? `${formatBytes(rate)}/s` : "",
      left === "" ? elapsed : left,
    ]
      .filter(Boolean)
      .join("   "),
  ].map((line) => cutText(line, width));
}

const spinners = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const barWidth = 30;

function bar(share: number): string {
  const full = Math.round(Math.min(share, 1) * barWidth);
  return "━".repeat(full) + "╌".repeat(barWidth - full);
}

function monthKey(event: { readonly name: string; readonly billing_month: string }): string {
  return `${event.name}/${event.billing_month}`;
}

function withMonth(
  progress: Progress,
  event: { readonly name: string; readonly billing_month: string },
  month: MonthProgress,
): Progress {
  return { ...progress, months: new Map(progress.months).set(monthKey(event), month) };
}
