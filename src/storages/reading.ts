import { createHash } from "node:crypto";
import { Readable } from "node:stream";

import { BillhouseError, quoted } from "../errors.ts";
import type { StoredObject } from "../model.ts";
import { withoutSecrets } from "../secrets.ts";
import { isTimeout, waitToRetry, withTimeout, type RetriedService, type RetryPolicy } from "../retry.ts";
import { leavesRoot } from "./storage.ts";

/** Where the bytes of objects come from, each download by one request. */
export interface ObjectSource extends RetriedService {
  /** The root, for messages. */
  readonly url: string;
  /**
   * The bytes from `start` to before `end`, of exactly the version that was listed, as soon as the service answers.
   * There is at least one.
   */
  readonly download: (object: StoredObject, start: number, end: number, signal: AbortSignal) => Promise<Readable>;
  /** The object as it is now, or undefined. Errors: as the contract's `find`. */
  readonly look: (key: string) => Promise<StoredObject | undefined>;
  /** Whether there can be an object of this key. */
  readonly canBeKey: (key: string) => boolean;
  /** Whether a failed download may mean that the version is no more. */
  readonly isStale: (error: unknown) => boolean;
  /** What any other failure of a download means to a person; an error that nobody expects is given back. */
  readonly explain: (error: unknown, object: StoredObject) => unknown;
}

/** The contract's `read`: bytes of one version, going on at the byte where a connection broke. */
export async function* readPinned(
  source: ObjectSource,
  object: StoredObject,
  range: { readonly start: number; readonly end: number } = { start: 0, end: object.size },
): AsyncGenerator<Uint8Array> {
  if (leavesRoot(object.key)) throw keyOutside(source.url, object.key);
  if (!source.canBeKey(object.key)) throw lostFile(source.url, object.key);
  const end = Math.min(range.end, object.size);
  const isWhole = range.start === 0 && end === object.size;
  const digest = isWhole && object.checksum !== undefined ? createHash("md5") : undefined;
  let position = range.start;
  let failuresSinceByte = 0;
  while (position < end) {
    let stream: Readable | undefined;
    try {
      stream = await open(source, object, position, end);
      const pieces = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
      for (let piece = await next(source, pieces); piece !== undefined; piece = await next(source, pieces)) {
        if (piece.length > end - position) throw otherBytes(source.url, object.key);
        position += piece.length;
        failuresSinceByte = 0;
        digest?.update(piece);
        yield piece;
      }
      if (position < end) throw Object.assign(new Error("The download ended early"), { code: "ECONNRESET" });
    } catch (error) {
      if (isOtherVersion(error) || source.isStale(error)) {
        await requireCurrent(source, object);
        throw otherBytes(source.url, object.key, error);
      }
      // What breaks after the last byte takes none away.
      if (position === end && (isTimeout(error) || source.isTransient(error))) break;
      try {
        failuresSinceByte = await waitToRetry(
          stream === undefined ? source : { ...source, policy: soonAgain(source.policy) },
          failuresSinceByte,
          error,
        );
      } catch {
        throw source.explain(error, object);
      }
    } finally {
      stream?.destroy();
    }
  }
  // Ranges without a byte come here at once: HTTP has none, and the version is to be looked at all the same.
  await requireCurrent(source, object);
  if (digest !== undefined && `md5:${digest.digest("hex")}` !== object.checksum) {
    throw corruptFile(source.url, object.key, undefined);
  }
}

/** An answer to a download, as a service tells of it that tells everything. */
export interface Answer {
  readonly body: unknown;
  /** The version whose bytes these are. */
  readonly version: string | undefined;
  /** Of the body. */
  readonly length: number | undefined;
  /** `bytes 0-9/100`, where a part was asked for. */
  readonly part: string | undefined;
}

/**
 * The body of an answer to a request for the bytes from `start` to before `end`. A server that overlooks a part of the
 * request must not have its bytes taken for others: what is wrong is an error for `readPinned`, and `foreign` where
 * something is missing.
 */
export function bodyOf(
  answer: Answer,
  object: StoredObject,
  span: { readonly start: number; readonly end: number },
  service: { readonly url: string; readonly foreign: (url: string) => BillhouseError },
): Readable {
  const { body } = answer;
  if (!(body instanceof Readable)) throw service.foreign(service.url);
  try {
    requireWhatWasAsked(answer, object, span, service);
  } catch (error) {
    // Without a listener the end of the body would be an error of its own.
    body.on("error", () => {});
    body.destroy();
    throw error;
  }
  return body;
}

function requireWhatWasAsked(
  { version, length, part }: Answer,
  object: StoredObject,
  { start, end }: Parameters<typeof bodyOf>[2],
  { url, foreign }: Parameters<typeof bodyOf>[3],
): void {
  if (version === undefined) throw foreign(url);
  if (version !== object.version) throw Object.assign(new Error("That is another version"), { code: otherVersion });
  const isPart = start > 0 || end < object.size;
  if (isPart && part !== `bytes ${start}-${end - 1}/${object.size}`) throw otherBytes(url, object.key);
  if (length !== end - start) throw foreign(url);
}

const otherVersion = "OTHER_VERSION";

function isOtherVersion(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === otherVersion;
}

/** The error for bytes that are not those that the storage says it holds. */
export function corruptFile(url: string, key: string, cause: unknown): BillhouseError {
  return new BillhouseError(
    "FILE_CORRUPT",
    `The bytes of ${key} that came from ${url} do not have the checksum that the storage holds.`,
    { hint: "Run again. If it stays, look for a proxy in the network that changes what passes through it.", cause },
  );
}

/** The error for an answer that is not what was asked for of an object, although it is the one that was listed. */
export function otherBytes(url: string, key: string, cause?: unknown): BillhouseError {
  return new BillhouseError("STORAGE_UNAVAILABLE", `${url} does not give the bytes of ${key} as it listed them.`, {
    hint: "Run again. If it stays, look for a proxy or a cache in the network that answers in the storage's place.",
    cause: withoutSecrets(cause),
  });
}

/** The error for an object that was listed and is gone. */
export function lostFile(url: string, key: string): BillhouseError {
  return new BillhouseError("FILE_NOT_FOUND", `The file ${key} is no longer in ${url}.`, {
    hint: "It was there when the bucket was listed; a delivery may be replacing it. Run again when that is complete.",
  });
}

/** The error for a key or prefix that leaves the root. */
export function keyOutside(url: string, key: string): BillhouseError {
  return new BillhouseError("KEY_OUTSIDE_PREFIX", `The key ${quoted(key, 1000)} leaves ${url}.`, {
    hint: "Correct the prefix or the manifest that names this key.",
  });
}

async function open(source: ObjectSource, object: StoredObject, start: number, end: number): Promise<Readable> {
  return withTimeout(source.policy.timeout, (signal) => source.download(object, start, end, signal));
}

/** A connection that breaks after it has served is rarely a sign of load: the delays are short. */
function soonAgain(policy: RetryPolicy): RetryPolicy {
  return { ...policy, firstDelay: policy.firstDelay / 8 };
}

async function next(source: ObjectSource, pieces: AsyncIterator<Uint8Array>): Promise<Uint8Array | undefined> {
  const { value, done } = await withTimeout(source.policy.timeout, async () => pieces.next());
  return done === true ? undefined : value;
}

async function requireCurrent(source: ObjectSource, object: StoredObject): Promise<void> {
  const current = await source.look(object.key);
  if (current === undefined) throw lostFile(source.url, object.key);
  if (current.version === object.version) return;
  throw new BillhouseError("OBJECT_CHANGED", `The file ${object.key} in ${source.url} was written again.`, {
    hint: "A delivery is probably arriving. Run again when it is complete.",
  });
}
