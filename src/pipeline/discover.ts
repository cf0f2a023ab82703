import type { PipelineConfig } from "../config.ts";
import { BillhouseError } from "../errors.ts";
import type { ExportFormat, ManifestPlace } from "../exports/export.ts";
import { exportFormats } from "../exports/index.ts";
import type { BillingMonth, StoredObject } from "../model.ts";
import { monthsOf } from "../schema/periods.ts";
import type { Storage } from "../storages/storage.ts";
import { readManifest } from "./manifests.ts";

/** The export that a pipeline loads, with everything one listing of its prefix told. */
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
  const objects = new Map<string, StoredObject>();
  const exports = new Map<string, Candidate>();
  for await (const object of storage.list(pipeline.prefix)) {
    objects.set(object.key, object);
    for (const format of formats) {
      const place = format.recognise(object.key);
      if (place === undefined) continue;
      const identity = JSON.stringify([format.kind, place.folder, place.exportName]);
      const known = exports.get(identity);
      if (known === undefined) exports.set(identity, { format, places: [place] });
      else known.places.push(place);
    }
  }
  const chosen = await choose([...exports.values()], pipeline, storage, objects);
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

/** All manifests of one name in one folder. */
interface Candidate {
  readonly format: ExportFormat;
  readonly places: [ManifestPlace, ...ManifestPlace[]];
}

async function choose(
  found: readonly Candidate[],
  pipeline: PipelineConfig,
  storage: Storage,
  objects: ReadonlyMap<string, StoredObject>,
): Promise<Candidate> {
  const where = `below ${location(storage, pipeline)}`;
  const ofKind = found.filter(({ format }) => pipeline.kind === null || format.kind === pipeline.kind);
  if (ofKind.length === 0) {
    const otherKinds = [...new Set(found.map(({ format }) => format.kind))];
    throw new BillhouseError(
      "EXPORT_NOT_FOUND",
      `There is no billing export${pipeline.kind === null ? "" : ` of the kind ${pipeline.kind}`} ${where} (${objects.size} objects were listed).`,
      {
        hint:
          otherKinds.length > 0
            ? `Found there: ${otherKinds.join(", ")}. Correct \`kind\` in [sources.${pipeline.name}].`
            : `Compare \`prefix\` in [sources.${pipeline.name}] with the path at which the cloud delivers; the first delivery takes up to a day.`,
      },
    );
  }
  const named = pipeline.exportName === null ? ofKind : await withName(ofKind, pipeline.exportName, storage, objects);
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
    const newest = candidate.places.reduce((one, other) => (other.period.end > one.period.end ? other : one));
    const manifest = await readManifest(candidate.format, newest, storage, objects).catch((error: unknown) => {
      // An export that cannot be read is not the one that was asked for; the error then names what was found.
      if (error instanceof BillhouseError && error.code === "MANIFEST_INVALID") return undefined;
      throw error;
    });
    if (manifest?.exportName === name) named.push(candidate);
  }
  return named;
}

function location(storage: Storage, pipeline: PipelineConfig): string {
  return pipeline.prefix === "" ? storage.url : `${storage.url}/${pipeline.prefix}`;
}
