import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";

/*
 * Decompresses files, one after the other, and discards their content: the floor of every load.
 *
 *   node scripts/bench/decompress.ts FILE...
 */

for (const path of process.argv.slice(2)) {
  await pipeline(
    createReadStream(path),
    createGunzip({ chunkSize: 256 * 1024 }),
    async (pieces: AsyncIterable<Buffer>) => {
      for await (const piece of pieces) void piece;
    },
  );
}
