import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { randomFrom } from "../../../demo/company.ts";
import { runBillhouse, startBillhouse } from "./child.ts";
import { disturb } from "./disturbance.ts";
import type { Case, Fault, Outcome } from "./fault.ts";
import { judge, lookAtWhatIsLeft, requireHealed, type Left } from "./judgement.ts";
import { readEnd, runInside, withScratch, type Ended } from "./runs.ts";
import type { Scenario } from "./scenarios.ts";
import type { PlaceWorld, World } from "./worlds.ts";

/** Lets a fault strike, looks at what it left, lets the next run heal it. Throws what did not hold. */
export async function tryFault(
  { create, reference }: Scenario<PlaceWorld>,
  { fault, step }: Omit<Case, "place">,
  folder: string,
): Promise<Outcome> {
  const world = await create(folder);
  try {
    const { ended, repairs } = await disturb(world, fault, step, reference);
    const { books } = await lookAtWhatIsLeft(world, reference, fault.foreign);
    const outcome = judge(ended, fault, books, reference);
    for (const act of repairs) assert.notEqual(await act(), false, "the fault has struck");
    const { code, problems, stderr } = await runAgain(world, fault);
    assert.equal(code, 0, `the next run: ${JSON.stringify(problems)}\n${stderr}`);
    const most = (table: string): number => (reference.old?.summaries[table] ?? 0) + 2;
    const summaries = (table: string): number | undefined =>
      fault.foreign === undefined ? Math.min((books?.summaries[table] ?? 0) + 1, most(table)) : undefined;
    await requireHealed(world, reference, summaries, fault.foreign);
    return outcome;
  } finally {
    await world.close();
  }
}

/** The next run, undisturbed: in this process or in a separate one, like the disturbed run. */
async function runAgain(world: World, { isProcess }: Fault): Promise<Ended> {
  if (isProcess !== true) return runInside(world, () => undefined);
  return readEnd(await runBillhouse(world.folder, ["run", "--json"], {}, withScratch(world)));
}

/** The n-th time that a run reaches a point. */
export interface Moment {
  readonly point: string;
  readonly nth: number;
}

/** What a kill left, by months that the run changes. */
export interface KillResult extends Omit<Left, "books"> {
  /** The last point that was reached. */
  readonly moment: string;
}

/** Kills a run (SIGKILL) at a point, and lets the next one heal it. Throws what did not hold. */
export async function killAtPoint(scenario: Scenario, folder: string, kill: Moment): Promise<KillResult> {
  const world = await scenario.create(folder);
  try {
    const ended = await runBillhouse(folder, scenario.words, { kill }, withScratch(world));
    assert.equal(ended.signal, "SIGKILL", `${kill.point} ${kill.nth} was reached; on stderr: ${ended.stderr}`);
    return await heal(world, scenario, `${kill.point} ${kill.nth}`);
  } finally {
    await world.close();
  }
}

/** A kill at a random moment. */
export interface RandomResult extends KillResult {
  /** Milliseconds after the start of the process. */
  readonly delay: number;
  /** How often the run had ended before, so that an earlier moment had to be taken. */
  readonly tooLate: number;
}

/**
 * Kills a run from outside at a moment that the seed decides, between the start of the process and the time that the
 * undisturbed run took, and lets the next one heal it. A run that ended before it was killed does not count: the moment
 * is moved forward until the kill lands.
 */
export async function killAtRandom(scenario: Scenario, folder: string, seed: number): Promise<RandomResult> {
  let delay = Math.round(randomFrom(`kill ${seed}`).between(0.1, 1) * scenario.reference.duration);
  for (let tooLate = 0; ; tooLate += 1) {
    const world = await scenario.create(folder);
    try {
      const record = `${folder}.points`;
      await rm(record, { force: true });
      const child = startBillhouse(folder, scenario.words, { record }, withScratch(world));
      const ended = await Promise.race([child.ended, sleep(delay)]);
      child.process.kill("SIGKILL");
      const { signal, code, stderr } = ended ?? (await child.ended);
      if (signal !== "SIGKILL") {
        assert.equal(code, 0, stderr);
        delay = Math.floor(delay * 0.8);
        continue;
      }
      const reached = (await readFile(record, "utf8").catch(() => "")).trimEnd().split("\n");
      return { ...(await heal(world, scenario, reached.at(-1) || "none")), delay, tooLate };
    } finally {
      await world.close();
    }
  }
}

/** Looks at what a killed run left, runs again undisturbed, and compares with a run that was never disturbed. */
async function heal(world: World, { words, reference }: Scenario, moment: string): Promise<KillResult> {
  const { books, changed, published } = await lookAtWhatIsLeft(world, reference);
  assert.notEqual(published, "nothing", "readers have a database at any time");
  const next = await runBillhouse(world.folder, words, {}, withScratch(world));
  assert.equal(next.code, 0, `the next run: ${next.stderr}`);
  // Every run that came so far writes one summary, so the one that was killed may have written its own.
  const summaries = (table: string): number =>
    words[0] === "run" ? (books?.summaries[table] ?? 0) + 1 : (reference.undisturbed.summaries[table] ?? 0);
  await requireHealed(world, reference, summaries);
  assert.equal(world.loadJobs(), reference.loadJobs, "no file is loaded twice");
  return { moment, changed, published };
}
