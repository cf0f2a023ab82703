import type { AccountNames } from "../../answers/bills.ts";
import { minute, type Figures } from "../../drawing/figures.ts";
import { html, type Markup } from "../../drawing/markup.ts";
import { drawChange, rangeOf } from "../../drawing/small.ts";
import { BillhouseError } from "../../errors.ts";
import { diff, type ChangedGroup, type DiffResult } from "../../pipeline/diff.ts";
import type { HistoryLoad } from "../../pipeline/history.ts";
import type { MonthStatus } from "../../pipeline/status/month.ts";
import { addDecimals } from "../../schema/sums.ts";
import { addressOf, plainView, type View } from "../address.ts";
import { accountName, nameOfKey, stateNames } from "../names.ts";
import { answerTo, loadedStatus, type Page, type PageContext } from "../page.ts";
import { costsQuestion } from "../questions.ts";
import { drawTile, tileOr } from "../tile.ts";
import { loadHistory } from "../trust.ts";
import { money } from "./loads.ts";

/** How many changed groups are listed. */
const listed = 12;

/** One month of one export: its loads, their deliveries, and what the newest load changed. Error: USAGE_INVALID. */
export async function loadPage(context: PageContext): Promise<Page> {
  const { export: name = "", month = "" } = context.parameters;
  const [{ pipelines }, history] = await Promise.all([loadedStatus(context), loadHistory(context)]);
  const found = pipelines.find((each) => each.name === name)?.months.find(({ billingMonth }) => billingMonth === month);
  if (found === undefined) {
    throw new BillhouseError("USAGE_INVALID", `The month ${month} of the export ${name} is not loaded.`, {
      hint: "Choose an export and a month from the page Loads.",
    });
  }
  const loads = history.filter((load) => load.pipeline === name && load.billingMonth === month);
  const changed =
    loads.length < 2
      ? ""
      : await tileOr(
          "What the newest load changed",
          async () => {
            const { result } = await context.publication.ask((config) => diff(config, { pipeline: name, month }));
            return diffTile(result, await accountNamesIn(context, month), context.figures);
          },
          "wide",
        );
  const body = html`<div class="head">
      <div>
        <h1>${name} ${month}</h1>
        ${stateNote(found)}
      </div>
      <div class="switches">
        <a class="button" href="${addressOf("/costs", { from: month, to: month, filters: [`export=${name}`] })}"
          >Costs of this month</a
        >
      </div>
    </div>
    <div class="tiles">${changed}${loadsTile(loads, context.figures)}${deliveriesTile(loads, context.figures)}</div>`;
  return { title: `${name} ${month}`, path: "/loads", view: { ...context.view, from: month, to: month }, body };
}

function stateNote({ state, finalBasis, reason, notFinalBecause, dataUntil }: MonthStatus): Markup {
  const said = [reason, notFinalBecause].flatMap((each) => (each === null ? [] : [each]));
  return html`<p class="note">
    <i class="month ${state}"></i
    >${stateNames[state] ?? state}${finalBasis === null ? "" : ` by ${finalBasis}`}${dataUntil === null ? "" : `, data until ${dataUntil}`}${said.map((each) => html`. ${each}`)}
  </p>`;
}

/** The names of the accounts of a month. */
async function accountNamesIn(context: PageContext, month: string): Promise<AccountNames> {
  const view: View = { ...plainView, from: month, to: month, by: "account" };
  return (await answerTo(context, costsQuestion, { view })).result.accountNames;
}

function diffTile(
  { before, after, isRestatement, reason, services, accounts, chargeTypes, notes }: DiffResult,
  names: AccountNames,
  figures: Figures,
): Markup {
  const groups = [
    ["service", services],
    ["account", accounts],
    ["charge type", chargeTypes],
  ] as const;
  return drawTile({
    title: isRestatement ? "What the restatement changed" : `What the newest load changed (${reason})`,
    note: html`${figures.count(before.rows)} rows before, ${figures.count(after.rows)} after. Costs are as the export
    delivered them: billed cost, or amortized cost where the export has only that`,
    place: "wide",
    body: html`<div class="columns">
        ${groups.map(([name, changes]) => changesTable(name, changes, names, figures))}
      </div>
      ${notes.map((note) => html`<p class="note after">${note}</p>`)}`,
  });
}

function changesTable(title: string, changes: readonly ChangedGroup[], names: AccountNames, figures: Figures): Markup {
  const range = rangeOf(changes.map(({ difference }) => difference));
  return html`<table class="list">
    <thead>
      <tr>
        <th scope="col">${title}</th>
        <th scope="col" class="bars"><span class="hidden">bar</span></th>
        <th scope="col" class="n spare">before</th>
        <th scope="col" class="n">after</th>
        <th scope="col" class="n">change</th>
      </tr>
    </thead>
    <tbody>
      ${changes.slice(0, listed).map(
        ({ value, costBefore, costAfter, difference, currency }) =>
          html`<tr>
            <td>
              ${nameOfKey(value, title)}${[accountName(value, title, names)].map((name) => (name === null ? "" : html`<span class="said">${name}</span>`))}
            </td>
            <td class="bars">${drawChange(difference, range)}</td>
            <td class="n minor spare">${figures.money(costBefore)}</td>
            <td class="n minor">${figures.money(costAfter)}</td>
            <td class="n">${figures.change(difference)} <span class="minor">${currency}</span></td>
          </tr>`,
      )}${
        changes.length > listed
          ? html`<tr class="rest">
              <td colspan="5">${changes.length - listed} more</td>
            </tr>`
          : ""
      }
    </tbody>
    <tfoot>
      ${[...Map.groupBy(changes, ({ currency }) => currency)].map(
        ([currency, own]) =>
          html`<tr>
            <th scope="row">all changes</th>
            <td class="bars"></td>
            <td class="n spare"></td>
            <td class="n"></td>
            <td class="n">
              ${figures.change(addDecimals(own.map(({ difference }) => difference)))}
              <span class="minor">${currency}</span>
            </td>
          </tr>`,
      )}
    </tfoot>
  </table>`;
}

function loadsTile(loads: readonly HistoryLoad[], figures: Figures): Markup {
  return drawTile({
    title: "Loads of this month",
    place: "wide",
    body: html`<div class="scroll" tabindex="0" role="region" aria-label="Loads of this month">
      <table>
        <thead>
          <tr>
            <th scope="col">loaded</th>
            <th scope="col">why</th>
            <th scope="col" class="n">rows</th>
            <th scope="col" class="n">change</th>
            <th scope="col" class="n">cost</th>
            <th scope="col" class="n">change</th>
          </tr>
        </thead>
        <tbody>
          ${loads.toReversed().map(
            ({ loadedAt, reason, undone, current, rows, cost, change }) =>
              html`<tr>
                <th scope="row">${minute(loadedAt)}</th>
                <td>${reason}${undone ? ", undone" : ""}${current ? html` <b>(current)</b>` : ""}</td>
                <td class="n">${figures.count(rows)}</td>
                <td class="n minor">
                  ${change === null ? "" : `${change.rows > 0 ? "+" : ""}${figures.count(change.rows)}`}
                </td>
                <td class="n">${money(cost ?? {}, figures)}</td>
                <td class="n minor">
                  ${Object.entries(change?.cost ?? {}).map(([currency, amount]) => html`<div>${figures.change(amount)} ${currency}</div>`)}
                </td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`,
  });
}

function deliveriesTile(loads: readonly HistoryLoad[], figures: Figures): Markup | "" {
  const deliveries = loads.find(({ current }) => current)?.deliveries ?? [];
  if (deliveries.length === 0) return "";
  return drawTile({
    title: "Deliveries in the table",
    place: "wide",
    body: html`<div class="scroll" tabindex="0" role="region" aria-label="Deliveries in the table">
      <table>
        <thead>
          <tr>
            <th scope="col">delivery</th>
            <th scope="col">manifest</th>
            <th scope="col">days</th>
            <th scope="col" class="n">rows</th>
            <th scope="col" class="n">cost</th>
          </tr>
        </thead>
        <tbody>
          ${deliveries.map(
            ({ executionId, manifestKey, coverage, rows, cost }) =>
              html`<tr>
                <th scope="row">${executionId}</th>
                <td class="path">${manifestKey}</td>
                <td>${coverage === null ? "all" : `${coverage.from} to ${coverage.to}`}</td>
                <td class="n">${rows === null ? "" : figures.count(rows)}</td>
                <td class="n">${money(cost ?? {}, figures)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`,
  });
}
