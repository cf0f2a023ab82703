import { isLoadAction, type LoadedMonth } from "../pipeline/events.ts";
import type { CommandContext, LogEntry, Output } from "./context.ts";
import { formatBytes, formatCost, formatCount, formatNumber, formatSeconds } from "./figures.ts";
import { blockWidth, isContested, isWatched, startLiveBlock } from "./live-block.ts";
import { cutText, resultText, paint, visible, wrapText } from "./output.ts";
import { watchEvents } from "./progress.ts";

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
  const contested = isContested(context);
  const progress = watchEvents(context);
  const block = isWatched(context)
    ? startLiveBlock(stderr, () => {
        const width = blockWidth(stderr);
        const lines = progress.lines(context.now().getTime(), width);
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
      progress.see(event);
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

/**
 * Whether a run has to yield its progress: for a live block, or for `--json --verbose`. Anything else is shorter without it,
 * and the warehouse then does not measure how far it is.
 */
export function wantsProgress(context: CommandContext): boolean {
  const { json, verbose } = context.flags;
  return isWatched(context) || (json && verbose);
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
      if (isLoadAction(event.action) || (event.action === "unchanged" && !verbose)) return undefined;
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
      return runSummary(event, output);
    case "month_progress":
    case "publishing":
    default:
      return undefined;
  }
}

function monthName(event: { readonly name: string; readonly billingMonth: string }): string {
  return `${visible(event.name)} ${event.billingMonth}`;
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
