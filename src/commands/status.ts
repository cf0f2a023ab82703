import type { MonthState, MonthStatus, PipelineStatus, StatusResult } from "../pipeline/status.ts";
import { status as readStatus } from "../pipeline/status.ts";
import type { CommandContext, ExitCode } from "./context.ts";
import { formatAge, formatBytes, formatCost, formatCount, formatNumber, formatTime } from "./figures.ts";
import {
  alignRows,
  errorLines,
  heading,
  jsonText,
  type Look,
  paint,
  type ScreenStyle,
  shortId,
  visible,
} from "./output.ts";

/** What `billhouse status` is told. */
export interface StatusCommandOptions {
  readonly exports: readonly string[];
  readonly offline: boolean;
  /** Seconds. */
  readonly maxAge: number | undefined;
}

/** Shows what is loaded: months and what they are as bills, executions, rows, costs, ages and gaps. 4 when it is too old, 1 when an export cannot be read. */
export async function status(options: StatusCommandOptions, context: CommandContext): Promise<ExitCode> {
  const { exports: pipelines, offline, maxAge } = options;
  const now = context.now();
  const age = maxAge === undefined ? {} : { maxAge };
  const result = await readStatus(await context.loadConfig(), {
    pipelines,
    offline,
    now,
    signal: context.signal,
    ...age,
  });
  const style = { colour: context.stdout.colour, verbose: context.flags.verbose };
  context.stdout.write(context.flags.json ? `${jsonText(result, 2)}\n` : statusScreen(result, now, style));
  if (result.pipelines.some(({ error }) => error !== undefined)) return 1;
  return result.pipelines.some(({ stale }) => stale === true) ? 4 : 0;
}

/** What is loaded, for people. */
export function statusScreen(result: StatusResult, now: Date, style: ScreenStyle): string {
  return result.pipelines.map((pipeline) => `${pipelinePart(pipeline, now, style)}\n`).join("\n");
}

function pipelinePart(pipeline: PipelineStatus, now: Date, style: ScreenStyle): string {
  const { months } = pipeline;
  const notes = notesOf(pipeline, now).map(({ look, text }) => `  ${paint(style, look, "!")} ${visible(text)}`);
  if (pipeline.error !== undefined) {
    const error = errorLines(pipeline.error, style, "    ").join("\n");
    return [heading(pipeline, style), `  ${paint(style, "bad", "✖")} ${error}`].join("\n");
  }
  if (months.length === 0) {
    return [heading(pipeline, style), "  Nothing is loaded yet. billhouse run loads it.", ...notes].join("\n");
  }
  const rows = months.toReversed().map((month) => monthRow(month, now, style));
  const titles = ["  month", "state", "execution", "rows", "cost", "loaded (UTC)", "age"].map((title) =>
    paint(style, "quiet", title),
  );
  const lines = alignRows([titles, ...rows], ["left", "left", "left", "right", "right", "left", "left"]);
  return [heading(pipeline, style), ...lines, `  ${total(pipeline)}`, ...notes].join("\n");
}

const looks: Readonly<Record<MonthState, Look | null>> = {
  open: "quiet",
  estimated: null,
  final: "good",
  "restated-after-final": "bad",
  waiting: "changed",
  refused: "changed",
  missing: "changed",
  forgotten: "changed",
};

function monthRow(month: MonthStatus, now: Date, style: ScreenStyle): string[] {
  const { state, finality } = month;
  const look = looks[state];
  // What is loaded, and what lies before it.
  const words = finality === null || finality === state ? state : `${finality}, ${state}`;
  return [
    `  ${month.billing_month}`,
    look === null ? words : paint(style, look, words),
    style.verbose ? visible(month.execution_id ?? "") : shortId(month.execution_id),
    month.rows === null ? "" : formatCount(month.rows),
    month.cost === null ? "" : ` ${formatCost(month.cost)}`,
    month.loaded_at === null ? "" : ` ${visible(formatTime(month.loaded_at))}`,
    month.loaded_at === null ? "" : paint(style, "quiet", formatAge(month.loaded_at, now)),
  ];
}

function notesOf(pipeline: PipelineStatus, now: Date): { readonly look: Look; readonly text: string }[] {
  const { name, months, stale, newest_load: newest, notes } = pipeline;
  const changed = months.filter(({ finality }) => finality === "restated-after-final");
  const held = months.filter(({ reason }) => reason !== null);
  const age =
    newest === null
      ? "Nothing is loaded, which is older than --max-age allows."
      : `The newest load was made ${formatAge(newest, now)}, which is longer than --max-age allows.`;
  return [
    ...changed.toReversed().map(({ billing_month: month }) => ({
      look: "bad" as const,
      text: `${month} was final and has changed since: billhouse diff ${name} ${month} shows what.`,
    })),
    ...(stale === true ? [{ look: "bad" as const, text: age }] : []),
    ...[...held.toReversed().map(({ billing_month: month, reason }) => `${month}: ${reason}`), ...notes].map(
      (text) => ({
        look: "changed" as const,
        text,
      }),
    ),
  ];
}

function total({ months, missing_months: missing, kept }: PipelineStatus): string {
  const loaded = months.filter(({ execution_id: id }) => id !== null);
  const rows = loaded.reduce((sum, month) => sum + (month.rows ?? 0), 0);
  const known = loaded.every((month) => month.rows !== null);
  const gaps = missing.length === 0 ? "no gaps" : `${formatNumber(missing.length, "month")} missing`;
  const copies = kept === null ? "" : `; ${formatNumber(kept.loads, "earlier load")} kept, ${formatBytes(kept.bytes)}`;
  return `${formatNumber(loaded.length, "month")}, ${known ? "" : "at least "}${formatNumber(rows, "row")}, ${gaps}${copies}`;
}
