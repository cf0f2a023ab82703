import { on } from "node:events";
import { availableParallelism } from "node:os";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { BillhouseError, type ErrorCode } from "../errors.ts";
import type { DataFile } from "../model.ts";
import type { ReadBytes } from "./decompress.ts";
import { type CheckedBytes, readFile } from "./read.ts";
import { createTally, type TallyOptions } from "./tally.ts";

/** A file to read: plain data, which a thread can receive. */
export interface ReadJob {
  readonly file: DataFile;
  readonly tally: TallyOptions;
  /** Where the decompressed file is written. */
  readonly path: string;
  /** As for `decompress`. */
  readonly limit: number | null;
}

/** Threads that read files at the same time. Each starts with its first file. */
export interface ReadingThreads {
  /**
   * As `readFile`, in a thread if the file is large. The bytes come from this thread, which has the connections to the
   * storage. Errors: as `readFile`; the reason of the signal.
   */
  read(job: ReadJob, read: ReadBytes, signal?: AbortSignal): Promise<CheckedBytes>;
  /** Ends the threads. No file may be read any more. */
  close(): Promise<void>;
}

/** Messages of a thread about its file: it wants bytes, or it has finished. */
export type FromThread =
  | { readonly range: Parameters<ReadBytes>[0]; readonly pieces: MessagePort }
  | { readonly result: CheckedBytes }
  | { readonly error: ErrorData };

/** An answer to the request for a piece of a file; `failed` if the source threw an error. */
export type Piece = { readonly bytes: Uint8Array<ArrayBuffer> } | { readonly failed: boolean };

/** An error as plain data. */
export interface ErrorData {
  readonly billhouse: { readonly code: ErrorCode; readonly hint: string } | null;
  readonly message: string;
  readonly stack: string | undefined;
  readonly cause: ErrorData | null;
  /** The properties of an error of the operating system. */
  readonly system: { readonly code?: string; readonly syscall?: string };
}

/** Smaller files are read sooner than a thread starts. Bytes, as delivered. */
const worthThread = 2_000_000;

/** Starts no thread yet. */
export function createThreads(): ReadingThreads {
  const most = Math.min(availableParallelism(), mostThreads);
  const threads = new Set<{ readonly worker: Worker; jobs: number }>();

  const leastBusy = (): { readonly worker: Worker; jobs: number } => {
    const [least] = [...threads].toSorted((one, other) => one.jobs - other.jobs);
    if (least !== undefined && (least.jobs === 0 || threads.size >= most)) return least;
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    // V8 would let the heap of a thread grow to 160 MB before it collects what a Parquet file left behind.
    const thread = {
      worker: new Worker(new URL(`./thread.${extension}`, import.meta.url), {
        resourceLimits: { maxYoungGenerationSizeMb: 16 },
      }),
      jobs: 0,
    };
    thread.worker.unref();
    threads.add(thread);
    return thread;
  };

  /** Ends a thread that has nothing to do: it would keep the memory that it took for its files. */
  const endIdle = (thread: { readonly worker: Worker; jobs: number }): void => {
    if (thread.jobs > 0 || !threads.delete(thread)) return;
    void thread.worker.terminate();
  };

  return {
    async read(job, read, signal) {
      if (job.file.size < worthThread || most < 2) return readHere(job, read, signal);
      const thread = leastBusy();
      thread.jobs += 1;
      const { port1: port, port2 } = new MessageChannel();
      let sourceError: unknown;
      const failed = Promise.withResolvers<never>();
      const fail = (error: unknown): void => failed.reject(error);
      const abort = (): void => failed.reject(signal?.reason);
      failed.promise.catch(() => {});
      thread.worker.once("error", fail);
      signal?.addEventListener("abort", abort, { once: true });
      try {
        signal?.throwIfAborted();
        thread.worker.postMessage({ job, port: port2 }, [port2]);
        const messages = on(port, "message", { close: ["close"] }) as AsyncIterableIterator<[FromThread]>;
        for (;;) {
          const next = await Promise.race([messages.next(), failed.promise]);
          if (next.done === true) throw new Error(`The thread that read ${job.file.key} ended.`);
          const [message] = next.value;
          if ("result" in message) return message.result;
          if ("error" in message) throw sourceError ?? errorOf(message.error);
          // Its error reaches the thread as a message, and this loop as `sourceError`.
          void sendPieces(read(message.range), message.pieces).catch((error: unknown) => (sourceError = error));
        }
      } finally {
        port.close();
        thread.worker.off("error", fail);
        signal?.removeEventListener("abort", abort);
        thread.jobs -= 1;
        setTimeout(endIdle, idleTime, thread).unref();
      }
    },
    async close() {
      await Promise.all([...threads].map(({ worker }) => worker.terminate()));
    },
  };
}

const mostThreads = 8;

/** The next file usually comes within milliseconds. */
const idleTime = 200;

async function readHere(
  { file, tally: options, path, limit }: ReadJob,
  read: ReadBytes,
  signal?: AbortSignal,
): Promise<CheckedBytes> {
  const tally = createTally(options);
  const row: typeof tally.row = (cells, where) => {
    // The storage stops its own reads, but the cells of a Parquet file are read from its local copy.
    if (where % 65_536 === 0) signal?.throwIfAborted();
    tally.row(cells, where);
  };
  return readFile(file, read, { ...tally, row }, path, limit);
}

/** Sends one piece for each message that asks for one, until the reader closes the port. Errors: those of the source. */
async function sendPieces(pieces: AsyncIterable<Uint8Array>, port: MessagePort): Promise<void> {
  const source = pieces[Symbol.asyncIterator]();
  try {
    for await (const _ of on(port, "message", { close: ["close"] })) {
      const next = await source.next();
      if (next.done === true) {
        port.postMessage({ failed: false } satisfies Piece);
        return;
      }
      // A copy, because the buffer of a piece may belong to a pool, and a sent one is gone here.
      const bytes = Uint8Array.from(next.value);
      port.postMessage({ bytes } satisfies Piece, [bytes.buffer]);
    }
  } catch (error) {
    port.postMessage({ failed: true } satisfies Piece);
    throw error;
  } finally {
    await source.return?.();
  }
}

/** An error as data that another thread can receive. */
export function errorData(error: unknown): ErrorData {
  const { message, stack, cause } = error instanceof Error ? error : new Error(String(error));
  const { code, syscall } = error as NodeJS.ErrnoException;
  return {
    billhouse: error instanceof BillhouseError ? { code: error.code, hint: error.hint } : null,
    message,
    stack,
    cause: cause === undefined ? null : errorData(cause),
    system: { ...(code === undefined ? {} : { code }), ...(syscall === undefined ? {} : { syscall }) },
  };
}

function errorOf({ billhouse, message, stack, cause, system }: ErrorData): Error {
  const options = cause === null ? {} : { cause: errorOf(cause) };
  const error =
    billhouse === null
      ? Object.assign(new Error(message, options), system)
      : new BillhouseError(billhouse.code, message, { hint: billhouse.hint, ...options });
  if (stack !== undefined) error.stack = stack;
  return error;
}
