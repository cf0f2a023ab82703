import { formatAmount, formatNumber } from "../figures.ts";

/** A report as sections, before it is drawn. Its texts come from bills: what draws them escapes them. */
export interface ReportDocument {
  readonly title: string;
  readonly sections: readonly ReportSection[];
}

/** A section: sentences, then tables, then notes. */
export interface ReportSection {
  /** Empty for the first section, which stands below the title of the report. */
  readonly title: string;
  readonly sentences: readonly string[];
  readonly tables: readonly ReportTable[];
  readonly notes: readonly string[];
}

/** A table. */
export interface ReportTable {
  /** Names lean to the left, figures to the right. */
  readonly columns: readonly { readonly title: string; readonly lean: "left" | "right" }[];
  readonly rows: readonly ReportRow[];
}

/** A row of a table. */
export interface ReportRow {
  readonly cells: readonly string[];
  /** How long its bar is, as a part of the longest possible one, decimal text from 0 to 1; null for no bar. */
  readonly bar: string | null;
  /** The parts of the bar, one for each of the first figures, as `bar`; absent where it has none. */
  readonly parts?: readonly string[];
  readonly isTotal: boolean;
}

/** A row without a bar. */
export function plainRow(...cells: readonly string[]): ReportRow {
  return { cells, bar: null, isTotal: false };
}

/** The names of a row for the groups that are not listed: a number in the first of them. */
export function othersOf(by: readonly string[], groups: number): readonly string[] {
  return by.map((_, index) => (index === 0 ? formatNumber(groups, "other") : ""));
}

/** An amount with its currency: `12.50 USD`. */
export function money(amount: string, currency: string): string {
  return withUnit(formatAmount(amount), currency);
}

/** Text with the currency behind it, if there is one. */
export function withUnit(text: string, currency: string): string {
  return currency === "" ? text : `${text} ${currency}`;
}

/** Columns: first the names, then the figures. */
export function columnsOf(names: readonly string[], figures: readonly string[]): ReportTable["columns"] {
  return [
    ...names.map((title) => ({ title, lean: "left" as const })),
    ...figures.map((title) => ({ title, lean: "right" as const })),
  ];
}
