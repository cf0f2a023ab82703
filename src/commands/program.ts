import { resolve } from "node:path";
import { Command, Option } from "@commander-js/extra-typings";
import type { Command as PlainCommand } from "commander";
import { BillhouseError, interrupted } from "../errors.ts";
import { version } from "../version.ts";
import { addCommitments } from "./commitments.ts";
import { addCompletion } from "./completion.ts";
import { addConfig } from "./config.ts";
import { addConnect } from "./connect.ts";
import {
  type CommandContext,
  type ExitCode,
  exitCodeMeanings,
  exitCodes,
  type LogFormat,
  logFormats,
  type Perform,
  type Program,
} from "./context.ts";
import { addCosts } from "./costs.ts";
import { addDemo } from "./demo.ts";
import { addDiff } from "./diff.ts";
import { addDoctor } from "./doctor.ts";
import { addExplain } from "./explain.ts";
import { reportFailure } from "./failure.ts";
import { addFocus } from "./focus.ts";
import { addHistory } from "./history.ts";
import { addInit } from "./init.ts";
import { addMigrate } from "./migrate.ts";
import { paint } from "./output.ts";
import { alignRows } from "./tables.ts";
import { addPlan } from "./plan.ts";
import { addQuery } from "./query.ts";
import { addQuestions } from "./questions.ts";
import { addReconcile } from "./reconcile.ts";
import { addReport } from "./report.ts";
import { addRun } from "./run.ts";
import { addServe } from "./serve.ts";
import { addState } from "./state.ts";
import { addStatus } from "./status.ts";
import { logOutput, openFileOutput } from "./terminal.ts";
import { addUndo } from "./undo.ts";
import { addUntagged } from "./untagged.ts";
import { commandFirst, explainWrongUse } from "./usage.ts";
import { addValidate } from "./validate.ts";
import { addVerify } from "./verify.ts";

/** The commands, as `--help` groups them. Each registers itself: flags, help with an example, and what it does. */
const groups: Readonly<Record<string, readonly ((program: Program, perform: Perform) => void)[]>> = {
  "Load:": [addInit, addPlan, addRun, addUndo, addMigrate],
  "Check:": [addStatus, addHistory, addVerify, addValidate, addDiff, addReconcile, addDoctor],
  "Answer:": [
    addCosts,
    addExplain,
    addCommitments,
    addUntagged,
    addReport,
    addServe,
    addQuestions,
    addQuery,
    addFocus,
    addConnect,
  ],
  "Set up:": [addDemo, addConfig, addState, addCompletion],
};

/** What surrounds the program: everything of a command's context that the command line does not say. */
export type Host = Omit<CommandContext, "flags" | "configFile" | "outputFile" | "loadConfig">;

/** Runs the command that the words name, reports what stopped it, and returns its exit code. */
export async function runProgram(words: readonly string[], host: Host): Promise<ExitCode> {
  // These flags are read from the words, because the words themselves can be what is wrong.
  const flags = { json: words.includes("--json"), debug: words.includes("--debug"), logFormat: logFormatOf(words) };
  const { stdout, now } = host;
  const stderr = flags.logFormat === undefined ? host.stderr : logOutput(host.stderr, flags.logFormat, now);
  let exitCode: ExitCode = exitCodes.done;
  try {
    const program = createProgram({ ...host, stderr }, (code) => {
      exitCode = code;
    });
    await program.parseAsync(commandFirst(words, program), { from: "user" });
    return exitCode;
  } catch (error) {
    return reportFailure(error, { stdout, stderr, flags });
  }
}

function logFormatOf(words: readonly string[]): LogFormat | undefined {
  return logFormats.find(
    (format) =>
      words.includes(`--log-format=${format}`) ||
      words.some((word, index) => word === "--log-format" && words[index + 1] === format),
  );
}

/** The whole command line. Engine, drivers and SDKs are imported by the actions, so that `--help` stays quick. */
export function createProgram(host: Host, finish: (code: ExitCode) => void): PlainCommand {
  const { stdout, stderr, signal } = host;
  const program = new Command("billhouse")
    .description(
      "Loads billing exports of AWS, Azure and others into a warehouse you own: every month once, whole, and proved to the cent.",
    )
    .option("--json", "write the result as JSON to stdout, one event per line for run")
    .option("-c, --config <file>", "read this file instead of billhouse.toml or .dlt/config.toml")
    .option("-o, --output <file>", "write the result to this file, as a whole, instead of stdout")
    .option("-q, --quiet", "show only errors on stderr, and no result of a run that changed nothing")
    .option("-v, --verbose", "show every month, file and execution")
    .option("--debug", "show the cause and the stack of an error")
    .addOption(
      new Option("--log-format <format>", "write stderr as a log with the time of each line").choices(logFormats),
    )
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "show this help")
    .configureHelp({
      showGlobalOptions: true,
      subcommandTerm: (command) => command.name(),
      styleTitle: (title) => paint(stdout, "strong", title),
    })
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: () => {},
      getOutHelpWidth: () => stdout.columns || 100,
      getErrHelpWidth: () => stderr.columns || 100,
      getOutHasColors: () => stdout.colour,
      getErrHasColors: () => stderr.colour,
    })
    .addHelpText("after", () => `\n${paint(stdout, "strong", "Exit codes:")}\n${exitCodeLines().join("\n")}`);

  const context = (): CommandContext => {
    const { json, quiet, verbose, debug, config, output, logFormat } = program.opts();
    const flags = {
      json: json === true,
      quiet: quiet === true,
      verbose: verbose === true,
      debug: debug === true,
      logFormat,
    };
    const place = { folder: host.folder, environment: host.environment };
    return {
      ...host,
      flags,
      configFile: config,
      outputFile: output,
      loadConfig: async () => {
        const { loadConfig } = await import("../config/reading.ts");
        return loadConfig(config === undefined ? place : { ...place, file: config });
      },
    };
  };
  const withOutput = async (command: (context: CommandContext) => Promise<ExitCode>): Promise<ExitCode> => {
    const { output } = program.opts();
    if (output === undefined) return command(context());
    const file = await openFileOutput(resolve(host.folder, output));
    try {
      const code = await command({ ...context(), stdout: file.output, sharedOutput: false });
      await file.finish();
      return code;
    } catch (error) {
      await file.discard();
      throw error;
    }
  };
  const perform: Perform = {
    async reading(command) {
      // Waiting for the database to notice would only keep a person waiting.
      const stopped = new Promise<never>((_, reject) => {
        const stop = (): void =>
          reject(interrupted("Stopped. Nothing was written.", { hint: "Run the command again." }));
        signal.addEventListener("abort", stop);
      });
      finish(await withOutput((each) => Promise.race([command(each), stopped])));
    },
    async writing(command) {
      finish(await withOutput(command));
    },
  };
  // Commands see the program without the types of its global options, which come to them in their context.
  const plain = program as unknown as Program & PlainCommand;
  plain.hook("preAction", (_, action) => {
    if (plain.opts()["json"] !== true || action.opts()["csv"] !== true) return;
    throw new BillhouseError("USAGE_INVALID", "--csv and --json exclude each other.", { hint: "Choose one of them." });
  });
  for (const [title, commands] of Object.entries(groups)) {
    plain.commandsGroup(title);
    for (const add of commands) add(plain, perform);
  }
  plain.helpCommand("help [command]", "Show the help of a command.");
  explainWrongUse(plain);
  return plain;
}

/** The exit codes with their meanings, as `--help` lists them. */
function exitCodeLines(): string[] {
  const rows = Object.entries(exitCodeMeanings).map(([name, meaning]) => [
    `  ${exitCodes[name as keyof typeof exitCodes]}`,
    meaning,
  ]);
  return alignRows(rows, ["left", "left"]);
}
