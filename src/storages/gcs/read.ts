import { BillhouseError } from "../../errors.ts";
import type { StoredObject } from "../../model.ts";
import { leavesRoot } from "../storage.ts";
import { ask, waitToResume, type Client } from "./client.ts";
import { openDownload, silent, type Download } from "./download.ts";
import { deniedOrUnavailable, isNetworkFailure, isPassing, statusOf } from "./failures.ts";
import { canBeKey, objectFields, outside, toObject } from "./objects.ts";
import { proofOf } from "./proof.ts";

/** The contract's `read`: bytes of one generation, going on where a connection broke. */
export async function* read(
  client: Client,
  object: StoredObject,
  range: { readonly start: number; readonly end: number } = { start: 0, end: object.size },
): AsyncGenerator<Uint8Array> {
  if (leavesRoot(object.key)) throw outside(client, object.key);
  if (!canBeKey(object.key)) throw gone(client, object, undefined);
  const end = Math.min(range.end, object.size);
  const proof = range.start === 0 && end === object.size ? await proofOf(object) : undefined;
  let position = range.start;
  // Attempts that brought no byte.
  let idle = 0;
  while (position < end) {
    await client.authenticate();
    const download = openDownload(client, object, position, end);
    try {
      for (let piece = await next(download, end - position); piece !== undefined;) {
        position += piece.length;
        idle = 0;
        proof?.update(piece, download.headers());
        yield piece;
        piece = await next(download, end - position);
      }
    } catch (error) {
      await requireResumable(client, object, error);
      // Silence has taken its time already: two in a row are the end.
      idle += isSilence(error) ? Math.ceil((client.patience.retries + 1) / 2) : 1;
      await waitToResume(client, idle, download.headers() !== undefined && statusOf(error) === undefined, error);
    } finally {
      download.close();
    }
  }
  // Ranges without a byte come here at once: HTTP has none, and the version is to be looked at all the same.
  await requireCurrent(client, object);
  if (proof?.isWrong() === true) throw corrupt(client, object);
}

/** The next piece while bytes are due, which a download must not end before and not go beyond. */
async function next(download: Download, due: number): Promise<Uint8Array | undefined> {
  if (due === 0) return undefined;
  const piece = await download.next();
  if (piece === undefined) throw Object.assign(new Error("The download ended early"), { code: "ECONNRESET" });
  if (piece.length > due) throw new Error("Cloud Storage sent more bytes than were asked for");
  return piece;
}

/** Throws what a failed download means, unless it can go on where it stands. */
async function requireResumable(client: Client, object: StoredObject, error: unknown): Promise<void> {
  const status = statusOf(error);
  // 412 is another generation or none, and 404 can also be a generation that is no more.
  if (status === 404 || status === 412) await requireCurrent(client, object);
  if (isPassing(error) || (status === undefined && isNetworkFailure(error))) return;
  throw deniedOrUnavailable(client, error, "storage.objects.get");
}

function isSilence(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === silent;
}

async function requireCurrent(client: Client, object: StoredObject): Promise<void> {
  const file = client.bucket.file(object.key);
  let current: StoredObject;
  try {
    const [metadata] = await ask(client, async () => file.getMetadata({ fields: objectFields }));
    current = toObject(client, metadata);
  } catch (error) {
    throw statusOf(error) === 404
      ? gone(client, object, error)
      : deniedOrUnavailable(client, error, "storage.objects.get");
  }
  if (current.version === object.version) return;
  throw new BillhouseError("OBJECT_CHANGED", `The file ${object.key} in ${client.url} was written again.`, {
    hint: "A delivery is probably arriving. Run again when it is complete.",
  });
}

function gone(client: Client, object: StoredObject, cause: unknown): BillhouseError {
  return new BillhouseError("FILE_NOT_FOUND", `The file ${object.key} is no longer in ${client.url}.`, {
    hint: "It was there when the bucket was listed; a delivery may be replacing it. Run again when that is complete.",
    cause,
  });
}

function corrupt(client: Client, object: StoredObject): BillhouseError {
  return new BillhouseError(
    "FILE_CORRUPT",
    `The bytes of ${object.key} that came from ${client.url} do not have the checksum that the bucket holds.`,
    { hint: "Run again. If it stays, look for a proxy in the network that changes what passes through it." },
  );
}
