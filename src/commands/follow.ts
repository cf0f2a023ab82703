import type { RunEvent, RunFinished } from "../pipeline/events.ts";
import type { CommandContext, Output } from "./context.ts";
import { formatBytes, formatCost, formatCount, formatNumber, formatSeconds } from "./figures.ts";
import { startLiveBlock } from "./live-block.ts";
import { cutText, jsonText, paint, visible } from "./output.ts";
import { advance, progressLines, startProgress } from "./progress.ts";
import { isLoud, restatement, runSummary } from "./run-screen.ts";

/**
 * Follows a run to its end and gives its last event, or undefined when it ended without one. With `--json` every event
 * is a line on stdout; stderr shows a live block on a terminal and plain lines in a pipe, unless `--quiet`.
 */
export async function followRun(
  events: AsyncIterable<RunEvent>,
  context: CommandContext,
): Promise<RunFinished | undefined> {
  const { stdout, stderr, flags } = context;
  // Two writers on one terminal would tear each other's lines apart.
  const contested = flags.json && stdout.isTerminal;
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
  try {
    for await (const event of events) {
      progress = advance(progress, event, context.now().getTime());
      if (flags.json) stdout.write(`${jsonText(event)}\n`);
      if (event.event === "run_finished") finished = event;
      const line = flags.quiet || contested ? undefined : eventLine(event, stderr, flags.verbose);
      if (line === undefined) continue;
      if (block === undefined) stderr.write(`${line}\n`);
      else if (flags.verbose && event.event !== "run_finished") block.print(line);
      else if (event.event === "month_loaded" || event.event === "month_failed") done.push(`${line}\n`);
    }
  } finally {
    context.signal.removeEventListener("abort", announceStop);
    block?.stop();
    // A run that was stopped has no result to show, and what it finished stays.
    if (finished === undefined) stderr.write(done.join(""));
  }
  return finished;
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
      const what = `found ${event.kind} export ${visible(event.export_name)} in ${visible(event.url)}`;
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
        ...(event.rows === null ? [] : [`${formatCount(event.rows)} rows`]),
        formatBytes(event.bytes),
      ].join(", ");
    }
    case "month_loaded": {
      const figures = [formatNumber(event.rows, "row"), formatCost(event.cost)].filter(Boolean).join(", ");
      const said = restatement(event) ?? `${event.billing_month} ${event.action}: ${figures}`;
      const loud = isLoud(event) ? ", AFTER IT WAS FINAL" : "";
      return `${visible(event.name)} ${said}${loud}, ${formatSeconds(event.seconds)}`;
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

function monthName(event: { readonly name: string; readonly billing_month: string }): string {
  return `${visible(event.name)} ${event.billing_month}`;
}
