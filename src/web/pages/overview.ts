import type { CommitmentsResult } from "../../answers/commitments.ts";
import type { CostsResult } from "../../answers/costs.ts";
import type { ExplainResult } from "../../answers/explain.ts";
import { partNames } from "../../answers/parts.ts";
import type { SeriesResult } from "../../answers/series.ts";
import type { UntaggedResult } from "../../answers/untagged.ts";
import { magnitude, plus } from "../../answers/arithmetic.ts";
import { html, type Markup } from "../../drawing/markup.ts";
import { drawChange, drawShare } from "../../drawing/small.ts";
import { addressOf, type View } from "../address.ts";
import { chartControls, currencyOf, currencySwitch, monthSwitch } from "../controls.ts";
import { drawFigures } from "../figures-row.ts";
import { filterLink, monthInWords, nameOfKey, nextDimension } from "../names.ts";
import { answerTo, loadedStatus, type Page, type PageContext } from "../page.ts";
import {
  changeQuestion,
  commitmentsQuestion,
  costsQuestion,
  seriesQuestion,
  tagOf,
  untaggedQuestion,
} from "../questions.ts";
import { drawTile, tileOr } from "../tile.ts";
import { coloured, drawTimeChart } from "../time-chart.ts";
import { drawTrust, loadHistory } from "../trust.ts";

/** Months of the chart by day, and by month. */
const [monthsByDay, monthsByMonth] = [3, 13];

/** How many rows are shown of the changes, and of what was wasted. */
const [listedChanges, listed] = [8, 5];

/** The first page: whether the data can be trusted, what a month cost, what changed and why, and what was wasted. */
export async function overviewPage(context: PageContext): Promise<Page> {
  const [status, loads, costs] = await Promise.all([
    loadedStatus(context),
    loadHistory(context),
    answerTo(context, costsQuestion, { view: { ...monthOnly(context.view), by: "service" }, top: 1 }),
  ]);
  const { to: month, from } = costs.result;
  const currency = currencyOf(context.view, Object.keys(costs.result.currency));
  const view: View = { ...context.view, from: month, to: month, currency };
  const months = [
    ...new Set(
      status.pipelines.flatMap((each) =>
        each.months.filter(({ finality }) => finality !== null).map(({ billingMonth }) => billingMonth),
      ),
    ),
  ].toSorted();
  const shown = months.filter((each) => each <= month);
  const by: View = { ...view, from: shown.slice(view.grain === "day" ? -monthsByDay : -monthsByMonth)[0] ?? from };
  const whole: View = {
    ...view,
    from: shown.slice(-monthsByMonth)[0] ?? from,
    grain: "month",
    measure: "effective",
    by: "service",
    filters: [],
  };
  const at = { ...context, view };
  const [overMonths, billed] = await Promise.all([
    answerTo(at, seriesQuestion, { view: whole, top: 1 }),
    answerTo(at, seriesQuestion, { view: { ...whole, measure: "billed" }, top: 1 }),
  ]);
  const commitments = answerTo(at, commitmentsQuestion);
  const untagged = answerTo(at, untaggedQuestion, { view: { ...view, by: "service" }, top: listed });
  const [figuresRow, chart, movers, unused, missing] = await Promise.all([
    drawFigures(at, {
      costs: costs.result,
      effective: overMonths.result,
      billed: billed.result,
      commitments,
      untagged,
    }),
    tileOr(
      "Cost over time",
      async () => chartTile((await answerTo(at, seriesQuestion, { view: by, top: coloured })).result, by, at),
      "wide",
    ),
    tileOr(
      "What changed",
      async () =>
        moversTile(
          (
            await answerTo(at, changeQuestion, {
              view: { ...view, by: "service", measure: "effective" },
              top: listedChanges,
            })
          ).result,
          at,
        ),
      "two",
    ),
    tileOr("Unused commitments", async () => unusedTile((await commitments).result, at)),
    tileOr("Untagged cost", async () => untaggedTile((await untagged).result, at)),
  ]);
  const body = html`${drawTrust(status, loads, context)}
    <div class="head">
      <div>
        <h1>${monthInWords(month)}</h1>
        <p class="note">${scopeOf(costs.result)}</p>
      </div>
      <div class="switches">
        ${currencySwitch("/", view, Object.keys(costs.result.currency))}${monthSwitch("/", view, months)}
      </div>
    </div>
    ${figuresRow}
    <div class="tiles">
      ${chart}${movers}
      <div class="stack">${unused}${missing}</div>
    </div>`;
  return { title: `Overview of ${month}`, path: "/", view, body };
}

/** A view of the last month of its period, without filters. */
function monthOnly(view: View): View {
  return { ...view, from: view.to, filters: [], measure: "effective" };
}

function scopeOf({ exports, notes, partialMonths }: CostsResult): string {
  const included = exports.filter(({ missingMonths }) => missingMonths.length === 0).map(({ name }) => name);
  const missing = exports
    .filter(({ missingMonths }) => missingMonths.length > 0)
    .map(({ name }) => `${name} is not loaded`);
  const partial = partialMonths.length === 0 ? [] : [`${partialMonths.join(", ")} partial`];
  return [`From ${included.join(", ")}`, ...missing, ...partial].join("; ") + `. ${notes.join(" ")}`;
}

function chartTile(result: SeriesResult, view: View, context: PageContext): Markup {
  const { config, figures } = context;
  const { currency = "" } = view;
  return drawTile({
    title: `${titles[view.measure]} by ${view.grain}`,
    note: `${result.from === result.to ? result.from : `${result.from} to ${result.to}`}, ${currency}`,
    actions: chartControls("/", { ...view, from: view.to }, config),
    body: drawTimeChart(result, currency, view, figures),
    source: { question: "series", view, result, context },
    place: "wide",
  });
}

const titles = { effective: "Effective cost", billed: "Billed cost", list: "List cost", contracted: "Contracted cost" };

function moversTile(result: ExplainResult, context: PageContext): Markup {
  const { month, vs, currency } = result;
  const { view, figures } = context;
  const own = currency[view.currency ?? ""];
  const most = own?.drivers[0]?.amount ?? "0";
  return drawTile({
    title: `What changed from ${vs} to ${month}`,
    place: "two",
    body:
      own === undefined
        ? html`<div class="empty"><p>There are no such charges.</p></div>`
        : html`<p class="sentence">${own.sentence}</p>
            <table class="list">
              <thead>
                <tr>
                  <th scope="col">service</th>
                  <th scope="col" class="spare">account</th>
                  <th scope="col">cause</th>
                  <th scope="col" class="bars"><span class="hidden">bar</span></th>
                  <th scope="col" class="n">change</th>
                </tr>
              </thead>
              <tbody>
                ${own.drivers.map(
                  ({ keys, part, amount }) =>
                    html`<tr>
                      <td>${filterLink(keys.service ?? null, "service", view, "account")}</td>
                      <td class="minor spare">${filterLink(keys.account ?? null, "account", view, "service")}</td>
                      <td class="minor">${partNames[part]}</td>
                      <td class="bars">${drawChange(amount, magnitude(most))}</td>
                      <td class="n">${figures.change(amount)}</td>
                    </tr>`,
                )}${
                  own.rest.drivers === 0
                    ? ""
                    : html`<tr class="rest">
                        <td colspan="4">
                          <a href="${addressOf("/changes", { from: month, to: month, currency: view.currency })}"
                            >${own.rest.drivers} smaller changes</a
                          >
                        </td>
                        <td class="n">${figures.change(own.rest.amount)}</td>
                      </tr>`
                }
              </tbody>
              <tfoot>
                <tr>
                  <th scope="row" colspan="4">all changes</th>
                  <td class="n">${figures.change(own.difference)}</td>
                </tr>
              </tfoot>
            </table>`,
    source: { question: "changes", view: { ...view, by: "service" }, result, context },
  });
}

function unusedTile(result: CommitmentsResult, context: PageContext): Markup {
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
            ${view.currency ?? ""} was paid for nothing`,
    body: html`<table class="list">
      <tbody>
        ${rows.map(
          ({ commitmentId, name, utilisation, unused }) =>
            html`<tr>
              <td>
                ${filterLink(commitmentId, "commitment", view, "service")}${name === null || name === commitmentId ? "" : html` <span class="minor">${name}</span>`}
              </td>
              <td class="bars">${drawShare(utilisation)}</td>
              <td class="n minor">${figures.share(utilisation)}</td>
              <td class="n">${figures.money(unused)}</td>
            </tr>`,
        )}
      </tbody>
    </table>`,
    source: { question: "commitments", view, result, context },
  });
}

function untaggedTile(result: UntaggedResult, context: PageContext): Markup {
  const { currency, tag, by, month } = result;
  const { view, figures, config } = context;
  const own = currency[view.currency ?? ""];
  const { tag: key } = tagOf(config, view);
  return drawTile({
    title: key === undefined ? "Cost without any tag" : `Cost without the tag ${key}`,
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
                <span class="minor">${nameOfKey(keys[by[0] ?? ""] ?? null, by[0] ?? "")}</span>
              </td>
              <td class="n minor">${figures.share(share)}</td>
              <td class="n">${figures.money(cost)}</td>
            </tr>`,
        )}
      </tbody>
    </table>`,
    source: {
      question: "untagged",
      view: { ...view, by: "service", ...(tag === null ? { tag: "" } : { tag }) },
      result,
      context,
    },
  });
}
