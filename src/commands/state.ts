import { BillhouseError } from "../errors.ts";
import { forget, type ForgetResult, showState, type StateResult } from "../pipeline/state.ts";
import type { CommandContext, ExitCode } from "./context.ts";
import { formatNumber, noteSource } from "./figures.ts";
import { alignRows, executionNames, heading, resultText, paint, type ScreenStyle, visible } from "./output.ts";

/** What `billhouse state show` is told. */
export interface StateShowOptions {
  readonly exports: readonly string[];
}

/** What `billhouse state forget` is told. */
export interface StateForgetOptions {
  readonly export: string;
  readonly months: readonly string[];
  readonly all: boolean;
}

/** Shows which execution each month was loaded from, as the state says. */
export async function stateShow(options: StateShowOptions, context: CommandContext): Promise<ExitCode> {
  const result = await showState(await context.loadConfig(), { pipelines: options.exports });
  noteSource(result, context);
  const style = { colour: context.stdout.colour, verbose: context.flags.verbose };
  context.stdout.write(context.flags.json ? `${resultText(result, 2)}\n` : stateScreen(result, style));
  return 0;
}

/** Forgets months, so that the next run loads them again. Their rows stay until then. */
export async function stateForget(options: StateForgetOptions, context: CommandContext): Promise<ExitCode> {
  if (options.all === options.months.length > 0) {
    throw new BillhouseError("USAGE_INVALID", "Say what to forget: single months, or --all.", {
      hint: `For example: billhouse state forget ${options.export} 2025-01, or: billhouse state forget ${options.export} --all`,
    });
  }
  const config = await context.loadConfig();
  const result = await forget(config, {
    pipelines: [options.export],
    ...(options.all ? { all: true } : { months: options.months }),
    holder: { pid: process.pid, command: "billhouse state forget" },
  });
  context.stdout.write(context.flags.json ? `${resultText(result, 2)}\n` : forgetScreen(result));
  return 0;
}

/** The state, for people. */
export function stateScreen(result: Pick<StateResult, "pipelines">, style: ScreenStyle): string {
  return result.pipelines.map((pipeline) => `${statePart(pipeline, style)}\n`).join("\n");
}

/** What was forgotten, for people. */
export function forgetScreen(result: ForgetResult): string {
  return result.pipelines
    .map(({ name, forgotten }) => {
      if (forgotten.length === 0) return `The state of ${visible(name)} holds no months.\n`;
      const months = `${formatNumber(forgotten.length, "month")} of ${visible(name)} (${forgotten.join(", ")})`;
      return `Forgot ${months}. The next run loads them again; their rows stay until then.\n`;
    })
    .join("");
}

function statePart(pipeline: StateResult["pipelines"][number], style: ScreenStyle): string {
  const title = `${heading(pipeline, style)}   ${paint(style, "quiet", `pipeline ${visible(pipeline.pipelineName)}`)}`;
  if (pipeline.months.length === 0) return `${title}\n  No months.`;
  const rows = pipeline.months
    .toSorted((one, other) => one.billingMonth.localeCompare(other.billingMonth))
    .map((month) => [
      `  ${month.billingMonth}`,
      executionNames(month.executionIds, { verbose: true }),
      visible(month.loadedAt ?? month.submittedTime ?? ""),
    ]);
  return [title, ...alignRows(rows, ["left", "left", "left"])].join("\n");
}
