import type { PipelineConfig } from "../../config/config.ts";
import { BillhouseError } from "../../errors.ts";
import type { ExportFormat, Manifest, ManifestPlace } from "../../exports/export.ts";
import { exportFormats } from "../../exports/index.ts";
import type { BillingMonth, StoredObject } from "../../model.ts";
import { monthsOf } from "../../schema/periods.ts";
import type { Storage } from "../../storages/storage.ts";
import { readManifest } from "./manifests.ts";

/** The export that a pipeline loads, with everything that one listing of its prefix showed. */
export interface Discovery {
  readonly format: ExportFormat;
  readonly exportName: string;
  readonly storage: Storage;
  /** Every object below the prefix, by key. */
  readonly objects: ReadonlyMap<string, StoredObject>;
  /** Where manifests of a month lie, newest month first; a manifest over several months stands under each of them. */
  readonly months: ReadonlyMap<BillingMonth, readonly ManifestPlace[]>;
}

/**
 * Lists the prefix of a pipeline once and recognises the export there by the paths of its manifests; none is read,
 * unless an `export_name` has to be found inside them.
 * `formats` are the formats to look for. Errors: EXPORT_NOT_FOUND; EXPORT_AMBIGUOUS, which lists what was found; those
 * of the storage.
 */
export async function discover(
  pipeline: PipelineConfig,
  storage: Storage,
  formats: readonly ExportFormat[] = exportFormats,
): Promise<Discovery> {
  const { objects, candidates, others } = await listExports(storage, pipeline.prefix, formats);
  const chosen = await choose(candidates, others, pipeline, storage, objects);
  const months = new Map<BillingMonth, ManifestPlace[]>();
  for (const place of chosen.places) {
    for (const month of monthsOf(place.period)) months.set(month, [...(months.get(month) ?? []), place]);
  }
  return {
    format: chosen.format,
    exportName: chosen.places[0].exportName,
    storage,
    objects,
    months: new Map([...months].toSorted(([one], [other]) => (one < other ? 1 : -1))),
  };
}

/** What one listing of a prefix shows. */
export interface ListedExports {
  /** Every object below the prefix, by key. */
  readonly objects: ReadonlyMap<string, StoredObject>;
  /** The exports whose manifests were recognised by their paths. */
  readonly candidates: readonly Candidate[];
  /** Exports of a cloud that hold no bills, each in words: `co2 (AWS carbon emissions)`. */
  readonly others: readonly string[];
}

/** Lists a prefix once and recognises exports there by the paths of their manifests; none is read. Errors: of the storage. */
export async function listExports(
  storage: Storage,
  prefix: string,
  formats: readonly ExportFormat[] = exportFormats,
): Promise<ListedExports> {
  const objects = new Map<string, StoredObject>();
  const exports = new Map<string, Candidate>();
  const others = new Set<string>();
  for await (const object of storage.list(prefix)) {
    objects.set(object.key, object);
    for (const format of formats) {
      const place = format.recognise(object.key);
      if (place === undefined) {
        const other = otherExport(format, object.key);
        if (other !== undefined) others.add(other);
        continue;
      }
      const identity = JSON.stringify([format.kind, place.folder, place.exportName]);
      const known = exports.get(identity);
      if (known === undefined) exports.set(identity, { format, places: [place] });
      else known.places.push(place);
    }
  }
  return { objects, candidates: [...exports.values()], others: [...others] };
}

/** All manifests of one name in one folder. */
export interface Candidate {
  readonly format: ExportFormat;
  readonly places: [ManifestPlace, ...ManifestPlace[]];
}

async function choose(
  found: readonly Candidate[],
  others: readonly string[],
  pipeline: PipelineConfig,
  storage: Storage,
  objects: ReadonlyMap<string, StoredObject>,
): Promise<Candidate> {
  const where = `below ${location(storage, pipeline)}`;
  const ofKind = found.filter(({ format }) => pipeline.kind === null || format.kind === pipeline.kind);
  if (ofKind.length === 0) {
    const otherKinds = [...new Set(found.map(({ format }) => format.kind))];
    const ofThisKind = pipeline.kind === null ? "" : ` of the kind ${pipeline.kind}`;
    const instead = others.length === 0 ? "" : `, but what holds no bills: ${others.slice(0, 5).join(", ")}`;
    throw new BillhouseError(
      "EXPORT_NOT_FOUND",
      `There is no billing export${ofThisKind} ${where} (${objects.size} objects were listed)${instead}.`,
      {
        hint:
          otherKinds.length > 0
            ? `Found there: ${otherKinds.join(", ")}. Correct \`kind\` in [sources.${pipeline.name}].`
            : others.length > 0
              ? `Point \`prefix\` in [sources.${pipeline.name}] at an export of costs: AWS CUR or FOCUS, Azure actual, amortized or FOCUS cost.`
              : `Compare \`prefix\` in [sources.${pipeline.name}] with the path at which the cloud delivers; the first delivery takes up to a day.`,
      },
    );
  }
  const named =
    pipeline.exportName === null
      ? await withBills(ofKind, storage, objects)
      : await withName(ofKind, pipeline.exportName, storage, objects);
  const [only] = named;
  if (only !== undefined && named.length === 1) return only;
  const list = (candidates: readonly Candidate[]): string =>
    candidates
      .map(({ format, places }) => `${places[0].exportName} (${format.kind}, in ${places[0].folder || "/"})`)
      .join(", ");
  if (only === undefined) {
    throw new BillhouseError("EXPORT_NOT_FOUND", `There is no export named ${pipeline.exportName} ${where}.`, {
      hint: `Found there: ${list(ofKind)}. Correct \`export_name\` in [sources.${pipeline.name}].`,
    });
  }
  throw new BillhouseError("EXPORT_AMBIGUOUS", `There is more than one billing export ${where}: ${list(named)}.`, {
    hint: `Set \`export_name\` in [sources.${pipeline.name}] to one of them, or a \`prefix\` that holds only one.`,
  });
}

/** What lies at a key, in words, when it belongs to an export of this cloud that holds no bills. */
function otherExport({ others }: ExportFormat, key: string): string | undefined {
  for (const { manifest, title } of others) {
    const match = manifest.exec(key);
    if (match !== null) return `${match.groups?.["name"] ?? key} (${title})`;
  }
  return undefined;
}

/** The candidates that the format calls by this name: by its path, else by what their newest manifest says. */
async function withName(
  candidates: readonly Candidate[],
  name: string,
  storage: Storage,
  objects: ReadonlyMap<string, StoredObject>,
): Promise<Candidate[]> {
  const byPath = candidates.filter(({ places }) => places[0].exportName === name);
  if (byPath.length > 0) return byPath;
  const named: Candidate[] = [];
  for (const candidate of candidates) {
    const manifest = await newestManifest(candidate, storage, objects);
    if (!(manifest instanceof BillhouseError) && manifest.exportName === name) named.push(candidate);
  }
  return named;
}

/**
 * The candidates without those whose manifest says that they hold no bills, as price sheets beside the costs of Azure.
 * A single candidate is not read: its months show what it holds.
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

/** The manifest of the newest period of a candidate, or what is wrong with it. Errors: those of the storage. */
export async function newestManifest(
  { format, places }: Candidate,
  storage: Storage,
  objects: ReadonlyMap<string, StoredObject>,
): Promise<Manifest | BillhouseError> {
  const isThere = ({ key }: ManifestPlace): boolean => (objects.get(key)?.size ?? 0) > 0;
  const age = (place: ManifestPlace): string => `${Number(isThere(place))} ${place.period.end} ${place.order}`;
  const newest = places.reduce((one, other) => (age(other) > age(one) ? other : one));
  return readManifest(format, newest, storage, objects).catch((error: unknown) => {
    const isOfManifest =
      error instanceof BillhouseError && (error.code === "MANIFEST_INVALID" || error.code === "EXPORT_NOT_FOUND");
    if (isOfManifest) return error;
    throw error;
  });
}

function location(storage: Storage, pipeline: PipelineConfig): string {
  return pipeline.prefix === "" ? storage.url : `${storage.url}/${pipeline.prefix}`;
}
