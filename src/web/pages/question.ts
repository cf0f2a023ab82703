import { ask, listQuestions, type QuestionResult } from "../../answers/questions.ts";
import { html, type Markup } from "../../drawing/markup.ts";
import { addressOf, type View } from "../address.ts";
import { rankingFor } from "../colours.ts";
import { currencyOf, currencySwitch, monthSwitch } from "../controls.ts";
import { answerTo, type CsvFile, loadedMonths, loadedStatus, type Page, type PageContext } from "../page.ts";
import { receiptsQuestion } from "../questions.ts";
import { drawTile, type TileSource } from "../tile.ts";
import { amountColumns, cellText, chartTile, currencyColumn } from "./question-chart.ts";

/** How many rows are listed; CSV has all. */
const listed = 500;

/** A question with its answer as a table, its SQL, and a chart where one amount of each row can be compared. */
export async function questionPage(context: PageContext): Promise<Page> {
  const [status, result] = await Promise.all([loadedStatus(context), answerOf(context)]);
  const { name, title, from, to, sql } = result;
  const path = `/questions/${name}`;
  const currencies = [...new Set(result.rows.map((row) => String(row[currencyColumn] ?? "")))];
  const currency = currencyOf(context.view, currencies);
  const view: View = { ...context.view, to, from: isOneMonth(context.view) ? to : from, currency };
  const period = from === to ? to : `${from} to ${to}`;
  const difference = listQuestions().questions.find((each) => each.name === name)?.difference ?? null;
  const months = loadedMonths(status);
  const ranking = await rankingFor({ by: "service", currency }, months, context);
  const chart = chartTile(result, currency, view, { ...context, ranking });
  const { loads } = (await answerTo(context, receiptsQuestion, { view: { ...view, from, to } })).result;
  const csv = addressOf(`${path}/answer.csv`, view);
  const source: TileSource = { loads, links: { receipts: "/loads", sql: "#sql", csv }, context };
  const body = html`<div class="head">
      <div>
        <p class="note"><a href="${addressOf("/questions", view)}">Questions</a> › ${name}</p>
        <h1>${title}</h1>
        <p class="note">${period}. ${difference ?? ""}</p>
      </div>
      <div class="switches">
        ${chart === "" ? "" : currencySwitch(path, view, currencies)}${monthSwitch(path, view, months)}
      </div>
    </div>
    <div class="tiles">
      ${chart}${tableTile(result, source, context)}${drawTile({
        title: "SQL",
        id: "sql",
        note: html`<code>billhouse query -</code> reads it from standard input`,
        place: "wide",
        body: html`<pre data-copy>${sql}</pre>`,
      })}
    </div>`;
  return { title, path: "/questions", view, body };
}

/** All rows of the answer to a question, with exact amounts. */
export async function questionCsv(context: PageContext): Promise<CsvFile> {
  const { name, columns, rows } = await answerOf(context);
  const names = columns.map((column) => column.name);
  const text = (value: QuestionResult["rows"][number][string] | undefined): string | null =>
    value === null || value === undefined ? null : String(value);
  return { name, table: { columns: names, rows: rows.map((row) => names.map((each) => text(row[each]))) } };
}

/** The answer for the months of the view. Error: USAGE_INVALID for an unknown question or a month that is not loaded. */
async function answerOf({ publication, parameters, view, now }: PageContext): Promise<QuestionResult> {
  const { from, to } = view;
  const period = { ...(from === undefined || isOneMonth(view) ? {} : { from }), ...(to === undefined ? {} : { to }) };
  const name = parameters["question"] ?? "";
  return (await publication.ask((config) => ask(config, { name, ...period, now }))).result;
}

/** Whether a view names no period of several months: then the question decides how many months before the last one it is about. */
function isOneMonth({ from, to }: Pick<View, "from" | "to">): boolean {
  return from === undefined || from === to;
}

function tableTile({ columns, rows }: QuestionResult, source: TileSource, { figures }: PageContext): Markup {
  const amounts = amountColumns(columns);
  const place = ({ name, kind }: QuestionResult["columns"][number]): string =>
    kind === "other" && !amounts.includes(name) ? "" : "n";
  return drawTile({
    title: "Answer",
    note: `${figures.count(rows.length)} ${rows.length === 1 ? "row" : "rows"}`,
    source,
    place: "wide",
    body:
      rows.length === 0
        ? html`<div class="empty"><p>There are no such charges in this period.</p></div>`
        : html`<div class="scroll" tabindex="0" role="region" aria-label="Answer">
            <table>
              <thead>
                <tr>
                  ${columns.map((column) => html`<th scope="col" class="${place(column)}">${column.name}</th>`)}
                </tr>
              </thead>
              <tbody>
                ${rows.slice(0, listed).map(
                  (row) =>
                    html`<tr>
                      ${columns.map((column) => html`<td class="${place(column)}">${cellText(column, row[column.name] ?? null, figures)}</td>`)}
                    </tr>`,
                )}${
                  rows.length <= listed
                    ? ""
                    : html`<tr class="rest">
                        <td colspan="${columns.length}">${figures.count(rows.length - listed)} more, in the CSV</td>
                      </tr>`
                }
              </tbody>
            </table>
          </div>`,
  });
}
