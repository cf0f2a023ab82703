import type { AccountNames } from "../answers/bills.ts";
import { html, type Markup } from "../drawing/markup.ts";
import { addressOf, filterParts, type View } from "./address.ts";
import { accountName, nameOfKey } from "./names.ts";

/** The filters of a page, each with a link that removes it; a sentence where there are none. Accounts are shown with their names. */
export function chips(path: string, view: View, without: string, names: AccountNames): Markup {
  if (view.filters.length === 0) return html`<p class="note">${without}</p>`;
  return html`<ul class="chips">
    ${view.filters.map((filter) => {
      const { name, value } = filterParts(filter);
      const named = accountName(value, name, names);
      const others = view.filters.filter((each) => each !== filter);
      return html`<li>
        <span>${name}</span>
        <b title="${value}">${named ?? nameOfKey(value, name)}</b
        >${named === null ? "" : html` <span>${nameOfKey(value, name)}</span>`}<a
          href="${addressOf(path, { ...view, filters: others })}"
          aria-label="Remove the filter ${filter}"
          >×</a
        >
      </li>`;
    })}${
      view.filters.length > 1
        ? html`<li class="all"><a href="${addressOf(path, { ...view, filters: [] })}">Remove all</a></li>`
        : ""
    }
  </ul>`;
}
