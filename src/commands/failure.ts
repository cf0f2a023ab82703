import { inspect } from "node:util";
import { CommanderError } from "commander";
import { BillhouseError, describeError } from "../errors.ts";
import { type CommandContext, type ExitCode, exitCodes } from "./context.ts";
import { maskSecrets } from "../secrets.ts";
import { resultText, paint, visible } from "./output.ts";

/** The output for a failure. */
export interface FailureContext extends Pick<CommandContext, "stdout" | "stderr"> {
  readonly flags: { readonly json: boolean; readonly debug: boolean };
}

/**
 * Reports what stopped a command, and returns its exit code. A BillhouseError is a message and a hint; everything else is a
 * bug and keeps its stack.
 */
export function reportFailure(error: unknown, { stdout, stderr, flags }: FailureContext): ExitCode {
  // Commander leaves by throwing after `--help` and `--version`, and when no command was named.
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return exitCodes.done;
    if (flags.json) stdout.write(`${resultText({ error: noCommand })}\n`);
    return exitCodes.usage;
  }
  const described = describeError(error);
  const known = error instanceof BillhouseError;
  if (flags.json) stdout.write(`${resultText({ error: described })}\n`);
  else stderr.write(known ? failureText(described, stderr) : `${visibleLines(inspect(error))}\n\n${bugText}\n`);
  if (flags.debug && (known || flags.json)) stderr.write(`\n${visibleLines(inspect(error))}\n`);
  return codesOfErrors[described.code] ?? exitCodes.failed;
}

/** An error as people read it: the message with its code, and below it what to do. */
export function failureText(
  error: { readonly code: string; readonly message: string; readonly hint: string },
  output: Pick<CommandContext["stderr"], "colour">,
): string {
  const [first = "", ...more] = error.message.split("\n").map(visible);
  const indented = [...more, ...error.hint.split("\n").map(visible)].map((line) => (line === "" ? "" : `  ${line}`));
  return `${paint(output, "bad", "✖")} ${[`${first}   ${paint(output, "bad", error.code)}`, ...indented].join("\n")}\n`;
}

const codesOfErrors: Readonly<Record<string, ExitCode>> = {
  CONFIG_INVALID: exitCodes.usage,
  USAGE_INVALID: exitCodes.usage,
  INTERRUPTED: exitCodes.interrupted,
};

const noCommand = {
  code: "USAGE_INVALID",
  message: "No command was named.",
  hint: "billhouse --help lists the commands.",
};

const bugText =
  "This is a bug in billhouse. Report it with the lines above and what billhouse --version prints; look for secrets in them first.";

function visibleLines(text: string): string {
  return maskSecrets(text).split("\n").map(visible).join("\n");
}
