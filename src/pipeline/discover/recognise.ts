import type { PipelineConfig, StorageConfig } from "../../config/config.ts";
import { BillhouseError } from "../../errors.ts";
import type { Cloud, Manifest } from "../../exports/export.ts";
import { focusBesideForeign } from "../../exports/foreign.ts";
import { exportFormats } from "../../exports/index.ts";
import type { BillingMonth, StoredObject } from "../../model.ts";
import { monthsOf } from "../../schema/periods.ts";
import { openStorage } from "../../storages/index.ts";
import type { Storage } from "../../storages/storage.ts";
import { exportNameFor, monthsByPlace } from "./discover.ts";
import { foundFolders } from "./found-folders.ts";
import { listExports, newestManifest, otherExports, type Candidate } from "./listing.ts";
import { exportNotFound } from "./not-found.ts";
import { requireOneExport } from "./one-export.ts";
import { doubleCounting } from "./scopes.ts";

/** A billing export that was found below a prefix. */
export interface FoundExport {
  readonly kind: string;
  readonly cloud: Cloud;
  /** The name of the format in messages. */
  readonly title: string;
  readonly exportName: string;
  /** The value of `export_name` that chooses it among the exports of its kind below its folder. */
  readonly chosenBy: string;
  /** Folder that contains everything of it, without a trailing `/`. */
  readonly folder: string;
  /** Oldest first. */
  readonly months: readonly BillingMonth[];
  /** The execution of the newest month; null when its manifest cannot be read, or where files lack manifests. */
  readonly newestExecution: string | null;
  /** Of all objects below its folder. */
  readonly bytes: number;
  readonly objects: number;
  /** Why it cannot be loaded, or null. */
  readonly unreadable: string | null;
  /** What to do if it cannot be loaded, or null. */
  readonly hint: string | null;
  /** Notes on it as sentences: that it contains the same charges as another export. */
  readonly notes: readonly string[];
}

/** How far the search for exports is. */
export interface SearchProgress {
  /** Listed so far. */
  readonly objects: number;
  readonly bytes: number;
  /** 0 until everything is listed. */
  readonly exports: number;
  /** Exports of which a manifest was read. */
  readonly described: number;
}

/** The exports below a prefix. */
export interface Recognition {
  /** `gs://bucket` */
  readonly url: string;
  readonly objects: number;
  readonly exports: readonly FoundExport[];
  /** Names of exports there that do not contain bills. */
  readonly others: readonly string[];
  /** Unsupported bills, recognised by their paths: `Oracle Cloud reports`. */
  readonly foreign: readonly string[];
}

/**
 * Lists everything below a prefix, and reads one manifest of each export, and the first rows of files without manifests.
 * Errors: EXPORT_NOT_FOUND if there is none, which describes what is there instead, as for `run`; those of the storage.
 */
export async function recogniseExports(
  place: Pick<PipelineConfig, "bucketUrl" | "prefix"> & { readonly storage: StorageConfig },
  onProgress?: (progress: SearchProgress) => void,
): Promise<Recognition> {
  const storage = await openStorage(place.bucketUrl, place.storage);
  const search = { objects: 0, bytes: 0, exports: 0, described: 0 };
  const listed = await listExports(storage, place.prefix, undefined, ({ size }) => {
    search.objects += 1;
    search.bytes += size;
    onProgress?.({ ...search });
  });
  const { objects, candidates } = listed;
  const all = await foundFolders(listed, place.prefix, storage, exportFormats);
  // Charges that a vendor writes in two formats are loaded from one of them only when its folder is named.
  const isOneOfTwo = candidates.length === 0 && focusBesideForeign(objects.keys()) !== undefined;
  const folders = isOneOfTwo ? [] : all;
  if (candidates.length === 0 && folders.length === 0) {
    const setFolder = (folder: string): string => `Run \`billhouse init "${storage.url}/${folder}"\` for them.`;
    const where = `in ${place.prefix === "" ? storage.url : `${storage.url}/${place.prefix}`}`;
    throw await exportNotFound(listed, storage, { where, named: "the address", setFolder });
  }
  const exports: FoundExport[] = [];
  const scopes: (string | null)[] = [];
  search.exports = candidates.length + folders.length;
  for (const candidate of candidates) {
    onProgress?.({ ...search });
    search.described += 1;
    const { format, places } = candidate;
    const manifest = await newestOf(candidate, storage, objects);
    const [first] = places;
    const below = [...objects.values()].filter(({ key }) => key.startsWith(first.folder));
    const isReadable = !(manifest instanceof BillhouseError);
    const name = (isReadable ? manifest.exportName : null) ?? first.exportName;
    const rivals = candidates.filter(
      (other) => other.format === format && other.places[0].folder.startsWith(first.folder),
    );
    scopes.push(isReadable ? manifest.scope : null);
    exports.push({
      kind: format.kind,
      cloud: format.cloud,
      title: format.title,
      exportName: name,
      chosenBy: rivals.length === 1 ? name : exportNameFor(candidate, rivals),
      folder: first.folder.replace(/\/+$/, ""),
      months: [...new Set(places.flatMap(({ period }) => monthsOf(period)))].toSorted(),
      newestExecution: isReadable ? manifest.id : null,
      bytes: below.reduce((sum, { size }) => sum + size, 0),
      objects: below.length,
      unreadable: isReadable ? null : manifest.message,
      hint: isReadable ? null : manifest.hint,
      notes: [],
    });
  }
  for (const { format, folder, files, months } of folders) {
    onProgress?.({ ...search });
    search.described += 1;
    scopes.push(null);
    const name = (folder || storage.url).split("/").at(-1) ?? "";
    exports.push({
      kind: format.kind,
      cloud: format.cloud,
      title: format.title,
      exportName: name,
      chosenBy: name,
      folder,
      months,
      newestExecution: null,
      bytes: files.reduce((sum, { size }) => sum + size, 0),
      objects: files.length,
      unreadable: null,
      hint: null,
      notes: [],
    });
  }
  const found = new Set(folders.flatMap(({ files }) => files.map(({ key }) => key)));
  const rest = { candidates, objects: new Map([...objects].filter(([key]) => !found.has(key))) };
  return { url: storage.url, objects: objects.size, exports: withNotes(exports, scopes), ...otherExports(rest) };
}

/** The newest manifest of a candidate, or why its newest month cannot be loaded. */
async function newestOf(
  candidate: Candidate,
  storage: Storage,
  objects: ReadonlyMap<string, StoredObject>,
): Promise<Manifest | BillhouseError> {
  const { format, places } = candidate;
  const months = monthsByPlace(places);
  const [newest = ""] = months.keys();
  const ambiguous = await requireOneExport({ format, storage, objects, months }, newest, []).then(
    () => null,
    (error: unknown) => {
      if (error instanceof BillhouseError && error.code === "EXPORT_AMBIGUOUS") return error;
      throw error;
    },
  );
  return ambiguous ?? newestManifest(candidate, storage, objects);
}

function withNotes(exports: readonly FoundExport[], scopes: readonly (string | null)[]): FoundExport[] {
  // Two exports can share a name, but never a folder.
  const nameOf = ({ exportName: name, folder }: FoundExport): string =>
    exports.filter((other) => other.exportName === name).length === 1 ? name : folder;
  const notes = doubleCounting(
    exports.map((each, index) => ({
      name: nameOf(each),
      cloud: each.cloud,
      scope: scopes[index] ?? null,
      months: each.months,
    })),
  );
  return exports.map((each) => ({ ...each, notes: notes.get(nameOf(each)) ?? [] }));
}
