import { type Command, InvalidArgumentError, Option, type OptionValues } from "@commander-js/extra-typings";
import { BillhouseError } from "../errors.ts";
import { checkMonths, type MonthSelection } from "../schema/periods.ts";

/** Help for an argument that takes exports and billing months. */
export const exportsAndMonths =
  "exports by section (aws_cur) or cloud (aws, azure), and billing months (YYYY-MM); all when none is named";

/** Help for an argument that takes exports. */
export const exportsOnly = "exports by section (aws_cur) or cloud (aws, azure); all when none is named";

/** What the flags of `withMonths` hold. */
export interface MonthFlags {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly month?: readonly string[] | undefined;
}

/** Exports and billing months that a command line names; no exports mean all, and an empty selection all months. */
export interface Scope {
  readonly exports: readonly string[];
  readonly months: MonthSelection;
}

/** Adds the flags that choose billing months, the same for every command. */
export function withMonths<Args extends unknown[], Own extends OptionValues, Global extends OptionValues>(
  command: Command<Args, Own, Global>,
): Command<Args, Own & MonthFlags, Global> {
  command
    .addOption(new Option("--month <YYYY-MM>", "one billing month (repeatable)").argParser(addMonth))
    .addOption(new Option("--from <YYYY-MM>", "first billing month").argParser(parseMonth))
    .addOption(new Option("--to <YYYY-MM>", "last billing month").argParser(parseMonth));
  return command;
}

/**
 * The exports and billing months that the words and flags of a command name. A month among the words counts like one of
 * `--month`. Error: USAGE_INVALID for a month that is not `YYYY-MM`, and for months that contradict each other.
 */
export function readScope(words: readonly string[], { from, to, month = [] }: MonthFlags): Scope {
  const exports = words.filter((word) => !looksLikeMonth(word));
  const only = [...new Set([...words.filter(looksLikeMonth).map(parseMonth), ...month])];
  if (only.length > 0 && (from !== undefined || to !== undefined)) {
    throw new BillhouseError("USAGE_INVALID", "Single months and a span of months (--from, --to) exclude each other.", {
      hint: "Name either single months, or --from and --to.",
    });
  }
  if (only.length > 0) return { exports, months: { only } };
  const months = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
  checkMonths(months);
  return { exports, months };
}

/** The one span of months of a scope, for commands that sum a period; empty where no month is named. Error: USAGE_INVALID. */
export function oneSpan(
  { months: { only = [], from, to } }: Scope,
  example: string,
): Pick<MonthSelection, "from" | "to"> {
  const [month, ...others] = only;
  if (month === undefined) return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
  if (others.length === 0) return { from: month, to: month };
  throw new BillhouseError(
    "USAGE_INVALID",
    `This command needs one billing month or a span, not ${only.length} months.`,
    {
      hint: `For a span: ${example}`,
    },
  );
}

/** The only month of a scope, for commands that need one. Error: USAGE_INVALID, with the example as it works. */
export function oneMonth({ months: { only = [], from, to } }: Scope, example: string): string {
  const [month, ...others] = from !== undefined && from === to ? [from] : only;
  if (month !== undefined && others.length === 0) return month;
  const found =
    others.length > 0
      ? `, not ${others.length + 1}`
      : from !== undefined || to !== undefined
        ? ", not a span of months"
        : "";
  throw new BillhouseError("USAGE_INVALID", `This command needs one billing month${found}.`, {
    hint: `For example: ${example}`,
  });
}

/** The one month of a scope, or none where none is named. Error: USAGE_INVALID, with the example as it works. */
export function optionalMonth(scope: Scope, example: string): { readonly month?: string } {
  const { only = [], from, to } = scope.months;
  return only.length === 0 && from === undefined && to === undefined ? {} : { month: oneMonth(scope, example) };
}

/** The one export of a scope. Error: USAGE_INVALID when none or several are named, with the example as it works. */
export function oneExport({ exports: [name, ...others] }: Scope, example: string): string {
  if (name !== undefined && others.length === 0) return name;
  const found = name === undefined ? "" : `, not ${others.length + 1}`;
  throw new BillhouseError("USAGE_INVALID", `This command needs one export${found}.`, {
    hint: `For example: ${example}`,
  });
}

/** The example at the end of a command's help. */
export function example(line: string): string {
  return `\nExample:\n  ${line}`;
}

/** The words of a flag that may be repeated, with one more. */
export function addWord(word: string, words: readonly string[] = []): string[] {
  return [...words, word];
}

/** The dimensions that `--by` names, separated by commas or given one by one. A key of a tag may contain commas. */
export function dimensionWords(by: readonly string[] | undefined): readonly string[] | undefined {
  return by?.flatMap((word) => (word.startsWith("tag:") ? [word] : word.split(",").map((each) => each.trim())));
}

/** The whole number from 1 of a flag. Error: that of a wrong value of a flag. */
export function parseCount(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number from 1.");
}

/** Spans of days as people list them: `2025-03-01 to 2025-03-04, 2025-03-09`. */
export function daySpans(spans: readonly { readonly from: string; readonly to: string }[]): string {
  return spans.map(({ from, to }) => (from === to ? from : `${from} to ${to}`)).join(", ");
}

/** Whether a word is meant as a month: no export is named like one. */
function looksLikeMonth(word: string): boolean {
  return /^\d{4}[-/.]?\d{1,2}$/.test(word);
}

function addMonth(text: string, months: readonly string[] = []): string[] {
  return [...months, parseMonth(text)];
}

/** The month of a flag. Error: USAGE_INVALID. */
export function parseMonth(text: string): string {
  checkMonths({ only: [text] });
  return text;
}
