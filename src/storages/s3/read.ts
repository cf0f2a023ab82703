import { Readable } from "node:stream";

import type { StoredObject } from "../../model.ts";
import { keyOutside, lostFile, readPinned, type ObjectSource } from "../reading.ts";
import { leavesRoot } from "../storage.ts";
import type { Client } from "./client.ts";
import { explain, foreign, statusOf } from "./failures.ts";
import { canBeKey, look, versionOf } from "./objects.ts";

/** The contract's `read`. Where the service tells a checksum of what it sends, the SDK compares it. */
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
  if (!(body instanceof Readable)) throw foreign(client.url);
  try {
    // A server that overlooks a part of the request must not have its bytes taken for others.
    if (tag === undefined) throw foreign(client.url);
    if (versionOf(tag) !== object.version) throw stale();
    if (isPart && part !== `bytes ${start}-${end - 1}/${object.size}`) {
      throw new Error("The storage overlooked the range that was asked for");
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

/** 412 is another object or none; 416 is one that has become shorter. */
function isStale(error: unknown): boolean {
  return [404, 412, 416].includes(statusOf(error) ?? 0);
}

function stale(): Error {
  return Object.assign(new Error("That is another version"), { $metadata: { httpStatusCode: 412 } });
}
