import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { ConfigPlace, StorageConfig } from "./config.ts";
import { azureCredentials, googleCredentials, keepVariables } from "./credentials.ts";
import { environmentLayer, readConfigFiles } from "./layers.ts";
import { expectation, holdsSecret, isEndpoint } from "./schema.ts";
import { BillhouseError } from "../errors.ts";

/** An address that somebody wrote on the command line, and how it is reached. */
export interface Address {
  readonly bucketUrl: string;
  /** Without `/` at either end; empty for the whole bucket. */
  readonly prefix: string;
  readonly storage: StorageConfig;
}

/**
 * Takes an address apart, as `bucket_url` in a configuration, and finds the credentials that a configuration in this
 * folder would find. Error: CONFIG_INVALID, which never repeats the address.
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
      hint: "Write gs://bucket, s3://bucket, az://account/container or the path of a folder.",
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

/** Where an export lies: the place that a storage opens, and what of the prefix was written into the address. */
export interface BucketAddress {
  readonly bucketUrl: string;
  /** The part of the address below the bucket, without `/` at either end. */
  readonly path: string;
}

/**
 * Takes a `bucket_url` apart; relative folders are resolved against `folder`. Gives a sentence instead when it cannot
 * be one. The sentence never repeats the address: people paste keys and signatures into addresses.
 */
export function parseBucketUrl(url: string, folder: string): BucketAddress | string {
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(url)?.[1]?.toLowerCase();
  const spelling = spellings[scheme ?? ""];
  // What stands before `://` is a scheme, and may be told; before a mere colon it may be a part of the secret.
  const isForeign = scheme !== undefined && scheme !== "file" && spelling === undefined;
  if (holdsSecret(url) && !(isForeign && url.startsWith("//", scheme.length + 1))) return placeAlone;
  if (scheme === undefined) return { bucketUrl: resolve(folder, url), path: "" };
  if (scheme === "file") return parseFileUrl(url);
  if (spelling === undefined) {
    const advice = advices[scheme] ?? "write gs://, s3://, az://, file:// or the path of a folder";
    return `begins with "${scheme}:", which is no storage that billhouse knows; ${advice}`;
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
  "must hold the place alone, without account keys, signatures or options; credentials come from the cloud's own settings";

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
  http: "write gs://bucket, s3://bucket or az://account/container",
  https: "write gs://bucket, s3://bucket or az://account/container",
};

function parseFileUrl(url: string): BucketAddress | string {
  try {
    return { bucketUrl: resolve(fileURLToPath(url)), path: "" };
  } catch {
    return "must be a folder on this machine with three slashes, such as file:///data/billing";
  }
}
