import { mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { exportBucket, stagingBucket } from "../google.ts";
import { startGcsServer, type GcsServer } from "../../servers/gcs.ts";
import { startS3Server } from "../../servers/s3.ts";
import { startProxy, type Proxy } from "./proxy.ts";
import type { Place } from "./steps.ts";

/** The bucket in which bills lie, past all faults. */
export interface Bucket {
  bytes(key: string): Buffer;
  put(key: string, bytes: Uint8Array): void;
  remove(key: string): void;
}

/** A storage of a trial, and what leads to it. */
export interface TrialStorage {
  readonly bucket: Bucket;
  /** Null for a folder. */
  readonly proxy: Proxy | null;
  /** Cloud Storage, where bills lie in it or BigQuery needs a staging bucket. */
  readonly gcs: GcsServer | null;
  /** Keys of the section of the configuration. */
  readonly address: Readonly<Record<string, string>>;
}

/** Starts what a place needs; `closing` gets the steps that end it. */
export async function startStorage(
  { storage, warehouse }: Place,
  folder: string,
  closing: (() => Promise<unknown>)[],
): Promise<TrialStorage> {
  const gcs = storage === "gcs" || warehouse === "bigquery" ? await startGcsServer(exportBucket) : null;
  if (gcs !== null) {
    gcs.addBucket(stagingBucket, { writable: true });
    closing.push(() => gcs.close());
  }
  if (storage === "folder") {
    const path = (key: string): string => join(folder, "bills", key);
    let seconds = 1_740_000_000;
    const bucket: Bucket = {
      bytes: (key) => readFileSync(path(key)),
      put(key, bytes) {
        mkdirSync(dirname(path(key)), { recursive: true });
        rmSync(path(key), { recursive: true, force: true });
        writeFileSync(path(key), bytes);
        // The same in every world, as a copy that keeps times has it, and long ago: what was written minutes ago waits.
        seconds += 1;
        utimesSync(path(key), seconds, seconds);
      },
      remove: (key) => rmSync(path(key), { recursive: true, force: true }),
    };
    return { bucket, proxy: null, gcs, address: { bucket_url: join(folder, "bills") } };
  }
  const s3 = storage === "s3" ? await startS3Server(exportBucket) : null;
  if (s3 !== null) closing.push(() => s3.close());
  const kept = new Map<string, Buffer>();
  const server = s3 ?? gcs;
  if (server === null) throw new TypeError("There is a server for every storage but a folder.");
  const bucket: Bucket = {
    bytes: (key) => kept.get(key) ?? Buffer.alloc(0),
    put(key, bytes) {
      kept.set(key, Buffer.from(bytes));
      server.put(exportBucket, key, bytes);
    },
    remove: (key) => server.remove(exportBucket, key),
  };
  const proxy = await startProxy(storage, server.endpoint);
  closing.push(() => proxy.close());
  const scheme = storage === "s3" ? "s3" : "gs";
  return { bucket, proxy, gcs, address: { bucket_url: `${scheme}://${exportBucket}`, endpoint: proxy.endpoint } };
}
