import type { Command, OptionValues } from "@commander-js/extra-typings";
import type { Config } from "../config/config.ts";

/** How a command can end: the exit codes of all commands. */
export const exitCodes = {
  done: 0,
  failed: 1,
  toLoad: 2,
  monthsFailed: 3,
  checkFailed: 4,
  usage: 64,
  interrupted: 130,
} as const;

/** What each exit code means, for `--help` and `docs/commands.md`. */
export const exitCodeMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  done: "done; waiting, refused and partial months are reported",
  failed: "failed: nothing could be done, or a whole export could not be read",
  toLoad: "only from plan --detailed-exitcode: there is something to load",
  monthsFailed: "one or more months failed and keep their old rows; the others are loaded",
  checkFailed: "a check failed",
  usage: "invalid usage or configuration; nothing was done",
  interrupted: "stopped by Ctrl-C or SIGTERM; nothing is half written",
};

/** An exit code of a command: what the shell sees. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What a log says about a text: with `--log-format json` its properties are those of the line's object. */
export interface LogEntry {
  readonly level: "info" | "warning" | "error";
  /** What happened, in snake_case: the name of a run's event, `note` or `failed`. */
  readonly event: string;
  readonly [property: string]: unknown;
}

/** Where text goes: the terminal, a pipe or a file. */
export interface Output {
  /** Writes text as it is. Does nothing once the reader has closed the pipe (`| head`). Only a log uses the entry. */
  write(text: string, entry?: LogEntry): void;
  /** Waits until the reader has taken most of what was written. Without waiting, a long answer fills the memory. */
  drained(): Promise<void>;
  /** Whether this is a terminal, which understands cursor movements. */
  readonly isTerminal: boolean;
  /** Whether colours are wanted. */
  readonly colour: boolean;
  /** Width in characters; 0 when there is no terminal. */
  readonly columns: number;
  /** Whether the reader has closed the pipe, so that work that only writes can stop. */
  readonly closed: boolean;
}

/** The formats of `--log-format`. */
export const logFormats = ["text", "json"] as const;

/** A format of `--log-format`. */
export type LogFormat = (typeof logFormats)[number];

/** The flags that every command takes. */
export interface GlobalFlags {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly debug: boolean;
  /** How stderr is written for a log; undefined for people. */
  readonly logFormat: LogFormat | undefined;
}

/** The program as a command file sees it when it registers its command. */
export type Program = Command<[], OptionValues>;

/** Runs a command in its context and keeps its exit code. The command throws BillhouseError and never ends the process. */
export interface Perform {
  /** For commands that only read: they end as soon as the signal is aborted. */
  reading(command: (context: CommandContext) => Promise<ExitCode>): Promise<void>;
  /** For commands that write: they watch the signal themselves and leave nothing half written. */
  writing(command: (context: CommandContext) => Promise<ExitCode>): Promise<void>;
}

/** What every command receives. */
export interface CommandContext {
  readonly flags: GlobalFlags;
  /** The configuration file that `--config` names; undefined for the one of the working folder. */
  readonly configFile: string | undefined;
  /** The file that `--output` names, into which `stdout` then writes. */
  readonly outputFile: string | undefined;
  /** The working folder. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Standard input, opened when it is read. */
  stdin(): AsyncIterable<Uint8Array | string>;
  /** The result: a table for people, or JSON. */
  readonly stdout: Output;
  /** Everything else: progress, notes, errors. */
  readonly stderr: Output;
  /** Whether both go to the same file or pipe (`2>&1`), where nothing may be shown twice. */
  readonly sharedOutput: boolean;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** The time, so that ages and rates can be shown and tested. */
  now(): Date;
  /** Reads the configuration that `--config`, the working folder and the environment name. */
  loadConfig(): Promise<Config>;
}
