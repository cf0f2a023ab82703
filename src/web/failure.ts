import { bytesInWords } from "../drawing/figures.ts";
import { html } from "../drawing/markup.ts";
import { BillhouseError, describeError } from "../errors.ts";
import type { View } from "./address.ts";
import type { Page } from "./page.ts";

/** The statuses of answers to requests that failed. */
export type FailureStatus = 400 | 403 | 500 | 503;

/** Whether an error is an answer to the person who looks at the page, and no fault of the server. */
export function isExpected(error: unknown): boolean {
  return (
    error instanceof BillhouseError && ["LIMIT_EXCEEDED", "USAGE_INVALID", "WAREHOUSE_NOT_FOUND"].includes(error.code)
  );
}

/** The page of an error: what happened, and what to do. A page that would bill more than allowed has a link that allows it. */
export function failurePage(
  error: unknown,
  path: string,
  view: View,
  address: string,
): { readonly page: Page; readonly status: FailureStatus } {
  const { code, message, hint } = describeError(error);
  const title = titles[code] ?? "Something went wrong";
  const bytes = bytesOf(error);
  const confirmed = new URL(address, "http://localhost");
  confirmed.searchParams.set("bytes", String(bytes));
  const way =
    bytes !== null
      ? html`<a class="button" href="${confirmed.pathname}${confirmed.search}">Show it for ${bytesInWords(bytes)}</a>`
      : code === "USAGE_INVALID"
        ? html`<a class="button" href="${path.includes(":") ? "/" : path}">Show the page as usual</a>`
        : "";
  const body = html`<section class="failure">
    <h1>${title}</h1>
    <p>${message}</p>
    <p class="hint">${hint}</p>
    <p>${way} <code>${code}</code></p>
  </section>`;
  return { page: { title, path, view, body }, status: statusOf(error) };
}

const titles: Readonly<Record<string, string>> = {
  LIMIT_EXCEEDED: "This page is not free",
  USAGE_INVALID: "This page cannot be shown",
  WAREHOUSE_NOT_FOUND: "Nothing is loaded yet",
};

function bytesOf(error: unknown): number | null {
  const cause: unknown = error instanceof BillhouseError ? error.cause : undefined;
  return typeof cause === "object" && cause !== null && "bytes" in cause && typeof cause.bytes === "number"
    ? cause.bytes
    : null;
}

/** The status of the answer to a request that failed. */
export function statusOf(error: unknown): FailureStatus {
  if (!(error instanceof BillhouseError)) return 500;
  return statuses[error.code] ?? 503;
}

const statuses: Readonly<Record<string, FailureStatus>> = { LIMIT_EXCEEDED: 403, USAGE_INVALID: 400 };
