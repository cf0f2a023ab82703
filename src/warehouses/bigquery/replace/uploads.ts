import { BillhouseError } from "../../../errors.ts";
import type { MonthReplacement } from "../../warehouse.ts";
import { digest } from "../sql/names.ts";
import type { Connection } from "../api/rest.ts";
import type { SourceFile } from "./sources.ts";

/** A bucket through which files go that are not in Cloud Storage. */
export interface Uploads {
  /** Uploads a local file, and gives its `gs://` address. */
  upload(path: string, name: string): Promise<string>;
  /** Removes an uploaded file. That it fails is no failure: publishing looks for old ones. */
  remove(uri: string): Promise<void>;
  /** Removes files that were uploaded more than a day ago. */
  removeOld(): Promise<void>;
  /** Uploads a small CSV file with one column of text, and removes it after `work`. Errors: those of `upload`. */
  examine(work: (uri: string) => Promise<void>): Promise<void>;
}

/** The files of a month, all in Cloud Storage, and how to remove those that were uploaded. */
export interface CollectedFiles {
  readonly files: readonly SourceFile[];
  remove(): Promise<void>;
}

/**
 * Takes the files of a month one after the other; one that lies on this machine is uploaded before the next is asked
 * for. Error: CONFIG_INVALID when there is no bucket to upload to.
 */
export async function collectFiles(
  { connection, uploads }: { readonly connection: Connection; readonly uploads: Uploads | null },
  { files, table, billingMonth, executionId }: MonthReplacement,
): Promise<CollectedFiles> {
  const found: SourceFile[] = [];
  const uploaded: string[] = [];
  const remove = async (): Promise<void> => {
    for (const uri of uploaded) await uploads?.remove(uri);
  };
  const folder = digest([connection.project, table, billingMonth, executionId], 16);
  try {
    for await (const mapped of files) {
      connection.throwIfClosing();
      const { path, file, storageUrl } = mapped;
      if (path === null) {
        found.push({ mapped, uri: `${storageUrl.replace(/\/+$/, "")}/${file.key}`, isNative: true });
        continue;
      }
      if (uploads === null) throw noBucket(file.key);
      const uri = await uploads.upload(path, `${folder}/${found.length}-${digest([file.key, file.version], 8)}`);
      uploaded.push(uri);
      found.push({ mapped, uri, isNative: false });
    }
    connection.throwIfClosing();
  } catch (error) {
    await remove();
    throw error;
  }
  return { files: found, remove };
}

function noBucket(key: string): BillhouseError {
  return new BillhouseError(
    "CONFIG_INVALID",
    `BigQuery cannot load ${key} by itself: it is not in Cloud Storage, or is packed or named as BigQuery takes no file.`,
    {
      hint: "Set staging_bucket in [destination.bigquery] to the name of a bucket of Cloud Storage in the dataset's location: the files then go through it.",
    },
  );
}
