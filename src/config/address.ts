import type { ConfigPlace, StorageConfig } from "./config.ts";
import { BillhouseError } from "../errors.ts";
import { parseBucketUrl } from "./bucket.ts";
import { azureCredentials, googleCredentials, keepVariables } from "./credentials.ts";
import { readConfigFiles } from "./files.ts";
import { expectation, isEndpoint } from "./schema.ts";
import { environmentLayer } from "./settings.ts";

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
