import { refusal } from "./failures.ts";

import type { FieldSchema } from "./types.ts";

/** An object of Cloud Storage. */
export interface StoredObject {
  readonly bytes: Uint8Array;
  readonly generation: string;
  /** What the store says of its size, where that is not the length of `bytes`. */
  readonly size?: number;
}

/** Reads an object; undefined where there is none. */
export type ReadObject = (bucket: string, key: string) => Promise<StoredObject | undefined>;

/** `configuration.load` of a job. */
export interface LoadConfiguration {
  readonly sourceUris?: readonly string[];
  readonly destinationTable?: { readonly projectId?: string; readonly datasetId?: string; readonly tableId?: string };
  readonly createDisposition?: string;
  readonly writeDisposition?: string;
  readonly sourceFormat?: string;
  readonly schema?: { readonly fields?: readonly FieldSchema[] };
  readonly skipLeadingRows?: string | number;
  readonly preserveAsciiControlCharacters?: boolean;
  readonly allowQuotedNewlines?: boolean;
  readonly encoding?: string;
  readonly quote?: string;
  readonly maxBadRecords?: number | string;
  readonly decimalTargetTypes?: readonly string[];
  readonly columnNameCharacterMap?: string;
  readonly destinationEncryptionConfiguration?: unknown;
}

const common =
  "sourceUris destinationTable createDisposition writeDisposition sourceFormat destinationEncryptionConfiguration".split(
    " ",
  );

const csvKeys =
  "schema skipLeadingRows quote allowQuotedNewlines encoding maxBadRecords preserveAsciiControlCharacters fieldDelimiter".split(
    " ",
  );

const parquetKeys = "decimalTargetTypes columnNameCharacterMap".split(" ");

/** Refuses a load job that BigQuery, or this server, does not take. Errors: invalid, notImplemented. */
export function checkLoad(load: LoadConfiguration): void {
  const { sourceUris = [], sourceFormat, schema } = load;
  const isCsv = sourceFormat === "CSV";
  const known = new Set([...common, ...(isCsv ? csvKeys : parquetKeys)]);
  const refused = (what: string): Error => refusal("notImplemented", `This server takes no load job with ${what}`);
  for (const key of Object.keys(load)) if (!known.has(key)) throw refused(key);
  if (!isCsv && sourceFormat !== "PARQUET") throw refused(`sourceFormat ${sourceFormat}`);
  if (load.writeDisposition !== "WRITE_EMPTY") throw refused(`writeDisposition ${load.writeDisposition}`);
  if (load.createDisposition !== "CREATE_IF_NEEDED") throw refused(`createDisposition ${load.createDisposition}`);
  if (isCsv) {
    if ((schema?.fields ?? []).length === 0) throw refused("CSV and no schema");
    if (load.encoding !== "UTF-8" || load.quote !== '"' || load.allowQuotedNewlines !== true) {
      throw refused("another encoding or quote, or without newlines in quotes");
    }
    if (Number(load.maxBadRecords ?? 0) !== 0) throw refused("maxBadRecords");
  } else if (JSON.stringify(load.decimalTargetTypes) !== '["BIGNUMERIC"]') throw refused("these decimalTargetTypes");
  if (sourceUris.length === 0) throw refusal("invalid", "Required parameter is missing: sourceUris");
  // Documented: quotas#load_jobs.
  if (sourceUris.length > 10_000) throw refusal("invalid", "Too many source URIs: a load job may have 10000");
  for (const uri of sourceUris) placeOf(uri);
}

/** The bucket and the key of a source. Errors: invalid, notImplemented. */
export function placeOf(uri: string): { bucket: string; key: string } {
  const [, bucket, key] = /^gs:\/\/([^/]+)\/(.+)$/su.exec(uri) ?? [];
  if (bucket === undefined || key === undefined)
    throw refusal("invalid", `Source URI must be a Google Cloud Storage location: ${uri}`);
  if (key.includes("*")) throw refusal("notImplemented", `This server takes no wildcards: ${uri}`);
  // Documented: loading-data-cloud-storage-csv#uri; several slashes in a row are not supported.
  if (key.includes("//") || key.startsWith("/"))
    throw refusal("invalid", `Invalid source URI, multiple consecutive slashes: ${uri}`);
  return { bucket, key };
}
