import { createWriteStream, fstatSync } from "node:fs";
import { open, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Writable } from "node:stream";
import type { WriteStream } from "node:tty";
import { stripVTControlCharacters } from "node:util";
import { BillhouseError, firstLine, messageOf } from "../errors.ts";
import type { LogEntry, LogFormat, Output } from "./context.ts";
import { showCursor } from "./live-block.ts";
import { resultText } from "./output.ts";

/** The part of a stream that an output needs: standard output and standard error have it, terminal or not. */
export type OutputStream = Pick<Writable, "write" | "on" | "writableNeedDrain"> &
  Partial<Pick<WriteStream, "isTTY" | "columns">>;

/** An output of a standard stream. */
export interface StandardOutput extends Output {
  /** Waits until everything is written. Error: OUTPUT_FAILED, except when the reader closed the pipe. */
  finish(): Promise<void>;
}

/** Makes an output of a standard stream, and decides once whether it is a terminal and takes colours. */
export function createOutput(
  stream: OutputStream,
  name: string,
  environment: Readonly<Record<string, string | undefined>>,
): StandardOutput {
  let closed = false;
  let failure: Error | undefined;
  const waiting: (() => void)[] = [];
  const goOn = (): void => {
    for (const resolve of waiting.splice(0)) resolve();
  };
  // The reader may close a pipe at any time (`| head`), which is not an error. After any other error, such as a full
  // disk, the command still runs to its end.
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") failure ??= error;
    closed = true;
    goOn();
  });
  stream.on("drain", goOn);
  stream.on("close", goOn);
  const isTerminal = stream.isTTY === true && environment["TERM"] !== "dumb";
  return {
    write(text: string): void {
      if (!closed && text !== "") stream.write(text);
    },
    async drained(): Promise<void> {
      if (closed || !stream.writableNeedDrain) return;
      await new Promise<void>((resolve) => waiting.push(resolve));
    },
    async finish(): Promise<void> {
      // A stream reports its error one turn after the write that failed.
      if (!closed) await new Promise<void>((resolve) => stream.write("", () => setImmediate(resolve)));
      if (failure !== undefined) throw outputFailed(name, failure);
    },
    isTerminal,
    // https://no-color.org: any value that is not empty.
    colour: isTerminal && (environment["NO_COLOR"] ?? "") === "",
    get columns(): number {
      return stream.isTTY === true ? (stream.columns ?? 80) : 0;
    },
    get closed(): boolean {
      return closed;
    },
  };
}

/** Whether two open files are the same file or pipe, and not a terminal. */
export function isSameFile(one: number, other: number): boolean {
  try {
    const [first, second] = [fstatSync(one), fstatSync(other)];
    return first.dev === second.dev && first.ino === second.ino && !first.isCharacterDevice();
  } catch {
    // A parent process may have closed one of them.
    return false;
  }
}

/** A file that takes the place of the standard output (`--output`). */
export interface FileOutput {
  readonly output: Output;
  /** Puts the file in its place. Error: OUTPUT_FAILED. */
  finish(): Promise<void>;
  /** Removes what was written; a file that was there before is not changed. */
  discard(): Promise<void>;
}

/**
 * Opens a file for the result of a command. It is written beside its place and renamed at the end, so that a reader sees
 * the old file or the whole new one, with the mode of the old one. A device or a named pipe is written directly. Error:
 * OUTPUT_FAILED.
 */
export async function openFileOutput(path: string): Promise<FileOutput> {
  const name = `The file ${path}`;
  try {
    const there = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
      return undefined;
    });
    if (there?.isDirectory() === true) throw new Error("it is a folder");
    const isDirect = there !== undefined && !there.isFile();
    const target = there === undefined ? path : await realpath(path);
    const part = isDirect ? target : join(dirname(target), `.${basename(target)}.${crypto.randomUUID()}.part`);
    const handle = await open(part, isDirect ? "w" : "wx", there?.mode);
    const stream = createWriteStream("", { fd: handle });
    const output = createOutput(stream, name, {});
    const close = (): Promise<void> => new Promise((resolve) => stream.end(resolve));
    const discard = async (): Promise<void> => {
      await close();
      if (!isDirect) await rm(part, { force: true });
    };
    return {
      output,
      discard,
      async finish(): Promise<void> {
        try {
          await output.finish();
          await close();
          if (!isDirect) await rename(part, target);
        } catch (error) {
          await discard();
          throw error instanceof BillhouseError ? error : outputFailed(name, error);
        }
      },
    };
  } catch (error) {
    throw outputFailed(name, error);
  }
}

function outputFailed(name: string, cause: unknown): BillhouseError {
  const message = `${name} cannot be written: ${firstLine(messageOf(cause))}`;
  return new BillhouseError("OUTPUT_FAILED", message, {
    hint: "Free some space, or write the output to another place. What the command loaded or changed is kept; billhouse status shows it.",
    cause,
  });
}

/** An output as a log: each line carries the time (ISO 8601, UTC), or each text is one JSON object on a line. */
export function logOutput(output: Output, format: LogFormat, now: () => Date): Output {
  return {
    write(text: string, entry: LogEntry = { level: "info", event: "note" }): void {
      const time = now().toISOString();
      const lines = stripVTControlCharacters(text).split("\n");
      if (format === "json") {
        const message = lines.join("\n").trim();
        if (message !== "") output.write(`${resultText({ time, message, ...entry })}\n`);
      } else {
        for (const line of lines) if (line.trim() !== "") output.write(`${time} ${line}\n`);
      }
    },
    drained: () => output.drained(),
    isTerminal: false,
    colour: false,
    columns: 0,
    get closed(): boolean {
      return output.closed;
    },
  };
}

/** What a stop needs of the process. */
export interface Stoppable {
  on(signal: "SIGINT" | "SIGTERM", listener: () => void): unknown;
  exit(code: number): void;
}

/** A signal that the first Ctrl-C or SIGTERM aborts; the second one ends the process at once. */
export function stopSignal(program: Stoppable, stderr: Output): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) {
      if (stderr.isTerminal) stderr.write(showCursor);
      program.exit(130);
    }
    controller.abort();
  };
  program.on("SIGINT", stop);
  program.on("SIGTERM", stop);
  return controller.signal;
}
