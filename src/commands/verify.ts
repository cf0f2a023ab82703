import type { Check, VerifyProgress, VerifyResult } from "../pipeline/verify.ts";
import { type CommandContext, type ExitCode, exitCodes, type Perform, type Program } from "./context.ts";
import { formatBytes, formatCount, formatNumber, noteSource } from "./figures.ts";
import { example, exportsAndMonths, readScope, type Scope, withMonths } from "./flags.ts";
import { isWatched, withLiveBlock } from "./live-block.ts";
import { noteLine, resultText, paint, screenStyle, type ScreenStyle, unbroken, visible, wrapText } from "./output.ts";
import { blockLines, partOf } from "./progress.ts";
import { type Row, writeCsv } from "./query-formats.ts";
import { estimate, type Estimate, rateOf, startEstimate } from "./remaining.ts";

/** Registers `billhouse verify`. */
export function addVerify(program: Program, perform: Perform): void {
  withMonths(program.command("verify"))
    .description(
      "Compare loaded months with their receipts and the files in storage, and show both values of every difference.",
    )
    .argument("[export-or-month...]", exportsAndMonths)
    .option("--deep", "read the files of every month again")
    .option("--csv", "write CSV with a header, a line for each check")
    .addHelpText("after", example("billhouse verify aws_cur --month 2025-01 --deep"))
    .action((words, { deep, csv, ...months }) =>
      perform.reading((context) =>
        verify({ ...readScope(words, months), deep: deep === true, csv: csv === true }, context),
      ),
    );
}

/** Options of `billhouse verify`. */
export interface VerifyCommandOptions extends Scope {
  readonly deep: boolean;
  readonly csv: boolean;
}

/** Compares loaded months with receipts and storage. */
export async function verify(options: VerifyCommandOptions, context: CommandContext): Promise<ExitCode> {
  const { verify: verifyPipelines } = await import("../pipeline/verify.ts");
  const { exports: pipelines, months, deep } = options;
  const { flags, signal, stdout } = context;
  const config = await context.loadConfig();
  const progress = watchVerify(context.now().getTime());
  const result = await withLiveBlock(context, progress.lines, () =>
    verifyPipelines(config, {
      pipelines,
      months,
      deep,
      now: context.now(),
      signal,
      ...(isWatched(context) ? { onProgress: progress.see } : {}),
    }),
  );
  noteSource(result, context);
  if (flags.json) stdout.write(`${resultText(result, 2)}\n`);
  else if (options.csv) writeCsv(csvColumns, csvRows(result), stdout);
  else stdout.write(verifyScreen(result, screenStyle(context)));
  return result.ok ? exitCodes.done : exitCodes.checkFailed;
}

/** The block of `verify`, from the progress that `see` receives. */
export function watchVerify(started: number): {
  see(this: void, progress: VerifyProgress): void;
  lines(this: void, time: number, width: number): string[];
} {
  let progress: VerifyProgress | undefined;
  let estimated: Estimate | undefined;
  return {
    see(now) {
      progress = now;
    },
    lines(time, width) {
      const elapsed = time - started;
      if (progress === undefined) return blockLines({ title: "Starting", elapsed }, time, width);
      const { phase, name, billingMonth, months, files, bytes } = progress;
      const title = `${phase === "reading" ? "Reading" : "Comparing"} ${visible(name)} ${billingMonth}`;
      if (phase === "comparing") return blockLines({ title, elapsed }, time, width);
      const share = bytes.total === 0 ? 0 : bytes.done / bytes.total;
      estimated = estimate(estimated ?? startEstimate(time), share, time);
      const figures = [
        partOf(files.done, files.total, (number) => formatNumber(number, "file"), formatCount),
        `${partOf(bytes.done, bytes.total, formatBytes)} read`,
        rateOf(estimated, bytes.total),
      ];
      const count = `${formatCount(months.done)} of ${formatNumber(months.total, "month")}`;
      return blockLines({ title, elapsed, share: estimated.share, left: estimated.left, count, figures }, time, width);
    },
  };
}

const csvColumns = "pipeline billing_month check ok expected actual note".split(" ");

function* csvRows({ checks }: Pick<VerifyResult, "checks">): Generator<Row> {
  for (const { name, pipeline, billingMonth, ok, expected, actual, note } of checks) {
    yield { pipeline, billing_month: billingMonth, check: name, ok, expected, actual, note };
  }
}

/** The checks for people: a line for each month that passed, and each difference with both values. */
export function verifyScreen({ checks, ok }: Pick<VerifyResult, "checks" | "ok">, style: ScreenStyle): string {
  const exports = [...Map.groupBy(checks, ({ pipeline }) => pipeline).values()];
  const lines = exports.flatMap((own) =>
    [...Map.groupBy(own, ({ billingMonth: month }) => month ?? "")]
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .flatMap(([month, found]) => monthLines(`${own[0]?.pipeline} ${month || "table"}`, found, style)),
  );
  const failed = checks.filter((check) => !check.ok).length;
  const summary = ok
    ? `${formatNumber(checks.length, "check")}: all tables match their receipts and deliveries.`
    : `${failed} of ${formatNumber(checks.length, "check")} failed.`;
  return `${[...lines, ...(checks.length === 0 ? ["Nothing is loaded yet."] : [summary])].join("\n")}\n`;
}

function monthLines(title: string, checks: readonly Check[], style: ScreenStyle): string[] {
  const shown = checks.filter(({ ok, note }) => style.verbose || !ok || note !== undefined);
  const isWell = checks.every(({ ok }) => ok);
  const mark = isWell ? paint(style, "good", "✔") : paint(style, "bad", "✖");
  return [
    `${mark} ${visible(title)}  ${paint(style, "quiet", formatNumber(checks.length, "check"))}`,
    ...shown.flatMap((check) => checkLines(check, style)),
    ...fixesOf(checks).map((fix) => `    ${paint(style, "changed", "->")} ${wrapText(fix, style.columns, 7)}`),
  ];
}

const ofTable = new Set([
  "rows",
  "cost",
  "effective-cost",
  "summary",
  "amounts",
  "uninvoiced-rows",
  "focus-billed-cost",
  "focus-daily",
  "focus-sku-monthly",
  "state",
  "table",
]);
const ofStorage = new Set(["newest-delivery", "missing-month"]);
const ofDays = new Set(["missing-days"]);

/** The fixes for the differences of one month, each with a command that can be copied. */
function fixesOf(checks: readonly Check[]): string[] {
  const failed = checks.filter(({ ok }) => !ok);
  const [first] = failed;
  if (first === undefined || first.billingMonth === null) return [];
  const isOf = (names: ReadonlySet<string>): boolean =>
    failed.some(({ name, isOfSeveral = false }) => names.has(name) && !isOfSeveral);
  const where = `${visible(first.pipeline)} --month ${first.billingMonth}`;
  const run = (flags = ""): string => unbroken(`billhouse run ${where}${flags}`);
  return [
    ...(isOf(ofTable)
      ? [`To load it again from its files: ${run(" --force")}`]
      : failed.some(({ waits = false }) => waits)
        ? [`To see what the month waits for: ${unbroken(`billhouse plan ${where}`)}`]
        : isOf(ofStorage)
          ? [`To load what is available: ${run()}`]
          : []),
    ...(!isOf(ofTable) && failed.some(({ isOfSeveral = false }) => isOfSeveral)
      ? [
          `The exports of actual and amortized cost were probably made at different times. When the next delivery of each has arrived: ${unbroken("billhouse run")}`,
        ]
      : []),
    ...(isOf(ofDays) ? [`Export these days, or accept the gap: ${run(" --accept gap")}`] : []),
  ];
}

function checkLines({ name, ok, expected, actual, note }: Check, style: ScreenStyle): string[] {
  if (ok && note !== undefined) return [noteLine(note, style, "changed", 4)];
  if (ok) return [paint(style, "quiet", `    ${wrapText(`${name}: ${visible(actual)}`, style.columns, 4)}`)];
  return [
    `    ${paint(style, "bad", name)}`,
    `      expected  ${wrapText(visible(expected), style.columns, 16)}`,
    `      found     ${wrapText(visible(actual), style.columns, 16)}`,
  ];
}
