import { PassThrough } from "node:stream";

import type { StoredObject } from "../../model.ts";
import type { Client } from "./client.ts";
import { foreign } from "./failures.ts";

/** Headers of an answer: names in lower case. */
export type Headers = Readonly<Record<string, string | undefined>>;

/** Bytes of one object as one request brings them. */
export interface Download {
  /** The next piece, undefined at the end. Throws an error with `code`: a status, a network code, or `silent`. */
  next(): Promise<Uint8Array | undefined>;
  /** The answer's headers, as soon as there is one. */
  headers(): Headers | undefined;
  /** Ends the request, whether or not all has come. */
  close(): void;
}

/** What `error.code` is when a download has fallen silent. */
export const silent = "ETIMEDOUT";

/** The head of an answer, as the SDK tells it. */
interface Head {
  readonly statusCode: number;
  readonly headers: Headers;
}

/**
 * Asks for the bytes from `start` to before `end` of the generation that was listed. When another one has taken its
 * place, the service answers with 412.
 */
export function openDownload(client: Client, object: StoredObject, start: number, end: number): Download {
  const isPart = start > 0 || end < object.size;
  // Not `createReadStream`: it has no condition, and pipes each answer into two places, which Node warns of.
  const request = client.bucket.file(object.key).requestStream({
    uri: "",
    // The SDK asks again for streams, too, and then ends the process: it pipes the answer into a stream that it closed.
    maxRetries: 0,
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
  let head: Head | undefined;
  request.on("response", (response: Head) => (head = response));
  request.on("error", (error: Error) => stream.destroy(error));
  request.pipe(stream);
  const pieces = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;

  async function next(): Promise<Uint8Array | undefined> {
    const silence = () => stream.destroy(failure("Cloud Storage has fallen silent", silent));
    const timer = setTimeout(silence, client.patience.silence);
    try {
      const { value, done } = await pieces.next();
      return done === true ? undefined : value;
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    headers: () => head?.headers,
    close() {
      stream.destroy();
      // An answer that comes later is piped before it can be ended.
      if (head === undefined) request.on("response", () => setImmediate(() => request.abort?.()));
      else request.abort?.();
    },
    async next() {
      const piece = await next();
      if (head !== undefined && head.statusCode >= 300) throw await failureOf(head, piece, next);
      if (piece !== undefined) requireWhatWasAsked(client, head, object, isPart ? end - start : undefined);
      return piece;
    },
  };
}

/** What the SDK gives for a download; `abort` is there once the request has been sent. */
interface SdkStream extends NodeJS.ReadableStream {
  abort?(): void;
}

/** An answer that is no success holds a message in place of the object. */
async function failureOf(
  head: Head,
  first: Uint8Array | undefined,
  next: () => Promise<Uint8Array | undefined>,
): Promise<Error> {
  const pieces: Uint8Array[] = [];
  for (let piece = first; piece !== undefined && pieces.length < 16; piece = await next()) pieces.push(piece);
  return failure(Buffer.concat(pieces).toString(), head.statusCode);
}

/**
 * A server that overlooks a part (`length`) or a condition of the request must not have its bytes taken for others, nor
 * a page of whoever stands in between.
 */
function requireWhatWasAsked(
  client: Client,
  head: Head | undefined,
  object: StoredObject,
  length: number | undefined,
): void {
  const { "x-goog-generation": generation, "content-length": sent } = head?.headers ?? {};
  if (generation !== undefined && generation !== object.version) throw failure("That is another generation", 412);
  // Some servers that stand in for Cloud Storage do not tell the generation.
  if (generation === undefined && Number(sent) !== (length ?? object.size)) throw foreign(client.url);
  if (length === undefined || head?.statusCode === 206) return;
  throw new Error("Cloud Storage overlooked the range that was asked for");
}

function failure(message: string, code: string | number): Error {
  return Object.assign(new Error(message), { code });
}
