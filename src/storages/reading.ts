import { createHash } from "node:crypto";
import type { Readable } from "node:stream";

import { BillhouseError } from "../errors.ts";
import type { StoredObject } from "../model.ts";
import { answerWithin, failuresIn, isSilence, waitBeforeRetry, type Service } from "./patience.ts";

/** Where the bytes of objects come from, each download by one request. */
export interface ObjectSource extends Service {
  /** The root, for messages. */
  readonly url: string;
  /**
   * The bytes from `start` to before `end`, of exactly the version that was listed, as soon as the service answers.
   * There is at least one.
   */
  readonly download: (object: StoredObject, start: number, end: number, signal: AbortSignal) => Promise<Readable>;
  /** The object as it is now, or undefined. Errors: as the contract's `find`. */
  readonly look: (key: string) => Promise<StoredObject | undefined>;
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
  const end = Math.min(range.end, object.size);
  const isWhole = range.start === 0 && end === object.size;
  const digest = isWhole && object.checksum !== undefined ? createHash("md5") : undefined;
  let position = range.start;
  // Failures since the last byte.
  let idle = 0;
  while (position < end) {
    let stream: Readable | undefined;
    try {
      stream = await open(source, object, position, end);
      const pieces = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
      for (let piece = await next(source, pieces); piece !== undefined; piece = await next(source, pieces)) {
        if (piece.length > end - position) throw new Error("The storage sent more bytes than were asked for");
        position += piece.length;
        idle = 0;
        digest?.update(piece);
        yield piece;
      }
      if (position < end) throw Object.assign(new Error("The download ended early"), { code: "ECONNRESET" });
    } catch (error) {
      if (source.isStale(error)) await requireCurrent(source, object);
      if (!isSilence(error) && !source.isPassing(error)) throw source.explain(error, object);
      // What breaks after the last byte takes none away.
      if (position === end) break;
      idle += failuresIn(source.patience, error);
      await waitBeforeRetry(source, idle, stream !== undefined, error);
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

/** The error for bytes that are not those that the storage says it holds. */
export function corruptFile(url: string, key: string, cause: unknown): BillhouseError {
  return new BillhouseError(
    "FILE_CORRUPT",
    `The bytes of ${key} that came from ${url} do not have the checksum that the storage holds.`,
    { hint: "Run again. If it stays, look for a proxy in the network that changes what passes through it.", cause },
  );
}

/** The error for an object that was listed and is gone. */
export function lostFile(url: string, key: string): BillhouseError {
  return new BillhouseError("FILE_NOT_FOUND", `The file ${key} is no longer in ${url}.`, {
    hint: "It was there when the bucket was listed; a delivery may be replacing it. Run again when that is complete.",
  });
}

/** The error for a key or prefix that leaves the root. */
export function keyOutside(url: string, key: string): BillhouseError {
  return new BillhouseError("KEY_OUTSIDE_PREFIX", `The key ${JSON.stringify(key)} leaves ${url}.`, {
    hint: "Correct the prefix or the manifest that names this key.",
  });
}

async function open(source: ObjectSource, object: StoredObject, start: number, end: number): Promise<Readable> {
  return answerWithin(source.patience.silence, (signal) => source.download(object, start, end, signal));
}

async function next(source: ObjectSource, pieces: AsyncIterator<Uint8Array>): Promise<Uint8Array | undefined> {
  const { value, done } = await answerWithin(source.patience.silence, async () => pieces.next());
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
