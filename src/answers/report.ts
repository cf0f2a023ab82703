import { checkArguments, count, date, listOf, names, optional, type Shape, text } from "../config/arguments.ts";
import type { Config } from "../config/config.ts";
import { BillhouseError } from "../errors.ts";
import type { BillingMonth, CurrencySums, Finality } from "../model.ts";
import { historyOf } from "../pipeline/history.ts";
import type { ReadSource } from "../pipeline/open.ts";
import { checkMonths } from "../schema/periods.ts";
import { type AnswerOptions, type Bills, monthOfAnswer, readingBills } from "./bills.ts";
import { type BudgetUse, budgetsIn } from "./budgets.ts";
import { type CommitmentsResult, commitmentsIn } from "./commitments.ts";
import { costsIn, type SummedCosts } from "./costs.ts";
import { type ExplainResult, explainIn } from "./explain.ts";
import { type ForecastResult, forecastIn } from "./forecast.ts";
import { earlierMonths } from "./forecast-rule.ts";
import { type Answer, type AnswerLoad, loadsOf } from "./loads.ts";
import { loadedMonthsOf } from "./periods.ts";
import { type SeriesResult, seriesIn } from "./series.ts";
import { type UntaggedResult, untaggedIn } from "./untagged.ts";

/** What `report` is about. */
export interface ReportOptions extends AnswerOptions {
  /** By default the newest loaded month that is over. */
  readonly month?: BillingMonth;
  /** The keys of tags by which costs are allocated, and whose untagged cost is shown; by default those of `[focus]`, and without them any tag. */
  readonly tags?: readonly string[];
  /** How many groups, drivers and commitments are listed; by default all. */
  readonly top?: number;
}

/** The answer of `report`: a month on one page. Each part is what the function of its name answers; costs are without budgets and forecast. */
export interface ReportResult extends Answer {
  readonly month: BillingMonth;
  readonly clouds: SummedCosts;
  readonly services: SummedCosts;
  /** The same by owner, if there is a list of accounts, and by each of the tags. */
  readonly allocations: readonly SummedCosts[];
  /** Effective cost of the last six months by cloud, as far as they are loaded. */
  readonly months: Omit<SeriesResult, keyof ReadSource>;
  /** The change from the month before; null if the two cannot be compared. */
  readonly explain: Omit<ExplainResult, keyof ReadSource> | null;
  /** Why they cannot be compared, a sentence; null if they can. */
  readonly notExplained: string | null;
  readonly commitments: Omit<CommitmentsResult, keyof ReadSource>;
  /** One for each key of a tag. */
  readonly untagged: readonly Omit<UntaggedResult, keyof ReadSource>[];
  readonly budgets: readonly BudgetUse[];
  /** Of the running month, if it is loaded; else null. */
  readonly forecast: Omit<ForecastResult, keyof ReadSource> | null;
  /** Restated loads of the last twelve months up to this one, the newest load first. */
  readonly restatements: readonly Restatement[];
  /** How fresh the month is in each export that has it. */
  readonly exports: readonly ReportedExport[];
}

/** A load that changed the bill of a month that was over. */
export interface Restatement {
  readonly export: string;
  readonly billingMonth: BillingMonth;
  /** ISO 8601. */
  readonly loadedAt: string;
  readonly executionIds: readonly string[];
  readonly rows: number;
  readonly rowChange: number | null;
  /** As delivered; null where it was never recorded. */
  readonly cost: CurrencySums | null;
  readonly costChange: CurrencySums | null;
  /** Whether `undo` has replaced it. */
  readonly undone: boolean;
}

/** The month of a report in one export. */
export interface ReportedExport extends AnswerLoad {
  readonly finality: Finality;
  /** The last day with usage; null if unknown. */
  readonly dataUntil: string | null;
}

/** Months that the report shows beside its own, and in which it looks for restatements. */
const [shownMonths, watchedMonths] = [6, 12];

/**
 * What a month cost and why, on one page: costs by cloud and service, the change, commitments, untagged cost, budgets and forecast,
 * restatements and freshness. Errors: those of the functions of its parts, except for months that cannot be compared.
 */
export async function report(config: Config, options: ReportOptions = {}): Promise<ReportResult> {
  checkArguments(config, options, reportRules);
  checkMonths({ only: options.month === undefined ? [] : [options.month] });
  return readingBills(config, options, (bills) => reportIn(bills, options));
}

const reportRules: Shape<ReportOptions> = {
  month: optional(text),
  tags: optional(listOf(text)),
  pipelines: names,
  top: optional(count),
  now: optional(date),
};

/** The same of bills that are open, with checked options. */
export async function reportIn(bills: Bills, options: ReportOptions): Promise<Omit<ReportResult, keyof ReadSource>> {
  const { config, exports } = bills;
  const month = monthOfAnswer(bills, options.month);
  const top = options.top === undefined ? {} : { top: options.top };
  const tags = options.tags ?? config.focus.tags.map(({ key }) => key);
  const span = loadedMonthsOf(exports).filter((each) => each <= month && !earlierThan(each, month, shownMonths));
  const { explain, notExplained } = await explained(bills, { month, ...top });
  const untagged: Omit<UntaggedResult, keyof ReadSource>[] = [];
  for (const tag of tags.length === 0 ? [undefined] : tags) {
    const key = tag === undefined ? {} : { tag };
    untagged.push(await untaggedIn(bills, { month, by: ["service", "account"], ...key, ...top }));
  }
  const allocations: SummedCosts[] = [];
  for (const by of [...(config.focus.accounts === null ? [] : ["owner"]), ...tags.map((tag) => `tag:${tag}`)]) {
    allocations.push(await costsIn(bills, { from: month, by: [by], ...top }));
  }
  const forecast = await forecastIn(bills, {});
  return {
    month,
    clouds: await costsIn(bills, { from: month, by: ["cloud"] }),
    services: await costsIn(bills, { from: month, by: ["service"], ...top }),
    allocations,
    months: await seriesIn(bills, { from: span[0] ?? month, to: month, by: "cloud" }),
    explain,
    notExplained,
    commitments: await commitmentsIn(bills, { month }),
    untagged,
    budgets: (await budgetsIn(bills, { month })).budgets,
    forecast: forecast.month === null ? null : forecast,
    restatements: await restatements(bills, month),
    exports: exports.flatMap((each): ReportedExport[] => {
      const facts = each.months.get(month);
      const [load] = loadsOf([each], [month]);
      if (facts === undefined || load === undefined) return [];
      return [{ ...load, finality: facts.finality, dataUntil: facts.dataUntil }];
    }),
    loads: loadsOf(exports, span),
  };
}

function earlierThan(month: BillingMonth, last: BillingMonth, count: number): boolean {
  return month < (earlierMonths(last, count - 1).at(-1) ?? last);
}

async function explained(
  bills: Bills,
  options: { readonly month: BillingMonth; readonly top?: number },
): Promise<Pick<ReportResult, "explain" | "notExplained">> {
  try {
    return { explain: await explainIn(bills, options), notExplained: null };
  } catch (error) {
    // The month before is not loaded, or one of the two is partial.
    if (!(error instanceof BillhouseError) || error.code !== "USAGE_INVALID") throw error;
    return { explain: null, notExplained: error.message };
  }
}

async function restatements({ pipelines, warehouse }: Bills, month: BillingMonth): Promise<readonly Restatement[]> {
  const from = earlierMonths(month, watchedMonths - 1).at(-1) ?? month;
  const found: Restatement[] = [];
  for (const pipeline of pipelines) {
    for (const load of await historyOf(pipeline, warehouse, { from, to: month })) {
      if (!load.isRestatement) continue;
      const { billingMonth, loadedAt, executionIds, rows, cost, change, undone } = load;
      const changes = { rowChange: change?.rows ?? null, costChange: change?.cost ?? null };
      found.push({ export: pipeline.name, billingMonth, loadedAt, executionIds, rows, cost, ...changes, undone });
    }
  }
  return found.toSorted((one, other) => (one.loadedAt > other.loadedAt ? -1 : 1));
}
