import type { Command, CommanderError } from "commander";
import { nearest } from "../config/nearest.ts";
import { BillhouseError } from "../errors.ts";
import { visible } from "./output.ts";

/**
 * Arguments with the command in front, so that flags may stand anywhere: commander knows a command's own flags only
 * behind its name. A word like `-- newest month` with blanks in it is SQL that starts with a comment.
 */
export function commandFirst(words: readonly string[], program: Command): string[] {
  const takesValue = new Set(
    flagsBelow(program).flatMap(({ required, short, long }) => (required ? [short, long] : [])),
  );
  const names: string[] = [];
  const rest: string[] = [];
  const text: string[] = [];
  let scope: Command | undefined = program;
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? "";
    if (word === "--") {
      text.push(...words.slice(index + 1));
      break;
    }
    if (/^-.*\s/s.test(word) && !/^--[\w-]+=/.test(word)) {
      text.push(word);
    } else if (word.startsWith("-") && word !== "-") {
      rest.push(word);
      const value = words[index + 1];
      if (takesValue.has(word) && value !== undefined) {
        rest.push(value);
        index += 1;
      }
    } else if (scope !== undefined && scope.commands.length > 0) {
      names.push(word);
      scope = scope.commands.find((command) => command.name() === word);
    } else {
      rest.push(word);
    }
  }
  return [...names, ...rest, ...(text.length > 0 ? ["--", ...text] : [])];
}

/** Turns every error of the command line into a USAGE_INVALID that suggests what was probably meant. */
export function explainWrongUse(program: Command): void {
  for (const command of [program, ...program.commands.flatMap((inner) => [inner, ...inner.commands])]) {
    command.exitOverride((error) => {
      throw wrongUse(error, command) ?? error;
    });
  }
}

function wrongUse(error: CommanderError, command: Command): BillhouseError | undefined {
  const name = fullName(command);
  const usage = `Usage: ${name} ${command.usage()}`;
  const quoted = visible(/'(.*)'/s.exec(error.message)?.[1] ?? "");
  switch (error.code) {
    case "commander.unknownOption": {
      const known = [command, ...ancestors(command)].flatMap((one) => one.options.flatMap(({ long }) => long ?? []));
      const flag = quoted.replace(/=.*/s, "");
      const guess = known.find((each) => flagGuesses[each]?.includes(flag)) ?? nearest(flag, [...known, "--help"]);
      return invalid(`There is no flag ${quoted} for ${name}.`, guess, `${name} --help lists its flags.`);
    }
    case "commander.unknownCommand": {
      const word = visible(command.args[0] ?? "");
      const message = `There is no command ${name} ${word}.`;
      const commands = command.commands.map((inner) => inner.name());
      const guess = commandGuess(`${name} ${word}`.toLowerCase()) ?? nearest(word, commands);
      if (guess === undefined) return invalid(message, undefined, `${name} --help lists the commands.`);
      const full = guess.startsWith("--") || commands.includes(guess) ? `${name} ${guess}` : `billhouse ${guess}`;
      return invalid(message, full, guess.startsWith("--") ? "" : `${full} --help explains it.`);
    }
    case "commander.invalidArgument": {
      const [, flag = "", value = "", choices = ""] =
        /'(--[\w-]+).*?' argument '(.*)' is invalid\. Allowed choices are (.*)\./s.exec(error.message) ?? [];
      return invalid(`${visible(value)} is not a valid value of ${flag}.`, undefined, `Use one of: ${choices}.`);
    }
    case "commander.missingArgument":
      return invalid(`${name} needs <${quoted}>.`, undefined, usage);
    case "commander.optionMissingArgument":
      return invalid(`The flag ${quoted} needs a value.`, undefined, usage);
    case "commander.excessArguments": {
      const extra = command.args.slice(command.registeredArguments.length).map(visible).join(" ");
      const advice = command.name() === "query" ? "Put the SQL in quotes." : usage;
      return invalid(`${name} does not know what to do with: ${extra}`, undefined, advice);
    }
    default:
      return undefined;
  }
}

function invalid(message: string, guess: string | undefined, advice: string): BillhouseError {
  return new BillhouseError("USAGE_INVALID", message, {
    hint: guess === undefined ? advice : `Did you mean ${guess}? ${advice}`.trimEnd(),
  });
}

/** Words that people try, by the command that does what they expect. */
const commandGuesses: Readonly<Record<string, readonly string[]>> = {
  init: ["add", "configure", "create", "discover", "new", "scan", "setup"],
  plan: ["dry-run", "dryrun", "preview", "what-if"],
  run: ["apply", "fetch", "import", "ingest", "load", "pull", "refresh", "reload", "start", "sync", "update"],
  undo: ["restore", "revert", "rollback"],
  migrate: ["convert", "upgrade"],
  costs: ["cost", "expenses", "spend", "spending"],
  explain: ["movers", "reasons", "why"],
  status: ["exports", "info", "list", "ls", "months", "show", "tables"],
  verify: ["audit", "check", "prove", "test", "validate"],
  diff: ["changes", "compare"],
  reconcile: ["invoice", "invoices"],
  doctor: ["diagnose", "health", "login", "ping"],
  query: ["select", "sql"],
  connect: ["bi", "duckdb", "jdbc", "open", "shell"],
  demo: ["example", "quickstart", "sample", "tutorial"],
  config: ["env", "settings"],
  completion: ["autocomplete", "completions"],
  "state show": ["state get", "state list", "state ls"],
  "state forget": ["forget", "reset", "state delete", "state remove", "state reset", "state rm"],
  "--version": ["version"],
};

/** Flags that people try, by the flag that does what they expect. */
const flagGuesses: Readonly<Record<string, readonly string[]>> = {
  "--month": ["-m", "--months", "--period"],
  "--from": ["--after", "--since", "--start"],
  "--to": ["--before", "--end", "--until"],
  "--dry-run": ["-n", "--preview"],
  "--force": ["-f", "--reload"],
  "--accept": ["--allow", "--ignore", "--skip"],
  "--jobs": ["-j", "--concurrency", "--parallel", "--threads", "--workers"],
  "--yes": ["-y"],
  "--config": ["--configuration", "--file"],
  "--quiet": ["-s", "--silent"],
};

function commandGuess(words: string): string | undefined {
  const tried = words.replace(/^billhouse /, "");
  return Object.keys(commandGuesses).find((command) => commandGuesses[command]?.includes(tried));
}

function fullName(command: Command): string {
  return [...ancestors(command).toReversed(), command].map((one) => one.name()).join(" ");
}

function ancestors(command: Command): Command[] {
  return command.parent === null ? [] : [command.parent, ...ancestors(command.parent)];
}

function flagsBelow(command: Command): Command["options"] {
  return [...command.options, ...command.commands.flatMap(flagsBelow)];
}
