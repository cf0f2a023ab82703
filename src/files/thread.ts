import { on } from "node:events";
import { MessageChannel, type MessagePort, parentPort } from "node:worker_threads";
import type { ReadBytes } from "./decompress.ts";
import { readFile } from "./read.ts";
import { createTally } from "./tally.ts";
import { errorData, type FromThread, type Piece, type ReadJob } from "./threads.ts";

/*
 * A thread that reads files: decompresses, checks and tallies them. `threads.ts` starts it and sends it jobs, each with a
 * port on which it asks for the bytes and answers.
 */

parentPort?.on("message", ({ job, port }: { readonly job: ReadJob; readonly port: MessagePort }) => {
  void answer(job, port);
});

async function answer({ file, tally, path, limit }: ReadJob, port: MessagePort): Promise<void> {
  const send = (message: FromThread): void => port.postMessage(message);
  try {
    send({ result: await readFile(file, bytesFrom(port), createTally(tally), path, limit) });
  } catch (error) {
    send({ error: errorData(error) });
  }
}

/** Asks for a piece. */
const next = "next";

/** How many pieces are on their way while one is decompressed. */
const ahead = 4;

/** Reads a file whose bytes the other side of the port sends. */
function bytesFrom(port: MessagePort): ReadBytes {
  return async function* (range) {
    const { port1: pieces, port2 } = new MessageChannel();
    port.postMessage({ range, pieces: port2 } satisfies FromThread, [port2]);
    try {
      for (let asked = 0; asked < ahead; asked += 1) pieces.postMessage(next, []);
      for await (const [piece] of on(pieces, "message") as AsyncIterable<[Piece]>) {
        if (!("bytes" in piece)) {
          if (piece.failed) throw new Error("The bytes could not be read.");
          return;
        }
        yield piece.bytes;
        pieces.postMessage(next, []);
      }
    } finally {
      pieces.close();
    }
  };
}
