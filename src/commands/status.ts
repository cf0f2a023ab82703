import type { PipelineStatus, StatusResult } from "../pipeline/status.ts";
import type { MonthState, MonthStatus } from "../pipeline/status/month.ts";
import { BillhouseError, quoted } from "../errors.ts";
import { monthSpans } from "../schema/periods.ts";
import { type CommandContext, type ExitCode, exitCodes, type Perform, type Program } from "./context.ts";
import { costCells, formatAge, formatBytes, formatCount, formatNumber, formatTime, noteSource } from "./figures.ts";
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
  shortId,
  visible,
  wrapText,
} from "./output.ts";
import { fitTable } from "./tables.ts";
import { type Row, writeCsv } from "./query-formats.ts";

/** Registers `billhouse status`. */
export function addStatus(program: Program, perform: Perform): void {
  withMonths(program.command("status"))
    .description("Show what is loaded: months and whether they are final, executions, rows, costs, ages and gaps.")
    .argument("[export-or-month...]", exportsAndMonths)
    .option("--all", `show every month, not only the newest ${newestMonths} of each export`)
    .option("--max-age <time>", "exit with 4 when the newest load of an export is older, such as 36h", parseAge)
    .option(
      "--check",
      "exit with 4 when something needs attention: days or months missing, a final month restated, ...",
    )
    .option("--offline", "do not look for new deliveries in the storage")
    .option("--csv", "write CSV with a header, a line for each month and currency")
    .addHelpText("after", example("billhouse status --check"))
    .action((words, { all, maxAge, offline, check, csv, ...months }) =>
      perform.reading((context) => {
        const flags = { all: all === true, offline: offline === true, check: check === true, csv: csv === true };
        return status({ ...readScope(words, months), ...flags, maxAge }, context);
      }),
    );
}

/** How many months of an export are shown by default: a year, and the month a year ago. */
const newestMonths = 13;

/** Options of `billhouse status`. */
export interface StatusCommandOptions extends Scope {
  /** Whether months are shown that are older than the newest ones. */
  readonly all: boolean;
  readonly offline: boolean;
  /** Whether what needs attention is a failure. */
  readonly check: boolean;
  readonly csv: boolean;
  /** Seconds. */
  readonly maxAge: number | undefined;
}

/**
 * Shows what is loaded: months and what they are as bills, executions, rows, costs, ages and gaps. 1 when an export cannot be
 * read; 4 when it is too old, or when something needs attention and `check` is set.
 */
export async function status(options: StatusCommandOptions, context: CommandContext): Promise<ExitCode> {
  const { status: readStatus } = await import("../pipeline/status.ts");
  const { exports: pipelines, months, offline, maxAge, check, all } = options;
  const { flags, stdout } = context;
  const now = context.now();
  const age = maxAge === undefined ? {} : { maxAge };
  const result = await readStatus(await context.loadConfig(), {
    pipelines,
    months,
    offline,
    now,
    signal: context.signal,
    ...age,
  });
  noteSource(result, context);
  const isWhole = all || flags.verbose || Object.keys(months).length > 0;
  if (flags.json) stdout.write(`${resultText(result, 2)}\n`);
  else if (options.csv) writeCsv(csvColumns, csvRows(result), stdout);
  else stdout.write(statusScreen(result, now, screenStyle(context), isWhole));
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

const csvColumns =
  "pipeline table billing_month state final_basis execution_id rows currency cost loaded_at data_until missing_days".split(
    " ",
  );

function* csvRows({ pipelines }: Pick<StatusResult, "pipelines">): Generator<Row> {
  for (const { name, table, months } of pipelines) {
    for (const month of months) {
      for (const [currency, cost] of Object.entries(month.cost ?? { "": null })) {
        yield {
          pipeline: name,
          table,
          billing_month: month.billingMonth,
          state: month.state,
          final_basis: month.finalBasis,
          execution_id: month.executionId,
          rows: month.rows,
          currency,
          cost,
          loaded_at: month.loadedAt,
          data_until: month.dataUntil,
          missing_days: daySpans(month.missingDays),
        };
      }
    }
  }
}

/** What is loaded, for people: a digest, then each export, with the newest months at the bottom. */
export function statusScreen(
  result: Pick<StatusResult, "pipelines">,
  now: Date,
  style: ScreenStyle,
  isWhole = true,
): string {
  const parts = result.pipelines.map((pipeline) => `${pipelinePart(pipeline, now, style, isWhole)}\n`);
  return [`${digest(result.pipelines, now, style)}\n`, ...parts].join("\n");
}

/** In one sentence, whether everything is as it should be, and else what is not. */
function digest(pipelines: readonly PipelineStatus[], now: Date, style: ScreenStyle): string {
  const all = pipelines.flatMap(({ months }) => months);
  const loaded = all.filter(({ executionId }) => executionId !== null);
  const found = pipelines.flatMap(({ name, attention, stale, error }) => [
    ...attention.map(({ billingMonth, kind }) => [name, billingMonth, kind] as const),
    ...(stale === true ? [[name, null, "too old"] as const] : []),
    ...(error === undefined ? [] : [[name, null, error.code] as const]),
  ]);
  const newest = pipelines.flatMap(({ newestLoad }) => newestLoad ?? []).toSorted();
  if (found.length === 0) {
    if (loaded.length === 0) return "Nothing is loaded yet: run billhouse run.";
    const held = all.filter(({ state }) => state === "waiting" || state === "refused" || state === "forgotten");
    const age = newest.length === 0 ? "" : `; newest load ${formatAge(newest.at(-1) ?? "", now)}`;
    if (held.length === 0) {
      const months = loaded.length === 1 ? "The only month is" : `All ${formatCount(loaded.length)} months are`;
      return paint(style, "good", `${months} loaded${age}.`);
    }
    const states = [...Map.groupBy(held, ({ state }) => state)].map(([state, own]) => `${own.length} ${state}`);
    return `${formatNumber(loaded.length, "month")} loaded, ${states.join(", ")}${age}.`;
  }
  const names = found.map(([name, month, kind]) =>
    [visible(name), ...(month === null ? [] : [month]), visible(kind)].join(" "),
  );
  const more = names.length - namedInDigest;
  const months = new Set(found.flatMap(([name, month]) => (month === null ? [] : [`${name} ${month}`]))).size;
  const exports = new Set(found.flatMap(([name, month]) => (month === null ? [name] : []))).size;
  const subject = [
    ...(months === 0 ? [] : [formatNumber(months, "month")]),
    ...(exports === 0 ? [] : [formatNumber(exports, "export")]),
  ].join(" and ");
  const verb = months + exports === 1 ? "needs" : "need";
  const listed = names.slice(0, namedInDigest).join(", ") + (more > 0 ? ` and ${more} more` : "");
  const text = `${paint(style, "bad", `${subject} ${verb} attention`)}: ${listed}`;
  return wrapText(text, style.columns, 2);
}

/** How many things the digest names. */
const namedInDigest = 5;

function pipelinePart(pipeline: PipelineStatus, now: Date, style: ScreenStyle, isWhole: boolean): string {
  const { months } = pipeline;
  const notes = notesOf(pipeline, now).map(({ look, text }) => noteLine(text, style, look));
  if (pipeline.error !== undefined) {
    const error = errorLines(pipeline.error, style, 4).join("\n");
    return [heading(pipeline, style), `  ${paint(style, "bad", "✖")} ${error}`].join("\n");
  }
  if (months.length === 0) {
    return [heading(pipeline, style), "  Nothing is loaded yet. billhouse run loads it.", ...notes].join("\n");
  }
  const shown = isWhole ? months : months.slice(0, newestMonths);
  const older = months.length - shown.length;
  return [
    heading(pipeline, style),
    ...monthLines(shown.toReversed(), pipeline, now, style),
    `  ${wrapText(summary(pipeline), style.columns, 2)}`,
    ...(older > 0
      ? [
          `  ${formatNumber(older, "older month")} not shown but included in the total; --all shows ${older === 1 ? "it" : "them"}.`,
        ]
      : []),
    ...notes,
  ].join("\n");
}

/** The table of months, and below it what all listed months of the export hold together. */
function monthLines(
  shown: readonly MonthStatus[],
  { months, total }: PipelineStatus,
  now: Date,
  style: ScreenStyle,
): string[] {
  const hasTotal = months.length > 1;
  const rows = [...shown, ...(hasTotal ? [null] : [])];
  const cells = (cell: (month: MonthStatus) => string, ofTotal = ""): string[] =>
    rows.map((month) => (month === null ? ofTotal : cell(month)));
  const isKnown = months.every((month) => month.rows !== null || month.executionId === null);
  return fitTable(
    [
      { title: "  month", cells: cells((month) => `  ${month.billingMonth}`, "  total") },
      { title: "state", cells: cells((month) => stateCell(month, style)) },
      {
        title: "execution",
        cells: cells(({ executionId: id }) => (style.verbose ? visible(id ?? "") : shortId(id))),
        ...(style.verbose ? { below: true } : { spare: 2 }),
      },
      {
        title: "rows",
        lean: "right",
        cells: cells(
          (month) => (month.rows === null ? "" : formatCount(month.rows)),
          `${isKnown ? "" : "at least "}${formatCount(total.rows)}`,
        ),
      },
      {
        title: "cost",
        lean: "right",
        cells: costCells(rows.map((month) => (month === null ? total.cost : month.cost))),
      },
      {
        title: "loaded (UTC)",
        cells: cells(({ loadedAt }) => (loadedAt === null ? "" : visible(formatTime(loadedAt)))),
        spare: 3,
      },
      {
        title: "age",
        cells: cells(({ loadedAt }) => (loadedAt === null ? "" : paint(style, "quiet", formatAge(loadedAt, now)))),
        spare: 1,
      },
    ],
    style.columns,
    style,
  );
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

function stateCell(month: MonthStatus, style: ScreenStyle): string {
  const { state, finality } = month;
  const look = month.accepted ? null : looks[state];
  // The current load, and the previous ones.
  const words = finality === null ? state : [billWords(month), ...(finality === state ? [] : [state])].join(", ");
  return look === null ? words : paint(style, look, words);
}

/** What the loaded rows are as a bill: `final (invoice), late charges`. */
function billWords({ finality, finalBasis: basis, lateCharges: isLate, accepted }: MonthStatus): string {
  const detail = basis ?? (finality === "partial" && accepted ? "accepted" : null);
  return `${finality}${detail === null ? "" : ` (${detail})`}${isLate ? ", late charges" : ""}`;
}

function notesOf(pipeline: PipelineStatus, now: Date): { readonly look: Look; readonly text: string }[] {
  const { months, attention, stale, newestLoad: newest, counted, notes } = pipeline;
  const oldestFirst = months.toReversed();
  const age =
    newest === null
      ? "Nothing is loaded, so no load is as new as --max-age requires."
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
    ...counted.map(countedLine),
    ...notes,
  ];
  return [
    ...bad.map((text) => ({ look: "bad" as const, text })),
    ...changed.map((text) => ({ look: "changed" as const, text })),
  ];
}

/** Which export counts for which months: `2025-01: in the FOCUS views, charges of several exports count from a, else from b.` */
function countedLine({ months, order }: PipelineStatus["counted"][number]): string {
  const sources = order.map((exports) => `from ${exports.join(" and ")}`);
  return `${monthSpans(months)}: in the FOCUS views, charges of several exports count ${sources.join(", else ")}.`;
}

function summary({ months, missingMonths: missing, kept }: PipelineStatus): string {
  const count = (isCounted: (month: MonthStatus) => boolean, what: string): string[] => {
    const number = months.filter(isCounted).length;
    return number === 0 ? [] : [`${formatCount(number)} ${what}`];
  };
  const isKnown = new Set(months.flatMap(({ billingMonth: month, state }) => (state === "missing" ? [] : [month])));
  const absent = missing.filter((month) => !isKnown.has(month)).length;
  const gaps = [
    ...(absent === 0 ? [] : [`${formatCount(absent)} missing`]),
    ...count(({ finality }) => finality === "partial", "partial"),
  ];
  const loaded = months.filter(({ executionId: id }) => id !== null);
  const parts = [
    `${formatNumber(loaded.length, "month")} loaded`,
    ...count(({ state, executionId: id }) => state === "waiting" && id === null, "waiting"),
    ...count(({ state }) => state === "forgotten", "forgotten by the state (the rows are still there)"),
    ...(gaps.length === 0 ? ["no gaps"] : gaps),
  ];
  const copies = kept === null ? "" : `; ${formatNumber(kept.loads, "earlier load")} kept, ${formatBytes(kept.bytes)}`;
  return `${parts.join(", ")}${copies}`;
}
