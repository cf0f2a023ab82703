import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startBillhouse, type Child } from "./child.ts";
import { targets } from "./bills.ts";
import type { Fault, Trial } from "./fault.ts";
import type { Question, Treatment } from "./proxy.ts";
import { bound, readEnd, runInside, withScratch, type Ended } from "./runs.ts";
import type { Reference } from "./scenarios.ts";
import { momentOf, type Moment, type Step } from "./steps.ts";
import type { PlaceWorld } from "./worlds.ts";

/** What became of a run that was disturbed. */
export interface Disturbed {
  readonly ended: Ended;
  /** What is to be done before it is healed. */
  readonly repairs: readonly (() => unknown)[];
}

/** Runs, and lets a fault strike at a step. Throws when it did not, or when the run hangs. */
export async function disturb(world: PlaceWorld, fault: Fault, step: Step, { points }: Reference): Promise<Disturbed> {
  const moment = knownMoment(world, step, points);
  const repairs: (() => unknown)[] = [];
  const waiting: (() => Promise<unknown>)[] = [];
  const reached = new Map<string, number>();
  let strike: ((child: Child | undefined) => unknown) | undefined;
  let treated: { treatment: Treatment; left: number; happened: number } | undefined;
  let child: Child | undefined;
  const happen = async (): Promise<void> => {
    const act = strike;
    strike = undefined;
    await act?.(child);
  };
  const start: Trial["start"] = { task: {}, options: {} };
  await fault.arm({
    world,
    step,
    points,
    start,
    strike: (act) => void (strike = act),
    treat: (treatment, times = 1) => void (treated = { treatment, left: times, happened: 0 }),
    wait: (act) => void waiting.push(act),
    repair: (act) => void repairs.push(act),
  });
  const isStriking = strike !== undefined;
  if (world.proxy !== null) {
    world.proxy.treat = (question) => {
      const isHere = stepOf(question, reached) === step;
      if (moment.kind === "request" && isHere && strike !== undefined) return { before: happen };
      if (treated === undefined || treated.left === 0 || !isHere || !isAimedAt(question, step)) return undefined;
      treated.left -= 1;
      treated.happened += 1;
      return treated.treatment;
    };
  }
  if (moment.kind === "statement" && world.bigquery !== null) {
    world.bigquery.onStatement = async (sql) => {
      if (moment.sql.test(sql)) await happen();
    };
  }
  const ended = fault.isProcess === true ? await inProcess() : await runInside(world, reach);
  for (const act of waiting) await act();
  if (world.proxy !== null) world.proxy.treat = () => undefined;
  if (world.bigquery !== null) world.bigquery.onStatement = () => undefined;
  assert.ok(!isStriking || strike === undefined, "the run came to the step");
  assert.ok(treated === undefined || treated.happened > 0, "the storage was asked at the step");
  return { ended, repairs };

  function reach(point: string): void {
    reached.set(point, (reached.get(point) ?? 0) + 1);
    if (moment.kind === "point" && moment.point === point && reached.get(point) === moment.nth) void happen();
  }

  async function inProcess(): Promise<Ended> {
    const [here, until] = [join(world.scratch, "here"), join(world.scratch, "go-on")];
    const held = moment.kind === "point" && isStriking ? moment : undefined;
    const pause = held === undefined ? {} : { pause: { point: held.point, nth: held.nth, until, reached: here } };
    child = startBillhouse(
      world.folder,
      ["run", "--json"],
      { ...start.task, ...pause },
      withScratch(world, start.options),
    );
    const { process: started, ended } = child;
    const timer = setTimeout(() => started.kill("SIGKILL"), bound);
    const isOver = (): boolean => started.exitCode !== null || started.signalCode !== null;
    if (held !== undefined) while (!isOver() && !existsSync(here)) await sleep(10);
    if (held !== undefined && !isOver()) {
      await happen();
      await writeFile(until, "");
    }
    const end = await ended;
    clearTimeout(timer);
    assert.ok(end.duration < bound, "the run hung");
    for (const file of [here, until]) await rm(file, { force: true });
    return readEnd(end);
  }
}

function knownMoment({ place }: PlaceWorld, step: Step, points: readonly string[]): Moment {
  const moment = momentOf(place, step, points);
  if (typeof moment === "string") throw new TypeError(moment);
  return moment;
}

/** The step of a run to which a question belongs, by the points that it has reached. */
function stepOf({ what, key }: Question, reached: ReadonlyMap<string, number>): Step | undefined {
  if (what === "list") return "list";
  const isManifest = key.endsWith("Manifest.json");
  if (reached.has("measured") && (what === "look" || isManifest)) return "look";
  if (isManifest) return "manifest";
  return reached.has("headers-read") ? "read" : "header";
}

/** Faults of the network strike what brings bytes, except where nothing does. */
function isAimedAt({ what, key }: Question, step: Step): boolean {
  if (step === "list") return true;
  if (step === "look") return what === "look" && key === targets.manifest;
  return what === "read" && key === (step === "manifest" ? targets.manifest : targets.file);
}
