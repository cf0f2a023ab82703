import { AsyncLocalStorage } from "node:async_hooks";
import { spawnSync, type ChildProcess } from "node:child_process";
import { subscribe } from "node:diagnostics_channel";
import { describeError } from "../../../src/errors.ts";
import { run, type RunEvent, type RunFinished } from "../../../src/index.ts";
import { runExitCode } from "../../../src/commands/run.ts";
import type { ChildOptions } from "./child.ts";
import type { World } from "./worlds.ts";
import { parseResult } from "../json.ts";

/** How a run ended, inside this process or as a process of its own. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** All reported problems. */
  readonly problems: readonly Problem[];
  /** The last event, where the run came to it. */
  readonly finished: RunFinished | undefined;
  /** What a process wrote on stderr. */
  readonly stderr: string;
}

/** An error as a run reports it. */
export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** Milliseconds after which a run counts as hanging. */
export const bound = 60_000;

const listening = new AsyncLocalStorage<(point: string) => void>();
subscribe("billhouse:point", (message) => listening.getStore()?.((message as { readonly name: string }).name));

/** Runs through the library; `reach` is called at each point of this run, which waits for it. */
export async function runInside({ config }: World, reach: (point: string) => void): Promise<Ended> {
  const events: RunEvent[] = [];
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), bound);
  try {
    await listening.run(reach, async () => {
      for await (const event of run(config, { signal: stop.signal })) events.push(event);
    });
    const story = storyOf(events);
    return { ...story, code: story.finished === undefined ? 1 : runExitCode(story.finished), signal: null, stderr: "" };
  } catch (error) {
    if (stop.signal.aborted) throw new Error(`The run hung for ${bound / 1000} seconds.`, { cause: error });
    const problem = describeError(error);
    const stderr = problem.code === "INTERNAL" && error instanceof Error ? (error.stack ?? "") : "";
    const code = /^(?:CONFIG|USAGE)_INVALID$/u.test(problem.code) ? 64 : problem.code === "INTERRUPTED" ? 130 : 1;
    return { code, signal: null, problems: [...storyOf(events).problems, problem], finished: undefined, stderr };
  } finally {
    clearTimeout(timer);
  }
}

/** How a process of a trial is started: with its own folder for temporary files. */
export function withScratch({ scratch }: World, options: ChildOptions = {}): ChildOptions {
  return { ...options, environment: { ...options.environment, TMPDIR: scratch } };
}

/** Reads how a process of `billhouse run --json` ended. */
export function readEnd(end: {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}): Ended {
  const lines = end.stdout.split("\n").filter((line) => line.startsWith("{") && line.endsWith("}"));
  const all = lines.map((line) => parseResult(line) as RunEvent | { readonly error: Problem });
  const story = storyOf(all.filter((line): line is RunEvent => !("error" in line)));
  const errors = all.flatMap((line) => ("error" in line && !("event" in line) ? [line.error] : []));
  return { code: end.code, signal: end.signal, stderr: end.stderr, ...story, problems: [...story.problems, ...errors] };
}

function storyOf(events: readonly RunEvent[]): Pick<Ended, "problems" | "finished"> {
  const failures = events.filter((event) => event.event === "month_failed" || event.event === "pipeline_failed");
  const last = events.at(-1);
  return {
    problems: failures.map(({ code, message, hint }) => ({ code, message, hint })),
    finished: last?.event === "run_finished" ? last : undefined,
  };
}

/** Whether a process stands still because of SIGSTOP. */
export function isStopped({ pid }: ChildProcess): boolean {
  return /^[tT]/u.test(spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).stdout.trim());
}

/** Sets the size that no file of a process may pass from now on; undefined takes the limit away. */
export function limitFiles({ pid }: ChildProcess, bytes: number | undefined): void {
  const { status, stderr } = spawnSync("prlimit", ["--pid", String(pid), `--fsize=${bytes ?? "unlimited"}:`], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`prlimit: ${stderr}`);
}
