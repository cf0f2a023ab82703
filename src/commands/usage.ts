import type { Command, CommanderError } from "commander";
import { nearest } from "../config/nearest.ts";
import { BillhouseError } from "../errors.ts";
import { visible } from "./output.ts";

/**
 * Arguments with the command in front, so that flags may stand anywhere: commander knows a command's own flags only
 * behind its name. A word like `-- newest month` with blanks in it is SQL with a comment, and no flag.
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

/** Makes every wrong use of a command a USAGE_INVALID that names the nearest right one. */
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
      const guess = nearest(quoted.replace(/=.*/s, ""), [...known, "--help"]);
      return invalid(`${name} has no flag ${quoted}.`, guess, `${name} --help lists its flags.`);
    }
    case "commander.unknownCommand": {
      const word = visible(command.args[0] ?? "");
      const guess = nearest(
        word,
        command.commands.map((inner) => inner.name()),
      );
      return invalid(
        `There is no command ${name} ${word}.`,
        guess && `${name} ${guess}`,
        `${name} --help lists the commands.`,
      );
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
    hint: guess === undefined || guess === "" ? advice : `Did you mean ${guess}? ${advice}`,
  });
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
