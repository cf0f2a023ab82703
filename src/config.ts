import { resolve } from "node:path";
import { parseBucketUrl, trimSlashes } from "./config/bucket.ts";
import { readConfigFiles } from "./config/files.ts";
import { describeIssues, type Mistake, mistakesError } from "./config/mistakes.ts";
import { checkDocument, type ConfigDocument, isIdentifier, type SourceSection } from "./config/schema.ts";
import { environmentLayer, exportSections, mergeLayers, withoutForeign } from "./config/settings.ts";
import { BillhouseError } from "./errors.ts";

/** The configuration of a run, from files, environment and flags, checked: paths are absolute, defaults are filled in. */
export interface Config {
  /** The file it was read from, or null when the environment alone said everything. */
  readonly file: string | null;
  readonly pipelines: readonly PipelineConfig[];
  readonly warehouse: WarehouseConfig;
}

/** One `[sources.<name>]` section. */
export interface PipelineConfig {
  /** The section's name: `aws_cur`. */
  readonly name: string;
  /** `gs://bucket`, `s3://bucket`, `az://account/container`, or the absolute path of a folder. */
  readonly bucketUrl: string;
  /** Without `/` at either end; empty for the whole bucket. */
  readonly prefix: string;
  readonly exportName: string | null;
  readonly tableName: string;
  readonly dataset: string;
  readonly kind: string | null;
  readonly partitionColumn: string | null;
  readonly firstMonth: string | null;
  readonly projectId: string | null;
}

/** Where rows go. */
export type WarehouseConfig = DuckdbConfig | BigqueryConfig;

/** `[destination.duckdb]`, the default. */
export interface DuckdbConfig {
  readonly kind: "duckdb";
  /** Absolute path of the database file. */
  readonly path: string;
  /** DuckDB's `storage_compatibility_version`: `latest`, or a version such as `v1.2.0`. */
  readonly storageVersion: string;
  /** DuckDB's `memory_limit`, as in `4GB`; null leaves the choice to billhouse. */
  readonly memoryLimit: string | null;
  /** DuckDB's `threads`; null means one per core. */
  readonly threads: number | null;
}

/** `[destination.bigquery]`. */
export interface BigqueryConfig {
  readonly kind: "bigquery";
  readonly projectId: string | null;
  readonly location: string;
  readonly stagingBucket: string | null;
}

/** Where a configuration is looked for. */
export interface ConfigPlace {
  /** A file that was named, relative to `folder`; without one the usual places are tried. */
  readonly file?: string;
  /** The working folder. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Reads and checks the configuration: `billhouse.toml`, else `.dlt/config.toml` and `.dlt/secrets.toml`, with the
 * environment on top. Error: CONFIG_INVALID, which names every mistake.
 */
export async function loadConfig(place: ConfigPlace): Promise<Config> {
  const files = await readConfigFiles(place.folder, place.file);
  const named = files.layers.flat().flatMap(({ path }) => (path[0] === "sources" ? (path[1] ?? []) : []));
  const environment = environmentLayer(place.environment, named);
  const sections = new Set([
    ...exportSections([...files.layers, environment]),
    ...(files.style === "billhouse" ? named : []),
  ]);
  const { document, origins } = mergeLayers([
    ...files.layers.map((layer) => (files.style === "dlt" ? withoutForeign(layer, sections) : layer)),
    withoutForeign(environment, sections),
  ]);
  const origin = (path: readonly string[]): string => originOf(path, origins);

  const checked = checkDocument(document);
  if (checked.issues !== undefined) throw mistakesError(describeIssues(checked.issues, document, origin));
  if (Object.keys(checked.document.sources).length === 0) throw nothingConfigured(place, files.file);

  const mistakes: Mistake[] = [];
  const pipelines = Object.entries(checked.document.sources).flatMap(
    ([name, section]) => pipelineConfig(name, section, files.folder, origin, mistakes) ?? [],
  );
  mistakes.push(...sharedTables(pipelines, origin));
  if (mistakes.length > 0) throw mistakesError(mistakes);
  return { file: files.file, pipelines, warehouse: warehouseConfig(checked.document, files.folder) };
}

function pipelineConfig(
  name: string,
  section: SourceSection,
  folder: string,
  origin: (path: readonly string[]) => string,
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
  };
}

function sharedTables(pipelines: readonly PipelineConfig[], origin: (path: readonly string[]) => string): Mistake[] {
  const owners = new Map<string, PipelineConfig>();
  // Both warehouses would keep two spellings apart or not as they like, so case is no difference here.
  const key = (pipeline: PipelineConfig, table: string): string => `${pipeline.dataset}.${table}`.toLowerCase();
  return pipelines.flatMap((pipeline): Mistake[] => {
    const tables = [pipeline.tableName, `${pipeline.tableName}_load_tracking`];
    const rival = tables.map((table) => owners.get(key(pipeline, table))).find((owner) => owner !== undefined);
    for (const table of tables) owners.set(key(pipeline, table), pipeline);
    if (rival === undefined) return [];
    const table = `${pipeline.dataset}.${pipeline.tableName}`;
    const sentence = `[sources.${pipeline.name}] and [sources.${rival.name}] would share the table ${table} or its tracking table.`;
    const path = ["sources", pipeline.name, "table_name"];
    return [{ origin: origin(path), sentence, hint: "Give one of them another table_name or dataset." }];
  });
}

function warehouseConfig(document: ConfigDocument, folder: string): WarehouseConfig {
  const { duckdb, bigquery } = document.destination;
  if (bigquery !== undefined || Object.values(document.sources).some((section) => section.project_id !== undefined)) {
    return {
      kind: "bigquery",
      projectId: bigquery?.project_id ?? null,
      location: bigquery?.location ?? "US",
      stagingBucket: bigquery?.staging_bucket ?? null,
    };
  }
  return {
    kind: "duckdb",
    path: resolve(folder, duckdb?.path ?? "billhouse.duckdb"),
    storageVersion: duckdb?.storage_version ?? "v1.2.0",
    memoryLimit: duckdb?.memory_limit ?? null,
    threads: duckdb?.threads ?? null,
  };
}

/** Where a key was written, or else what is around it. */
function originOf(path: readonly string[], origins: ReadonlyMap<string, string>): string {
  for (let length = path.length; length > 0; length--) {
    const origin = origins.get(path.slice(0, length).join("."));
    if (origin !== undefined) return origin;
  }
  return "The configuration";
}

function nothingConfigured(place: ConfigPlace, file: string | null): BillhouseError {
  const message =
    file === null
      ? `There is no configuration: no billhouse.toml and no .dlt/config.toml in ${place.folder}, and no SOURCES__ variable in the environment.`
      : `${file} names no export: it has no [sources.<name>] section with a bucket.`;
  return new BillhouseError("CONFIG_INVALID", message, {
    hint: [
      "The smallest billhouse.toml is:",
      "",
      "  [sources.aws_cur]",
      '  bucket_url = "gs://my-billing-bucket"',
      "",
      "To see billhouse work without an account, run: billhouse demo",
    ].join("\n"),
  });
}
