import assert from "node:assert/strict";
import { join } from "node:path";
import { runBillhouse } from "./child.ts";
import { disturb, withScratch } from "./disturbance.ts";
import { placeName, type Case, type Fault, type Outcome, type Reference } from "./fault.ts";
import { judge, lookAtWhatIsLeft, requireHealed } from "./judgement.ts";
import { readEnd, runInside, type Ended } from "./runs.ts";
import type { Place } from "./steps.ts";
import { createWorld, type Seeds, type World } from "./worlds.ts";

/** What is known of undisturbed runs, by place. */
export interface References {
  readonly seeds: Seeds;
  readonly known: Map<string, Promise<Reference>>;
}

/** Lets a fault strike, looks at what it left, lets the next run heal it. Throws what did not hold. */
export async function tryFault(references: References, { fault, place, step }: Case, folder: string): Promise<Outcome> {
  const reference = await referenceOf(references, place);
  const world = await createWorld(references.seeds, place, folder);
  try {
    const { ended, mending } = await disturb(world, fault, step, reference);
    const left = await lookAtWhatIsLeft(world, fault, reference);
    const outcome = judge(ended, fault, left, reference);
    for (const act of mending) assert.notEqual(await act(), false, "the fault has struck");
    const next = await runAgain(world, fault);
    assert.equal(next.code, 0, `the next run: ${JSON.stringify(next.problems)}\n${next.stderr}`);
    await requireHealed(world, fault, reference, left);
    return outcome;
  } finally {
    await world.close();
  }
}

async function referenceOf({ seeds, known }: References, place: Place): Promise<Reference> {
  const name = placeName(place);
  const found = known.get(name);
  if (found !== undefined) return found;
  const made = (async () => {
    const world = await createWorld(seeds, place, join(seeds.home, `reference-${name}`));
    const old = await world.books();
    const points: string[] = [];
    const ended = await runInside(world, (point) => points.push(point));
    assert.equal(ended.code, 0, JSON.stringify(ended.problems));
    const undisturbed = await world.books();
    assert.ok(undisturbed !== undefined && undisturbed.faults.length === 0, undisturbed?.faults.join());
    assert.deepEqual(await world.leftovers(), []);
    await world.close();
    return { old, undisturbed, points };
  })();
  known.set(name, made);
  return made;
}

/** The next run, which nobody disturbs, as the one before was: in this process or in one of its own. */
async function runAgain(world: World, { isProcess }: Fault): Promise<Ended> {
  if (isProcess !== true) return runInside(world, () => undefined);
  return readEnd(await runBillhouse(world.folder, ["run", "--json"], {}, withScratch(world)));
}
