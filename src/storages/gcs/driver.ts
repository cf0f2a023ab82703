import { BillhouseError } from "../../errors.ts";
import type { StoredObject } from "../../model.ts";
import { askService, openClient, type Client } from "./client.ts";
import { explain, foreign, noBucket, statusOf } from "./failures.ts";
import { look, objectFields, toObject, type ObjectMetadata } from "./objects.ts";
import { read } from "./read.ts";
import { listPages, type Page } from "../listing.ts";
import { retryPolicy, type RetryPolicy } from "../../retry.ts";
import { keyOutside } from "../reading.ts";
import { leavesRoot, type Storage, type StorageDriver } from "../storage.ts";

/**
 * Storage `gs`: a bucket of Google Cloud Storage, given as `gs://bucket`.
 *
 * It needs the permissions storage.objects.list and storage.objects.get, the role Storage Object Viewer. The version is
 * the generation. An object whose name ends in `/` stands for a folder and is none. Bytes are those that are stored: an
 * object with `Content-Encoding: gzip` is not unpacked. Requests that fail in a way that passes are made again for about
 * 45 seconds, and a download that breaks goes on at the byte it stands at.
 * Errors as the contract says, and STORAGE_UNAVAILABLE, CREDENTIALS_INVALID, and FILE_CORRUPT for bytes that are not
 * those that the bucket says it holds.
 */
export const gcsStorage: StorageDriver = gcsStorageWith(retryPolicy);

/** Storage `gs` that waits for the service as long as `policy` says. */
export function gcsStorageWith(policy: RetryPolicy): StorageDriver {
  return {
    scheme: "gs",
    async open(url, options) {
      const client = await openClient(bucketOf(url), options, options.retryPolicy ?? policy);
      return {
        url: client.url,
        list: (prefix) => listPages(client.url, prefix, (folder, token) => pageOf(client, folder, token)),
        find: (key) => find(client, key),
        read: (object, range) => read(client, object, range),
        identity: () => client.identity(),
      } satisfies Storage;
    },
  };
}

/** One answer of a listing, of which only the fields that were asked for are there. */
interface Answer {
  readonly items?: readonly ObjectMetadata[];
  readonly nextPageToken?: string;
}

function bucketOf(url: string): string {
  const bucket = /^gs:\/\/(?<bucket>[a-z0-9][a-z0-9._-]{1,220}[a-z0-9])\/?$/u.exec(url.replace(/^gs:/iu, "gs:"));
  if (bucket?.groups?.["bucket"] !== undefined) return bucket.groups["bucket"];
  // What is wrong with it is not repeated: it may hold a secret.
  throw new BillhouseError("CONFIG_INVALID", "The gs:// address does not name a bucket of Cloud Storage.", {
    hint: "Write the name of the bucket alone, as in gs://acme-billing; folders in it belong into prefix.",
  });
}

async function pageOf(client: Client, folder: string, token: string | undefined): Promise<Page> {
  const query = {
    autoPaginate: false,
    fields: `items(${objectFields}),nextPageToken`,
    ...(folder === "" ? {} : { prefix: folder }),
    ...(token === undefined ? {} : { pageToken: token }),
  };
  try {
    const [, , answer] = await askService(client, async () => client.bucket.getFiles(query));
    // Whoever stands between may answer with a page of their own, and that would pass for an empty listing.
    if (typeof answer !== "object" || answer === null) throw foreign(client.url);
    const { items = [], nextPageToken = "" } = answer as Answer;
    return {
      objects: items.map((item) => toObject(client, item)),
      next: nextPageToken === "" ? undefined : nextPageToken,
    };
  } catch (error) {
    if (statusOf(error) === 404) throw noBucket(client, error);
    throw explain(client, error, "storage.objects.list");
  }
}

async function find(client: Client, key: string): Promise<StoredObject | undefined> {
  if (leavesRoot(key)) throw keyOutside(client.url, key);
  return look(client, key);
}
