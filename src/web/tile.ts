import { BillhouseError } from "../errors.ts";
import { html, type Markup } from "../drawing/markup.ts";
import { addressOf, type View } from "./address.ts";
import type { QuestionName } from "./questions.ts";

/** A part of a page with a title. */
export interface Tile {
  readonly title: string;
  readonly note?: string | Markup;
  /** Links or a form beside the title. */
  readonly actions?: Markup;
  readonly body: Markup;
  /** Where its figures come from; absent where that is said in the body. */
  readonly source?: { readonly question: QuestionName; readonly view: View };
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

function sourceLinks({ question, view }: NonNullable<Tile["source"]>, title: string): Markup {
  return html`<footer>
    <a href="${addressOf(`/source/${question}`, view)}" aria-label="SQL and receipts of: ${title}">SQL and receipts</a
    ><a href="${addressOf(`/csv/${question}.csv`, view)}" aria-label="CSV of: ${title}">CSV</a>
  </footer>`;
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
