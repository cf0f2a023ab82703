import { type FailedMonth, isLoadAction, type PlannedMonth } from "../pipeline/events.ts";
import type { PlannedPipeline, PlanResult } from "../pipeline/plan.ts";
import { monthSpans } from "../schema/periods.ts";
import { type CommandContext, type ExitCode, exitCodes, type Perform, type Program } from "./context.ts";
import { formatBytes, formatNumber, noteSource } from "./figures.ts";
import { daySpans, example, exportsAndMonths, readScope, type Scope, withMonths } from "./flags.ts";
import {
  errorLines,
  heading,
  resultText,
  type Look,
  noteLine,
  paint,
  screenStyle,
  type ScreenStyle,
  visible,
  errorText,
  wrapText,
} from "./output.ts";
import { alignSentences } from "./tables.ts";
import { type Row, writeCsv } from "./query-formats.ts";

/** Registers `billhouse plan`. */
export function addPlan(program: Program, perform: Perform): void {
  withMonths(program.command("plan"))
    .description("Show what run would do, month by month, and why. Writes nothing.")
    .argument("[export-or-month...]", exportsAndMonths)
    .option(
      "--force",
      "also plan unchanged, refused and waiting deliveries, unless a file is missing or has the wrong size",
    )
    .option("--detailed-exitcode", "exit with 2 when there is something to load")
    .option("--csv", "write CSV with a header, a line for each month")
    .addHelpText("after", example("billhouse plan aws_cur --from 2025-01"))
    .action((words, { force, detailedExitcode, csv, ...months }) =>
      perform.reading((context) => {
        const flags = {
          force: force === true,
          accept: [],
          detailedExitcode: detailedExitcode === true,
          csv: csv === true,
        };
        return plan({ ...readScope(words, months), ...flags }, context);
      }),
    );
}

/** Options of `billhouse plan`. */
export interface PlanCommandOptions extends Scope {
  readonly force: boolean;
  /** Checks that the run would waive: `run --dry-run --accept scope`. */
  readonly accept: readonly string[];
  readonly detailedExitcode: boolean;
  readonly csv: boolean;
}

/** Shows what a run would do, and why. Writes nothing. */
export async function plan(options: PlanCommandOptions, context: CommandContext): Promise<ExitCode> {
  const { plan: planPipelines } = await import("../pipeline/plan.ts");
  const result = await planPipelines(await context.loadConfig(), {
    pipelines: options.exports,
    months: options.months,
    force: options.force,
    accept: options.accept,
    now: context.now(),
    signal: context.signal,
  });
  noteSource(result, context);
  if (context.flags.json) context.stdout.write(`${resultText(result, 2)}\n`);
  else if (options.csv) writeCsv(csvColumns, csvRows(result), context.stdout);
  else context.stdout.write(planScreen(result, screenStyle(context)));
  if (result.pipelines.some((pipeline) => pipeline.failed.length > 0)) return exitCodes.monthsFailed;
  if (result.pipelines.some((pipeline) => pipeline.error !== undefined)) return exitCodes.failed;
  return options.detailedExitcode && toLoad(result).length > 0 ? exitCodes.toLoad : exitCodes.done;
}

/** What the screen shows of a plan. */
type Plan = Pick<PlanResult, "pipelines">;

/** A plan, for people. */
export function planScreen(result: Plan, style: ScreenStyle): string {
  const parts = result.pipelines.map((pipeline) => pipelinePart(pipeline, style));
  return [...parts, wrapText(summary(result), style.columns, 0)].join("\n\n") + "\n";
}

const csvColumns = "pipeline table billing_month action reason execution_id files bytes missing_days".split(" ");

function* csvRows({ pipelines }: PlanResult): Generator<Row> {
  for (const { name, table, months, failed } of pipelines) {
    for (const { billingMonth, action, reason, executionId, files, bytes, missingDays } of months) {
      const place = { pipeline: name, table, billing_month: billingMonth, action, reason };
      yield { ...place, execution_id: executionId, files, bytes, missing_days: daySpans(missingDays) };
    }
    for (const { billingMonth, code, message } of failed) {
      yield { pipeline: name, table, billing_month: billingMonth, action: "failed", reason: `${code}: ${message}` };
    }
  }
}

const marks: Readonly<Record<PlannedMonth["action"], { readonly mark: string; readonly look: Look | null }>> = {
  new: { mark: "+", look: "good" },
  restated: { mark: "~", look: "changed" },
  reloaded: { mark: "~", look: "changed" },
  unchanged: { mark: "=", look: "quiet" },
  waiting: { mark: "…", look: null },
  refused: { mark: "!", look: "changed" },
};

function pipelinePart(pipeline: PlannedPipeline, style: ScreenStyle): string {
  const lines = [heading(pipeline, style)];
  if (pipeline.error !== undefined) {
    lines.push(`  ${paint(style, "bad", "✖")} ${errorLines(pipeline.error, style, 4).join("\n")}`);
  }
  const unchanged = pipeline.months.filter(({ action }) => action === "unchanged");
  const fold = !style.verbose && unchanged.length > 3;
  const folded = fold ? unchanged.filter((month) => month.missingDays.length === 0) : [];
  const shown = pipeline.months.filter((month) => !folded.includes(month));
  const drawn = [...shown.map((month) => ({ month, failed: false as const })), ...failedOf(pipeline)];
  drawn.sort((one, other) => one.month.billingMonth.localeCompare(other.month.billingMonth));
  if (folded.length > 0) {
    const months = folded.map((month) => month.billingMonth);
    const text = `${formatNumber(months.length, "month")} unchanged, ${monthSpans(months)}`;
    lines.push(paint(style, "quiet", `  = ${wrapText(text, style.columns, 4)}`));
  }
  const rows = drawn.map((entry) => (entry.failed ? failedRow(entry.month, style) : plannedRow(entry.month, style)));
  lines.push(...alignSentences(rows, ["left", "left", "right", "right", "left"], style.columns));
  lines.push(...pipeline.notes.map((note) => noteLine(note, style)));
  if (lines.length === 1) lines.push(paint(style, "quiet", "  No months."));
  return lines.join("\n");
}

function failedOf(pipeline: PlannedPipeline): { readonly month: FailedMonth; readonly failed: true }[] {
  return pipeline.failed.map((month) => ({ month, failed: true as const }));
}

function plannedRow(month: PlannedMonth, style: ScreenStyle): string[] {
  const { mark, look } = marks[month.action];
  const paintLook = (text: string): string => (look === null ? text : paint(style, look, text));
  const missing = month.missingDays.length === 0 ? "" : ` Missing: ${daySpans(month.missingDays)}.`;
  const files = month.files === 0 ? "" : formatNumber(month.files, "file");
  const bytes = month.files === 0 ? "" : formatBytes(month.bytes);
  return [
    `  ${paintLook(mark)} ${month.billingMonth}`,
    paintLook(month.action),
    files,
    bytes,
    paint(style, "quiet", visible(month.reason) + missing + passedOver(month, style)),
  ];
}

/** A month to date has a run for each day, all of which are passed over but one. */
const namedRuns = 3;

/** The runs that are not part of a month that is loaded, by id; `--verbose` names all of them, also of other months. */
function passedOver({ action, passedOver: runs }: PlannedMonth, { verbose }: ScreenStyle): string {
  if (runs.length === 0 || !(isLoadAction(action) || verbose)) return "";
  const named = (verbose ? runs : runs.slice(0, namedRuns)).map((run) => visible(run.executionId));
  const more = runs.length - named.length;
  return ` Passed over: ${named.join(", ")}${more > 0 ? ` and ${more} more (--verbose)` : ""}.`;
}

function failedRow(month: FailedMonth, style: ScreenStyle): string[] {
  const mark = paint(style, "bad", "✖");
  return [`  ${mark} ${month.billingMonth}`, paint(style, "bad", "failed"), "", "", errorText(month, style)];
}

function toLoad(result: Plan): PlannedMonth[] {
  return result.pipelines.flatMap((pipeline) => pipeline.months).filter(({ action }) => isLoadAction(action));
}

/** What the warehouse bills for the work, where it bills for bytes. */
function billed(result: Plan): string {
  const bytes = result.pipelines.flatMap((pipeline) => pipeline.billedBytes ?? []);
  return bytes.length === 0 ? "" : `, which bills about ${formatBytes(bytes.reduce((sum, each) => sum + each, 0))}`;
}

function summary(result: Plan): string {
  const months = toLoad(result);
  const failed = result.pipelines.reduce((sum, pipeline) => sum + pipeline.failed.length, 0);
  const broken = result.pipelines.filter((pipeline) => pipeline.error !== undefined).length;
  const bad = [
    failed === 0 ? "" : `${formatNumber(failed, "month")} cannot be loaded`,
    broken === 0 ? "" : `${formatNumber(broken, "export")} cannot be planned`,
  ].filter(Boolean);
  const files = months.reduce((sum, month) => sum + month.files, 0);
  const bytes = months.reduce((sum, month) => sum + month.bytes, 0);
  const work =
    months.length === 0
      ? "Nothing to load"
      : `${formatNumber(months.length, "month")} to load, ${formatNumber(files, "file")}, ${formatBytes(bytes)}${billed(result)}`;
  return `${[work, ...bad].join("; ")}.`;
}
