import { mkdirSync, writeFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { loadConfig, run } from "../../src/index.ts";
import { startBigqueryServer } from "../../test/servers/bigquery/server.ts";
import { startGcsServer } from "../../test/servers/gcs.ts";
import { exportBucket, googleToml, stagingBucket } from "../../test/support/google.ts";
import { generateHistory } from "./history.ts";

/** What one run asks of the services. */
export interface RunCounts {
  readonly bigquery: number;
  /** Requests to Cloud Storage. */
  readonly storage: number;
  readonly seconds: number;
}

/** What runs into BigQuery ask of the service, counted by the servers of the tests. */
export interface RequestCounts {
  readonly months: number;
  readonly firstRun: RunCounts;
  readonly idleRun: RunCounts;
  /** The most months whose files BigQuery read at the same time. */
  readonly atOnce: number;
}

/** How long the server takes to read a file, in milliseconds: so long that loads which are sent at once overlap. */
const readingTime = 100;

/** Counts the requests of a first run and of one without new deliveries, for an AWS export and an Azure export. */
export async function countRequests(folder: string, months: number): Promise<RequestCounts> {
  mkdirSync(folder, { recursive: true });
  await generateHistory(folder, { months, rows: 20, azureRuns: 2 });
  const storage = await startGcsServer(exportBucket);
  storage.addBucket(stagingBucket, { writable: true });
  for (const bucket of ["aws", "azure"]) {
    for (const entry of await readdir(join(folder, bucket), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile()) storage.put(exportBucket, path.slice(join(folder, bucket).length + 1), await readFile(path));
    }
  }
  let [reading, atOnce] = [0, 0];
  const bigquery = await startBigqueryServer({
    async readObject(bucket, key) {
      reading += 1;
      atOnce = Math.max(atOnce, reading);
      await sleep(readingTime);
      reading -= 1;
      const object = storage.object(bucket, key);
      return object === undefined ? undefined : { bytes: object.bytes, generation: object.generation };
    },
  });
  try {
    const sections = { aws_cur: { prefix: "cur/bench" }, azure_billing: { prefix: "exports/bench" } };
    writeFileSync(join(folder, "billhouse.toml"), googleToml(sections, storage.endpoint, bigquery.endpoint));
    const config = await loadConfig({ folder, environment: {} });
    // The objects were written just now.
    const pipelines = config.pipelines.map((pipeline) => ({ ...pipeline, settle: 0 }));
    const counted = async (expected: number): Promise<RunCounts> => {
      const before = { bigquery: bigquery.requests.length, storage: storage.requests.length };
      const started = performance.now();
      for await (const event of run({ ...config, pipelines })) {
        if (event.event !== "run_finished") continue;
        const loaded = event.pipelines.reduce((sum, pipeline) => sum + pipeline.loaded.length, 0);
        if (loaded !== expected) throw new Error(`A run loaded ${loaded} months.`);
      }
      return {
        bigquery: bigquery.requests.length - before.bigquery,
        storage: storage.requests.length - before.storage,
        seconds: (performance.now() - started) / 1000,
      };
    };
    const firstRun = await counted(2 * months);
    return { months: 2 * months, firstRun, idleRun: await counted(0), atOnce };
  } finally {
    await bigquery.close();
    await storage.close();
  }
}
