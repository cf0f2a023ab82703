import { BillhouseError } from "../../errors.ts";
import type { StoredObject } from "../../model.ts";
import { listPages, type Page } from "../listing.ts";
import { retry, retryPolicy, type RetryPolicy } from "../../retry.ts";
import { keyOutside } from "../reading.ts";
import { openClient, type Client } from "./client.ts";
import { explain, foreign } from "./failures.ts";
import { look, toObject } from "./objects.ts";
import { read } from "./read.ts";
import { leavesRoot, type Storage, type StorageDriver } from "../storage.ts";

/**
 * Storage `s3`: a bucket of Amazon S3, or of a server that speaks its protocol, given as `s3://bucket`.
 *
 * It needs the permissions s3:ListBucket and s3:GetObject. The version is the ETag. An object whose name ends in `/`
 * stands for a folder and is none. The region is found out where it is not told. Requests that fail in a way that passes
 * are made again for about 45 seconds, and a download that breaks goes on at the byte it stands at.
 * Errors as the contract says, and STORAGE_UNAVAILABLE, CREDENTIALS_INVALID, and FILE_CORRUPT for bytes that are not
 * those that the bucket says it holds.
 */
export const s3Storage: StorageDriver = s3StorageWith(retryPolicy);

/** Storage `s3` that waits for the service as long as `policy` says. */
export function s3StorageWith(policy: RetryPolicy): StorageDriver {
  return {
    scheme: "s3",
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

function bucketOf(url: string): string {
  const bucket = /^s3:\/\/(?<bucket>[a-z0-9][a-z0-9._-]{1,61}[a-z0-9])\/?$/u.exec(url.replace(/^s3:/iu, "s3:"));
  if (bucket?.groups?.["bucket"] !== undefined) return bucket.groups["bucket"];
  // What is wrong with it is not repeated: it may hold a secret.
  throw new BillhouseError("CONFIG_INVALID", "The s3:// address does not name a bucket of Amazon S3.", {
    hint: "Write the name of the bucket alone, as in s3://acme-billing; folders in it belong into prefix.",
  });
}

async function pageOf(client: Client, folder: string, token: string | undefined): Promise<Page> {
  try {
    const answer = await retry(client, (signal) => client.list(folder, token, signal));
    const {
      IsTruncated: isTruncated,
      NextContinuationToken: next,
      Contents: items = [],
      EncodingType: encoding,
    } = answer;
    // Whoever stands between may answer with a page of their own, and that would pass for an empty listing; and one that
    // says there is more, and not where, is no complete one.
    if (isTruncated === undefined || (isTruncated && next === undefined)) throw foreign(client.url);
    return {
      objects: items.map((item) => toObject(client, encoding === "url" ? decode(item.Key) : item.Key, item.Size, item)),
      next: isTruncated ? next : undefined,
    };
  } catch (error) {
    throw explain(client, error, "s3:ListBucket");
  }
}

/** Keys are encoded as forms are: a space is `+`. */
function decode(key: string | undefined): string | undefined {
  return key === undefined ? undefined : decodeURIComponent(key.replaceAll("+", " "));
}

async function find(client: Client, key: string): Promise<StoredObject | undefined> {
  if (leavesRoot(key)) throw keyOutside(client.url, key);
  return look(client, key);
}
