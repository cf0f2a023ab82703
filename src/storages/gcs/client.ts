import { setTimeout as sleep } from "node:timers/promises";

import type { Bucket } from "@google-cloud/storage";

import type { GoogleCredentials } from "../../model.ts";
import type { StorageOptions } from "../storage.ts";
import { invalidCredentials, isNetworkFailure, unavailable } from "./failures.ts";

/** How long a failing service is waited for. Times are milliseconds. */
export interface Patience {
  /** How often one request is made again; of a download, without having got a byte in between. */
  readonly retries: number;
  /** Each delay is that many times the one before; the first is that many seconds. The SDK adds up to one by chance. */
  readonly multiplier: number;
  readonly longestDelay: number;
  /** Without an answer for so long, all retries included, a request for facts is given up and made anew, once. */
  readonly answer: number;
  /** Without an answer or a byte for so long, a download counts as broken. */
  readonly silence: number;
}

/** A bucket, and what is needed to speak with it. */
export interface Client {
  /** `gs://bucket` */
  readonly url: string;
  readonly bucket: Bucket;
  readonly payer: string | null;
  /** The account of a key that was given, where the key tells it. */
  readonly account: string | undefined;
  readonly patience: Patience;
  /** Gets a token, or sees that there is one. Errors: CREDENTIALS_INVALID, STORAGE_UNAVAILABLE. */
  readonly authenticate: () => Promise<void>;
  /** The account whose permissions count. Errors: as `authenticate`. */
  readonly identity: () => Promise<string>;
}

/** Loads the SDK and prepares a client; nothing is asked of the service yet. */
export async function openClient(bucket: string, options: StorageOptions, patience: Patience): Promise<Client> {
  const { Storage } = await import("@google-cloud/storage");
  const { endpoint, payer, googleCredentials } = options;
  const service = new Storage({
    ...(endpoint === null ? {} : { apiEndpoint: endpoint }),
    retryOptions: {
      autoRetry: true,
      maxRetries: patience.retries,
      retryDelayMultiplier: patience.multiplier,
      maxRetryDelay: patience.longestDelay / 1000,
      // When this time runs out while the SDK waits, its call never ends. The number of retries ends it earlier.
      totalTimeout: 86_400,
    },
  });
  // The SDK lets the variable STORAGE_EMULATOR_HOST of another program win over the address that it is given.
  if (endpoint !== null) service.baseUrl = `${service.apiEndpoint}/storage/v1`;
  // The option `credentials` does the same, and prints a warning that is none of the user's.
  if (googleCredentials !== null) service.authClient.jsonContent = withType(googleCredentials);
  const url = `gs://${bucket}`;
  const authenticate = async (): Promise<void> => {
    if (service.customEndpoint) return;
    try {
      // The token is kept until it ends. To ask for it here tells a bad key from a request that was refused.
      if ((await within(patience.answer, service.authClient.getRequestHeaders())) !== silence) return;
    } catch (error) {
      throw isNetworkFailure(error) ? unavailable(url, error) : invalidCredentials(error);
    }
    throw unavailable(url, undefined);
  };
  return {
    url,
    bucket: service.bucket(bucket, payer === null ? {} : { userProject: payer }),
    payer,
    account: googleCredentials?.["client_email"],
    patience,
    authenticate,
    async identity() {
      await authenticate();
      if (service.customEndpoint) return "nobody: the endpoint takes no credentials";
      const { client_email: account } = await service.authClient.getCredentials();
      return account ?? "the user of the application default credentials";
    },
  };
}

/**
 * The answer to a request that changes nothing. The SDK makes it again while it fails in a way that passes, but waits
 * for ever for a server that has fallen silent: that is what is watched for here.
 */
export async function ask<T>(client: Client, request: () => Promise<T>): Promise<T> {
  await client.authenticate();
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    const answer = await within(client.patience.answer, request());
    if (answer !== silence) return answer;
  }
  throw unavailable(client.url, undefined);
}

/**
 * Waits before a download is asked for again, for the `attempt`th time in a row that it brought nothing, counted from 1.
 * A connection that breaks after it has served is rarely a sign of load: then the delays are short. Error:
 * STORAGE_UNAVAILABLE after the last attempt.
 */
export async function waitToResume(client: Client, attempt: number, hasServed: boolean, cause: unknown): Promise<void> {
  const { retries, multiplier, longestDelay } = client.patience;
  if (attempt > retries) throw unavailable(client.url, cause);
  await sleep(Math.min(longestDelay, hasServed ? 200 * multiplier ** (attempt - 1) : 1000 * multiplier ** attempt));
}

const silence = Symbol("silence");

async function within<T>(time: number, work: Promise<T>): Promise<T | typeof silence> {
  const end = new AbortController();
  try {
    return await Promise.race([work, sleep(time, silence, { signal: end.signal })]);
  } finally {
    end.abort();
  }
}

/** Keys that a person wrote down may lack the word that tells an account's key from a user's. */
function withType(credentials: GoogleCredentials): GoogleCredentials {
  if (credentials["type"] !== undefined) return credentials;
  const type = credentials["refresh_token"] === undefined ? "service_account" : "authorized_user";
  return { ...credentials, type };
}
