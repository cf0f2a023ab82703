import { plus } from "../answers/arithmetic.ts";
import type { ExplainResult } from "../answers/explain.ts";
import type { Explanation } from "../answers/explanation.ts";
import { partNames } from "../answers/parts.ts";
import type { Figures } from "../drawing/figures.ts";
import { html, type Markup } from "../drawing/markup.ts";
import { drawChange, rangeOf } from "../drawing/small.ts";
import { addDecimals } from "../schema/sums.ts";
import type { View } from "./address.ts";
import { accountName, filterLink } from "./names.ts";

/** How many drivers pages ask for, so that one answer serves them all; CSV has all. */
export const askedDrivers = 20;

/** The sentence of an explanation, with percentages as the figures of pages have them. */
export function sentenceOf({ sentence }: Explanation): string {
  return sentence.replaceAll(/(?<=\d) %/gu, "%");
}

/** How a table of drivers is drawn. */
export interface DriversShape {
  /** How many are listed; by default all that the answer has. */
  readonly most?: number;
  /** What names lead to. */
  readonly view: View;
  /** Says in the last row how many smaller drivers there are. */
  readonly rest: (drivers: number) => Markup | string;
  readonly figures: Figures;
}

/** Where a difference comes from, the largest amounts first. */
export function driversTable(
  own: Explanation,
  { by, accountNames }: Pick<ExplainResult, "by" | "accountNames">,
  { most = own.drivers.length, view, rest, figures }: DriversShape,
): Markup {
  const listed = own.drivers.slice(0, most);
  const others = own.drivers.slice(most);
  const range = rangeOf(listed.map(({ amount }) => amount));
  const restAmount = plus(own.rest.amount, addDecimals(others.map(({ amount }) => amount)));
  const restDrivers = own.rest.drivers + others.length;
  // A cell over several columns would count those that narrow screens leave out.
  const empty = [...by.slice(1).map(() => "spare"), "", "bars"].map((kind) => html`<td class="${kind}"></td>`);
  return html`<div class="scroll">
    <table class="list">
      <thead>
        <tr>
          ${by.map((name, index) => html`<th scope="col" class="${index === 0 ? "" : "spare"}">${name}</th>`)}
          <th scope="col">cause</th>
          <th scope="col" class="bars"><span class="hidden">bar</span></th>
          <th scope="col" class="n">${view.currency}</th>
        </tr>
      </thead>
      <tbody>
        ${listed.map(
          ({ keys, part, label, amount, meter }) =>
            html`<tr>
              ${by.map(
                (name, index) =>
                  html`<td class="${index === 0 ? "" : "minor spare"}">
                    ${name === "sku" && meter !== null ? filterLink(keys.sku ?? null, "sku", view, "resource", meter) : filterLink(keys[name] ?? null, name, view, name === "service" ? "account" : "service", accountName(keys[name], name, accountNames))}
                  </td>`,
              )}
              <td class="minor">${partNames[part]}${label === null ? "" : ` ${label}`}</td>
              <td class="bars">${drawChange(amount, range)}</td>
              <td class="n">${figures.change(amount)}</td>
            </tr>`,
        )}${
          restDrivers === 0
            ? ""
            : html`<tr class="rest">
                <td>${rest(restDrivers)}</td>
                ${empty}
                <td class="n">${figures.change(restAmount)}</td>
              </tr>`
        }
      </tbody>
      <tfoot>
        <tr>
          <th scope="row">all changes</th>
          ${empty}
          <td class="n">${figures.change(own.difference)}</td>
        </tr>
      </tfoot>
    </table>
  </div>`;
}
