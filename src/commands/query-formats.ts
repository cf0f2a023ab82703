import type { Output } from "./context.ts";
import { formatCount } from "./figures.ts";
import { cutText, displayWidth, jsonText, padCell, paint, visible } from "./output.ts";

/** The formats of an answer: of a table for people, for other programs, for many columns, for a page. */
export const formats = ["table", "csv", "json", "vertical", "markdown"] as const;

/** How an answer is written. */
export type Format = (typeof formats)[number];

/** A row of an answer. */
export type Row = Readonly<Record<string, unknown>>;

/** A column of an answer, as `QueryColumn` of the library. */
export interface Column {
  readonly name: string;
  readonly kind: "decimal" | "number" | "other";
}

/** Writes an answer while its rows arrive. */
export interface AnswerWriter {
  /** Takes the columns, before the first row. */
  begin(columns: readonly Column[]): void;
  add(row: Row): void;
  /** Writes the remaining rows, and returns the names of the columns that did not fit. */
  end(): readonly string[];
}

/**
 * Rows that decide how wide the columns are and how many decimals they show. Later rows follow them, so that a long answer
 * needs no memory; a number that needs more digits keeps them.
 */
const measuredRows = 1000;

/** Writes an answer in a format. What a terminal would obey is spelt out everywhere but in files of CSV. */
export function createWriter(format: Format, output: Output): AnswerWriter {
  return format === "json" ? jsonWriter(output) : measuredWriter(output, drawings[format]);
}

/** Writes rows as CSV, with the names of their columns as the header. */
export function writeCsv(names: readonly string[], rows: Iterable<Row>, output: Output): void {
  const writer = createWriter("csv", output);
  writer.begin(names.map((name) => ({ name, kind: "other" })));
  for (const row of rows) writer.add(row);
  writer.end();
}

/** One JSON array, a row per line. */
function jsonWriter(output: Output): AnswerWriter {
  let before = "[";
  return {
    begin: () => {},
    add(row) {
      output.write(`${before}\n  ${jsonText(row)}`);
      before = ",";
    },
    end() {
      output.write(before === "[" ? "[]\n" : "\n]\n");
      return [];
    },
  };
}

/** The cells of a row as text; null for NULL, which is not the empty text. */
type Cells = readonly (string | null)[];

/** How the rows of one answer are drawn. */
interface Drawing {
  readonly head: string;
  row(cells: Cells, number: number): string;
  /** Columns that do not fit. */
  readonly hidden: readonly string[];
}

type Draw = (columns: readonly Column[], sample: readonly Cells[], output: Output) => Drawing;

/** Measures the first rows, and then draws them and all that follow. Decimals of one column have the same scale. */
function measuredWriter(output: Output, draw: Draw): AnswerWriter {
  let columns: readonly Column[] = [];
  let scales: readonly number[] = [];
  let drawing: Drawing | undefined;
  let count = 0;
  const waiting: Cells[] = [];
  const write = (cells: Cells): void => {
    count += 1;
    output.write(
      drawing?.row(
        cells.map((cell, index) => scaled(cell, scales[index] ?? 0)),
        count,
      ) ?? "",
    );
  };
  const start = (): void => {
    scales = columns.map(({ kind }, index) =>
      kind === "decimal" ? Math.max(0, ...waiting.map((cells) => fractionOf(cells[index] ?? null))) : 0,
    );
    const sample = waiting.map((cells) => cells.map((cell, index) => scaled(cell, scales[index] ?? 0)));
    drawing = draw(columns, sample, output);
    output.write(drawing.head);
    for (const cells of waiting.splice(0)) write(cells);
  };
  return {
    begin(found) {
      columns = found;
    },
    add(row) {
      const cells = columns.map(({ name }) => cellText(row[name]));
      if (drawing !== undefined) return write(cells);
      waiting.push(cells);
      if (waiting.length === measuredRows) start();
    },
    end() {
      if (drawing === undefined) start();
      return drawing?.hidden ?? [];
    },
  };
}

/** A value as text: lists and structures are JSON, NULL is null. */
function cellText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") return String(value);
  return jsonText(value);
}

/** How many digits a number has behind its point; none when it is written with an exponent. */
function fractionOf(cell: string | null): number {
  return /^-?\d+\.(\d+)$/.exec(cell ?? "")?.[1]?.length ?? 0;
}

/** A decimal with at least so many digits behind its point. */
function scaled(cell: string | null, digits: number): string | null {
  const missing = digits - fractionOf(cell);
  if (cell === null || missing <= 0 || !/^-?\d/.test(cell)) return cell;
  return `${cell}${cell.includes(".") ? "" : "."}${"0".repeat(missing)}`;
}

/** CSV with a header (RFC 4180, lines end with a line feed): NULL is an empty field, the empty text is `""`. */
const drawCsv: Draw = (columns, _, output) => {
  // In a file every byte counts; on a terminal a value must not act.
  const field = (cell: string | null): string => csvField(cell === null || !output.isTerminal ? cell : visible(cell));
  return {
    head: `${columns.map(({ name }) => field(name)).join(",")}\n`,
    row: (cells) => `${cells.map(field).join(",")}\n`,
    hidden: [],
  };
};

function csvField(cell: string | null): string {
  if (cell === null) return "";
  return cell === "" || /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/** A table for people. On a terminal it is made to fit; elsewhere nothing is cut. */
const drawTable: Draw = (columns, sample, output) => {
  const titles = columns.map(({ name }) => visible(name));
  const room = output.isTerminal ? output.columns : 0;
  const aligned = alignNumbers(columns, sample);
  const { widths, isCut } = fit(columns, titles, sample.map(aligned), room);
  const line = (cells: readonly string[], look: (cell: string) => string = (cell) => cell): string =>
    `${widths
      .map((width, index) => {
        const isNumber = columns[index]?.kind !== "other";
        const cell = cells[index] ?? "";
        return padCell(look(isCut && !isNumber ? cutText(cell, width) : cell), width, isNumber ? "right" : "left");
      })
      .join(" ".repeat(gap))
      .trimEnd()}\n`;
  const rule = paint(output, "quiet", widths.map((width) => "─".repeat(width)).join(" ".repeat(gap)));
  return {
    head: columns.length === 0 ? "" : `${line(titles, (cell) => paint(output, "strong", cell))}${rule}\n`,
    row: (cells) => line(aligned(cells)),
    hidden: columns.slice(widths.length).map(({ name }) => name),
  };
};

/** A GitHub table. */
const drawMarkdown: Draw = (columns, sample) => {
  const escaped = (cell: string): string => cell.replaceAll("|", "\\|");
  const titles = columns.map(({ name }) => escaped(visible(name)));
  const aligned = alignNumbers(columns, sample);
  const shown = (cells: Cells): readonly string[] => aligned(cells).map(escaped);
  const { widths } = fit(columns, titles, sample.map(shown), 0);
  const line = (cells: readonly string[]): string =>
    `| ${columns.map(({ kind }, index) => padCell(cells[index] ?? "", Math.max(widths[index] ?? 0, 3), kind === "other" ? "left" : "right")).join(" | ")} |\n`;
  const rules = columns.map(({ kind }, index) => {
    const dashes = "-".repeat(Math.max(widths[index] ?? 0, 3));
    return kind === "other" ? dashes : dashes.replace(/.$/, ":");
  });
  return {
    head: columns.length === 0 ? "" : `${line(titles)}${line(rules)}`,
    row: (cells) => line(shown(cells)),
    hidden: [],
  };
};

/** One value per line, for answers of many columns. */
const drawVertical: Draw = (columns, _, output) => {
  const titles = columns.map(({ name }) => visible(name));
  const width = Math.max(0, ...titles.map(displayWidth));
  return {
    head: "",
    row(cells, number) {
      const lines = titles.map((title, index) =>
        `${paint(output, "strong", padCell(title, width))}  ${shownCell(cells[index] ?? null)}`.trimEnd(),
      );
      return `${[paint(output, "quiet", `── row ${formatCount(number)} ──`), ...lines].join("\n")}\n`;
    },
    hidden: [],
  };
};

const drawings: Readonly<Record<Exclude<Format, "json">, Draw>> = {
  table: drawTable,
  csv: drawCsv,
  vertical: drawVertical,
  markdown: drawMarkdown,
};

function shownCell(cell: string | null): string {
  return cell === null ? "NULL" : visible(cell);
}

/** Cells as they are shown, with blanks behind numbers, so that those of one column have their points below each other. */
function alignNumbers(columns: readonly Column[], sample: readonly Cells[]): (cells: Cells) => readonly string[] {
  const ends = columns.map(({ kind }, index) =>
    kind === "other" ? 0 : Math.max(0, ...sample.map((cells) => pointed(cells[index] ?? null))),
  );
  return (cells) =>
    columns.map((_, index) => {
      const cell = cells[index] ?? null;
      const missing = /^-?\d+(\.\d+)?$/.test(cell ?? "") ? (ends[index] ?? 0) - pointed(cell) : 0;
      return shownCell(cell) + " ".repeat(Math.max(missing, 0));
    });
}

/** How many characters a number has from its point on. */
function pointed(cell: string | null): number {
  const digits = fractionOf(cell);
  return digits === 0 ? 0 : digits + 1;
}

/** Columns are cut before they are left out, but not below this width. */
const narrowest = 12;

const gap = 2;

/** The widths of the columns that have room. Numbers stay whole: half a number is a wrong number. */
function fit(
  columns: readonly Column[],
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  room: number,
): { readonly widths: readonly number[]; readonly isCut: boolean } {
  const natural = titles.map((title, index) =>
    rows.reduce((width, cells) => Math.max(width, displayWidth(cells[index] ?? "")), displayWidth(title)),
  );
  if (room === 0) return { widths: natural, isCut: false };
  const widths = natural.map((width) => Math.min(width, Math.max(room, narrowest)));
  const total = (): number => widths.reduce((sum, width) => sum + width + gap, -gap);
  const widest = (): number =>
    widths.reduce((best, width, index) => {
      if (columns[index]?.kind !== "other" || width <= narrowest) return best;
      return best === -1 || width > (widths[best] ?? 0) ? index : best;
    }, -1);
  for (let index = widest(); total() > room && index !== -1; index = widest()) {
    widths[index] = (widths[index] ?? 0) - 1;
  }
  while (widths.length > 1 && total() > room) widths.pop();
  return { widths, isCut: true };
}
