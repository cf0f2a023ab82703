import type { KeptMonth, LoadedMonth, PipelineResult, RunFinished, ToldError } from "../pipeline/events.ts";
import type { Output } from "./context.ts";
import { formatBytes, formatCost, formatCount, formatNumber, formatSeconds } from "./figures.ts";
import { monthSpans } from "./months.ts";
import { alignRows, padCell, paint, visible } from "./output.ts";

/** What a screen depends on besides its data. */
export interface ScreenStyle extends Pick<Output, "colour"> {
  /** Whether nothing is shortened or left out. */
  readonly verbose: boolean;
}

/** The result of a run, for people: every export with its months, and a summary. */
export function runScreen(result: RunFinished, style: ScreenStyle): string {
  const parts = result.pipelines.map((pipeline) => pipelinePart(pipeline, style));
  return [...parts, runSummary(result, style)].join("\n\n") + "\n";
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
  const figures = loaded.length === 0 ? "" : `: ${formatCount(rows)} rows, ${formatBytes(bytes)}`;
  return `${capital(states.filter(Boolean).join(", "))}${figures} in ${formatSeconds(result.seconds)}`;
}

/** An error inside a screen: message with its code, and the hint below. */
export function errorLines(error: ToldError, style: Pick<Output, "colour">, indent: string): string[] {
  const [first = "", ...more] = error.message.split("\n").map(visible);
  const hint = error.hint.split("\n").map((line) => paint(style, "quiet", visible(line)));
  return [`${first}   ${paint(style, "bad", error.code)}`, ...[...more, ...hint].map((line) => indent + line)];
}

/** The name of an export and the table it fills, as a heading. */
export function heading(
  pipeline: { readonly name: string; readonly table: string },
  style: Pick<Output, "colour">,
): string {
  return `${paint(style, "strong", visible(pipeline.name))} -> ${visible(pipeline.table)}`;
}

function pipelinePart(pipeline: PipelineResult, style: ScreenStyle): string {
  const lines = [heading(pipeline, style)];
  if (pipeline.error !== undefined) {
    lines.push(`  ${paint(style, "bad", "✖")} ${errorLines(pipeline.error, style, "    ").join("\n")}`);
  }
  const months = [
    ...loadedMonths(pipeline.loaded, style),
    ...keptMonths(pipeline, style),
    ...failedMonths(pipeline, style),
  ];
  const sorted = months.toSorted((one, other) => (one.month < other.month ? -1 : one.month > other.month ? 1 : 0));
  lines.push(...sorted.flatMap(({ lines: own }) => own));
  if (months.length === 0 && pipeline.error === undefined) lines.push(paint(style, "quiet", "  No months."));
  return lines.join("\n");
}

/** As wide as `unchanged`, so that all months of an export line up. */
const stateWidth = 9;

interface MonthLines {
  readonly month: string;
  readonly lines: readonly string[];
}

function loadedMonths(loaded: readonly LoadedMonth[], style: ScreenStyle): MonthLines[] {
  const rows = loaded.map((month) => [
    `  ${paint(style, "good", "✔")} ${month.billing_month}`,
    padCell(month.action === "restated" ? paint(style, "changed", month.action) : month.action, stateWidth),
    formatNumber(month.rows, "row"),
    ` ${formatCost(month.cost)}`,
    ` ${formatNumber(month.files, "file")}`,
    formatBytes(month.bytes),
    formatSeconds(month.seconds),
  ]);
  const lines = alignRows(rows, ["left", "left", "right", "right", "right", "right", "right"]);
  return loaded.map((month, index) => ({
    month: month.billing_month,
    lines: [
      lines[index] ?? "",
      ...changes(month).map((note) => paint(style, "changed", `      ${note}`)),
      ...notes(month, style).map((note) => paint(style, "quiet", `      ${note}`)),
    ],
  }));
}

/** What a restatement changed: `2025-01 restated: 10,416 -> 10,080 rows, 1,705.76 -> 1,650.26 USD`. */
export function restatement({ billing_month: month, rows, cost, previous }: LoadedMonth): string | null {
  if (previous === null) return null;
  if (previous.same_figures) return `${month} loaded again: the same ${formatNumber(rows, "row")} and costs`;
  const count =
    previous.rows === rows ? formatNumber(rows, "row") : `${formatCount(previous.rows)} -> ${formatCount(rows)} rows`;
  const costs = formatCost(cost, previous.cost);
  const isSameInAll = previous.rows === rows && costs === formatCost(cost);
  const moved = isSameInAll ? ["as before in all, and divided otherwise"] : [];
  return `${month} restated: ${[count, costs, ...moved].filter(Boolean).join(", ")}`;
}

/** Whether this load changed a month that was final. */
export function isLoud({ state, previous }: LoadedMonth): boolean {
  return state === "restated-after-final" && previous !== null && !previous.same_figures;
}

function changes(month: LoadedMonth): string[] {
  const said = restatement(month);
  if (said === null) return [];
  return [said, ...(isLoud(month) ? ["THE MONTH WAS FINAL, AND IS NOT WHAT IT WAS."] : [])];
}

function notes(month: LoadedMonth, style: ScreenStyle): string[] {
  const limit = style.verbose ? month.schema_changes.length : 3;
  const changes = month.schema_changes.slice(0, limit).map(visible);
  const left = month.schema_changes.length - changes.length;
  return [
    ...changes,
    ...(left > 0 ? [`and ${formatNumber(left, "more change")} of columns (--verbose shows all)`] : []),
    ...(month.rounded_values > 0
      ? [`rounded ${formatNumber(month.rounded_values, "cost value")} to the digits that the table holds`]
      : []),
    ...(style.verbose ? [`execution ${visible(month.execution_id)}`] : []),
  ];
}

function keptMonths({ unchanged, waiting, refused }: PipelineResult, style: ScreenStyle): MonthLines[] {
  const few = style.verbose || unchanged.length <= 3;
  return [
    ...(few ? unchanged.map((month) => keptLine("=", "unchanged", month, style)) : [unchangedLine(unchanged, style)]),
    ...waiting.map((month) => keptLine("…", "waiting", month, style)),
    ...refused.map((month) => keptLine("!", "refused", month, style)),
  ];
}

function keptLine(mark: string, state: string, month: KeptMonth, style: ScreenStyle): MonthLines {
  const start = `  ${mark} ${month.billing_month}  `;
  const reason = visible(month.reason);
  const line =
    state === "unchanged"
      ? paint(style, "quiet", `${start}unchanged  ${reason}`)
      : `${start}${paint(style, "changed", state.padEnd(stateWidth))}  ${reason}`;
  return { month: month.billing_month, lines: [line] };
}

function unchangedLine(unchanged: readonly KeptMonth[], style: ScreenStyle): MonthLines {
  const months = unchanged.map((month) => month.billing_month).toSorted();
  const line = `  = ${formatNumber(months.length, "month")} unchanged, ${monthSpans(months)}`;
  return { month: months[0] ?? "", lines: [paint(style, "quiet", line)] };
}

function failedMonths({ failed }: PipelineResult, style: ScreenStyle): MonthLines[] {
  return failed.map((month) => {
    const start = `  ${paint(style, "bad", "✖")} ${month.billing_month}  ${paint(style, "bad", "failed".padEnd(stateWidth))}  `;
    return { month: month.billing_month, lines: [start + errorLines(month, style, " ".repeat(24)).join("\n")] };
  });
}

function words(count: number, state: string): string {
  return count === 0 ? "" : `${formatCount(count)} ${state}`;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
