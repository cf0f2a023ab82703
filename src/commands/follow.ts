import { type LoadedMonth } from "../pipeline/events.ts";
import type { CommandContext, LogEntry, Output } from "./context.ts";
import { formatBytes, formatCost, formatCount, formatNumber, formatSeconds } from "./figures.ts";
import { cutText, resultText, paint, visible, wrapText } from "./output.ts";

import type { RunEvent, RunFinished } from "../pipeline/events.ts";

/**
 * Follows a run to its end and gives its last event, or undefined when it ended without one. With `--json` every event
 * is a line on stdout; stderr shows a live block on a terminal and plain lines in a pipe, unless `--quiet`. The closing line
 * is part of the result on stdout, and stderr has it only with `--json` or `--log-format`. Where stdout and stderr are the
 * same pipe, stderr leaves out everything that stdout shows.
 */
export async function followRun(
  events: AsyncIterable<RunEvent>,
  context: CommandContext,
): Promise<RunFinished | undefined> {
  const { stdout, stderr, flags, sharedOutput } = context;
  // Two writers on one terminal would tear each other's lines apart.
  const contested = flags.json && (stdout.isTerminal || sharedOutput);
  const live = !flags.quiet && stderr.isTerminal && !contested;
  let progress = startProgress(context.now().getTime());
  const block = live
    ? startLiveBlock(stderr, () => {
        const width = Math.max(stderr.columns - 1, 20);
        const lines = progressLines(progress, context.now().getTime(), width);
        return context.signal.aborted ? [...lines, cutText(stopping, width)] : lines;
      })
    : undefined;
  const announceStop = (): void => {
    if (block === undefined && !flags.quiet) stderr.write(`${stopping}\n`);
  };
  context.signal.addEventListener("abort", announceStop);
  let finished: RunFinished | undefined;
  const done: string[] = [];
  const stacks: string[] = [];
  try {
    for await (const event of events) {
      progress = advance(progress, event, context.now().getTime());
      if (flags.json) stdout.write(`${resultText(event)}\n`);
      if (event.event === "run_finished") finished = event;
      if (event.event === "month_failed" || event.event === "pipeline_failed") stacks.push(event.stack ?? "");
      const isResult = event.event === "run_finished" && !flags.json;
      const isShown = flags.logFormat === undefined && (isResult || (sharedOutput && onScreen.has(event.event)));
      const line = flags.quiet || contested || isShown ? undefined : eventLine(event, stderr, flags.verbose);
      if (line === undefined) continue;
      const wrapped = wrapText(line, stderr.columns, 2);
      if (block === undefined) stderr.write(`${wrapped}\n`, logEntry(event));
      else if (flags.verbose && event.event !== "run_finished") block.print(wrapped);
      else if (event.event === "month_loaded" || event.event === "month_failed") done.push(`${wrapped}\n`);
    }
  } finally {
    context.signal.removeEventListener("abort", announceStop);
    block?.stop();
    // A stopped run does not have a result to show; its finished months stay.
    if (finished === undefined) stderr.write(done.join(""));
    for (const stack of stacks.filter(Boolean)) stderr.write(`${stack.split("\n").map(visible).join("\n")}\n`);
  }
  return finished;
}

/** The events that the screen of `run` shows at the end. */
const onScreen: ReadonlySet<RunEvent["event"]> = new Set([
  "month_planned",
  "month_loaded",
  "month_failed",
  "pipeline_failed",
  "run_finished",
]);

/** An event as a log has it; the end of a run without the months, which had events of their own. */
function logEntry(event: RunEvent): LogEntry {
  if (event.event === "run_finished") return { level: "info", event: event.event, seconds: event.seconds };
  const failed = event.event === "month_failed" || event.event === "pipeline_failed";
  return { ...event, level: failed ? "error" : "info" };
}

const stopping = "Stopping: the month at work is rolled back. A second Ctrl-C stops at once.";

/** The plain line that an event makes in a log, or undefined when it makes none. */
export function eventLine(event: RunEvent, output: Pick<Output, "colour">, verbose: boolean): string | undefined {
  switch (event.event) {
    case "run_started": {
      const names = event.pipelines.map(({ name }) => visible(name)).join(", ");
      return `billhouse ${event.version} loads ${names} into ${visible(event.warehouse)}`;
    }
    case "export_found": {
      if (!verbose) return undefined;
      const what = `found ${event.kind} export ${visible(event.exportName)} in ${visible(event.url)}`;
      return `${visible(event.name)}: ${what}, ${formatNumber(event.months, "month")}`;
    }
    case "month_planned": {
      const toLoad = event.action === "new" || event.action === "restated";
      if (toLoad || (event.action === "unchanged" && !verbose)) return undefined;
      return `${monthName(event)}: ${event.action}. ${visible(event.reason)}`;
    }
    case "file_read": {
      if (!verbose) return undefined;
      return [
        `${monthName(event)}: read ${visible(event.key)}`,
        ...(event.rows === null ? [] : [formatNumber(event.rows, "row")]),
        formatBytes(event.bytes),
      ].join(", ");
    }
    case "month_loaded": {
      const figures = [formatNumber(event.rows, "row"), formatCost(event.cost)].filter(Boolean).join(", ");
      const said = restatement(event) ?? `${event.billingMonth} ${event.action}: ${figures}`;
      const final = changesFinalMonth(event) ? ", already final" : "";
      return `${visible(event.name)} ${said}${final}, ${formatSeconds(event.seconds)}`;
    }
    case "month_failed":
    case "pipeline_failed": {
      const place = event.event === "month_failed" ? monthName(event) : visible(event.name);
      return `${place}: ${paint(output, "bad", "failed")}, ${event.code}. ${visible(event.message)}`;
    }
    case "run_finished":
    default:
      return runSummary(event, output);
  }
}

function monthName(event: { readonly name: string; readonly billingMonth: string }): string {
  return `${visible(event.name)} ${event.billingMonth}`;
}

/** How far a run is, according to its events. */
export interface Progress {
  /** Milliseconds since 1970. */
  readonly started: number;
  /** About when the first file was requested: the rate counts from here. */
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

/** The progress of a run before its first event. */
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
      const current = { name: event.name, month: event.billingMonth, key: event.key };
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

/** The lines that a terminal shows during a run, none wider than `width`. */
export function progressLines(progress: Progress, time: number, width: number): string[] {
  const spinner = spinners[Math.floor(time / 100) % spinners.length] ?? "";
  const elapsed = formatSeconds((time - progress.started) / 1000);
  const months = [...progress.months.values()];
  if (months.length === 0) {
    const what =
      progress.exports === 0 ? "Starting" : `Looking for deliveries in ${formatNumber(progress.exports, "export")}`;
    return [cutText(`${spinner} ${what}   ${elapsed}`, width)];
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
      formatNumber(progress.rows, "row"),
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

function monthKey(event: { readonly name: string; readonly billingMonth: string }): string {
  return `${event.name}/${event.billingMonth}`;
}

function withMonth(
  progress: Progress,
  event: { readonly name: string; readonly billingMonth: string },
  month: MonthProgress,
): Progress {
  return { ...progress, months: new Map(progress.months).set(monthKey(event), month) };
}

/** Lines at the bottom of a terminal that are redrawn in place. */
export interface LiveBlock {
  /** Erases the block and gives the cursor back. Safe to repeat. */
  stop(): void;
  /** Prints lines above the block, to stay. */
  print(text: string): void;
}

/** Shows the cursor again, for a program that ends while a block is drawn. */
export const showCursor = "\u001b[?25h";

/** Draws a block ten times a second, until it is stopped. */
export function startLiveBlock(output: Output, lines: () => readonly string[]): LiveBlock {
  let drawn = 0;
  let stopped = false;
  // Lines are overwritten and not erased first, so that the block does not flicker.
  const draw = (before: readonly string[] = []): void => {
    const block = lines();
    const text = [...before, ...block].map((line) => `${line}${eraseRest}\n`).join("");
    output.write(`${toStart(drawn)}${text}${eraseBelow}`);
    drawn = block.length;
  };
  output.write("\u001b[?25l");
  draw();
  const timer = setInterval(() => draw(), 100);
  return {
    stop(): void {
      if (stopped) return;
      stopped = true;
      clearInterval(timer);
      output.write(`${toStart(drawn)}${eraseBelow}${showCursor}`);
    },
    print(text: string): void {
      draw(text.split("\n"));
    },
  };
}

const eraseRest = "\u001b[K";
const eraseBelow = "\u001b[J";

/** Moves the cursor to the start of a block of so many lines above it. */
function toStart(lines: number): string {
  return lines === 0 ? "\r" : `\r\u001b[${lines}A`;
}

/** One line about a whole run. */
export function runSummary(result: RunFinished, style: Pick<Output, "colour">): string {
  const loaded = result.pipelines.flatMap((pipeline) => pipeline.loaded);
  const count = (state: "unchanged" | "waiting" | "refused" | "failed"): number =>
    result.pipelines.reduce((sum, pipeline) => sum + pipeline[state].length, 0);
  const broken = result.pipelines.filter((pipeline) => pipeline.error !== undefined).length;
  const rest = (["unchanged", "waiting", "refused"] as const).map((state) => words(count(state), state));
  const bad = [words(count("failed"), "failed"), broken === 0 ? "" : `${formatNumber(broken, "export")} failed`];
  const states = [
    loaded.length === 0
      ? bad.every((text) => text === "")
        ? "nothing to load"
        : "no month loaded"
      : `${formatNumber(loaded.length, "month")} loaded`,
    ...rest,
    ...bad.map((text) => paint(style, "bad", text)),
  ];
  const rows = loaded.reduce((sum, month) => sum + month.rows, 0);
  const bytes = loaded.reduce((sum, month) => sum + month.bytes, 0);
  const figures = loaded.length === 0 ? "" : `: ${formatNumber(rows, "row")}, ${formatBytes(bytes)}`;
  return `${capital(states.filter(Boolean).join(", "))}${figures} in ${formatSeconds(result.seconds)}`;
}

/** What a restatement changed: `2025-01 restated: 10,416 -> 10,080 rows, 1,705.76 -> 1,650.26 USD`. */
export function restatement({ billingMonth: month, rows, cost, isRestatement, previous }: LoadedMonth): string | null {
  if (previous === null) return null;
  if (previous.sameFigures) return `${month} loaded again: the same ${formatNumber(rows, "row")} and costs`;
  const count =
    previous.rows === rows ? formatNumber(rows, "row") : `${formatCount(previous.rows)} -> ${formatCount(rows)} rows`;
  const costs = formatCost(cost, previous.cost);
  const isSameInAll = previous.rows === rows && costs === formatCost(cost);
  const moved = isSameInAll ? ["same total, distributed differently"] : [];
  return `${month} ${isRestatement ? "restated" : "updated"}: ${[count, costs, ...moved].filter(Boolean).join(", ")}`;
}

/** Whether this load changed a month that was final. */
export function changesFinalMonth({ state, previous }: LoadedMonth): boolean {
  return state === "restated-after-final" && previous !== null && !previous.sameFigures;
}

function words(count: number, state: string): string {
  return count === 0 ? "" : `${formatCount(count)} ${state}`;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
