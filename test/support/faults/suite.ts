import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import pMap from "p-map";
import { temporaryFolder } from "../folders.ts";
import type { Case } from "./fault.ts";
import { titleOf, tryCases, type Result } from "./harness.ts";
import { buildSmallBuckets, placeScenario, prepareScenario, smallScenarios, type Scenario } from "./scenarios.ts";
import { google } from "./steps.ts";
import { killAtPoint, type Moment } from "./trials.ts";

/** Declares a test for each case, in the suite that calls it. Cases run beside each other, and share what they can. */
export function testCases(cases: readonly Case[]): void {
  const results = new Map<string, Promise<Result>>();
  const report = new Map<string, (result: Result) => void>();
  let home = "";
  before(async () => {
    home = await mkdtemp(join(tmpdir(), "billhouse-faults-"));
    await chmod(home, 0o755);
    for (const each of cases) {
      const { promise, resolve } = Promise.withResolvers<Result>();
      results.set(titleOf(each), promise);
      report.set(titleOf(each), resolve);
    }
    void tryCases(cases, home, (result) => report.get(titleOf(result))?.(result));
  });
  after(() => rm(home, { recursive: true, force: true }));

  for (const each of cases) {
    test(`${titleOf(each)}: is healed, at once or by the next run`, async () => {
      const result = await results.get(titleOf(each));
      if (result?.outcome instanceof Error) throw result.outcome;
    });
  }
}

/** A run that is killed, and the moments at which a test kills it. */
export interface KilledRun {
  readonly title: string;
  /** Prepares the run below a folder. */
  readonly prepare: (home: string) => Promise<Scenario>;
  /** Of the points that the undisturbed run reaches, in order, those at which it is killed. */
  readonly moments: (points: readonly string[]) => readonly Moment[];
  /** Points at which `npm test` kills, the first time that `moments` names them; `npm run test:long` takes the others. */
  readonly quick: readonly string[];
}

/** The runs that are killed: on DuckDB from a folder, on BigQuery from Cloud Storage. */
export const killedRuns: readonly KilledRun[] = [
  {
    title: "a first load",
    prepare: (home) => prepareSmall(home, 0),
    moments: () => [{ point: "prepared", nth: 1 }],
    quick: [],
  },
  {
    title: "restated months",
    prepare: (home) => prepareSmall(home, 1),
    moments: middleMoments,
    quick: ["after-delete"],
  },
  {
    title: "state forget",
    prepare: (home) => prepareSmall(home, 2),
    moments: () => [{ point: "after-commit", nth: 1 }],
    quick: [],
  },
  {
    title: "restated months on BigQuery",
    prepare: (home) => placeScenario({ home, databases: new Map() }, google),
    moments: everyMoment,
    quick: ["job-inserted"],
  },
];

async function prepareSmall(home: string, index: number): Promise<Scenario> {
  const plan = smallScenarios(await buildSmallBuckets(join(home, "buckets")))[index];
  if (plan === undefined) throw new RangeError(`There is no scenario ${index}.`);
  return prepareScenario(join(home, "scenario"), plan);
}

/** Every time that a run reaches a point. */
export function everyMoment(points: readonly string[]): readonly Moment[] {
  const seen = new Map<string, number>();
  return points.map((point) => {
    const nth = (seen.get(point) ?? 0) + 1;
    seen.set(point, nth);
    return { point, nth };
  });
}

/** Each point once, and commits at their edges: the last one writes a summary. */
function middleMoments(points: readonly string[]): readonly Moment[] {
  const times = (point: string): number => points.filter((name) => name === point).length;
  const middle = [...new Set(points)].map((point) => ({ point, nth: Math.ceil(times(point) / 2) }));
  const edges = ["before-commit", "after-commit"].flatMap((point) => [
    { point, nth: 1 },
    { point, nth: times(point) },
  ]);
  return [...middle, ...edges];
}

/** Tests that a run which is killed, at the quick moments or at the others, is healed by the next one. */
export function testKills({ title, prepare, moments, quick }: KilledRun, which: "quick" | "others"): void {
  test(`${title}: the next run heals it, each load once, no file twice, nothing left`, async (t) => {
    const home = await temporaryFolder(t);
    const scenario = await prepare(home);
    const all = moments(scenario.reference.points);
    const isQuick = ({ point }: Moment, index: number): boolean =>
      quick.includes(point) && all.findIndex((moment) => moment.point === point) === index;
    const chosen = all.filter((moment, index) => isQuick(moment, index) === (which === "quick"));
    const kill = (moment: Moment, index: number): Promise<void> =>
      t.test(`${moment.point} ${moment.nth}`, async () => {
        await killAtPoint(scenario, join(home, `trial-${index}`), moment);
      });
    await pMap(chosen, kill, { concurrency: 3 });
  });
}
