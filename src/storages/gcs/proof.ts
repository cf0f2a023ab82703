import { createHash } from "node:crypto";

import type { StoredObject } from "../../model.ts";
import type { Headers } from "./download.ts";

/** Compares all bytes of an object with what the bucket says of them. */
export interface Proof {
  /** Takes the next bytes, and the headers of the answer that brought them. */
  update(piece: Uint8Array, headers: Headers | undefined): void;
  /** Whether the bytes are others, as far as the bucket told. */
  isWrong(): boolean;
}

/**
 * By MD5 where the listing told it. An object that was composed of others has none: then by the CRC32C that comes with
 * the bytes.
 */
export async function proofOf(object: StoredObject): Promise<Proof> {
  if (object.checksum !== undefined) {
    const digest = createHash("md5");
    return {
      update: (piece) => digest.update(piece),
      isWrong: () => `md5:${digest.digest("hex")}` !== object.checksum,
    };
  }
  const { CRC32C } = await import("@google-cloud/storage");
  const sum = new CRC32C();
  let expected: string | undefined;
  return {
    update(piece, headers) {
      expected ??= /(?:^|[,\s])crc32c=(?<sum>[\w+/]+=*)/u.exec(headers?.["x-goog-hash"] ?? "")?.groups?.["sum"];
      sum.update(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
    },
    isWrong: () => expected !== undefined && !sum.validate(expected),
  };
}
