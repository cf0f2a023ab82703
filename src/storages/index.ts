import { BillhouseError } from "../errors.ts";
import { azureStorage } from "./azure/driver.ts";
import { fileStorage } from "./file.ts";
import { gcsStorage } from "./gcs/driver.ts";
import { s3Storage } from "./s3/driver.ts";
import type { Storage, StorageDriver, StorageOptions } from "./storage.ts";

/** Every storage billhouse can read. Each loads its SDK only when it is opened. */
export const storageDrivers: readonly StorageDriver[] = [fileStorage, gcsStorage, s3Storage, azureStorage];

const defaultOptions: StorageOptions = { endpoint: null, payer: null, googleCredentials: null, azureCredentials: null };

/**
 * Opens the storage that a `bucket_url` names: the word before `://` picks the driver, and an address without one is
 * the absolute path of a folder. Errors: STORAGE_UNSUPPORTED for an unknown scheme, and those of the driver.
 */
export async function openStorage(bucketUrl: string, options: StorageOptions = defaultOptions): Promise<Storage> {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//iu.exec(bucketUrl)?.[1]?.toLowerCase() ?? "file";
  const driver = storageDrivers.find((candidate) => candidate.scheme === scheme);
  if (driver !== undefined) return driver.open(bucketUrl, options);
  // Only the scheme is shown: the rest of an unknown address may contain a secret.
  const known = storageDrivers.map((candidate) => `${candidate.scheme}://`).join(", ");
  throw new BillhouseError("STORAGE_UNSUPPORTED", `This version of billhouse cannot open ${scheme}:// addresses.`, {
    hint: `It supports ${known} and the absolute path of a folder. Copy the bucket into a folder, keeping its paths, and give that folder as bucket_url.`,
  });
}
