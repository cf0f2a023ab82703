import type { ReportResult } from "../../answers/report.ts";
import { partNames, parts } from "../../answers/parts.ts";
import { nameOfBudget } from "../budget-lines.ts";
import type { Row } from "../query-formats.ts";

/** The columns of a report as CSV. */
export const reportColumns = ["section", "currency", "item", "figure", "value"] as const;

/** The exact figures of a report, one in each row: a table that spreadsheets and databases can turn. */
export function* reportRows(report: ReportResult): Generator<Row> {
  for (const line of lines(report)) {
    for (const [figure, value] of Object.entries(line.figures)) {
      if (value !== null) yield { section: line.section, currency: line.currency, item: line.item, figure, value };
    }
  }
}

interface Line {
  readonly section: string;
  readonly currency: string | null;
  readonly item: string;
  readonly figures: Readonly<Record<string, string | number | null>>;
}

function* lines(report: ReportResult): Generator<Line> {
  for (const part of ["clouds", "services"] as const) yield* costLines(report[part], part);
  for (const costs of report.allocations) yield* costLines(costs, costs.by.join(" "));
  for (const [currency, { amounts }] of Object.entries(report.months.currency)) {
    for (const [index, { name }] of report.months.buckets.entries()) {
      yield { section: "months", currency, item: name, figures: { cost: amounts[index] ?? null } };
    }
  }
  yield* changeLines(report);
  for (const [currency, { rows, total }] of Object.entries(report.commitments.currency)) {
    for (const { commitmentId, used, unused, utilisation, netSavings } of rows) {
      const figures = { used, unused, utilisation, net_savings: netSavings };
      yield { section: "commitments", currency, item: commitmentId ?? "(none)", figures };
    }
    const { used, unused, utilisation, netSavings } = total;
    yield {
      section: "commitments",
      currency,
      item: "total",
      figures: { used, unused, utilisation, net_savings: netSavings },
    };
  }
  for (const { tag, currency: currencies } of report.untagged) {
    for (const [currency, own] of Object.entries(currencies)) {
      const { untagged, taggable, untaggedShare, unallocated, unallocatedShare } = own;
      const shares = { untagged_share: untaggedShare, unallocated, unallocated_share: unallocatedShare };
      yield { section: "untagged", currency, item: tag ?? "any tag", figures: { untagged, taggable, ...shares } };
    }
  }
  for (const use of report.budgets) {
    const { currency, budget, spent, share, left, forecast, forecastShare } = use;
    const figures = { budget, spent, share, left, forecast: forecast?.forecast ?? null, forecast_share: forecastShare };
    yield { section: "budgets", currency, item: nameOfBudget(use), figures };
  }
  for (const [currency, { forecast, band }] of Object.entries(report.forecast?.currency ?? {})) {
    const figures = { forecast, low: band?.low ?? null, high: band?.high ?? null };
    yield { section: "forecast", currency, item: report.forecast?.month ?? "", figures };
  }
  for (const { export: name, billingMonth, loadedAt, rows, rowChange, cost, costChange } of report.restatements) {
    const item = `${name} ${billingMonth} ${loadedAt}`;
    yield { section: "restatements", currency: null, item, figures: { rows, row_change: rowChange } };
    for (const [currency, amount] of Object.entries(cost ?? {})) {
      yield {
        section: "restatements",
        currency,
        item,
        figures: { cost: amount, cost_change: costChange?.[currency] ?? null },
      };
    }
  }
  for (const { export: name, finality, dataUntil, executionId, rows, loadedAt, verifiedAt } of report.exports) {
    const times = { data_until: dataUntil, loaded_at: loadedAt, verified_at: verifiedAt };
    yield {
      section: "exports",
      currency: null,
      item: name,
      figures: { state: finality, execution_id: executionId, rows, ...times },
    };
  }
}

function* costLines({ by, currency: currencies }: ReportResult["clouds"], section: string): Generator<Line> {
  for (const [currency, { rows, rest, below, total }] of Object.entries(currencies)) {
    const named = rows.map((row) => ({ item: by.map((name) => row.keys[name] ?? "(none)").join(" "), row }));
    const others = rest.groups > 0 ? [{ item: "(others)", row: rest }] : [];
    const ends = [...below.map((row) => ({ item: `(${row.charge})`, row })), { item: "(total)", row: total }];
    for (const { item, row } of [...named, ...others, ...ends]) {
      const { cost, previous, change, share } = row;
      yield { section, currency, item, figures: { cost, previous, change, share } };
    }
  }
}

function* changeLines({ explain }: ReportResult): Generator<Line> {
  for (const [currency, own] of Object.entries(explain?.currency ?? {})) {
    for (const part of parts) {
      yield { section: "explain", currency, item: partNames[part], figures: { amount: own.parts[part] } };
    }
    for (const { keys, part, amount } of own.drivers) {
      const item = [...Object.values(keys).map((key) => key ?? "(none)"), partNames[part]].join(" ");
      yield { section: "drivers", currency, item, figures: { amount } };
    }
    if (own.rest.drivers > 0)
      yield { section: "drivers", currency, item: "(others)", figures: { amount: own.rest.amount } };
  }
}
