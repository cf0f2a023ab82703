import type { ComparedLoad } from "../pipeline/diff.ts";
import type { UndoResult } from "../pipeline/undo.ts";
import { type CommandContext, type ExitCode, exitCodes, type Perform, type Program } from "./context.ts";
import { formatCost, formatNumber, formatSeconds } from "./figures.ts";
import { example, oneExport, oneMonth, readScope, withMonths } from "./flags.ts";
import { isWatched, withLiveBlock } from "./live-block.ts";
import {
  executionNames,
  heading,
  noteLine,
  resultText,
  paint,
  screenStyle,
  type ScreenStyle,
  unbroken,
  visible,
  warningParts,
  wrapText,
} from "./output.ts";
import { watchEvents } from "./progress.ts";

const usageExample = "billhouse undo aws_cur 2025-01";

/** Registers `billhouse undo`. */
export function addUndo(program: Program, perform: Perform): void {
  withMonths(program.command("undo"))
    .description("Restore the previous load of a month. The undone delivery is skipped until you run with --force.")
    .argument("[export-or-month...]", "one export by section (aws_cur) and one billing month (YYYY-MM)")
    .usage("[options] <export> <month>")
    .addHelpText("after", example(usageExample))
    .action((words, months) => {
      const scope = readScope(words, months);
      const options = { export: oneExport(scope, usageExample), month: oneMonth(scope, usageExample) };
      return perform.writing((context) => undo(options, context));
    });
}

/** Options of `billhouse undo`. */
export interface UndoCommandOptions {
  readonly export: string;
  readonly month: string;
}

/** Restores the previous load of a month. */
export async function undo(options: UndoCommandOptions, context: CommandContext): Promise<ExitCode> {
  const { undo: undoLoad } = await import("../pipeline/undo.ts");
  const config = await context.loadConfig();
  const progress = watchEvents(context);
  const result = await withLiveBlock(context, progress.lines, () =>
    undoLoad(config, {
      pipeline: options.export,
      month: options.month,
      signal: context.signal,
      holder: { pid: process.pid, command: "billhouse undo" },
      ...(isWatched(context) ? { onProgress: progress.see } : {}),
    }),
  );
  const style = screenStyle(context);
  context.stdout.write(context.flags.json ? `${resultText(result, 2)}\n` : undoScreen(result, style));
  return exitCodes.done;
}

/** What was restored, for people. */
export function undoScreen(result: UndoResult, style: ScreenStyle): string {
  const { undone, restored, billingMonth: month, name } = result;
  const id = (load: ComparedLoad): string => executionNames(load.executionIds, style);
  const figures = [formatNumber(restored.rows, "row"), restored.cost === null ? "" : formatCost(restored.cost)];
  const source = result.from === "storage" ? "its files in the storage" : "the copy in the warehouse";
  const back = `${id(restored)} is restored from ${source} in ${formatSeconds(result.seconds)}: ${figures.filter(Boolean).join(", ")}`;
  const run = unbroken(`billhouse run ${visible(name)} --month ${month} --force`);
  return [
    heading(result, style),
    `  ${paint(style, "good", "✔")} ${month}  ${wrapText(back, style.columns, 13)}`,
    ...result.notes.map((note) => noteLine(note, style, "changed", 4)),
    `    ${wrapText(`${id(undone)} is skipped from now on. To load it again: ${run}`, style.columns, 4)}`,
    ...warningParts(result.warnings, style),
    "",
  ].join("\n");
}
