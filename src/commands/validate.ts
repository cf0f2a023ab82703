import { Option } from "@commander-js/extra-typings";
import type { RuleResult, RuleScore, ValidateOptions, ValidateResult } from "../answers/validate.ts";
import type { ReadSource } from "../pipeline/open.ts";
import { monthSpans } from "../schema/periods.ts";
import { type CommandContext, type ExitCode, exitCodes, type Perform, type Program } from "./context.ts";
import { formatCount, formatNumber, formatShare, noteSource } from "./figures.ts";
import { example, exportsAndMonths, readScope, type Scope, withMonths } from "./flags.ts";
import { noteLine, paint, resultText, screenStyle, type ScreenStyle, visible, wrapText } from "./output.ts";
import { type Row, writeCsv } from "./query-formats.ts";
import { indented } from "./tables.ts";

/** Registers `billhouse validate`. */
export function addValidate(program: Program, perform: Perform): void {
  withMonths(program.command("validate"))
    .description("Check the FOCUS view with every MUST and MUST NOT rule of FOCUS: what passes, what fails and why.")
    .argument("[export-or-month...]", exportsAndMonths)
    .addOption(new Option("--focus-version <version>", "whose rules and view").choices(["1.2", "1.4"]).default("1.2"))
    .option("--all", "list the rules that the bill cannot decide, with the reasons")
    .option("--csv", "write CSV with a header, a line for each rule, export and month")
    .addHelpText("after", example("billhouse validate aws_cur --month 2025-01"))
    .action((words, { focusVersion, all, csv, ...months }) =>
      perform.reading((context) => {
        const version = focusVersion === "1.4" ? "1.4" : "1.2";
        return validate({ ...readScope(words, months), version, all: all === true, csv: csv === true }, context);
      }),
    );
}

/** Options of `billhouse validate`. */
export interface ValidateCommandOptions extends Scope, Required<Pick<ValidateOptions, "version">> {
  readonly all: boolean;
  readonly csv: boolean;
}

/** Checks the rules of FOCUS on the view. */
export async function validate(
  { exports: pipelines, months, version, all, csv }: ValidateCommandOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const { validate: validateRules } = await import("../answers/validate.ts");
  const { flags, stdout } = context;
  const result = await validateRules(await context.loadConfig(), { pipelines, months, version });
  noteSource(result, context);
  if (flags.json) stdout.write(`${resultText(result, 2)}\n`);
  else if (csv) writeCsv(csvColumns, csvRows(result), stdout);
  else stdout.write(validateScreen(result, { ...screenStyle(context), all }));
  return result.ok ? exitCodes.done : exitCodes.checkFailed;
}

const csvColumns = "pipeline billing_month rule verdict origin rows counted reason text".split(" ");

function* csvRows({ results }: Pick<ValidateResult, "results">): Generator<Row> {
  for (const { pipeline, billingMonth, examples: _, ...result } of results) {
    yield { pipeline, billing_month: billingMonth, ...result };
  }
}

/** How rules are shown: with `all`, also those that the bill cannot decide. */
export interface ValidateStyle extends ScreenStyle {
  readonly all: boolean;
}

/** The verdicts for people: a line for each export and month, then the rules that fail with an example of each. */
export function validateScreen(result: Omit<ValidateResult, keyof ReadSource>, style: ValidateStyle): string {
  const { version, scores, results, withoutRows } = result;
  if (scores.length === 0) return "There are no rows in the FOCUS view.\n";
  const failed = rulesWith(results, "fail");
  const open = rulesWith(results, "undecidable");
  const sections = [
    [paint(style, "strong", `FOCUS ${version}: MUST and MUST NOT rules on focus_v${version.replace(".", "_")}`)],
    scoreLines(scores, style),
    ...(withoutRows.length === 0 ? [] : [countedElsewhere(withoutRows, style)]),
    ...(failed.length === 0 ? [] : [failed.flatMap((rule) => failureLines(rule, style))]),
    ...(style.all && open.length > 0 ? [open.flatMap((rule) => undecidableLines(rule, style))] : []),
    [summaryLine(failed.length, open.length, style)],
  ];
  return `${sections.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

function scoreLines(scores: readonly RuleScore[], style: ScreenStyle): string[] {
  const figures = (["passed", "failed", "undecidable"] as const).map((name) => ({
    title: name,
    lean: "right" as const,
    cells: scores.map((score) => {
      const text = formatCount(score[name]);
      return name === "failed" && score.failed > 0 ? paint(style, "bad", text) : text;
    }),
  }));
  return indented(
    [
      { title: "export", cells: scores.map(({ pipeline }) => visible(pipeline)) },
      { title: "month", cells: scores.map(({ billingMonth }) => billingMonth) },
      { title: "rows", lean: "right", cells: scores.map(({ rows }) => formatCount(rows)), spare: 1 },
      { title: "score", lean: "right", cells: scores.map(({ score }) => formatShare(score)) },
      ...figures,
    ],
    style,
  );
}

function countedElsewhere(months: ValidateResult["withoutRows"], style: ScreenStyle): string[] {
  return [...Map.groupBy(months, ({ pipeline }) => pipeline)].map(([pipeline, own]) => {
    const spans = monthSpans(own.map(({ billingMonth }) => billingMonth));
    return noteLine(`${pipeline} adds nothing to the view in ${spans}: another export of the cloud counts.`, style);
  });
}

/** The results of one rule that have a verdict, without rules that only consist of others. */
type Same = readonly [RuleResult, ...RuleResult[]];

function rulesWith(results: readonly RuleResult[], verdict: RuleResult["verdict"]): readonly Same[] {
  const own = results.filter((each) => each.verdict === verdict && !isComposed(each));
  return [...Map.groupBy(own, ({ rule }) => rule).values()] as readonly (readonly RuleResult[])[] as readonly Same[];
}

function isComposed({ parts }: RuleResult): boolean {
  return parts > 0;
}

function failureLines(same: Same, style: ScreenStyle): string[] {
  const [{ rule, text }] = same;
  const places = [...Map.groupBy(same, ({ pipeline, origin }) => JSON.stringify([pipeline, origin])).values()];
  const lines = places.map((own) => {
    const rows = own.reduce((sum, each) => sum + each.rows, 0);
    const months = monthSpans(own.map(({ billingMonth }) => billingMonth));
    const cause = own[0]?.origin === "cloud" ? "in the export of the cloud" : "in the mapping of billhouse";
    return `    ${wrapText(`${visible(own[0]?.pipeline ?? "")} ${months}: ${formatNumber(rows, own[0]?.counted ?? "row")}, ${cause}`, style.columns, 4)}`;
  });
  const [shown] = same.flatMap(({ examples }) => examples);
  return [
    `${paint(style, "bad", "✖")} ${paint(style, "strong", rule)}`,
    `    ${wrapText(visible(text), style.columns, 4)}`,
    ...lines,
    ...(shown === undefined ? [] : [paint(style, "quiet", `    ${wrapText(exampleText(shown), style.columns, 4)}`)]),
  ];
}

function exampleText(values: RuleResult["examples"][number]): string {
  const shown = Object.entries(values).map(([name, value]) => `${name} = ${value === null ? "null" : visible(value)}`);
  return `for example ${shown.join(", ")}`;
}

function undecidableLines(same: Same, style: ScreenStyle): string[] {
  const reasons = [...Map.groupBy(same, ({ reason }) => reason ?? "").entries()];
  return [
    `${paint(style, "quiet", "?")} ${same[0].rule}`,
    `    ${wrapText(visible(same[0].text), style.columns, 4)}`,
    ...reasons.map(([reason, own]) => {
      const rows = own.reduce((sum, each) => sum + each.rows, 0);
      const where = rows === 0 ? "" : ` (${formatNumber(rows, same[0].counted)})`;
      return paint(style, "quiet", `    ${wrapText(`${visible(reason)}${where}`, style.columns, 4)}`);
    }),
  ];
}

function summaryLine(failed: number, open: number, style: ValidateStyle): string {
  const result = failed === 0 ? "No rule fails." : `${formatNumber(failed, "rule")} failed.`;
  const undecided =
    open === 0
      ? ""
      : ` The bills cannot decide ${formatNumber(open, "rule")}${style.all ? "." : ": --all lists them."}`;
  return wrapText(`${result}${undecided}`, style.columns, 0);
}
