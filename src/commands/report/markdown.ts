import { visible } from "../output.ts";
import type { ReportDocument, ReportSection, ReportTable } from "./section.ts";

/** A report as Markdown, as wikis and code hosts draw it. Nothing from a bill becomes markup. */
export function reportMarkdown({ title, sections }: ReportDocument): string {
  return `${[`# ${escaped(title)}`, ...sections.map(sectionText)].join("\n\n")}\n`;
}

function sectionText({ title, sentences, tables, notes }: ReportSection): string {
  return [
    ...(title === "" ? [] : [`## ${escaped(title)}`]),
    ...sentences.map(escaped),
    ...tables.map(tableText),
    ...notes.map((note) => `> ${escaped(note)}`),
  ].join("\n\n");
}

function tableText({ columns, rows }: ReportTable): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    line(columns.map(({ title }) => escaped(title))),
    line(columns.map(({ lean }) => (lean === "right" ? "---:" : "---"))),
    ...rows.map(({ cells, isTotal }) => line(columns.map((_, index) => strong(escaped(cells[index] ?? ""), isTotal)))),
  ].join("\n");
}

function strong(text: string, isTotal: boolean): string {
  return isTotal && text !== "" ? `**${text}**` : text;
}

/**
 * Text that Markdown shows as it is: every character with a meaning in CommonMark, in tables, or in the links that code hosts
 * find in text is escaped, so that a tag can add neither a link nor an image nor a cell.
 */
function escaped(text: string): string {
  return visible(text)
    .replace(/[\\`*_{}[\]<>#|~^$]/g, "\\$&")
    .replace(/&/g, "&amp;")
    .replace(/@/g, "&#64;")
    .replace(/:(?=\/\/)/g, "&#58;")
    .replace(/\bwww\./gi, (start) => `${start.slice(0, -1)}&#46;`)
    .replace(/^(\s*)([-+])(?=\s)/, "$1\\$2")
    .replace(/^(\s*\d+)([.)])(?=\s)/, "$1\\$2");
}
