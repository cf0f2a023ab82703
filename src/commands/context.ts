import type { Config } from "../config/config.ts";

/** How a command ended: what the shell sees. `docs/commands.md` explains each. */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 64 | 130;

/** Where text goes: the terminal, a pipe or a file. */
export interface Output {
  /** Writes text as it is. After the reader went away (`| head`) it does nothing. */
  write(text: string): void;
  /** Waits until the reader has taken most of what was written: who writes much without waiting fills the memory. */
  drained(): Promise<void>;
  /** Whether a person watches: cursor movements are understood. */
  readonly isTerminal: boolean;
  /** Whether colours are wanted. */
  readonly colour: boolean;
  /** Width in characters; 0 when there is no terminal. */
  readonly columns: number;
  /** Whether the reader went away, so that there is no point in going on only to write. */
  readonly closed: boolean;
}

/** What the flags that every command takes say. */
export interface GlobalFlags {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly debug: boolean;
}

/**
 * What every command receives. A command is a function `(options, context) => Promise<ExitCode>`, where `options` are
 * its own flags and arguments (left out when it has none); it throws BillhouseError for a failure, and never ends the
 * process.
 */
export interface CommandContext {
  readonly flags: GlobalFlags;
  /** The working folder. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The result: a table for people, or JSON. */
  readonly stdout: Output;
  /** Everything else: progress, notes, errors. */
  readonly stderr: Output;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** The time, so that ages and rates can be shown and tested. */
  now(): Date;
  /** Reads the configuration that `--config`, the working folder and the environment name. */
  loadConfig(): Promise<Config>;
}
