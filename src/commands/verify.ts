import type { Check, VerifyResult } from "../pipeline/verify.ts";
import { type CommandContext, type ExitCode, exitCodes, type Perform, type Program } from "./context.ts";
import { formatNumber, noteSource } from "./figures.ts";
import { example, exportsAndMonths, readScope, type Scope, withMonths } from "./flags.ts";
import { resultText, paint, screenStyle, type ScreenStyle, visible } from "./output.ts";

/** Registers `billhouse verify`. */
export function addVerify(program: Program, perform: Perform): void {
  withMonths(program.command("verify"))
    .description(
      "Compare loaded months with their receipts and the files in storage, and show both values of every difference.",
    )
    .argument("[export-or-month...]", exportsAndMonths)
    .option("--deep", "read the files of every month again")
    .addHelpText("after", example("billhouse verify aws_cur --month 2025-01 --deep"))
    .action((words, { deep, ...months }) =>
      perform.reading((context) => verify({ ...readScope(words, months), deep: deep === true }, context)),
    );
}

/** Options of `billhouse verify`. */
export interface VerifyCommandOptions extends Scope {
  readonly deep: boolean;
}

/** Compares loaded months with receipts and storage. */
export async function verify(options: VerifyCommandOptions, context: CommandContext): Promise<ExitCode> {
  const { verify: verifyPipelines } = await import("../pipeline/verify.ts");
  const { exports: pipelines, months, deep } = options;
  const { flags, signal, stdout, stderr } = context;
  const isWatched = stderr.isTerminal && !flags.quiet;
  const result = await verifyPipelines(await context.loadConfig(), {
    pipelines,
    months,
    deep,
    now: context.now(),
    signal,
    ...(isWatched ? { onMonth: (name, month) => stderr.write(`\r\u001b[KVerifying ${visible(name)} ${month}`) } : {}),
  });
  if (isWatched) stderr.write("\r\u001b[K");
  noteSource(result, context);
  const style = screenStyle(context);
  stdout.write(flags.json ? `${resultText(result, 2)}\n` : verifyScreen(result, style));
  return result.ok ? exitCodes.done : exitCodes.checkFailed;
}

/** What was verified, for people: a line for each month that is well, and each difference with both figures. */
export function verifyScreen({ checks, ok }: Pick<VerifyResult, "checks" | "ok">, style: ScreenStyle): string {
  const months = Map.groupBy(checks, ({ pipeline, billingMonth: month }) => `${pipeline} ${month ?? "table"}`);
  const lines = [...months].flatMap(([title, own]) => monthLines(title, own, style));
  const failed = checks.filter((check) => !check.ok).length;
  const summary = ok
    ? `${formatNumber(checks.length, "check")}: all tables match their receipts and deliveries.`
    : `${failed} of ${formatNumber(checks.length, "check")} found a difference.`;
  return `${[...lines, ...(checks.length === 0 ? ["Nothing is loaded yet."] : [summary])].join("\n")}\n`;
}

function monthLines(title: string, checks: readonly Check[], style: ScreenStyle): string[] {
  const shown = checks.filter(({ ok, note }) => style.verbose || !ok || note !== undefined);
  const isWell = checks.every(({ ok }) => ok);
  const mark = isWell ? paint(style, "good", "✔") : paint(style, "bad", "✖");
  return [
    `${mark} ${visible(title)}  ${paint(style, "quiet", formatNumber(checks.length, "check"))}`,
    ...shown.flatMap((check) => checkLines(check, style)),
    ...remedyOf(checks).map((remedy) => `    ${paint(style, "changed", "->")} ${remedy}`),
  ];
}

const ofTable = new Set(["rows", "cost", "effective-cost", "summary", "uninvoiced-rows", "state", "table"]);
const ofStorage = new Set(["newest-delivery", "missing-month"]);

/** The fix for the differences of one month. */
function remedyOf(checks: readonly Check[]): string[] {
  const failed = checks.filter(({ ok }) => !ok);
  const [first] = failed;
  if (first === undefined || first.billingMonth === null) return [];
  const run = `billhouse run ${visible(first.pipeline)} --month ${first.billingMonth}`;
  if (failed.some(({ name }) => ofTable.has(name))) return [`${run} --force loads it again from its files.`];
  if (failed.every(({ name }) => name === "missing-days")) {
    return [`Export these days, or accept the gap: ${run} --accept gap`];
  }
  return failed.some(({ name }) => ofStorage.has(name)) ? [`${run} takes what can be taken.`] : [];
}

function checkLines({ name, ok, expected, actual, note }: Check, style: ScreenStyle): string[] {
  if (ok && note !== undefined) return [`    ${paint(style, "changed", "!")} ${visible(note)}`];
  if (ok) return [`    ${paint(style, "quiet", `${name}: ${visible(actual)}`)}`];
  return [
    `    ${paint(style, "bad", name)}`,
    `      expected  ${visible(expected)}`,
    `      found     ${visible(actual)}`,
  ];
}
