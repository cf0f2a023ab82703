import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { IdempotencyStrategy, Storage } from "@google-cloud/storage";
import { openStorage } from "../../../src/storages/index.ts";
import { apiErrorOf, isNotFound } from "../../../src/warehouses/bigquery/api/api-error.ts";
import { openConnection, type Connection } from "../../../src/warehouses/bigquery/api/client.ts";
import { openBigquery, type BigqueryOptions } from "../../../src/warehouses/bigquery/driver.ts";
import type { Warehouse } from "../../../src/warehouses/warehouse.ts";
import type { TestBucket } from "../../conformance/storage.ts";
import { ofDelivery, rows } from "../../conformance/bills.ts";
import type { CapableTestWarehouse } from "../../conformance/warehouse.ts";
import { describeFile, oddName, parquetOf, placeOf } from "./files.ts";

/** What a case is tried on, and how to take it away again. */
export interface Lent<Subject> {
  readonly subject: Subject;
  close(): Promise<void>;
}

/** A real project of Google Cloud, in which there is one bucket for this run, and one dataset for each case. */
export interface RealProject {
  /** The bucket, empty. */
  makeBucket(): Promise<Lent<TestBucket>>;
  /** A new dataset; its files are in the bucket, or must be uploaded to it. */
  makeDataset(files: "in the bucket" | "to upload"): Promise<Lent<CapableTestWarehouse>>;
  /** Removes the bucket. */
  close(): Promise<void>;
}

/** The name that the cases write. */
const datasetName = "billing";
/** Distinguishes what tests created, and may remove, from other objects. */
const mark = { "billhouse-test": "true" };

/**
 * Opens a project with the default credentials of this machine. Error: it holds a dataset `billing` that no test has made.
 * What a run leaves that was stopped is for the next one to remove, but for its bucket, whose objects go after a day.
 */
export async function openRealProject(project: string, location: string): Promise<RealProject> {
  const bigquery = await openConnection({ projectId: project, jobProjectId: null, endpoint: null, credentials: null });
  // One object takes one write a second: what is written faster is refused, and written again.
  const retryOptions = { idempotencyStrategy: IdempotencyStrategy.RetryAlways };
  const storage = new Storage({ projectId: project, retryOptions });
  await removeDataset(bigquery, project);
  const name = `billhouse-test-${randomUUID()}`;
  await storage.createBucket(name, {
    location,
    labels: mark,
    iamConfiguration: { uniformBucketLevelAccess: { enabled: true } },
    lifecycle: { rule: [{ action: { type: "Delete" }, condition: { age: 1 } }] },
    // Removed objects are gone, and cost nothing.
    softDeletePolicy: { retentionDurationSeconds: 0 },
  });
  const bucket = storage.bucket(name);
  const folder = await mkdtemp(join(tmpdir(), "billhouse-project-"));
  const put = async (key: string, bytes: string | Uint8Array): Promise<string> => {
    const file = bucket.file(key);
    await file.save(Buffer.from(bytes), { resumable: false });
    return String(file.metadata.generation);
  };
  const empty = (): Promise<unknown> => bucket.deleteFiles({ force: true });

  return {
    async makeBucket() {
      await empty();
      const options = { endpoint: null, payer: null, googleCredentials: null, azureCredentials: null };
      const subject: TestBucket = {
        open: () => openStorage(`gs://${name}`, options),
        openMissing: () => openStorage(`gs://${name}-missing`, options),
        put: async (key, bytes) => void (await put(key, bytes)),
        remove: async (key) => void (await bucket.file(key).delete()),
        whileDenied: () => Promise.reject(new assert.AssertionError({ message: "there is one identity only" })),
      };
      return { subject, close: async () => void (await empty()) };
    },

    async makeDataset(files) {
      await removeDataset(bigquery, project);
      const datasetReference = { datasetId: datasetName };
      const body = { datasetReference, location, labels: mark };
      await bigquery.call({ method: "POST", project, path: "datasets", body });
      const options: BigqueryOptions = {
        projectId: project,
        jobProjectId: null,
        location,
        stagingBucket: name,
        endpoint: null,
        storageEndpoint: null,
        credentials: null,
        kmsKeyName: null,
        maximumBytesBilled: null,
      };
      const opened: Warehouse[] = [];
      const subject: CapableTestWarehouse = {
        async open(mode = "write") {
          const warehouse = await openBigquery(options, mode);
          opened.push(warehouse);
          return warehouse;
        },
        async openWithViews(views) {
          const warehouse = await openBigquery(options, "write", undefined, views);
          opened.push(warehouse);
          return warehouse;
        },
        viewDataset: datasetName,
        async put(title, bytes) {
          const key = `${randomUUID()}-${title}`;
          if (files === "in the bucket") {
            const version = await put(key, bytes);
            return {
              file: { ...describeFile(key, bytes), version },
              path: null,
              rows: null,
              storageUrl: `gs://${name}`,
              ...ofDelivery,
            };
          }
          const path = join(folder, key);
          await writeFile(path, bytes);
          return {
            file: describeFile(basename(path), bytes),
            path,
            rows: null,
            storageUrl: "s3://elsewhere",
            ...ofDelivery,
          };
        },
        parquet: (sql) => parquetOf(sql, folder),
        place: placeOf,
        rows,
        oddName,
      };
      const close = async (): Promise<void> => {
        await Promise.all(opened.map((warehouse) => warehouse.close()));
        await removeDataset(bigquery, project);
        await empty();
      };
      return { subject, close };
    },

    async close() {
      await rm(folder, { recursive: true, force: true });
      await empty();
      await bucket.delete();
    },
  };
}

/** Error: it is not marked as one of the tests'. */
async function removeDataset(bigquery: Connection, project: string): Promise<void> {
  const dataset = { project, path: `datasets/${datasetName}` };
  const found = await bigquery
    .call<{ readonly labels?: Readonly<Record<string, string>> }>({ method: "GET", ...dataset })
    .catch((error: unknown) => {
      if (isNotFound(apiErrorOf(error))) return undefined;
      throw error;
    });
  if (found === undefined) return;
  const ours = Object.entries(mark).every(([key, value]) => found.labels?.[key] === value);
  if (!ours) {
    throw new Error(
      `The project ${project} has a dataset ${datasetName} that no test has made: use a project for tests.`,
    );
  }
  await bigquery.call({ method: "DELETE", ...dataset, query: { deleteContents: "true" } });
}
