import type { CommitmentsResult, CurrencyCommitments, MonthUse } from "../../answers/commitments.ts";
import type { Figures } from "../../drawing/figures.ts";
import { html, type Markup } from "../../drawing/markup.ts";
import { drawShare } from "../../drawing/small.ts";
import { termInWords } from "../../schema/periods.ts";
import type { View } from "../address.ts";
import { currencyOf, currencySwitch, monthSwitch } from "../controls.ts";
import { filterLink } from "../names.ts";
import { answerTo, loadedMonths, loadedStatus, type Page, type PageContext } from "../page.ts";
import { commitmentsQuestion, savingsQuestion } from "../questions.ts";
import { drawTile, sourceOf } from "../tile.ts";
import { savingsTile } from "./savings-tile.ts";

/** How the commitments of a month were used, and what they saved. */
export async function commitmentsPage(context: PageContext): Promise<Page> {
  const [status, { result }, { result: savings }] = await Promise.all([
    loadedStatus(context),
    answerTo(context, commitmentsQuestion),
    answerTo(context, savingsQuestion),
  ]);
  const currencies = Object.keys(result.currency);
  const currency = currencyOf(context.view, currencies);
  const view: View = { ...context.view, from: result.month, to: result.month, currency };
  const own = result.currency[currency];
  const body = html`<div class="head">
      <div>
        <h1>Commitments and savings in ${result.month}</h1>
        <p class="note">
          Reservations, savings plans and negotiated prices, in effective cost and without
          corrections.${result.isOver ? "" : " The month is not over: fees of the whole month can already count as unused."}
        </p>
      </div>
      <div class="switches">
        ${currencySwitch("/commitments", view, currencies)}${monthSwitch("/commitments", view, loadedMonths(status))}
      </div>
    </div>
    ${own === undefined ? "" : rates(own, currency, context.figures)}
    <div class="tiles">
      ${savingsTile(savings, { ...context, view })}${
        own === undefined || own.rows.length === 0
          ? drawTile({
              title: "By commitment",
              place: "wide",
              body: html`<div class="empty"><p>No commitment was used or paid for in ${result.month}.</p></div>`,
            })
          : html`${table(result, own, view, context)}${history(result, own, view, context)}`
      }
    </div>`;
  return { title: `Commitments in ${result.month}`, path: "/commitments", view, body };
}

function rates(own: CurrencyCommitments, currency: string, figures: Figures): Markup {
  const money = (amount: string): Markup => html`${figures.money(amount)} <small>${currency}</small>`;
  const shown: readonly (readonly [title: string, value: Markup | string, note: string])[] = [
    ["Unused", money(own.total.unused), `utilisation ${figures.share(own.total.utilisation)}`],
    [
      "Net savings",
      money(own.total.netSavings),
      `${figures.share(own.commitmentSavingsRate)} of the contracted cost of usage`,
    ],
    [
      "Coverage",
      figures.share(own.coverage),
      own.coverageOf === "all usage" ? "of all usage; the bills do not say which is eligible" : "of eligible usage",
    ],
    ["Effective savings rate", figures.share(own.effectiveSavingsRate), "of the list cost of usage"],
  ];
  return html`<div class="keys">
    ${shown.map(
      ([title, value, note]) =>
        html`<div class="key">
          <h2>${title}</h2>
          <p class="value">${value}</p>
          <p class="change">${note}</p>
        </div>`,
    )}
  </div>`;
}

function table(result: CommitmentsResult, own: CurrencyCommitments, view: View, context: PageContext): Markup {
  const { figures } = context;
  const doubts = [
    ...(isNone(own.publicPriceShare)
      ? []
      : [
          `The bill has only the public price of ${figures.share(own.publicPriceShare)} of the covered usage: with a negotiated discount, savings are overstated.`,
        ]),
    ...(isNone(own.missingPriceShare)
      ? []
      : [
          `The bill lacks the contracted cost of ${figures.share(own.missingPriceShare)} of the covered usage: it shows no savings.`,
        ]),
  ];
  return drawTile({
    title: "By commitment",
    note: "The most unused first",
    place: "wide",
    body: html`<div class="scroll">
        <table class="list">
          <thead>
            <tr>
              <th scope="col">commitment</th>
              <th scope="col" class="spare">provider</th>
              <th scope="col" class="spare">type</th>
              <th scope="col" class="spare">account</th>
              <th scope="col" class="spare">term</th>
              <th scope="col" class="bars">utilisation</th>
              <th scope="col" class="n"></th>
              <th scope="col" class="n">used</th>
              <th scope="col" class="n">unused</th>
              <th scope="col" class="n">net savings</th>
            </tr>
          </thead>
          <tbody>
            ${own.rows.map(
              ({
                commitmentId,
                name,
                provider,
                type,
                accountId,
                accountName,
                termMonths,
                utilisation,
                used,
                unused,
                netSavings,
              }) =>
                html`<tr>
                  <td>${filterLink(commitmentId, "commitment", view, "service", name)}</td>
                  <td class="minor spare">${provider ?? ""}</td>
                  <td class="minor spare">${type ?? ""}</td>
                  <td class="minor spare">
                    ${accountId === null ? "" : filterLink(accountId, "account", view, "service", accountName)}
                  </td>
                  <td class="minor spare">${termInWords(termMonths)}</td>
                  <td class="bars">${drawShare(utilisation)}</td>
                  <td class="n minor">${figures.share(utilisation)}</td>
                  <td class="n">${figures.money(used)}</td>
                  <td class="n">${figures.money(unused)}</td>
                  <td class="n">${figures.change(netSavings)}</td>
                </tr>`,
            )}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row">total of ${own.rows.length}</th>
              <td class="spare"></td>
              <td class="spare"></td>
              <td class="spare"></td>
              <td class="spare"></td>
              <td class="bars"></td>
              <td class="n">${figures.share(own.total.utilisation)}</td>
              <td class="n">${figures.money(own.total.used)}</td>
              <td class="n">${figures.money(own.total.unused)}</td>
              <td class="n">${figures.change(own.total.netSavings)}</td>
            </tr>
          </tfoot>
        </table>
      </div>
      ${doubts.map((doubt) => html`<p class="note after">${doubt}</p>`)}`,
    source: sourceOf("commitments", view, result, context),
  });
}

/** How each commitment was used in the months up to this one; nothing where there is one month only. */
function history(
  result: CommitmentsResult,
  { rows, months }: CurrencyCommitments,
  view: View,
  context: PageContext,
): Markup | "" {
  if (months.length < 2) return "";
  const line = (uses: readonly MonthUse[]): Markup =>
    html`${months.map(
      ({ month }) =>
        html`<td class="n">${context.figures.share(uses.find((use) => use.month === month)?.utilisation ?? null)}</td>`,
    )}`;
  return drawTile({
    title: "Utilisation by month",
    note: "Also of commitments that ended before, in the total",
    place: "wide",
    body: html`<div class="scroll">
      <table class="list">
        <thead>
          <tr>
            <th scope="col">commitment</th>
            ${months.map(({ month }) => html`<th scope="col" class="n">${month}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            ({ commitmentId, name, months: own }) =>
              html`<tr>
                <td>${filterLink(commitmentId, "commitment", view, "service", name)}</td>
                ${line(own)}
              </tr>`,
          )}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">total</th>
            ${line(months)}
          </tr>
        </tfoot>
      </table>
    </div>`,
    source: sourceOf("commitments", view, result, context),
  });
}

function isNone(share: string | null): boolean {
  return share === null || share === "0";
}
