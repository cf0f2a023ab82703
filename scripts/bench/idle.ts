import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { generateHistory } from "./history.ts";
import { measure } from "./measure.ts";

/** One command of billhouse, as installed, and how long it took. */
export interface TimedCommand {
  readonly title: string;
  /** Seconds, the median, of each program in the order in which they were given. */
  readonly seconds: readonly number[];
}

/** How often each command is run: the median does not depend on the first ones, which fill caches. */
const repetitions = 15;

/**
 * How long built programs take to start, and to find out that there is nothing to load: 36 months of an AWS export, and
 * 36 months of an Azure export with 30 deliveries each. The programs are run in turn, each in a folder of its own, so that
 * their times can be compared on a machine whose speed varies.
 */
export async function measureIdle(folder: string, programs: readonly string[]): Promise<readonly TimedCommand[]> {
  const places = programs.map((program, index) => ({ program, place: join(folder, String(index)) }));
  for (const { program, place } of places) {
    mkdirSync(place, { recursive: true });
    await generateHistory(place, { months: 36, rows: 100, azureRuns: 30 });
    await measure([process.execPath, program, "run", "--quiet"], { folder: place });
  }
  const commands: readonly (readonly [title: string, words: readonly string[]])[] = [
    ["`--help`", ["--help"]],
    ['`query "SELECT 1"`', ["query", "SELECT 1"]],
    ["`run`, nothing to load", ["run"]],
    ["`plan`", ["plan"]],
    ["`status`", ["status"]],
  ];
  return [
    { title: "Node alone (`node -e 0`)", seconds: time(places.map(({ place }) => ({ words: ["-e", "0"], place }))) },
    ...commands.map(([title, words]) => ({
      title,
      seconds: time(places.map(({ program, place }) => ({ words: [program, ...words], place }))),
    })),
  ];
}

/** Without `measure`, which looks at all processes of the machine again and again, and takes longer than the command. */
function time(calls: readonly { readonly words: readonly string[]; readonly place: string }[]): readonly number[] {
  const rounds = Array.from({ length: repetitions }, () =>
    calls.map(({ words, place }) => {
      const started = performance.now();
      execFileSync(process.execPath, words, { cwd: place, stdio: "ignore" });
      return (performance.now() - started) / 1000;
    }),
  );
  return calls.map((_, index) => {
    const seconds = rounds.map((round) => round[index] ?? 0).toSorted((one, other) => one - other);
    return seconds[Math.floor(repetitions / 2)] ?? 0;
  });
}

/** Builds a commit of this repository in a new folder, and returns the path of its program. */
export function buildCommit(commit: string, folder: string): string {
  const root = join(import.meta.dirname, "..", "..");
  const run = (cwd: string, command: string, ...words: readonly string[]): void =>
    void execFileSync(command, words, { cwd, stdio: ["ignore", "ignore", "inherit"] });
  run(root, "git", "clone", "--quiet", "--shared", ".", folder);
  run(folder, "git", "checkout", "--quiet", commit);
  run(folder, "npm", "ci", "--silent", "--no-audit", "--no-fund");
  run(folder, "npm", "run", "--silent", "build");
  const { bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { bin: { billhouse: string } };
  return join(folder, bin.billhouse);
}
