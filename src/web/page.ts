import { setTimeout as sleep } from "node:timers/promises";
import type { Config } from "../config/config.ts";
import type { Figures } from "../drawing/figures.ts";
import type { Markup } from "../drawing/markup.ts";
import type { BillingMonth } from "../model.ts";
import { status, type StatusResult } from "../pipeline/status.ts";
import { plainView, type View } from "./address.ts";
import type { Answered, Publication } from "./bills.ts";
import type { Asked, Table } from "./questions.ts";

/** What a page is made from. */
export interface PageContext {
  readonly publication: Publication;
  readonly config: Config;
  readonly view: View;
  readonly figures: Figures;
  readonly now: Date;
  /** The parts of the path of the page that vary, by name. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** A page without what all pages have. */
export interface Page {
  readonly title: string;
  /** Its path in the navigation. */
  readonly path: string;
  /** The view with everything that the page chose, for links to other pages. */
  readonly view: View;
  readonly body: Markup;
}

/** A table that a page offers as a file. */
export interface CsvFile {
  /** The name of the file, without its ending. */
  readonly name: string;
  readonly table: Table;
}

/** Asks a question about the parts of a view that it reads. Errors: those of the question. */
export function answerTo<T>(
  { publication, now, view }: PageContext,
  question: Asked<T>,
  { view: other = view, top }: { readonly view?: View; readonly top?: number } = {},
): Promise<Answered<T>> {
  const scope = { now, ...(top === undefined ? {} : { top }) };
  const read: View = { ...plainView, ...Object.fromEntries(question.reads.map((name) => [name, other[name]])) };
  // The hour decides which months are open.
  const asked = JSON.stringify([question.title, read, top, now.toISOString().slice(0, 13)]);
  return publication.remember(`answer ${asked}`, () => publication.ask((config) => question.ask(config, read, scope)));
}

/** What is loaded, without looking into the storages. */
export async function loadedStatus({
  publication,
  now,
}: Pick<PageContext, "publication" | "now">): Promise<StatusResult> {
  return (await publication.ask((config) => status(config, { offline: true, now }))).result;
}

/** How long what the storages held is kept, in milliseconds: listing them takes seconds and costs requests. */
const listingAge = 600_000;

/**
 * What is loaded and what waits in the storages, as far as they were listed within some milliseconds; else, and until they
 * have been listed, null. They are listed at most every ten minutes.
 */
export async function statusWithStorages(
  { publication, now }: Pick<PageContext, "publication" | "now">,
  wait: number,
): Promise<StatusResult | null> {
  const question = `storages ${Math.floor(now.getTime() / listingAge)}`;
  const listed = publication.remember(
    question,
    async () => (await publication.ask((config) => status(config, { now }))).result,
  );
  // A storage that cannot be listed is a note of the result; any other error is that of the pages.
  return Promise.race([listed.catch(() => null), sleep(wait, null, { ref: false })]);
}

/** The months of which some export has rows, the oldest first. */
export function loadedMonths({ pipelines }: StatusResult): readonly BillingMonth[] {
  const months = pipelines.flatMap((each) => each.months.filter(({ finality }) => finality !== null));
  return [...new Set(months.map(({ billingMonth }) => billingMonth))].toSorted();
}
