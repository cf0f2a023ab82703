import pMap from "p-map";
import { BillhouseError } from "../../errors.ts";
import type { ExportFormat, FolderRules } from "../../exports/export.ts";
import { readFirstRows } from "../../files/read.ts";
import type { BillingMonth, StoredObject } from "../../model.ts";
import { fold } from "../../schema/names.ts";
import { monthOf } from "../../schema/timestamps.ts";
import { readerOf, type Storage } from "../../storages/storage.ts";
import { areBills, dataFileOf, filesOfFolder, withoutLayouts } from "./folder.ts";
import type { ListedExports } from "./listing.ts";

/** A folder of bills without manifests. */
export interface FoundFolder {
  readonly format: ExportFormat;
  /** Without a trailing `/`; empty for the root of the storage. */
  readonly folder: string;
  readonly files: readonly StoredObject[];
  /** The months in the first rows of the files, oldest first: a file may contain others too. */
  readonly months: readonly BillingMonth[];
}

/**
 * The folders of bills without manifests below a prefix, outside of the folders of recognised exports: those whose first files
 * have the columns of such a bill. Folders within a found one, and those that only divide files by time, belong to it.
 * Errors: those of the storage.
 */
export async function foundFolders(
  { objects, candidates }: ListedExports,
  prefix: string,
  storage: Storage,
  formats: readonly ExportFormat[],
): Promise<readonly FoundFolder[]> {
  const taken = candidates.map(({ places: [{ folder }] }) => folder);
  const found: FoundFolder[] = [];
  for (const format of formats) {
    if (format.folder === undefined) continue;
    const files = withoutLayouts(filesOfFolder(objects, prefix, format), formats).filter(
      ({ key }) => !taken.some((folder) => key.startsWith(folder)),
    );
    const folders = Map.groupBy(files, ({ key }) => folderOf(key, prefix));
    for (const folder of [...folders.keys()].toSorted()) {
      if (found.some((outer) => outer.folder === "" || `${folder}/`.startsWith(`${outer.folder}/`))) continue;
      if (!(await areBills(folders.get(folder) ?? [], format, storage))) continue;
      const start = folder === "" ? "" : `${folder}/`;
      const own = files.filter(({ key }) => key.startsWith(start));
      found.push({ format, folder, files: own, months: await firstMonths(own, format.folder, storage) });
    }
  }
  return found;
}

/** The folder of a file above the first part that looks like a time, a partition or a number, but never above the prefix. */
function folderOf(key: string, prefix: string): string {
  const start = prefix === "" ? 0 : prefix.length + 1;
  const parts = key.slice(start).split("/").slice(0, -1);
  const end = parts.findIndex((part) => /^\d{1,2}$|^\d{4}(?:-\d\d){0,2}$|^\d{6,8}(?:-\d{8})?$|=/.test(part));
  return [...(prefix === "" ? [] : [prefix]), ...parts.slice(0, end < 0 ? parts.length : end)].join("/");
}

/** The months in the first rows of each file; files that cannot be read are left out. */
async function firstMonths(
  files: readonly StoredObject[],
  { period }: FolderRules,
  storage: Storage,
): Promise<readonly BillingMonth[]> {
  const wanted = (names: readonly string[]): readonly number[] => {
    const position = names.findIndex((name) => fold(name) === fold(period));
    return position < 0 ? [] : [position];
  };
  const months = await pMap(
    files.filter(({ size }) => size > 0),
    async (object) => {
      const rows = await readFirstRows(dataFileOf(object), readerOf(storage, object), null, wanted).catch(
        (error: unknown) => {
          if (error instanceof BillhouseError) return [];
          throw error;
        },
      );
      return rows.flatMap(([text = ""]) => monthOf(text) ?? []);
    },
    { concurrency: 8 },
  );
  return [...new Set(months.flat())].toSorted();
}
