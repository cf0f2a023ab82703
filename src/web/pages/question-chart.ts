import type { QuestionResult } from "../../answers/questions.ts";
import { drawColumns } from "../../drawing/columns.ts";
import type { Figures } from "../../drawing/figures.ts";
import { html, type Markup } from "../../drawing/markup.ts";
import { drawAmount, drawChange, rangeOf } from "../../drawing/small.ts";
import { compareDecimals } from "../../schema/decimals.ts";
import { addDecimals } from "../../schema/sums.ts";
import { addressOf, type View } from "../address.ts";
import { coloured, coloursOf, type Ranking } from "../colours.ts";
import type { PageContext } from "../page.ts";
import { drawTile } from "../tile.ts";

type Column = QuestionResult["columns"][number];
type Value = QuestionResult["rows"][number][string];

/** The column that says in which currency the amounts of a row are. */
export const currencyColumn = "BillingCurrency";

/** Columns that are money. Other decimals are quantities, prices and rates. */
const money: ReadonlySet<string> = new Set(
  "billed effective difference list contracted discount saved negotiated committed used unused tagged".split(" "),
);

/** Rates that are a part of a whole; other rates are prices. */
const shares: ReadonlySet<string> = new Set(
  "discount_rate utilisation savings_rate negotiated_rate committed_rate tagged_share".split(" "),
);

/** The column whose values have the same colours on all pages. */
const serviceColumn = "ServiceName";

/** Columns whose values are steps of time. */
const times: ReadonlySet<string> = new Set(["x_BillingMonth", "day"]);

/** How many bars are drawn; the table below has all rows. */
const bars = 12;

/** The columns that are money. */
export function amountColumns(columns: readonly Column[]): readonly string[] {
  return columns.map(({ name }) => name).filter((name) => money.has(name));
}

/** A value as people read it. */
export function cellText({ name, kind }: Column, value: Value, figures: Figures): string {
  if (value === null) return "–";
  if (typeof value === "number") return figures.quantity(String(value));
  if (typeof value === "boolean" || kind === "other") return String(value);
  if (money.has(name)) return figures.money(value);
  return shares.has(name) ? figures.share(value) : figures.quantity(value);
}

/** An amount with the name that distinguishes it from the others. */
interface Named {
  readonly name: string;
  /** Null where rows are not about services. */
  readonly service: string | null;
  readonly time: string;
  readonly amount: string;
}

/**
 * The amounts of an answer in one currency: over time where its rows have several months or days, else the largest as bars. Empty
 * where rows lack an amount or have several, and where there is only one row.
 */
export function chartTile(
  { columns, rows }: QuestionResult,
  currency: string,
  view: View,
  context: PageContext & { readonly ranking: Ranking },
): Markup | "" {
  const [amount, second] = amountColumns(columns);
  const own = rows.filter((row) => String(row[currencyColumn] ?? "") === currency);
  if (amount === undefined || second !== undefined || own.length < 2) return "";
  const varying = columns
    .map(({ name }) => name)
    .filter((name) => name !== amount && new Set(own.map((row) => row[name])).size > 1);
  const time = varying.find((name) => times.has(name));
  const labels = varying.filter((name) => name !== time);
  const named = own.map((row): Named => ({
    name: labels.length === 0 ? amount : labels.map((label) => String(row[label] ?? `(no ${label})`)).join(", "),
    service: labels.includes(serviceColumn) ? String(row[serviceColumn] ?? "") : null,
    time: time === undefined ? "" : String(row[time]),
    amount: String(row[amount] ?? "0"),
  }));
  const title = `${amount}, ${currency === "" ? "no currency" : currency}`;
  return time === undefined ? barsTile(title, named, context) : timeTile(title, named, view, context);
}

function barsTile(title: string, named: readonly Named[], { figures }: PageContext): Markup {
  const size = ({ amount }: Named): string => amount.replace("-", "");
  const largest = named.toSorted((one, other) => compareDecimals(size(other), size(one))).slice(0, bars);
  const range = rangeOf(largest.map(({ amount }) => amount));
  const draw = (amount: string): Markup =>
    range.least < 0 ? drawChange(amount, range) : drawAmount(amount, largest[0]?.amount ?? "0");
  return drawTile({
    title,
    note: named.length > bars ? `The largest ${bars} of ${figures.count(named.length)}` : "The largest first",
    place: "wide",
    body: html`<table class="list">
      <thead>
        <tr>
          <th scope="col">row</th>
          <th scope="col" class="bars">compared</th>
          <th scope="col" class="n">amount</th>
        </tr>
      </thead>
      <tbody>
        ${largest.map(
          ({ name, amount }) =>
            html`<tr>
              <td title="${name}">${name}</td>
              <td class="bars">${draw(amount)}</td>
              <td class="n">${figures.money(amount)}</td>
            </tr>`,
        )}
      </tbody>
    </table>`,
  });
}

/** A part of each column of a chart over time. */
interface Layer {
  readonly name: string;
  readonly colour: string;
  readonly total: string;
  readonly amounts: readonly string[];
}

function timeTile(
  title: string,
  named: readonly Named[],
  view: View,
  { figures, now, ranking }: PageContext & { readonly ranking: Ranking },
): Markup {
  const steps = [...new Set(named.map(({ time }) => time))].toSorted();
  const layers = layersOf(named, steps, ranking);
  const thisMonth = now.toISOString().slice(0, 7);
  return drawTile({
    title,
    place: "wide",
    body: html`<figure class="time" data-chart>
      ${drawColumns(
        {
          title,
          buckets: steps.map((label) => ({
            label,
            isOpen: label.slice(0, 7) >= thisMonth,
            href: addressOf("/costs", { ...view, from: label.slice(0, 7), to: label.slice(0, 7) }),
          })),
          series: layers,
        },
        figures,
      )}
      <figcaption>
        <ul class="legend">
          ${layers.map(({ name, colour, total }) => html`<li><i class="${colour}"></i>${name}<b>${figures.whole(total)}</b></li>`)}
        </ul>
      </figcaption>
      <details>
        <summary>Show as a table</summary>
        <div class="scroll" tabindex="0" role="region" aria-label="${title}">
          <table class="figures">
            <thead>
              <tr>
                <th scope="col">time</th>
                ${layers.map(({ name }) => html`<th scope="col" class="n">${name}</th>`)}
              </tr>
            </thead>
            <tbody>
              ${steps.map(
                (step, index) =>
                  html`<tr>
                    <th scope="row">${step}</th>
                    ${layers.map(({ amounts }) => html`<td class="n">${figures.money(amounts[index] ?? "0")}</td>`)}
                  </tr>`,
              )}
            </tbody>
          </table>
        </div>
      </details>
    </figure>`,
  });
}

/** The largest groups, each with a colour, and the sum of the others. */
function layersOf(named: readonly Named[], steps: readonly string[], ranking: Ranking): readonly Layer[] {
  const layer = (name: string, colour: string, own: readonly Named[]): Layer => {
    const byStep = Map.groupBy(own, ({ time }) => time);
    const amounts = steps.map((step) => addDecimals((byStep.get(step) ?? []).map(({ amount }) => amount)));
    return { name, colour, amounts, total: addDecimals(amounts) };
  };
  const groups = [...Map.groupBy(named, ({ name }) => name)]
    .map(([name, own]) => ({ name, own, total: addDecimals(own.map(({ amount }) => amount)) }))
    .toSorted((one, other) => compareDecimals(other.total, one.total));
  const rest = groups.slice(coloured);
  const largest = groups.slice(0, coloured);
  const services = largest.map(({ own }) => own[0]?.service ?? null);
  const colours = coloursOf(services, ranking);
  const shown = largest.map(({ name, own }, index) => layer(name, colours[index] ?? "rest", own));
  if (rest.length === 0) return shown;
  const title = rest.length === 1 ? "1 other" : `${rest.length} others`;
  return [
    ...shown,
    layer(
      title,
      "rest",
      rest.flatMap(({ own }) => own),
    ),
  ];
}
