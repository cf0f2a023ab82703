import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { generateHistory } from "./history.ts";
import { measure } from "./measure.ts";

/** One command of billhouse, as installed, and how long it took. */
export interface TimedCommand {
  readonly title: string;
  /** Seconds, the median. */
  readonly seconds: number;
}

/** How often each command is run: the median does not depend on the first ones, which fill caches. */
const repetitions = 15;

/**
 * How long the built program takes to start, and to find out that there is nothing to load: 36 months of an AWS export, and
 * 36 months of an Azure export with 30 deliveries each.
 */
export async function measureIdle(folder: string): Promise<readonly TimedCommand[]> {
  const root = join(import.meta.dirname, "..", "..");
  execFileSync("npm", ["run", "--silent", "build"], { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
  const program = join(root, "dist", "program", "cli.js");
  mkdirSync(folder, { recursive: true });
  await generateHistory(folder, { months: 36, rows: 100, azureRuns: 30 });
  await measure([process.execPath, program, "run", "--quiet"], { folder });
  const commands: readonly (readonly [title: string, words: readonly string[]])[] = [
    ["`--help`", ["--help"]],
    ['`query "SELECT 1"`', ["query", "SELECT 1"]],
    ["`run`, nothing to load", ["run"]],
    ["`plan`", ["plan"]],
    ["`status`", ["status"]],
  ];
  const found: TimedCommand[] = [{ title: "Node alone (`node -e 0`)", seconds: time(["-e", "0"], folder) }];
  for (const [title, words] of commands) found.push({ title, seconds: time([program, ...words], folder) });
  return found;
}

/** Without `measure`, which looks at all processes of the machine again and again, and takes longer than the command. */
function time(words: readonly string[], folder: string): number {
  const seconds = Array.from({ length: repetitions }, () => {
    const started = performance.now();
    execFileSync(process.execPath, words, { cwd: folder, stdio: "ignore" });
    return (performance.now() - started) / 1000;
  });
  return seconds.toSorted((one, other) => one - other)[Math.floor(repetitions / 2)] ?? 0;
}
