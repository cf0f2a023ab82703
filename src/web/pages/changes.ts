import { magnitude } from "../../answers/arithmetic.ts";
import type { ExplainResult } from "../../answers/explain.ts";
import type { Explanation } from "../../answers/explanation.ts";
import { partNames, parts } from "../../answers/parts.ts";
import { html, type Markup } from "../../drawing/markup.ts";
import { drawChange } from "../../drawing/small.ts";
import { BillhouseError } from "../../errors.ts";
import { compareDecimals } from "../../schema/decimals.ts";
import { isShownAsZero } from "../../drawing/figures.ts";
import type { View } from "../address.ts";
import { changeForm, currencyOf, currencySwitch, monthSwitch } from "../controls.ts";
import { filterLink, monthInWords } from "../names.ts";
import { answerTo, loadedMonths, loadedStatus, type Page, type PageContext } from "../page.ts";
import { changeQuestion } from "../questions.ts";
import { drawTile, failedTile } from "../tile.ts";

/** How many drivers are listed; CSV has all. */
const listed = 25;

/** Why a month costs more or less than another: the parts of the difference, and where they come from. */
export async function changesPage(context: PageContext): Promise<Page> {
  const months = loadedMonths(await loadedStatus(context));
  const answer = await resultOf(context);
  if (answer instanceof BillhouseError) {
    const month = context.view.to ?? months.at(-1) ?? "";
    const view: View = { ...context.view, from: month, to: month };
    return pageOf(
      view,
      { title: `Changes of ${month}`, months, currencies: [], note: "" },
      failedTile("Not compared", answer, "wide"),
    );
  }
  const { month, vs, comparison } = answer;
  const currencies = Object.keys(answer.currency);
  const currency = currencyOf(context.view, currencies);
  const view: View = { ...context.view, from: month, to: month, vs, currency };
  const own = answer.currency[currency];
  const note =
    comparison.kind === "days"
      ? `${month} is not over: the usage of its first ${comparison.days} days is compared with the same days of ${vs}.`
      : "";
  const tiles =
    own === undefined
      ? html`<div class="empty"><p>There are no charges.</p></div>`
      : html`${partsTile(own, answer, view, context)}${driversTile(own, answer, view, context)}`;
  return pageOf(view, { title: `Changes from ${vs} to ${month}`, months, currencies, note }, tiles);
}

/** The answer, or why two months cannot be compared. */
async function resultOf(context: PageContext): Promise<ExplainResult | BillhouseError> {
  try {
    return (await answerTo(context, changeQuestion, { top: listed })).result;
  } catch (error) {
    if (error instanceof BillhouseError && error.code === "USAGE_INVALID") return error;
    throw error;
  }
}

function pageOf(
  view: View,
  {
    title,
    months,
    currencies,
    note,
  }: { title: string; months: readonly string[]; currencies: readonly string[]; note: string },
  tiles: Markup,
): Page {
  const body = html`<div class="head">
      <div>
        <h1>Why ${monthInWords(view.to ?? "")} differs</h1>
        <p class="note">${note}</p>
      </div>
      <div class="switches">
        ${currencySwitch("/changes", view, currencies)}${changeForm("/changes", view, months)}${monthSwitch("/changes", { ...view, vs: undefined }, months)}
      </div>
    </div>
    <div class="tiles">${tiles}</div>`;
  return { title, path: "/changes", view, body };
}

function partsTile(own: Explanation, result: ExplainResult, view: View, context: PageContext): Markup {
  const { month, vs } = result;
  const { figures } = context;
  const shown = parts.filter((part) => !isShownAsZero(own.parts[part]));
  const most =
    shown
      .map((part) => magnitude(own.parts[part]))
      .toSorted(compareDecimals)
      .at(-1) ?? "0";
  const estimated =
    own.estimatedShare === null || own.estimatedShare === "0"
      ? ""
      : ` The negotiated price of ${figures.share(own.estimatedShare)} of the metered cost is not in the bills, and was estimated.`;
  return drawTile({
    title: `From ${vs} to ${month}`,
    body: html`<table class="parts">
        <tbody>
          <tr class="sum">
            <th scope="row">${vs}</th>
            <td class="bars"></td>
            <td class="n">${figures.money(own.before)}</td>
          </tr>
          ${shown.map(
            (part) =>
              html`<tr>
                <th scope="row">${partNames[part]}</th>
                <td class="bars">${drawChange(own.parts[part], most)}</td>
                <td class="n">${figures.change(own.parts[part])}</td>
              </tr>`,
          )}
          <tr class="sum">
            <th scope="row">${month}</th>
            <td class="bars"></td>
            <td class="n">${figures.money(own.after)}</td>
          </tr>
        </tbody>
      </table>
      <p class="note after">
        The parts add up to ${figures.change(own.difference)} exactly: the residual is
        ${figures.money(own.residual)}.${estimated}${own.priceIncludesFx ? " Prices include changes of exchange rates." : ""}
      </p>`,
    source: { question: "changes", view, result, context },
  });
}

function driversTile(own: Explanation, result: ExplainResult, view: View, context: PageContext): Markup {
  const { by } = result;
  const { figures } = context;
  const most = magnitude(own.drivers[0]?.amount ?? "0");
  const costs: View = { ...view, vs: undefined };
  return drawTile({
    title: "Where it comes from",
    note: own.sentence,
    body: html`<div class="scroll">
      <table class="list">
        <thead>
          <tr>
            ${by.map((name) => html`<th scope="col">${name}</th>`)}
            <th scope="col">cause</th>
            <th scope="col" class="bars"><span class="hidden">bar</span></th>
            <th scope="col" class="n">${view.currency}</th>
          </tr>
        </thead>
        <tbody>
          ${own.drivers.map(
            ({ keys, part, label, amount, meter }) =>
              html`<tr>
                ${by.map(
                  (name) =>
                    html`<td>
                      ${name === "sku" && meter !== null ? filterLink(keys.sku ?? null, "sku", costs, "resource", meter) : filterLink(keys[name] ?? null, name, costs, name === "service" ? "account" : "service")}
                    </td>`,
                )}
                <td class="minor">${partNames[part]}${label === null ? "" : ` ${label}`}</td>
                <td class="bars">${drawChange(amount, most)}</td>
                <td class="n">${figures.change(amount)}</td>
              </tr>`,
          )}${
            own.rest.drivers === 0
              ? ""
              : html`<tr class="rest">
                  <td colspan="${by.length + 2}">${own.rest.drivers} smaller changes, in the CSV</td>
                  <td class="n">${figures.change(own.rest.amount)}</td>
                </tr>`
          }
        </tbody>
        <tfoot>
          <tr>
            <th scope="row" colspan="${by.length + 2}">all changes</th>
            <td class="n">${figures.change(own.difference)}</td>
          </tr>
        </tfoot>
      </table>
    </div>`,
    source: { question: "changes", view, result, context },
    place: "two",
  });
}
