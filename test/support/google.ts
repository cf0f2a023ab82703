import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { loadConfig } from "../../src/index.ts";
import { temporaryFolder } from "./folders.ts";
import { startBigqueryServer, type BigqueryServer } from "../servers/bigquery/server.ts";
import { startGcsServer, type GcsServer } from "../servers/gcs.ts";
import type { Delivery } from "./deliveries.ts";
import type { Project, Sections } from "./projects.ts";

/** A project whose export is in Cloud Storage and whose warehouse is BigQuery, both test servers. */
export interface GoogleProject extends Project {
  readonly gcs: GcsServer;
  readonly bigquery: BigqueryServer;
}

/** The bucket of the export. */
export const exportBucket = "acme-billing";

/** The bucket for files that do not lie in Cloud Storage. */
export const stagingBucket = "acme-staging";

/** The project in Google Cloud. */
export const googleProject = "acme";

/** Starts both servers, and makes a project with these sections over the bucket `acme-billing`. */
export async function createGoogleProject(t: Pick<TestContext, "after">, sections: Sections): Promise<GoogleProject> {
  const folder = await temporaryFolder(t as TestContext);
  const gcs = await startGcsServer(exportBucket);
  gcs.addBucket(stagingBucket, { writable: true });
  const bigquery = await startBigqueryServer({
    async readObject(bucket, key) {
      const object = gcs.object(bucket, key);
      return object === undefined ? undefined : { bytes: object.bytes, generation: object.generation };
    },
  });
  t.after(async () => {
    await bigquery.close();
    await gcs.close();
  });
  await writeFile(join(folder, "billhouse.toml"), googleToml(sections, gcs.endpoint, bigquery.endpoint));
  const config = await loadConfig({ folder, environment: {} });
  // Servers of the tests answer at once.
  const warehouse = { ...config.warehouse, pollInterval: 5 };
  return { folder, bucket: `gs://${exportBucket}`, config: { ...config, warehouse }, gcs, bigquery };
}

/** The configuration of such a project. */
export function googleToml(sections: Sections, storage: string, warehouse: string): string {
  const lines = Object.entries(sections).flatMap(([name, keys]) => [
    `[sources.${name}]`,
    ...Object.entries({ bucket_url: `gs://${exportBucket}`, endpoint: storage, ...keys }).map(
      ([key, value]) => `${key} = ${JSON.stringify(value)}`,
    ),
  ]);
  const destination = {
    project_id: googleProject,
    staging_bucket: stagingBucket,
    endpoint: warehouse,
    storage_endpoint: storage,
  };
  const own = Object.entries(destination).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  return [...lines, "[destination.bigquery]", ...own, ""].join("\n");
}

/** Lets a delivery arrive in the bucket. */
export function upload({ gcs }: GoogleProject, delivery: Delivery): void {
  for (const [key, bytes] of delivery.objects) gcs.put(exportBucket, key, bytes);
}

/** Copies a folder into the bucket, as a mirror does. */
export async function uploadFolder({ gcs }: GoogleProject, folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    gcs.put(exportBucket, path.slice(folder.length + 1), await readFile(path));
  }
}

/** Nothing that a load needed for a while may be left. */
export function requireClean({ bigquery, gcs }: GoogleProject): void {
  const left = bigquery.tableNames("billing_data", "acme").filter((name) => name.startsWith("_billhouse_staging"));
  assert.deepEqual(left, []);
  assert.deepEqual(gcs.keys("acme-staging"), []);
}
