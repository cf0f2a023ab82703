import type { RunFinished } from "../pipeline/events.ts";
import { run as runPipelines } from "../pipeline/run.ts";
import type { CommandContext, ExitCode } from "./context.ts";
import { followRun } from "./follow.ts";
import { plan } from "./plan.ts";
import { runScreen } from "./run-screen.ts";
import { type MonthFlags, monthScope } from "./months.ts";

/** What `billhouse run` is told. */
export interface RunCommandOptions extends MonthFlags {
  readonly exports: readonly string[];
  readonly force: boolean;
  readonly accept: readonly string[];
  readonly jobs: number | undefined;
  readonly dryRun: boolean;
}

/** Loads every month that is new or restated. */
export async function run(options: RunCommandOptions, context: CommandContext): Promise<ExitCode> {
  if (options.dryRun) return plan({ ...options, detailedExitcode: false }, context);
  const months = monthScope(options);
  const events = runPipelines(await context.loadConfig(), {
    pipelines: options.exports,
    months,
    force: options.force,
    accept: options.accept,
    signal: context.signal,
    holder: { pid: process.pid, command: "billhouse run" },
    ...(options.jobs === undefined ? {} : { jobs: options.jobs }),
  });
  const finished = await followRun(events, context);
  if (finished === undefined) throw new Error("The run ended without its last event.");
  if (!context.flags.json) {
    context.stdout.write(runScreen(finished, { colour: context.stdout.colour, verbose: context.flags.verbose }));
  }
  return runExitCode(finished);
}

/** 3 when months failed, 1 when only whole exports did. */
export function runExitCode(finished: RunFinished): ExitCode {
  if (finished.pipelines.some((pipeline) => pipeline.failed.length > 0)) return 3;
  return finished.pipelines.some((pipeline) => pipeline.error !== undefined) ? 1 : 0;
}
