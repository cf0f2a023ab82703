import type { Headers } from "./download.ts";

/** Compares all bytes of an object with the CRC32C that comes with them: one that was composed of others has no MD5. */
export interface Proof {
  /** Takes the headers of each answer that brings bytes. */
  expect(headers: Headers): void;
  update(piece: Uint8Array): void;
  /** Whether the bytes are others, as far as the bucket told. */
  isWrong(): boolean;
}

/** A proof that has seen no byte. */
export async function openProof(): Promise<Proof> {
  const { CRC32C } = await import("@google-cloud/storage");
  const sum = new CRC32C();
  let expected: string | undefined;
  return {
    expect(headers) {
      expected ??= /(?:^|[,\s])crc32c=(?<sum>[\w+/]+=*)/u.exec(headers["x-goog-hash"] ?? "")?.groups?.["sum"];
    },
    update: (piece) => sum.update(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)),
    isWrong: () => expected !== undefined && !sum.validate(expected),
  };
}
