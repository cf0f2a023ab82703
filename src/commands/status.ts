import type { MonthState, MonthStatus, PipelineStatus, StatusResult } from "../pipeline/status.ts";
import { BillhouseError, quoted } from "../errors.ts";
import { type CommandContext, type ExitCode, exitCodes, type Perform, type Program } from "./context.ts";
import { formatAge, formatBytes, formatCost, formatCount, formatNumber, formatTime, noteSource } from "./figures.ts";
import { daySpans, example, exportsOnly } from "./flags.ts";
import {
  alignRows,
  errorLines,
  heading,
  resultText,
  type Look,
  paint,
  type ScreenStyle,
  shortId,
  visible,
} from "./output.ts";

/** Registers `billhouse status`. */
export function addStatus(program: Program, perform: Perform): void {
  program
    .command("status")
    .description("Show what is loaded: months and whether they are final, executions, rows, costs, ages and gaps.")
    .argument("[export...]", exportsOnly)
    .option("--max-age <time>", "exit with 4 when the newest load of an export is older, such as 36h", parseAge)
    .option(
      "--check",
      "exit with 4 when something needs attention: days or months missing, a final month restated, ...",
    )
    .option("--offline", "do not look for new deliveries in the storage")
    .addHelpText("after", example("billhouse status --check"))
    .action((exports, { maxAge, offline, check }) =>
      perform.reading((context) =>
        status({ exports, maxAge, offline: offline === true, check: check === true }, context),
      ),
    );
}

/** Options of `billhouse status`. */
export interface StatusCommandOptions {
  readonly exports: readonly string[];
  readonly offline: boolean;
  /** Whether what needs attention is a failure. */
  readonly check: boolean;
  /** Seconds. */
  readonly maxAge: number | undefined;
}

/**
 * Shows what is loaded: months and what they are as bills, executions, rows, costs, ages and gaps. 1 when an export cannot be
 * read; 4 when it is too old, or when something needs attention and `check` is set.
 */
export async function status(options: StatusCommandOptions, context: CommandContext): Promise<ExitCode> {
  const { status: readStatus } = await import("../pipeline/status.ts");
  const { exports: pipelines, offline, maxAge, check } = options;
  const now = context.now();
  const age = maxAge === undefined ? {} : { maxAge };
  const result = await readStatus(await context.loadConfig(), {
    pipelines,
    offline,
    now,
    signal: context.signal,
    ...age,
  });
  noteSource(result, context);
  const style = { colour: context.stdout.colour, verbose: context.flags.verbose };
  context.stdout.write(context.flags.json ? `${resultText(result, 2)}\n` : statusScreen(result, now, style));
  if (result.pipelines.some(({ error }) => error !== undefined)) return exitCodes.failed;
  const isWell = result.pipelines.every(({ stale, attention }) => stale !== true && !(check && attention.length > 0));
  return isWell ? exitCodes.done : exitCodes.checkFailed;
}

/** The seconds of a span of time such as `36h`: minutes (m), hours (h), days (d). Error: USAGE_INVALID. */
function parseAge(text: string): number {
  const match = /^(\d{1,6})(m|h|d)$/.exec(text);
  const seconds = { m: 60, h: 3600, d: 86_400 }[match?.[2] ?? ""];
  if (match !== null && seconds !== undefined) return Number(match[1]) * seconds;
  throw new BillhouseError("USAGE_INVALID", `--max-age takes a time such as 36h, not ${quoted(text)}.`, {
    hint: "Write a whole number and m for minutes, h for hours or d for days.",
  });
}

/** What is loaded, for people. */
export function statusScreen(result: Pick<StatusResult, "pipelines">, now: Date, style: ScreenStyle): string {
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
  partial: "bad",
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
  const look = month.accepted ? null : looks[state];
  // What is loaded, and what lies before it.
  const words = finality === null ? state : [billWords(month), ...(finality === state ? [] : [state])].join(", ");
  return [
    `  ${month.billingMonth}`,
    look === null ? words : paint(style, look, words),
    style.verbose ? visible(month.executionId ?? "") : shortId(month.executionId),
    month.rows === null ? "" : formatCount(month.rows),
    month.cost === null ? "" : ` ${formatCost(month.cost)}`,
    month.loadedAt === null ? "" : ` ${visible(formatTime(month.loadedAt))}`,
    month.loadedAt === null ? "" : paint(style, "quiet", formatAge(month.loadedAt, now)),
  ];
}

/** What the loaded rows are as a bill: `final (invoice), late charges`. */
function billWords({ finality, finalBasis: basis, lateCharges: isLate, accepted }: MonthStatus): string {
  const detail = basis ?? (finality === "partial" && accepted ? "accepted" : null);
  return `${finality}${detail === null ? "" : ` (${detail})`}${isLate ? ", late charges" : ""}`;
}

function notesOf(pipeline: PipelineStatus, now: Date): { readonly look: Look; readonly text: string }[] {
  const { months, attention, stale, newestLoad: newest, notes } = pipeline;
  const oldestFirst = months.toReversed();
  const age =
    newest === null
      ? "Nothing is loaded, which is older than --max-age allows."
      : `The newest load was made ${formatAge(newest, now)}, which is longer than --max-age allows.`;
  const bad = [...attention.toReversed().map(({ reason }) => reason), ...(stale === true ? [age] : [])];
  const changed = [
    ...oldestFirst.flatMap(({ billingMonth: month, accepted, missingDays: days }) =>
      accepted ? [`${month}: ${daySpans(days)} missing, which was accepted.`] : [],
    ),
    ...oldestFirst.flatMap(({ billingMonth: month, notFinalBecause: because }) =>
      because === null ? [] : [`${month} is not final: ${because}.`],
    ),
    ...oldestFirst.flatMap(({ billingMonth: month, reason }) => (reason === null ? [] : [`${month}: ${reason}`])),
    ...oldestFirst.flatMap(({ billingMonth: month, notes: own }) => own.map((note) => `${month}: ${note}`)),
    ...notes,
  ];
  return [
    ...bad.map((text) => ({ look: "bad" as const, text })),
    ...changed.map((text) => ({ look: "changed" as const, text })),
  ];
}

function total({ months, missingMonths: missing, kept }: PipelineStatus): string {
  const loaded = months.filter(({ executionId: id }) => id !== null);
  const rows = loaded.reduce((sum, month) => sum + (month.rows ?? 0), 0);
  const known = loaded.every((month) => month.rows !== null);
  const partial = months.filter(({ finality }) => finality === "partial");
  const gaps = [
    missing.length === 0 ? "" : `${formatNumber(missing.length, "month")} missing`,
    partial.length === 0 ? "" : `${formatNumber(partial.length, "month")} partial`,
  ].filter(Boolean);
  const copies = kept === null ? "" : `; ${formatNumber(kept.loads, "earlier load")} kept, ${formatBytes(kept.bytes)}`;
  return `${formatNumber(loaded.length, "month")}, ${known ? "" : "at least "}${formatNumber(rows, "row")}, ${gaps.join(", ") || "no gaps"}${copies}`;
}
