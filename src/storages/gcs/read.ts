import type { StoredObject } from "../../model.ts";
import { corruptFile, readPinned, type ObjectSource } from "../reading.ts";
import type { Client } from "./client.ts";
import { download } from "./download.ts";
import { explain, statusOf } from "./failures.ts";
import { canBeKey, look } from "./objects.ts";
import { openProof } from "./proof.ts";

/** The contract's `read`. Whole objects without an MD5 are compared with the CRC32C that comes with the bytes. */
export async function* read(
  client: Client,
  object: StoredObject,
  range: { readonly start: number; readonly end: number } = { start: 0, end: object.size },
): AsyncGenerator<Uint8Array> {
  const isWhole = range.start === 0 && range.end >= object.size;
  const proof = isWhole && object.checksum === undefined ? await openProof() : undefined;
  const source: ObjectSource = {
    ...client,
    async download(wanted, start, end, signal) {
      const { stream, headers } = await download(client, wanted, start, end, signal);
      proof?.expect(headers);
      return stream;
    },
    look: (key) => look(client, key),
    canBeKey,
    isStale,
    explain: (error) => explain(client, error, "storage.objects.get"),
  };
  for await (const piece of readPinned(source, object, range)) {
    proof?.update(piece);
    yield piece;
  }
  if (proof?.isWrong() === true) throw corruptFile(client.url, object.key, undefined);
}

/** 412 is another generation or none, 404 can also be a generation that is no more, and 416 one that has become shorter. */
function isStale(error: unknown): boolean {
  return [404, 412, 416].includes(statusOf(error) ?? 0);
}
