import { age, type Figures } from "../../drawing/figures.ts";
import { html, type Markup } from "../../drawing/markup.ts";
import type { CurrencySums } from "../../model.ts";
import type { PipelineStatus } from "../../pipeline/status.ts";
import type { HistoryLoad } from "../../pipeline/history.ts";
import type { MonthStatus } from "../../pipeline/status/month.ts";
import { stateNames } from "../names.ts";
import { loadedStatus, type Page, type PageContext, statusWithStorages } from "../page.ts";
import { drawTile } from "../tile.ts";
import { drawRestated, lastChange, loadHistory } from "../trust.ts";

/** How long the page waits for the storages, in milliseconds. */
const listingWait = 2000;

/** Every month of every export: what it is as a bill, its rows and its cost. */
export async function loadsPage(context: PageContext): Promise<Page> {
  const [listed, loads] = await Promise.all([statusWithStorages(context, listingWait), loadHistory(context)]);
  const { pipelines } = listed ?? (await loadedStatus(context));
  const storages =
    listed === null
      ? "The storages are being listed: open this page again to see which deliveries wait."
      : "Deliveries that wait in the storages are included; they are listed every ten minutes.";
  const body = html`<div class="head">
      <div>
        <h1>Loads</h1>
        <p class="note">
          Every month was loaded in one transaction, after its rows and its sums had been compared with the files.
          ${storages}
        </p>
      </div>
    </div>
    <div class="tiles">${pipelines.map((pipeline) => drawPipeline(pipeline, loads, context))}</div>`;
  return { title: "Loads", path: "/loads", view: context.view, body };
}

function drawPipeline(pipeline: PipelineStatus, loads: readonly HistoryLoad[], { figures, now }: PageContext): Markup {
  const { name, table, months, missingMonths, attention, notes, total, lastRun, error } = pipeline;
  const run =
    lastRun === null ? "no run has finished without a failure" : `last run without a failure ${age(lastRun, now)}`;
  if (error !== undefined) {
    return drawTile({
      title: name,
      place: "wide",
      body: html`<div class="empty">
        <p>${error.message}</p>
        <p class="hint">${error.hint}</p>
      </div>`,
    });
  }
  const changesOf = (month: MonthStatus): readonly string[] => lastChange(name, month, loads, figures);
  const restated = months.filter(({ finality }) => finality === "restated-after-final");
  const others = attention.filter(
    ({ kind, billingMonth }) =>
      kind !== "changed after it was final" || !restated.some((month) => month.billingMonth === billingMonth),
  );
  return drawTile({
    title: name,
    id: name,
    note: `${table}; ${run}`,
    place: "wide",
    body: html`<ul class="findings">
        ${restated.map((month) => drawRestated(name, month, changesOf(month)))}${others.map(({ reason }) => html`<li class="warn">${reason}</li>`)}${missingMonths.length === 0 ? "" : html`<li class="warn">Not loaded: ${missingMonths.join(", ")}</li>`}${notes.map((note) => html`<li>${note}</li>`)}
      </ul>
      ${
        months.length === 0
          ? html`<div class="empty">
              <p>Nothing is loaded yet.</p>
              <p class="hint">Run <code>billhouse run</code>.</p>
            </div>`
          : html`<div class="scroll">
              <table>
                <thead>
                  <tr>
                    <th scope="col">month</th>
                    <th scope="col">state</th>
                    <th scope="col">data until</th>
                    <th scope="col">loaded</th>
                    <th scope="col">delivery</th>
                    <th scope="col" class="n">rows</th>
                    <th scope="col" class="n">cost</th>
                  </tr>
                </thead>
                <tbody>
                  ${months.map((month) => drawMonth(name, month, changesOf(month), { figures, now }))}
                </tbody>
                <tfoot>
                  <tr>
                    <th scope="row" colspan="5">${months.length} months</th>
                    <td class="n">${figures.count(total.rows)}</td>
                    <td class="n">${money(total.cost, figures)}</td>
                  </tr>
                </tfoot>
              </table>
            </div>`
      }`,
  });
}

function drawMonth(
  name: string,
  month: MonthStatus,
  changes: readonly string[],
  { figures, now }: Pick<PageContext, "figures" | "now">,
): Markup {
  const { billingMonth, state, finalBasis, executionIds, rows, cost, loadedAt, dataUntil } = month;
  const [newest = ""] = executionIds.slice(-1);
  const more = executionIds.length > 1 ? ` and ${executionIds.length - 1} more` : "";
  return html`<tr>
    <th scope="row"><a href="/loads/${name}/${billingMonth}">${billingMonth}</a></th>
    <td>
      <i class="month ${state}"></i
      >${stateNames[state] ?? state}${finalBasis === null ? "" : html` <span class="minor">by ${finalBasis}</span>`}${saidOf(month).map((said) => html`<span class="said">${said}</span>`)}
    </td>
    <td>${dataUntil ?? ""}</td>
    <td class="minor">${loadedAt === null ? "" : age(loadedAt, now)}</td>
    <td class="minor"><span title="${executionIds.join(", ")}">${newest.slice(0, 8)}${more}</span></td>
    <td class="n">${rows === null ? "" : figures.count(rows)}</td>
    <td class="n">
      ${money(cost ?? {}, figures)}${changes.map((change) => html`<span class="said" title="What the last load changed">${change}</span>`)}
    </td>
  </tr>`;
}

/** What a month lacks, and why a newer delivery was skipped. */
function saidOf({
  reason,
  missingDays,
  accepted,
  unsettledDays,
  finalBasis,
  notFinalBecause,
  notes,
}: MonthStatus): readonly string[] {
  const days = (spans: MonthStatus["missingDays"]): string =>
    spans.map(({ from, to }) => (from === to ? from : `${from} to ${to}`)).join(", ");
  return [
    ...(reason === null ? [] : [reason]),
    ...(missingDays.length === 0 ? [] : [`missing ${days(missingDays)}${accepted ? " (accepted)" : ""}`]),
    ...(unsettledDays.length === 0 || finalBasis === "invoice" ? [] : [`may still grow: ${days(unsettledDays)}`]),
    ...(notFinalBecause === null ? [] : [notFinalBecause]),
    ...notes,
  ];
}

/** Costs of one or more currencies, each on a line of its own. */
export function money(cost: CurrencySums, figures: Figures): Markup[] {
  return Object.entries(cost).map(([currency, amount]) => html`<div>${figures.money(amount)} ${currency}</div>`);
}
