import { spawn } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { version } from "../src/version.ts";
import type { Case, Outcome } from "../test/support/faults/fault.ts";
import { allCases, titleOf, tryCases, type Result } from "../test/support/faults/harness.ts";
import { faultTables } from "../test/support/faults/tables.ts";

/*
 * Injects every named fault at every step of a run where it can occur, on both warehouses, and lets the next run repair
 * the result. Exits with 1 if a fault was not repaired, or was reported without a code.
 *
 *   node scripts/test-faults.ts                                     all, in two processes
 *   node scripts/test-faults.ts --only "full disk" --warehouse duckdb --step commit
 *   node scripts/test-faults.ts --write                             writes the tables into docs/reliability.md too
 */

const { values: options } = parseArgs({
  options: {
    only: { type: "string" },
    warehouse: { type: "string" },
    step: { type: "string" },
    write: { type: "boolean", default: false },
    /** `0/2`: the share of one of the processes, which reports its results as lines of JSON. */
    part: { type: "string" },
  },
});

/** The result of a case, as a process reports it. */
interface Line {
  readonly title: string;
  readonly outcome?: Outcome;
  readonly failure?: string;
}

const started = performance.now();
const { cases: all } = allCases();
const cases = all.filter(
  ({ fault, place, step }) =>
    (options.only ?? fault.name) === fault.name &&
    (options.warehouse ?? place.warehouse) === place.warehouse &&
    (options.step ?? step) === step,
);
if (cases.length === 0) {
  const names = [...new Set(all.map(({ fault }) => fault.name))];
  throw new Error(`That fault cannot occur there. Faults: ${names.join(", ")}.`);
}
if (options.part === undefined) await tryAll();
else await tryPart(options.part);

async function tryPart(part: string): Promise<void> {
  const [index = 0, count = 1] = part.split("/").map(Number);
  const home = await mkdtemp(join(tmpdir(), "billhouse-faults-"));
  await chmod(home, 0o755);
  try {
    await tryCases(
      cases.filter((_, position) => position % count === index),
      home,
      ({ outcome, ...each }) => {
        const line: Line =
          outcome instanceof Error
            ? { title: titleOf(each), failure: outcome.stack ?? outcome.message }
            : { title: titleOf(each), outcome };
        console.log(JSON.stringify(line));
      },
    );
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

async function tryAll(): Promise<void> {
  console.log(`${cases.length} trials`);
  const lines = (await Promise.all(["0/2", "1/2"].map(startPart))).flat();
  const results = cases.map((each): Result => resultOf(each, lines));
  const failures = results.filter(({ outcome }) => outcome instanceof Error);
  const summary = conclusion(results, failures.length);
  const page = [summary, faultTables(results)].join("\n\n");
  console.log(`\n${page}`);
  for (const { outcome, ...each } of failures) {
    console.error(`\n${titleOf(each)}: ${outcome instanceof Error ? outcome.message : ""}`);
  }
  if (failures.length > 0) process.exitCode = 1;
  else if (options.write) await writeTables(page);
}

function startPart(part: string): Promise<readonly Line[]> {
  const own = process.argv.slice(2).filter((word) => word !== "--write");
  const child = spawn(process.execPath, [import.meta.filename, ...own, "--part", part], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: Line[] = [];
  createInterface({ input: child.stdout }).on("line", (text) => {
    const line = JSON.parse(text) as Line;
    lines.push(line);
    if (line.failure !== undefined) console.log(`✖ ${line.title}`);
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", () => resolve(lines));
  });
}

function resultOf(each: Case, lines: readonly Line[]): Result {
  const line = lines.find(({ title }) => title === titleOf(each));
  return { ...each, outcome: line?.outcome ?? new Error(line?.failure ?? "The trial did not finish.") };
}

function conclusion(results: readonly Result[], failures: number): string {
  const count = (...ends: readonly string[]): number =>
    results.filter(({ outcome }) => !(outcome instanceof Error) && ends.includes(outcome.end)).length;
  const seconds = Math.round((performance.now() - started) / 1000);
  const named = new Set(results.map(({ fault }) => fault)).size;
  return [
    `billhouse ${version}, Node ${process.versions.node}: ${named} faults in ${results.length} trials, ${failures === 0 ? "all repaired" : `${failures} were not repaired`}, in ${seconds} seconds.`,
    `\`=\` (${count("at once")}): the run succeeded with the same result. A code (${count("reported")}): the run reported it, with exit code 1 or 3, and the next one repaired it. \`next\` (${count("killed", "stopped")}): the run was ended, and the next one repaired it. \`unseen\` (${count("unseen")}): the run could not detect it, and the next one did. An empty cell: the fault cannot occur there; the list below says why.`,
  ].join("\n\n");
}

async function writeTables(tables: string): Promise<void> {
  const page = new URL("../docs/reliability.md", import.meta.url);
  const [begin, end] = ["<!-- Faults, written by npm run test:faults -- --write -->", "<!-- End of the faults -->"];
  const text = await readFile(page, "utf8");
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${page.pathname} is missing the marks for the faults.`);
  await writeFile(page, `${text.slice(0, from + begin.length)}\n\n${tables}\n\n${text.slice(to)}`);
}
