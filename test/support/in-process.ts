import { Readable } from "node:stream";
import { reportFailure } from "../../src/commands/failure.ts";
import { runProgram } from "../../src/commands/program.ts";
import { recordingOutput } from "./recorded.ts";

/** What a command left behind. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command that the words name in a folder, as the command line does, without a process of its own. */
export async function billhouse(
  folder: string,
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
  form: { readonly isTerminal?: boolean; readonly columns?: number; readonly now?: Date; readonly stdin?: string } = {},
): Promise<Ended> {
  const [stdout, stderr] = [recordingOutput(form), recordingOutput(form)];
  const stdin = (): AsyncIterable<string> => Readable.from([form.stdin ?? ""]);
  const surroundings = { folder, environment, stdin, stdout, stderr, signal: new AbortController().signal };
  const flags = { json: words.includes("--json"), debug: words.includes("--debug") };
  const code = await runProgram(words, { ...surroundings, now: () => form.now ?? new Date(0) }).catch(
    (error: unknown) => reportFailure(error, { stdout, stderr, flags }),
  );
  return { code, stdout: stdout.text, stderr: stderr.text };
}
