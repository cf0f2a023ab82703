import type { MonthStatus, PipelineStatus, StatusResult } from "../pipeline/events.ts";
import { status as readStatus } from "../pipeline/inspect.ts";
import type { CommandContext, ExitCode } from "./context.ts";
import { formatAge, formatCost, formatCount, formatNumber, formatTime } from "./figures.ts";
import { alignRows, jsonText, paint, shortId, visible } from "./output.ts";
import { heading, type ScreenStyle } from "./run-screen.ts";

/** What `billhouse status` is told. */
export interface StatusCommandOptions {
  readonly exports: readonly string[];
}

/** Shows what is loaded: months, executions, rows, costs, ages and gaps. */
export async function status(options: StatusCommandOptions, context: CommandContext): Promise<ExitCode> {
  const result = await readStatus(await context.loadConfig(), { pipelines: options.exports });
  const style = { colour: context.stdout.colour, verbose: context.flags.verbose };
  context.stdout.write(context.flags.json ? `${jsonText(result, 2)}\n` : statusScreen(result, context.now(), style));
  return 0;
}

/** What is loaded, for people. */
export function statusScreen(result: StatusResult, now: Date, style: ScreenStyle): string {
  return result.pipelines.map((pipeline) => `${pipelinePart(pipeline, now, style)}\n`).join("\n");
}

function pipelinePart(pipeline: PipelineStatus, now: Date, style: ScreenStyle): string {
  const { months, missing_months: missing } = pipeline;
  const notes = pipeline.notes.map((note) => `  ${paint(style, "changed", "!")} ${visible(note)}`);
  if (months.length === 0) {
    return [heading(pipeline, style), "  Nothing is loaded yet. billhouse run loads it.", ...notes].join("\n");
  }
  const loaded = new Map(months.map((month) => [month.billing_month, month]));
  const all = [...loaded.keys(), ...missing].toSorted();
  const rows = all.map((name) => {
    const month = loaded.get(name);
    return month === undefined ? [`  ${name}`, paint(style, "changed", "missing")] : loadedRow(month, now, style);
  });
  const titles = ["  month", "execution", "rows", "cost", "loaded (UTC)", "age"].map((title) =>
    paint(style, "quiet", title),
  );
  const lines = alignRows([titles, ...rows], ["left", "left", "right", "right", "left", "left"]);
  return [heading(pipeline, style), ...lines, `  ${total(pipeline)}`, ...notes].join("\n");
}

function loadedRow(month: MonthStatus, now: Date, style: ScreenStyle): string[] {
  return [
    `  ${month.billing_month}`,
    style.verbose ? visible(month.execution_id) : shortId(month.execution_id),
    month.rows === null ? "" : formatCount(month.rows),
    month.cost === null ? "" : ` ${formatCost(month.cost)}`,
    month.loaded_at === null ? "" : ` ${visible(formatTime(month.loaded_at))}`,
    month.loaded_at === null ? "" : paint(style, "quiet", formatAge(month.loaded_at, now)),
  ];
}

function total({ months, missing_months: missing }: PipelineStatus): string {
  const rows = months.reduce((sum, month) => sum + (month.rows ?? 0), 0);
  const known = months.every((month) => month.rows !== null);
  const gaps = missing.length === 0 ? "no gaps" : `${formatNumber(missing.length, "month")} missing`;
  return `${formatNumber(months.length, "month")}, ${known ? "" : "at least "}${formatNumber(rows, "row")}, ${gaps}`;
}
