import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";

/** What one process and all that it started took. */
export interface Cost {
  /** Wall time in seconds. */
  readonly seconds: number;
  /** CPU seconds, user and system; null where the system does not report them per process. */
  readonly cpu: number | null;
  /** The highest sampled sum of resident memory, in bytes; null where the system does not report it per process. */
  readonly memory: number | null;
  readonly stdout: string;
}

/** Every process is looked at this often: a peak that is shorter can be missed. */
const interval = 20;

/** CPU time in `/proc` is counted in ticks: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
const ticksPerSecond = 100;

/**
 * Runs a command to its end and measures it with the processes that it starts, from `/proc` (Linux; elsewhere only time).
 * Throws with its stderr when it ends with another exit code than 0 and those in `codes`.
 */
export async function measure(
  command: readonly string[],
  options: {
    readonly folder: string;
    readonly environment?: NodeJS.ProcessEnv;
    /** A control group that the command joins: see `limitMemory`. */
    readonly group?: string;
    readonly codes?: readonly number[];
  },
): Promise<Cost> {
  const joined = ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', options.group ?? "", ...command];
  const [program = "", ...words] = options.group === undefined ? command : joined;
  const started = performance.now();
  const child = spawn(program, words, {
    cwd: options.folder,
    env: { ...process.env, ...options.environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on("data", (piece: Buffer) => stdout.push(piece));
  child.stderr.on("data", (piece: Buffer) => stderr.push(piece));
  const cpu = new Map<number, number>();
  let memory = 0;
  const look = (): void => {
    if (child.pid === undefined || process.platform !== "linux") return;
    let now = 0;
    for (const { pid, ticks, resident } of tree(child.pid)) {
      cpu.set(pid, ticks);
      now += resident;
    }
    memory = Math.max(memory, now);
  };
  const timer = setInterval(look, interval);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  }).finally(() => clearInterval(timer));
  const seconds = (performance.now() - started) / 1000;
  if (code !== 0 && options.codes?.includes(code ?? -1) !== true)
    throw new Error(`${command.join(" ")} ended with ${code}:\n${Buffer.concat(stderr).toString("utf8")}`);
  const isKnown = cpu.size > 0;
  return {
    seconds,
    cpu: isKnown ? [...cpu.values()].reduce((sum, ticks) => sum + ticks, 0) / ticksPerSecond : null,
    memory: isKnown ? memory : null,
    stdout: Buffer.concat(stdout).toString("utf8"),
  };
}

/**
 * Makes a control group whose processes may use so many bytes of memory together, page cache included, and returns its
 * folder; null where this process may not make one (Linux, as root, version 1 or 2).
 */
export function limitMemory(bytes: number): string | null {
  for (const [root, key] of [
    ["/sys/fs/cgroup/memory", "memory.limit_in_bytes"],
    ["/sys/fs/cgroup", "memory.max"],
  ] as const) {
    const folder = `${root}/billhouse-bench-${process.pid}`;
    try {
      mkdirSync(folder);
      writeFileSync(`${folder}/${key}`, String(bytes));
      return folder;
    } catch {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return null;
}

/** Removes a control group whose processes have ended. */
export function releaseMemory(folder: string): void {
  rmdirSync(folder);
}

interface ProcessFacts {
  readonly pid: number;
  readonly ticks: number;
  /** Bytes. */
  readonly resident: number;
}

/** The process and its descendants as they are now. */
function tree(root: number): readonly ProcessFacts[] {
  const children = new Map<number, number[]>();
  const facts = new Map<number, ProcessFacts>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      // The name of the program, in parentheses, can hold anything.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const pages = Number(readFileSync(`/proc/${name}/statm`, "latin1").split(" ")[1]);
      const parent = Number(fields[1]);
      children.set(parent, [...(children.get(parent) ?? []), pid]);
      facts.set(pid, { pid, ticks: Number(fields[11]) + Number(fields[12]), resident: pages * 4096 });
    } catch {
      // The process has ended.
    }
  }
  const found: ProcessFacts[] = [];
  const queue = [root];
  for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
    const fact = facts.get(pid);
    if (fact !== undefined) found.push(fact);
    queue.push(...(children.get(pid) ?? []));
  }
  return found;
}
