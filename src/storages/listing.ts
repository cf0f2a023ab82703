import type { StoredObject } from "../model.ts";
import { keyOutside } from "./reading.ts";
import { leavesRoot } from "./storage.ts";

/** One page of a listing. */
export interface Page {
  readonly objects: readonly StoredObject[];
  /** What the next page is asked for with; undefined after the last one. */
  readonly next: string | undefined;
}

/**
 * The contract's `list` of a service that lists in the order of bytes: page after page below a folder, whose name ends in
 * `/` or is empty. An object whose name ends in `/` stands for a folder and is none.
 */
export async function* listPages(
  url: string,
  prefix: string,
  pageOf: (folder: string, token: string | undefined) => Promise<Page>,
): AsyncGenerator<StoredObject> {
  if (leavesRoot(prefix)) throw keyOutside(url, prefix);
  if (!prefix.isWellFormed()) return;
  const folder = prefix === "" ? "" : prefix.replace(/\/*$/u, "/");
  let token: string | undefined;
  do {
    const { objects, next } = await pageOf(folder, token);
    yield* objects.filter(({ key }) => !key.endsWith("/") && !leavesRoot(key));
    token = next;
  } while (token !== undefined);
}
