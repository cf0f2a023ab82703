import { Option } from "@commander-js/extra-typings";
import type { QuestionList, QuestionOptions, QuestionResult } from "../answers/questions.ts";
import type { ReadSource } from "../pipeline/open.ts";
import { type CommandContext, type ExitCode, exitCodes, type Perform, type Program } from "./context.ts";
import { noteSource } from "./figures.ts";
import { example, parseMonth } from "./flags.ts";
import { paint, resultText, screenStyle, type ScreenStyle, visible, wrapText } from "./output.ts";
import { createWriter, writeCsv } from "./query-formats.ts";
import { alignSentences } from "./tables.ts";

/** Registers `billhouse questions` with its commands. */
export function addQuestions(program: Program, perform: Perform): void {
  const questions = program
    .command("questions")
    .description("Answer the questions that finance and engineers ask first, with SQL that runs in both warehouses.");
  questions
    .command("list", { isDefault: true })
    .description("List the questions, and those that bills of AWS and Azure do not answer.")
    .addHelpText("after", example("billhouse questions list"))
    .action(() => perform.reading(list));
  questions
    .command("show")
    .description("Show the SQL of a question, for `billhouse query` and other clients.")
    .argument("<name>", "the question")
    .addHelpText("after", example("billhouse questions show savings-rate"))
    .action((name) => perform.reading((context) => show(name, context)));
  questions
    .command("run")
    .description("Answer a question.")
    .argument("<name>", "the question")
    .addOption(
      new Option("--month <YYYY-MM>", "the billing month; otherwise the newest that is over").argParser(parseMonth),
    )
    .addOption(new Option("--from <YYYY-MM>", "first billing month").argParser(parseMonth))
    .addOption(new Option("--to <YYYY-MM>", "last billing month").argParser(parseMonth))
    .option("--csv", "write CSV with a header")
    .addHelpText("after", example("billhouse questions run savings-rate --month 2025-03"))
    .action((name, { month, from = month, to = month, csv = false }) =>
      perform.reading((context) => {
        const period = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
        return run({ name, ...period }, csv, context);
      }),
    );
}

async function list({ flags, stdout, ...context }: CommandContext): Promise<ExitCode> {
  const { listQuestions } = await import("../answers/questions.ts");
  const result = listQuestions();
  if (flags.json) stdout.write(`${resultText(result, 2)}\n`);
  else stdout.write(questionsScreen(result, screenStyle({ ...context, flags, stdout })));
  return exitCodes.done;
}

/** The questions for people, one a line. */
export function questionsScreen({ questions, open }: QuestionList, style: ScreenStyle): string {
  const lines = questions.map(({ name, title }) => [`  ${name}`, title]);
  const others = open.map(({ title, because }) => `  ${wrapText(`${title}: ${because}`, style.columns, 4)}`);
  return `${[
    ...alignSentences(lines, ["left", "left"], style.columns),
    "",
    paint(style, "quiet", "Not answered, of the questions of the FOCUS use-case library:"),
    ...others,
  ].join("\n")}\n`;
}

async function show(name: string, { flags, stdout }: CommandContext): Promise<ExitCode> {
  const { listQuestions, questionSql } = await import("../answers/questions.ts");
  const sql = questionSql(name, { from: "YYYY-MM", to: "YYYY-MM" });
  const question = listQuestions().questions.find((each) => each.name === name);
  const difference = question?.difference ?? null;
  if (flags.json) stdout.write(`${resultText({ ...question, sql }, 2)}\n`);
  else
    stdout.write(
      `${[`-- ${question?.title}`, ...(difference === null ? [] : [`-- ${difference}`]), sql].join("\n")}\n`,
    );
  return exitCodes.done;
}

async function run(options: QuestionOptions, csv: boolean, context: CommandContext): Promise<ExitCode> {
  const { ask } = await import("../answers/questions.ts");
  const { flags, stdout } = context;
  const result = await ask(await context.loadConfig(), { ...options, now: context.now() });
  noteSource(result, context);
  if (flags.json) stdout.write(`${resultText(result, 2)}\n`);
  else if (csv)
    writeCsv(
      result.columns.map((column) => column.name),
      result.rows,
      stdout,
    );
  else writeAnswer(result, context);
  return exitCodes.done;
}

/** The answer as a table below its question. */
function writeAnswer(result: Omit<QuestionResult, keyof ReadSource>, { stdout, flags }: CommandContext): void {
  const { title, from, to, columns, rows } = result;
  const style = screenStyle({ stdout, flags });
  const months = from === to ? from : `${from} to ${to}`;
  stdout.write(`${paint(style, "strong", `${visible(title)} ${months}`)}\n\n`);
  const writer = createWriter("table", stdout);
  writer.begin(columns);
  for (const row of rows) writer.add(row);
  writer.end();
}
