import { BillhouseError } from "../../errors.ts";
import type { ExportFormat } from "../../exports/export.ts";
import { focusBesideForeign, foreignBills } from "../../exports/foreign.ts";
import { exportFormats } from "../../exports/index.ts";
import { readHeader } from "../../files/read.ts";
import type { StoredObject } from "../../model.ts";
import type { Storage } from "../../storages/storage.ts";
import { type ListedExports, otherExports } from "./listing.ts";
import { fileFormat } from "./manifests.ts";

/** The place where nothing was found, as the command calls it. */
export interface LookedAt {
  /** `below s3://bucket/cur` */
  readonly where: string;
  /** The setting that names the place: "`prefix` in [sources.aws_cur]". */
  readonly named: string;
  /** A sentence that says how to set the place to a folder of the storage. */
  readonly setFolder: (folder: string) => string;
}

/**
 * The error EXPORT_NOT_FOUND for a prefix where no export was recognised, which describes what is there instead: data files
 * without their manifests, bills that are not supported, exports without costs, or nothing. The headers of a few data
 * files are read if their paths are unknown. Errors: those of the storage.
 */
export async function exportNotFound(
  listed: ListedExports,
  storage: Storage,
  { where, named, setFolder }: LookedAt,
  formats: readonly ExportFormat[] = exportFormats,
): Promise<BillhouseError> {
  const { objects } = listed;
  const { others, foreign: byPath } = otherExports(listed, formats);
  const found = (what: string, hint: string): BillhouseError => {
    const count = `${objects.size} ${objects.size === 1 ? "object was" : "objects were"} listed`;
    return new BillhouseError("EXPORT_NOT_FOUND", `There is no billing export ${where} (${count}): ${what}.`, { hint });
  };
  if (objects.size === 0) {
    return found(
      "the prefix is empty",
      `Compare ${named} with the path at which the cloud delivers. The first delivery takes up to a day.`,
    );
  }
  const dataFiles = [...objects.values()].filter(({ key }) => isDataFile.test(key));
  const foreign = byPath.length > 0 ? byPath : await foreignByColumns(dataFiles, storage);
  if (foreign.length > 0) {
    const focus = focusBesideForeign(objects.keys());
    return found(
      `it looks like ${foreign.join(" and ")}, which are not supported`,
      focus !== undefined
        ? `Their charges are also in FOCUS files, which are supported. ${setFolder(focus)}`
        : `Set ${named} to an AWS Cost and Usage Report, an AWS Data Export, an Azure cost export or a folder of FOCUS files.`,
    );
  }
  if (others.length > 0) {
    return found(
      `found only exports without costs: ${others.slice(0, 5).join(", ")}`,
      `Set ${named} to an export of costs: AWS CUR or FOCUS, Azure actual, amortized or FOCUS cost.`,
    );
  }
  const manifests = [...objects.keys()].filter((key) => /manifest\.json$/i.test(key));
  const isMoved = dataFiles.every(({ key }) => layoutOf(key, formats) === undefined);
  if (manifests.length > 0 && isMoved) {
    return found(
      `the manifest ${manifests[0]} is in a folder that does not name its billing period`,
      "Copy the export with the folders that the cloud writes.",
    );
  }
  if (dataFiles.length > 0) {
    return found(
      withoutManifests(dataFiles, formats),
      `Copy the missing manifests from where the cloud delivers. If they are above this place, shorten ${named}.`,
    );
  }
  return found("found neither manifests nor data files", `Compare ${named} with the path at which the cloud delivers.`);
}

const isDataFile = /\.(?:csv|parquet|csv\.gz|csv\.zip|gz|zip)$/i;

/** `2 data files but no manifest: copy the metadata/ folder too`, with the fix for each layout. */
function withoutManifests(files: readonly StoredObject[], formats: readonly ExportFormat[]): string {
  const counts = new Map<string, number>();
  for (const { key } of files) {
    const missing = layoutOf(key, formats)?.missing ?? "copy the manifests (.json files) too";
    counts.set(missing, (counts.get(missing) ?? 0) + 1);
  }
  return [...counts]
    .map(([missing, count]) => `${count} data ${count === 1 ? "file" : "files"} but no manifest: ${missing}`)
    .join("; ");
}

/** The layout of data files to which a key belongs. */
function layoutOf(key: string, formats: readonly ExportFormat[]): ExportFormat["dataFiles"][number] | undefined {
  return formats.flatMap(({ dataFiles }) => dataFiles).find(({ path }) => path.test(key));
}

/** Bills that are not supported, recognised by the headers of the first data files; unreadable files are ignored. */
async function foreignByColumns(files: readonly StoredObject[], storage: Storage): Promise<readonly string[]> {
  for (const object of files.slice(0, mostHeaders)) {
    const file = { ...object, format: fileFormat(object.key, "csv"), rows: null, declaredSize: null };
    const names = await readHeader(file, (range) => storage.read(object, range), null).then(
      ({ columns }) => new Set(columns.map(({ name }) => name.toLowerCase())),
      (error: unknown) => {
        if (error instanceof BillhouseError && unreadable.has(error.code)) return new Set<string>();
        throw error;
      },
    );
    const bills = foreignBills.find(({ columns }) => columns.some((set) => set.every((name) => names.has(name))));
    if (bills !== undefined) return [bills.title];
  }
  return [];
}

const mostHeaders = 3;

const unreadable: ReadonlySet<string> = new Set(["FILE_CORRUPT", "FILE_INVALID", "LIMIT_EXCEEDED"]);
