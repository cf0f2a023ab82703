import type { Output } from "./context.ts";
import { cutText, displayWidth, type Lean, padCell, paint, type ScreenStyle, wordsOf, wrapText } from "./output.ts";

/** Rows as lines with aligned columns, two blanks apart, without blanks at the end. Cells may carry a look. */
export function alignRows(rows: readonly (readonly string[])[], leans: readonly Lean[], gap = "  "): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, displayWidth(cell));
  }
  return rows.map((row) =>
    row
      .map((cell, index) => padCell(cell, widths[index] ?? 0, leans[index]))
      .join(gap)
      .trimEnd(),
  );
}

/** A column of a table that fits a terminal. */
export interface Column {
  readonly title: string;
  readonly lean?: Lean;
  /** One for each row; a list is a cell of several lines. Cells may carry a look. */
  readonly cells: readonly (string | readonly string[])[];
  /** Where the table is too wide, the column with the greatest number is left out first; without one it always stays. */
  readonly spare?: number;
  /** Where the table is too wide, the cells of this column move to lines of their own below their rows. */
  readonly below?: boolean;
}

/** A table with titles, no wider than `width` as far as columns can be moved or left out; 0 is any width. */
export function fitTable(columns: readonly Column[], width: number, style: Pick<Output, "colour">): string[] {
  return fitBlocks(columns, width, style).flat();
}

/** A table that is indented by two blanks. */
export function indented(columns: readonly Column[], style: ScreenStyle): string[] {
  const width = style.columns === 0 ? 0 : style.columns - 2;
  return fitTable(columns, width, style).map((line) => `  ${line}`);
}

/**
 * Columns of names, cut so that the figures fit beside them in an indented table; those that can be spared first do not count.
 * A narrow column leaves its room to the others. In a pipe nothing is cut.
 */
export function fitNames(
  names: readonly Column[],
  figures: readonly Column[],
  { columns }: Pick<ScreenStyle, "columns">,
): Column[] {
  if (columns === 0) return [...names];
  const widthOf = ({ title, cells }: Column): number =>
    Math.max(displayWidth(title), ...cells.flat().map(displayWidth));
  const widest = figures.reduce((most, { spare = 0 }) => Math.max(most, spare), 0);
  const needed = figures.filter(({ spare = 0 }) => spare === 0 || spare < widest).map((column) => widthOf(column) + 2);
  let left = columns - 2 - needed.reduce((sum, width) => sum + width, 0) - 2 * (names.length - 1);
  const widths = new Map<Column, number>();
  for (const [index, column] of names.toSorted((one, other) => widthOf(one) - widthOf(other)).entries()) {
    const width = Math.min(widthOf(column), Math.max(Math.floor(left / (names.length - index)), narrowestName));
    widths.set(column, width);
    left -= width;
  }
  return names.map((column) => ({
    ...column,
    cells: column.cells.map((cell) => (typeof cell === "string" ? cutText(cell, widths.get(column) ?? 0) : cell)),
  }));
}

/** A name that is cut to fewer characters is not recognised. */
const narrowestName = 12;

/** The lines of the titles, and those of each row. */
function fitBlocks(columns: readonly Column[], width: number, style: Pick<Output, "colour">): string[][] {
  const blocks = tableBlocks(columns, style);
  if (width === 0 || blocks.flat().every((line) => displayWidth(line) <= width)) return blocks;
  const below = columns.find((column) => column.below === true);
  if (below !== undefined) {
    const [titles = [], ...rows] = fitBlocks(
      columns.filter((column) => column !== below),
      width,
      style,
    );
    return [titles, ...rows.map((lines, row) => [...lines, ...linesBelow(below, row, width)])];
  }
  const widest = columns.reduce((most, { spare = 0 }) => Math.max(most, spare), 0);
  if (widest === 0) return blocks;
  return fitBlocks(
    columns.filter(({ spare }) => spare !== widest),
    width,
    style,
  );
}

function tableBlocks(columns: readonly Column[], style: Pick<Output, "colour">): string[][] {
  const titles = columns.map(({ title }) => [paint(style, "quiet", title)]);
  const rows = (columns[0]?.cells ?? []).map((_, row) => columns.map(({ cells }) => [cells[row] ?? ""].flat()));
  const blocks = [titles, ...rows].map((cells) =>
    Array.from({ length: Math.max(1, ...cells.map((lines) => lines.length)) }, (_, line) =>
      cells.map((lines) => lines[line] ?? ""),
    ),
  );
  const lines = alignRows(
    blocks.flat(),
    columns.map(({ lean = "left" }) => lean),
  );
  return blocks.map((block) => lines.splice(0, block.length));
}

function linesBelow({ title, cells }: Column, row: number, width: number): string[] {
  const start = `    ${title} `;
  const text = [cells[row] ?? ""].flat().join(", ");
  return text === "" ? [] : `${start}${wrapText(text, width, displayWidth(start))}`.split("\n");
}

/**
 * Rows as aligned lines whose last cells are sentences: these are wrapped at words below their start. Where a word, such
 * as the path of a file, is wider than the room there, the whole sentence moves below its row. A line of a sentence that
 * is indented or starts on a new line is not wrapped.
 */
export function alignSentences(rows: readonly (readonly string[])[], leans: readonly Lean[], width: number): string[] {
  const starts = alignRows(
    rows.map((row) => [...row.slice(0, -1), "|"]),
    leans,
  ).map((line) => line.slice(0, -1));
  return rows.map((row, index) => {
    const start = starts[index] ?? "";
    const sentence = row.at(-1) ?? "";
    const indent = displayWidth(start);
    const isWide = width > 0 && indent > belowIndent && wordsOf(sentence).some(({ wide }) => wide > width - indent);
    return isWide
      ? `${start.trimEnd()}\n${" ".repeat(belowIndent)}${wrapText(sentence, width, belowIndent)}`
      : `${start}${wrapText(sentence, width, indent)}`.trimEnd();
  });
}

/** Where sentences start that stand below their rows. */
const belowIndent = 6;

/**
 * Rows as aligned lines that fit into a width (0: any): columns are left out from the right, but never the first
 * `kept` ones.
 */
export function fitRows(
  rows: readonly (readonly string[])[],
  leans: readonly Lean[],
  width: number,
  kept: number,
): string[] {
  const lines = alignRows(rows, leans);
  const columns = Math.max(0, ...rows.map((row) => row.length));
  if (width === 0 || columns <= kept || lines.every((line) => displayWidth(line) <= width)) return lines;
  const fewer = rows.map((row) => row.slice(0, columns - 1));
  return fitRows(fewer, leans, width, kept);
}
