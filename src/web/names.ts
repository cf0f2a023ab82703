import type { AccountNames } from "../answers/bills.ts";
import { addressOf, filterParts, type View } from "./address.ts";
import { html, type Markup } from "../drawing/markup.ts";

/** What charges without a value of a dimension are called. */
export function nameOfKey(key: string | null, dimension: string): string {
  if (key === null || key === "") return `(no ${dimension.replace(/^tag:/u, "")})`;
  return shortened.has(dimension) ? (key.split(/[/:]/u).findLast((part) => part !== "") ?? key) : key;
}

/** Dimensions whose values are paths and ARNs, of which the last part is a name. */
const shortened: ReadonlySet<string> = new Set(["account", "resource", "commitment", "payer"]);

/** A value of a dimension as a link that shows only its charges. A name of its own can be shown instead of the value. */
export function filterLink(
  key: string | null,
  dimension: string,
  view: View,
  by: string,
  name: string | null = null,
): Markup {
  const filter = `${dimension}=${key ?? ""}`;
  const filters = view.filters.includes(filter) ? view.filters : [...view.filters, filter];
  const shown = name ?? nameOfKey(key, dimension);
  return html`<a
    href="${addressOf("/costs", { ...view, filters, by })}"
    ${shown === key ? "" : html` title="${key ?? ""}"`}
    >${shown}</a
  >`;
}

/** What cost without a tag is called, with any tag for null. */
export function untaggedTitle(tag: string | null): string {
  return tag === null ? "Cost without any tag" : `Cost without the tag ${tag}`;
}

/** The name of a sub-account, where the bills or the list of accounts have one; else, and for other dimensions, null. */
export function accountName(key: string | null | undefined, dimension: string, names: AccountNames): string | null {
  return dimension === "account" && key !== null && key !== undefined && Object.hasOwn(names, key)
    ? (names[key] ?? null)
    : null;
}

/** The dimension that a group is looked at by next, from the largest to the smallest. */
export function nextDimension(dimension: string): string {
  const order = ["cloud", "service", "account", "resource", "meter"];
  const index = order.indexOf(dimension);
  if (index === -1)
    return dimension.startsWith("tag:") || dimension === "region" || dimension === "category" ? "service" : "resource";
  return order[Math.min(index + 1, order.length - 1)] ?? "meter";
}

/** What a page is about: the days that its filters choose, else its months. */
export function periodInWords({ from = "", to = "", filters }: View): string {
  const days = filters.map(filterParts).filter(({ name, value }) => name === "day" && value !== "");
  if (days.length > 0) return days.map(({ value }) => value).join(", ");
  return from === to ? from : `${from} to ${to}`;
}

/** A month in words: `October 2026`. */
export function monthInWords(month: string): string {
  return new Date(`${month}-01T00:00:00Z`).toLocaleDateString("en-GB", {
    month: "long",
    year: "numeric",
    timeZone: "UTC",
  });
}

/** The states of months as people read them. */
export const stateNames: Readonly<Record<string, string>> = {
  open: "open",
  estimated: "estimated",
  final: "final",
  "restated-after-final": "restated",
  partial: "partial",
  waiting: "waiting",
  refused: "refused",
  missing: "missing",
  forgotten: "forgotten",
};
