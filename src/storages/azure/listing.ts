import type { BlobItem, ContainerListBlobHierarchySegmentResponse } from "@azure/storage-blob";

import type { StoredObject } from "../../model.ts";
import { retry } from "../../retry.ts";
import { keyOutside } from "../reading.ts";
import { leavesRoot } from "../storage.ts";
import type { Client } from "./client.ts";
import { explain, foreign } from "./failures.ts";
import { isFolder, toObject } from "./objects.ts";

/**
 * The contract's `list`, in the order of bytes.
 *
 * Azure promises no such order: accounts with a hierarchical namespace list folder by folder (`a/x` before `a-b/x`), and
 * UTF-16 sorts other than UTF-8. So what fits into one page is sorted here; what does not is asked for folder by folder,
 * and the entries of each are sorted. In memory are one page, and the entries that lie directly in each folder on the
 * way down.
 */
export async function* list(client: Client, prefix: string): AsyncGenerator<StoredObject> {
  if (leavesRoot(prefix)) throw keyOutside(client.url, prefix);
  if (!prefix.isWellFormed()) return;
  yield* below(client, prefix === "" ? "" : prefix.replace(/\/*$/u, "/"));
}

/** A blob, or a folder, whose name ends in `/`. */
interface Entry {
  readonly name: string;
  readonly blob?: BlobItem;
}

interface Page {
  readonly entries: readonly Entry[];
  readonly next: string | undefined;
}

async function* below(client: Client, folder: string): AsyncGenerator<StoredObject> {
  const all = await firstEntries(client, folder);
  if (all !== undefined) {
    yield* objectsOf(client, all);
    return;
  }
  const entries: Entry[] = [];
  for (let next: string | undefined, isFirst = true; isFirst || next !== undefined; isFirst = false) {
    const page = await askForPage(client, folder, next, true);
    entries.push(...page.entries);
    next = page.next;
  }
  for (const entry of inByteOrder(entries)) {
    if (entry.blob === undefined) yield* below(client, entry.name);
    else yield* objectsOf(client, [entry]);
  }
}

/** Everything below a folder where that is not more than a page; Azure may give it in several. */
async function firstEntries(client: Client, folder: string): Promise<readonly Entry[] | undefined> {
  const entries: Entry[] = [];
  let next: string | undefined;
  do {
    const page = await askForPage(client, folder, next, false);
    entries.push(...page.entries);
    next = page.next;
    if (next !== undefined && entries.length >= client.pageSize) return undefined;
  } while (next !== undefined);
  return inByteOrder(entries);
}

function* objectsOf(client: Client, entries: readonly Entry[]): Generator<StoredObject> {
  for (const { name, blob } of entries) {
    if (blob === undefined || isFolder(blob.metadata) || name.endsWith("/") || leavesRoot(name)) continue;
    yield toObject(client, name, blob.properties);
  }
}

async function askForPage(
  client: Client,
  folder: string,
  continuationToken: string | undefined,
  isByFolder: boolean,
): Promise<Page> {
  const how = {
    maxPageSize: client.pageSize,
    ...(continuationToken === undefined ? {} : { continuationToken }),
  };
  try {
    return await retry(client, async (abortSignal) => {
      const what = { includeMetadata: true, abortSignal, ...(folder === "" ? {} : { prefix: folder }) };
      const pages = isByFolder
        ? client.container.listBlobsByHierarchy("/", what).byPage(how)
        : client.container.listBlobsFlat(what).byPage(how);
      const step = await pages.next().catch((error: unknown) => {
        // The SDK stumbles over an answer that is no listing.
        throw error instanceof TypeError ? foreign(client.url) : error;
      });
      // Whoever stands between may answer with a page of their own, and that would pass for an empty listing.
      if (step.done === true || step.value.containerName !== client.name) throw foreign(client.url);
      const { segment, continuationToken: next } = step.value;
      const { blobPrefixes: folders = [] } = segment as Partial<ContainerListBlobHierarchySegmentResponse["segment"]>;
      const blobs = segment.blobItems.map((blob) => ({ name: blob.name, blob }));
      return { entries: [...folders.map(({ name }) => ({ name })), ...blobs], next: next === "" ? undefined : next };
    });
  } catch (error) {
    throw explain(client, error);
  }
}

function inByteOrder(entries: readonly Entry[]): readonly Entry[] {
  return entries
    .map((entry) => ({ entry, bytes: Buffer.from(entry.name) }))
    .toSorted((left, right) => Buffer.compare(left.bytes, right.bytes))
    .map(({ entry }) => entry);
}
