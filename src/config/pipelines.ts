import type { PipelineConfig } from "./config.ts";
import type { AzureCredentials, GoogleCredentials } from "../model.ts";
import { parseBucketUrl, trimSlashes } from "./bucket.ts";
import type { Mistake } from "./mistakes.ts";
import { byteCount, isIdentifier, type SourceSection } from "./schema.ts";

/** The logins that storages may need. */
export interface StorageCredentials {
  readonly googleCredentials: GoogleCredentials | null;
  readonly azureCredentials: AzureCredentials | null;
}

/** The pipelines of the `[sources.*]` sections, with defaults filled in, and the mistakes in them. */
export function pipelineConfigs(
  sources: Readonly<Record<string, SourceSection>>,
  folder: string,
  origin: (path: readonly string[]) => string,
  credentials: StorageCredentials,
): { readonly pipelines: readonly PipelineConfig[]; readonly mistakes: readonly Mistake[] } {
  const mistakes: Mistake[] = [];
  const pipelines = Object.entries(sources).flatMap(
    ([name, section]) => pipelineConfig(name, section, folder, origin, credentials, mistakes) ?? [],
  );
  return { pipelines, mistakes: [...mistakes, ...sharedTables(pipelines, origin)] };
}

function pipelineConfig(
  name: string,
  section: SourceSection,
  folder: string,
  origin: (path: readonly string[]) => string,
  credentials: StorageCredentials,
  mistakes: Mistake[],
): PipelineConfig | undefined {
  const path = ["sources", name];
  if (!isIdentifier(name) || name.toLowerCase() === "all") {
    const sentence = `"${name}" cannot be the name of a section: names are letters, digits and _, begin with no digit, and are not "all".`;
    mistakes.push({ origin: origin(path), sentence, hint: "The section's name becomes part of the table's name." });
    return undefined;
  }
  if (section.bucket !== undefined && section.bucket_url !== undefined) {
    const sentence = `[sources.${name}] has both "bucket" and "bucket_url".`;
    mistakes.push({ origin: origin([...path, "bucket"]), sentence, hint: "Keep one of the two." });
    return undefined;
  }
  const url = section.bucket === undefined ? section.bucket_url : `gs://${section.bucket}`;
  if (url === undefined) {
    const sentence = `[sources.${name}] does not say where the export lies: it has no "bucket_url".`;
    mistakes.push({
      origin: origin(path),
      sentence,
      hint: 'Add a line such as bucket_url = "gs://my-billing-bucket".',
    });
    return undefined;
  }
  const address = parseBucketUrl(url, folder);
  if (typeof address === "string") {
    mistakes.push({
      origin: origin([...path, "bucket_url"]),
      sentence: `"bucket_url" in [sources.${name}] ${address}.`,
    });
    return undefined;
  }
  return {
    name,
    bucketUrl: address.bucketUrl,
    prefix: trimSlashes(`${address.path}/${trimSlashes(section.prefix ?? "")}`),
    exportName: section.export_name ?? null,
    tableName: section.table_name ?? `${name}_data`,
    dataset: section.dataset ?? "billing_data",
    kind: section.kind ?? null,
    partitionColumn: section.partition_column ?? null,
    firstMonth: section.first_month ?? null,
    projectId: section.project_id ?? null,
    keepPrevious: section.keep_previous ?? 0,
    unpackedLimit: section.unpacked_limit === undefined ? null : (byteCount(section.unpacked_limit) ?? null),
    storage: { endpoint: section.endpoint ?? null, payer: section.payer ?? null, ...credentials },
  };
}

function sharedTables(pipelines: readonly PipelineConfig[], origin: (path: readonly string[]) => string): Mistake[] {
  const owners = new Map<string, PipelineConfig>();
  // Both warehouses would keep two spellings apart or not as they like, so case is no difference here.
  const key = (pipeline: PipelineConfig, table: string): string => `${pipeline.dataset}.${table}`.toLowerCase();
  return pipelines.flatMap((pipeline): Mistake[] => {
    const tables = ["", "_load_tracking", "_previous"].map((suffix) => `${pipeline.tableName}${suffix}`);
    const rival = tables.map((table) => owners.get(key(pipeline, table))).find((owner) => owner !== undefined);
    for (const table of tables) owners.set(key(pipeline, table), pipeline);
    if (rival === undefined) return [];
    const table = `${pipeline.dataset}.${pipeline.tableName}`;
    const sentence = `[sources.${pipeline.name}] and [sources.${rival.name}] would share the table ${table} or a table beside it.`;
    const path = ["sources", pipeline.name, "table_name"];
    return [{ origin: origin(path), sentence, hint: "Give one of them another table_name or dataset." }];
  });
}
