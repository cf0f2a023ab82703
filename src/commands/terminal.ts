import type { Writable } from "node:stream";
import type { WriteStream } from "node:tty";
import { BillhouseError, firstLine } from "../errors.ts";
import type { Output } from "./context.ts";
import { showCursor } from "./follow.ts";

/** The part of a stream that an output needs: standard output and standard error have it, terminal or not. */
export type OutputStream = Pick<Writable, "write" | "on" | "writableNeedDrain"> &
  Partial<Pick<WriteStream, "isTTY" | "columns">>;

/** An output of a standard stream. */
export interface StandardOutput extends Output {
  /** Waits until everything is written. Error: OUTPUT_FAILED. A reader that went away is not a failure. */
  finish(): Promise<void>;
}

/** Makes an output of a standard stream, and judges once whether it is a terminal and takes colours. */
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
  // The reader of a pipe may leave at any time (`| head`): that is not a failure. After any other error, such as a
  // full disk, the work still ends as it would have.
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
      if (failure === undefined) return;
      throw new BillhouseError("OUTPUT_FAILED", `${name} cannot be written: ${firstLine(failure.message)}`, {
        hint: "Free some space, or send the output to another place. What the command loaded or changed is kept; billhouse status shows it.",
        cause: failure,
      });
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

/** What of the process a stop concerns. */
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
