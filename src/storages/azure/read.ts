import type { Readable } from "node:stream";

import type { StoredObject } from "../../model.ts";
import { bodyOf, readPinned, type ObjectSource } from "../reading.ts";
import type { Client } from "./client.ts";
import { explain, foreign, statusOf } from "./failures.ts";
import { canBeKey, look, versionOf } from "./objects.ts";

/** The contract's `read`. */
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
    explain: (error) => explain(client, error, object.key),
  };
  yield* readPinned(source, object, range);
}

async function download(
  client: Client,
  object: StoredObject,
  start: number,
  end: number,
  abortSignal: AbortSignal,
): Promise<Readable> {
  const isPart = start > 0 || end < object.size;
  const blob = client.container.getBlobClient(object.key);
  const how = {
    conditions: { ifMatch: `"${object.version}"` },
    // A download that breaks goes on in `readPinned`.
    maxRetryRequests: 0,
    abortSignal,
  };
  const answer = await blob.download(start, isPart ? end - start : undefined, how).catch((error: unknown) => {
    // The SDK misses a length or an ETag.
    throw error instanceof RangeError ? foreign(client.url) : error;
  });
  const { readableStreamBody: body, etag, contentLength: length, contentRange: part } = answer;
  const version = etag === undefined ? undefined : versionOf(etag);
  return bodyOf({ body, version, length, part }, object, { start, end }, { url: client.url, foreign });
}

/** 412 is another blob or none; 416 is one that has become shorter. */
function isStale(error: unknown): boolean {
  return [404, 412, 416].includes(statusOf(error) ?? 0);
}
