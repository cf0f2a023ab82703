import { BillhouseError } from "../../errors.ts";
import type { ExportFormat } from "../../exports/export.ts";
import { foreignBills } from "../../exports/foreign.ts";
import { exportFormats } from "../../exports/index.ts";
import { readHeader } from "../../files/read.ts";
import type { StoredObject } from "../../model.ts";
import type { Storage } from "../../storages/storage.ts";
import type { ListedExports } from "./listing.ts";
import { fileFormat } from "./manifests.ts";

/** Where nothing was found, in the words of the command that looked there. */
export interface LookedAt {
  /** `below s3://bucket/cur` */
  readonly where: string;
  /** What names the place: "`prefix` in [sources.aws_cur]". */
  readonly named: string;
}

/**
 * The error EXPORT_NOT_FOUND for a prefix where no export was recognised, which says what lies there instead: data files
 * without their manifests, bills that are not supported, exports without costs, or nothing. The headers of a few data
 * files are read where their paths say nothing. Errors: those of the storage.
 */
export async function exportNotFound(
  listed: ListedExports,
  storage: Storage,
  { where, named }: LookedAt,
  formats: readonly ExportFormat[] = exportFormats,
): Promise<BillhouseError> {
  const { objects, others } = listed;
  const found = (what: string, hint: string): BillhouseError => {
    const count = `${objects.size} ${objects.size === 1 ? "object was" : "objects were"} listed`;
    return new BillhouseError("EXPORT_NOT_FOUND", `There is no billing export ${where} (${count}): ${what}.`, { hint });
  };
  if (objects.size === 0) {
    return found(
      "nothing lies there",
      `Compare ${named} with the path at which the cloud delivers. The first delivery takes up to a day.`,
    );
  }
  const dataFiles = [...objects.values()].filter(({ key }) => isDataFile.test(key));
  const foreign = listed.foreign.length > 0 ? listed.foreign : await foreignByColumns(dataFiles, storage);
  if (foreign.length > 0) {
    return found(
      `it looks like ${foreign.join(" and ")}, which are not supported`,
      `Point ${named} at an AWS Cost and Usage Report, an AWS Data Export or an Azure cost export.`,
    );
  }
  if (others.length > 0) {
    return found(
      `what lies there holds no bills: ${others.slice(0, 5).join(", ")}`,
      `Point ${named} at an export of costs: AWS CUR or FOCUS, Azure actual, amortized or FOCUS cost.`,
    );
  }
  if (dataFiles.length > 0) {
    return found(
      withoutManifests(dataFiles, formats),
      `Copy the missing manifests from where the cloud delivers. If they lie above this place, shorten ${named}.`,
    );
  }
  const manifests = [...objects.keys()].filter((key) => /manifest\.json$/i.test(key));
  if (manifests.length > 0) {
    return found(
      `the manifest ${manifests[0]} lies in a folder that does not name its billing period`,
      "Copy the export with the folders that the cloud writes.",
    );
  }
  return found(
    "neither manifests nor data files lie there",
    `Compare ${named} with the path at which the cloud delivers.`,
  );
}

const isDataFile = /\.(?:csv|parquet|csv\.gz|csv\.zip|gz|zip)$/i;

/** `2 data files but no manifest: copy the metadata/ folder too`, by what each layout of deliveries lacks. */
function withoutManifests(files: readonly StoredObject[], formats: readonly ExportFormat[]): string {
  const layouts = formats.flatMap(({ dataFiles }) => dataFiles);
  const counts = new Map<string, number>();
  for (const { key } of files) {
    const missing = layouts.find(({ path }) => path.test(key))?.missing ?? "copy the manifests (.json files) too";
    counts.set(missing, (counts.get(missing) ?? 0) + 1);
  }
  return [...counts]
    .map(([missing, count]) => `${count} data ${count === 1 ? "file" : "files"} but no manifest: ${missing}`)
    .join("; ");
}

/** Bills that are not supported, by the headers of the first data files; a file that cannot be read says nothing. */
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
