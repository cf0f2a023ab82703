import { plus, shareOf } from "../../answers/arithmetic.ts";
import type { MonthSavings, SavingsResult } from "../../answers/savings.ts";
import { isShownAsZero } from "../../drawing/figures.ts";
import { html, type Markup } from "../../drawing/markup.ts";
import { drawStep } from "../../drawing/small.ts";
import { subtractDecimals } from "../../schema/decimals.ts";
import type { PageContext } from "../page.ts";
import { drawTile, sourceOf } from "../tile.ts";

/** What is taken off, or added, on the way from list prices to effective cost. */
const steps = [
  ["negotiated prices", "negotiated", "-"],
  ["commitments", "committed", "-"],
  ["other prices, such as spot", "others", "-"],
  ["unused commitments", "unused", "+"],
] as const satisfies readonly (readonly [name: string, amount: keyof MonthSavings, sign: "-" | "+"])[];

/** From the list cost of the usage of a month to its effective cost, as a waterfall. */
export function savingsTile(result: SavingsResult, context: PageContext): Markup | "" {
  const { view, figures } = context;
  const own = result.currency[view.currency ?? ""]?.find(({ month }) => month === result.month);
  if (own === undefined) return "";
  const line = (name: string, bar: Markup, amount: string, kind: string): Markup =>
    html`<tr class="${kind}">
      <th scope="row">${name}</th>
      <td class="bars">${bar}</td>
      <td class="n minor spare">
        ${kind === "sum" ? figures.share(shareOf(amount, own.list)) : figures.shareChange(shareOf(amount, own.list))}
      </td>
      <td class="n">${kind === "sum" ? figures.money(amount) : figures.change(amount)}</td>
    </tr>`;
  let left = own.list;
  const rows = steps.map(([name, of, sign]) => {
    const before = left;
    left = sign === "-" ? subtractDecimals(left, own[of]) : plus(left, own[of]);
    const change = subtractDecimals(left, before);
    return isShownAsZero(change) ? "" : line(name, drawStep({ from: before, to: left }, own.list), change, "");
  });
  return drawTile({
    title: "From list prices to effective cost",
    note: "Usage without corrections: fees, tax and credits are not part of it",
    place: "wide",
    body: html`<table class="parts waterfall">
      <thead>
        <tr>
          <th scope="col">step</th>
          <th scope="col" class="bars"><span class="hidden">bar</span></th>
          <th scope="col" class="n spare">of list cost</th>
          <th scope="col" class="n">${view.currency}</th>
        </tr>
      </thead>
      <tbody>
        ${line("list cost", drawStep({ from: "0", to: own.list }, own.list), own.list, "sum")}${rows}
      </tbody>
      <tfoot>
        ${line("effective cost", drawStep({ from: "0", to: own.effective }, own.list), own.effective, "sum")}
      </tfoot>
    </table>`,
    source: sourceOf("savings", view, result, context),
  });
}
