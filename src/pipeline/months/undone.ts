import { createHash } from "node:crypto";
import { executionIdsOf, type Receipt, type ReceiptFile, type UndoneLoad } from "../../model.ts";
import { loadedIds, type LoadedPartition } from "./loaded.ts";

/** What distinguishes one file from another. */
type KnownFile = Pick<ReceiptFile, "key" | "version"> & { readonly checksum?: string | null };

/** A fingerprint of files, independent of their order: SHA-256 of their keys and versions, in hex. */
export function fingerprintOf(files: readonly KnownFile[]): string {
  return digest(files.map(({ key, version }) => [key, version]));
}

/** The same of their keys and checksums, which copying does not change; null if a file lacks one. */
function checksumsOf(files: readonly KnownFile[]): string | null {
  const known = files.flatMap(({ key, checksum }) => (checksum == null ? [] : [[key, checksum]]));
  return known.length === files.length ? digest(known) : null;
}

/** The record that a receipt keeps of an undone load. */
export function undoneLoad({ loadId, executionId, deliveries, files }: Receipt): UndoneLoad {
  return {
    loadId,
    executionId,
    executionIds: executionIdsOf({ executionId, deliveries }),
    fingerprint: files && fingerprintOf(files),
    checksums: files && checksumsOf(files),
  };
}

/**
 * Whether an execution is one that was undone. Its id decides, unless it is loaded: after an undone load of several
 * executions, some of them may be loaded. If an execution was written again under its own name, and its
 * previous files are loaded, the files decide.
 */
export function isUndone(
  execution: { readonly id: string; readonly files: readonly KnownFile[] },
  loaded: Pick<LoadedPartition, "ids" | "undone" | "receipt"> | null,
): boolean {
  const isLoaded = loadedIds(loaded).includes(execution.id);
  return (loaded?.undone ?? []).some(
    (one) => one.executionIds.includes(execution.id) && (!isLoaded || holdsFiles(one, execution.files)),
  );
}

/** Whether a load that was undone was of these files: the same versions, or the same bytes. */
export function holdsFiles({ fingerprint, checksums }: UndoneLoad, files: readonly KnownFile[]): boolean {
  const bytes = checksumsOf(files);
  return (fingerprint !== null && fingerprint === fingerprintOf(files)) || (bytes !== null && bytes === checksums);
}

/** Whether two lists name the same executions. */
export function isSameSet(ids: readonly string[], others: readonly string[]): boolean {
  return ids.length === others.length && ids.every((id) => others.includes(id));
}

/**
 * Whether two receipts are of the same deliveries, so that nothing was restated between them: one restored the other, or
 * their files have the same bytes or, if these are unknown, the same versions.
 */
export function isSameDelivery(one: Receipt, other: Receipt): boolean {
  if ((one.restoredLoadId ?? one.loadId) === (other.restoredLoadId ?? other.loadId)) return true;
  if (!isSameSet(executionIdsOf(one), executionIdsOf(other))) return false;
  return one.files === null || other.files === null || holdsFiles(undoneLoad(one), other.files);
}

function digest(pairs: readonly (readonly string[])[]): string {
  const lines = pairs.map((pair) => JSON.stringify(pair)).toSorted();
  return createHash("sha256").update(lines.join("\n")).digest("hex");
}
