import type { StoredObject } from "../../model.ts";
import { askService, type Client } from "./client.ts";
import { explain, foreign, statusOf } from "./failures.ts";

/** What billhouse asks to be told of an object. */
export const objectFields = "name,size,generation,md5Hash,updated";

/** An object as the JSON API describes it: numbers are text. Objects composed of others have no `md5Hash` (base64). */
export interface ObjectMetadata {
  readonly name?: string;
  readonly size?: string | number;
  readonly generation?: string | number;
  readonly md5Hash?: string;
  readonly updated?: string;
}

/** The object that the service describes. Error: STORAGE_UNAVAILABLE when it is no description that it gives. */
export function toObject(client: Client, metadata: ObjectMetadata): StoredObject {
  // Whoever stands in between may have answered with a page of text.
  const { name, size, generation, md5Hash, updated } = metadata;
  if (name === undefined || size === undefined || generation === undefined || updated === undefined) {
    throw foreign(client.url);
  }
  const described = {
    key: name,
    size: Number(size),
    version: String(generation),
    modified: new Date(updated).toISOString(),
  };
  return md5Hash === undefined
    ? described
    : { ...described, checksum: `md5:${Buffer.from(md5Hash, "base64").toString("hex")}` };
}

/** The object as it is now, or undefined. Errors: as the contract's `find`. */
export async function look(client: Client, key: string): Promise<StoredObject | undefined> {
  if (!canBeKey(key)) return undefined;
  const file = client.bucket.file(key);
  try {
    const [metadata] = await askService(client, async () => file.getMetadata({ fields: objectFields }));
    return toObject(client, metadata);
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw explain(client, error, "storage.objects.get");
  }
}

/**
 * Whether an object can have this key: 1 to 1024 bytes of UTF-8 without line ends, neither `.` nor `..`. A name with `/`
 * at its end is a folder's.
 */
export function canBeKey(key: string): boolean {
  const length = Buffer.byteLength(key);
  return key.isWellFormed() && length > 0 && length <= 1024 && !/^\.{1,2}$|[\r\n]|\/$/u.test(key);
}
