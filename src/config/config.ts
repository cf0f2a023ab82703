import type { AzureCredentials, GoogleCredentials } from "../model.ts";

/** The configuration of a run, from files, environment and flags, checked: paths are absolute, defaults are filled in. */
export interface Config {
  /** The file it was read from, or null when the environment alone said everything. */
  readonly file: string | null;
  readonly pipelines: readonly PipelineConfig[];
  readonly warehouse: WarehouseConfig;
  /** Null without notifications. */
  readonly notify: NotifyConfig | null;
  readonly focus: FocusConfig;
  readonly budgets: BudgetsConfig;
}

/** `[budgets]`: what owners, accounts and tags may cost. */
export interface BudgetsConfig {
  /** Absolute path of the list of budgets; null without one. */
  readonly file: string | null;
}

/** `[focus]`: the views over all exports in FOCUS columns. */
export interface FocusConfig {
  /** The dataset of the views in BigQuery. */
  readonly dataset: string;
  /** Absolute path of the list of accounts; null without one. */
  readonly accounts: string | null;
  /** Tables in FOCUS columns that others fill, which are joined into the views. The project is null for that of the warehouse. */
  readonly tables: readonly JoinedTable[];
  /** The tags by which people allocate costs, and other spellings of their keys. */
  readonly tags: readonly { readonly key: string; readonly spellings: readonly string[] }[];
  /** Values, in lower case, that mean that a tag is not set, such as `n/a`. */
  readonly placeholders: readonly string[];
}

/** `[focus.tables.<name>]`: a table that others fill. */
export interface JoinedTable {
  /** The name of the section, which is `x_Export` in the views. */
  readonly name: string;
  readonly project: string | null;
  readonly dataset: string;
  readonly table: string;
}

/** `[notify]`: the command that `billhouse run` runs for every alert. The library does not run it. */
export interface NotifyConfig {
  /** A line for the shell, or a program with its arguments. */
  readonly command: string | readonly string[];
  /** The folder in which it runs, absolute: that of the configuration file. */
  readonly folder: string;
  /** The age in seconds from which the newest load of an export is stale; null for never. */
  readonly maxAge: number | null;
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
  /** How many earlier loads of each month are kept beside the table. */
  readonly keepPrevious: number;
  /** The most bytes that one data file may unpack to; null for the default of `decompressedLimit`. */
  readonly unpackedLimit: number | null;
  /** How long, in milliseconds, nothing of a suspected delivery must have changed before it is loaded; 0 for no such rules. */
  readonly settle: number;
  /** The first and the last day with expected charges, `YYYY-MM-DD`; null for no limit. */
  readonly activeFrom: string | null;
  readonly activeTo: string | null;
  /** Words without quotes or backslashes that mean NULL in columns that are not text. */
  readonly nullValues: readonly string[];
  readonly storage: StorageConfig;
}

/** The table of a section without `table_name`. */
export function defaultTableName(section: string): string {
  return `${section}_data`;
}

/** How the storage of an export is reached, where its address alone does not say it. */
export interface StorageConfig {
  /** Base address of a server that speaks the storage's protocol; null for the cloud's own. */
  readonly endpoint: string | null;
  /** The project or account that pays for requests; null for the bucket's owner. */
  readonly payer: string | null;
  /** Never printed. */
  readonly googleCredentials: GoogleCredentials | null;
  /** Never printed. */
  readonly azureCredentials: AzureCredentials | null;
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
  /** The project of the datasets; null for that of the jobs. */
  readonly projectId: string | null;
  /** The project in which jobs run and are billed; null for that of the datasets, else that of the login. */
  readonly jobProjectId: string | null;
  /** Where datasets are made. */
  readonly location: string;
  readonly stagingBucket: string | null;
  /** Customer-managed key for everything that is stored; null for Google's own. */
  readonly kmsKeyName: string | null;
  /** The most bytes that one job may bill, as text; null for no limit. */
  readonly maximumBytesBilled: string | null;
  /** Base address of a server that speaks BigQuery's protocol; null for BigQuery. */
  readonly endpoint: string | null;
  /** The same for the staging bucket. */
  readonly storageEndpoint: string | null;
  /** Never printed. */
  readonly credentials: GoogleCredentials | null;
}

/** Where a configuration is looked for. */
export interface ConfigPlace {
  /** A file that was named, relative to `folder`; without one the usual places are tried. */
  readonly file?: string;
  /** The working folder. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}
