import type { GetObjectCommandOutput, HeadObjectCommandOutput, ListObjectsV2CommandOutput } from "@aws-sdk/client-s3";

import { keepSecret } from "../../secrets.ts";
import type { StorageOptions } from "../storage.ts";
import { isNetworkError, type RetryPolicy, type RetriedService } from "../../retry.ts";
import { invalidCredentials, isTransient, statusOf, unavailable } from "./failures.ts";

/** A bucket, and what is needed to speak with it. */
export interface Client extends RetriedService {
  /** `s3://bucket` */
  readonly url: string;
  readonly bucket: string;
  readonly payer: string | null;
  /** One page of a listing. */
  readonly list: (
    prefix: string,
    token: string | undefined,
    signal: AbortSignal,
  ) => Promise<ListObjectsV2CommandOutput>;
  readonly head: (key: string, signal: AbortSignal) => Promise<HeadObjectCommandOutput>;
  readonly get: (key: string, how: Wanted, signal: AbortSignal) => Promise<GetObjectCommandOutput>;
  /** The access key, shortened. Errors: CREDENTIALS_INVALID, STORAGE_UNAVAILABLE. */
  readonly identity: () => Promise<string>;
}

/** What is wanted of an object. */
export interface Wanted {
  /** `bytes=0-9`; all without. */
  readonly range?: string;
  /** The ETag that it must have. */
  readonly version?: string;
}

/** Loads the SDK and prepares a client; nothing is asked of the service yet. */
export async function openClient(bucket: string, options: StorageOptions, policy: RetryPolicy): Promise<Client> {
  const { GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, S3Client } = await import("@aws-sdk/client-s3");
  const { endpoint, payer } = options;
  const url = `s3://${bucket}`;
  const settings = {
    // Requests are retried here: see `retry`.
    maxAttempts: 1,
    ...(endpoint === null ? {} : { endpoint, forcePathStyle: true }),
  };
  // The environment and the profile may name none, and any one can be asked where a bucket is.
  let region = await new S3Client(settings).config.region().catch(() => "us-east-1");
  let service = new S3Client({ ...settings, region });

  async function authenticate(): Promise<string> {
    try {
      // They are kept until they end. To ask here tells credentials that are bad from a request that was refused.
      const { accessKeyId, secretAccessKey, sessionToken = "" } = await service.config.credentials();
      for (const secret of [accessKeyId, secretAccessKey, sessionToken]) keepSecret(secret);
      return accessKeyId;
    } catch (error) {
      throw isNetworkError(error) ? error : invalidCredentials(error);
    }
  }

  /** Sends, and sends again where the answer says what was wrong with region or clock. */
  async function send<T>(request: () => Promise<T>): Promise<T> {
    await authenticate();
    try {
      return await request();
    } catch (error) {
      const other = regionIn(error);
      // The SDK has taken the time of the answer for its clock.
      const isLate = error instanceof Error && error.name === "RequestTimeTooSkewed";
      if (!isLate && (other === undefined || other === region)) throw error;
      if (other !== undefined && other !== region) {
        // The SDK's own way of following leads each request to the wrong place first.
        region = other;
        service = new S3Client({ ...settings, region });
      }
      return request();
    }
  }

  const common = { Bucket: bucket, ...(payer === null ? {} : { RequestPayer: "requester" as const }) };
  return {
    url,
    bucket,
    payer,
    policy,
    isTransient,
    list: (prefix, token, abortSignal) =>
      send(async () =>
        service.send(
          new ListObjectsV2Command({
            ...common,
            // XML cannot hold every character that a key can.
            EncodingType: "url",
            ...(prefix === "" ? {} : { Prefix: prefix }),
            ...(token === undefined ? {} : { ContinuationToken: token }),
          }),
          { abortSignal },
        ),
      ),
    head: (key, abortSignal) =>
      send(async () => service.send(new HeadObjectCommand({ ...common, Key: key }), { abortSignal })),
    get: (key, { range, version }, abortSignal) =>
      send(async () =>
        service.send(
          new GetObjectCommand({
            ...common,
            Key: key,
            ...(range === undefined ? {} : { Range: range }),
            ...(version === undefined ? {} : { IfMatch: `"${version}"` }),
          }),
          { abortSignal },
        ),
      ),
    async identity() {
      const key = await authenticate().catch((error: unknown) => {
        throw isNetworkError(error) ? unavailable(url, error) : error;
      });
      return `access key ${key.length < 12 ? "…" : `${key.slice(0, 4)}…${key.slice(-4)}`}`;
    },
  };
}

/** The region that a bucket is said to be in, where a request was sent to another. */
function regionIn(error: unknown): string | undefined {
  const status = statusOf(error);
  if (status !== 301 && status !== 307 && status !== 400) return undefined;
  const { Region: named, $response: answer } = error as {
    readonly Region?: unknown;
    readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
  };
  const region = answer?.headers?.["x-amz-bucket-region"] ?? named;
  // It becomes a part of the host's name.
  return typeof region === "string" && /^[a-z0-9-]{1,40}$/u.test(region) ? region : undefined;
}
