import type { CurrencySeries, SeriesResult } from "../answers/series.ts";
import { addDecimals } from "../schema/sums.ts";
import { type ColumnChart, type ColumnSeries, drawColumns, type Outlook } from "../drawing/columns.ts";
import type { Figures } from "../drawing/figures.ts";
import { html, type Markup } from "../drawing/markup.ts";
import { addressOf, type View } from "./address.ts";
import { coloursOf, type Ranking } from "./colours.ts";
import { accountName, filterLink, nameOfKey, nextDimension } from "./names.ts";

/** A row of the chart, of its legend and of its table. */
interface Layer extends ColumnSeries {
  readonly total: string;
  readonly link: Markup | null;
}

/** Costs over time as stacked columns, with a legend and the figures as a table. */
export function drawTimeChart(
  result: SeriesResult,
  currency: string,
  view: View,
  figures: Figures,
  { limit, forecast, ranking = [] }: Pick<ColumnChart, "limit" | "forecast"> & { readonly ranking?: Ranking } = {},
): Markup {
  const own = result.currency[currency];
  if (own === undefined || result.buckets.length === 0) {
    return html`<div class="empty"><p>There are no such charges in this period.</p></div>`;
  }
  const layers = layersOf(own, result, view, ranking);
  const buckets = result.buckets.map(({ name, isOpen }) => ({
    label: name,
    isOpen,
    href: addressOf("/costs", bucketView(name, view)),
  }));
  const title = `${currency} by ${result.grain} and ${result.by}`;
  return html`<figure class="time" data-chart>
    ${drawColumns({ title, buckets, series: layers, limit, forecast }, figures)}
    <figcaption>
      <ul class="legend">
        ${layers.map(
          ({ name, colour, total, link }) =>
            html`<li><i class="${colour}"></i>${link ?? name}<b>${figures.whole(total)}</b></li>`,
        )}
      </ul>
      ${
        own.undated === "0"
          ? ""
          : html`<p class="note">
              Not shown by day: ${figures.money(own.undated)} ${currency} of fees, taxes, credits and other charges that
              belong to no single day.
            </p>`
      }
      ${
        limit === undefined
          ? ""
          : html`<p class="note"><i class="mark limit"></i>${limit.name} ${figures.money(limit.amount)}</p>`
      }
      ${forecast === undefined ? "" : html`<p class="note"><i class="mark forecast"></i>${forecastInWords(forecast, figures)}</p>`}
    </figcaption>
    <details>
      <summary>Show as a table</summary>
      <div class="scroll">${tableOf(layers, own, result, view, figures)}</div>
    </details>
  </figure>`;
}

function layersOf(
  { groups, rest, below }: CurrencySeries,
  { by, accountNames }: SeriesResult,
  view: View,
  ranking: Ranking,
): Layer[] {
  const next = nextDimension(by);
  const keys = groups.map(({ key }) => key);
  const colours = coloursOf(keys, ranking);
  const named = groups.map(({ key, amounts, total }, index): Layer => {
    const named = accountName(key, by, accountNames);
    const link = filterLink(key, by, view, next, named);
    return { name: named ?? nameOfKey(key, by), colour: colours[index] ?? "rest", amounts, total, link };
  });
  const others: Layer[] =
    rest.groups === 0
      ? []
      : [{ name: rest.groups === 1 ? "1 other" : `${rest.groups} others`, colour: "rest", link: null, ...rest }];
  const [first] = below;
  const more: Layer[] =
    first === undefined
      ? []
      : [
          {
            name: below.map(({ charge }) => charge).join(", "),
            colour: "below",
            amounts: first.amounts.map((_, bucket) => addDecimals(below.map(({ amounts }) => amounts[bucket] ?? "0"))),
            total: addDecimals(below.map(({ total }) => total)),
            link: null,
          },
        ];
  return [...named, ...others, ...more];
}

/** What a column leads to: a month by its days, a day by what was used on it. */
function bucketView(name: string, view: View): View {
  const month = name.slice(0, 7);
  if (name === month) return { ...view, from: month, to: month, grain: "day" };
  const filters = [...view.filters.filter((filter) => !filter.startsWith("day=")), `day=${name}`];
  return { ...view, from: month, to: month, filters };
}

function tableOf(
  layers: readonly Layer[],
  own: CurrencySeries,
  { buckets, grain }: SeriesResult,
  view: View,
  figures: Figures,
): Markup {
  return html`<table class="figures">
    <thead>
      <tr>
        <th scope="col">${grain}</th>
        <th scope="col" class="n">total</th>
        ${layers.map(({ name }) => html`<th scope="col" class="n">${name}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${buckets.map(
        ({ name }, bucket) =>
          html`<tr>
            <th scope="row"><a href="${addressOf("/costs", bucketView(name, view))}">${name}</a></th>
            <td class="n">${figures.money(own.amounts[bucket] ?? "0")}</td>
            ${layers.map(({ amounts }) => html`<td class="n">${figures.money(amounts[bucket] ?? "0")}</td>`)}
          </tr>`,
      )}
    </tbody>
    <tfoot>
      <tr>
        <th scope="row">total</th>
        <td class="n">${figures.money(own.total)}</td>
        ${layers.map(({ total }) => html`<td class="n">${figures.money(total)}</td>`)}
      </tr>
    </tfoot>
  </table>`;
}

/** A forecast: `Forecast 61,000.00 (58,200.00 to 63,900.00)`. */
export function forecastInWords({ amount, band }: Omit<Outlook, "bucket">, figures: Figures): string {
  const range = band === null ? "" : ` (${figures.money(band.low)} to ${figures.money(band.high)})`;
  return `Forecast of usage and fees ${figures.money(amount)}${range}`;
}
