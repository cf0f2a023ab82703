import type { ExplainResult } from "../../answers/explain.ts";
import type { DriverDetails, Explanation } from "../../answers/explanation.ts";
import { partNames, parts } from "../../answers/parts.ts";
import { html, type Markup } from "../../drawing/markup.ts";
import { drawAmount, drawChange, rangeOf } from "../../drawing/small.ts";
import { isShownAsZero } from "../../drawing/figures.ts";
import { addressOf, type View } from "../address.ts";
import { driversTable, sentenceOf } from "../drivers-table.ts";
import { accountName, filterLink, nameOfKey } from "../names.ts";
import { type PageContext } from "../page.ts";
import { drawTile, sourceOf } from "../tile.ts";

/** The parts of the difference, from one month to the other. */
export function partsTile(own: Explanation, result: ExplainResult, view: View, context: PageContext): Markup {
  const { month, vs } = result;
  const { figures } = context;
  const shown = parts.filter((part) => !isShownAsZero(own.parts[part]));
  const range = rangeOf(shown.map((part) => own.parts[part]));
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
                <td class="bars">${drawChange(own.parts[part], range)}</td>
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
    source: sourceOf("changes", view, result, context),
  });
}

/** Where the difference comes from. */
export function driversTile(own: Explanation, result: ExplainResult, view: View, context: PageContext): Markup {
  const { figures } = context;
  const costs: View = { ...view, vs: undefined, drill: undefined };
  return drawTile({
    title: "Where it comes from",
    ...(view.drill === undefined
      ? {
          actions: html`<a class="button" href="${addressOf("/changes", { ...view, drill: "1" })}"
            >Show resources of the largest changes</a
          >`,
        }
      : {}),
    note: sentenceOf(own),
    body: driversTable(own, result, {
      view: costs,
      rest: (drivers) => `${drivers} smaller changes, in the CSV`,
      figures,
    }),
    source: sourceOf("changes", view, result, context),
    place: "two",
  });
}

/** The resources and days of one of the largest changes. */
export function detailsTile(
  details: DriverDetails,
  { accountNames }: ExplainResult,
  view: View,
  context: PageContext,
): Markup {
  const { keys, part, amount, resources, days } = details;
  const { figures } = context;
  const filters = Object.entries(keys).map(([dimension, value]) => `${dimension}=${value ?? ""}`);
  const inDriver: View = { ...view, vs: undefined, drill: undefined, filters };
  const range = rangeOf(resources.map(({ change }) => change));
  const mostOfDay = days[0]?.cost ?? "0";
  const names = Object.entries(keys).map(
    ([dimension, value]) => accountName(value, dimension, accountNames) ?? nameOfKey(value, dimension),
  );
  return drawTile({
    title: names.join(", "),
    note: `${partNames[part]} ${figures.change(amount)} ${view.currency ?? ""}`,
    actions: html`<a class="button" href="${addressOf("/costs", { ...inDriver, by: "resource" })}">Costs</a>`,
    body: html`<div class="columns">
      <table class="list">
        <thead>
          <tr>
            <th scope="col">resource</th>
            <th scope="col" class="bars"><span class="hidden">bar</span></th>
            <th scope="col" class="n">change</th>
          </tr>
        </thead>
        <tbody>
          ${resources.map(
            ({ resource, change }) =>
              html`<tr>
                <td>${filterLink(resource, "resource", inDriver, "meter")}</td>
                <td class="bars">${drawChange(change, range)}</td>
                <td class="n">${figures.change(change)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
      <table class="list">
        <thead>
          <tr>
            <th scope="col">most expensive days</th>
            <th scope="col" class="bars"><span class="hidden">bar</span></th>
            <th scope="col" class="n">cost</th>
          </tr>
        </thead>
        <tbody>
          ${days.map(
            ({ day, cost }) =>
              html`<tr>
                <td>${filterLink(day, "day", inDriver, "resource")}</td>
                <td class="bars">${drawAmount(cost, mostOfDay)}</td>
                <td class="n">${figures.money(cost)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`,
  });
}
