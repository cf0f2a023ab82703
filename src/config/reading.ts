import { basename, resolve } from "node:path";
import { checkPlace } from "./arguments.ts";
import { parseBucketUrl, trimSlashes } from "./address.ts";
import {
  type Config,
  type ConfigPlace,
  defaultTableName,
  type FocusConfig,
  type NotifyConfig,
  type PipelineConfig,
  type WarehouseConfig,
} from "./config.ts";
import { azureCredentials, googleCredentials, keepVariables, type WrittenCredentials } from "./credentials.ts";
import {
  environmentLayer,
  exportSections,
  type Layer,
  mergeLayers,
  type Origin,
  readConfigFiles,
  type Setting,
  withoutForeign,
} from "./layers.ts";
import { describeIssues, describeOrigin, type Mistake, mistakesError } from "./mistakes.ts";
import {
  byteCount,
  checkDocument,
  type ConfigDocument,
  defaultFocusDataset,
  defaultSettle,
  isIdentifier,
  milliseconds,
  type SourceSection,
} from "./schema.ts";
import { BillhouseError } from "../errors.ts";
import type { AzureCredentials, GoogleCredentials } from "../model.ts";

/** The configuration, and where it was written. */
export interface Reading {
  readonly config: Config;
  /** What was written, checked: without defaults. */
  readonly document: ConfigDocument;
  /** Where a path of the document was written, or else what is around it. */
  readonly originOf: (path: readonly string[]) => Origin | undefined;
  /** Everything that was written, before what belongs to other programs was left out; a later layer wins. */
  readonly layers: readonly Layer[];
}

/**
 * Reads and checks the configuration: `billhouse.toml`, else `.dlt/config.toml` and `.dlt/secrets.toml`, with the
 * environment on top. Errors: CONFIG_INVALID, which names every mistake; USAGE_INVALID.
 */
export async function loadConfig(place: ConfigPlace): Promise<Config> {
  const { config } = await readConfig(place);
  return config;
}

/** Reads and checks files and environment. Errors: CONFIG_INVALID, which names every mistake; USAGE_INVALID. */
export async function readConfig(place: ConfigPlace): Promise<Reading> {
  checkPlace(place);
  keepVariables(place.environment);
  const files = await readConfigFiles(place.folder, place.file);
  const named = files.layers.flat().flatMap(({ path }) => (path[0] === "sources" ? (path[1] ?? []) : []));
  const environment = environmentLayer(place.environment, named);
  const layers = [...files.secrets, ...files.layers, environment];
  const sections = new Set([
    ...exportSections([...files.layers, environment]),
    ...(files.style === "billhouse" ? named : []),
  ]);
  const ours = [
    ...files.layers.map((layer) => (files.style === "dlt" ? withoutForeign(layer, sections) : layer)),
    withoutForeign(environment, sections),
  ];
  const unusable = ours.flat().flatMap(prototypeName);
  if (unusable.length > 0) throw mistakesError(unusable);
  const { document, origins } = mergeLayers(ours);
  const originOf = (path: readonly string[]): Origin | undefined => nearestOrigin(path, origins);
  const origin = (path: readonly string[]): string => describeOrigin(originOf(path));

  const checked = checkDocument(document);
  if (checked.issues !== undefined) throw mistakesError(describeIssues(checked.issues, document, origin));
  if (Object.keys(checked.document.sources).length === 0) throw nothingConfigured(place, files.file);

  // `billhouse.toml` never holds credentials: only the other layers are searched.
  const written = googleCredentials(files.style === "billhouse" ? [...files.secrets, environment] : layers);
  const { pipelines, mistakes } = pipelineConfigs(checked.document.sources, files.folder, origin, {
    googleCredentials: written.key,
    azureCredentials: azureCredentials(place.environment),
  });
  const warehouse = warehouseConfig(checked.document, files.folder, written);
  const all = [
    ...mistakes,
    ...pipelines.flatMap((pipeline) => reservedDataset(pipeline, warehouse, origin)),
    ...ambiguousName(warehouse, pipelines, origin),
    ...missingCommand(checked.document, origin),
  ];
  if (all.length > 0) throw mistakesError(all);
  const notify = notifyConfig(checked.document, files.folder);
  const focus = focusConfig(checked.document, files.folder);
  const { file } = checked.document.budgets ?? {};
  const budgets = { file: file === undefined ? null : resolve(files.folder, file) };
  const config = { file: files.file, pipelines, warehouse, notify, focus, budgets };
  return { config, document: checked.document, originOf, layers };
}

/** JavaScript uses this name for the prototype of all objects, so that nothing can be stored under it. */
function prototypeName({ path, origin }: Setting): Mistake[] {
  if (!path.includes("__proto__")) return [];
  const sentence = '"__proto__" is not a valid name of a section or a key.';
  return [{ origin: describeOrigin(origin(path)), sentence, hint: "Give it another name, such as [sources.aws_cur]." }];
}

/**
 * DuckDB names a database after its file, up to the first dot. Where a dataset has the same name, `dataset.table` is
 * ambiguous.
 */
function ambiguousName(
  warehouse: WarehouseConfig,
  pipelines: readonly PipelineConfig[],
  origin: (path: readonly string[]) => string,
): Mistake[] {
  if (warehouse.kind !== "duckdb") return [];
  const file = basename(warehouse.path);
  const [database = ""] = file.split(".");
  const pipeline = pipelines.find(({ dataset }) => dataset.toLowerCase() === database.toLowerCase());
  if (pipeline === undefined) return [];
  const sentence = `The database ${file} has the same name as the dataset ${pipeline.dataset}, and DuckDB cannot distinguish the two.`;
  const path = ["destination", "duckdb", "path"];
  return [{ origin: origin(path), sentence, hint: 'Give the file another name, such as path = "billhouse.duckdb".' }];
}

/** The warehouses keep their own catalog under these names, and refuse other tables there. */
function reservedDataset(
  { name, dataset }: PipelineConfig,
  { kind }: WarehouseConfig,
  origin: (path: readonly string[]) => string,
): Mistake[] {
  const reserved = kind === "duckdb" ? ["information_schema", "pg_catalog", "system", "temp"] : ["information_schema"];
  if (!reserved.includes(dataset.toLowerCase())) return [];
  const warehouse = kind === "duckdb" ? "DuckDB" : "BigQuery";
  const sentence = `${warehouse} reserves the name "${dataset}", so it cannot be the dataset of [sources.${name}].`;
  const path = ["sources", name, "dataset"];
  return [{ origin: origin(path), sentence, hint: 'Choose another dataset, such as dataset = "billing_data".' }];
}

function notifyConfig({ notify }: ConfigDocument, folder: string): NotifyConfig | null {
  if (notify?.command === undefined) return null;
  const age = notify.max_age === undefined ? undefined : milliseconds(notify.max_age);
  return { command: notify.command, folder, maxAge: age === undefined ? null : age / 1000 };
}

function focusConfig({ focus = {} }: ConfigDocument, folder: string): FocusConfig {
  const { dataset = defaultFocusDataset, accounts, tags = [] } = focus;
  const spelled = Array.isArray(tags) ? tags.map((key: string) => [key, []] as const) : Object.entries(tags);
  return {
    dataset,
    accounts: accounts === undefined ? null : resolve(folder, accounts),
    tags: spelled.map(([key, spellings]) => ({ key, spellings: [...spellings] })),
    placeholders: (focus.placeholders ?? []).map((word) => word.trim().toLowerCase()),
    tables: Object.entries(focus.tables ?? {}).map(([name, { table: address }]) => {
      const [, project = null, set = "", table = ""] = /^(?:(.+)\.)?(\w+)\.([\w-]+)$/.exec(address) ?? [];
      return { name, project, dataset: set, table };
    }),
  };
}

function missingCommand({ notify }: ConfigDocument, origin: (path: readonly string[]) => string): Mistake[] {
  if (notify === undefined || notify.command !== undefined) return [];
  const hint = 'Add the command to run, such as command = "./notify.sh", or remove the section.';
  return [{ origin: origin(["notify"]), sentence: '[notify] is missing "command".', hint }];
}

function warehouseConfig(
  document: ConfigDocument,
  folder: string,
  { key, projectId }: WrittenCredentials,
): WarehouseConfig {
  const { duckdb, bigquery } = document.destination;
  const ofSources = Object.values(document.sources).flatMap((section) => section.project_id ?? []);
  if (bigquery !== undefined || ofSources.length > 0) {
    return {
      kind: "bigquery",
      projectId: bigquery?.project_id ?? ofSources[0] ?? null,
      jobProjectId: bigquery?.job_project_id ?? projectId,
      location: bigquery?.location ?? "US",
      stagingBucket: bigquery?.staging_bucket ?? null,
      kmsKeyName: bigquery?.kms_key_name ?? null,
      maximumBytesBilled: bigquery?.maximum_bytes_billed ?? null,
      endpoint: bigquery?.endpoint ?? null,
      storageEndpoint: bigquery?.storage_endpoint ?? null,
      credentials: key,
    };
  }
  return {
    kind: "duckdb",
    path: resolve(folder, duckdb?.path ?? "billhouse.duckdb"),
    storageVersion: duckdb?.storage_version ?? "v1.3.0",
    memoryLimit: duckdb?.memory_limit ?? null,
    threads: duckdb?.threads ?? null,
  };
}

function nearestOrigin(path: readonly string[], origins: ReadonlyMap<string, Origin>): Origin | undefined {
  for (let length = path.length; length > 0; length--) {
    const origin = origins.get(path.slice(0, length).join("."));
    if (origin !== undefined) return origin;
  }
  return undefined;
}

function nothingConfigured(place: ConfigPlace, file: string | null): BillhouseError {
  const isMissing = file === null;
  const message = isMissing
    ? `There is no configuration: no billhouse.toml and no .dlt/config.toml in ${place.folder}, and no SOURCES__ variable in the environment.`
    : `${file} does not configure an export: a section such as [sources.aws_cur] is missing.`;
  const first = isMissing
    ? [
        "Let billhouse write one for the exports in your bucket (or s3://, az://, a folder):",
        "  billhouse init gs://my-billing-bucket",
      ]
    : ["Add a section for each export, such as:", "  [sources.aws_cur]", '  bucket_url = "gs://my-billing-bucket"'];
  const hint = [...first, "To try billhouse with sample bills, without an account:", "  billhouse demo"];
  return new BillhouseError("CONFIG_INVALID", message, { hint: hint.join("\n") });
}

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
    const sentence = `"${name}" cannot be the name of a section: names consist of letters, digits and _, do not start with a digit, and are not "all".`;
    mistakes.push({ origin: origin(path), sentence, hint: "Rename the section, for example to [sources.aws_cur]." });
    return undefined;
  }
  if (section.bucket !== undefined && section.bucket_url !== undefined) {
    const sentence = `[sources.${name}] has both "bucket" and "bucket_url".`;
    mistakes.push({ origin: origin([...path, "bucket"]), sentence, hint: "Keep one of the two." });
    return undefined;
  }
  const url = section.bucket === undefined ? section.bucket_url : `gs://${section.bucket}`;
  if (url === undefined) {
    const sentence = `[sources.${name}] is missing "bucket_url", the address of the export.`;
    mistakes.push({
      origin: origin(path),
      sentence,
      hint: 'Add a line such as bucket_url = "gs://my-billing-bucket".',
    });
    return undefined;
  }
  const { active_from: from, active_to: to } = section;
  if (from !== undefined && to !== undefined && from > to) {
    const sentence = `"active_from" in [sources.${name}] is ${from}, which is later than "active_to", ${to}.`;
    mistakes.push({ origin: origin([...path, "active_from"]), sentence, hint: "Swap them, or remove one." });
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
    tableName: section.table_name ?? defaultTableName(name),
    dataset: section.dataset ?? "billing_data",
    kind: section.kind ?? null,
    partitionColumn: section.partition_column ?? null,
    firstMonth: section.first_month ?? null,
    projectId: section.project_id ?? null,
    keepPrevious: section.keep_previous ?? 0,
    unpackedLimit: section.unpacked_limit === undefined ? null : (byteCount(section.unpacked_limit) ?? null),
    settle: milliseconds(section.settle ?? defaultSettle) ?? 0,
    activeFrom: from ?? null,
    activeTo: to ?? null,
    nullValues: section.null_values ?? [],
    storage: { endpoint: section.endpoint ?? null, payer: section.payer ?? null, ...credentials },
  };
}

function sharedTables(pipelines: readonly PipelineConfig[], origin: (path: readonly string[]) => string): Mistake[] {
  const owners = new Map<string, PipelineConfig>();
  // The warehouses differ in how they compare case, so case does not count here.
  const key = (pipeline: PipelineConfig, table: string): string => `${pipeline.dataset}.${table}`.toLowerCase();
  return pipelines.flatMap((pipeline): Mistake[] => {
    const tables = ["", "_load_tracking", "_previous"].map((suffix) => `${pipeline.tableName}${suffix}`);
    const rival = tables.map((table) => owners.get(key(pipeline, table))).find((owner) => owner !== undefined);
    for (const table of tables) owners.set(key(pipeline, table), pipeline);
    if (rival === undefined) return [];
    const table = `${pipeline.dataset}.${pipeline.tableName}`;
    const sentence = `[sources.${pipeline.name}] and [sources.${rival.name}] would share the table ${table} or one of its companion tables.`;
    const path = ["sources", pipeline.name, "table_name"];
    return [{ origin: origin(path), sentence, hint: "Set another table_name or dataset in one of them." }];
  });
}
