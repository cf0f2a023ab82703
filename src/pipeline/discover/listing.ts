import { BillhouseError } from "../../errors.ts";
import type { ExportFormat, Manifest, ManifestPlace } from "../../exports/export.ts";
import { foreignBills } from "../../exports/foreign.ts";
import { exportFormats } from "../../exports/index.ts";
import type { StoredObject } from "../../model.ts";
import type { Storage } from "../../storages/storage.ts";
import { isTorn, readManifest } from "./manifests.ts";

/** The result of one listing of a prefix. */
export interface ListedExports {
  /** Every object below the prefix, by key, without the files that operating systems leave. */
  readonly objects: ReadonlyMap<string, StoredObject>;
  /** The exports whose manifests were recognised by their paths. */
  readonly candidates: readonly Candidate[];
}

/** What else is below a prefix, recognised by the paths. */
export interface OtherExports {
  /** Exports of a cloud that do not contain bills, as text: `co2 (AWS carbon emissions)`. */
  readonly others: readonly string[];
  /** Unsupported bills: `Oracle Cloud reports`. */
  readonly foreign: readonly string[];
}

/** All manifests of one name in one folder. */
export interface Candidate {
  readonly format: ExportFormat;
  readonly places: [ManifestPlace, ...ManifestPlace[]];
}

/**
 * Lists a prefix once and recognises exports by the paths of their manifests, without reading them. Errors: those of the
 * storage.
 */
export async function listExports(
  storage: Storage,
  prefix: string,
  formats: readonly ExportFormat[] = exportFormats,
  onObject?: (object: StoredObject) => void,
): Promise<ListedExports> {
  const objects = new Map<string, StoredObject>();
  const exports = new Map<string, Candidate>();
  for await (const object of storage.list(prefix)) {
    if (leftBySystems.test(object.key)) continue;
    objects.set(object.key, object);
    onObject?.(object);
    for (const format of formats) {
      const place = format.recognise(object.key);
      if (place === undefined) continue;
      const identity = JSON.stringify([format.kind, place.folder, place.exportName]);
      const known = exports.get(identity);
      if (known === undefined) exports.set(identity, { format, places: [place] });
      else known.places.push(place);
    }
  }
  return { objects, candidates: [...exports.values()] };
}

/** Looks for other exports among the objects that are not manifests of an export. A run does not need it. */
export function otherExports(
  { objects, candidates }: ListedExports,
  formats: readonly ExportFormat[] = exportFormats,
): OtherExports {
  const manifests = new Set(candidates.flatMap(({ places }) => places.map(({ key }) => key)));
  const others = new Set<string>();
  const foreign = new Set<string>();
  for (const key of objects.keys()) {
    if (manifests.has(key)) continue;
    const bills = foreignBills.find(({ path }) => path.test(key));
    const other = bills === undefined ? otherExport(formats, key) : undefined;
    if (bills !== undefined) foreign.add(bills.title);
    if (other !== undefined) others.add(other);
  }
  return { others: [...others], foreign: [...foreign] };
}

/**
 * The newest manifest of a candidate that is complete JSON. If none is complete, the error of the newest one.
 * Errors: those of the storage.
 */
export async function newestManifest(
  { format, places }: Candidate,
  storage: Storage,
  objects: ReadonlyMap<string, StoredObject>,
): Promise<Manifest | BillhouseError> {
  const age = ({ period, order }: ManifestPlace): string => `${period.end} ${order}`;
  const newestFirst = places.toSorted((one, other) => (age(one) < age(other) ? 1 : -1));
  let torn: BillhouseError | null = null;
  for (const place of newestFirst) {
    const manifest = await readManifest(format, place, storage, objects).catch((error: unknown) => {
      const codes = ["MANIFEST_INVALID", "EXPORT_NOT_FOUND"];
      if (error instanceof BillhouseError && codes.includes(error.code)) return error;
      throw error;
    });
    if (!(manifest instanceof BillhouseError) || !isTorn(manifest)) return manifest;
    torn ??= manifest;
  }
  if (torn === null) throw new Error("A candidate without manifests.");
  return torn;
}

// macOS keeps attributes in `._` files beside the files that it copies, and in `__MACOSX` in archives.
const leftBySystems = /(?:^|\/)(?:\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini|__MACOSX\/.*)$/i;

/** A description of a key that belongs to an export of one of these clouds that does not contain bills. */
function otherExport(formats: readonly ExportFormat[], key: string): string | undefined {
  for (const { manifest, title } of formats.flatMap(({ others }) => others)) {
    const match = manifest.exec(key);
    if (match !== null) return `${match.groups?.["name"] ?? key} (${title})`;
  }
  return undefined;
}
