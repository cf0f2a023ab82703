import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import pMap from "p-map";
import { version } from "../src/version.ts";
import {
  buildSmallBuckets,
  prepareScenario,
  sampleScenarios,
  smallScenarios,
  type Scenario,
} from "../test/support/faults/scenarios.ts";
import { killAtPoint, killAtRandom, type KillResult, type RandomResult } from "../test/support/faults/trials.ts";

/*
 * Kills runs of the command line with SIGKILL, lets the next run repair them, and compares the result with a run that was never
 * interrupted: at every named point each time it is reached, and at random moments over the sample deliveries.
 * Exits with 1 if one was not repaired.
 *
 *   node scripts/test-kills.ts                     50 random moments
 *   node scripts/test-kills.ts --seeds 500 --first-seed 51
 *   node scripts/test-kills.ts --write             writes the figures into docs/reliability.md too
 */

const { values: options } = parseArgs({
  options: {
    seeds: { type: "string", default: "50" },
    "first-seed": { type: "string", default: "1" },
    write: { type: "boolean", default: false },
  },
});

/** A kill and its outcome. */
interface Kill<Result> {
  readonly scenario: Scenario;
  readonly name: string;
  readonly result: Result | Error;
}

const started = performance.now();
const home = await mkdtemp(join(tmpdir(), "billhouse-kills-"));
try {
  const samples = resolve(import.meta.dirname, "..", process.env["BILLHOUSE_SAMPLES"] || "../shared/samples");
  const plans = smallScenarios(await buildSmallBuckets(join(home, "buckets")));
  const small = plans.length;
  if (existsSync(samples)) plans.push(...(await sampleScenarios(samples, join(home, "samples"))));
  else console.log(`not run: there are no sample deliveries in ${samples} (BILLHOUSE_SAMPLES names another place)`);
  const scenarios = await pMap(plans, (plan, index) => prepareScenario(join(home, `scenario-${index}`), plan), {
    concurrency: 2,
  });

  // The first sample restates months, so its runs reach every point.
  const points = await killAtPoints(scenarios.slice(0, small + 1));
  const seeds = await killAtSeeds(scenarios.length > small ? scenarios.slice(small) : scenarios);
  const failures = [...points, ...seeds].filter(({ result }) => result instanceof Error);
  const summary = conclusion(points, seeds, failures.length);
  console.log(`\n${[pointTable(points), seedTable(seeds), summary].join("\n\n")}`);
  for (const { scenario, name, result } of failures) {
    console.error(`\n${scenario.name}, ${name}: ${result instanceof Error ? (result.stack ?? "") : ""}`);
  }
  if (failures.length > 0) process.exitCode = 1;
  else if (options.write) await writeFigures([summary, pointTable(points), seedSummary(seeds)].join("\n\n"));
} finally {
  await rm(home, { recursive: true, force: true });
}

async function killAtPoints(scenarios: readonly Scenario[]): Promise<Kill<KillResult>[]> {
  const kills = scenarios.flatMap((scenario) => {
    const times = new Map<string, number>();
    return scenario.reference.points.map((point) => {
      const nth = (times.get(point) ?? 0) + 1;
      times.set(point, nth);
      return { scenario, point, nth };
    });
  });
  console.log(`${kills.length} kills at named points`);
  return pMap(
    kills,
    ({ scenario, point, nth }, index) =>
      attempt(scenario, `${point} ${nth}`, () => killAtPoint(scenario, join(home, `point-${index}`), { point, nth })),
    { concurrency: 2 },
  );
}

async function killAtSeeds(scenarios: readonly Scenario[]): Promise<Kill<RandomResult>[]> {
  const first = Number(options["first-seed"]);
  const seeds = Array.from({ length: Number(options.seeds) }, (_, index) => first + index);
  console.log(`${seeds.length} kills at random moments`);
  return pMap(
    seeds,
    (seed) => {
      const scenario = scenarios[seed % scenarios.length];
      if (scenario === undefined) throw new RangeError(`${seed} is not a valid seed.`);
      return attempt(scenario, `seed ${seed}`, () => killAtRandom(scenario, join(home, `seed-${seed}`), seed));
    },
    { concurrency: 2 },
  );
}

async function attempt<Result>(scenario: Scenario, name: string, kill: () => Promise<Result>): Promise<Kill<Result>> {
  const result = await kill().catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
  if (result instanceof Error) console.log(`✖ ${scenario.name}, ${name}`);
  return { scenario, name, result };
}

function pointTable(kills: readonly Kill<KillResult>[]): string {
  const groups = Map.groupBy(kills, ({ scenario, name }) => `${scenario.name} | ${name.replace(/ \d+$/, "")}`);
  const rows = [...groups].map(([title, group]) => {
    const healed = group.flatMap(({ result }) => (result instanceof Error ? [] : [result]));
    const span = (values: readonly string[]): string => [...new Set(values)].toSorted().join(", ");
    const seen = `${span(healed.map((each) => each.changed))} | ${span(healed.map((each) => each.published))}`;
    return `| ${title} | ${group.length} | ${healed.length} | ${seen} |`;
  });
  return [
    "| run | point | kills | healed | months done in the database | months that readers saw done |",
    "|---|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}

function seedTable(kills: readonly Kill<RandomResult>[]): string {
  const rows = kills.map(({ scenario, name, result }) => {
    if (result instanceof Error) return `| ${name} | ${scenario.name} | | | | | failed |`;
    const { delay, moment, changed, published } = result;
    return `| ${name} | ${scenario.name} | ${delay} | ${moment} | ${changed} | ${published} | healed |`;
  });
  return [
    "| seed | run | ms | last point | months done in the database | months that readers saw done | outcome |",
    "|---|---|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}

function seedSummary(kills: readonly Kill<RandomResult>[]): string {
  const rows = [...Map.groupBy(kills, ({ scenario }) => scenario.name)].map(([name, group]) => {
    const healed = group.flatMap(({ result }) => (result instanceof Error ? [] : [result]));
    const delays = healed.map(({ delay }) => delay);
    const points = new Set(healed.map(({ moment }) => moment));
    const span = `${Math.min(...delays)} to ${Math.max(...delays)}`;
    return `| ${name} | ${group.length} | ${healed.length} | ${span} | ${[...points].toSorted().join(", ")} |`;
  });
  return [
    "| run | random kills | healed | ms after the start | last point before the kill |",
    "|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}

function conclusion(
  points: readonly Kill<KillResult>[],
  seeds: readonly Kill<RandomResult>[],
  failures: number,
): string {
  const late = seeds.reduce((sum, { result }) => sum + (result instanceof Error ? 0 : result.tooLate), 0);
  const seconds = Math.round((performance.now() - started) / 1000);
  const kills = `${points.length} kills at named points and ${seeds.length} at random moments`;
  const outcome = failures === 0 ? "all healed" : `${failures} did not heal`;
  return `billhouse ${version}, Node ${process.versions.node}: ${kills}, ${outcome}, in ${seconds} seconds. ${late} random moments came after the end of their run and were replaced by earlier ones.`;
}

async function writeFigures(figures: string): Promise<void> {
  const page = new URL("../docs/reliability.md", import.meta.url);
  const [begin, end] = ["<!-- Figures, written by npm run test:kills -- --write -->", "<!-- End of the figures -->"];
  const text = await readFile(page, "utf8");
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${page.pathname} is missing the marks for the figures.`);
  await writeFile(page, `${text.slice(0, from + begin.length)}\n\n${figures}\n\n${text.slice(to)}`);
}
