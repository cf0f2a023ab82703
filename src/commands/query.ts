import { query as runQuery } from "../pipeline/query.ts";
import type { CommandContext, ExitCode, Output } from "./context.ts";
import { formatCount } from "./figures.ts";
import { jsonText, visible } from "./output.ts";
import { createTable } from "./query-table.ts";

/** What `billhouse query` is told. */
export interface QueryCommandOptions {
  readonly sql: string;
  readonly csv: boolean;
}

/** A row of an answer. */
export type Row = Readonly<Record<string, unknown>>;

/** Rows of an answer that a terminal shows; people who want more want a file. */
const terminalRows = 1000;

/** Answers one SQL statement from the warehouse: a table, `--csv` or `--json`. */
export async function query(options: QueryCommandOptions, context: CommandContext): Promise<ExitCode> {
  const rows = runQuery(await context.loadConfig(), options.sql);
  if (context.flags.json) await writeJson(rows, context.stdout);
  else if (options.csv) await writeCsv(rows, context.stdout);
  else await writeTable(rows, context);
  return 0;
}

/** Writes rows as one JSON array, a row per line. */
export async function writeJson(rows: AsyncIterable<Row>, output: Output): Promise<void> {
  let before = "[";
  for await (const row of rows) {
    if (output.closed) return;
    output.write(`${before}\n  ${jsonText(row)}`);
    before = ",";
    await output.drained();
  }
  output.write(before === "[" ? "[]\n" : "\n]\n");
}

/** Writes rows as CSV with a header (RFC 4180, lines end with a line feed); NULL is an empty cell. */
export async function writeCsv(rows: AsyncIterable<Row>, output: Output): Promise<void> {
  let columns: string[] | undefined;
  // In a file every byte counts; on a terminal a value must not act.
  const cell = (text: string): string => csvCell(output.isTerminal ? visible(text) : text);
  for await (const row of rows) {
    if (output.closed) return;
    if (columns === undefined) {
      columns = Object.keys(row);
      output.write(`${columns.map(cell).join(",")}\n`);
    }
    output.write(`${columns.map((column) => cell(cellText(row[column]))).join(",")}\n`);
    await output.drained();
  }
}

/** A value as text: NULL is empty, lists and structures are JSON. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") return String(value);
  return jsonText(value);
}

async function writeTable(rows: AsyncIterable<Row>, { stdout, stderr, flags }: CommandContext): Promise<void> {
  const table = createTable(stdout);
  let count = 0;
  let more = false;
  for await (const row of rows) {
    if (stdout.closed) return;
    more = stdout.isTerminal && count === terminalRows;
    if (more) break;
    table.add(row);
    count += 1;
    await stdout.drained();
  }
  const { hiddenColumns } = table.end();
  if (flags.quiet) return;
  const notes = [
    more
      ? `The first ${formatCount(count)} rows; --csv or --json gives all of them.`
      : `${formatCount(count)} ${count === 1 ? "row" : "rows"}`,
    ...(hiddenColumns > 0
      ? [`${formatCount(hiddenColumns)} more columns do not fit; --csv or --json gives them.`]
      : []),
  ];
  stderr.write(`${notes.join("\n")}\n`);
}

function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
