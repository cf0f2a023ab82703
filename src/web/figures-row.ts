import { negative, shareOf } from "../answers/arithmetic.ts";
import type { CommitmentsResult } from "../answers/commitments.ts";
import type { CostsResult } from "../answers/costs.ts";
import type { SavingsResult } from "../answers/savings.ts";
import type { SeriesResult } from "../answers/series.ts";
import type { UntaggedResult } from "../answers/untagged.ts";
import type { Figures } from "../drawing/figures.ts";
import { html, type Markup } from "../drawing/markup.ts";
import { drawLine } from "../drawing/small.ts";
import { BillhouseError } from "../errors.ts";
import { subtractDecimals } from "../schema/decimals.ts";
import { untaggedTitle } from "./names.ts";
import { addressOf } from "./address.ts";
import type { Answered } from "./bills.ts";
import type { PageContext } from "./page.ts";

/** What the figures are computed from. */
export interface FigureAnswers {
  readonly costs: CostsResult;
  /** Effective and billed cost by month. */
  readonly effective: SeriesResult;
  readonly billed: SeriesResult;
  readonly commitments: Promise<Answered<CommitmentsResult>>;
  readonly savings: Promise<Answered<SavingsResult>>;
  readonly untagged: Promise<Answered<UntaggedResult>>;
}

/** A figure at the top of a page. */
interface Figure {
  readonly title: string;
  readonly href: string;
  readonly value: Markup | string;
  readonly change: Markup | "";
  readonly note: string;
  /** The months before, the oldest first. */
  readonly line: readonly string[];
}

/** The four figures of a month, each with its change and the months before it. */
export async function drawFigures(context: PageContext, answers: FigureAnswers): Promise<Markup> {
  const figures = [
    effectiveFigure(context, answers),
    forecastFigure(context, answers.costs) ?? billedFigure(context, answers),
    await answerOr("Effective savings rate", async () =>
      savingsFigure(context, (await answers.commitments).result, (await answers.savings).result),
    ),
    await answerOr("Untagged", async () => untaggedFigure(context, (await answers.untagged).result)),
  ];
  return html`<div class="keys">
    ${figures.map(
      ({ title, href, value, change, note, line }) =>
        html`<a class="key" href="${href}"
          ><h2>${title}</h2>
          <p class="value">${value}</p>
          <p class="change">${change} <span>${note}</span></p>
          ${drawLine(line)}</a
        >`,
    )}
  </div>`;
}

function effectiveFigure({ view, figures }: PageContext, { costs, effective }: FigureAnswers): Figure {
  const { currency = "" } = view;
  const total = costs.currency[currency]?.total;
  const { comparison } = costs;
  const note =
    comparison.kind === "none"
      ? comparison.reason
      : comparison.kind === "days"
        ? `usage of the first ${comparison.days} days, vs the same days of ${costs.previousTo}`
        : `vs ${costs.previousTo}`;
  return {
    title: "Effective cost",
    href: addressOf("/changes", view),
    value: money(total?.cost ?? "0", currency, figures.money),
    change: changeOf(total?.change ?? null, total?.previous ?? null, { figures }),
    note,
    line: effective.currency[currency]?.amounts ?? [],
  };
}

function billedFigure({ view, figures }: PageContext, { costs, billed }: FigureAnswers): Figure {
  const { currency = "" } = view;
  const amounts = billed.currency[currency]?.amounts ?? [];
  const [before, now = "0"] = amounts.slice(-2).length === 2 ? amounts.slice(-2) : [undefined, amounts.at(-1)];
  return {
    title: "Billed cost",
    href: addressOf("/costs", { ...view, measure: "billed", by: "invoice" }),
    value: money(now, currency, figures.money),
    change: changeOf(before === undefined ? null : subtractDecimals(now, before), before ?? null, { figures }),
    note: before === undefined ? "what invoices contain" : `vs ${costs.previousTo}`,
    line: amounts,
  };
}

/** What the running month will have cost; null for a month that is over. */
function forecastFigure({ view, figures }: PageContext, { forecast, to, budgets }: CostsResult): Figure | null {
  const { currency = "" } = view;
  const own = forecast?.currency[currency];
  if (own === undefined) return null;
  const { band, forecast: amount } = own;
  const budget = budgets.find((each) => each.by === "total" && each.currency === currency);
  const range = band === null ? "of usage and fees" : `${figures.whole(band.low)} to ${figures.whole(band.high)}`;
  return {
    title: `Forecast of ${to}`,
    href: addressOf("/", { ...view, grain: "month" }),
    value: money(amount, currency, figures.money),
    change: "",
    note: budget === undefined ? range : `${range}; ${figures.share(budget.forecastShare)} of the budget`,
    line: [],
  };
}

function savingsFigure({ view, figures }: PageContext, commitments: CommitmentsResult, savings: SavingsResult): Figure {
  const { currency = "" } = view;
  const own = commitments.currency[currency];
  const months = savings.currency[currency] ?? [];
  const rates = months.map(({ rate }) => rate ?? "0");
  return {
    title: "Effective savings rate",
    href: addressOf("/commitments", view),
    value: figures.share(own?.effectiveSavingsRate ?? null),
    // More savings are better.
    change: pointsOf(rates, figures, (change) => (direction(change) === "more" ? "less" : "more")),
    note: own === undefined ? "no usage" : `commitments saved ${figures.whole(own.total.netSavings)} ${currency}`,
    line: rates,
  };
}

function untaggedFigure({ view, figures }: PageContext, { currency, tag }: UntaggedResult): Figure {
  const own = currency[view.currency ?? ""];
  const shares = (own?.months ?? []).map(({ untagged, taggable }) => shareOf(untagged, taggable) ?? "0");
  return {
    title: untaggedTitle(tag),
    href: addressOf("/untagged", view),
    value: figures.share(own?.untaggedShare ?? null),
    change: pointsOf(shares, figures, direction),
    note: own === undefined ? "no usage" : `${figures.money(own.untagged)} ${view.currency ?? ""}`,
    line: shares,
  };
}

/** The change of the last two shares, in percentage points, in the colour that a class gives it. */
function pointsOf(shares: readonly string[], figures: Figures, classOf: (change: string) => string): Markup | "" {
  const [before, now] = shares.slice(-2);
  if (before === undefined || now === undefined) return "";
  const change = subtractDecimals(now, before);
  return html`<b class="${change === "0" ? "same" : classOf(change)}"
    >${figures.shareChange(change).replace("%", "pp")}</b
  >`;
}

function money(amount: string, currency: string, format: (amount: string) => string): Markup {
  return html`${format(amount)} <small>${currency}</small>`;
}

function changeOf(
  change: string | null,
  previous: string | null,
  { figures }: Pick<PageContext, "figures">,
): Markup | "" {
  if (change === null || previous === null) return "";
  const share = shareOf(change, previous.startsWith("-") ? negative(previous) : previous);
  return html`<b class="${direction(change)}">${figures.shareChange(share)}</b>`;
}

function direction(change: string): string {
  return change === "0" ? "same" : change.startsWith("-") ? "less" : "more";
}

/** A figure, or why there is none. */
async function answerOr(title: string, draw: () => Promise<Figure>): Promise<Figure> {
  try {
    return await draw();
  } catch (error) {
    if (!(error instanceof BillhouseError)) throw error;
    return { title, href: "", value: "–", change: "", note: error.message, line: [] };
  }
}
