import { magnitude, shareOf } from "../../answers/arithmetic.ts";
import type { CostRow, CostsResult, CurrencyCosts } from "../../answers/costs.ts";
import type { SeriesResult } from "../../answers/series.ts";
import { html, type Markup } from "../../drawing/markup.ts";
import { drawAmount } from "../../drawing/small.ts";
import { type Figures, isShownAsZero } from "../../drawing/figures.ts";
import { addDecimals } from "../../schema/sums.ts";
import { accountNamesIn } from "../accounts.ts";
import { addressOf, plainView, type View } from "../address.ts";
import { chips } from "../chips.ts";
import { coloured, coloursOf, type Ranking, rankingFor } from "../colours.ts";
import { chartControls, currencyOf, currencySwitch, periodForm } from "../controls.ts";
import { accountName, filterLink, nextDimension, periodInWords } from "../names.ts";
import { answerTo, loadedMonths, loadedStatus, type Page, type PageContext } from "../page.ts";
import { costsQuestion, seriesQuestion } from "../questions.ts";
import { drawTile, sourceOf } from "../tile.ts";
import { drawTimeChart } from "../time-chart.ts";

/** How many groups of a page are listed; CSV has all. */
const listed = 100;

/** What was spent in a period: over time, and by one dimension, as far as filters allow. */
export async function costsPage(context: PageContext): Promise<Page> {
  const [status, { result }] = await Promise.all([
    loadedStatus(context),
    answerTo(context, costsQuestion, { top: listed }),
  ]);
  const currencies = Object.keys(result.currency);
  const currency = currencyOf(context.view, currencies);
  const view: View = { ...context.view, from: result.from, to: result.to, currency };
  const series = await answerTo({ ...context, view }, seriesQuestion, { top: coloured });
  const { config, figures } = context;
  const months = loadedMonths(status);
  const ranking = await rankingFor(view, months, context);
  const period = periodInWords(view);
  const names = await accountNamesIn(view, context);
  const body = html`<div class="head">
      <div>
        <h1>Costs of ${period}</h1>
        ${chips("/costs", view, "All charges. To filter them, select a name in the table or a column of the chart.", names)}
      </div>
      <div class="switches">${currencySwitch("/costs", view, currencies)}${periodForm("/costs", view, months)}</div>
    </div>
    <div class="tiles">
      ${drawTile({
        title: `${view.measure.charAt(0).toUpperCase()}${view.measure.slice(1)} cost by ${view.grain}`,
        actions: chartControls("/costs", view, config),
        body: drawTimeChart(series.result, currency, view, figures, { ranking }),
        source: sourceOf("series", view, series.result, context),
        place: "wide",
      })}${drawTile({
        title: `By ${view.by}`,
        actions: html`<p class="buttons">
          ${result.from === result.to && result.comparison.kind !== "none" ? html`<a class="button" href="${addressOf("/changes", { ...view, by: plainView.by })}">Why it differs</a>` : ""}
          <a class="button" href="${addressOf("/lines", view)}">Charge lines</a>
        </p>`,
        note: comparedWith(result),
        body: costsTable(result, view, figures, swatchesOf(series.result, currency, ranking)),
        source: sourceOf("costs", view, result, context),
        place: "wide",
      })}
    </div>`;
  return { title: `Costs of ${period}`, path: "/costs", view, body };
}

function comparedWith({ comparison, previousFrom, previousTo, notes }: CostsResult): string {
  const before = previousFrom === previousTo ? previousFrom : `${previousFrom} to ${previousTo}`;
  const compared =
    comparison.kind === "months"
      ? `Compared with ${before}.`
      : comparison.kind === "days"
        ? `Compared by the usage of the first ${comparison.days} days with the same days of ${before}.`
        : `Not compared with ${before}: ${comparison.reason}.`;
  return [compared, ...notes].join(" ");
}

/** The colours that the chart gives the groups of a view, by their keys. */
function swatchesOf({ currency }: SeriesResult, name: string, ranking: Ranking): ReadonlyMap<string | null, string> {
  const keys = (currency[name]?.groups ?? []).map(({ key }) => key);
  const colours = coloursOf(keys, ranking);
  return new Map(keys.map((key, index) => [key, colours[index] ?? "rest"]));
}

function costsTable(
  result: CostsResult,
  view: View,
  figures: Figures,
  swatches: ReadonlyMap<string | null, string>,
): Markup {
  const own = result.currency[view.currency ?? ""];
  if (own === undefined) return html`<div class="empty"><p>There are no such charges.</p></div>`;
  const { rows, rest, below, total } = own;
  const next = nextDimension(view.by);
  const most = rows[0]?.cost ?? "0";
  const isCompared = result.comparison.kind !== "none";
  const nameOf = ({ keys }: CostRow): Markup => {
    const key = keys[view.by] ?? null;
    const link = filterLink(key, view.by, view, next, accountName(key, view.by, result.accountNames));
    return html`<i class="swatch ${swatches.get(key) ?? "rest"}"></i>${link}`;
  };
  const others = below.filter(isShown);
  const line = (
    name: Markup | string,
    row: Omit<CostRow, "keys" | "compared">,
    kind: "group" | "rest" | "sum",
  ): Markup =>
    html`<tr class="${kind}">
      <td>${name}</td>
      <td class="bars">${kind === "group" ? drawAmount(row.cost, most) : ""}</td>
      <td class="n minor spare">${figures.share(row.share)}</td>
      ${
        isCompared
          ? html`<td class="n minor spare">${figures.money(row.previous ?? "0")}</td>
              <td class="n">${figures.change(row.change ?? "0")}</td>`
          : ""
      }
      <td class="n">${figures.money(row.cost)}</td>
    </tr>`;
  return html`<div class="scroll">
      <table class="list">
        <thead>
          <tr>
            <th scope="col">${view.by}</th>
            <th scope="col" class="bars"><span class="hidden">bar</span></th>
            <th scope="col" class="n spare">share</th>
            ${
              isCompared
                ? html`<th scope="col" class="n spare">before</th>
                    <th scope="col" class="n">change</th>`
                : ""
            }
            <th scope="col" class="n">${view.currency}</th>
          </tr>
        </thead>
        <tbody>
          ${rows.map((row) => line(nameOf(row), row, "group"))}${
            rest.groups > 0 ? line(`${figures.count(rest.groups)} more, in the CSV`, rest, "rest") : ""
          }${others.length === 0 ? "" : line("usage and fees", together([...rows, rest], total), "sum")}${others.map((row) => line(row.charge, row, "rest"))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">total</th>
            <td class="bars"></td>
            <td class="n spare">${figures.share(total.share)}</td>
            ${
              isCompared
                ? html`<td class="n spare">${figures.money(total.previous ?? "0")}</td>
                    <td class="n">${figures.change(total.change ?? "0")}</td>`
                : ""
            }
            <td class="n">${figures.money(total.cost)}</td>
          </tr>
        </tfoot>
      </table>
    </div>
    ${invoicedNote(own, view, figures)}`;
}

/** What rows add up to: what a group costs that leads to its own page, before its taxes and credits. */
function together(rows: readonly CostRow[], total: CostRow): Omit<CostRow, "keys" | "compared"> {
  const sumOf = (name: "cost" | "previous" | "change"): string => addDecimals(rows.map((row) => row[name] ?? "0"));
  const cost = sumOf("cost");
  return { cost, previous: sumOf("previous"), change: sumOf("change"), share: shareOf(cost, total.cost) };
}

/** Whether one of the amounts of a row is not shown as zero. */
function isShown({ cost, previous }: CostRow): boolean {
  return !isShownAsZero(cost) || !isShownAsZero(previous ?? "0");
}

function invoicedNote({ invoiced }: CurrencyCosts, { currency }: View, figures: Figures): Markup {
  const { billed, effective, timing } = invoiced;
  const sign = timing.startsWith("-") ? "−" : "+";
  return html`<p class="note after">
    Invoiced (billed) ${figures.money(billed)} ${currency ?? ""} = effective ${figures.money(effective)} ${sign}
    prepayment timing ${figures.money(magnitude(timing))}
  </p>`;
}
