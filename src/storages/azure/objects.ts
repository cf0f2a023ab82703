import type { StoredObject } from "../../model.ts";
import { retry } from "../../retry.ts";
import type { Client } from "./client.ts";
import { explain, foreign, statusOf } from "./failures.ts";

/** What Azure tells of a blob, in a listing and of one alone. */
export interface Description {
  readonly etag?: string | undefined;
  readonly contentLength?: number | undefined;
  readonly lastModified?: Date | undefined;
  readonly contentMD5?: Uint8Array | undefined;
}

/** The object that the service describes. Error: STORAGE_UNAVAILABLE when it is no description that Azure gives. */
export function toObject(client: Client, key: string, description: Description): StoredObject {
  const { etag, contentLength: size, lastModified, contentMD5: md5 } = description;
  if (etag === undefined || size === undefined || lastModified === undefined) throw foreign(client.url);
  const object = { key, size, version: versionOf(etag), modified: lastModified.toISOString() };
  // Blobs that were written in blocks have one only where their writer gave it.
  return md5 === undefined || md5.length !== 16
    ? object
    : { ...object, checksum: `md5:${Buffer.from(md5).toString("hex")}` };
}

/** An ETag without its quotes, which a header has and a listing has not. */
export function versionOf(etag: string): string {
  return etag.replace(/^"(?<tag>.*)"$/u, "$<tag>");
}

/** Whether a blob stands for a folder of an account with a hierarchical namespace. */
export function isFolder(metadata: Readonly<Record<string, string>> | undefined): boolean {
  const entry = Object.entries(metadata ?? {}).find(([name]) => name.toLowerCase() === "hdi_isfolder");
  return entry?.[1].toLowerCase() === "true";
}

/**
 * Whether a blob can have this key: 1 to 1024 characters. Azure takes a backslash for `/`, and the parts `.` are lost on
 * the way to it, so that either would find another blob. A name with `/` at its end is a folder's.
 */
export function canBeKey(key: string): boolean {
  return key.isWellFormed() && key.length > 0 && key.length <= 1024 && !/(?:^|\/)\.(?:\/|$)|\\|\/$/u.test(key);
}

/** The object as it is now, or undefined. Errors: as the contract's `find`. */
export async function look(client: Client, key: string): Promise<StoredObject | undefined> {
  if (!canBeKey(key)) return undefined;
  try {
    const blob = client.container.getBlobClient(key);
    const properties = await retry(client, (abortSignal) => blob.getProperties({ abortSignal }));
    return isFolder(properties.metadata) ? undefined : toObject(client, key, properties);
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw explain(client, error, key);
  }
}
