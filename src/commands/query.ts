import { readFile } from "node:fs/promises";
import { extname, resolve } from "node:path";
import { Option } from "@commander-js/extra-typings";
import { BillhouseError, firstLine } from "../errors.ts";
import { type CommandContext, type ExitCode, exitCodes, type Output, type Perform, type Program } from "./context.ts";
import { formatCount } from "./figures.ts";
import { example } from "./flags.ts";
import { visible, wrapText } from "./output.ts";
import { createWriter, type Format, formats } from "./query-formats.ts";

/** Registers `billhouse query`. */
export function addQuery(program: Program, perform: Perform): void {
  program
    .command("query")
    .description("Answer a SQL statement from what is loaded, as a table, CSV, JSON, Markdown or one value per line.")
    .argument("[sql]", "one statement that only reads, in quotes; - reads it from standard input")
    .option("-f, --file <file>", "read the statement from this file")
    .addOption(
      new Option(
        "--format <format>",
        "how the answer is written; otherwise by the ending of --output (.csv, .json, .md), or a table",
      ).choices(formats),
    )
    .option("--csv", "the same as --format csv")
    .addHelpText("after", example('billhouse query "SELECT count(*) FROM aws_cur_data"'))
    .action((sql, { file, format, csv }) =>
      perform.reading((context) => query({ sql, file, format, csv: csv === true }, context)),
    );
}

/** Options of `billhouse query`. */
export interface QueryCommandOptions {
  /** The statement, or `-` for standard input. */
  readonly sql?: string | undefined;
  readonly file?: string | undefined;
  readonly format?: Format | undefined;
  readonly csv: boolean;
}

/** Rows of an answer that a terminal shows; people who want more want a file. */
const terminalRows = 1000;

/**
 * Answers one SQL statement from the warehouse. Errors: USAGE_INVALID for flags that contradict each other and a file that
 * cannot be read, and those of the library's `query`.
 */
export async function query(options: QueryCommandOptions, context: CommandContext): Promise<ExitCode> {
  const format = chooseFormat(options, context);
  const sql = await readStatement(options, context);
  await answer(sql, format, context.stdout, context);
  return exitCodes.done;
}

function chooseFormat({ format, csv }: QueryCommandOptions, { flags, outputFile = "" }: CommandContext): Format {
  const wanted = new Set([
    ...(format === undefined ? [] : [format]),
    ...(csv ? ["csv" as const] : []),
    ...(flags.json ? ["json" as const] : []),
  ]);
  const [chosen = formatsOfEndings[extname(outputFile).toLowerCase()] ?? "table", ...others] = wanted;
  if (others.length === 0) return chosen;
  throw new BillhouseError("USAGE_INVALID", `An answer has one format, not ${[...wanted].join(" and ")}.`, {
    hint: "Keep one of --format, --csv and --json.",
  });
}

const formatsOfEndings: Readonly<Record<string, Format | undefined>> = {
  ".csv": "csv",
  ".json": "json",
  ".md": "markdown",
};

async function readStatement({ sql, file }: QueryCommandOptions, context: CommandContext): Promise<string> {
  if ((sql === undefined) === (file === undefined)) {
    const message =
      sql === undefined ? "The statement is missing." : "The statement is given twice: as words and with --file.";
    throw new BillhouseError("USAGE_INVALID", message, {
      hint: 'Give it once: billhouse query "SHOW TABLES", billhouse query --file FILE, or billhouse query - for standard input.',
    });
  }
  if (file === undefined) return sql === "-" ? readInput(context.stdin()) : (sql ?? "");
  try {
    return withoutMark(await readFile(resolve(context.folder, file), "utf8"));
  } catch (cause) {
    throw new BillhouseError("USAGE_INVALID", `${file} cannot be read: ${firstLine((cause as Error).message)}`, {
      hint: "Name a file with one SQL statement after --file.",
      cause,
    });
  }
}

async function readInput(input: AsyncIterable<Uint8Array | string>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of input) chunks.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
  return withoutMark(Buffer.concat(chunks).toString("utf8"));
}

function withoutMark(text: string): string {
  return text.replace(/^\uFEFF/, "");
}

async function answer(sql: string, format: Format, output: Output, context: CommandContext): Promise<void> {
  const { query: runQuery } = await import("../pipeline/query.ts");
  const writer = createWriter(format, output);
  const limit = output.isTerminal && ["table", "vertical", "markdown"].includes(format) ? terminalRows : Infinity;
  let count = 0;
  let isMore = false;
  const rows = runQuery(await context.loadConfig(), { sql, onColumns: (columns) => writer.begin(columns) });
  for await (const row of rows) {
    if (output.closed) return;
    isMore = count === limit;
    if (isMore) break;
    writer.add(row);
    count += 1;
    await output.drained();
  }
  const hidden = writer.end();
  if (context.flags.quiet || format === "json" || format === "csv") return;
  const notes = [
    isMore
      ? `The first ${formatCount(count)} rows; --format csv and --format json write all of them.`
      : `${formatCount(count)} ${count === 1 ? "row" : "rows"}`,
    ...(hidden.length > 0
      ? [`Not shown for lack of room: ${someOf(hidden)}. --format vertical shows all columns.`]
      : []),
  ];
  context.stderr.write(`${wrapText(notes.join("\n"), context.stderr.columns, 0)}\n`);
}

function someOf(names: readonly string[]): string {
  const shown = names.slice(0, 10).map(visible).join(", ");
  return names.length > 10 ? `${shown} and ${formatCount(names.length - 10)} more` : shown;
}
