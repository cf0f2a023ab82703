import type { AnswerLoad } from "../../answers/loads.ts";
import { minute } from "../../drawing/figures.ts";
import { html, type Markup } from "../../drawing/markup.ts";
import { BillhouseError, quoted } from "../../errors.ts";
import { addressOf } from "../address.ts";
import type { Page, PageContext } from "../page.ts";
import { type NamedQuestion, type QuestionName, questions } from "../questions.ts";
import { drawTile, receiptInWords } from "../tile.ts";

/** Where the figures of a tile come from: the SQL, and the receipts of the loads that it reads. Error: USAGE_INVALID. */
export async function sourcePage(context: PageContext): Promise<Page> {
  const { question: name = "" } = context.parameters;
  const question = questionOf(name);
  const { publication, view, now, config } = context;
  const { result, statements } = await publication.ask((bound) => question.ask(bound, view, { now }));
  const body = html`<div class="head">
      <div>
        <h1>Sources of “${question.title}”</h1>
        <p class="note">
          ${receiptInWords(result.loads, context)}. Rows and sums are compared with the files in the transaction of
          every load.
        </p>
      </div>
      <div class="switches"><a class="button" href="${addressOf(`/csv/${name}.csv`, view)}">CSV</a></div>
    </div>
    <div class="tiles">
      ${receiptsTile(result.loads, context)}${sqlTiles([...new Set(statements)], config.warehouse.kind)}
    </div>`;
  return { title: `Sources of “${question.title}”`, path: "", view, body };
}

/** The statements that add up the figures, and, folded below, those that only find out which months and exports count. */
function sqlTiles(statements: readonly string[], kind: "duckdb" | "bigquery"): Markup[] {
  const [figures, others] = [statements.filter(isOfFigures), statements.filter((sql) => !isOfFigures(sql))];
  const note = html`<code>billhouse query -</code> reads it from standard input`;
  const block = (sql: string): Markup => html`<pre data-copy>${brokenSql(sql, kind)}</pre>`;
  const tiles = figures.map((sql, index) =>
    drawTile({
      title: figures.length === 1 ? "SQL" : `SQL, statement ${index + 1} of ${figures.length}`,
      note,
      ...(index === 0 ? { id: "sql" } : {}),
      place: "wide",
      body: block(sql),
    }),
  );
  if (others.length === 0) return tiles;
  const count = others.length === 1 ? "1 statement" : `${others.length} statements`;
  const preparation = drawTile({
    title: "Before it",
    note: "What is asked first: which months have sums that are kept, and which exports count",
    place: "wide",
    body: html`<details>
      <summary>Show ${count}</summary>
      ${others.map(block)}
    </details>`,
  });
  return [...tiles, preparation];
}

/** Whether a statement adds up charges. */
function isOfFigures(sql: string): boolean {
  return /\bSUM\(/u.test(sql);
}

/** A question by the name in an address. Error: USAGE_INVALID. */
export function questionOf(name: string): NamedQuestion {
  if (Object.hasOwn(questions, name)) return questions[name as QuestionName];
  throw new BillhouseError("USAGE_INVALID", `${quoted(name)} is not the name of an answer.`, {
    hint: `Choose from ${Object.keys(questions).join(", ")}.`,
  });
}

function receiptsTile(loads: readonly AnswerLoad[], { figures }: PageContext): Markup {
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
            <th scope="col">loaded</th>
            <th scope="col">verified</th>
            <th scope="col" class="n">rows</th>
          </tr>
        </thead>
        <tbody>
          ${loads.map(
            ({ export: name, billingMonth, executionIds, loadedAt, verifiedAt, rows }) =>
              html`<tr>
                <td>${name}</td>
                <td><a href="/loads/${name}/${billingMonth}">${billingMonth}</a></td>
                <td class="minor">${executionIds.map((id) => html`<div>${id}</div>`)}</td>
                <td>${loadedAt === null ? "" : minute(loadedAt)}</td>
                <td>${verifiedAt === null ? "no" : minute(verifiedAt)}</td>
                <td class="n">${rows === null ? "" : figures.count(rows)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`,
  });
}

/** A statement with a line for each clause, and for each column. The text of values is not changed. */
function brokenSql(sql: string, kind: "duckdb" | "bigquery"): string {
  const literal = { duckdb: /'(?:[^']|'')*'/u, bigquery: /'(?:[^'\\]|\\.)*'/su }[kind];
  const pattern = new RegExp(
    `${literal.source}|(?<clause> (?:FROM|WHERE|GROUP BY|ORDER BY) )|(?<column> AS ["\\x60]\\w+["\\x60], )`,
    "gsu",
  );
  return sql.replaceAll(pattern, (whole: string, clause: string | undefined, column: string | undefined) =>
    clause === undefined ? (column === undefined ? whole : `${column.trimEnd()}\n  `) : `\n${clause.trim()} `,
  );
}
