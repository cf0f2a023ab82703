import { barOf } from "../figures.ts";
import { noteLine, paint, type ScreenStyle, visible, wrapText } from "../output.ts";
import { type Column, fitNames, indented } from "../tables.ts";
import type { ReportDocument, ReportSection, ReportTable } from "./section.ts";

/** A report for people: a title, and below it each section with its tables. */
export function reportScreen({ title, sections }: ReportDocument, style: ScreenStyle): string {
  const parts = [paint(style, "strong", visible(title)), ...sections.map((section) => sectionPart(section, style))];
  return `${parts.join("\n\n")}\n`;
}

function sectionPart({ title, sentences, tables, notes }: ReportSection, style: ScreenStyle): string {
  const text = sentences.map((sentence) => `  ${wrapText(visible(sentence), style.columns, 2)}`);
  const blocks = [
    ...(text.length === 0 ? [] : [text.join("\n")]),
    ...tables.map((table) => tableLines(table, style).join("\n")),
    ...(notes.length === 0 ? [] : [notes.map((note) => noteLine(note, style)).join("\n")]),
  ];
  return `${title === "" ? "" : `${paint(style, "strong", visible(title))}\n`}${blocks.join("\n\n")}`;
}

function tableLines({ columns, rows }: ReportTable, style: ScreenStyle): string[] {
  const cells = (index: number): string[] => rows.map((row) => visible(row.cells[index] ?? ""));
  const all = columns.map(({ title, lean }, index): Column => ({ title: visible(title), lean, cells: cells(index) }));
  const names = all.filter(({ lean }) => lean === "left");
  // Where the screen is narrow, the last columns can be spared first, after the bar.
  const figures = all
    .filter(({ lean }) => lean === "right")
    .map((column, index): Column => (index < 2 ? column : { ...column, spare: index }));
  const bars = rows.some(({ bar }) => bar !== null)
    ? [{ title: "", cells: rows.map(({ bar }) => (bar === null ? "" : barOf(bar, "1", 8))), spare: columns.length + 1 }]
    : [];
  return indented([...fitNames(names, [...figures, ...bars], style), ...figures, ...bars], style);
}
