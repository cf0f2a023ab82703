import type { MigratedPipeline, MigratedStep, MigrateResult } from "../pipeline/migrate.ts";
import { type CommandContext, type ExitCode, exitCodes, type Perform, type Program } from "./context.ts";
import { formatNumber } from "./figures.ts";
import { example, exportsOnly } from "./flags.ts";
import { withLiveBlock } from "./live-block.ts";
import {
  errorLines,
  errorText,
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
import { blockLines } from "./progress.ts";
import { alignSentences } from "./tables.ts";

/** Registers `billhouse migrate`. */
export function addMigrate(program: Program, perform: Perform): void {
  program
    .command("migrate")
    .description("Show the steps that make tables of the Python pipelines exact and complete; --yes performs them.")
    .argument("[export...]", exportsOnly)
    .option("--yes", "perform the steps; without it nothing is written")
    .addHelpText("after", example("billhouse migrate --yes"))
    .action((exports, { yes }) => perform.writing((context) => migrate({ exports, yes: yes === true }, context)));
}

/** Options of `billhouse migrate`. */
export interface MigrateCommandOptions {
  readonly exports: readonly string[];
  /** Whether the steps are run, and not only shown. */
  readonly yes: boolean;
}

/** Shows the steps that make tables of others exact and complete, or takes them. */
export async function migrate(options: MigrateCommandOptions, context: CommandContext): Promise<ExitCode> {
  const { migrate: migratePipelines } = await import("../pipeline/migrate.ts");
  const { flags, stdout } = context;
  const config = await context.loadConfig();
  const started = context.now().getTime();
  let title = "Looking for steps";
  const result = await withLiveBlock(
    context,
    (time, width) => blockLines({ title, elapsed: time - started }, time, width),
    () =>
      migratePipelines(config, {
        pipelines: options.exports,
        yes: options.yes,
        signal: context.signal,
        holder: { pid: process.pid, command: "billhouse migrate" },
        // A step over a large table takes minutes.
        taking: (pipeline, step) => (title = `${visible(pipeline)}: ${visible(step.what)}`),
      }),
  );
  const style = screenStyle(context);
  stdout.write(flags.json ? `${resultText(result, 2)}\n` : migrateScreen(result, options.yes, style));
  const failed = result.pipelines.some(({ error, steps }) => error !== undefined || steps.some((step) => step.error));
  return failed ? exitCodes.failed : exitCodes.done;
}

/** The steps of a migration, for people. */
export function migrateScreen(result: MigrateResult, yes: boolean, style: ScreenStyle): string {
  const parts = result.pipelines.map((pipeline) => pipelinePart(pipeline, style));
  return (
    [...parts, ...warningParts(result.warnings, style), wrapText(summary(result, yes), style.columns, 0)].join("\n\n") +
    "\n"
  );
}

function pipelinePart(pipeline: MigratedPipeline, style: ScreenStyle): string {
  const lines = [heading(pipeline, style)];
  if (pipeline.error !== undefined) {
    lines.push(`  ${paint(style, "bad", "✖")} ${errorLines(pipeline.error, style, 4).join("\n")}`);
    return lines.join("\n");
  }
  lines.push(
    ...alignSentences(
      pipeline.steps.map((step) => stepRow(step, style)),
      ["left", "left"],
      style.columns,
    ),
  );
  lines.push(...pipeline.notes.map((note) => noteLine(note, style)));
  if (lines.length === 1) lines.push(paint(style, "quiet", "  Nothing to do."));
  return lines.join("\n");
}

function stepRow(step: MigratedStep, style: ScreenStyle): string[] {
  const what = visible(step.what);
  if (step.error !== undefined) {
    return [`  ${paint(style, "bad", "✖")} ${step.step}`, errorText(step.error, style)];
  }
  const { roundedValues: rounded = 0, lost = [] } = step;
  const gone =
    lost.length === 0
      ? ""
      : ` These settings were not kept; grant them again if you need them: ${lost.map(visible).join("; ")}.`;
  const note =
    rounded === 0
      ? ""
      : ` ${formatNumber(rounded, "value")} had more digits than it holds and ${rounded === 1 ? "was" : "were"} rounded.`;
  return [`  ${step.done ? paint(style, "good", "✔") : paint(style, "changed", "~")} ${step.step}`, what + note + gone];
}

function summary({ pipelines }: MigrateResult, yes: boolean): string {
  const steps = pipelines.flatMap((pipeline) => pipeline.steps);
  const refused = steps.filter(({ error }) => error !== undefined).length;
  const broken = pipelines.filter(({ error }) => error !== undefined).length;
  const bad = [
    refused === 0 ? "" : `${formatNumber(refused, "step")} refused`,
    broken === 0 ? "" : `${formatNumber(broken, "export")} cannot be read`,
  ].filter(Boolean);
  const done = formatNumber(steps.filter((step) => step.done).length, "step");
  if (yes && steps.length > 0) return `${[`${done} done`, ...bad].join("; ")}.`;
  if (steps.length === 0) return `${["Nothing to migrate", ...bad].join("; ")}.`;
  const left = [`${formatNumber(steps.length, "step")} to perform, nothing was written`, ...bad].join("; ");
  return `${left}. To perform ${steps.length === 1 ? "it" : "them"}: ${unbroken("billhouse migrate --yes")}`;
}
