import { Option } from "@commander-js/extra-typings";
import type { AnswerOptions } from "../answers/bills.ts";
import type { Config } from "../config/config.ts";
import type { ReadSource } from "../pipeline/open.ts";
import { type CommandContext, type ExitCode, exitCodes } from "./context.ts";
import { noteSource } from "./figures.ts";
import { addWord, optionalMonth, parseCount, parseMonth, readScope } from "./flags.ts";
import { resultText, screenStyle, type ScreenStyle } from "./output.ts";
import { type Row, writeCsv } from "./query-formats.ts";

/** A flag with a value. */
type Flag<Usage extends string, Default, Value> = Option<Usage, undefined, Default, Value>;

/** The flag that chooses the one month of an answer. */
export function monthOption(): Flag<"--month <YYYY-MM>", undefined, string> {
  return new Option("--month <YYYY-MM>", "the billing month; otherwise the newest that is over").argParser(parseMonth);
}

/** The flag that chooses the dimensions of an answer, with its help. */
export function byOption(help: string): Flag<"--by <dimension>", undefined, string[]> {
  return new Option("--by <dimension>", help).argParser(addWord);
}

/** The flag that chooses how many of the things that its help names are listed: by default ten. */
export function topOption(help: string): Flag<"--top <number>", 10, number> {
  return new Option("--top <number>", help).argParser(parseCount).default(10);
}

/** How many groups an answer lists: all of them with `--verbose`. */
export function listed(top: number, { flags }: Pick<CommandContext, "flags">): { readonly top?: number } {
  return flags.verbose ? {} : { top };
}

/**
 * The exports and the month that the words and `--month` of an answer name. Error: USAGE_INVALID, with the example as it works.
 */
export function scopeOfAnswer(
  words: readonly string[],
  month: string | undefined,
  example: string,
): { readonly pipelines: readonly string[]; readonly month?: string } {
  const scope = readScope(words, month === undefined ? {} : { month: [month] });
  return { pipelines: scope.exports, ...optionalMonth(scope, example) };
}

/** How the result of an answer is shown. */
export interface Shown<T> {
  /** Whether it is written as CSV (`--csv`). */
  readonly csv: boolean;
  readonly columns: (result: T) => readonly string[];
  readonly rows: (result: T) => Iterable<Row>;
  readonly screen: (result: T, style: ScreenStyle) => string;
}

/** Asks, and writes the result: as JSON (`--json`), as CSV, or for people. */
export async function answer<O extends AnswerOptions, T extends ReadSource>(
  ask: (config: Config, options: O) => Promise<T>,
  options: O,
  { csv, columns, rows, screen }: Shown<T>,
  context: CommandContext,
): Promise<ExitCode> {
  const { flags, stdout } = context;
  const result = await ask(await context.loadConfig(), { ...options, now: context.now() });
  noteSource(result, context);
  if (flags.json) stdout.write(`${resultText(result, 2)}\n`);
  else if (csv) writeCsv(columns(result), rows(result), stdout);
  else stdout.write(screen(result, screenStyle(context)));
  return exitCodes.done;
}
