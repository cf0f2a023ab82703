import { type CommandContext, type ExitCode, exitCodes, type Output, type Perform, type Program } from "./context.ts";
import { formatCount } from "./figures.ts";
import { example } from "./flags.ts";
import { cutText, displayWidth, jsonText, padCell, paint, visible } from "./output.ts";

/** Registers `billhouse query`. */
export function addQuery(program: Program, perform: Perform): void {
  program
    .command("query")
    .description("Answer a SQL statement from what is loaded: a table, or --csv or --json.")
    .argument("<sql>", "one statement that only reads, in quotes")
    .option("--csv", "write CSV with a header")
    .addHelpText("after", example('billhouse query "SELECT count(*) FROM aws_billing_data.aws_cur_data"'))
    .action((sql, { csv }) => perform.reading((context) => query({ sql, csv: csv === true }, context)));
}

/** Options of `billhouse query`. */
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
  const { query: runQuery } = await import("../pipeline/query.ts");
  const rows = runQuery(await context.loadConfig(), { sql: options.sql });
  if (context.flags.json) await writeJson(rows, context.stdout);
  else if (options.csv) await writeCsv(rows, context.stdout);
  else await writeTable(rows, context);
  return exitCodes.done;
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

/** A table that is written while its rows arrive. */
export interface QueryTable {
  add(row: Row): void;
  /** Writes what is left, and tells how many columns had no room. */
  end(): { readonly hiddenColumns: number };
}

/** Rows that decide how wide the columns are; later rows follow them, so that a long answer needs no memory. */
const measuredRows = 1000;

/** Columns are cut before they are left out, but not below this width. */
const narrowest = 12;

const gap = 2;

/** Starts a table. On a terminal it is made to fit; elsewhere nothing is cut. */
export function createTable(output: Output): QueryTable {
  const waiting: string[][] = [];
  let columns: string[] | undefined;
  let layout: Layout | undefined;
  const begin = (): void => {
    if (columns === undefined || layout !== undefined) return;
    layout = fit(columns.map(visible), waiting, output.isTerminal ? output.columns : 0);
    const titles = columns.slice(0, layout.widths.length).map(visible);
    output.write(`${line(titles, layout, (cell) => paint(output, "strong", cell))}\n`);
    output.write(`${paint(output, "quiet", layout.widths.map((width) => "─".repeat(width)).join(" ".repeat(gap)))}\n`);
    for (const cells of waiting.splice(0)) output.write(`${line(cells, layout)}\n`);
  };
  return {
    add(row: Row): void {
      columns ??= Object.keys(row);
      const cells = columns.map((column) => visible(cellText(row[column])));
      if (layout === undefined) {
        waiting.push(cells);
        if (waiting.length === measuredRows) begin();
      } else {
        output.write(`${line(cells, layout)}\n`);
      }
    },
    end(): { readonly hiddenColumns: number } {
      begin();
      return { hiddenColumns: (columns?.length ?? 0) - (layout?.widths.length ?? 0) };
    },
  };
}

interface Layout {
  /** Widths of the columns that are shown. */
  readonly widths: readonly number[];
  /** Whether each column holds numbers, which lean right. */
  readonly numeric: readonly boolean[];
  readonly cut: boolean;
}

function fit(titles: readonly string[], rows: readonly (readonly string[])[], room: number): Layout {
  const cells = (index: number): string[] => rows.map((row) => row[index] ?? "").filter((cell) => cell !== "");
  const numeric = titles.map((_, index) => {
    const filled = cells(index);
    return filled.length > 0 && filled.every((cell) => /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(cell));
  });
  const natural = titles.map((title, index) =>
    cells(index).reduce((width, cell) => Math.max(width, displayWidth(cell)), displayWidth(title)),
  );
  if (room === 0) return { widths: natural, numeric, cut: false };
  const widths = natural.map((width) => Math.min(width, Math.max(room, narrowest)));
  const total = (): number => widths.reduce((sum, width) => sum + width + gap, -gap);
  // Numbers stay whole: half a number is a wrong number.
  const widest = (): number =>
    widths.reduce((best, width, index) => {
      if (numeric[index] || width <= narrowest) return best;
      return best === -1 || width > (widths[best] ?? 0) ? index : best;
    }, -1);
  for (let index = widest(); total() > room && index !== -1; index = widest()) {
    widths[index] = (widths[index] ?? 0) - 1;
  }
  while (widths.length > 1 && total() > room) widths.pop();
  return { widths, numeric, cut: true };
}

function line(cells: readonly string[], layout: Layout, look: (cell: string) => string = (cell) => cell): string {
  return layout.widths
    .map((width, index) => {
      const cell = cells[index] ?? "";
      const shown = layout.cut && !layout.numeric[index] ? cutText(cell, width) : cell;
      return padCell(look(shown), width, layout.numeric[index] ? "right" : "left");
    })
    .join(" ".repeat(gap))
    .trimEnd();
}
