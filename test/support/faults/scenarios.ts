import assert from "node:assert/strict";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { placeBucket } from "../dated.ts";
import { azureDelivery, azureRows, curColumns, curDelivery, curRow, curRows, deliver } from "../deliveries.ts";
import type { Books } from "./books.ts";
import { runBillhouse } from "./child.ts";
import { withScratch } from "./runs.ts";
import { placeName, type Place } from "./steps.ts";
import { createWorld, duckdbWorld, type PlaceWorld, type Seeds, type World } from "./worlds.ts";

/** A command that is disturbed, in a project that can be created repeatedly. */
export interface Scenario<Made extends World = World> {
  readonly name: string;
  /** The command line of the run. */
  readonly words: readonly string[];
  /** Makes the project as it is before the run, in a folder that does not exist yet. */
  readonly create: (folder: string) => Promise<Made>;
  readonly reference: Reference;
}

/** A run that nothing disturbs. */
export interface Reference {
  /** What the warehouse holds before it, and what after it. */
  readonly old: Books | undefined;
  readonly undisturbed: Books;
  /** The points that it reaches, in order. */
  readonly points: readonly string[];
  /** Whether every project has its own versions of the files. */
  readonly ownVersions: boolean;
  /** Load jobs that BigQuery has run when it ends. */
  readonly loadJobs: number;
  /** How long it takes, in milliseconds. */
  readonly duration: number;
}

/** A run over the bills of `bills.ts`, in one place. */
export function placeScenario(seeds: Seeds, place: Place): Promise<Scenario<PlaceWorld>> {
  const name = placeName(place);
  const create = (folder: string): Promise<PlaceWorld> => createWorld(seeds, place, folder);
  return withReference({ name, words: ["run"], create }, true, join(seeds.home, `reference-${name}`));
}

/** Runs a scenario once to its end, as a process of its own. */
async function withReference<Made extends World>(
  scenario: Omit<Scenario<Made>, "reference">,
  ownVersions: boolean,
  folder: string,
): Promise<Scenario<Made>> {
  const world = await scenario.create(folder);
  try {
    const old = await world.books();
    const record = `${folder}.points`;
    const { code, stderr, duration } = await runBillhouse(folder, scenario.words, { record }, withScratch(world));
    assert.equal(code, 0, stderr);
    const undisturbed = await world.books();
    assert.ok(undisturbed);
    assert.deepEqual(undisturbed.faults, []);
    assert.deepEqual(await world.leftovers(), []);
    const points = (await readFile(record, "utf8")).trimEnd().split("\n");
    const loadJobs = world.loadJobs();
    return { ...scenario, reference: { old, undisturbed, points, ownVersions, loadJobs, duration } };
  } finally {
    await world.close();
  }
}

/** What a scenario over folders is made of. */
export interface ScenarioPlan {
  readonly name: string;
  /** Buckets by section, before and after; without `before` the run is the first one. */
  readonly before?: Readonly<Record<string, Bucket>>;
  readonly after: Readonly<Record<string, Bucket>>;
  /** By default `run`. */
  readonly words?: readonly string[];
}

/** The place of an export. */
export interface Bucket {
  readonly folder: string;
  readonly prefix: string;
  readonly exportName?: string;
}

/** Prepares the project of a scenario below `home`: configuration and, except for a first load, a database. */
export async function prepareScenario(home: string, plan: ScenarioPlan): Promise<Scenario> {
  const { name, words = ["run"] } = plan;
  const before = join(home, "before");
  await mkdir(before, { recursive: true });
  if (plan.before !== undefined) {
    await configure(before, plan.before);
    const first = await runBillhouse(before, ["run"]);
    assert.equal(first.code, 0, first.stderr);
  }
  await configure(before, plan.after);
  const create = async (folder: string): Promise<World> => {
    await rm(folder, { recursive: true, force: true });
    await cp(before, folder, { recursive: true });
    return duckdbWorld(folder);
  };
  return withReference({ name, words, create }, false, join(home, "undisturbed"));
}

/** A bucket with an AWS and an Azure export: a first delivery, and in another folder the same bucket later. */
export async function buildSmallBuckets(home: string): Promise<{ readonly first: string; readonly second: string }> {
  const first = join(home, "first");
  const second = join(home, "second");
  const firstFiles = [curRows("2025-02", "1.25", "-0.05"), curRows("2025-02", "3")];
  await deliver(first, curDelivery({ month: "2025-01", id: "january", files: [curRows("2025-01", "0.1", "0.2")] }));
  await deliver(first, curDelivery({ month: "2025-02", id: "february", files: firstFiles }));
  await deliver(first, azureDelivery({ month: "2025-01", id: "january", files: [azureRows("2025-01", "10", "20.5")] }));
  await cp(first, second, { recursive: true, preserveTimestamps: true });
  const team = "resourceTags/user:team";
  const columns = [...curColumns, team];
  const tagged = (cost: string): ReturnType<typeof curRow> =>
    curRow("2025-02", { "lineItem/UnblendedCost": cost, [team]: "web" });
  const restated = [[tagged("1.25"), tagged("7")], curRows("2025-02", "3", "4")];
  await deliver(second, curDelivery({ month: "2025-02", id: "february-final", files: restated, columns }));
  await deliver(second, curDelivery({ month: "2025-03", id: "march", files: [curRows("2025-03", "9")], columns }));
  await deliver(
    second,
    azureDelivery({
      month: "2025-01",
      id: "january-final",
      pathTime: "202502100042",
      files: [azureRows("2025-01", "10", "20.5"), azureRows("2025-01", "0.000001")],
    }),
  );
  await deliver(second, azureDelivery({ month: "2025-02", id: "february", files: [azureRows("2025-02", "2")] }));
  return { first, second };
}

/** The scenarios over the small built buckets. */
export function smallScenarios({ first, second }: { readonly first: string; readonly second: string }): ScenarioPlan[] {
  const both = (folder: string): Record<string, Bucket> => ({
    aws_cur: { folder, prefix: "cur" },
    azure_billing: { folder, prefix: "exports" },
  });
  return [
    { name: "small, first load", after: both(second) },
    { name: "small, restated", before: both(first), after: both(second) },
    {
      name: "small, state forget",
      before: both(second),
      after: both(second),
      words: ["state", "forget", "aws_cur", "--all"],
    },
  ];
}

/**
 * The scenarios over the deliveries that others made, which are copied below `home` with the times of real deliveries; the
 * first one is delivery-1 that delivery-2 restates.
 */
export async function sampleScenarios(samples: string, home: string): Promise<ScenarioPlan[]> {
  const place = async (path: string, number: number): Promise<string> => {
    await placeBucket(join(samples, "buckets", path), join(home, path), { number });
    return join(home, path);
  };
  const bucket = async (path: string, prefix: string, exportName: string): Promise<Record<string, Bucket>> => ({
    bills: { folder: await place(path, 1), prefix, exportName },
  });
  const createNew = "aws-cur1-csvgz-createnew";
  const first = await bucket(`${createNew}/delivery-1`, "cur/v1", "nise-cur");
  // Files that both hold arrived once.
  await cp(join(home, createNew, "delivery-1"), join(home, createNew, "delivery-2"), {
    recursive: true,
    preserveTimestamps: true,
  });
  const folder = await place(`${createNew}/delivery-2`, 2);
  const second = { bills: { folder, prefix: "cur/v1", exportName: "nise-cur" } };
  return [
    { name: "aws-cur1-csvgz-createnew, delivery-1 to 2", before: first, after: second },
    { name: "aws-cur1-csvgz-createnew, first load", after: first },
    {
      name: "aws-cur1-csvgz-relocated-mirror",
      after: await bucket("aws-cur1-csvgz-relocated-mirror", "gcs-transfer/aws_cur", "aws-billing-csv"),
    },
    {
      name: "aws-cur1-parquet-athena-overwrite",
      after: await bucket("aws-cur1-parquet-athena-overwrite", "cur/parquet", "nise-athena"),
    },
    {
      name: "azure-focus12-parquet-overwrite",
      after: await bucket("azure-focus12-parquet-overwrite", "focus", "focus12"),
    },
    {
      name: "azure-actual-csvgz-createnew",
      after: await bucket("azure-actual-csvgz-createnew", "exports", "nise-actual"),
    },
  ];
}

async function configure(folder: string, sections: Readonly<Record<string, Bucket>>): Promise<void> {
  const lines = Object.entries(sections).flatMap(([name, { folder: url, prefix, exportName }]) => [
    `[sources.${name}]`,
    `bucket_url = ${JSON.stringify(url)}`,
    `prefix = ${JSON.stringify(prefix)}`,
    ...(exportName === undefined ? [] : [`export_name = ${JSON.stringify(exportName)}`]),
  ]);
  await writeFile(join(folder, "billhouse.toml"), `${lines.join("\n")}\n`);
}
