import { validate, type ValidateResult } from "../../answers/validate.ts";
import type { ReadSource } from "../../pipeline/open.ts";
import type { Config } from "../../config/config.ts";
import { html, type Markup } from "../../drawing/markup.ts";
import type { BillingMonth } from "../../model.ts";
import { addressOf, focusVersions, type View } from "../address.ts";
import { monthSwitch } from "../controls.ts";
import { answerTo, type CsvFile, loadedMonths, loadedStatus, type Page, type PageContext } from "../page.ts";
import { periodOf, type Question, receiptsQuestion } from "../questions.ts";
import { drawTile, type TileSource } from "../tile.ts";
import { failuresTile, scoresTile, undecidableTile } from "./quality-tiles.ts";

type Verdicts = Omit<ValidateResult, keyof ReadSource>;

const qualityQuestion: Question<Verdicts> = {
  title: "Quality",
  reads: ["from", "to", "focus"],
  ask: verdictsOf,
  table: ({ results }) => ({
    columns: "export billing_month rule verdict origin rows counted reason text".split(" "),
    rows: results.map(({ pipeline, billingMonth, rule, verdict, origin, rows, counted, reason, text }) => [
      pipeline,
      billingMonth,
      rule,
      verdict,
      origin,
      String(rows),
      counted,
      reason,
      text,
    ]),
  }),
};

/** The verdicts of all exports. They are checked one after the other: all in one statement take more memory than a server has. */
async function verdictsOf(config: Config, view: View): Promise<Verdicts> {
  const found: Verdicts[] = [];
  for (const { name } of config.pipelines) {
    found.push(await validate(config, { pipelines: [name], months: periodOf(view), version: view.focus }));
  }
  return {
    version: view.focus,
    ok: found.every(({ ok }) => ok),
    scores: found.flatMap(({ scores }) => scores),
    results: found.flatMap(({ results }) => results),
    withoutRows: found.flatMap(({ withoutRows }) => withoutRows),
  };
}

/** Which rules of FOCUS the rows of the view keep, by export and month. */
export async function qualityPage(context: PageContext): Promise<Page> {
  const months = loadedMonths(await loadedStatus(context));
  const view = viewOfMonths(context, months);
  const result = (await answerTo(context, qualityQuestion, { view })).result;
  const { from = "", to = "" } = view;
  const period = from === to ? to : `${from} to ${to}`;
  const { loads } = (await answerTo(context, receiptsQuestion, { view })).result;
  const csv = addressOf("/quality/rules.csv", view);
  const source: TileSource = { loads, links: { receipts: "/loads", csv }, context };
  const body = html`<div class="head">
      <div>
        <h1>Quality in ${period}</h1>
        <p class="note">
          The MUST and MUST NOT rules of FOCUS ${result.version}, checked on the rows of
          <code>focus_v${result.version.replace(".", "_")}</code>, as <code>billhouse validate</code> does.
        </p>
      </div>
      <div class="switches">
        ${versionSwitch(view)}${monthSwitch("/quality", view, months)}${allMonths(view, months)}
      </div>
    </div>
    <div class="tiles">
      ${
        result.scores.length === 0
          ? drawTile({
              title: "Scores",
              place: "wide",
              body: html`<div class="empty"><p>There are no rows in the FOCUS view in ${period}.</p></div>`,
            })
          : [scoresTile(result, source, context), failuresTile(result, context), undecidableTile(result, context)]
      }
    </div>`;
  return { title: `Quality in ${period}`, path: "/quality", view, body };
}

/** Every rule with its verdict, for each export and month of the page. */
export async function qualityCsv(context: PageContext): Promise<CsvFile> {
  const view = viewOfMonths(context, loadedMonths(await loadedStatus(context)));
  return { name: "rules", table: qualityQuestion.table((await answerTo(context, qualityQuestion, { view })).result) };
}

/** The view with the months that are checked: those that it names, else the newest loaded month that is over. */
function viewOfMonths({ view, now }: Pick<PageContext, "view" | "now">, months: readonly BillingMonth[]): View {
  const thisMonth = now.toISOString().slice(0, 7);
  const newest = months.at(-1);
  const chosen = view.from === undefined ? (months.findLast((month) => month < thisMonth) ?? newest) : newest;
  const to = view.to ?? chosen;
  return { ...view, from: view.from ?? to, to };
}

function versionSwitch(view: View): Markup {
  return html`<nav class="switch" aria-label="Version of FOCUS">
    ${focusVersions.map(
      (version) =>
        html`<a
          href="${addressOf("/quality", { ...view, focus: version })}"
          ${version === view.focus ? html` aria-current="true"` : ""}
          >FOCUS ${version}</a
        >`,
    )}
  </nav>`;
}

function allMonths(view: View, months: readonly BillingMonth[]): Markup | "" {
  const [from, to] = [months[0], months.at(-1)];
  if (from === to || (view.from === from && view.to === to)) return "";
  return html`<a class="button" href="${addressOf("/quality", { ...view, from, to })}">All months</a>`;
}
