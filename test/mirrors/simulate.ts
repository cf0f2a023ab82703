import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { BillhouseError } from "../../src/errors.ts";
import type { Execution, StoredObject } from "../../src/model.ts";
import type { MemoryBucket } from "../conformance/memory.ts";
import type { Storage } from "../../src/storages/storage.ts";
import { settle, storageOf } from "../support/planning.ts";
import { layouts, type Layout, type SimulatedDelivery } from "./layouts.ts";

/** What is loaded of the month in a simulated world. */
export interface SimulatedLoad {
  /** The deliveries that were loaded together, oldest first. */
  readonly runs: readonly Execution[];
  readonly isFlagged: boolean;
}

/** The planner under test: which objects are the month now, or null when what is loaded stays. */
export type Planner = (
  storage: Storage,
  layout: Layout,
  loaded: SimulatedLoad | null,
  now: Date,
) => Promise<SimulatedLoad | null>;

/** What a simulation did. */
export interface Simulation {
  readonly steps: number;
  readonly loads: number;
  readonly deliveries: number;
  /** Loads of a mixture, flagged, in rounds that break what the promise assumes. */
  readonly mixtures: number;
}

/** A bucket in which nothing has changed for a while, and the deliveries that are the month. */
export interface QuietBucket {
  readonly layout: Layout;
  readonly bucket: MemoryBucket;
  readonly now: Date;
  readonly expected: readonly SimulatedDelivery[];
  readonly title: string;
}

/** What is played. */
export interface SimulationOptions {
  readonly seed: number;
  readonly steps: number;
  /** Called for some buckets in which nothing has changed for a while; what it throws ends the simulation. */
  readonly whenQuiet?: (quiet: QuietBucket) => Promise<void>;
  /** How many steps lie between two calls of `whenQuiet`, at least. */
  readonly every?: number;
}

const minute = 60_000;

/**
 * Plays clouds that deliver and mirrors that copy, and lets the planner run after every step. Objects of a delivery arrive
 * in any order, some of them first in part or under a temporary name, all of them within `settle`; the next delivery
 * follows after more than that, or once the one before it is loaded. Of this world the promise must hold: what is loaded is
 * always exactly one complete delivery (or several, of which no two cover a common day), and the newest one (or those that
 * cover the most days) once nothing has changed for a while.
 *
 * In some rounds the world breaks what the promise assumes: objects arrive more slowly, or the mirror gives them the times
 * at which the cloud wrote them. There a mixture may be loaded, but only flagged, and not once nothing has changed for a
 * while. Raises an AssertionError that has the seed and the story.
 */
export async function simulate(
  planner: Planner,
  { seed, steps, whenQuiet, every = 0 }: SimulationOptions,
): Promise<Simulation> {
  const random = randomNumbers(seed);
  const done = { steps: 0, loads: 0, deliveries: 0, mixtures: 0 };
  let asked = -every;
  const look = async (quiet: QuietBucket): Promise<void> => {
    if (whenQuiet === undefined || done.steps < asked + every) return;
    asked = done.steps;
    await whenQuiet(quiet);
  };
  for (let round = 0; done.steps < steps; round += 1) {
    const layout = layouts[round % layouts.length];
    assert.ok(layout !== undefined);
    const drawn = kinds[random.below(6)] ?? "as assumed";
    // Half a file of an old time, of which nothing says the size, is a whole one: docs/reliability.md.
    const kind = drawn === "times of the cloud" && !layout.hasProof ? "as assumed" : drawn;
    const title = `seed ${seed}, round ${round}, ${layout.name}, ${kind}`;
    await playRound({ planner, layout, kind, random, done, look, title });
  }
  return done;
}

/** How objects arrive, and with which times. Most rounds are as the promise assumes. */
type Kind = "as assumed" | "slowly" | "times of the cloud";
const kinds: readonly Kind[] = ["slowly", "times of the cloud"];

interface World {
  readonly bucket: MemoryBucket;
  readonly storage: Storage;
  readonly delivered: SimulatedDelivery[];
  readonly kind: Kind;
  readonly story: string[];
  now: number;
  writes: number;
  loaded: SimulatedLoad | null;
  /** The deliveries whose bytes are loaded, oldest first. */
  holds: readonly SimulatedDelivery[];
}

type Counts = { steps: number; loads: number; deliveries: number; mixtures: number };

interface Round {
  readonly planner: Planner;
  readonly layout: Layout;
  readonly kind: Kind;
  readonly random: Random;
  readonly done: Counts;
  readonly look: (quiet: QuietBucket) => Promise<void>;
  readonly title: string;
}

/** A few deliveries of one export, from an empty bucket and an empty table on. */
async function playRound({ planner, layout, kind, random, done, look, title }: Round): Promise<void> {
  const bucket: MemoryBucket = { objects: new Map(), readable: true };
  const storage = await storageOf(bucket);
  const world: World = {
    bucket,
    storage,
    delivered: [],
    kind,
    story: [],
    now: Date.UTC(2025, 3, 10) + random.below(1000) * minute,
    writes: 0,
    loaded: null,
    holds: [],
  };
  // The first deliveries of some rounds arrive before billhouse runs for the first time.
  const unseen = random.below(3) === 0 ? 1 : 0;
  const deliveries = 2 + random.below(3);
  let isFollowed = false;
  for (let number = 1; number <= deliveries; number += 1) {
    const delivery = await layout.deliver(number, 1 + random.below(3));
    const older = world.delivered.at(-1);
    world.delivered.push(delivery);
    done.deliveries += 1;
    const isSeen = number > unseen;
    for (const arrival of arrivalsOf(delivery, random)) {
      world.now += (1 + random.below(kind === "slowly" ? 60 : 2)) * minute;
      arrive(world, arrival, delivery);
      done.steps += 1;
      if (isSeen) await runPlanner(planner, layout, world, done, title);
    }
    if (layout.removesOlder && older !== undefined) {
      for (const key of older.objects.keys()) if (!delivery.objects.has(key)) bucket.objects.delete(key);
      world.story.push(`${time(world)} ${older.id} is removed`);
    }
    // What is loaded already may be followed at once by the next delivery, and that one by none.
    isFollowed = kind === "as assumed" && !isFollowed && world.holds.at(-1) === delivery && random.below(3) === 0;
    for (let wait = isFollowed ? 0 : 1 + random.below(3); wait > 0; wait -= 1) {
      world.now += settle + (1 + random.below(200)) * minute;
      done.steps += 1;
      if (isSeen) await runPlanner(planner, layout, world, done, title);
    }
    if (isSeen) {
      const expected = monthOf(layout, world.delivered);
      const [wanted, held] = [expected, world.holds].map((some) => some.map(({ id }) => id).join(" and ") || "nothing");
      const message = `${title}: ${wanted} is whole and quiet, and ${held} is loaded`;
      assert.equal(held, wanted, [message, ...world.story].join("\n"));
      if (!isFollowed) await look({ layout, bucket, now: new Date(world.now), expected, title });
    }
  }
}

/** Which of some whole deliveries are the month: the newest; or, of all sets without a common day, that with the most days. */
function monthOf({ days }: Layout, delivered: readonly SimulatedDelivery[]): readonly SimulatedDelivery[] {
  if (days === null) return delivered.slice(-1);
  const daysOf = (set: readonly SimulatedDelivery[]): number[] =>
    set.flatMap(({ number }) => {
      const [first, last] = days(number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
  const sets = Array.from({ length: 2 ** delivered.length }, (_, bits) =>
    delivered.filter((_each, index) => (bits & (2 ** index)) !== 0),
  ).filter((set) => new Set(daysOf(set)).size === daysOf(set).length);
  const isBetter = (set: readonly SimulatedDelivery[], best: readonly SimulatedDelivery[]): boolean => {
    const more = daysOf(set).length - daysOf(best).length;
    return more > 0 || (more === 0 && set.length < best.length);
  };
  return sets.reduce((best, set) => (isBetter(set, best) ? set : best), []);
}

/** One change of the bucket. */
interface ObjectArrival {
  readonly key: string;
  /** Null when the object is taken away: a temporary name. */
  readonly bytes: Uint8Array | null;
}

/** The objects of a delivery in any order, some first in part, some first under a temporary name. */
function arrivalsOf(delivery: SimulatedDelivery, random: Random): ObjectArrival[] {
  const arrivals: ObjectArrival[] = [];
  for (const [key, bytes] of random.shuffled([...delivery.objects])) {
    const how = random.below(5);
    if (how === 0) {
      arrivals.push({ key: `${key}.tmp`, bytes: part(bytes, random) }, { key: `${key}.tmp`, bytes: null });
    } else if (how === 1) arrivals.push({ key, bytes: part(bytes, random) });
    arrivals.push({ key, bytes });
  }
  return arrivals;
}

/** The beginning of an object, of a CSV file up to the end of a row: that is where no reader sees that more is to come. */
function part(bytes: Uint8Array, random: Random): Uint8Array {
  const cut = random.below(bytes.length);
  const line = Buffer.from(bytes).lastIndexOf("\n", cut);
  return bytes.subarray(0, line < 0 ? cut : line + 1);
}

function arrive(world: World, { key, bytes }: ObjectArrival, { number, fileKeys }: SimulatedDelivery): void {
  if (bytes === null) {
    world.bucket.objects.delete(key);
    world.story.push(`${time(world)} ${key} is removed`);
    return;
  }
  world.writes += 1;
  const object: StoredObject = {
    key,
    size: bytes.length,
    version: String(world.writes),
    modified: world.kind === "times of the cloud" ? written(number, fileKeys.includes(key)) : time(world),
    checksum: `md5:${createHash("md5").update(bytes).digest("hex")}`,
  };
  world.bucket.objects.set(key, { object, bytes });
  world.story.push(`${time(world)} ${key} has ${bytes.length} bytes, of ${object.modified}`);
}

/** When the cloud wrote an object of a delivery: its files a minute before its manifest, days ago. */
function written(number: number, isFile: boolean): string {
  return new Date(Date.UTC(2025, 3, 5) + (number * 6 * 60 + (isFile ? 0 : 1)) * minute).toISOString();
}

/** Runs the planner as `billhouse run` would, and loads what it chooses. */
async function runPlanner(planner: Planner, layout: Layout, world: World, done: Counts, title: string): Promise<void> {
  const chosen = await planner(world.storage, layout, world.loaded, new Date(world.now)).catch((error: unknown) => {
    // A manifest that is still being written cannot be read, and a month fails without being touched.
    if (error instanceof BillhouseError && ["MANIFEST_INVALID", "EXPORT_NOT_FOUND"].includes(error.code)) return null;
    throw error;
  });
  if (chosen === null) return;
  const files = chosen.runs.flatMap((run) => run.files);
  const ids = chosen.runs.map(({ id }) => id).join(" and ");
  const contents = files.map(({ key }) => world.bucket.objects.get(key)?.bytes ?? new Uint8Array());
  world.story.push(`${time(world)} ${ids} is loaded${chosen.isFlagged ? ", flagged" : ""}`);
  // A packed file that is cut fails its month.
  if (files.some(({ key }, index) => key.endsWith(".gz") && !isWholeGzip(contents[index]))) {
    world.story.push(`${time(world)} ${ids} cannot be read`);
    return;
  }
  const holds = chosen.runs.flatMap((run) => {
    const own = run.files.map(({ key }) => world.bucket.objects.get(key)?.bytes ?? new Uint8Array());
    return world.delivered.find((delivery) => isExactly(delivery, own)) ?? [];
  });
  const isWhole = holds.length === chosen.runs.length && new Set(holds).size === holds.length;
  const mayMix = world.kind !== "as assumed" && chosen.isFlagged;
  if (!isWhole && mayMix) done.mixtures += 1;
  assert.ok(
    isWhole || mayMix,
    [`${title}: what is loaded is not made of complete deliveries`, ...world.story].join("\n"),
  );
  world.holds = holds;
  world.loaded = chosen;
  done.loads += 1;
}

function isExactly({ fileKeys, objects }: SimulatedDelivery, contents: readonly Uint8Array[]): boolean {
  const hashes = (all: readonly Uint8Array[]): string[] =>
    all.map((bytes) => Buffer.from(bytes).toString("base64")).toSorted();
  const own = hashes(fileKeys.map((key) => objects.get(key) ?? new Uint8Array()));
  const found = hashes(contents);
  return own.length === found.length && own.every((hash, index) => hash === found[index]);
}

function isWholeGzip(bytes: Uint8Array | undefined): boolean {
  try {
    gunzipSync(bytes ?? new Uint8Array());
    return true;
  } catch {
    return false;
  }
}

function time(world: World): string {
  return new Date(world.now).toISOString();
}

/** Random numbers that are the same for the same seed. */
interface Random {
  /** A whole number from 0 on and below the limit. */
  below(limit: number): number;
  shuffled<T>(items: readonly T[]): T[];
}

function randomNumbers(seed: number): Random {
  // Mulberry32, in the public domain: one number of 32 bits is its whole state.
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    below,
    shuffled: (items) => {
      const left = [...items];
      return items.map(() => left.splice(below(left.length), 1)[0] as (typeof items)[number]);
    },
  };
}
