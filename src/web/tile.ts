import type { Answer, AnswerLoad } from "../answers/loads.ts";
import { age, type Figures } from "../drawing/figures.ts";
import { BillhouseError } from "../errors.ts";
import { html, type Markup } from "../drawing/markup.ts";
import { addressOf, type View } from "./address.ts";
import type { PageContext } from "./page.ts";
import type { QuestionName } from "./questions.ts";

/** Where the figures of a tile come from. */
export interface TileSource {
  readonly loads: readonly AnswerLoad[];
  /** Where the receipts, the SQL and the rows are; absent for what there is not. */
  readonly links: { readonly receipts: string; readonly sql?: string; readonly csv: string };
  readonly context: Pick<PageContext, "figures" | "now">;
}

/** The source of a tile that shows the answer to a question with an address. */
export function sourceOf(
  question: QuestionName,
  view: View,
  { loads }: Pick<Answer, "loads">,
  context: TileSource["context"],
): TileSource {
  const receipts = addressOf(`/source/${question}`, view);
  const links = { receipts, sql: `${receipts}#sql`, csv: addressOf(`/csv/${question}.csv`, view) };
  return { loads, links, context };
}

/** A part of a page with a title. */
export interface Tile {
  readonly title: string;
  readonly note?: string | Markup;
  /** Links or a form beside the title. */
  readonly actions?: Markup;
  readonly body: Markup;
  /** Where its figures come from; absent where that is said in the body. */
  readonly source?: TileSource;
  /** The end of an address that leads to it. */
  readonly id?: string;
  /** Classes that place it on the page. */
  readonly place?: string;
}

/** A tile as a section of a page. Below it are links to its rows as CSV, its SQL and its receipts. */
export function drawTile({ title, note, actions, body, source, id, place = "" }: Tile): Markup {
  return html`<section class="tile ${place}" ${id === undefined ? "" : html` id="${id}"`}>
    <header>
      <div>
        <h2>${title}</h2>
        ${note === undefined ? "" : html`<p class="note">${note}</p>`}
      </div>
      ${actions ?? ""}
    </header>
    ${body} ${source === undefined ? "" : sourceLinks(source, title)}
  </section>`;
}

function sourceLinks({ loads, links, context }: TileSource, title: string): Markup {
  const link = (address: string, name: string): Markup =>
    html`<a href="${address}">${name}<span class="hidden"> of: ${title}</span></a>`;
  return html`<footer>
    ${link(links.receipts, receiptInWords(loads, context))}${
      links.sql === undefined ? "" : link(links.sql, "SQL")
    }${link(links.csv, "CSV")}
  </footer>`;
}

/** The loads that figures come from: `12 deliveries, 1,204,331 rows, verified 2 h ago`. */
export function receiptInWords(
  loads: readonly AnswerLoad[],
  { figures, now }: Pick<PageContext, "figures" | "now">,
): string {
  const deliveries = loads.reduce((sum, { executionIds }) => sum + executionIds.length, 0);
  const rows = loads.reduce((sum, load) => sum + (load.rows ?? 0), 0);
  const [oldest] = loads.flatMap(({ verifiedAt }) => verifiedAt ?? []).toSorted();
  const unverified = loads.filter(({ verifiedAt }) => verifiedAt === null).length;
  const verified =
    unverified > 0
      ? `${unverified} of ${loads.length} loads not verified`
      : oldest === undefined
        ? "nothing is loaded"
        : `verified ${age(oldest, now)}`;
  return `${counted(deliveries, "delivery", "deliveries", figures)}, ${counted(rows, "row", "rows", figures)}, ${verified}`;
}

function counted(count: number, one: string, many: string, figures: Figures): string {
  return `${figures.count(count)} ${count === 1 ? one : many}`;
}

/** A tile whose answer failed: what happened, and what to do. Other errors are bugs, and are thrown. */
export function failedTile(title: string, error: unknown, place?: string): Markup {
  if (!(error instanceof BillhouseError)) throw error;
  return drawTile({
    title,
    ...(place === undefined ? {} : { place }),
    body: html`<div class="empty">
      <p>${error.message}</p>
      <p class="hint">${error.hint}</p>
    </div>`,
  });
}

/** The tile of an answer, or of why there is none. */
export async function tileOr(title: string, draw: () => Promise<Markup>, place?: string): Promise<Markup> {
  try {
    return await draw();
  } catch (error) {
    return failedTile(title, error, place);
  }
}
