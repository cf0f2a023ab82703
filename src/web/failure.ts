import { html } from "../drawing/markup.ts";
import { BillhouseError, describeError } from "../errors.ts";
import type { View } from "./address.ts";
import type { Page } from "./page.ts";

/** Whether an error is an answer to the person who looks at the page, and no fault of the server. */
export function isExpected(error: unknown): boolean {
  return error instanceof BillhouseError && ["USAGE_INVALID", "WAREHOUSE_NOT_FOUND"].includes(error.code);
}

/** The page of an error: what happened, and what to do. */
export function failurePage(
  error: unknown,
  path: string,
  view: View,
): { readonly page: Page; readonly status: 400 | 500 | 503 } {
  const { code, message, hint } = describeError(error);
  const isEmpty = code === "WAREHOUSE_NOT_FOUND";
  const isUsage = code === "USAGE_INVALID";
  const title = isEmpty ? "Nothing is loaded yet" : isUsage ? "This page cannot be shown" : "Something went wrong";
  const body = html`<section class="failure">
    <h1>${title}</h1>
    <p>${message}</p>
    <p class="hint">${hint}</p>
    <p><code>${code}</code> ${isEmpty ? "" : html`<a href="${path}">Show the page as usual</a>`}</p>
  </section>`;
  return { page: { title, path, view, body }, status: statusOf(error) };
}

/** The status of the answer to a request that failed. */
export function statusOf(error: unknown): 400 | 500 | 503 {
  if (!(error instanceof BillhouseError)) return 500;
  return error.code === "USAGE_INVALID" ? 400 : 503;
}
