import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { DuckDBInstance } from "@duckdb/node-api";

import { openBigquery, type BigqueryOptions } from "../../src/warehouses/bigquery/driver.ts";
import type { FullWarehouse, MappedFile, OpenMode, Warehouse } from "../../src/warehouses/warehouse.ts";
import { rows } from "../conformance/bills.ts";
import { ofDelivery } from "../conformance/bills.ts";
import type { CapableTestWarehouse } from "../conformance/warehouse.ts";
import { temporaryFolder } from "./folders.ts";
import { startBigqueryServer, type BigqueryServer, type BigqueryServerOptions } from "../servers/bigquery/server.ts";
import { startGcsServer, type GcsServer } from "../servers/gcs.ts";

/** A BigQuery of one test, with the Cloud Storage beside it. */
export interface TestBigquery extends CapableTestWarehouse {
  readonly server: BigqueryServer;
  /** With the buckets `delivered`, which contains files, and `staging`, for uploads. */
  readonly storage: GcsServer;
  /** The default settings of `open`. */
  readonly options: BigqueryOptions;
  open(mode?: OpenMode, options?: Partial<BigqueryOptions>): Promise<FullWarehouse>;
  /** Writes a local data file, which must be uploaded. */
  putHere(name: string, bytes: string | Uint8Array): Promise<Omit<MappedFile, "columns">>;
}

/** Starts the servers of a test. They must have understood every request when it ends. */
export async function bigqueryWarehouse(
  t: TestContext,
  serverOptions: Partial<BigqueryServerOptions> = {},
): Promise<TestBigquery> {
  const folder = await temporaryFolder(t);
  const storage = await startGcsServer("delivered");
  storage.addBucket("staging", { writable: true });
  const server = await startBigqueryServer({
    async readObject(bucket, key) {
      const object = storage.object(bucket, key);
      return object === undefined ? undefined : { bytes: object.bytes, generation: object.generation };
    },
    ...serverOptions,
  });
  const opened: Warehouse[] = [];
  t.after(async () => {
    await Promise.all(opened.map((warehouse) => warehouse.close()));
    await server.close();
    await storage.close();
    const unknown = [...server.refused.map(({ message }) => message), ...storage.refused];
    if (unknown.length > 0) throw new Error(`The servers did not know: ${unknown.join("\n")}`);
  });
  const options: BigqueryOptions = {
    projectId: "p",
    jobProjectId: null,
    location: "EU",
    stagingBucket: "staging",
    endpoint: server.endpoint,
    storageEndpoint: storage.endpoint,
    credentials: null,
    kmsKeyName: null,
    maximumBytesBilled: null,
    pollInterval: 2,
  };
  let count = 0;
  const fileOf = (name: string, bytes: string | Uint8Array, version: string): MappedFile["file"] => ({
    key: `${count}-${name}`,
    size: Buffer.byteLength(bytes),
    version,
    modified: "2025-01-01T00:00:00Z",
    format: name.endsWith(".parquet") ? "parquet" : "csv",
    rows: null,
    declaredSize: null,
  });
  return {
    server,
    storage,
    options,

    async open(mode = "write", others = {}) {
      const warehouse = await openBigquery({ ...options, ...others }, mode);
      opened.push(warehouse);
      return warehouse;
    },

    async openWithViews(views) {
      const warehouse = await openBigquery(options, "write", undefined, views);
      opened.push(warehouse);
      return warehouse;
    },

    viewDataset: "views",
    rows,

    async put(name, bytes) {
      count += 1;
      const version = storage.put("delivered", `${count}-${name}`, bytes);
      return {
        file: fileOf(name, bytes, version),
        path: null,
        rows: null,
        storageUrl: "gs://delivered",
        ...ofDelivery,
      };
    },

    async putHere(name, bytes) {
      count += 1;
      const file = fileOf(name, bytes, "1");
      const path = join(folder, file.key);
      await writeFile(path, bytes);
      return { file, path, rows: null, storageUrl: "s3://elsewhere", ...ofDelivery };
    },

    async parquet(sql) {
      count += 1;
      const file = join(folder, `${count}.parquet`);
      const connection = await (await DuckDBInstance.create(":memory:")).connect();
      await connection.run("SET TimeZone = 'UTC'");
      await connection.run(`COPY (${sql}) TO '${file}' (FORMAT parquet)`);
      connection.closeSync();
      return readFile(file);
    },

    place(text, line, value) {
      // BigQuery reads such a number as the seconds since 1970, and so does not stop at it.
      if (/^\d+$/u.test(value ?? "")) return "";
      const before = text.split("\n").slice(0, line - 1);
      return `byte ${Buffer.byteLength(before.map((each) => `${each}\n`).join(""))}`;
    },

    oddName: `a 'c' % é = : < > # | -- +1`,
  };
}
