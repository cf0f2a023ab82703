import { Readable } from "node:stream";
import { runProgram } from "../../src/commands/program.ts";
import { recordingOutput } from "./recorded.ts";

/** What a command left behind. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * The environment in which a database works on one thread: test files run side by side on all cores, and on a bill of a few
 * rows a second thread costs a sixth more. Child processes, and tests of large files, have DuckDB's default.
 */
export const oneThread = { DESTINATION__DUCKDB__THREADS: "1" };

/** Runs the command that the words name in a folder, as the command line does, without a process of its own. */
export async function billhouse(
  folder: string,
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
  form: {
    readonly isTerminal?: boolean;
    readonly columns?: number;
    readonly colour?: boolean;
    readonly shared?: boolean;
    readonly stdin?: string;
    readonly now?: Date;
  } = {},
): Promise<Ended> {
  const [stdout, stderr] = [recordingOutput(form), recordingOutput(form)];
  const host = {
    folder,
    environment,
    stdin: (): AsyncIterable<string> => Readable.from([form.stdin ?? ""]),
    stdout,
    stderr,
    sharedOutput: false,
    ...(form.shared === true ? { stderr: stdout, sharedOutput: true } : {}),
  };
  const signal = new AbortController().signal;
  const code = await runProgram(words, { ...host, signal, now: () => form.now ?? new Date(0) });
  return { code, stdout: stdout.text, stderr: stderr.text };
}
