import type { StoredObject } from "../../model.ts";
import { isNetworkError, retryPolicy, type RetryPolicy } from "../../retry.ts";
import { keepSecret } from "../../secrets.ts";
import { allPages, objectStorage, partsOf, unexpectedAnswer, type ObjectService } from "../object-storage.ts";
import type { StorageDriver, StorageOptions } from "../storage.ts";
import { explain, invalidCredentials, isTransient, regionIn, statusOf, type Bucket } from "./errors.ts";

/**
 * Storage `s3`: a bucket of Amazon S3, or of a server that speaks its protocol, given as `s3://bucket`.
 *
 * It needs the permissions s3:ListBucket and s3:GetObject. The version is the ETag. The region is discovered if it is
 * not set. Errors: as `objectStorage`, and CREDENTIALS_INVALID.
 */
export const s3Storage: StorageDriver = s3StorageWith(retryPolicy);

/** Storage `s3` with another retry policy. */
export function s3StorageWith(policy: RetryPolicy): StorageDriver {
  return {
    scheme: "s3",
    open: async (url, options) =>
      objectStorage(await openBucket(bucketOf(url), options, options.retryPolicy ?? policy)),
  };
}

function bucketOf(url: string): string {
  const { bucket = "" } = partsOf(
    url,
    /^s3:\/\/(?<bucket>[a-z0-9][a-z0-9._-]{1,61}[a-z0-9])\/?$/u,
    "The s3:// address does not name a bucket of Amazon S3.",
    "Write the name of the bucket alone, as in s3://acme-billing; folders in it go into prefix.",
  );
  return bucket;
}

/** Loads the SDK and prepares its client; no request is sent yet. */
async function openBucket(name: string, options: StorageOptions, policy: RetryPolicy): Promise<ObjectService> {
  const { GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, S3Client } = await import("@aws-sdk/client-s3");
  const { endpoint, payer } = options;
  const bucket: Bucket = { url: `s3://${name}`, bucket: name, payer };
  const server = { url: bucket.url, name: "an S3 server" };
  const settings = {
    // Requests are retried by `objectStorage`.
    maxAttempts: 1,
    ...(endpoint === null ? {} : { endpoint, forcePathStyle: true }),
  };
  // The environment and the profile may not set a region; every region reports where a bucket is.
  let region = await new S3Client(settings).config.region().catch(() => "us-east-1");
  let client = new S3Client({ ...settings, region });
  const common = { Bucket: name, ...(payer === null ? {} : { RequestPayer: "requester" as const }) };

  async function authenticate(): Promise<string> {
    try {
      // The SDK caches them until they expire. Requesting them here distinguishes invalid credentials from a denied request.
      const { accessKeyId, secretAccessKey, sessionToken = "" } = await client.config.credentials();
      for (const secret of [accessKeyId, secretAccessKey, sessionToken]) keepSecret(secret);
      return accessKeyId;
    } catch (error) {
      throw isNetworkError(error) ? error : invalidCredentials(error);
    }
  }

  /** Sends a request, and once more if the answer says that the region or the clock was wrong. */
  async function send<T>(request: () => Promise<T>): Promise<T> {
    await authenticate();
    try {
      return await request();
    } catch (error) {
      const other = regionIn(error);
      // The SDK has corrected its clock by the time in the answer.
      const isLate = error instanceof Error && error.name === "RequestTimeTooSkewed";
      if (!isLate && (other === undefined || other === region)) throw error;
      if (other !== undefined && other !== region) {
        // The SDK's own redirects would send each request to the wrong region first.
        region = other;
        client = new S3Client({ ...settings, region });
      }
      return request();
    }
  }

  async function get(key: string, wanted: { Range?: string; IfMatch?: string }, abortSignal: AbortSignal) {
    return send(async () => client.send(new GetObjectCommand({ ...common, Key: key, ...wanted }), { abortSignal }));
  }

  /**
   * An object as S3 describes it, without a checksum: the ETag is the MD5 of some objects, but listings do not say of
   * which. Error: STORAGE_UNAVAILABLE when the description is incomplete.
   */
  function toObject(key: string | undefined, size: number | undefined, description: Description): StoredObject {
    const { ETag: tag, LastModified: modified } = description;
    if (key === undefined || size === undefined || tag === undefined || modified === undefined)
      throw unexpectedAnswer(server);
    // Some servers list times with milliseconds, which an HTTP header lacks.
    const seconds = Math.floor(modified.getTime() / 1000);
    return { key, size, version: versionOf(tag), modified: new Date(seconds * 1000).toISOString() };
  }

  return {
    ...server,
    checks: "your network, endpoint where it is set, and https://health.aws.amazon.com/health/status",
    policy,
    statusOf,
    isTransient,
    explain: (error, key) => explain(bucket, error, key),

    list: (folder, retried) =>
      allPages((token) =>
        retried(async (abortSignal) => {
          const answer = await send(async () =>
            client.send(
              new ListObjectsV2Command({
                ...common,
                // XML cannot express every character of a key.
                EncodingType: "url",
                ...(folder === "" ? {} : { Prefix: folder }),
                ...(token === undefined ? {} : { ContinuationToken: token }),
              }),
              { abortSignal },
            ),
          );
          const { IsTruncated: isTruncated, NextContinuationToken: next, Contents: items = [] } = answer;
          // A proxy's page would otherwise count as an empty listing; a truncated page without a continuation token is
          // incomplete.
          if (isTruncated === undefined || (isTruncated && next === undefined)) throw unexpectedAnswer(server);
          return {
            objects: items.map((item) => {
              const key = answer.EncodingType === "url" ? decode(item.Key) : item.Key;
              return toObject(key, item.Size, item);
            }),
            next: isTruncated ? next : undefined,
          };
        }),
      ),

    // 1 to 1024 bytes of UTF-8. A name with `/` at its end is what the console calls a folder.
    canBeKey(key) {
      const length = Buffer.byteLength(key);
      return key.isWellFormed() && length > 0 && length <= 1024 && !key.endsWith("/");
    },

    async head(key, abortSignal) {
      try {
        const answer = await send(async () =>
          client.send(new HeadObjectCommand({ ...common, Key: key }), { abortSignal }),
        );
        return toObject(key, answer.ContentLength, answer);
      } catch (error) {
        if (![400, 403].includes(statusOf(error) ?? 0)) throw error;
        // The answer to HEAD lacks a body: a request for one byte gets the same refusal with its reason.
        const { Body: body } = await get(key, { Range: "bytes=0-0" }, abortSignal);
        (body as { destroy?: () => void } | undefined)?.destroy?.();
        throw error;
      }
    },

    async get(object, part, signal) {
      const wanted = {
        IfMatch: `"${object.version}"`,
        ...(part === undefined ? {} : { Range: `bytes=${part.start}-${part.end - 1}` }),
      };
      // The SDK verifies the checksum if the answer has one.
      const {
        Body: body,
        ContentLength: length,
        ContentRange: range,
        ETag: tag,
      } = await get(object.key, wanted, signal);
      return { body, length, range, version: tag === undefined ? undefined : versionOf(tag) };
    },

    async identity() {
      const key = await authenticate();
      return `access key ${key.length < 12 ? "…" : `${key.slice(0, 4)}…${key.slice(-4)}`}`;
    },
  };
}

interface Description {
  readonly ETag?: string | undefined;
  readonly LastModified?: Date | undefined;
}

/** Keys are form-encoded: a space is `+`. */
function decode(key: string | undefined): string | undefined {
  return key === undefined ? undefined : decodeURIComponent(key.replaceAll("+", " "));
}

/** An ETag without its quotes. */
function versionOf(tag: string): string {
  return tag.replace(/^"(?<tag>.*)"$/u, "$<tag>");
}
