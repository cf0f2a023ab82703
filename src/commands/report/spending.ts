import { shareOf } from "../../answers/arithmetic.ts";
import type { CostRow, CurrencyCosts } from "../../answers/costs.ts";
import type { ReportResult } from "../../answers/report.ts";
import { compareDecimals } from "../../schema/decimals.ts";
import { addDecimals } from "../../schema/sums.ts";
import { formatAmount, formatChange, formatNumber, formatShare, isShownAsZero } from "../figures.ts";
import { columnsOf, money, type ReportRow, type ReportSection, type ReportTable, withUnit } from "./section.ts";

/** What was spent, and what was invoiced, in each currency. */
export function summary({ clouds, explain }: ReportResult): ReportSection {
  const sentences = Object.entries(clouds.currency).flatMap(([currency, { total, invoiced }]) => [
    explain?.currency[currency]?.sentence ?? `${clouds.from} cost ${money(total.cost, currency)}.`,
    `Invoiced (billed): ${money(invoiced.billed, currency)}.`,
  ]);
  return {
    title: "",
    sentences: sentences.length === 0 ? ["There are no charges in this month."] : sentences,
    tables: [],
    notes: clouds.notes,
  };
}

/** The costs by cloud, service, owner and tag, with the changes from the month before. */
export function costSections({ clouds, services, allocations }: ReportResult): readonly ReportSection[] {
  const section = (costs: ReportResult["clouds"]): ReportSection => ({
    title: `Cost by ${costs.by.join(" and ").replace(/^tag:/, "")}`,
    sentences: [],
    tables: costTables(costs),
    notes: [],
  });
  return [{ ...section(clouds), notes: comparisonNotes(clouds) }, section(services), ...allocations.map(section)];
}

function comparisonNotes({ comparison, from, previousFrom }: ReportResult["clouds"]): readonly string[] {
  if (comparison.kind === "none") return [`Not compared with ${previousFrom}: ${comparison.reason}.`];
  if (comparison.kind === "months") return [];
  const days = formatNumber(comparison.days, "day");
  return [
    `${from} is not over: the change compares the usage of its first ${days} with that of the same days of ${previousFrom}.`,
  ];
}

function costTables({ by, from, previousFrom, comparison, currency }: ReportResult["clouds"]): readonly ReportTable[] {
  const before = comparison.kind === "days" ? `${previousFrom}, same days` : previousFrom;
  return Object.entries(currency).map(([name, costs]) => ({
    columns: columnsOf(by, [withUnit(from, name), ...(comparison.kind === "none" ? [] : [before, "change"]), "share"]),
    rows: costRows(costs, by, comparison.kind !== "none"),
  }));
}

function costRows(
  { rows, rest, below, total }: CurrencyCosts,
  by: readonly string[],
  isCompared: boolean,
): ReportRow[] {
  const row = (names: readonly string[], own: CostRow, bar: string | null, isTotal = false): ReportRow => ({
    cells: [
      ...names,
      formatAmount(own.cost),
      ...(isCompared ? [formatAmount(own.previous ?? "0"), formatChange(own.change ?? "0")] : []),
      formatShare(own.share),
    ],
    bar,
    isTotal,
  });
  return [
    ...rows.map((own) =>
      row(
        by.map((name) => own.keys[name] ?? "(none)"),
        own,
        own.share,
      ),
    ),
    ...(rest.groups > 0 ? [row([formatNumber(rest.groups, "other")], rest, rest.share)] : []),
    ...below.filter(isShown).map((own) => row([own.charge], own, null)),
    row(["total"], total, null, true),
  ];
}

/** Whether a row is not zero in every column. */
function isShown({ cost, compared, previous }: CostRow): boolean {
  return ![cost, compared ?? "0", previous ?? "0"].every(isShownAsZero);
}

/** The last months by cloud, with the total of each month. */
export function monthSection({ months }: ReportResult): ReportSection {
  const isSeveral = months.buckets.length > 1;
  const tables = Object.entries(months.currency).map(([currency, { groups, amounts }]): ReportTable => {
    const inMonth = (index: number): readonly string[] => groups.map((each) => each.amounts[index] ?? "0");
    // Credits make a total less than its parts.
    const lengths = amounts.map((amount, index) => [amount, addDecimals(inMonth(index).filter(isPositive))]).flat();
    const most = lengths.toSorted(compareDecimals).at(-1) ?? "0";
    const lengthOf = (amount: string): string => shareOf(amount, most) ?? "0";
    return {
      columns: columnsOf(["month"], [...groups.map(({ key }) => key ?? "(none)"), withUnit("total", currency)]),
      rows: months.buckets.map(({ name }, index) => ({
        cells: [name, ...inMonth(index).map(formatAmount), formatAmount(amounts[index] ?? "0")],
        bar: lengthOf(amounts[index] ?? "0"),
        parts: inMonth(index).map(lengthOf),
        isTotal: false,
      })),
    };
  });
  return {
    title: "Month over month",
    sentences: [],
    tables: isSeveral ? tables : [],
    notes: isSeveral ? ["Totals include credits, corrections and tax; the columns of the clouds do not."] : [],
  };
}

function isPositive(amount: string): boolean {
  return !amount.startsWith("-");
}
