import { age, minute } from "../../drawing/figures.ts";
import { html, type Markup } from "../../drawing/markup.ts";
import { BillhouseError } from "../../errors.ts";
import type { HistoryLoad } from "../../pipeline/history.ts";
import { addressOf } from "../address.ts";
import type { Page, PageContext } from "../page.ts";
import { type QuestionName, questions } from "../questions.ts";
import { drawTile } from "../tile.ts";
import { loadHistory } from "../trust.ts";
import { money } from "./loads.ts";

/** Where the figures of a tile come from: the SQL, and the receipts of the loads that it reads. Error: USAGE_INVALID. */
export async function sourcePage(context: PageContext): Promise<Page> {
  const { question: name = "" } = context.parameters;
  const question = questionOf(name);
  const { publication, view, now } = context;
  const [{ statements }, history] = await Promise.all([
    publication.ask((config) => question.table(config, view, { now })),
    loadHistory(context),
  ]);
  const months =
    view.from === undefined
      ? []
      : history.filter(
          (load) => load.current && load.billingMonth >= (view.from ?? "") && load.billingMonth <= (view.to ?? ""),
        );
  const body = html`<div class="head">
      <div>
        <h1>${question.title}: source</h1>
        <p class="note">${receiptsInWords(months, context)}</p>
      </div>
      <div class="switches"><a class="button" href="${addressOf(`/csv/${name}.csv`, view)}">CSV</a></div>
    </div>
    <div class="tiles">
      ${statements.map((sql, index) =>
        drawTile({
          title: statements.length === 1 ? "SQL" : `SQL, statement ${index + 1} of ${statements.length}`,
          note: html`It runs as it is: <code>billhouse query -</code>`,
          place: "wide",
          body: html`<pre data-copy>${brokenSql(sql)}</pre>`,
        }),
      )}${months.length === 0 ? "" : receiptsTile(months, context)}
    </div>`;
  return { title: `${question.title}: source`, path: "", view, body };
}

/** A question by the name in an address. Error: USAGE_INVALID. */
export function questionOf(name: string): (typeof questions)[QuestionName] {
  if (Object.hasOwn(questions, name)) return questions[name as QuestionName];
  throw new BillhouseError("USAGE_INVALID", `There is no answer ${JSON.stringify(name)}.`, {
    hint: `Choose from ${Object.keys(questions).join(", ")}.`,
  });
}

function receiptsInWords(loads: readonly HistoryLoad[], { figures, now }: PageContext): string {
  if (loads.length === 0) return "Computed from the view focus_costs.";
  const deliveries = loads.reduce((sum, { executionIds }) => sum + executionIds.length, 0);
  const rows = loads.reduce((sum, load) => sum + load.rows, 0);
  const newest =
    loads
      .map(({ loadedAt }) => loadedAt)
      .toSorted()
      .at(-1) ?? "";
  return `Computed from ${figures.count(deliveries)} deliveries with ${figures.count(rows)} rows. Rows and sums were compared with the files when they were loaded; the newest load was ${age(newest, now)}.`;
}

function receiptsTile(loads: readonly HistoryLoad[], { figures }: PageContext): Markup {
  return drawTile({
    title: "Receipts",
    place: "wide",
    body: html`<div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">export</th>
            <th scope="col">month</th>
            <th scope="col">deliveries</th>
            <th scope="col">loaded and proved</th>
            <th scope="col" class="n">rows</th>
            <th scope="col" class="n">cost</th>
          </tr>
        </thead>
        <tbody>
          ${loads.map(
            ({ pipeline, billingMonth, executionIds, loadedAt, rows, cost }) =>
              html`<tr>
                <td>${pipeline}</td>
                <td><a href="/loads/${pipeline}/${billingMonth}">${billingMonth}</a></td>
                <td class="minor">${executionIds.map((id) => html`<div>${id}</div>`)}</td>
                <td>${minute(loadedAt)}</td>
                <td class="n">${figures.count(rows)}</td>
                <td class="n">${money(cost ?? {}, figures)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`,
  });
}

/** A statement with a line for each clause, and for each column. The text of values is not changed. */
function brokenSql(sql: string): string {
  return sql.replaceAll(
    /'(?:[^']|'')*'|( (?:FROM|WHERE|GROUP BY|ORDER BY) )|( AS v\d+, )/gu,
    (whole, clause: string | undefined, column: string | undefined) =>
      clause === undefined ? (column === undefined ? whole : `${column.trimEnd()}\n  `) : `\n${clause.trim()} `,
  );
}
