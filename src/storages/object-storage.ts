import { createHash } from "node:crypto";
import { Readable } from "node:stream";

import { BillhouseError, quoted } from "../errors.ts";
import type { StoredObject } from "../model.ts";
import { isTimeout, retry, waitToRetry, withTimeout, type RetriedService, type RetryPolicy } from "../retry.ts";
import { withoutSecrets } from "../secrets.ts";
import { leavesRoot, type Storage } from "./storage.ts";

/**
 * A driver's description of a bucket: how to list a page, look up an object and download bytes, and what its errors
 * mean. Each request is sent once; `objectStorage` retries, resumes, verifies and translates.
 */
export interface ObjectService {
  /** The root, as in `Storage`: `s3://bucket`. */
  readonly url: string;
  /** The name of the service, as in `The answer for ... did not come from ...`: `Cloud Storage`. */
  readonly name: string;
  /** What to check when it is unavailable, as in `Check ...`: the network, settings, a status page. */
  readonly checks: string;
  readonly policy: RetryPolicy;

  /**
   * The objects below a folder, whose name ends in `/` or is empty, ordered by the bytes of their keys. Each request goes
   * through `send`. Folders and keys that leave the root may be among them. `allPages` does it for services that list in
   * this order.
   */
  readonly list: (folder: string, send: Send) => AsyncIterable<StoredObject>;
  /** Whether an object can have this key; requests are only sent for these. */
  readonly canBeKey: (key: string) => boolean;
  /** The object as it is now; undefined for a folder. An object that does not exist is an error with status 404. */
  readonly head: (key: string, signal: AbortSignal) => Promise<StoredObject | undefined>;
  /** Requests the bytes of the listed version, or a part of at least one byte; resolves with the headers. */
  readonly get: (object: StoredObject, part: Part | undefined, signal: AbortSignal) => Promise<Download>;
  /** The account, as in `Storage`. */
  readonly identity: (signal: AbortSignal) => Promise<string>;

  /** The HTTP status in an error; undefined when the service did not answer. */
  readonly statusOf: (error: unknown) => number | undefined;
  /** Whether the same request may succeed later. */
  readonly isTransient: (error: unknown) => boolean;
  /**
   * The error for a failed request that is not transient, if a user can do something about it. `key` is the object's;
   * undefined for listings.
   */
  readonly explain: (error: unknown, key: string | undefined) => BillhouseError | undefined;
}

/**
 * The named groups of an address, whose scheme may be written in capitals. Error: CONFIG_INVALID with this message and
 * hint; it does not quote the address, which may contain a secret.
 */
export function partsOf(url: string, pattern: RegExp, message: string, hint: string): Record<string, string> {
  const parts = pattern.exec(url.replace(/^\w+:/u, (scheme) => scheme.toLowerCase()))?.groups;
  if (parts === undefined) throw new BillhouseError("CONFIG_INVALID", message, { hint });
  return parts;
}

/** Sends a request and retries transient errors. */
export type Send = <T>(request: (signal: AbortSignal) => Promise<T>) => Promise<T>;

/** Bytes of an object; `end` is exclusive. */
export interface Part {
  readonly start: number;
  readonly end: number;
}

/** The answer to a request for bytes, from its headers. */
export interface Download {
  /** A stream of the bytes; anything else is not an answer of the service. */
  readonly body: unknown;
  /** The version whose bytes these are. */
  readonly version: string | undefined;
  /** `Content-Length` */
  readonly length: number | undefined;
  /** `Content-Range`, for a part: `bytes 0-9/100`. */
  readonly range: string | undefined;
  /** Verifies the bytes of a whole object, if the answer has a checksum that listings lack. */
  readonly checksum?: Checksum | undefined;
}

/** A running checksum. */
export interface Checksum {
  readonly update: (piece: Uint8Array) => unknown;
  readonly matches: () => boolean;
}

/** One page of a listing. */
export interface Page {
  readonly objects: readonly StoredObject[];
  /** The token of the next page; undefined on the last one. */
  readonly next: string | undefined;
}

/** The objects of all pages, each requested once the previous one is consumed. */
export async function* allPages(pageOf: (token: string | undefined) => Promise<Page>): AsyncGenerator<StoredObject> {
  let token: string | undefined;
  do {
    const { objects, next } = await pageOf(token);
    yield* objects;
    token = next;
  } while (token !== undefined);
}

/**
 * The storage for a service. An object whose name ends in `/` stands for a folder and is left out. Transient errors are
 * retried, an interrupted download resumes at the next byte, and whole objects are compared with their checksum.
 * Errors: as in `Storage`, and STORAGE_UNAVAILABLE, FILE_CORRUPT for bytes that do not match their checksum, and those
 * of the service's `explain`.
 */
export function objectStorage(service: ObjectService): Storage {
  const { url } = service;
  const retried: RetriedService = {
    policy: service.policy,
    isTransient: (error) => !(error instanceof BillhouseError) && service.isTransient(error),
  };
  const send: Send = (request) => retry(retried, request);

  async function* list(prefix: string): AsyncGenerator<StoredObject> {
    if (leavesRoot(prefix)) throw keyOutside(url, prefix);
    if (!prefix.isWellFormed()) return;
    try {
      for await (const object of service.list(prefix === "" ? "" : prefix.replace(/\/*$/u, "/"), send)) {
        if (!object.key.endsWith("/") && !leavesRoot(object.key)) yield object;
      }
    } catch (error) {
      throw translate(service, error, undefined);
    }
  }

  async function find(key: string): Promise<StoredObject | undefined> {
    if (leavesRoot(key)) throw keyOutside(url, key);
    if (!service.canBeKey(key)) return undefined;
    try {
      return await send((signal) => service.head(key, signal));
    } catch (error) {
      if (service.statusOf(error) === 404) return undefined;
      throw translate(service, error, key);
    }
  }

  async function* read(object: StoredObject, range: Part = { start: 0, end: object.size }): AsyncGenerator<Uint8Array> {
    const { key } = object;
    if (leavesRoot(key)) throw keyOutside(url, key);
    if (!service.canBeKey(key)) throw lostFile(url, key);
    const part = { start: range.start, end: Math.min(range.end, object.size) };
    let checksum = isWhole(object, part) ? md5Of(object) : undefined;
    let failuresSinceByte = 0;
    for (let position = part.start; position < part.end;) {
      let stream: Readable | undefined;
      try {
        const rest = { start: position, end: part.end };
        const answer = await withTimeout(retried.policy.timeout, async (signal) =>
          download(service, object, rest, signal),
        );
        stream = answer.body;
        if (isWhole(object, rest)) checksum ??= answer.checksum;
        const pieces = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
        for (;;) {
          const { value: piece, done } = await withTimeout(retried.policy.timeout, async () => pieces.next());
          if (done === true) break;
          if (piece.length > part.end - position) throw otherBytes(url, key);
          position += piece.length;
          failuresSinceByte = 0;
          checksum?.update(piece);
          yield piece;
        }
        if (position < part.end) throw Object.assign(new Error("The download ended early"), { code: "ECONNRESET" });
      } catch (error) {
        if (isOtherVersion(service, error)) {
          await requireCurrent(object);
          throw otherBytes(url, key, error);
        }
        // An error after the last byte does not matter: all bytes have arrived.
        if (position === part.end && (isTimeout(error) || retried.isTransient(error))) break;
        try {
          // A connection that breaks after sending bytes is rarely a sign of load.
          const { policy } = retried;
          const soon = stream === undefined ? policy : { ...policy, firstDelay: policy.firstDelay / 8 };
          failuresSinceByte = await waitToRetry({ ...retried, policy: soon }, failuresSinceByte, error);
        } catch (last) {
          throw translate(service, last, key);
        }
      } finally {
        stream?.destroy();
      }
    }
    // HTTP cannot express an empty range.
    await requireCurrent(object);
    if (checksum?.matches() === false) throw corruptFile(url, key, undefined);
  }

  async function requireCurrent(object: StoredObject): Promise<void> {
    const current = await find(object.key);
    if (current === undefined) throw lostFile(url, object.key);
    if (current.version === object.version) return;
    throw new BillhouseError("OBJECT_CHANGED", `The file ${object.key} in ${url} changed.`, {
      hint: "A delivery is probably arriving. Run again once it is complete.",
    });
  }

  async function identity(): Promise<string> {
    try {
      return await send((signal) => service.identity(signal));
    } catch (error) {
      throw translate(service, error, undefined);
    }
  }

  return { url, list, find, read, identity };
}

/**
 * The bytes of a part of the object. The headers are compared with the request, because a server may ignore its range
 * or its condition and send other bytes.
 */
async function download(
  service: ObjectService,
  object: StoredObject,
  part: Part,
  signal: AbortSignal,
): Promise<{ readonly body: Readable; readonly checksum: Checksum | undefined }> {
  const isPart = !isWhole(object, part);
  const { body, version, length, range, checksum } = await service.get(object, isPart ? part : undefined, signal);
  if (!(body instanceof Readable)) throw unexpectedAnswer(service);
  let problem: Error | undefined;
  if (version === undefined) problem = unexpectedAnswer(service);
  else if (version !== object.version)
    problem = Object.assign(new Error("That is another version"), { code: otherVersion });
  else if (isPart && range !== `bytes ${part.start}-${part.end - 1}/${object.size}`)
    problem = otherBytes(service.url, object.key);
  else if (length !== part.end - part.start) problem = unexpectedAnswer(service);
  if (problem === undefined) return { body, checksum };
  // Without a listener, destroying the body would raise an unhandled error.
  body.on("error", () => {});
  body.destroy();
  throw problem;
}

function isWhole(object: StoredObject, part: Part): boolean {
  return part.start === 0 && part.end === object.size;
}

const otherVersion = "OTHER_VERSION";

/** 412: another version, or deleted; 404: deleted, or its generation was; 416: the object is shorter now. */
function isOtherVersion(service: ObjectService, error: unknown): boolean {
  const isMarked = error instanceof Error && "code" in error && error.code === otherVersion;
  return isMarked || [404, 412, 416].includes(service.statusOf(error) ?? 0);
}

function md5Of({ checksum }: StoredObject): Checksum | undefined {
  if (checksum === undefined) return undefined;
  const hash = createHash("md5");
  return { update: (piece) => hash.update(piece), matches: () => `md5:${hash.digest("hex")}` === checksum };
}

/** The error that a user sees; an unexpected one keeps its stack, without secrets. */
function translate(service: ObjectService, error: unknown, key: string | undefined): unknown {
  if (error instanceof BillhouseError) return error;
  if (isTimeout(error) || service.isTransient(error)) return unavailable(service, error);
  return service.explain(error, key) ?? withoutSecrets(error) ?? error;
}

function unavailable(service: ObjectService, cause: unknown): BillhouseError {
  const status = service.statusOf(cause);
  const reason = status === undefined ? networkCodeOf(cause) : `status ${status}`;
  const shown = reason === undefined ? "" : ` (${reason})`;
  return new BillhouseError("STORAGE_UNAVAILABLE", `${service.url} does not answer${shown}.`, {
    hint: `All retries failed. Run again later; if it keeps failing, check ${service.checks}.`,
    cause: withoutSecrets(cause),
  });
}

function networkCodeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { code, cause } = error as { readonly code?: unknown; readonly cause?: unknown };
  return typeof code === "string" ? code : networkCodeOf(cause);
}

/** The error for an answer that is not the service's: STORAGE_UNAVAILABLE. */
export function unexpectedAnswer({ url, name }: Pick<ObjectService, "url" | "name">): BillhouseError {
  return new BillhouseError("STORAGE_UNAVAILABLE", `The answer for ${url} did not come from ${name}.`, {
    hint: "A proxy or a sign-in page of your network may be answering. Check your network, and endpoint if it is set.",
  });
}

/** The error for bytes that do not match their checksum: FILE_CORRUPT. */
export function corruptFile(url: string, key: string, cause: unknown): BillhouseError {
  return new BillhouseError(
    "FILE_CORRUPT",
    `The downloaded bytes of ${key} from ${url} do not match the checksum in the storage.`,
    {
      hint: "Run again. If it keeps failing, look for a proxy in your network that changes downloads.",
      cause,
    },
  );
}

function otherBytes(url: string, key: string, cause?: unknown): BillhouseError {
  return new BillhouseError("STORAGE_UNAVAILABLE", `${url} sent other bytes of ${key} than those requested.`, {
    hint: "Run again. If it keeps failing, look for a proxy or a cache in your network that answers for the storage.",
    cause: withoutSecrets(cause),
  });
}

function lostFile(url: string, key: string): BillhouseError {
  return new BillhouseError("FILE_NOT_FOUND", `The file ${key} is no longer in ${url}.`, {
    hint: "It existed when the bucket was listed; a delivery may be replacing it. Run again once the delivery is complete.",
  });
}

function keyOutside(url: string, key: string): BillhouseError {
  return new BillhouseError("KEY_OUTSIDE_PREFIX", `The key ${quoted(key, 1000)} leaves ${url}.`, {
    hint: "Correct the prefix or manifest that names this key.",
  });
}
