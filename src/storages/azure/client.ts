import type { BlobServiceClient, ContainerClient, StoragePipelineOptions } from "@azure/storage-blob";

import { BillhouseError } from "../../errors.ts";
import { keepSecret } from "../../secrets.ts";
import { retry, type RetryPolicy, type RetriedService } from "../../retry.ts";
import type { StorageOptions } from "../storage.ts";
import { explain, invalidCredentials, isTransient } from "./failures.ts";

/** A container, and what is needed to speak with it. */
export interface Client extends RetriedService {
  /** `az://account/container` */
  readonly url: string;
  readonly account: string;
  readonly name: string;
  readonly container: ContainerClient;
  /** How many blobs a page of a listing has at most. */
  readonly pageSize: number;
  /** Errors: CREDENTIALS_INVALID, STORAGE_UNAVAILABLE. */
  readonly identity: () => Promise<string>;
}

/** Which container. */
export interface Place {
  readonly account: string;
  readonly container: string;
}

type Blobs = typeof import("@azure/storage-blob");

// Requests are made again in this folder's own way: the SDK does so for few of the failures that pass.
const pipeline: StoragePipelineOptions = { retryOptions: { maxTries: 1 } };

/** Loads the SDK and prepares a client; nothing is asked of the service yet. */
export async function openClient(
  place: Place,
  options: StorageOptions,
  policy: RetryPolicy,
  pageSize: number,
): Promise<Client> {
  const { account, container: name } = place;
  const url = `az://${account}/${name}`;
  const base = {
    url,
    account,
    name,
    pageSize,
    policy,
    isTransient,
  };
  const blobs = await import("@azure/storage-blob");
  const address = options.endpoint?.replace(/\/+$/u, "") ?? `https://${account}.blob.core.windows.net`;
  const { connectionString = null, sasToken = null } = options.azureCredentials ?? {};
  if (connectionString !== null) {
    const service = connect(blobs, connectionString, account, options.endpoint);
    const identity = async () => `the connection string of the account ${account}`;
    return { ...base, container: service.getContainerClient(name), identity };
  }
  if (sasToken !== null) {
    const service = new blobs.BlobServiceClient(`${address}?${sasToken.replace(/^\?/u, "")}`, undefined, pipeline);
    return { ...base, container: service.getContainerClient(name), identity: async () => "a shared access signature" };
  }
  if (!address.startsWith("https://")) {
    throw new BillhouseError("CREDENTIALS_INVALID", `There is no key for the endpoint of ${url}.`, {
      hint: "Set AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_SAS_TOKEN: a login is not sent where nothing is encrypted.",
    });
  }
  const { DefaultAzureCredential } = await import("@azure/identity");
  const login = new DefaultAzureCredential();
  const credential: Pick<typeof login, "getToken"> = {
    async getToken(scopes, how) {
      const token = await login.getToken(scopes, how);
      keepSecret(token.token);
      return token;
    },
  };
  const service = new blobs.BlobServiceClient(address, credential, pipeline);
  async function identity(): Promise<string> {
    try {
      const scope = "https://storage.azure.com/.default";
      const token = await retry(base, (abortSignal) => credential.getToken(scope, { abortSignal }));
      return nameIn(token.token);
    } catch (error) {
      throw explain(base, error);
    }
  }
  return { ...base, container: service.getContainerClient(name), identity };
}

/** The service that a connection string names, at another address where one is given. */
function connect(blobs: Blobs, connectionString: string, account: string, endpoint: string | null): BlobServiceClient {
  let service: BlobServiceClient;
  try {
    service = blobs.BlobServiceClient.fromConnectionString(connectionString, pipeline);
  } catch {
    // The SDK's words for it can quote it.
    throw invalidCredentials(
      undefined,
      "AZURE_STORAGE_CONNECTION_STRING is no connection string of a storage account.",
    );
  }
  if (service.accountName !== account) {
    const named = /^[a-z0-9-]{1,63}$/u.test(service.accountName) ? service.accountName : "another";
    throw invalidCredentials(
      undefined,
      `AZURE_STORAGE_CONNECTION_STRING is for the account ${named}, and bucket_url names the account ${account}.`,
    );
  }
  if (endpoint === null) return service;
  const { search } = new URL(service.url);
  const { credential } = service;
  return new blobs.BlobServiceClient(`${endpoint.replace(/\/+$/u, "")}${search}`, credential, pipeline);
}

/** Whom a token is for, as it says itself: it is not proved here, only shown. */
function nameIn(token: string): string {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    const { upn, unique_name: unique, appid, oid } = claims as Readonly<Record<string, unknown>>;
    const name = upn ?? unique;
    if (typeof name === "string") return name;
    const id = appid ?? oid;
    if (typeof id === "string") return `the application ${id}`;
  } catch {
    // It is no JWT, and need not be one.
  }
  return "the account that is logged in to Azure";
}
