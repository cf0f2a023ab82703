import type { Readable } from "node:stream";

import type { StoredObject } from "../../model.ts";
import { bodyOf, readPinned, type ObjectSource } from "../reading.ts";
import type { Client } from "./client.ts";
import { explain, foreign, statusOf } from "./failures.ts";
import { canBeKey, look, versionOf } from "./objects.ts";

/** The contract's `read`. Where the service tells a checksum of what it sends, the SDK compares it. */
export async function* read(
  client: Client,
  object: StoredObject,
  range?: { readonly start: number; readonly end: number },
): AsyncGenerator<Uint8Array> {
  const source: ObjectSource = {
    ...client,
    download: (wanted, start, end, signal) => download(client, wanted, start, end, signal),
    look: (key) => look(client, key),
    canBeKey,
    isStale,
    explain: (error) => explain(client, error, "s3:GetObject", object.key),
  };
  yield* readPinned(source, object, range);
}

async function download(
  client: Client,
  object: StoredObject,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<Readable> {
  const isPart = start > 0 || end < object.size;
  const answer = await client.get(
    object.key,
    { version: object.version, ...(isPart ? { range: `bytes=${start}-${end - 1}` } : {}) },
    signal,
  );
  const { Body: body, ContentLength: length, ContentRange: part, ETag: tag } = answer;
  const version = tag === undefined ? undefined : versionOf(tag);
  return bodyOf({ body, version, length, part }, object, { start, end }, { url: client.url, foreign });
}

/** 412 is another object or none; 416 is one that has become shorter. */
function isStale(error: unknown): boolean {
  return [404, 412, 416].includes(statusOf(error) ?? 0);
}
