import { type ConfigExplanation, explain } from "./config/explain.ts";
import { readConfig } from "./config/reading.ts";

export type { ConfigExplanation, ConfigValue } from "./config/explain.ts";

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
  /** DuckDB's `storage_compatibility_version`: `latest`, or a version such as `v1.3.0`. */
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
  const { config } = await readConfig(place);
  return config;
}

/** Reads the configuration as `loadConfig` does, and tells where each value came from. Error: CONFIG_INVALID. */
export async function explainConfig(place: ConfigPlace): Promise<ConfigExplanation> {
  return explain(await readConfig(place), place);
}
