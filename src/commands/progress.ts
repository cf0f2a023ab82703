import { isLoadAction, type LoadPhase, type RunEvent } from "../pipeline/events.ts";
import type { CommandContext } from "./context.ts";
import { formatBytes, formatCount, formatNumber, formatSeconds } from "./figures.ts";
import { cutText, visible } from "./output.ts";
import { estimate, type Estimate, formatLeft, rateOf, startEstimate } from "./remaining.ts";

/** How far a run is, according to its events. */
export interface Progress {
  /** Milliseconds since 1970. */
  readonly started: number;
  readonly exports: number;
  /** The months to load, by export and billing month, in the order in which they were planned. */
  readonly months: ReadonlyMap<string, WatchedMonth>;
  readonly rows: number;
  /** The file that was read last. */
  readonly file: string;
  readonly isPublishing: boolean;
  /** Of the whole run; null until its months are planned. */
  readonly estimate: Estimate | null;
}

interface WatchedMonth {
  readonly title: string;
  readonly files: number;
  readonly bytes: number;
  readonly filesRead: number;
  readonly bytesRead: number;
  readonly bytesInserted: number;
  readonly jobs: { readonly done: number; readonly total: number } | null;
  readonly share: number;
  readonly phase: LoadPhase | null;
  readonly done: boolean;
}

/** The progress of a run before its first event. */
export function startProgress(time: number): Progress {
  return { started: time, exports: 0, months: new Map(), rows: 0, file: "", isPublishing: false, estimate: null };
}

/** The progress after one more event. */
export function advance(progress: Progress, event: RunEvent, time: number): Progress {
  switch (event.event) {
    case "run_started":
      return { ...progress, exports: event.pipelines.length };
    case "month_planned": {
      if (!isLoadAction(event.action)) return progress;
      const { files, bytes } = event;
      const nothing = { filesRead: 0, bytesRead: 0, bytesInserted: 0, jobs: null, share: 0, phase: null, done: false };
      const month = { title: `${visible(event.name)} ${event.billingMonth}`, files, bytes, ...nothing };
      return { ...withMonth(progress, event, month), estimate: progress.estimate ?? startEstimate(time) };
    }
    case "file_read": {
      const file = visible(event.key.slice(event.key.lastIndexOf("/") + 1));
      const rows = progress.rows + (event.rows ?? 0);
      const month = progress.months.get(monthKey(event));
      if (month === undefined) return { ...progress, rows, file };
      return { ...withMonth(progress, event, { ...month, filesRead: month.filesRead + 1 }), rows, file };
    }
    case "month_progress": {
      const month = progress.months.get(monthKey(event));
      if (month === undefined) return progress;
      const { phase, bytesRead, bytesInserted, jobs, share } = event;
      return withMonth(progress, event, { ...month, phase, bytesRead, bytesInserted, jobs, share });
    }
    case "month_loaded":
    case "month_failed": {
      // What a failed month did not read will not be read: it counts as done, or time left would never end.
      const month = progress.months.get(monthKey(event));
      if (month === undefined) return progress;
      const { files, bytes } = month;
      const all = { filesRead: files, bytesRead: bytes, bytesInserted: bytes, share: 1, done: true };
      return withMonth(progress, event, { ...month, ...all });
    }
    case "publishing":
      return { ...progress, isPublishing: true };
    case "export_found":
    case "pipeline_failed":
    case "run_finished":
    default:
      return progress;
  }
}

/** The block of a run, or of an undo, from the events that `see` receives. */
export function watchEvents(context: Pick<CommandContext, "now">): {
  see(this: void, event: RunEvent): void;
  lines(this: void, time: number, width: number): string[];
} {
  let progress = startProgress(context.now().getTime());
  return {
    see(event) {
      progress = advance(progress, event, context.now().getTime());
    },
    lines(time, width) {
      progress = passTime(progress, time);
      return progressLines(progress, time, width);
    },
  };
}

/** What publishing takes of the time of a load: measured with 1,000,000 rows. */
const publishingShare = 0.01;

/** The progress at a later time, with its estimates. Called at each redraw. */
export function passTime(progress: Progress, time: number): Progress {
  if (progress.estimate === null) return progress;
  const months = [...progress.months.values()];
  const bytes = months.reduce((sum, month) => sum + month.bytes, 0);
  const done = months.reduce((sum, month) => sum + month.share * (bytes > 0 ? month.bytes : 1), 0);
  const share = (1 - publishingShare) * (done / (bytes > 0 ? bytes : months.length));
  return { ...progress, estimate: estimate(progress.estimate, share, time) };
}

/** The lines that a terminal shows during a run, none wider than `width`. */
export function progressLines(progress: Progress, time: number, width: number): string[] {
  const elapsed = time - progress.started;
  const months = [...progress.months.values()];
  if (progress.estimate === null) {
    const what =
      progress.exports === 0 ? "Starting" : `Looking for deliveries in ${formatNumber(progress.exports, "export")}`;
    return blockLines({ title: what, elapsed }, time, width);
  }
  const sum = (figure: "files" | "bytes" | "filesRead" | "bytesRead" | "bytesInserted"): number =>
    months.reduce((total, month) => total + month[figure], 0);
  const jobs = months.flatMap((month) => (month.jobs === null || month.done ? [] : [month.jobs]));
  const count = (figure: "done" | "total"): number => jobs.reduce((total, each) => total + each[figure], 0);
  const { share, left } = progress.estimate;
  const [bytes, bytesInserted] = [sum("bytes"), sum("bytesInserted")];
  const done = months.filter((month) => month.done).length;
  return blockLines(
    {
      title: titleOf(progress),
      elapsed,
      share,
      left: progress.isPublishing ? null : left,
      count: `${formatCount(done)} of ${formatNumber(months.length, "month")}`,
      figures: [
        partOf(sum("filesRead"), sum("files"), (count) => formatNumber(count, "file"), formatCount),
        `${partOf(sum("bytesRead"), bytes, formatBytes)} read`,
        bytesInserted > 0 ? `${formatBytes(bytesInserted)} inserted` : "",
        jobs.length > 0 ? `${formatCount(count("done"))} of ${formatNumber(count("total"), "load job")}` : "",
        rateOf(progress.estimate, bytes),
        progress.rows > 0 ? formatNumber(progress.rows, "row") : "",
      ],
    },
    time,
    width,
  );
}

/** `3 of 5 files`, and `5 files` once all are done. */
export function partOf(
  done: number,
  all: number,
  format: (count: number) => string,
  formatDone: (count: number) => string = format,
): string {
  return done < all ? `${formatDone(done)} of ${format(all)}` : format(all);
}

/** What is done now: months are loaded in the order of their plan, and read ahead. */
function titleOf({ months, file, isPublishing }: Progress): string {
  if (isPublishing) return "Publishing";
  const open = [...months.values()].filter((month) => !month.done && month.phase !== null);
  const loading = open.filter(({ phase }) => phase !== "reading");
  const [first, ...others] = loading.length > 0 ? loading : open.slice(0, 1);
  if (first === undefined) return [...months.values()].every(({ done }) => done) ? "Finishing" : "Preparing";
  const more = others.length === 0 ? "" : ` and ${formatNumber(others.length, "more month")}`;
  const place = first.phase === "reading" && file !== "" ? `   ${file}` : "";
  return `${phaseTitles[first.phase ?? "reading"]} ${first.title}${more}${place}`;
}

const phaseTitles: Readonly<Record<LoadPhase, string>> = {
  reading: "Reading",
  inserting: "Inserting",
  checking: "Checking",
  committing: "Committing",
};

/** What a block shows about work of any kind. Texts are `visible`. */
export interface Shown {
  readonly title: string;
  /** Milliseconds since the work started. */
  readonly elapsed: number;
  /** From 0 to 1; absent while the amount of work is unknown. */
  readonly share?: number;
  /** Milliseconds. */
  readonly left?: number | null;
  /** What is done of the largest unit of work: `1 of 3 months`. */
  readonly count?: string;
  /** The most important ones first: those that do not fit are left out. */
  readonly figures?: readonly string[];
}

/** The lines of a block, none wider than `width`: one, or three if the amount of work is known. */
export function blockLines(shown: Shown, time: number, width: number): string[] {
  const { title, elapsed, share, left = null, count = "", figures = [] } = shown;
  const spinner = spinners[Math.floor(time / 100) % spinners.length] ?? "";
  const spent = formatSeconds(Math.max(elapsed, 0) / 1000);
  const known = figures.filter((figure) => figure !== "");
  if (share === undefined) {
    const rest = [...known, spent].join("   ");
    return [cutText(`${spinner} ${cutText(title, Math.max(width - rest.length - 5, 10))}   ${rest}`, width)];
  }
  const percent = `${String(Math.floor(share * 100)).padStart(3)} %`;
  const start = [`  ${bar(share, width < 100 ? 20 : 30)} ${percent}`, count].filter(Boolean).join("   ");
  const rest = formatLeft(left);
  const ends = rest === "" ? [] : [`${spent}, ${rest}`, rest];
  const end = ends.find((each) => start.length + 3 + each.length <= width) ?? spent;
  return [
    cutText(`${spinner} ${title}`, width),
    cutText(`${start}   ${end}`, width),
    cutText(`  ${fitting(known, width - 2)}`, width),
  ];
}

/** As many texts as fit, at least the first. */
function fitting(texts: readonly string[], width: number): string {
  let line = texts[0] ?? "";
  for (const text of texts.slice(1)) {
    const longer = `${line}   ${text}`;
    if (longer.length > width) break;
    line = longer;
  }
  return line;
}

const spinners = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

function bar(share: number, width: number): string {
  const full = Math.floor(Math.min(share, 1) * width);
  return "━".repeat(full) + "╌".repeat(width - full);
}

function monthKey(event: { readonly name: string; readonly billingMonth: string }): string {
  return `${event.name}/${event.billingMonth}`;
}

function withMonth(
  progress: Progress,
  event: { readonly name: string; readonly billingMonth: string },
  month: WatchedMonth,
): Progress {
  return { ...progress, months: new Map(progress.months).set(monthKey(event), month) };
}
