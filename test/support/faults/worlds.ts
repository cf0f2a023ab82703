import assert from "node:assert/strict";
import { cp, mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadConfig, run, type Config } from "../../../src/index.ts";
import type { RetryPolicy } from "../../../src/retry.ts";
import type { Delivery } from "../deliveries.ts";
import { googleProject, googleToml, stagingBucket } from "../google.ts";
import { booksOfServer, dataset, readBooks, type Books } from "./books.ts";
import { startBigqueryServer, type BigqueryServer } from "../../servers/bigquery/server.ts";
import type { GcsServer } from "../../servers/gcs.ts";
import { setAwsVariables, testLogin } from "../../servers/s3-environment.ts";
import { before, since } from "./bills.ts";
import { startStorage, type Bucket } from "./buckets.ts";
import type { Proxy } from "./proxy.ts";
import type { Place } from "./steps.ts";

/** A project of a trial, and a view into its warehouse. */
export interface World {
  /** The working folder, in which the database lies too. */
  readonly folder: string;
  /** Where the run keeps its temporary files. */
  readonly scratch: string;
  readonly config: Config;
  /** Looks into the warehouse (of a copy: to open a database can change it). */
  books(): Promise<Books | undefined>;
  /** What readers see; undefined where there is no read copy. */
  published(): Promise<Books | undefined>;
  /** Leftover files. */
  leftovers(): Promise<readonly string[]>;
  /** Load jobs that BigQuery has run. */
  loadJobs(): number;
  close(): Promise<void>;
}

/** A project over servers of its own: bills of two deliveries, of which the first is loaded. */
export interface PlaceWorld extends World {
  readonly place: Place;
  readonly bucket: Bucket;
  /** The proxy in front of the storage; null for a folder. */
  readonly proxy: Proxy | null;
  readonly bigquery: BigqueryServer | null;
  /** Cloud Storage with the staging bucket; null for DuckDB. */
  readonly staging: GcsServer | null;
}

/** Milliseconds where billhouse waits seconds. */
const shortDelays: RetryPolicy = { retries: 4, firstDelay: 5, multiplier: 1, longestDelay: 5, timeout: 1200 };

/** Does the work with the login of the strict servers. */
export async function withLogin<T>(work: () => Promise<T>): Promise<T> {
  const undo: (() => void)[] = [];
  setAwsVariables({ after: (step) => void undo.push(step as () => void) }, testLogin);
  try {
    return await work();
  } finally {
    for (const step of undo) step();
  }
}

/** What is made once for many worlds below `home`: databases in which the first deliveries are loaded. */
export interface Seeds {
  readonly home: string;
  readonly databases: Map<string, Promise<string>>;
}

/** Makes a world in a folder that does not exist yet. */
export async function createWorld(seeds: Seeds, place: Place, folder: string): Promise<PlaceWorld> {
  const world = await emptyWorld(place, folder);
  for (const delivery of before) putAll(world.bucket, delivery);
  // Generations of Cloud Storage are never the same again.
  const isSeeded = place.warehouse === "duckdb" && place.storage !== "gcs";
  if (isSeeded) await cp(await seedOf(seeds, place), folder, { recursive: true });
  else await runToItsEnd(world);
  for (const delivery of since) putAll(world.bucket, delivery);
  return world;
}

function seedOf(seeds: Seeds, place: Place): Promise<string> {
  const key = `seed-${place.warehouse}-${place.storage}`;
  const known = seeds.databases.get(key);
  if (known !== undefined) return known;
  const made = (async () => {
    const world = await emptyWorld(place, join(seeds.home, `${key}-world`));
    for (const delivery of before) putAll(world.bucket, delivery);
    await runToItsEnd(world);
    const seed = join(seeds.home, key);
    await mkdir(seed, { recursive: true });
    for (const name of [databaseName, readCopyName]) await cp(join(world.folder, name), join(seed, name));
    await world.close();
    return seed;
  })();
  seeds.databases.set(key, made);
  return made;
}

/** Runs undisturbed, and requires that everything goes well. */
export async function runToItsEnd({ config }: Pick<World, "config">): Promise<void> {
  for await (const event of run(config)) {
    if (event.event === "month_failed" || event.event === "pipeline_failed") assert.fail(JSON.stringify(event));
  }
}

const databaseName = "billhouse.duckdb";
const readCopyName = "billhouse.read.duckdb";

/** The world of a folder with a configuration for DuckDB, which it takes away when it is closed. */
export async function duckdbWorld(folder: string): Promise<World> {
  const scratch = await emptyFolder(`${folder}.scratch`);
  return {
    folder,
    scratch,
    config: await loadConfig({ folder, environment: {} }),
    async books() {
      // A copy is opened, because to open the files would already change what the next run finds.
      const look = await emptyFolder(join(scratch, "look"));
      for (const name of await readdir(folder)) {
        if (/^billhouse\.duckdb(\.wal)?$/u.test(name)) await cp(join(folder, name), join(look, name));
      }
      const books = await readBooks(join(look, databaseName));
      await rm(look, { recursive: true });
      return books;
    },
    async published() {
      const copy = await stat(join(folder, readCopyName)).catch(() => undefined);
      return copy?.isFile() === true ? readBooks(join(folder, readCopyName)) : undefined;
    },
    async leftovers() {
      const expected = ["billhouse.toml", "bills", databaseName, readCopyName];
      return [...(await readdir(folder)).filter((name) => !expected.includes(name)), ...(await readdir(scratch))];
    },
    loadJobs: () => 0,
    async close() {
      await rm(folder, { recursive: true, force: true });
      await rm(scratch, { recursive: true, force: true });
    },
  };
}

async function emptyFolder(folder: string): Promise<string> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  return folder;
}

async function emptyWorld(place: Place, folder: string): Promise<PlaceWorld> {
  await emptyFolder(folder);
  const closing: (() => Promise<unknown>)[] = [];
  const { bucket, proxy, gcs, address } = await startStorage(place, folder, closing);
  const bigquery = gcs === null || place.warehouse === "duckdb" ? null : await startBigquery(gcs, closing);
  const section = { prefix: "cur", ...address };
  const toml =
    bigquery === null || gcs === null
      ? Object.entries(section).reduce(
          (text, [key, value]) => `${text}${key} = ${JSON.stringify(value)}\n`,
          "[sources.aws_cur]\n",
        )
      : googleToml({ aws_cur: section }, gcs.endpoint, bigquery.endpoint);
  await writeFile(join(folder, "billhouse.toml"), toml);
  const own = await duckdbWorld(folder);
  const close = async (): Promise<void> => {
    for (const step of closing.toReversed()) await step();
    await own.close();
  };
  const staging = place.warehouse === "bigquery" ? gcs : null;
  const pipelines = own.config.pipelines.map((pipeline) => {
    const storage = { ...pipeline.storage, retryPolicy: shortDelays };
    return { ...pipeline, storage };
  });
  const world = { ...own, config: { ...own.config, pipelines }, place, bucket, proxy, bigquery, staging, close };
  if (bigquery === null) return world;
  // Servers of the tests answer at once.
  const warehouse = { ...world.config.warehouse, pollInterval: 2 };
  return {
    ...world,
    config: { ...world.config, warehouse },
    async books() {
      // Jobs that BigQuery was given run on when the process that gave them has ended.
      await Promise.all([...bigquery.jobs.values()].map(({ done }) => done));
      return booksOfServer(bigquery);
    },
    published: () => booksOfServer(bigquery),
    loadJobs: () => bigquery.counts.loads,
    async leftovers() {
      const tables = bigquery.tableNames(dataset, googleProject);
      return [
        ...(await own.leftovers()),
        ...tables.filter((name) => name.startsWith("_billhouse_staging_")),
        ...(staging?.keys(stagingBucket) ?? []),
      ];
    },
  };
}

async function startBigquery(gcs: GcsServer, closing: (() => Promise<unknown>)[]): Promise<BigqueryServer> {
  const bigquery = await startBigqueryServer({
    async readObject(bucket, key) {
      const object = gcs.object(bucket, key);
      return object === undefined ? undefined : { bytes: object.bytes, generation: object.generation };
    },
  });
  closing.push(() => bigquery.close());
  return bigquery;
}

function putAll(bucket: Bucket, { objects }: Delivery): void {
  for (const [key, bytes] of objects) bucket.put(key, bytes);
}
