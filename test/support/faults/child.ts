import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { PointTask } from "./at-point.ts";

/** A process of the command line. */
export interface Child {
  readonly process: ChildProcess;
  /** Its end, whatever it was. */
  readonly ended: Promise<ChildEnd>;
}

/** How a process ended, and what it wrote. */
export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Milliseconds from its start. */
  readonly duration: number;
}

const cli = fileURLToPath(new URL("../../../src/cli.ts", import.meta.url));
const atPoint = new URL("at-point.ts", import.meta.url).href;

/** What else a process can be started with. */
export interface ChildOptions {
  /** Variables on top of those of this process. */
  readonly environment?: Readonly<Record<string, string>>;
  /** The user whose rights it has; only root can give away its own. */
  readonly user?: number;
}

/** Starts the real command line in a project's folder, with a task at the points of its run. */
export function startBillhouse(
  folder: string,
  words: readonly string[],
  task: PointTask = {},
  { environment = {}, user }: ChildOptions = {},
): Child {
  const own = Object.entries(process.env).filter(([name]) => !/^(SOURCES|DESTINATION)__|^NODE_TEST/.test(name));
  const started = performance.now();
  const child = spawn(process.execPath, ["--import", atPoint, cli, ...words], {
    cwd: folder,
    // The name is written out, because to import it would do the task here.
    env: { ...Object.fromEntries(own), ...environment, BILLHOUSE_TEST_POINTS: JSON.stringify(task) },
    ...(user === undefined ? {} : { uid: user }),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = new Promise<ChildEnd>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      resolve({ code, signal, stdout, stderr, duration: performance.now() - started });
    });
  });
  return { process: child, ended };
}

/** Runs the command line to its end. */
export function runBillhouse(
  folder: string,
  words: readonly string[],
  task?: PointTask,
  options?: ChildOptions,
): Promise<ChildEnd> {
  return startBillhouse(folder, words, task, options).ended;
}
