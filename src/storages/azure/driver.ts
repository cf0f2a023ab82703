import { BillhouseError } from "../../errors.ts";
import { openClient, type Place } from "./client.ts";
import { list } from "./listing.ts";
import { look } from "./objects.ts";
import { read } from "./read.ts";
import { retryPolicy, type RetryPolicy } from "../../retry.ts";
import { keyOutside } from "../reading.ts";
import { leavesRoot, type Storage, type StorageDriver } from "../storage.ts";

/**
 * Storage `az`: a container of Azure Blob Storage, given as `az://account/container`.
 *
 * It needs the role Storage Blob Data Reader, or a key. The version is the ETag. A blob that stands for a folder (of an
 * account with a hierarchical namespace, or with a name that ends in `/`) is none. Requests that fail in a way that
 * passes are made again for about 45 seconds, and a download that breaks goes on at the byte it stands at.
 * Errors as the contract says, and STORAGE_UNAVAILABLE, CREDENTIALS_INVALID, and FILE_CORRUPT for bytes that are not
 * those that the container says it holds.
 */
export const azureStorage: StorageDriver = azureStorageWith(retryPolicy, 5000);

/** Storage `az` that waits for the service as long as `policy` says, and lists so many blobs at once. */
export function azureStorageWith(policy: RetryPolicy, pageSize: number): StorageDriver {
  return {
    scheme: "az",
    async open(url, options) {
      const client = await openClient(placeOf(url), options, options.retryPolicy ?? policy, pageSize);
      return {
        url: client.url,
        list: (prefix) => list(client, prefix),
        async find(key) {
          if (leavesRoot(key)) throw keyOutside(client.url, key);
          return look(client, key);
        },
        read: (object, range) => read(client, object, range),
        identity: () => client.identity(),
      } satisfies Storage;
    },
  };
}

function placeOf(url: string): Place {
  const match =
    /^az:\/\/(?<account>[a-z0-9]{3,24})\/(?<container>\$web|\$root|\$logs|[a-z0-9](?:-?[a-z0-9]){2,62})\/?$/u.exec(
      url.replace(/^az:/iu, "az:"),
    )?.groups;
  const { account, container } = match ?? {};
  if (account !== undefined && container !== undefined) return { account, container };
  // What is wrong with it is not repeated: it may hold a secret.
  throw new BillhouseError("CONFIG_INVALID", "The az:// address does not name a container of Azure Blob Storage.", {
    hint: "Write the storage account and the container, as in az://acmebilling/exports; folders in it belong into prefix.",
  });
}
