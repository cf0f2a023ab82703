import { BillhouseError } from "../../errors.ts";
import type { StoredObject } from "../../model.ts";
import { retry } from "../../retry.ts";
import type { Client } from "./client.ts";
import { explain, foreign, statusOf } from "./failures.ts";

/** What S3 tells of an object. */
export interface Description {
  readonly ETag?: string | undefined;
  readonly LastModified?: Date | undefined;
}

/**
 * The object that the service describes. It has no checksum: the ETag is the MD5 of some objects, but whether of this
 * one a listing does not tell. Error: STORAGE_UNAVAILABLE when it is no description that S3 gives.
 */
export function toObject(
  client: Client,
  key: string | undefined,
  size: number | undefined,
  description: Description,
): StoredObject {
  const { ETag: tag, LastModified: modified } = description;
  if (key === undefined || size === undefined || tag === undefined || modified === undefined) throw foreign(client.url);
  // A listing of some servers has milliseconds, which an HTTP header has not.
  const seconds = Math.floor(modified.getTime() / 1000);
  return { key, size, version: versionOf(tag), modified: new Date(seconds * 1000).toISOString() };
}

/** An ETag without its quotes. */
export function versionOf(tag: string): string {
  return tag.replace(/^"(?<tag>.*)"$/u, "$<tag>");
}

/** The object as it is now, or undefined. Errors: as the contract's `find`. */
export async function look(client: Client, key: string): Promise<StoredObject | undefined> {
  if (!canBeKey(key)) return undefined;
  try {
    const answer = await retry(client, (signal) => client.head(key, signal));
    return toObject(client, key, answer.ContentLength, answer);
  } catch (error) {
    const status = statusOf(error);
    if (status === 404) return undefined;
    throw explain(client, status === 400 || status === 403 ? await inWords(client, key, error) : error, "s3:GetObject");
  }
}

/**
 * Whether an object can have this key: 1 to 1024 bytes of UTF-8. A name with `/` at its end is a folder's; S3 keeps such
 * objects for what its console calls a folder.
 */
export function canBeKey(key: string): boolean {
  const length = Buffer.byteLength(key);
  return key.isWellFormed() && length > 0 && length <= 1024 && !key.endsWith("/");
}

/** The answer to HEAD is without words: the same refusal, as a request for one byte gets it. */
async function inWords(client: Client, key: string, error: unknown): Promise<unknown> {
  try {
    const { Body: body } = await retry(client, (signal) => client.get(key, { range: "bytes=0-0" }, signal));
    (body as { destroy?: () => void } | undefined)?.destroy?.();
    return error;
  } catch (refused) {
    return refused instanceof BillhouseError || statusOf(refused) !== undefined ? refused : error;
  }
}
