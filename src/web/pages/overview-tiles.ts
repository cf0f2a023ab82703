import type { CommitmentsResult } from "../../answers/commitments.ts";
import type { CostsResult } from "../../answers/costs.ts";
import type { ExplainResult } from "../../answers/explain.ts";
import type { SeriesResult } from "../../answers/series.ts";
import type { UntaggedResult } from "../../answers/untagged.ts";
import { plus } from "../../answers/arithmetic.ts";
import type { ColumnChart } from "../../drawing/columns.ts";
import { html, type Markup } from "../../drawing/markup.ts";
import { drawShare, drawSpent } from "../../drawing/small.ts";
import { addressOf, type View } from "../address.ts";
import type { Ranking } from "../colours.ts";
import { chartControls } from "../controls.ts";
import { driversTable, sentenceOf } from "../drivers-table.ts";
import { filterLink, nameOfKey, nextDimension, untaggedTitle } from "../names.ts";
import { type PageContext } from "../page.ts";
import { tagOf } from "../questions.ts";
import { drawTile, sourceOf } from "../tile.ts";
import { drawTimeChart } from "../time-chart.ts";

/** How many rows of what was wasted are listed. */
export const listed = 5;

/** Costs over time, with the budget and the forecast of a running month in a chart by month. */
export function chartTile(
  result: SeriesResult,
  view: View,
  context: PageContext,
  { costs, ranking }: { readonly costs: CostsResult; readonly ranking: Ranking },
): Markup {
  const { config, figures } = context;
  const { currency = "" } = view;
  return drawTile({
    title: `${titles[view.measure]} by ${view.grain}`,
    note: `${result.from === result.to ? result.from : `${result.from} to ${result.to}`}, ${currency}`,
    actions: chartControls("/", { ...view, from: view.to }, config),
    body: drawTimeChart(result, currency, view, figures, {
      ...(view.measure === "effective" ? outlookOf(result, costs, currency) : {}),
      ranking,
    }),
    source: sourceOf("series", view, result, context),
    place: "wide",
  });
}

/** The budget and the forecast of a running month, in a chart by month. */
function outlookOf(
  { grain, buckets }: SeriesResult,
  { budgets, forecast, to }: CostsResult,
  currency: string,
): Pick<ColumnChart, "limit" | "forecast"> {
  const bucket = buckets.findIndex(({ name }) => name === to);
  if (grain !== "month" || bucket === -1) return {};
  const budget = budgets.find((each) => each.by === "total" && each.currency === currency);
  const own = forecast?.currency[currency];
  return {
    limit: budget === undefined ? undefined : { name: `Budget of ${to}`, amount: budget.budget },
    forecast: own === undefined ? undefined : { bucket, amount: own.forecast, band: own.band },
  };
}

const titles = { effective: "Effective cost", billed: "Billed cost", list: "List cost", contracted: "Contracted cost" };

/** How many changes are listed. */
const listedChanges = 8;

/** What changed from the month before, and why. */
export function moversTile(result: ExplainResult, context: PageContext): Markup {
  const { month, vs, currency } = result;
  const { view, figures } = context;
  const own = currency[view.currency ?? ""];
  const all = addressOf("/changes", { from: month, to: month, currency: view.currency });
  const rest = (drivers: number): Markup => html`<a href="${all}">${drivers} smaller changes</a>`;
  return drawTile({
    title: `What changed from ${vs} to ${month}`,
    place: "two",
    body:
      own === undefined
        ? html`<div class="empty"><p>There are no such charges.</p></div>`
        : html`<p class="sentence">${sentenceOf(own)}</p>
            ${driversTable(own, result, { most: listedChanges, view, rest, figures })}`,
    source: sourceOf("changes", { ...view, by: "service" }, result, context),
  });
}

/** The commitments with the most unused cost. */
export function unusedTile(result: CommitmentsResult, context: PageContext): Markup {
  const { currency, month } = result;
  const { view, figures } = context;
  const own = currency[view.currency ?? ""];
  const rows = (own?.rows ?? []).filter(({ unused }) => unused !== "0").slice(0, listed);
  return drawTile({
    title: "Unused commitments",
    note:
      own === undefined || own.rows.length === 0
        ? `No commitment was used or paid for in ${month}.`
        : html`<b>${figures.money(own.total.unused)}</b> of ${figures.money(plus(own.total.used, own.total.unused))}
            ${view.currency ?? ""} was paid and not used`,
    body: html`<table class="list">
      <tbody>
        ${rows.map(
          ({ commitmentId, name, utilisation, unused }) =>
            html`<tr>
              <td>${filterLink(commitmentId, "commitment", view, "service", name)}</td>
              <td class="bars">${drawShare(utilisation)}</td>
              <td class="n minor">${figures.share(utilisation)}</td>
              <td class="n">${figures.money(unused)}</td>
            </tr>`,
        )}
      </tbody>
    </table>`,
    source: sourceOf("commitments", view, result, context),
  });
}

/** The most expensive resources without a tag. */
export function untaggedTile(result: UntaggedResult, context: PageContext): Markup {
  const { currency, tag, by, month } = result;
  const { view, figures, config } = context;
  const own = currency[view.currency ?? ""];
  const { tag: key } = tagOf(config, view);
  return drawTile({
    title: untaggedTitle(key ?? null),
    note:
      own === undefined
        ? `There are no charges in ${month}.`
        : html`<b>${figures.money(own.untagged)}</b> of ${figures.money(own.taggable)} ${view.currency ?? ""} taggable,
            ${figures.share(own.untaggedShare)}`,
    body: html`<table class="list">
      <tbody>
        ${(own?.rows ?? []).map(
          ({ keys, cost, share }) =>
            html`<tr>
              <td>
                ${by.slice(-1).map((dimension) => filterLink(keys[dimension] ?? null, dimension, view, nextDimension(dimension)))}
                <span class="said">${nameOfKey(keys[by[0] ?? ""] ?? null, by[0] ?? "")}</span>
              </td>
              <td class="n minor">${figures.share(share)}</td>
              <td class="n">${figures.money(cost)}</td>
            </tr>`,
        )}
      </tbody>
    </table>`,
    source: sourceOf(
      "untagged",
      { ...view, by: "service", ...(tag === null ? { tag: "" } : { tag }) },
      result,
      context,
    ),
  });
}

/** The share of a budget from which on bars are not longer, so that one that is far exceeded leaves the others room. */
const longestBudgetBar = 1.5;

/** What was spent of the budgets of the month; nothing where there are none. */
export function budgetsTile(result: CostsResult, context: PageContext): Markup | "" {
  const { view, figures } = context;
  const own = result.budgets.filter(({ currency }) => currency === view.currency);
  if (own.length === 0) return "";
  const hasForecast = own.some(({ forecast }) => forecast !== null);
  const most = Math.min(Math.max(1, ...own.map(({ share }) => Number(share ?? 0))), longestBudgetBar);
  return drawTile({
    title: `Budgets of ${result.to}`,
    note: "Usage and fees, without tax, credits and corrections",
    place: "wide",
    body: html`<div class="scroll">
      <table class="list">
        <thead>
          <tr>
            <th scope="col">budget</th>
            <th scope="col" class="bars"><span class="hidden">bar</span></th>
            <th scope="col" class="n">spent</th>
            <th scope="col" class="n">of</th>
            <th scope="col" class="n spare">left</th>
            <th scope="col" class="n">share</th>
            ${hasForecast ? html`<th scope="col" class="n spare">forecast</th>` : ""}
          </tr>
        </thead>
        <tbody>
          ${own.map(
            ({ by, value, budget, spent, share, left, forecast, forecastShare }) =>
              html`<tr>
                <td>${value === null ? "total" : filterLink(value, by, { ...view, by }, nextDimension(by))}</td>
                <td class="bars">${drawSpent(share, most)}</td>
                <td class="n">${figures.money(spent)}</td>
                <td class="n minor">${figures.money(budget)}</td>
                <td class="n spare">${figures.money(left)}</td>
                <td class="n">
                  ${Number(share ?? 0) > 1 ? html`<b class="more">${figures.share(share)}</b>` : figures.share(share)}
                </td>
                ${
                  hasForecast
                    ? html`<td class="n spare">
                        ${forecast === null ? "" : html`${figures.money(forecast.forecast)} <span class="minor">${figures.share(forecastShare)}</span>`}
                      </td>`
                    : ""
                }
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`,
    source: sourceOf("budgets", view, result, context),
  });
}
