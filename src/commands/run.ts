import { userInfo } from "node:os";
import { BillhouseError, quoted } from "../errors.ts";
import { type CommandContext, type ExitCode, exitCodes, type Perform, type Program } from "./context.ts";
import { formatBytes, formatCost, formatNumber, formatSeconds } from "./figures.ts";
import { addWord, daySpans, example, exportsAndMonths, readScope, type Scope, withMonths } from "./flags.ts";
import { changesFinalMonth, followRun, restatement, runSummary, wantsProgress } from "./follow.ts";
import {
  errorLines,
  errorText,
  executionNames,
  heading,
  noteLine,
  padCell,
  paint,
  type ScreenStyle,
  visible,
  screenStyle,
  warningParts,
  wrapText,
} from "./output.ts";
import { alignSentences, fitRows } from "./tables.ts";
import { watchRun } from "./notify.ts";
import { plan } from "./plan.ts";
import type { KeptMonth, LoadedMonth, PipelineResult, RunFinished } from "../pipeline/events.ts";
import { subtractDecimals } from "../schema/decimals.ts";
import { dayInWords, monthSpans } from "../schema/periods.ts";

/** Registers `billhouse run`. */
export function addRun(program: Program, perform: Perform): void {
  withMonths(program.command("run"))
    .description("Load every new or restated month. Each month is replaced as a whole or not at all.")
    .argument("[export-or-month...]", exportsAndMonths)
    .option(
      "--force",
      "also load unchanged, refused and waiting deliveries, unless a file is missing or has the wrong size",
    )
    .option(
      "--accept <check>",
      "waive a check for this run: row-count, scope, other-months or second-copy; with --month also shrink, gap, removed-files or repeated-charges (repeatable)",
      addWord,
    )
    .option("--reason <text>", "why a gap is accepted; stored in the month's receipt")
    .option(
      "--jobs <number>",
      "number of files that are read at the same time (default: one per core, 2 to 4); with BigQuery, number of months (8)",
      parseJobs,
    )
    .option("--dry-run", "the same as plan")
    .addHelpText("after", example("billhouse run aws_cur --month 2025-01"))
    .action((words, { force, accept = [], reason, jobs, dryRun, ...months }) => {
      const scope = readScope(words, months);
      if (dryRun === true) {
        const options = { ...scope, force: force === true, accept, detailedExitcode: false, csv: false };
        return perform.reading((context) => plan(options, context));
      }
      return perform.writing((context) => run({ ...scope, force: force === true, accept, reason, jobs }, context));
    });
}

/** Options of `billhouse run`. */
export interface RunCommandOptions extends Scope {
  readonly force: boolean;
  readonly accept: readonly string[];
  /** Why something is accepted. */
  readonly reason: string | undefined;
  readonly jobs: number | undefined;
}

/** Loads every month that is new or restated. */
export async function run(options: RunCommandOptions, context: CommandContext): Promise<ExitCode> {
  if (options.reason !== undefined && !options.accept.includes("gap")) {
    throw new BillhouseError("USAGE_INVALID", "--reason says why a gap is accepted, and --accept gap is missing.", {
      hint: 'For example: billhouse run aws_cur --accept gap --month 2025-01 --reason "moved in January"',
    });
  }
  const { run: runPipelines } = await import("../pipeline/run.ts");
  const config = await context.loadConfig();
  const watch = config.notify === null ? null : await watchRun(config, options.exports, context);
  const events = runPipelines(config, {
    pipelines: options.exports,
    months: options.months,
    force: options.force,
    accept: options.accept,
    acceptedBy: { who: userName(context), ...(options.reason === undefined ? {} : { why: options.reason }) },
    now: context.now(),
    signal: context.signal,
    debug: context.flags.debug,
    progress: wantsProgress(context),
    holder: { pid: process.pid, command: "billhouse run" },
    ...(options.jobs === undefined ? {} : { jobs: options.jobs }),
  });
  const finished = await followRun(events, context).catch(async (error: unknown) => {
    await watch?.failed(error);
    throw error;
  });
  if (finished === undefined) throw new Error("The run ended without its last event.");
  const { flags, sharedOutput } = context;
  const isSilent =
    flags.json || (flags.quiet && isUneventful(finished)) || (flags.logFormat !== undefined && sharedOutput);
  if (!isSilent) context.stdout.write(runScreen(finished, screenStyle(context)));
  await watch?.finished(finished);
  return runExitCode(finished);
}

/** The number that `--jobs` takes. Error: USAGE_INVALID. */
function parseJobs(text: string): number {
  const jobs = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (jobs >= 1 && jobs <= 64) return jobs;
  throw new BillhouseError("USAGE_INVALID", `--jobs takes a whole number from 1 to 64, not ${quoted(text)}.`, {
    hint: "Leave it out to let billhouse choose.",
  });
}

/** Who runs the command, as the operating system knows it. */
function userName({ environment }: CommandContext): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a user id without a name.
    return environment["USER"] ?? "an unknown user";
  }
}

/** Whether a run changed nothing and has nothing to report, so that `--quiet` prints nothing. */
function isUneventful({ pipelines, warnings }: RunFinished): boolean {
  if (warnings.length > 0) return false;
  return pipelines.every(
    ({ loaded, refused, failed, acceptedGaps, notes, error }) =>
      loaded.length + refused.length + failed.length + acceptedGaps.length + notes.length === 0 && error === undefined,
  );
}

/** The exit code of a run: whether months failed, or only whole exports. */
export function runExitCode(finished: RunFinished): ExitCode {
  if (finished.pipelines.some((pipeline) => pipeline.failed.length > 0)) return exitCodes.monthsFailed;
  return finished.pipelines.some((pipeline) => pipeline.error !== undefined) ? exitCodes.failed : exitCodes.done;
}

/** The result of a run, for people: every export with its months, and a summary. */
export function runScreen(result: RunFinished, style: ScreenStyle): string {
  const parts = result.pipelines.map((pipeline) => pipelinePart(pipeline, style));
  return (
    [...parts, ...warningParts(result.warnings, style), wrapText(runSummary(result, style), style.columns, 0)].join(
      "\n\n",
    ) + "\n"
  );
}

function pipelinePart(pipeline: PipelineResult, style: ScreenStyle): string {
  const lines = [heading(pipeline, style)];
  if (pipeline.error !== undefined) {
    lines.push(`  ${paint(style, "bad", "✖")} ${errorLines(pipeline.error, style, 4).join("\n")}`);
  }
  const months = [
    ...loadedMonths(pipeline.loaded, style),
    ...keptMonths(pipeline, style),
    ...failedMonths(pipeline, style),
    ...acceptedGaps(pipeline, style),
  ];
  const sorted = months.toSorted((one, other) => (one.month < other.month ? -1 : one.month > other.month ? 1 : 0));
  lines.push(...sorted.flatMap(({ lines: own }) => own), ...pipeline.notes.map((note) => noteLine(note, style)));
  if (lines.length === 1) lines.push(paint(style, "quiet", "  No months."));
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
    `  ${paint(style, "good", "✔")} ${month.billingMonth}`,
    padCell(month.action === "restated" ? paint(style, "changed", month.action) : month.action, stateWidth),
    formatNumber(month.rows, "row"),
    ` ${formatCost(month.cost)}`,
    ` ${formatNumber(month.files, "file")}`,
    formatBytes(month.bytes),
    formatSeconds(month.seconds),
  ]);
  // Month, state, rows and cost are always shown.
  const lines = fitRows(rows, ["left", "left", "right", "right", "right", "right", "right"], style.columns, 4);
  return loaded.map((month, index) => ({
    month: month.billingMonth,
    lines: [
      lines[index] ?? "",
      ...[...billNotes(month), ...changes(month)].map((note) => paint(style, "changed", monthNote(note, style))),
      ...notes(month, style).map((note) => paint(style, "quiet", monthNote(note, style))),
    ],
  }));
}

function monthNote(note: string, style: ScreenStyle): string {
  return `      ${wrapText(note, style.columns, 6)}`;
}

/** Notes on the month as a bill. */
function billNotes(month: LoadedMonth): string[] {
  const { state, missingDays: days, accepted, dataUntil: until } = month;
  const partial = state === "partial" ? `partial${accepted ? " (accepted)" : ""}: ` : "";
  return [
    ...(days.length === 0 ? [] : [`${partial}${daySpans(days)} missing`]),
    ...(month.dataEndsEarly && until !== null ? [`data ends ${dayInWords(until)}`] : []),
    ...(month.lateCharges
      ? ["late charges: only support, tax, credits or corrections changed since it was final"]
      : []),
  ];
}

function changes(month: LoadedMonth): string[] {
  const said = restatement(month);
  if (said === null) return [];
  return [said, ...(changesFinalMonth(month) ? [finalMonthNote(month)] : [])];
}

/** How a load changed a month that was final: `This month was already final; its bill changed by -1,936.03 USD.` */
function finalMonthNote({ cost, previous }: LoadedMonth): string {
  const before = previous?.cost ?? {};
  const currencies = [...new Set([...Object.keys(before), ...Object.keys(cost)])];
  const changes = currencies
    .map((currency) => [currency, subtractDecimals(cost[currency] ?? "0", before[currency] ?? "0")] as const)
    .filter(([, amount]) => amount !== "0")
    .map(([currency, amount]) => `${amount.startsWith("-") ? "" : "+"}${formatCost({ [currency]: amount })}`);
  const what =
    changes.length === 0 ? "its rows changed, its total did not" : `its bill changed by ${changes.join(", ")}`;
  return `This month was already final; ${what}.`;
}

function notes(month: LoadedMonth, style: ScreenStyle): string[] {
  const limit = style.verbose ? month.schemaChanges.length : 3;
  const changes = month.schemaChanges.slice(0, limit).map(visible);
  const left = month.schemaChanges.length - changes.length;
  return [
    ...month.notes.map(visible),
    ...changes,
    ...(left > 0 ? [`and ${formatNumber(left, "more change")} of columns (--verbose shows all)`] : []),
    ...(month.roundedValues > 0
      ? [
          `${formatNumber(month.roundedValues, "cost value")} ${month.roundedValues === 1 ? "was" : "were"} rounded to the digits that the table holds.`,
        ]
      : []),
    ...(style.verbose ? [`execution ${executionNames(month.executionIds, style)}`] : []),
  ];
}

function keptMonths({ unchanged, waiting, refused }: PipelineResult, style: ScreenStyle): MonthLines[] {
  const few = style.verbose || unchanged.length <= 3;
  const shown = few ? unchanged : unchanged.filter((month) => month.missingDays.length > 0);
  const folded = unchanged.filter((month) => !shown.includes(month));
  return [
    ...(folded.length === 0 ? [] : [unchangedLine(folded, style)]),
    ...shown.map((month) => keptLine("=", "unchanged", month, style)),
    ...waiting.map((month) => keptLine("…", "waiting", month, style)),
    ...refused.map((month) => keptLine("!", "refused", month, style)),
  ];
}

function keptLine(mark: string, state: string, month: KeptMonth, style: ScreenStyle): MonthLines {
  const days = month.missingDays.length === 0 ? "" : ` Missing: ${daySpans(month.missingDays)}.`;
  const isQuiet = state === "unchanged";
  const cell = isQuiet ? state : paint(style, "changed", state);
  const line = monthLine(mark, month.billingMonth, cell, visible(month.reason) + days, style);
  return { month: month.billingMonth, lines: [isQuiet ? paint(style, "quiet", line) : line] };
}

/** A month with a sentence about it, which starts in the same column for all months. */
function monthLine(mark: string, month: string, state: string, sentence: string, style: ScreenStyle): string {
  const row = [`  ${mark} ${month}`, padCell(state, stateWidth), sentence];
  return alignSentences([row], ["left", "left", "left"], style.columns).join("\n");
}

function acceptedGaps({ acceptedGaps: gaps }: PipelineResult, style: ScreenStyle): MonthLines[] {
  return gaps.map(({ billingMonth: month, missingDays: days }) => {
    const what =
      days.length === 0
        ? `${month} does not have a gap to accept: none of its days are missing`
        : `${month} is partial (accepted): ${daySpans(days)} missing`;
    return { month, lines: [paint(style, "changed", monthNote(what, style))] };
  });
}

function unchangedLine(unchanged: readonly KeptMonth[], style: ScreenStyle): MonthLines {
  const months = unchanged.map((month) => month.billingMonth).toSorted();
  const text = `${formatNumber(months.length, "month")} unchanged, ${monthSpans(months)}`;
  // The line precedes all months, as in a plan.
  return { month: "", lines: [paint(style, "quiet", `  = ${wrapText(text, style.columns, 4)}`)] };
}

function failedMonths({ failed }: PipelineResult, style: ScreenStyle): MonthLines[] {
  return failed.map((month) => {
    const [mark, state] = [paint(style, "bad", "✖"), paint(style, "bad", "failed")];
    return {
      month: month.billingMonth,
      lines: [monthLine(mark, month.billingMonth, state, errorText(month, style), style)],
    };
  });
}
