import type { PipelineConfig } from "../../config/config.ts";
import { BillhouseError } from "../../errors.ts";
import type { ExportFormat, ManifestPlace } from "../../exports/export.ts";
import { focusBesideForeign } from "../../exports/foreign.ts";
import { exportFormats } from "../../exports/index.ts";
import type { BillingMonth, Receipt, StoredObject } from "../../model.ts";
import { intersect, monthsOf } from "../../schema/periods.ts";
import type { Storage } from "../../storages/storage.ts";
import { areBills, type FolderFile, filesOfFolder, readFolder, withoutLayouts } from "./folder.ts";
import { type Candidate, type ListedExports, listExports, newestManifest } from "./listing.ts";
import { exportNotFound } from "./not-found.ts";

/** The export of a pipeline, with everything from one listing of its prefix. */
export interface Discovery {
  readonly format: ExportFormat;
  readonly exportName: string;
  readonly storage: Storage;
  /** Every object below the prefix, by key. */
  readonly objects: ReadonlyMap<string, StoredObject>;
  /**
   * The places of the manifests of each month, newest month first; a manifest over several months is under each of them. In a
   * folder without manifests the months lack places, and `withMonths` finds them.
   */
  readonly months: ReadonlyMap<BillingMonth, readonly ManifestPlace[]>;
  /** The files of a folder without manifests, once `withMonths` has read them; null for any other export. */
  readonly files: readonly FolderFile[] | null;
}

/**
 * Lists the prefix of a pipeline once and recognises its export by the paths of the manifests, without reading any
 * unless `export_name` may be a name inside them. Without manifests, the headers of a few files show whether they are a bill.
 * `formats` are the formats to look for. Errors: EXPORT_NOT_FOUND, which describes what is there instead; EXPORT_AMBIGUOUS,
 * which lists what was found; those of the storage.
 */
export async function discover(
  pipeline: PipelineConfig,
  storage: Storage,
  formats: readonly ExportFormat[] = exportFormats,
): Promise<Discovery> {
  const listed = await listExports(storage, pipeline.prefix, formats);
  const { objects, candidates } = listed;
  const named = `\`prefix\` in [sources.${pipeline.name}]`;
  const where = `below ${pipeline.prefix === "" ? storage.url : `${storage.url}/${pipeline.prefix}`}`;
  const folder = await folderFormat(pipeline, listed, storage, formats);
  if (folder !== undefined) {
    const exportName = pipeline.exportName ?? (pipeline.prefix || storage.url).split("/").at(-1) ?? "";
    return { format: folder, exportName, storage, objects, months: new Map(), files: null };
  }
  if (candidates.length === 0) {
    const setFolder = (path: string): string => `Set ${named} to ${JSON.stringify(path)}.`;
    throw await exportNotFound(listed, storage, { where, named, setFolder }, formats);
  }
  const chosen = await choose(candidates, pipeline, storage, objects, where);
  return {
    format: chosen.format,
    exportName: chosen.places[0].exportName,
    storage,
    objects,
    months: monthsByPlace(chosen.places),
    files: null,
  };
}

/**
 * The discovery with the months of a folder without manifests; any other one as it is. Files that are not in `receipts`, the newest
 * ones of the table, are read. The months of receipts whose files are gone are there too. Errors: those of `readFolder`.
 */
export async function withMonths(
  discovery: Discovery,
  pipeline: PipelineConfig,
  receipts: readonly Receipt[],
  now: Date,
): Promise<Discovery> {
  const { format, storage, objects } = discovery;
  const { folder, nullValues = [] } = format;
  if (folder === undefined) return discovery;
  const { settle, unpackedLimit } = pipeline;
  const own = receipts.filter(({ kind }) => kind === format.kind);
  const files = await readFolder(
    filesOfFolder(objects, pipeline.prefix, format),
    { folder, nullValues: [...nullValues, ...pipeline.nullValues] },
    storage,
    { receipts: own, now, settle, unpackedLimit },
  );
  const months = new Set([...files.flatMap((file) => file.months), ...own.map(({ billingMonth }) => billingMonth)]);
  const newestFirst = [...months].toSorted().toReversed();
  return { ...discovery, months: new Map(newestFirst.map((month) => [month, []])), files };
}

/**
 * The format of a folder without manifests: the configured one if there are files of it; where nothing is configured and no
 * manifest was recognised, the one that the headers of the first files have. Undefined if there is none.
 */
async function folderFormat(
  { kind, prefix }: PipelineConfig,
  { objects, candidates }: ListedExports,
  storage: Storage,
  formats: readonly ExportFormat[],
): Promise<ExportFormat | undefined> {
  if (focusBesideForeign(objects.keys()) !== undefined) return undefined;
  for (const format of formats.filter(({ folder }) => folder !== undefined)) {
    const files = filesOfFolder(objects, prefix, format);
    if (files.length === 0) continue;
    if (kind === format.kind) return format;
    if (kind !== null || candidates.length > 0) continue;
    const own = withoutLayouts(files, formats);
    if (own.length === files.length && (await areBills(own, format, storage))) return format;
  }
  return undefined;
}

/**
 * The places of the deliveries of each month, newest month first. A data file without a manifest and without a time in its path
 * lacks a run time, it only has the time of its copy: it is ignored if a run with a run time shares days with it.
 */
export function monthsByPlace(places: readonly ManifestPlace[]): ReadonlyMap<BillingMonth, readonly ManifestPlace[]> {
  const hasTime = ({ isDataFile, order }: ManifestPlace): boolean => !isDataFile || order !== "";
  const dated = places.filter(hasTime);
  const counting = places.filter(
    (place) => hasTime(place) || dated.every(({ period }) => intersect(period, place.period) === undefined),
  );
  const months = new Map<BillingMonth, ManifestPlace[]>();
  for (const place of counting) {
    for (const month of monthsOf(place.period)) months.set(month, [...(months.get(month) ?? []), place]);
  }
  return new Map([...months].toSorted(([one], [other]) => (one < other ? 1 : -1)));
}

/**
 * The value of `export_name` that chooses only this candidate: its name; if several have that name, its
 * folder with a trailing `/`; if several are in that folder, both. If two kinds share both, `kind` chooses between
 * them.
 */
export function exportNameFor(candidate: Candidate, candidates: readonly Candidate[]): string {
  const { exportName, folder } = candidate.places[0];
  const others = candidates.filter((other) => other !== candidate).map(({ places }) => places[0]);
  if (others.every((other) => other.exportName !== exportName)) return exportName;
  return others.every((other) => other.folder !== folder) ? folder || "/" : `${folder || "/"}${exportName}`;
}

async function choose(
  found: readonly Candidate[],
  pipeline: PipelineConfig,
  storage: Storage,
  objects: ReadonlyMap<string, StoredObject>,
  where: string,
): Promise<Candidate> {
  const section = `[sources.${pipeline.name}]`;
  const ofKind = found.filter(({ format }) => pipeline.kind === null || format.kind === pipeline.kind);
  if (ofKind.length === 0) {
    const kinds = [...new Set(found.map(({ format }) => format.kind))];
    throw new BillhouseError("EXPORT_NOT_FOUND", `There is no billing export of the kind ${pipeline.kind} ${where}.`, {
      hint: `Found there: ${kinds.join(", ")}. Correct \`kind\` in ${section}.`,
    });
  }
  const named =
    pipeline.exportName === null
      ? await withBills(ofKind, storage, objects)
      : await withName(ofKind, pipeline.exportName, pipeline.prefix, storage, objects);
  const [only] = named;
  if (only !== undefined && named.length === 1) return only;
  const names = (candidates: readonly Candidate[]): string =>
    [...new Set(candidates.map((each) => exportNameFor(each, ofKind)))].map((name) => `"${name}"`).join(", ");
  if (only === undefined) {
    throw new BillhouseError("EXPORT_NOT_FOUND", `There is no export named ${pipeline.exportName} ${where}.`, {
      hint: `Set \`export_name\` in ${section} to one of these: ${names(ofKind)}.`,
    });
  }
  const list = named
    .map(({ format, places: [{ exportName, folder }] }) => `${exportName} (${format.kind}, in ${folder || "/"})`)
    .join(", ");
  const places = new Set(named.map((each) => exportNameFor(each, ofKind)));
  throw new BillhouseError("EXPORT_AMBIGUOUS", `There is more than one billing export ${where}: ${list}.`, {
    hint:
      places.size === named.length
        ? `Set \`export_name\` in ${section} to one of these: ${names(named)}.`
        : `Set \`kind\` in ${section} to one of these: ${[...new Set(named.map(({ format }) => `"${format.kind}"`))].join(", ")}.`,
  });
}

/**
 * The candidates that a value of `export_name` chooses. With a `/` it is a folder, optionally followed by the name: the
 * whole path in the bucket, the path below the prefix, or its last folders. Otherwise it is the name of the
 * export by its path, else its last folder, else the name in its newest manifest.
 */
async function withName(
  candidates: readonly Candidate[],
  name: string,
  prefix: string,
  storage: Storage,
  objects: ReadonlyMap<string, StoredObject>,
): Promise<readonly Candidate[]> {
  const byName = candidates.filter(({ places }) => places[0].exportName === name);
  if (byName.length > 0) return byName;
  // With a `/` on both sides, so that only whole folders match.
  const whole = (path: string): string => `/${path}/`.replaceAll(/\/+/g, "/");
  const folderOf = ({ places }: Candidate): string => whole(places[0].folder);
  const pathOf = ({ places }: Candidate): string => whole(`${places[0].folder}/${places[0].exportName}`);
  const ways: readonly ((candidate: Candidate) => boolean)[] = [
    (candidate) => !name.endsWith("/") && [whole(name), whole(`${prefix}/${name}`)].includes(pathOf(candidate)),
    (candidate) => folderOf(candidate) === whole(name),
    (candidate) => folderOf(candidate) === whole(`${prefix}/${name}`),
    (candidate) => folderOf(candidate).endsWith(whole(name)),
  ];
  for (const isMeant of ways) {
    const byFolder = candidates.filter(isMeant);
    if (byFolder.length > 0) return byFolder;
  }
  const named: Candidate[] = [];
  for (const candidate of candidates) {
    const manifest = await newestManifest(candidate, storage, objects);
    if (!(manifest instanceof BillhouseError) && manifest.exportName === name) named.push(candidate);
  }
  return named;
}

/**
 * The candidates without those whose manifest says that they do not contain bills, such as price sheets of Azure.
 * A single candidate is not read: its months show what it contains.
 */
async function withBills(
  candidates: readonly Candidate[],
  storage: Storage,
  objects: ReadonlyMap<string, StoredObject>,
): Promise<readonly Candidate[]> {
  if (candidates.length < 2) return candidates;
  const bills: Candidate[] = [];
  for (const candidate of candidates) {
    const manifest = await newestManifest(candidate, storage, objects);
    if (!(manifest instanceof BillhouseError) || manifest.code !== "EXPORT_NOT_FOUND") bills.push(candidate);
  }
  return bills.length === 0 ? candidates : bills;
}
