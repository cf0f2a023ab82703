import type { Bucket } from "@google-cloud/storage";

import type { GoogleCredentials } from "../../model.ts";
import { keepKey, keepToken } from "../../secrets.ts";
import { retry, type RetryPolicy, type RetriedService } from "../../retry.ts";
import type { StorageOptions } from "../storage.ts";
import { invalidCredentials, isTransient, isUnreached, unavailable } from "./failures.ts";

/** A bucket, and what is needed to speak with it. */
export interface Client extends RetriedService {
  /** `gs://bucket` */
  readonly url: string;
  readonly bucket: Bucket;
  readonly payer: string | null;
  /** The account of a key that was given, where the key tells it. */
  readonly account: string | undefined;
  /** Gets a token, or sees that there is one. Errors: CREDENTIALS_INVALID, and what passes. */
  readonly authenticate: () => Promise<void>;
  /** The account whose permissions count. Errors: CREDENTIALS_INVALID, STORAGE_UNAVAILABLE. */
  readonly identity: () => Promise<string>;
}

/** Loads the SDK and prepares a client; nothing is asked of the service yet. */
export async function openClient(bucket: string, options: StorageOptions, policy: RetryPolicy): Promise<Client> {
  const { Storage } = await import("@google-cloud/storage");
  const { endpoint, payer, googleCredentials } = options;
  const service = new Storage({
    ...(endpoint === null ? {} : { apiEndpoint: endpoint }),
    // Requests are retried here: see `retry`.
    retryOptions: { autoRetry: false },
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
      const headers = await service.authClient.getRequestHeaders();
      keepToken(headers.get("authorization"));
    } catch (error) {
      keepKey(service.authClient.jsonContent ?? {});
      throw isUnreached(error) ? error : invalidCredentials(error);
    }
  };
  const base: RetriedService = { policy, isTransient };
  return {
    ...base,
    url,
    bucket: service.bucket(bucket, payer === null ? {} : { userProject: payer }),
    payer,
    account: googleCredentials?.["client_email"],
    authenticate,
    async identity() {
      await retry(base, authenticate).catch((error: unknown) => {
        throw isTransient(error) ? unavailable(url, error) : error;
      });
      if (service.customEndpoint) return "nobody: the endpoint takes no credentials";
      const { client_email: account } = await service.authClient.getCredentials();
      return account ?? "the user of the application default credentials";
    },
  };
}

/** The answer of the service to a request that changes nothing, made again while it fails in a way that passes. */
export async function askService<T>(client: Client, request: () => Promise<T>): Promise<T> {
  return retry(client, async () => {
    await client.authenticate();
    return request();
  });
}

/** Keys that a person wrote down may lack the word that tells an account's key from a user's. */
function withType(credentials: GoogleCredentials): GoogleCredentials {
  if (credentials["type"] !== undefined) return credentials;
  const type = credentials["refresh_token"] === undefined ? "service_account" : "authorized_user";
  return { ...credentials, type };
}
