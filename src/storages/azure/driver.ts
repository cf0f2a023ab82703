import type {
  BlobItem,
  BlobServiceClient,
  ContainerListBlobHierarchySegmentResponse,
  StoragePipelineOptions,
} from "@azure/storage-blob";

import { BillhouseError } from "../../errors.ts";
import type { StoredObject } from "../../model.ts";
import { retryPolicy, type RetryPolicy } from "../../retry.ts";
import { keepSecret } from "../../secrets.ts";
import { objectStorage, partsOf, unexpectedAnswer, type ObjectService } from "../object-storage.ts";
import { leavesRoot, type StorageDriver, type StorageOptions } from "../storage.ts";
import { explain, invalidCredentials, isTransient, statusOf, type Container } from "./errors.ts";

/**
 * Storage `az`: a container of Azure Blob Storage, given as `az://account/container`.
 *
 * It needs the role Storage Blob Data Reader, or a key. The version is the ETag. A blob that stands for a folder (of an
 * account with a hierarchical namespace) is left out. Errors: as `objectStorage`, and CREDENTIALS_INVALID.
 */
export const azureStorage: StorageDriver = azureStorageWith(retryPolicy, 5000);

/** Storage `az` with another retry policy, and pages of at most `pageSize` blobs. */
export function azureStorageWith(policy: RetryPolicy, pageSize: number): StorageDriver {
  return {
    scheme: "az",
    open: async (url, options) =>
      objectStorage(await openContainer(containerOf(url), options, options.retryPolicy ?? policy, pageSize)),
  };
}

function containerOf(url: string): Container {
  const { account = "", container = "" } = partsOf(
    url,
    /^az:\/\/(?<account>[a-z0-9]{3,24})\/(?<container>\$web|\$root|\$logs|[a-z0-9](?:-?[a-z0-9]){2,62})\/?$/u,
    "The az:// address does not name a container of Azure Blob Storage.",
    "Write the storage account and the container, as in az://acmebilling/exports; folders in it go into prefix.",
  );
  return { url: `az://${account}/${container}`, account, container };
}

async function openContainer(
  container: Container,
  options: StorageOptions,
  policy: RetryPolicy,
  pageSize: number,
): Promise<ObjectService> {
  const { client, identity } = await connect(container, options);
  const blobs = client.getContainerClient(container.container);
  const server = { url: container.url, name: "Azure Blob Storage" };

  /** The object that the service describes. Error: STORAGE_UNAVAILABLE when the description is incomplete. */
  function toObject(key: string, description: Description): StoredObject {
    const { etag, contentLength: size, lastModified, contentMD5: md5 } = description;
    if (etag === undefined || size === undefined || lastModified === undefined) throw unexpectedAnswer(server);
    const object = { key, size, version: versionOf(etag), modified: lastModified.toISOString() };
    // Blobs that were written in blocks have one only where their writer gave it.
    return md5 === undefined || md5.length !== 16
      ? object
      : { ...object, checksum: `md5:${Buffer.from(md5).toString("hex")}` };
  }

  /** One page below a folder: all blobs, or its direct blobs and folders. */
  async function page(
    folder: string,
    continuationToken: string | undefined,
    isDirect: boolean,
    abortSignal: AbortSignal,
  ): Promise<Page> {
    const what = { includeMetadata: true, abortSignal, ...(folder === "" ? {} : { prefix: folder }) };
    const how = { maxPageSize: pageSize, ...(continuationToken === undefined ? {} : { continuationToken }) };
    const pages = isDirect ? blobs.listBlobsByHierarchy("/", what).byPage(how) : blobs.listBlobsFlat(what).byPage(how);
    const step = await pages.next().catch((error: unknown) => {
      // The SDK throws when the answer is not a listing.
      throw error instanceof TypeError ? unexpectedAnswer(server) : error;
    });
    // A proxy's page would otherwise count as an empty listing.
    if (step.done === true || step.value.containerName !== container.container) throw unexpectedAnswer(server);
    const { segment, continuationToken: next } = step.value;
    const { blobPrefixes: folders = [] } = segment as Partial<ContainerListBlobHierarchySegmentResponse["segment"]>;
    const entries = segment.blobItems.map((blob) => ({ name: blob.name, blob }));
    return { entries: [...folders.map(({ name }) => ({ name })), ...entries], next: next === "" ? undefined : next };
  }

  return {
    ...server,
    checks: "your network, the account in bucket_url, and https://azure.status.microsoft",
    policy,
    statusOf,
    isTransient,
    explain: (error, key) => explain(container, error, key),

    async *list(folder, send) {
      const pageOf: PageOf = (below, token, isDirect) => send((signal) => page(below, token, isDirect, signal));
      for await (const { name, blob } of inByteOrder(folder, pageSize, pageOf)) {
        if (isFolder(blob.metadata) || name.endsWith("/") || leavesRoot(name)) continue;
        yield toObject(name, blob.properties);
      }
    },

    // 1 to 1024 characters. Azure reads a backslash as `/` and drops the parts `.`, so either would find another blob. A
    // name that ends in `/` is a folder's.
    canBeKey: (key) =>
      key.isWellFormed() && key.length > 0 && key.length <= 1024 && !/(?:^|\/)\.(?:\/|$)|\\|\/$/u.test(key),

    async head(key, abortSignal) {
      const properties = await blobs.getBlobClient(key).getProperties({ abortSignal });
      return isFolder(properties.metadata) ? undefined : toObject(key, properties);
    },

    async get(object, part, abortSignal) {
      const how = {
        conditions: { ifMatch: `"${object.version}"` },
        // `objectStorage` resumes an interrupted download.
        maxRetryRequests: 0,
        abortSignal,
      };
      const count = part === undefined ? undefined : part.end - part.start;
      const blob = blobs.getBlobClient(object.key);
      const answer = await blob.download(part?.start ?? 0, count, how).catch((error: unknown) => {
        // The SDK throws a RangeError for an answer without a length or an ETag.
        throw error instanceof RangeError ? unexpectedAnswer(server) : error;
      });
      const { readableStreamBody: body, etag, contentLength: length, contentRange: range } = answer;
      return { body, length, range, version: etag === undefined ? undefined : versionOf(etag) };
    },

    identity,
  };
}

/** The properties of a blob, as a listing or a request for the blob alone gives them. */
interface Description {
  readonly etag?: string | undefined;
  readonly contentLength?: number | undefined;
  readonly lastModified?: Date | undefined;
  readonly contentMD5?: Uint8Array | undefined;
}

/** An ETag without its quotes: headers have them, listings do not. */
function versionOf(etag: string): string {
  return etag.replace(/^"(?<tag>.*)"$/u, "$<tag>");
}

/** Whether a blob stands for a folder of an account with a hierarchical namespace. */
function isFolder(metadata: Readonly<Record<string, string>> | undefined): boolean {
  const entry = Object.entries(metadata ?? {}).find(([name]) => name.toLowerCase() === "hdi_isfolder");
  return entry?.[1].toLowerCase() === "true";
}

/** A blob, or a folder, whose name ends in `/`. */
interface Entry {
  readonly name: string;
  readonly blob?: BlobItem;
}

interface Page {
  readonly entries: readonly Entry[];
  readonly next: string | undefined;
}

type PageOf = (folder: string, token: string | undefined, isDirect: boolean) => Promise<Page>;

/**
 * The blobs below a folder in the order of their names' bytes.
 *
 * Azure does not promise this order: accounts with a hierarchical namespace list folder by folder (`a/x` before `a-b/x`), and
 * UTF-16 sorts differently from UTF-8. What fits into one page is sorted here; a larger folder is listed folder by folder,
 * and the entries of each are sorted. Memory holds one page, and the direct entries of each folder on the way down.
 */
async function* inByteOrder(folder: string, pageSize: number, pageOf: PageOf): AsyncGenerator<Required<Entry>> {
  let page = await pageOf(folder, undefined, false);
  const entries = [...page.entries];
  // Azure may split what fits into one page over several.
  while (page.next !== undefined && entries.length < pageSize) {
    page = await pageOf(folder, page.next, false);
    entries.push(...page.entries);
  }
  if (page.next !== undefined) {
    page = await pageOf(folder, undefined, true);
    entries.splice(0, Infinity, ...page.entries);
    while (page.next !== undefined) {
      page = await pageOf(folder, page.next, true);
      entries.push(...page.entries);
    }
  }
  const sorted = entries
    .map((entry) => ({ ...entry, bytes: Buffer.from(entry.name) }))
    .toSorted((left, right) => Buffer.compare(left.bytes, right.bytes));
  for (const { name, blob } of sorted) {
    if (blob === undefined) yield* inByteOrder(name, pageSize, pageOf);
    else yield { name, blob };
  }
}

type Sdk = typeof import("@azure/storage-blob");

// Requests are retried by `objectStorage`: the SDK retries few of the transient errors.
const pipeline: StoragePipelineOptions = { retryOptions: { maxTries: 1 } };

/** Loads the SDK and prepares its client; no request is sent yet. Errors: CREDENTIALS_INVALID. */
async function connect(
  { url, account }: Container,
  options: StorageOptions,
): Promise<{ readonly client: BlobServiceClient; readonly identity: (signal: AbortSignal) => Promise<string> }> {
  const sdk = await import("@azure/storage-blob");
  const address = options.endpoint?.replace(/\/+$/u, "") ?? `https://${account}.blob.core.windows.net`;
  const { connectionString = null, sasToken = null } = options.azureCredentials ?? {};
  if (connectionString !== null) {
    const client = clientOf(sdk, connectionString, account, options.endpoint);
    return { client, identity: async () => `the connection string of the account ${account}` };
  }
  if (sasToken !== null) {
    const client = new sdk.BlobServiceClient(`${address}?${sasToken.replace(/^\?/u, "")}`, undefined, pipeline);
    return { client, identity: async () => "a shared access signature" };
  }
  if (!address.startsWith("https://")) {
    throw new BillhouseError("CREDENTIALS_INVALID", `A key for the endpoint of ${url} is missing.`, {
      hint: "Set AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_SAS_TOKEN: billhouse sends a login only over HTTPS.",
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
  return {
    client: new sdk.BlobServiceClient(address, credential, pipeline),
    async identity(abortSignal) {
      const { token } = await credential.getToken("https://storage.azure.com/.default", { abortSignal });
      return nameIn(token);
    },
  };
}

/** The client of a connection string, at the endpoint if one is set. */
function clientOf(sdk: Sdk, connectionString: string, account: string, endpoint: string | null): BlobServiceClient {
  let client: BlobServiceClient;
  try {
    client = sdk.BlobServiceClient.fromConnectionString(connectionString, pipeline);
  } catch {
    // The SDK's message can quote the connection string.
    throw invalidCredentials(
      undefined,
      "AZURE_STORAGE_CONNECTION_STRING is not a valid connection string of a storage account.",
    );
  }
  if (client.accountName !== account) {
    const named = /^[a-z0-9-]{1,63}$/u.test(client.accountName) ? client.accountName : "another";
    throw invalidCredentials(
      undefined,
      `AZURE_STORAGE_CONNECTION_STRING is for the account ${named}, but bucket_url names the account ${account}.`,
    );
  }
  if (endpoint === null) return client;
  const { search } = new URL(client.url);
  return new sdk.BlobServiceClient(`${endpoint.replace(/\/+$/u, "")}${search}`, client.credential, pipeline);
}

/** The account that a token names. It is only shown, so it is not verified. */
function nameIn(token: string): string {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    const { upn, unique_name: unique, appid, oid } = claims as Readonly<Record<string, unknown>>;
    const name = upn ?? unique;
    if (typeof name === "string") return name;
    const id = appid ?? oid;
    if (typeof id === "string") return `the application ${id}`;
  } catch {
    // The token may not be a JWT.
  }
  return "the account that is logged in to Azure";
}
