import type { CurrencyUntagged, UntaggedResult } from "../../answers/untagged.ts";
import type { Figures } from "../../drawing/figures.ts";
import { drawColumns } from "../../drawing/columns.ts";
import { html, type Markup } from "../../drawing/markup.ts";
import { drawShare } from "../../drawing/small.ts";
import { subtractDecimals } from "../../schema/decimals.ts";
import { addressOf, type View } from "../address.ts";
import { currencyOf, currencySwitch, monthSwitch, tagForm } from "../controls.ts";
import { accountName, filterLink, untaggedTitle } from "../names.ts";
import { answerTo, loadedMonths, loadedStatus, type Page, type PageContext } from "../page.ts";
import { tagOf, untaggedGroupsQuestion, untaggedQuestion } from "../questions.ts";
import { drawTile, sourceOf } from "../tile.ts";

/** How many groups are listed; CSV has all. */
const listed = 100;

/** How many accounts, services and owners are listed. */
const listedGroups = 8;

/** What lacks a tag in a month, by money. */
export async function untaggedPage(context: PageContext): Promise<Page> {
  const { config, figures } = context;
  const [status, { result }] = await Promise.all([
    loadedStatus(context),
    answerTo(context, untaggedQuestion, { top: listed }),
  ]);
  const currencies = Object.keys(result.currency);
  const currency = currencyOf(context.view, currencies);
  const view: View = {
    ...context.view,
    from: result.month,
    to: result.month,
    currency,
    tag: tagOf(config, context.view).tag ?? "",
  };
  const own = result.currency[currency];
  const groups = await Promise.all(
    ["account", "service", "owner"].map(async (by) => {
      const answer = await answerTo(context, untaggedGroupsQuestion, { view: { ...view, by }, top: listedGroups });
      return groupsTile(by, answer.result, view, figures);
    }),
  );
  const body = html`<div class="head">
      <div>
        <h1>${untaggedTitle(result.tag)} in ${result.month}</h1>
        <p class="note">
          Taggable is the effective cost of usage that names a resource, without unused commitments and corrections.
        </p>
      </div>
      <div class="switches">
        ${tagForm("/untagged", view, config)}${currencySwitch("/untagged", view, currencies)}${monthSwitch("/untagged", view, loadedMonths(status))}
      </div>
    </div>
    ${
      own === undefined
        ? html`<section class="tile">
            <div class="empty"><p>There are no charges.</p></div>
          </section>`
        : html`${shares(own, currency, figures)}
            <div class="tiles">
              <div class="stack">${overMonths(own, view, figures)}${groups}</div>
              ${table(result, own, view, context)}
            </div>`
    }`;
  return { title: `Untagged cost in ${result.month}`, path: "/untagged", view, body };
}

function shares(own: CurrencyUntagged, currency: string, figures: Figures): Markup {
  const money = (amount: string): Markup => html`${figures.money(amount)} <small>${currency}</small>`;
  const shown = [
    ["Untagged", money(own.untagged), `${figures.share(own.untaggedShare)} of taggable cost`],
    ["Taggable", money(own.taggable), `${figures.share(own.coverage)} of it is tagged`],
    [
      "Unallocated",
      money(own.unallocated),
      `${figures.share(own.unallocatedShare)} of the cost before credits and tax, with what cannot be tagged`,
    ],
  ] as const;
  const off = own.notActivated.map(
    ({ cloud, taggable }) =>
      html`<p class="note after">
        The tag is not activated in ${cloud === "" ? "a cloud without a name" : cloud}: ${figures.money(taggable)}
        ${currency} there counts as not taggable.
      </p>`,
  );
  return html`<div class="keys three">
      ${shown.map(
        ([title, value, note]) =>
          html`<div class="key">
            <h2>${title}</h2>
            <p class="value">${value}</p>
            <p class="change">${note}</p>
          </div>`,
      )}
    </div>
    ${off}`;
}

function overMonths(own: CurrencyUntagged, view: View, figures: Figures): Markup {
  return drawTile({
    title: "Over the months",
    body: html`<figure class="time" data-chart>
      ${drawColumns(
        {
          title: "Untagged and tagged cost by month",
          buckets: own.months.map(({ month }) => ({
            label: month,
            isOpen: false,
            href: addressOf("/untagged", { ...view, from: month, to: month }),
          })),
          series: [
            { name: "untagged", colour: "lacking", amounts: own.months.map(({ untagged }) => untagged) },
            {
              name: "tagged",
              colour: "rest",
              amounts: own.months.map(({ taggable, untagged }) => subtractDecimals(taggable, untagged)),
            },
          ],
        },
        figures,
      )}
      <figcaption>
        <ul class="legend">
          <li><i class="lacking"></i>untagged</li>
          <li><i class="rest"></i>tagged</li>
        </ul>
      </figcaption>
      <details>
        <summary>Show as a table</summary>
        <div class="scroll" tabindex="0" role="region" aria-label="Untagged cost by month">
          <table class="figures">
            <thead>
              <tr>
                <th scope="col">month</th>
                <th scope="col" class="n">taggable</th>
                <th scope="col" class="n">untagged</th>
                <th scope="col" class="n">tagged</th>
              </tr>
            </thead>
            <tbody>
              ${own.months.map(
                ({ month, taggable, untagged, coverage }) =>
                  html`<tr>
                    <th scope="row">${month}</th>
                    <td class="n">${figures.money(taggable)}</td>
                    <td class="n">${figures.money(untagged)}</td>
                    <td class="n">${figures.share(coverage)}</td>
                  </tr>`,
              )}
            </tbody>
          </table>
        </div>
      </details>
    </figure>`,
  });
}

/** The untagged cost of each value of a dimension; nothing where no charge has one. */
function groupsTile(by: string, result: UntaggedResult, view: View, figures: Figures): Markup | "" {
  const { rows = [], rest } = result.currency[view.currency ?? ""] ?? {};
  if (rows.every(({ keys }) => keys[by] === null)) return "";
  return drawTile({
    title: `By ${by}`,
    body: html`<table class="list">
      <tbody>
        ${rows.map(
          ({ keys, cost, share }) =>
            html`<tr>
              <td>
                ${filterLink(keys[by] ?? null, by, view, "resource", accountName(keys[by], by, result.accountNames))}
              </td>
              <td class="bars">${drawShare(share)}</td>
              <td class="n minor">${figures.share(share)}</td>
              <td class="n">${figures.money(cost)}</td>
            </tr>`,
        )}${
          rest === undefined || rest.groups === 0
            ? ""
            : html`<tr class="rest">
                <td colspan="3">${rest.groups} more</td>
                <td class="n">${figures.money(rest.cost)}</td>
              </tr>`
        }
      </tbody>
    </table>`,
  });
}

function table(result: UntaggedResult, own: CurrencyUntagged, view: View, context: PageContext): Markup {
  const { by, accountNames } = result;
  const { figures } = context;
  return drawTile({
    title: "Untagged charges",
    note: "The most expensive first",
    place: "two",
    body: html`<div class="scroll">
      <table class="list">
        <thead>
          <tr>
            ${by.map((name) => html`<th scope="col">${name}</th>`)}
            <th scope="col" class="n">share</th>
            <th scope="col" class="n">${view.currency}</th>
          </tr>
        </thead>
        <tbody>
          ${own.rows.map(
            ({ keys, cost, share }) =>
              html`<tr>
                ${by.map((name) => html`<td>${filterLink(keys[name] ?? null, name, view, name === "resource" ? "meter" : "resource", accountName(keys[name], name, accountNames))}</td>`)}
                <td class="n minor">${figures.share(share)}</td>
                <td class="n">${figures.money(cost)}</td>
              </tr>`,
          )}${
            own.rest.groups === 0
              ? ""
              : html`<tr class="rest">
                  <td colspan="${by.length + 1}">${own.rest.groups} more, in the CSV</td>
                  <td class="n">${figures.money(own.rest.cost)}</td>
                </tr>`
          }
        </tbody>
        <tfoot>
          <tr>
            <th scope="row" colspan="${by.length + 1}">total</th>
            <td class="n">${figures.money(own.untagged)}</td>
          </tr>
        </tfoot>
      </table>
    </div>`,
    source: sourceOf("untagged", view, result, context),
  });
}
