import assert from "node:assert/strict";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { azureDelivery, azureRows, curColumns, curDelivery, curRow, curRows, deliver } from "../deliveries.ts";
import { readBooks, type Books } from "./books.ts";
import { runBillhouse } from "./child.ts";

/** A command that is to be killed, the project in which it runs, and how it ends when nobody disturbs it. */
export interface Scenario {
  readonly name: string;
  /** The command line of the run. */
  readonly words: readonly string[];
  /** The project before the run: configuration and, except for a first load, a database. */
  readonly before: string;
  readonly old: Books | undefined;
  readonly undisturbed: Books;
  /** The points that the undisturbed run reached, in order. */
  readonly points: readonly string[];
  /** How long the undisturbed run took, in milliseconds. */
  readonly duration: number;
}

/** What a scenario is made of. */
export interface ScenarioPlan {
  readonly name: string;
  /** Buckets by section, before and after; without `before` the run is the first one. */
  readonly before?: Readonly<Record<string, Bucket>>;
  readonly after: Readonly<Record<string, Bucket>>;
  /** By default `run`. */
  readonly words?: readonly string[];
}

/** Where an export lies. */
export interface Bucket {
  readonly folder: string;
  readonly prefix: string;
  readonly exportName?: string;
}

/** The name of the database in every project. */
export const databaseName = "billhouse.duckdb";
/** The name of its read copy. */
export const readCopyName = "billhouse.read.duckdb";

/** Makes the project of a scenario below `home`, and runs it once to its end, undisturbed, in a copy. */
export async function prepareScenario(home: string, plan: ScenarioPlan): Promise<Scenario> {
  const { name, words = ["run"] } = plan;
  const before = join(home, "before");
  const reference = join(home, "undisturbed");
  await mkdir(before, { recursive: true });
  if (plan.before !== undefined) {
    await configure(before, plan.before);
    const first = await runBillhouse(before, ["run"]);
    assert.equal(first.code, 0, first.stderr);
  }
  await configure(before, plan.after);
  await cp(before, reference, { recursive: true });
  const record = join(home, "points");
  const { code, stderr, duration } = await runBillhouse(reference, words, { record });
  assert.equal(code, 0, stderr);
  const undisturbed = await readBooks(join(reference, databaseName));
  assert.ok(undisturbed);
  assert.deepEqual(undisturbed.faults, []);
  const points = (await readFile(record, "utf8")).trimEnd().split("\n");
  return { name, words, before, old: await readBooks(join(before, databaseName)), undisturbed, points, duration };
}

/** A folder in which a scenario runs once. */
export async function startTrial(scenario: Scenario, folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await cp(scenario.before, folder, { recursive: true });
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

/** The scenarios over the deliveries that others made; the first one is delivery-1 that delivery-2 restates. */
export function sampleScenarios(samples: string): ScenarioPlan[] {
  const bucket = (path: string, prefix: string, exportName: string): Record<string, Bucket> => ({
    bills: { folder: join(samples, "buckets", path), prefix, exportName },
  });
  const first = bucket("aws-cur1-csvgz-createnew/delivery-1", "cur/v1", "nise-cur");
  const second = bucket("aws-cur1-csvgz-createnew/delivery-2", "cur/v1", "nise-cur");
  return [
    { name: "aws-cur1-csvgz-createnew, delivery-1 to 2", before: first, after: second },
    { name: "aws-cur1-csvgz-createnew, first load", after: first },
    {
      name: "aws-cur1-csvgz-relocated-mirror",
      after: bucket("aws-cur1-csvgz-relocated-mirror", "gcs-transfer/aws_cur", "aws-billing-csv"),
    },
    {
      name: "aws-cur1-parquet-athena-overwrite",
      after: bucket("aws-cur1-parquet-athena-overwrite", "cur/parquet", "nise-athena"),
    },
    {
      name: "azure-focus12-parquet-overwrite",
      after: bucket("azure-focus12-parquet-overwrite", "focus", "focus12"),
    },
    { name: "azure-actual-csvgz-createnew", after: bucket("azure-actual-csvgz-createnew", "exports", "nise-actual") },
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
