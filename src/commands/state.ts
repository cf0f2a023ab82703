import { BillhouseError } from "../errors.ts";
import type { ForgetResult, StateResult } from "../pipeline/state.ts";
import { monthSpans } from "../schema/periods.ts";
import { type CommandContext, type ExitCode, exitCodes, type Perform, type Program } from "./context.ts";
import { formatNumber, formatTime, noteSource } from "./figures.ts";
import { example, exportsOnly, oneExport, readScope, type Scope, withMonths } from "./flags.ts";
import {
  executionNames,
  heading,
  resultText,
  paint,
  screenStyle,
  type ScreenStyle,
  visible,
  warningParts,
  wrapText,
} from "./output.ts";
import { alignSentences } from "./tables.ts";

/** Registers `billhouse state`. */
export function addState(program: Program, perform: Perform): void {
  const state = program.command("state").description("Show the state, or forget months of it.");
  state.helpCommand("help [command]", "Show the help of a command.");
  state
    .command("show")
    .description("Show which execution each month was loaded from.")
    .argument("[export...]", exportsOnly)
    .addHelpText("after", example("billhouse state show aws_cur"))
    .action((exports) => perform.reading((context) => stateShow({ exports }, context)));
  withMonths(state.command("forget"))
    .description("Forget months, so that the next run loads them again. Their rows stay until then.")
    .argument("[export-or-month...]", "one export by section (aws_cur), and billing months (YYYY-MM)")
    .option("--all", "forget every month of the export")
    .usage("[options] <export> [month...]")
    .addHelpText("after", example(forgetExample))
    .action((words, { all, ...months }) => {
      const scope = readScope(words, months);
      return perform.writing((context) => stateForget({ ...scope, all: all === true }, context));
    });
}

const forgetExample = "billhouse state forget aws_cur 2025-01";

/** Options of `billhouse state show`. */
export interface StateShowOptions {
  readonly exports: readonly string[];
}

/** Options of `billhouse state forget`. */
export interface StateForgetOptions extends Scope {
  readonly all: boolean;
}

/** Shows which execution each month was loaded from, as the state says. */
export async function stateShow(options: StateShowOptions, context: CommandContext): Promise<ExitCode> {
  const { showState } = await import("../pipeline/state.ts");
  const result = await showState(await context.loadConfig(), { pipelines: options.exports });
  noteSource(result, context);
  const style = screenStyle(context);
  context.stdout.write(context.flags.json ? `${resultText(result, 2)}\n` : stateScreen(result, style));
  return exitCodes.done;
}

/** Forgets months, so that the next run loads them again. Their rows stay until then. */
export async function stateForget(options: StateForgetOptions, context: CommandContext): Promise<ExitCode> {
  const { all } = options;
  const name = oneExport(options, forgetExample);
  const { only = [], ...span } = options.months;
  if (all === (only.length > 0 || Object.keys(span).length > 0)) {
    throw new BillhouseError("USAGE_INVALID", "Choose either months or --all.", {
      hint: `For example: billhouse state forget ${name} 2025-01, or: billhouse state forget ${name} --all`,
    });
  }
  const { forget } = await import("../pipeline/state.ts");
  const result = await forget(await context.loadConfig(), {
    pipelines: [name],
    ...(all ? { all } : only.length > 0 ? { months: only } : span),
    holder: { pid: process.pid, command: "billhouse state forget" },
  });
  const style = screenStyle(context);
  context.stdout.write(context.flags.json ? `${resultText(result, 2)}\n` : forgetScreen(result, style));
  return exitCodes.done;
}

/** The state, for people. */
export function stateScreen(result: Pick<StateResult, "pipelines">, style: ScreenStyle): string {
  return result.pipelines.map((pipeline) => `${statePart(pipeline, style)}\n`).join("\n");
}

/** What was forgotten, for people. */
export function forgetScreen(result: ForgetResult, style: ScreenStyle): string {
  const parts = result.pipelines.map(({ name, forgotten }) => {
    const text =
      forgotten.length === 0
        ? `Nothing to forget in the state of ${visible(name)}.`
        : `Forgot ${formatNumber(forgotten.length, "month")} of ${visible(name)}: ${monthSpans(forgotten)}. ${consequence(forgotten.length)}`;
    return wrapText(text, style.columns, 0);
  });
  return [...parts, ...warningParts(result.warnings, style), ""].join("\n");
}

function consequence(months: number): string {
  return months === 1
    ? "The next run loads it again; its rows stay until then."
    : "The next run loads them again; their rows stay until then.";
}

function statePart(pipeline: StateResult["pipelines"][number], style: ScreenStyle): string {
  const titles = [heading(pipeline, style), paint(style, "quiet", `  dlt pipeline ${visible(pipeline.pipelineName)}`)];
  if (pipeline.months.length === 0) return [...titles, "  No months."].join("\n");
  const rows = pipeline.months
    .toSorted((one, other) => one.billingMonth.localeCompare(other.billingMonth))
    .map((month) => [
      `  ${month.billingMonth}`,
      timeCell(month),
      executionNames(month.executionIds, { verbose: true }),
    ]);
  return [...titles, ...alignSentences(rows, ["left", "left", "left"], style.columns)].join("\n");
}

/** An entry of the state has either the time of the load or that of the delivery. */
function timeCell({ loadedAt, submittedTime: submitted }: StateResult["pipelines"][number]["months"][number]): string {
  if (loadedAt !== null) return `loaded ${visible(formatTime(loadedAt))} UTC`;
  return submitted === null ? "" : `submitted ${visible(formatTime(submitted))} UTC`;
}
