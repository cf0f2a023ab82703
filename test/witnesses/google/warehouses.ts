import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openBigquery, type BigqueryOptions } from "../../../src/warehouses/bigquery/driver.ts";
import type { Warehouse } from "../../../src/warehouses/warehouse.ts";
import { ofDelivery, rows } from "../../conformance/bills.ts";
import type { CapableTestWarehouse } from "../../conformance/warehouse.ts";
import { makeBucket, putObject } from "./buckets.ts";
import { startWarehouse, type Emulator } from "./emulators.ts";
import { describeFile, oddName, parquetOf, placeOf } from "./files.ts";

/** Where the files of a case lie: a Cloud Storage that is asked over HTTP, and a folder with one folder for each bucket. */
export interface FilePlace {
  readonly endpoint: string;
  readonly files: string;
}

const bucket = "delivered";
let projects = 0;

/** Starts an emulator of BigQuery for one case, with its own project; its files are where it looks for them. */
export async function emulatorWarehouse(
  emulator: Emulator,
  program: string,
  place: FilePlace,
): Promise<{ readonly subject: CapableTestWarehouse; close(): Promise<void> }> {
  projects += 1;
  const project = `billhouse-${projects}`;
  const files = await mkdtemp(join(place.files, "case-"));
  await mkdir(join(files, bucket));
  if (!emulator.readsFolder) await makeBucket(place.endpoint, bucket);
  const server = await startWarehouse(emulator, program, project, { endpoint: place.endpoint, files });
  const options: BigqueryOptions = {
    projectId: project,
    jobProjectId: null,
    location: "US",
    stagingBucket: null,
    endpoint: server.endpoint,
    storageEndpoint: null,
    credentials: null,
    kmsKeyName: null,
    maximumBytesBilled: null,
    pollInterval: 2,
  };
  const opened: Warehouse[] = [];
  let count = 0;
  return {
    subject: {
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
      viewDataset: "views",
      async put(name, bytes) {
        count += 1;
        const key = `${count}-${name}`;
        if (emulator.readsFolder) await writeFile(join(files, bucket, key), bytes);
        else await putObject(place.endpoint, bucket, key, bytes);
        return { file: describeFile(key, bytes), path: null, rows: null, storageUrl: `gs://${bucket}`, ...ofDelivery };
      },
      parquet: (sql) => parquetOf(sql, files),
      place: placeOf,
      rows,
      oddName,
    },
    async close() {
      await Promise.all(opened.map((warehouse) => warehouse.close()));
      await server.stop();
    },
  };
}
