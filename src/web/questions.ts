import { budgets, type BudgetsResult } from "../answers/budgets.ts";
import { commitments, type CommitmentsResult } from "../answers/commitments.ts";
import { costs, type CostRow, type CostsResult } from "../answers/costs.ts";
import { explain, type ExplainResult } from "../answers/explain.ts";
import { lines, type LinesResult } from "../answers/lines.ts";
import type { Answer, AnswerLoad } from "../answers/loads.ts";
import { partNames, parts } from "../answers/parts.ts";
import { receipts } from "../answers/receipts.ts";
import { savings, type SavingsResult } from "../answers/savings.ts";
import { series, type SeriesResult } from "../answers/series.ts";
import { untagged, type UntaggedResult } from "../answers/untagged.ts";
import type { Config } from "../config/config.ts";
import type { View } from "./address.ts";

/** What a tile shows. */
export interface Asked<T> {
  /** What the answer is called on its page. */
  readonly title: string;
  /** The parts of a view that the answer depends on: it is kept for all views that have them in common. */
  readonly reads: readonly (keyof View)[];
  /** Asks for what a view shows. Errors: those of the answer. */
  ask(config: Config, view: View, scope: Scope): Promise<T>;
}

/** An answer that is also a table, for CSV. */
export interface Question<T> extends Asked<T> {
  table(result: T): Table;
}

/** What a view does not say. */
export interface Scope {
  readonly now: Date;
  /** How many groups are listed; all if it is left out. */
  readonly top?: number;
}

/** Rows of text for CSV, with exact decimals. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
}

/** Costs of a period by one dimension, compared with the period before. */
export const costsQuestion: Question<CostsResult> = {
  title: "Costs",
  reads: ["from", "to", "vs", "by", "measure", "filters"],
  ask: (config, view, scope) =>
    costs(config, {
      ...periodOf(view),
      ...versus(view),
      by: [view.by],
      measure: view.measure,
      filters: view.filters,
      ...scope,
    }),
  table: ({ by, currency }) => ({
    columns: ["currency", "row", ...by, "cost", "compared", "previous", "change", "share"],
    rows: Object.entries(currency).flatMap(([name, { rows, rest, below, total }]) => {
      const line = (kind: string, row: CostRow): (string | null)[] => [
        name,
        kind,
        ...by.map((dimension) => row.keys[dimension] ?? null),
        row.cost,
        row.compared,
        row.previous,
        row.change,
        row.share,
      ];
      return [
        ...rows.map((row) => line("group", row)),
        ...(rest.groups > 0 ? [line("rest", rest)] : []),
        ...below.map((row) => line(row.charge, row)),
        line("total", total),
      ];
    }),
  }),
};

/** What was spent of the budgets of a month. */
const budgetsQuestion: Question<BudgetsResult> = {
  title: "Budgets",
  reads: ["to"],
  ask: (config, { to }, { now }) => budgets(config, { ...(to === undefined ? {} : { month: to }), now }),
  table: ({ budgets: uses }) => ({
    columns: ["currency", "by", "value", "budget", "spent", "left", "share", "forecast"],
    rows: uses.map(({ currency, by, value, budget, spent, left, share, forecast }) => [
      currency,
      by,
      value,
      budget,
      spent,
      left,
      share,
      forecast?.forecast ?? null,
    ]),
  }),
};

/** Costs of a period over time, by one dimension. */
export const seriesQuestion: Question<SeriesResult> = {
  title: "Costs over time",
  reads: ["from", "to", "by", "measure", "grain", "filters"],
  ask: (config, view, scope) =>
    series(config, {
      ...periodOf(view),
      by: view.by,
      measure: view.measure,
      grain: view.grain,
      filters: view.filters,
      ...scope,
    }),
  table: ({ by, grain, buckets, currency }) => ({
    columns: ["currency", "row", by, grain, "cost"],
    rows: Object.entries(currency).flatMap(([name, { groups, rest, below }]) =>
      [
        ...groups.map(({ key, amounts }) => ({ kind: "group", key, amounts })),
        ...(rest.groups > 0 ? [{ kind: "rest", key: null, amounts: rest.amounts }] : []),
        ...below.map(({ charge, amounts }) => ({ kind: charge, key: null, amounts })),
      ].flatMap(({ kind, key, amounts }) =>
        buckets.map((bucket, index) => [name, kind, key, bucket.name, amounts[index] ?? "0"]),
      ),
    ),
  }),
};

/** Why a month costs more or less than another. */
export const changeQuestion: Question<ExplainResult> = {
  title: "Why the cost changed",
  reads: ["to", "vs", "by", "measure", "filters", "drill"],
  ask: explainView,
  table: ({ by, currency }) => ({
    columns: ["currency", "row", "part", ...by, "amount"],
    rows: Object.entries(currency).flatMap(([name, own]) => [
      ...parts.map((part) => [name, "part", partNames[part], ...by.map(() => null), own.parts[part]]),
      ...own.drivers.map(({ part, keys, amount }) => [
        name,
        "driver",
        partNames[part],
        ...by.map((dimension) => keys[dimension] ?? null),
        amount,
      ]),
    ]),
  }),
};

function explainView(
  config: Config,
  { to, vs, by, measure, filters, drill }: View,
  scope: Scope,
): Promise<ExplainResult> {
  const dimensions =
    by === "account" ? ["account", "service"] : by === "sku" ? ["service", "sku", "account"] : ["service", "account"];
  return explain(config, {
    ...(to === undefined ? {} : { month: to }),
    ...versus({ vs }),
    by: dimensions,
    measure: measure === "billed" ? "billed" : "effective",
    filters,
    ...scope,
    ...(drill === undefined ? {} : { drill: Number(drill) }),
  });
}

/** How commitments of a month were used. */
export const commitmentsQuestion: Question<CommitmentsResult> = {
  title: "Commitments",
  reads: ["to"],
  ask: (config, { to }, { now }) => commitments(config, { ...(to === undefined ? {} : { month: to }), now }),
  table: ({ currency }) => ({
    columns: [
      "currency",
      "commitment",
      "name",
      "type",
      "provider",
      "account",
      "account_name",
      "term_months",
      "used",
      "unused",
      "utilisation",
      "contracted",
      "net_savings",
    ],
    rows: Object.entries(currency).flatMap(([name, { rows }]) =>
      rows.map((row) => [
        name,
        row.commitmentId,
        row.name,
        row.type,
        row.provider,
        row.accountId,
        row.accountName,
        row.termMonths === null ? null : String(row.termMonths),
        row.used,
        row.unused,
        row.utilisation,
        row.contracted,
        row.netSavings,
      ]),
    ),
  }),
};

/** What negotiated prices and commitments took off list prices, by month. */
export const savingsQuestion: Question<SavingsResult> = {
  title: "Savings",
  reads: ["to"],
  ask: (config, { to }, { now }) => savings(config, { ...(to === undefined ? {} : { month: to }), now }),
  table: ({ currency }) => ({
    columns: ["currency", "month", ...savingsColumns, "savings_rate"],
    rows: Object.entries(currency).flatMap(([name, months]) =>
      months.map((each) => [name, each.month, ...savingsColumns.map((column) => each[column]), each.rate]),
    ),
  }),
};

const savingsColumns = ["list", "negotiated", "committed", "others", "unused", "effective"] as const;

/** What lacks a tag in a month. */
export const untaggedQuestion: Question<UntaggedResult> = {
  title: "Untagged cost",
  reads: ["to", "by", "tag"],
  ask: (config, view, scope) => untaggedView(config, view, scope, view.by === "service" ? {} : { by: [view.by] }),
  table: ({ by, currency }) => ({
    columns: ["currency", ...by, "cost", "share"],
    rows: Object.entries(currency).flatMap(([name, { rows }]) =>
      rows.map(({ keys, cost, share }) => [name, ...by.map((dimension) => keys[dimension] ?? null), cost, share]),
    ),
  }),
};

/** What lacks a tag in a month, by one dimension. */
export const untaggedGroupsQuestion: Asked<UntaggedResult> = {
  title: "Untagged cost by one dimension",
  reads: ["to", "by", "tag"],
  ask: (config, view, scope) => untaggedView(config, view, scope, { by: [view.by] }),
};

function untaggedView(
  config: Config,
  view: View,
  scope: Scope,
  by: { readonly by?: readonly string[] },
): Promise<UntaggedResult> {
  return untagged(config, {
    ...(view.to === undefined ? {} : { month: view.to }),
    ...tagOf(config, view),
    ...by,
    ...scope,
  });
}

/** The largest charge lines of a period. */
export const linesQuestion: Question<LinesResult> = {
  title: "Charge lines",
  reads: ["from", "to", "measure", "filters"],
  ask: (config, view, { now, top = 10_000 }) =>
    lines(config, { ...periodOf(view), measure: view.measure, filters: view.filters, now, top }),
  table: ({ lines: found }) => {
    const [first] = found;
    const columns = Object.keys(first ?? {});
    return { columns, rows: found.map((line) => columns.map((column) => line[column] ?? null)) };
  },
};

/** The loads that the figures of a period come from. */
export const receiptsQuestion: Asked<Answer> = {
  title: "Receipts",
  reads: ["from", "to"],
  ask: (config, { from = "", to = "" }, { now }) => receipts(config, { from, to, now }),
};

/** The names that addresses have for questions. */
export type QuestionName =
  | "lines"
  | "costs"
  | "budgets"
  | "series"
  | "changes"
  | "commitments"
  | "savings"
  | "untagged";

/** A question whose answer is only needed as a table, and the loads that it comes from. */
export interface NamedQuestion {
  readonly title: string;
  ask(
    config: Config,
    view: View,
    scope: Scope,
  ): Promise<{ readonly table: Table; readonly loads: readonly AnswerLoad[] }>;
}

/** The questions by their names. */
export const questions: Readonly<Record<QuestionName, NamedQuestion>> = {
  costs: named(costsQuestion),
  budgets: named(budgetsQuestion),
  series: named(seriesQuestion),
  changes: named(changeQuestion),
  commitments: named(commitmentsQuestion),
  savings: named(savingsQuestion),
  untagged: named(untaggedQuestion),
  lines: named(linesQuestion),
};

function named<T extends Answer>(question: Question<T>): NamedQuestion {
  return {
    title: question.title,
    async ask(config, view, scope) {
      const result = await question.ask(config, view, scope);
      return { table: question.table(result), loads: result.loads };
    },
  };
}

/** The tag that a view is about: the named one, else the first one of the configuration, else any tag. */
export function tagOf({ focus }: Pick<Config, "focus">, { tag }: View): { readonly tag?: string } {
  const key = tag ?? focus.tags[0]?.key ?? "";
  return key === "" ? {} : { tag: key };
}

/** The months of a view, as options of answers. */
export function periodOf({ from, to }: View): { from?: string; to?: string } {
  return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
}

function versus({ vs }: Pick<View, "vs">): { vs?: string } {
  return vs === undefined ? {} : { vs };
}
