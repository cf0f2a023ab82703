import type { AccountNames } from "../../answers/bills.ts";
import type { ReportResult } from "../../answers/report.ts";
import { accountCell, formatAmount, formatShare } from "../figures.ts";
import { nameOfBudget } from "../budget-lines.ts";
import { columnsOf, money, othersOf, plainRow, type ReportSection, type ReportTable, withUnit } from "./section.ts";

/** What lacks a tag: each key with both shares, and the most expensive groups of the first key. */
export function untaggedSection({ untagged }: ReportResult): ReportSection {
  const keys = untagged.flatMap(({ tag, currency }) =>
    Object.entries(currency).map(([name, own]) => ({ tag: tag ?? "any tag", currency: name, own })),
  );
  const rates: ReportTable = {
    columns: columnsOf(["tag"], ["untagged", "of taggable", "share", "unallocated", "of all"]),
    rows: keys.map(({ tag, currency, own }) =>
      plainRow(
        tag,
        money(own.untagged, currency),
        formatAmount(own.taggable),
        formatShare(own.untaggedShare),
        formatAmount(own.unallocated),
        formatShare(own.unallocatedShare),
      ),
    ),
  };
  const [first] = untagged;
  const groups = Object.entries(first?.currency ?? {}).flatMap(([currency, { rows, rest }]): ReportTable[] =>
    rows.length === 0
      ? []
      : [
          {
            columns: columnsOf(first?.by ?? [], [withUnit(`without ${first?.tag ?? "any tag"}`, currency), "share"]),
            rows: [
              ...rows.map(({ keys: own, cost, share }) => ({
                ...plainRow(
                  ...(first?.by ?? []).map((name) => nameOf(name, own[name] ?? null, first?.accountNames ?? {})),
                  formatAmount(cost),
                  formatShare(share),
                ),
                bar: share,
              })),
              ...(rest.groups > 0
                ? [plainRow(...othersOf(first?.by ?? [], rest.groups), formatAmount(rest.cost), "")]
                : []),
            ],
          },
        ],
  );
  const missing = keys.flatMap(({ tag, currency, own }) =>
    own.notActivated.map(
      ({ cloud, taggable }) =>
        `Tags are not activated in ${cloud}: no charge has ${tag}, and ${money(taggable, currency)} of usage count as not taggable.`,
    ),
  );
  return { title: "Untagged cost", sentences: [], tables: keys.length === 0 ? [] : [rates, ...groups], notes: missing };
}

function nameOf(dimension: string, value: string | null, names: AccountNames): string {
  if (value === null) return "(none)";
  return dimension === "account" ? accountCell(value, names, { verbose: false }) : value;
}

/** What was spent of budgets, and the forecast of the running month. */
export function budgetSection({ budgets, forecast, month }: ReportResult): ReportSection {
  const isForecast = budgets.some((budget) => budget.forecast !== null);
  const table: ReportTable = {
    columns: columnsOf(
      ["budget"],
      ["amount", `spent in ${month}`, "share", "left", ...(isForecast ? ["forecast", "share"] : [])],
    ),
    rows: budgets.map((budget) => ({
      ...plainRow(
        nameOfBudget(budget),
        money(budget.budget, budget.currency),
        formatAmount(budget.spent),
        formatShare(budget.share),
        formatAmount(budget.left),
        ...(isForecast ? [formatAmount(budget.forecast?.forecast ?? ""), formatShare(budget.forecastShare)] : []),
      ),
      bar: budget.share,
    })),
  };
  const sentences = Object.entries(forecast?.currency ?? {}).map(([currency, { forecast: total, band }]) => {
    const errors =
      band === null
        ? ""
        : ` By its errors in the last six months it is between ${formatAmount(band.low)} and ${formatAmount(band.high)}.`;
    return `${forecast?.month} will have cost ${money(total, currency)} at its end, before tax and credits.${errors}`;
  });
  const reason = forecast?.reason == null ? [] : [`There is no forecast of ${forecast.month}: ${forecast.reason}.`];
  return { title: "Budgets and forecast", sentences, tables: budgets.length === 0 ? [] : [table], notes: reason };
}
