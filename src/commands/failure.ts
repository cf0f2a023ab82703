import { inspect } from "node:util";
import { CommanderError } from "commander";
import { BillhouseError, describeError } from "../errors.ts";
import { type CommandContext, type ExitCode, exitCodes, type GlobalFlags, type LogEntry } from "./context.ts";
import { maskSecrets } from "../secrets.ts";
import { errorLines, paint, resultText, visible } from "./output.ts";

/** Where a failure is reported. */
export interface FailureContext extends Pick<CommandContext, "stdout" | "stderr"> {
  readonly flags: Pick<GlobalFlags, "json" | "debug" | "logFormat">;
}

/**
 * Reports what stopped a command and returns its exit code. A BillhouseError is shown as a message and a hint; everything
 * else is a bug and is shown with its stack.
 */
export function reportFailure(error: unknown, { stdout, stderr, flags }: FailureContext): ExitCode {
  // Commander throws after `--help` and `--version`, and when no command was named.
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return exitCodes.done;
    if (flags.json) stdout.write(`${resultText({ error: noCommand })}\n`);
    return exitCodes.usage;
  }
  const described = describeError(error);
  const known = error instanceof BillhouseError;
  const entry: LogEntry = { level: "error", event: "failed", ...described };
  if (flags.json) stdout.write(`${resultText({ error: described })}\n`);
  if (!flags.json || flags.logFormat !== undefined) {
    stderr.write(known ? failureText(described, stderr) : `${visibleLines(inspect(error))}\n\n${bugText}\n`, entry);
  }
  if (flags.debug && (known || flags.json))
    stderr.write(`\n${visibleLines(inspect(error))}\n`, { level: "error", event: "stack" });
  return codesOfErrors[described.code] ?? exitCodes.failed;
}

/** An error as people read it: the message with its code, and below it what to do. */
export function failureText(
  error: { readonly code: string; readonly message: string; readonly hint: string },
  output: Pick<CommandContext["stderr"], "colour" | "columns">,
): string {
  const lines = errorLines(error, { colour: output.colour, verbose: false, columns: output.columns }, 2);
  return `${paint(output, "bad", "✖")} ${lines.join("\n")}\n`;
}

const codesOfErrors: Readonly<Record<string, ExitCode>> = {
  CONFIG_INVALID: exitCodes.usage,
  USAGE_INVALID: exitCodes.usage,
  INTERRUPTED: exitCodes.interrupted,
};

const noCommand = {
  code: "USAGE_INVALID",
  message: "A command is missing.",
  hint: "billhouse --help lists the commands.",
};

const bugText =
  "This is a bug in billhouse. Report it with the lines above and what billhouse --version prints; look for secrets in them first.";

function visibleLines(text: string): string {
  return maskSecrets(text).split("\n").map(visible).join("\n");
}
