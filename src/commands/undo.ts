import type { ComparedLoad } from "../pipeline/diff.ts";
import type { UndoResult } from "../pipeline/undo.ts";
import { undo as undoLoad } from "../pipeline/undo.ts";
import type { CommandContext, ExitCode } from "./context.ts";
import { formatCost, formatNumber, formatSeconds } from "./figures.ts";
import { executionNames, heading, resultText, paint, type ScreenStyle, visible } from "./output.ts";

/** What `billhouse undo` is told. */
export interface UndoCommandOptions {
  readonly export: string;
  readonly month: string;
}

/** Puts the load before in the place of a month. */
export async function undo(options: UndoCommandOptions, context: CommandContext): Promise<ExitCode> {
  const result = await undoLoad(await context.loadConfig(), {
    pipeline: options.export,
    month: options.month,
    signal: context.signal,
    holder: { pid: process.pid, command: "billhouse undo" },
  });
  const style = { colour: context.stdout.colour, verbose: context.flags.verbose };
  context.stdout.write(context.flags.json ? `${resultText(result, 2)}\n` : undoScreen(result, style));
  return 0;
}

/** What was put back, for people. */
export function undoScreen(result: UndoResult, style: ScreenStyle): string {
  const { undone, restored, billingMonth: month, name } = result;
  const id = (load: ComparedLoad): string => executionNames(load.executionIds, style);
  const figures = [formatNumber(restored.rows, "row"), restored.cost === null ? "" : formatCost(restored.cost)];
  const source = result.from === "storage" ? "its files in the storage" : "the copy in the warehouse";
  return [
    heading(result, style),
    `  ${paint(style, "good", "✔")} ${month}  ${id(restored)} is back: ${figures.filter(Boolean).join(", ")}, from ${source}, in ${formatSeconds(result.seconds)}`,
    ...result.notes.map((note) => `    ${paint(style, "changed", "!")} ${visible(note)}`),
    `    ${id(undone)} is not loaded again until billhouse run ${visible(name)} --month ${month} --force.`,
    "",
  ].join("\n");
}
