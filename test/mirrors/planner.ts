import type { PipelineConfig } from "../../src/config/config.ts";
import type { Execution } from "../../src/model.ts";
import { discover } from "../../src/pipeline/discover/discover.ts";
import { chooseDelivery } from "../../src/pipeline/months/choose.ts";
import { arrivalRules, judgeArrival, type ArrivalRule } from "../../src/pipeline/months/settle.ts";
import type { Storage } from "../../src/storages/storage.ts";
import { month } from "./layouts.ts";
import { settle, type Planner, type SimulatedLoad } from "./simulate.ts";

/** A planner that has only these rules on whether a delivery has arrived. */
export function plannerWith(rules: readonly ArrivalRule[] = arrivalRules): Planner {
  return async (storage, { prefix }, loaded, now) => {
    const discovery = await discover({ ...pipeline, prefix }, storage);
    const known = loaded && { ids: [loaded.id], coverage: null, undone: [] };
    const { chosen } = await chooseDelivery(discovery, month, known, false);
    if (chosen === null || isUnchanged(chosen, loaded)) return null;
    const isDataFile = chosen.files.some(({ key }) => key === chosen.manifest.key);
    const sizes = isDataFile ? new Map<string, number>() : await declaredSizes(storage, chosen);
    const delivery = {
      id: chosen.id,
      manifest: isDataFile ? null : chosen.manifest,
      files: chosen.files.map((file) => ({ ...file, declaredSize: sizes.get(file.key) ?? null })),
      missing: chosen.missing,
    };
    const { waiting, isFlagged } = judgeArrival(
      {
        delivery,
        loaded: loaded && {
          id: loaded.id,
          manifestVersion: loaded.manifest?.version ?? null,
          files: loaded.files,
          isFlagged: loaded.isFlagged,
        },
        isSameBytes: isSameBytes(chosen, loaded),
        now,
        settle,
      },
      rules,
    );
    return waiting === null ? { id: chosen.id, manifest: delivery.manifest, files: chosen.files, isFlagged } : null;
  };
}

const pipeline: PipelineConfig = {
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
  storage: { endpoint: null, payer: null, googleCredentials: null, azureCredentials: null },
};

/** The bytes that a manifest of Azure declares for its files, by the keys at which they lie. */
async function declaredSizes(storage: Storage, { manifest, files }: Execution): Promise<ReadonlyMap<string, number>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of storage.read(manifest)) chunks.push(chunk);
  const { blobs = [] } = JSON.parse(Buffer.concat(chunks).toString()) as {
    blobs?: readonly { blobName: string; byteCount?: number }[];
  };
  return new Map(
    files.flatMap(({ key }) => {
      const size = blobs.find(({ blobName }) => blobName === key)?.byteCount;
      return size === undefined ? [] : [[key, size] as const];
    }),
  );
}

function isUnchanged({ id, files }: Execution, loaded: SimulatedLoad | null): boolean {
  return (
    loaded?.id === id &&
    files.every(({ key, version }) => loaded.files.some((file) => file.key === key && file.version === version))
  );
}

function isSameBytes({ id, files }: Execution, loaded: SimulatedLoad | null): boolean {
  return (
    loaded?.id === id &&
    files.every(({ key, checksum }) => loaded.files.some((file) => file.key === key && file.checksum === checksum))
  );
}
