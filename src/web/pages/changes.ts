import type { AccountNames } from "../../answers/bills.ts";
import type { ExplainResult } from "../../answers/explain.ts";
import { html, type Markup } from "../../drawing/markup.ts";
import { BillhouseError } from "../../errors.ts";
import { plainView, type View } from "../address.ts";
import { chips } from "../chips.ts";
import { changeForm, currencyOf, currencySwitch, monthSwitch } from "../controls.ts";
import { askedDrivers } from "../drivers-table.ts";
import { monthInWords } from "../names.ts";
import { answerTo, loadedMonths, loadedStatus, type Page, type PageContext } from "../page.ts";
import { changeQuestion, costsQuestion } from "../questions.ts";
import { failedTile } from "../tile.ts";
import { detailsTile, driversTile, partsTile } from "./change-tiles.ts";

/** Why a month costs more or less than another: the parts of the difference, and where they come from. */
export async function changesPage(context: PageContext): Promise<Page> {
  const months = loadedMonths(await loadedStatus(context));
  const answer = await resultOf(context);
  if (answer instanceof BillhouseError) {
    const month = context.view.to ?? months.at(-1) ?? "";
    const view: View = { ...context.view, from: month, to: month };
    return pageOf(
      view,
      { title: `Changes of ${month}`, months, currencies: [], names: {}, note: "" },
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
      : html`<div class="stack">
            ${partsTile(own, answer, view, context)}${own.details.map((details) => detailsTile(details, answer, view, context))}
          </div>
          ${driversTile(own, answer, view, context)}`;
  return pageOf(
    view,
    { title: `Changes from ${vs} to ${month}`, months, currencies, names: answer.accountNames, note },
    tiles,
  );
}

/** The answer, or why two months cannot be compared. A named month shares the answer of the first page. */
async function resultOf(context: PageContext): Promise<ExplainResult | BillhouseError> {
  try {
    const newest = async (): Promise<string> =>
      (await answerTo(context, costsQuestion, { view: plainView, top: 1 })).result.to;
    const view: View = { ...context.view, to: context.view.to ?? (await newest()) };
    return (await answerTo(context, changeQuestion, { view, top: askedDrivers })).result;
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
    names,
    note,
  }: { title: string; months: readonly string[]; currencies: readonly string[]; names: AccountNames; note: string },
  tiles: Markup,
): Page {
  const body = html`<div class="head">
      <div>
        <h1>Why ${monthInWords(view.to ?? "")} differs</h1>
        ${chips("/changes", view, note, names)}${view.filters.length === 0 ? "" : html`<p class="note">${note}</p>`}
      </div>
      <div class="switches">
        ${currencySwitch("/changes", view, currencies)}${changeForm("/changes", view, months)}${monthSwitch("/changes", { ...view, vs: undefined }, months)}
      </div>
    </div>
    <div class="tiles">${tiles}</div>`;
  return { title, path: "/changes", view, body };
}
