import { BillhouseError } from "../../src/errors.ts";
import type { StoredObject } from "../../src/model.ts";
import { leavesRoot, type Storage, type StorageDriver } from "../../src/storages/storage.ts";

/** A bucket of the storage `memory`: bytes and description of its objects by key. */
export interface MemoryBucket {
  readonly objects: Map<string, { readonly object: StoredObject; readonly bytes: Uint8Array }>;
  readable: boolean;
}

/** Storage `memory`: the buckets of a map, addressed as `memory://name`. */
export function memoryStorage(buckets: ReadonlyMap<string, MemoryBucket>): StorageDriver {
  return {
    scheme: "memory",
    async open(url) {
      const bucket = buckets.get(url.replace("memory://", ""));
      if (bucket !== undefined) return openBucket(url, bucket);
      throw new BillhouseError("STORAGE_NOT_FOUND", `There is no bucket ${url}.`, {
        hint: "Check the name in bucket_url.",
      });
    },
  };
}

function openBucket(url: string, bucket: MemoryBucket): Storage {
  const find: Storage["find"] = async (key) => {
    permit(key);
    return bucket.objects.get(key)?.object;
  };

  async function* list(prefix: string): AsyncGenerator<StoredObject> {
    permit(prefix);
    const folder = prefix.replace(/\/*$/u, "/");
    const objects = [...bucket.objects.values()].map(({ object }) => object);
    for (const object of objects.toSorted((left, right) =>
      Buffer.compare(Buffer.from(left.key), Buffer.from(right.key)),
    )) {
      if ((folder === "/" || object.key.startsWith(folder)) && !leavesRoot(object.key)) yield object;
    }
  }

  async function* read(object: StoredObject, range = { start: 0, end: object.size }): AsyncGenerator<Uint8Array> {
    await requireVersion(object);
    const bytes = bucket.objects.get(object.key)?.bytes.slice(range.start, range.end) ?? new Uint8Array();
    if (bytes.length > 0) yield bytes;
    await requireVersion(object);
  }

  async function requireVersion(object: StoredObject): Promise<void> {
    const current = await find(object.key);
    if (current === undefined) {
      throw new BillhouseError("FILE_NOT_FOUND", `The file ${object.key} is no longer in ${url}.`, {
        hint: "Run again when the delivery is complete.",
      });
    }
    if (current.version !== object.version) {
      throw new BillhouseError("OBJECT_CHANGED", `The file ${object.key} in ${url} changed.`, {
        hint: "Run again when the delivery is complete.",
      });
    }
  }

  function permit(key: string): void {
    if (leavesRoot(key)) {
      throw new BillhouseError("KEY_OUTSIDE_PREFIX", `The key ${JSON.stringify(key)} leaves ${url}.`, {
        hint: "Correct the prefix or the manifest that names this key.",
      });
    }
    if (!bucket.readable) {
      throw new BillhouseError("STORAGE_DENIED", `You may not read ${url}.`, { hint: "Ask its owner to let you." });
    }
  }

  return { url, list, find, read, identity: async () => null };
}
