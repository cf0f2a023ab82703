import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { holdsSecret } from "./secrets.ts";

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
