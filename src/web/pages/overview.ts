import type { CostsResult } from "../../answers/costs.ts";
import { html } from "../../drawing/markup.ts";
import type { StatusResult } from "../../pipeline/status.ts";
import { type View } from "../address.ts";
import type { Answered } from "../bills.ts";
import { coloured, rankingFor } from "../colours.ts";
import { currencyOf, currencySwitch, monthSwitch } from "../controls.ts";
import { askedDrivers } from "../drivers-table.ts";
import { drawFigures } from "../figures-row.ts";
import { monthInWords } from "../names.ts";
import { answerTo, loadedMonths, loadedStatus, type Page, type PageContext, statusWithStorages } from "../page.ts";
import {
  changeQuestion,
  commitmentsQuestion,
  costsQuestion,
  savingsQuestion,
  seriesQuestion,
  untaggedQuestion,
} from "../questions.ts";
import { tileOr } from "../tile.ts";
import { drawTrust, loadHistory } from "../trust.ts";
import { budgetsTile, chartTile, listed, moversTile, unusedTile, untaggedTile } from "./overview-tiles.ts";

/** Months of the chart by day, and by month. */
const [monthsByDay, monthsByMonth] = [3, 13];

/** The first page: whether the data can be trusted, what a month cost, what changed and why, and what was wasted. */
export async function overviewPage(context: PageContext): Promise<Page> {
  const [loaded, current, loads] = await Promise.all([
    loadedStatus(context),
    statusWithStorages(context, 0),
    loadHistory(context),
  ]);
  const status = current ?? loaded;
  const months = loadedMonths(status);
  const costs = await costsOfMonth(context, status);
  const { to: month, from } = costs.result;
  const currency = currencyOf(context.view, Object.keys(costs.result.currency));
  const view: View = { ...context.view, from: month, to: month, currency };
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
  const savings = answerTo(at, savingsQuestion);
  const untagged = answerTo(at, untaggedQuestion, { view: { ...view, by: "service" }, top: listed });
  const [figuresRow, chart, movers, unused, missing] = await Promise.all([
    drawFigures(at, {
      costs: costs.result,
      effective: overMonths.result,
      billed: billed.result,
      commitments,
      savings,
      untagged,
    }),
    tileOr(
      "Cost over time",
      async () =>
        chartTile((await answerTo(at, seriesQuestion, { view: by, top: coloured })).result, by, at, {
          costs: costs.result,
          ranking: await rankingFor(by, months, at),
        }),
      "wide",
    ),
    tileOr(
      "What changed",
      async () =>
        moversTile(
          (
            await answerTo(at, changeQuestion, {
              view: { ...view, by: "service", measure: "effective" },
              top: askedDrivers,
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
      ${budgetsTile(costs.result, at)}
    </div>`;
  return { title: `Overview of ${month}`, path: "/", view, body };
}

/**
 * The costs of the month of a view. Without one it is the running month as soon as it can be forecast, else the newest that is
 * over.
 */
async function costsOfMonth(context: PageContext, { pipelines }: StatusResult): Promise<Answered<CostsResult>> {
  const ask = (view: View): Promise<Answered<CostsResult>> =>
    answerTo(context, costsQuestion, { view: { ...monthOnly(view), by: "service" }, top: 1 });
  const running = context.now.toISOString().slice(0, 7);
  const isRunning = pipelines.some(({ months }) =>
    months.some(({ billingMonth, finality }) => billingMonth === running && finality !== null),
  );
  if (context.view.to === undefined && isRunning) {
    const costs = await ask({ ...context.view, to: running });
    if (costs.result.forecast?.reason === null) return costs;
  }
  return ask(context.view);
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
