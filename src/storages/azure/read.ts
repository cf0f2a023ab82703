import { Readable } from "node:stream";

import type { StoredObject } from "../../model.ts";
import { keyOutside, lostFile, readPinned, type ObjectSource } from "../reading.ts";
import { leavesRoot } from "../storage.ts";
import type { Client } from "./client.ts";
import { explain, foreign, statusOf } from "./failures.ts";
import { canBeKey, look, versionOf } from "./objects.ts";

/** The contract's `read`. */
export async function* read(
  client: Client,
  object: StoredObject,
  range?: { readonly start: number; readonly end: number },
): AsyncGenerator<Uint8Array> {
  if (leavesRoot(object.key)) throw keyOutside(client.url, object.key);
  if (!canBeKey(object.key)) throw lostFile(client.url, object.key);
  const source: ObjectSource = {
    ...client,
    download: (wanted, start, end, signal) => download(client, wanted, start, end, signal),
    look: (key) => look(client, key),
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
  if (!(body instanceof Readable)) throw foreign(client.url);
  try {
    // A server that overlooks a part of the request must not have its bytes taken for others.
    if (etag === undefined) throw foreign(client.url);
    if (versionOf(etag) !== object.version) throw stale();
    if (isPart && part !== `bytes ${start}-${end - 1}/${object.size}`) {
      throw new Error("Azure Blob Storage overlooked the range that was asked for");
    }
    if (length !== end - start) throw foreign(client.url);
  } catch (error) {
    // Without a listener the end of the body would be an error of its own.
    body.on("error", () => {});
    body.destroy();
    throw error;
  }
  return body;
}

/** 412 is another blob or none; 416 is one that has become shorter. */
function isStale(error: unknown): boolean {
  return [404, 412, 416].includes(statusOf(error) ?? 0);
}

function stale(): Error {
  return Object.assign(new Error("That is another version"), { statusCode: 412 });
}
