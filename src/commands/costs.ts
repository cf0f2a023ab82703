import { Option } from "@commander-js/extra-typings";
import type { AccountNames } from "../answers/bills.ts";
import type { CostRow, CostsResult, CurrencyCosts } from "../answers/costs.ts";
import { measures } from "../answers/measures.ts";
import type { ReadSource } from "../pipeline/open.ts";
import { dayInWords } from "../schema/periods.ts";
import { answer, byOption, listed, topOption } from "./answer.ts";
import { budgetLines } from "./budget-lines.ts";
import type { Perform, Program } from "./context.ts";
import {
  accountCell,
  barOf,
  formatAmount,
  formatChange,
  formatNumber,
  formatShare,
  isShownAsZero,
  sourcePart,
} from "./figures.ts";
import { addWord, dimensionWords, example, exportsAndMonths, oneSpan, readScope, withMonths } from "./flags.ts";
import { noteLine, paint, type ScreenStyle, visible, wrapText } from "./output.ts";
import type { Row } from "./query-formats.ts";
import { type Column, fitNames, indented } from "./tables.ts";

const usageExample = "billhouse costs --from 2025-01 --to 2025-03 --by service";

/** Registers `billhouse costs`. */
export function addCosts(program: Program, perform: Perform): void {
  withMonths(program.command("costs"))
    .description("Show what was spent, by service, account, region or tag, and the change from the period before.")
    .argument("[export-or-month...]", exportsAndMonths)
    .addOption(byOption("service (the default), account, region, category, cloud, tag:KEY, ... (repeatable)"))
    .addOption(
      new Option("--measure <measure>", "the cost that is summed").choices(measures).default("effective" as const),
    )
    .option("--filter <name=value>", "only these charges, such as 'service=Amazon EC2' (repeatable)", addWord)
    .addOption(topOption("how many groups are listed"))
    .option("--csv", "write CSV with a header, a line for each group and for the totals")
    .addHelpText("after", example(usageExample))
    .action((words, { by, measure, filter: filters = [], top, csv = false, ...months }) =>
      perform.reading(async (context) => {
        const { costs } = await import("../answers/costs.ts");
        const scope = readScope(words, months);
        const options = {
          ...oneSpan(scope, usageExample),
          ...listed(top, context),
          pipelines: scope.exports,
          by: dimensionWords(by) ?? ["service"],
          measure,
          filters,
        };
        return answer(costs, options, { csv, columns: csvColumns, rows: csvRows, screen: costsScreen }, context);
      }),
    );
}

const amounts = ["cost", "compared", "previous", "change", "share"] as const;

function csvColumns({ by }: CostsResult): readonly string[] {
  return ["currency", "row", ...by, ...amounts];
}

function* csvRows({ currency }: CostsResult): Generator<Row> {
  for (const [name, { rows, rest, below, total }] of Object.entries(currency)) {
    const line = (row: string, { keys, ...figures }: CostRow): Row => ({ currency: name, row, ...keys, ...figures });
    for (const row of rows) yield line("group", row);
    if (rest.groups > 0) yield line("rest", rest);
    for (const row of below) yield line(row.charge, row);
    yield line("total", total);
  }
}

/** The costs for people: a table for each currency. */
export function costsScreen(result: Omit<CostsResult, keyof ReadSource>, style: ScreenStyle): string {
  const tables = Object.entries(result.currency).map(([name, costs]) => [
    ...tableOf(costs, name, result, style),
    ...invoicedLines(costs, name, style),
  ]);
  const more = [forecastLines(result, style), budgetLines(result.budgets, style)];
  const none = tables.length === 0 ? [["  There are no such charges."]] : [];
  const parts = [
    headLines(result, style),
    ...tables,
    ...none,
    ...more,
    noteLines(result, style),
    sourcePart(result.loads, style),
  ];
  return `${parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

function headLines(
  { measure, from, to, exports, filters }: Omit<CostsResult, keyof ReadSource>,
  style: ScreenStyle,
): string[] {
  const months = from === to ? from : `${from} to ${to}`;
  const title = `${measure.charAt(0).toUpperCase()}${measure.slice(1)} cost of ${months}`;
  const included = exports.filter(({ missingMonths }) => missingMonths.length === 0).map(({ name }) => name);
  const scope = [
    `from ${included.length === 0 ? "incomplete exports" : included.join(", ")}`,
    ...filters.map((filter) => `only ${filter}`),
  ];
  return [paint(style, "strong", title), `  ${wrapText(visible(scope.join("; ")), style.columns, 2)}`];
}

function noteLines(
  { comparison, previousFrom, previousTo, exports, notes, by, from, to }: Omit<CostsResult, keyof ReadSource>,
  style: ScreenStyle,
): string[] {
  const before = previousFrom === previousTo ? previousFrom : `${previousFrom} to ${previousTo}`;
  const compared = {
    months: () => [],
    days: () =>
      comparison.kind === "days"
        ? [
            `${to} is not over: the change compares the usage of ${daysInWords(comparison.days, to)} with that of the same days of ${before}.`,
          ]
        : [],
    none: () =>
      comparison.kind === "none" && !by.includes("month") ? [`Not compared with ${before}: ${comparison.reason}.`] : [],
  }[comparison.kind]();
  const missing = exports
    .filter(({ missingMonths }) => missingMonths.length > 0)
    .map(({ name, missingMonths }) =>
      from === to
        ? `${name} is missing: ${from} is not loaded.`
        : `${name} is incomplete: ${missingMonths.join(", ")} not loaded.`,
    );
  return [...missing, ...compared, ...notes].map((note) => noteLine(note, style));
}

function daysInWords(days: number, month: string): string {
  return days === 1 ? dayInWords(`${month}-01`) : `1 to ${dayInWords(`${month}-${String(days).padStart(2, "0")}`)}`;
}

interface Line {
  readonly names: readonly string[];
  readonly row: CostRow;
  readonly hasBar: boolean;
}

function tableOf(
  { rows, rest, below, total }: CurrencyCosts,
  currency: string,
  { by, comparison, from, to, previousFrom, previousTo, accountNames }: Omit<CostsResult, keyof ReadSource>,
  style: ScreenStyle,
): string[] {
  const isShown = ({ cost, compared, previous }: CostRow): boolean =>
    ![cost, compared ?? "0", previous ?? "0"].every(isShownAsZero);
  const single = (name: string, row: CostRow): Line => ({ names: [name], row, hasBar: false });
  const lines: readonly Line[] = [
    ...rows.map((row) => ({ names: by.map((name) => nameOf(row, name, accountNames, style)), row, hasBar: true })),
    ...(rest.groups > 0
      ? [single(by.length === 0 ? "usage and purchases" : formatNumber(rest.groups, "other"), rest)]
      : []),
    ...below.filter(isShown).map((row) => single(row.charge, row)),
    single("total", total),
  ];
  const days = comparison.kind === "days" ? comparison.days : 0;
  const cells = (value: (row: CostRow) => string): string[] => lines.map(({ row }) => value(row));
  const period = (first: string, last: string): string =>
    days > 0 ? daysInWords(days, last) : first === last ? first : `${first} to ${last}`;
  const figures: Column[] = [
    {
      title: `${from === to ? from : "cost"}${currency === "" ? "" : ` ${visible(currency)}`}`,
      lean: "right",
      cells: cells(({ cost }) => formatAmount(cost)),
    },
    ...(days > 0
      ? [
          {
            title: period(from, to),
            lean: "right" as const,
            cells: cells(({ compared }) => formatAmount(compared ?? "")),
            spare: 2,
          },
        ]
      : []),
    ...(comparison.kind === "none"
      ? []
      : [
          {
            title: period(previousFrom, previousTo),
            lean: "right" as const,
            cells: cells(({ previous }) => formatAmount(previous ?? "")),
            spare: 3,
          },
          { title: "change", lean: "right" as const, cells: cells(({ change }) => formatChange(change ?? "0")) },
        ]),
    { title: "share", lean: "right", cells: cells(({ share }) => formatShare(share)) },
    { title: "", cells: lines.map(({ row, hasBar }) => (hasBar ? barOf(row.share ?? "0", "1", 8) : "")), spare: 4 },
  ];
  const titles = by.length === 0 ? [""] : by;
  const names = titles.map((title, index) => ({
    title: visible(title),
    cells: lines.map((line) => visible(line.names[index] ?? "")),
  }));
  return indented([...fitNames(names, figures, style), ...figures], style);
}

function nameOf({ keys }: CostRow, dimension: string, names: AccountNames, style: ScreenStyle): string {
  const value = keys[dimension] ?? null;
  if (value === null) return "(none)";
  return dimension === "account" ? accountCell(value, names, style) : value;
}

function forecastLines({ forecast }: Omit<CostsResult, keyof ReadSource>, style: ScreenStyle): string[] {
  if (forecast === null) return [];
  if (forecast.reason !== null) return [noteLine(`There is no forecast: ${forecast.reason}.`, style)];
  return Object.entries(forecast.currency).map(([currency, { forecast: total, band }]) => {
    const unit = currency === "" ? "" : ` ${visible(currency)}`;
    const errors =
      band === null
        ? ""
        : `; by its errors in the last six months, between ${formatAmount(band.low)} and ${formatAmount(band.high)}`;
    const text = `Forecast for ${forecast.month}: ${formatAmount(total)}${unit} before tax and credits${errors}`;
    return `  ${wrapText(text, style.columns, 2)}`;
  });
}

function invoicedLines(
  { invoiced: { billed, effective, timing } }: CurrencyCosts,
  currency: string,
  style: ScreenStyle,
): string[] {
  const sign = timing.startsWith("-") ? "-" : "+";
  const text = `Invoiced (billed) ${formatAmount(billed)}${currency === "" ? "" : ` ${visible(currency)}`} = effective ${formatAmount(effective)} ${sign} prepayment timing ${formatAmount(timing.replace("-", ""))}`;
  return ["", `  ${wrapText(text, style.columns, 2)}`];
}
