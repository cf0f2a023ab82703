import { PassThrough, type Readable } from "node:stream";

import type { StoredObject } from "../../model.ts";
import { otherBytes } from "../reading.ts";
import type { Client } from "./client.ts";
import { foreign } from "./failures.ts";

/** Headers of an answer: names in lower case. */
export type Headers = Readonly<Record<string, string | undefined>>;

/** The head of an answer, as the SDK tells it. */
interface Head {
  readonly statusCode: number;
  readonly headers: Headers;
}

/**
 * Asks for the bytes from `start` to before `end` of the generation that was listed. When another one has taken its
 * place, the service answers with 412. Errors have `code`: a status or a network code.
 */
export async function download(
  client: Client,
  object: StoredObject,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<{ readonly stream: Readable; readonly headers: Headers }> {
  await client.authenticate();
  signal.throwIfAborted();
  const isPart = start > 0 || end < object.size;
  // Not `createReadStream`: it has no condition, and pipes each answer into two places, which Node warns of.
  const request = client.bucket.file(object.key).requestStream({
    uri: "",
    headers: {
      // Bytes as they are stored: who does not take gzip is sent those with `Content-Encoding: gzip` unpacked.
      "Accept-Encoding": "gzip",
      "Cache-Control": "no-store",
      ...(isPart ? { Range: `bytes=${start}-${end - 1}` } : {}),
    },
    qs: {
      alt: "media",
      // Not `generation`, which in a bucket that keeps old ones is served also after it has been replaced.
      ifGenerationMatch: object.version,
      ...(client.payer === null ? {} : { userProject: client.payer }),
    },
  }) as unknown as SdkStream;
  const stream = new PassThrough();
  const answer = headOf(request, stream);
  signal.addEventListener("abort", () => stream.destroy());
  const head = await answer;
  try {
    if (head.statusCode >= 300) throw await failureOf(head, stream);
    requireWhatWasAsked(client, head, object, isPart ? end - start : undefined);
  } catch (error) {
    stream.destroy();
    throw error;
  }
  return { stream, headers: head.headers };
}

/** What the SDK gives for a download; `abort` is there once the request has been sent. */
interface SdkStream extends NodeJS.ReadableStream {
  abort?(): void;
}

/** Leads a request into a stream whose end is also the request's, and gives the head of the answer. */
async function headOf(request: SdkStream, stream: PassThrough): Promise<Head> {
  return new Promise((resolve, reject) => {
    let isAnswered = false;
    request.on("response", (head: Head) => {
      isAnswered = true;
      resolve(head);
    });
    request.on("error", (error: Error) => {
      stream.destroy(error);
      reject(error);
    });
    // Without a listener an error would be one of its own before somebody reads.
    stream.on("error", () => {});
    stream.on("close", () => {
      // An answer that comes later is piped before it can be ended.
      if (isAnswered) request.abort?.();
      else request.on("response", () => setImmediate(() => request.abort?.()));
    });
    request.pipe(stream);
  });
}

/** An answer that is no success holds a message in place of the object. */
async function failureOf(head: Head, stream: Readable): Promise<Error> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream as AsyncIterable<Uint8Array>) if (pieces.push(piece) === 16) break;
  return failure(Buffer.concat(pieces).toString(), head.statusCode);
}

/**
 * A server that overlooks a part (`length`) or a condition of the request must not have its bytes taken for others, nor
 * a page of whoever stands in between.
 */
function requireWhatWasAsked(client: Client, head: Head, object: StoredObject, length: number | undefined): void {
  const { "x-goog-generation": generation, "content-length": sent } = head.headers;
  if (generation !== undefined && generation !== object.version) throw failure("That is another generation", 412);
  // Some servers that stand in for Cloud Storage do not tell the generation.
  if (generation === undefined && Number(sent) !== (length ?? object.size)) throw foreign(client.url);
  if (length === undefined || head.statusCode === 206) return;
  throw otherBytes(client.url, object.key);
}

function failure(message: string, code: number): Error {
  return Object.assign(new Error(message), { code });
}
