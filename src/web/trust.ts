import { age, type Figures } from "../drawing/figures.ts";
import { html, type Markup } from "../drawing/markup.ts";
import { history, type HistoryLoad } from "../pipeline/history.ts";
import type { PipelineStatus, StatusResult } from "../pipeline/status.ts";
import type { MonthStatus } from "../pipeline/status/month.ts";
import { stateNames } from "./names.ts";
import type { PageContext } from "./page.ts";

/** How many months of an export are shown as squares. */
const shownMonths = 13;

/** Every load of every month. */
export async function loadHistory({ publication }: Pick<PageContext, "publication">): Promise<readonly HistoryLoad[]> {
  return (await publication.ask((config) => history(config))).result.loads;
}

/** Of each export: how old its data are, what its months are, and what has changed since they were final. */
export function drawTrust(
  { pipelines }: StatusResult,
  loads: readonly HistoryLoad[],
  { figures, now }: Pick<PageContext, "figures" | "now">,
): Markup {
  return html`<section class="trust" aria-label="State of the data">
    <h2 class="hidden">State of the data</h2>
    ${pipelines.map((pipeline) => drawExport(pipeline, loads, figures, now))}
  </section>`;
}

function drawExport(pipeline: PipelineStatus, loads: readonly HistoryLoad[], figures: Figures, now: Date): Markup {
  const { name, months, newestLoad, error } = pipeline;
  if (error !== undefined) {
    return html`<article class="export bad">
      <h3>${name}</h3>
      <p>${error.message}</p>
      <p class="note">${error.hint}</p>
    </article>`;
  }
  const [newest] = months;
  if (newest === undefined || newestLoad === null) {
    return html`<article class="export">
      <h3>${name}</h3>
      <p class="note">Nothing is loaded yet. Run <code>billhouse run</code>.</p>
    </article>`;
  }
  const until =
    months
      .map(({ dataUntil }) => dataUntil ?? "")
      .toSorted()
      .at(-1) ?? "";
  const shown = months.slice(0, shownMonths).toReversed();
  return html`<article class="export">
    <h3><a href="/loads#${name}">${name}</a></h3>
    <p class="facts">
      <span>Data until <b>${until === "" ? "unknown" : until}</b></span
      ><span>loaded ${age(newestLoad, now)}</span>
    </p>
    <ol class="months" aria-label="Months of ${name}">
      ${shown.map((month) => drawMonth(name, month, lastChange(name, month, loads, figures)))}
    </ol>
    <ul class="said">
      ${saidOf(pipeline, loads, figures)}
    </ul>
  </article>`;
}

function drawMonth(
  name: string,
  { billingMonth, state, finalBasis, accepted }: MonthStatus,
  changes: readonly string[],
): Markup {
  const basis = finalBasis === null ? "" : ` by ${finalBasis}`;
  const changed = changes.length === 0 ? "" : `, ${changes.join(", ")} in its last load`;
  const words = `${billingMonth} ${stateNames[state] ?? state}${basis}${accepted ? ", gap accepted" : ""}${changed}`;
  return html`<li>
    <a
      class="month ${state}${changes.length === 0 ? "" : " changed"}"
      href="/loads/${name}/${billingMonth}"
      title="${words}"
      ><span class="hidden">${words}</span></a
    >
  </li>`;
}

/** What the last load of a month that was over changed, such as `+296.08 USD`; empty for an open month, which grows each day. */
export function lastChange(
  name: string,
  { billingMonth, finality }: MonthStatus,
  loads: readonly HistoryLoad[],
  figures: Figures,
): readonly string[] {
  if (finality === "open") return [];
  const load = loads.findLast((each) => each.pipeline === name && each.billingMonth === billingMonth && each.current);
  return Object.entries(load?.change?.cost ?? {})
    .filter(([, amount]) => !/^-?0*\.?0*$/u.test(amount))
    .map(([currency, amount]) => `${figures.change(amount)} ${currency}`);
}

/** A month that changed after it was final, as a link to its changes. */
export function drawRestated(name: string, month: MonthStatus, changes: readonly string[]): Markup {
  const { billingMonth } = month;
  return html`<li class="warn">
    <a href="/loads/${name}/${billingMonth}">${billingMonth} changed after it was final</a>${changes.map(
      (change) => html` <b>${change}</b>`,
    )}
  </li>`;
}

/** What a person should know of an export, the most important first, each with a link to what it is about. */
function saidOf(
  { name, months, attention, missingMonths }: PipelineStatus,
  loads: readonly HistoryLoad[],
  figures: Figures,
): Markup[] {
  const restated = months
    .filter(({ state }) => state === "restated-after-final")
    .map((month) => drawRestated(name, month, lastChange(name, month, loads, figures)));
  const others = attention
    .filter(
      ({ billingMonth }) =>
        !months.some((month) => month.billingMonth === billingMonth && month.state === "restated-after-final"),
    )
    .map(
      ({ billingMonth, kind, reason }) =>
        html`<li class="warn"><a href="/loads#${name}" title="${reason}">${billingMonth ?? ""} ${kind}</a></li>`,
    );
  const [newest, previous] = months;
  const states = [newest, previous].flatMap((month) =>
    month === undefined ? [] : [`${month.billingMonth} ${stateNames[month.state] ?? month.state}`],
  );
  const gaps = missingMonths.length === 0 ? "no gaps" : `${missingMonths.length} months missing`;
  return [
    ...restated,
    ...others,
    html`<li>${states.join(", ")}</li>
      <li>${months.length === 1 ? "1 month" : `${months.length} months`}, ${gaps}</li>`,
  ];
}
