import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { ConfigPlace, StorageConfig } from "./config.ts";
import { azureCredentials, googleCredentials, keepVariables } from "./credentials.ts";
import { environmentLayer, readConfigFiles } from "./layers.ts";
import { expectation, holdsSecret, isEndpoint } from "./schema.ts";
import { BillhouseError } from "../errors.ts";

/** An address from the command line, and how its storage is reached. */
export interface Address {
  readonly bucketUrl: string;
  /** Without `/` at either end; empty for the whole bucket. */
  readonly prefix: string;
  readonly storage: StorageConfig;
}

/**
 * Parses an address as `bucket_url` is parsed, and finds the credentials that a configuration in this folder would find.
 * Error: CONFIG_INVALID, which never repeats the address.
 */
export async function readAddress(
  place: Pick<ConfigPlace, "folder" | "environment">,
  url: string,
  endpoint: string | null,
): Promise<Address> {
  keepVariables(place.environment);
  const address = parseBucketUrl(url, place.folder);
  if (typeof address === "string") {
    throw new BillhouseError("CONFIG_INVALID", `The address ${address}.`, {
      hint: "Write gs://bucket, s3://bucket, az://account/container, or the path of a folder.",
    });
  }
  if (endpoint !== null && !isEndpoint(endpoint)) {
    throw new BillhouseError("CONFIG_INVALID", `The endpoint must be ${expectation(["sources", "any", "endpoint"])}.`, {
      hint: "Credentials come from the cloud's own settings: the environment, or .dlt/secrets.toml.",
    });
  }
  const files = await readConfigFiles(place.folder, undefined);
  const environment = environmentLayer(place.environment, []);
  const layers = files.style === "billhouse" ? files.secrets : files.layers;
  return {
    bucketUrl: address.bucketUrl,
    prefix: address.path,
    storage: {
      endpoint,
      payer: null,
      googleCredentials: googleCredentials([...layers, environment]).key,
      azureCredentials: azureCredentials(place.environment),
    },
  };
}

/** The place of an export: the bucket that a storage opens, and the part of the prefix that the address contains. */
export interface BucketAddress {
  readonly bucketUrl: string;
  /** The part of the address below the bucket, without `/` at either end. */
  readonly path: string;
}

/**
 * Parses a `bucket_url`: an address of a storage, the web address of a bucket or of its page in a cloud's console, or a
 * folder; relative folders are resolved against `folder`. Returns a sentence instead when it is not valid. The sentence
 * never repeats the address: people paste keys and signatures into addresses.
 */
export function parseBucketUrl(url: string, folder: string): BucketAddress | string {
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(url)?.[1]?.toLowerCase();
  const spelling = spellings[scheme ?? ""];
  // Text before `://` is a scheme and can be shown; before a mere colon it may be a part of the secret.
  const isForeign = scheme !== undefined && scheme !== "file" && spelling === undefined;
  const web = isForeign ? webAddress(url) : undefined;
  if (web !== undefined) return web;
  if (holdsSecret(url) && !(isForeign && url.startsWith("//", scheme.length + 1))) return placeAlone;
  if (scheme === undefined) return { bucketUrl: resolve(folder, url), path: "" };
  if (scheme === "file") return parseFileUrl(url);
  if (spelling === undefined) {
    const advice = advices[scheme] ?? "write gs://, s3://, az://, file:// or the path of a folder";
    return `starts with "${scheme}:", which is not the address of a supported storage; ${advice}`;
  }
  if (/[?@#\s]/.test(url)) return placeAlone;
  const parts = url
    .slice(scheme.length + 1)
    .replace(/^\/*/, "")
    .split("/");
  const names = parts.slice(0, spelling.names);
  if (!url.startsWith("//", scheme.length + 1) || names.length < spelling.names || names.includes("")) {
    return `must be ${spelling.example}`;
  }
  return { bucketUrl: `${scheme}://${names.join("/")}`, path: trimSlashes(parts.slice(spelling.names).join("/")) };
}

/** Text without `/` at either end. */
export function trimSlashes(text: string): string {
  return text.replace(/^\/+/, "").replace(/\/+$/, "");
}

const placeAlone =
  "must be the address alone, without account keys, signatures or options; credentials come from the cloud's own settings";

const spellings: Readonly<Record<string, { readonly names: number; readonly example: string }>> = {
  gs: { names: 1, example: "gs://bucket" },
  s3: { names: 1, example: "s3://bucket" },
  az: { names: 2, example: "az://account/container" },
};

const advices: Readonly<Record<string, string>> = {
  gcs: "Google Cloud Storage is gs://bucket",
  s3a: "Amazon S3 is s3://bucket",
  abfs: "Azure Blob Storage is az://account/container",
  abfss: "Azure Blob Storage is az://account/container",
  azure: "Azure Blob Storage is az://account/container",
  wasbs: "Azure Blob Storage is az://account/container",
  http: "write gs://bucket, s3://bucket or az://account/container, and a server of your own as endpoint",
  https: "write gs://bucket, s3://bucket or az://account/container, and a server of your own as endpoint",
};

/**
 * What the web address of a bucket, or of its page in a cloud's console, stands for; undefined for any other address.
 * Sources: docs.cloud.google.com/storage/docs/request-endpoints; docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html;
 * learn.microsoft.com/azure/storage/common/storage-account-overview and /blobs/data-lake-storage-introduction-abfs-uri.
 */
function webAddress(url: string): BucketAddress | string | undefined {
  const text = /^https:\/\/portal\.azure\.com\//i.test(url) ? decoded(url) : url;
  const groups = webForms.map((form) => form.exec(text)?.groups).find((found) => found !== undefined);
  if (groups === undefined) return undefined;
  const { gs, s3, account, container, query } = groups;
  const path = decoded(groups["path"] ?? new URLSearchParams(query).get("prefix") ?? "");
  // In `abfss://container@account...` what looks like a login is the container.
  const rest = container === undefined ? url : url.replace(`${container}@`, "");
  if (holdsSecret(rest) || holdsSecret(path)) return placeAlone;
  if (account !== undefined && container === undefined) {
    return `names an Azure storage account without a container; write az://${account.toLowerCase()}/container`;
  }
  const bucket = gs === undefined ? s3 : gs;
  const bucketUrl =
    account === undefined
      ? `${gs === undefined ? "s3" : "gs"}://${bucket}`
      : `az://${account.toLowerCase()}/${container}`;
  return { bucketUrl, path: trimSlashes(path) };
}

const webForms: readonly RegExp[] = [
  /^https:\/\/(?<account>[a-z0-9]{3,24})\.(?:blob|dfs)\.core\.windows\.net(?:\/(?<container>[a-z0-9$-]{1,63}))?(?:\/(?<path>[^?#]*))?$/i,
  /^(?:abfss?|wasbs?):\/\/(?<container>[a-z0-9$-]{1,63})@(?<account>[a-z0-9]{3,24})\.(?:blob|dfs)\.core\.windows\.net(?:\/(?<path>[^?#]*))?$/i,
  /^https:\/\/portal\.azure\.com\/.*\/storageAccounts\/(?<account>[a-z0-9]{3,24})(?:(?:\/path|\/blobServices\/default\/containers)\/(?<container>[a-z0-9$-]{1,63}))?(?:$|[/?#])/i,
  /^https:\/\/storage\.(?:googleapis|cloud\.google)\.com\/(?<gs>[a-z0-9._-]{3,222})(?:\/(?<path>[^?#]*))?$/i,
  /^https:\/\/(?<gs>[a-z0-9._-]{3,222})\.storage\.googleapis\.com(?:\/(?<path>[^?#]*))?$/i,
  /^https:\/\/console\.cloud\.google\.com\/storage\/browser\/(?:_details\/)?(?<gs>[a-z0-9._-]{3,222})(?:\/(?<path>[^?#;]*))?(?:[;?#]|$)/i,
  /^https:\/\/(?<s3>[a-z0-9.-]{3,63})\.s3(?:[.-][a-z0-9-]+)*\.amazonaws\.com(?:\/(?<path>[^?#]*))?$/i,
  /^https:\/\/s3(?:[.-][a-z0-9-]+)*\.amazonaws\.com\/(?<s3>[a-z0-9.-]{3,63})(?:\/(?<path>[^?#]*))?$/i,
  /^https:\/\/(?:[a-z0-9-]+\.)*console\.aws\.amazon\.com\/s3\/(?:buckets|object)\/(?<s3>[a-z0-9.-]{3,63})\/?(?:\?(?<query>[^#]*))?(?:#|$)/i,
];

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function parseFileUrl(url: string): BucketAddress | string {
  try {
    return { bucketUrl: resolve(fileURLToPath(url)), path: "" };
  } catch {
    return "must be a folder on this machine with three slashes, such as file:///data/billing";
  }
}
