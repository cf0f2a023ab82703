import type { PipelineConfig } from "../../src/config/config.ts";
import type { BillingMonth, Execution, Receipt } from "../../src/model.ts";
import type { Storage } from "../../src/storages/storage.ts";
import { memoryStorage, type MemoryBucket } from "../conformance/memory.ts";
import { receipt } from "../state/sample.ts";
import type { Delivery } from "./deliveries.ts";

/** How long a suspected delivery must have been quiet, in milliseconds. */
export const settle: number = 30 * 60_000;

/** A pipeline over a bucket in memory. */
export const bills: PipelineConfig = {
  name: "bills",
  bucketUrl: "memory://mirror",
  prefix: "",
  exportName: null,
  tableName: "bills_data",
  dataset: "billing_data",
  kind: null,
  partitionColumn: null,
  firstMonth: null,
  projectId: null,
  keepPrevious: 0,
  unpackedLimit: null,
  settle,
  activeFrom: null,
  activeTo: null,
  nullValues: [],
  storage: { endpoint: null, payer: null, googleCredentials: null, azureCredentials: null },
};

/** The storage of a bucket in memory. */
export function storageOf(bucket: MemoryBucket): Promise<Storage> {
  return memoryStorage(new Map([["mirror", bucket]])).open("memory://mirror", bills.storage);
}

/** A bucket that holds deliveries, each of them made days ago; a later one of two with the same key wins. */
export function bucketOf(deliveries: readonly Delivery[]): MemoryBucket {
  const objects: MemoryBucket["objects"] = new Map();
  let writes = 0;
  for (const [key, bytes] of deliveries.flatMap((delivery) => [...delivery.objects])) {
    writes += 1;
    const modified = new Date(Date.UTC(2025, 5, 1) + writes * 1000).toISOString();
    objects.set(key, { object: { key, size: bytes.length, version: String(writes), modified }, bytes });
  }
  return { objects, readable: true };
}

/** The receipt of a month that was loaded from these deliveries, oldest first. */
export function receiptOf(
  billingMonth: BillingMonth,
  runs: readonly Execution[],
  changes: Partial<Receipt> = {},
): Receipt {
  return {
    ...receipt,
    executionId: runs.at(-1)?.id ?? "",
    billingMonth,
    files: runs.flatMap(({ files }) =>
      files.map(({ key, size, version, checksum = null }) => ({ key, size, version, checksum, rows: 3 })),
    ),
    deliveries: runs.map(({ id, manifest, submittedTime, made, coverage }) => ({
      execution_id: id,
      manifest_key: manifest.key,
      manifest_version: manifest.version,
      submitted_time: submittedTime,
      made,
      coverage,
      rows: 3,
      cost: null,
    })),
    flags: [],
    undone: [],
    period: null,
    ...changes,
  };
}
