import type { Config, ConfigPlace, PipelineConfig } from "./config.ts";
import { credentialPlaces } from "./credentials.ts";
import { readConfig, type Reading } from "./reading.ts";
import {
  type BigquerySection,
  type BudgetsSection,
  defaultSettle,
  type DuckdbSection,
  holdsSecret,
  type FocusSection,
  type NotifySection,
  type SourceSection,
} from "./schema.ts";
import { mask } from "../secrets.ts";
import { isTable, type Origin } from "./layers.ts";

/** One value of the configuration as it is in effect, and where it came from. Secrets are masked. */
export interface ConfigValue {
  /** `sources.aws_cur`, as in `[sources.aws_cur]`. */
  readonly section: string;
  readonly key: string;
  /** What a run uses: paths are absolute, and null is the default that `docs/configuration.md` describes. */
  readonly value: string | number | null;
  /** `billhouse.toml:3`, the name of an environment variable, or `default`. */
  readonly origin: string;
}

/** A configuration, and why it is what it is. */
export interface ConfigExplanation {
  readonly config: Config;
  /** How the file was found; null when there is none. */
  readonly fileOrigin: "--config" | "default" | null;
  readonly warehouse: {
    readonly kind: Config["warehouse"]["kind"];
    /** Why this warehouse is used, in words that follow "DuckDB, ". */
    readonly reason: string;
  };
  /** Every value of each export and of the warehouse; of an unused warehouse only the configured ones. */
  readonly values: readonly ConfigValue[];
}

/** Reads the configuration as `loadConfig` does, and says where each value came from. Errors: CONFIG_INVALID, USAGE_INVALID. */
export async function explainConfig(place: ConfigPlace): Promise<ConfigExplanation> {
  return explain(await readConfig(place), place);
}

function explain(reading: Reading, place: ConfigPlace): ConfigExplanation {
  const { config } = reading;
  return {
    config,
    fileOrigin: config.file === null ? null : place.file === undefined ? "default" : "--config",
    warehouse: { kind: config.warehouse.kind, reason: warehouseReason(reading) },
    values: [
      ...config.pipelines.flatMap((pipeline) => sourceValues(pipeline, reading)),
      ...duckdbValues(reading),
      ...bigqueryValues(reading),
      ...credentialValues(reading),
      ...notifyValues(reading),
      ...focusValues(reading),
      ...budgetsValues(reading),
    ],
  };
}

function sourceValues(pipeline: PipelineConfig, { document, originOf }: Reading): ConfigValue[] {
  const written = document.sources[pipeline.name] ?? {};
  const values: Readonly<Record<Exclude<keyof SourceSection, "bucket">, string | number | null>> = {
    bucket_url: pipeline.bucketUrl,
    prefix: pipeline.prefix,
    export_name: pipeline.exportName,
    table_name: pipeline.tableName,
    dataset: pipeline.dataset,
    kind: pipeline.kind,
    partition_column: pipeline.partitionColumn,
    first_month: pipeline.firstMonth,
    project_id: pipeline.projectId,
    keep_previous: pipeline.keepPrevious,
    unpacked_limit: written.unpacked_limit ?? null,
    endpoint: pipeline.storage.endpoint,
    payer: pipeline.storage.payer,
    settle: written.settle ?? defaultSettle,
    active_from: pipeline.activeFrom,
    active_to: pipeline.activeTo,
    null_values: shownWords(pipeline.nullValues),
  };
  const address = written.bucket === undefined ? "bucket_url" : "bucket";
  // Folders in the address are a part of the prefix, or all of it.
  const prefix = written.prefix === undefined && pipeline.prefix !== "" ? address : "prefix";
  return sectionValues(["sources", pipeline.name], values, written, originOf, { bucket_url: address, prefix });
}

function shownWords(words: readonly string[]): string | null {
  return words.length === 0 ? null : words.map((word) => (holdsSecret(word) ? mask : word)).join(", ");
}

function duckdbValues({ config: { warehouse }, document, originOf }: Reading): ConfigValue[] {
  const written = document.destination.duckdb ?? {};
  const path = ["destination", "duckdb"];
  if (warehouse.kind !== "duckdb") return sectionValues(path, { ...written }, written, originOf);
  const values: Readonly<Record<keyof DuckdbSection, string | number | null>> = {
    path: warehouse.path,
    storage_version: warehouse.storageVersion,
    memory_limit: warehouse.memoryLimit,
    threads: warehouse.threads,
  };
  return sectionValues(path, values, written, originOf);
}

function bigqueryValues({ config: { warehouse }, document, originOf }: Reading): ConfigValue[] {
  if (warehouse.kind !== "bigquery") return [];
  const written = document.destination.bigquery ?? {};
  const values: Readonly<Record<keyof BigquerySection, string | null>> = {
    // As configured: what a source or a login sets is listed in its own place, masked if necessary.
    project_id: written.project_id ?? null,
    job_project_id: written.job_project_id ?? null,
    location: warehouse.location,
    staging_bucket: warehouse.stagingBucket,
    kms_key_name: warehouse.kmsKeyName,
    maximum_bytes_billed: warehouse.maximumBytesBilled,
    endpoint: warehouse.endpoint,
    storage_endpoint: warehouse.storageEndpoint,
  };
  return sectionValues(["destination", "bigquery"], values, written, originOf);
}

function focusValues({ config: { focus }, document, originOf }: Reading): ConfigValue[] {
  const tags = focus.tags.map(({ key, spellings }) => [key, ...spellings].join(" = "));
  const values = {
    dataset: focus.dataset,
    accounts: focus.accounts,
    tags: shownWords(tags),
    placeholders: shownWords(focus.placeholders),
    tables: shownWords(
      focus.tables.map(({ name, project, dataset, table }) =>
        [name, [...(project === null ? [] : [project]), dataset, table].join(".")].join(" = "),
      ),
    ),
  };
  return sectionValues(["focus"], values, document.focus ?? {}, originOf);
}

function budgetsValues({ config: { budgets }, document, originOf }: Reading): ConfigValue[] {
  return budgets.file === null ? [] : sectionValues(["budgets"], { ...budgets }, document.budgets ?? {}, originOf);
}

function notifyValues({ config: { notify }, document, originOf }: Reading): ConfigValue[] {
  if (notify === null) return [];
  const words = typeof notify.command === "string" ? notify.command : notify.command.join(" ");
  const values = { command: holdsSecret(words) ? mask : words, max_age: document.notify?.max_age ?? null };
  return sectionValues(["notify"], values, document.notify ?? {}, originOf);
}

/** The values of a section; `writtenAs` names the key that a value came from, where that is another one. */
function sectionValues(
  path: readonly string[],
  values: Readonly<Record<string, string | number | null | undefined>>,
  written: SourceSection | DuckdbSection | BigquerySection | NotifySection | FocusSection | BudgetsSection,
  originOf: Reading["originOf"],
  writtenAs: Readonly<Record<string, string>> = {},
): ConfigValue[] {
  const texts = new Map<string, unknown>(Object.entries(written));
  return Object.entries(values).flatMap(([key, value]) => {
    if (value === undefined) return [];
    const from = writtenAs[key] ?? key;
    const text = texts.get(from);
    return {
      section: path.join("."),
      key,
      value,
      origin: label(text === undefined ? undefined : originOf([...path, from])),
    };
  });
}

/** The credentials of BigQuery that were written down: all are masked but the names of project and account. */
function credentialValues({ layers }: Reading): ConfigValue[] {
  const values = new Map<string, ConfigValue>();
  for (const setting of layers.flat()) {
    // A variable has the rest of the path in its key: `credentials__private_key`.
    const path = setting.path.flatMap((name) => name.split("__"));
    if (!credentialPlaces.some((place) => path.slice(0, place.length).join(".") === place.join("."))) continue;
    const written = isTable(setting.value)
      ? Object.entries(setting.value).map(([key, value]) => ({ full: [...path, key], value }))
      : [{ full: path, value: setting.value }];
    for (const { full, value } of written) {
      const key = full.at(-1) ?? "";
      const isName = ["project_id", "client_email"].includes(key) && typeof value === "string" && !holdsSecret(value);
      const section = full.slice(0, -1).join(".");
      values.set(`${section}.${key}`, {
        section,
        key,
        value: isName ? value : mask,
        origin: label(setting.origin(full)),
      });
    }
  }
  return [...values.values()];
}

function label(origin: Origin | undefined): string {
  if (origin === undefined) return "default";
  if ("variable" in origin) return origin.variable;
  return origin.line === null ? origin.file : `${origin.file}:${origin.line}`;
}

function warehouseReason({ config, document, originOf }: Reading): string {
  if (config.warehouse.kind === "duckdb") return "the default, because no BigQuery setting was found";
  const source = config.pipelines.find(({ projectId }) => projectId !== null)?.name ?? "";
  const [path, what] =
    document.destination.bigquery === undefined
      ? [["sources", source, "project_id"], `project_id in [sources.${source}]`]
      : [["destination", "bigquery"], "[destination.bigquery]"];
  const origin = originOf(path);
  if (origin !== undefined && "variable" in origin) return `because of ${origin.variable}`;
  return `because of ${what} (${label(origin)})`;
}
