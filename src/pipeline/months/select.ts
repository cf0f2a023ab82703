import { listOf, objectOf, optional, type Rule, type Shape, text } from "../../config/arguments.ts";
import type { Config, PipelineConfig } from "../../config/config.ts";
import { nearest } from "../../config/nearest.ts";
import { BillhouseError } from "../../errors.ts";
import type { BillingMonth, Table } from "../../model.ts";
import { exportFormats } from "../../exports/index.ts";
import type { MonthSelection } from "../../schema/periods.ts";

const selectionRules: Shape<MonthSelection> = {
  from: optional(text),
  to: optional(text),
  only: optional(listOf(text)),
};

/** What `months` must be in the options of a function. */
export const monthRules: Rule = optional(objectOf(selectionRules));

/**
 * The pipelines that arguments name: the section of an export, a cloud (`aws`, `azure`), or `all`; no words mean all.
 * The cloud of an export is that of its configured `kind`, else the one that its section's name contains, else that of the
 * export in its storage, which is then listed. An export whose storage cannot be listed counts as named, so that
 * its error is reported. Error: USAGE_INVALID, which lists the exports there are.
 */
export async function selectPipelines(
  config: Config,
  words: readonly string[] = [],
): Promise<readonly PipelineConfig[]> {
  const { pipelines } = config;
  if (words.length === 0 || words.includes("all")) return pipelines;
  const isSection = (word: string): boolean => pipelines.some(({ name }) => name === word);
  const asked = words.filter((word) => !isSection(word));
  const clouds = asked.some((word) => knownClouds.includes(word))
    ? await Promise.all(pipelines.map(async (pipeline) => cloudOf(pipeline) ?? recognisedCloud(pipeline)))
    : [];
  const unknown = asked.find((word) => !clouds.some((cloud) => cloud === word || cloud === "unreadable"));
  if (unknown !== undefined) throw unknownExport(unknown, pipelines);
  return pipelines.filter(
    ({ name }, index) =>
      words.includes(name) || asked.some((word) => clouds[index] === word || clouds[index] === "unreadable"),
  );
}

/** The one pipeline that an argument names. Errors: USAGE_INVALID, also if it names several. */
export async function selectOne(config: Config, word: string): Promise<PipelineConfig> {
  const [pipeline, ...others] = await selectPipelines(config, [word]);
  if (pipeline !== undefined && others.length === 0) return pipeline;
  const names = [pipeline, ...others].map((each) => each?.name).join(", ");
  throw new BillhouseError("USAGE_INVALID", `${word} names several exports: ${names}.`, {
    hint: `Choose one of them, such as ${pipeline?.name}.`,
  });
}

function unknownExport(word: string, pipelines: readonly PipelineConfig[]): BillhouseError {
  const names = pipelines.map(({ name }) => name);
  const isCloud = knownClouds.includes(word);
  const close = isCloud ? undefined : nearest(word, [...names, ...knownClouds, "all"]);
  const message = isCloud ? `No export of the cloud ${word} was found.` : `There is no export named ${word}.`;
  const shown = names.length > 12 ? [...names.slice(0, 10), `and ${names.length - 10} more`] : names;
  return new BillhouseError("USAGE_INVALID", message, {
    hint: `${close === undefined ? "" : `Did you mean ${close}? `}Configured: ${shown.join(", ")}. You can also name a cloud (aws, azure) or all.`,
  });
}

/** Whether a month is in the scope of the command and of `first_month`. */
export function isSelected(
  month: BillingMonth,
  pipeline: PipelineConfig,
  { from, to, only = [] }: MonthSelection,
): boolean {
  return (
    (from === undefined || month >= from) &&
    (to === undefined || month <= to) &&
    (only.length === 0 || only.includes(month)) &&
    (pipeline.firstMonth === null || month >= pipeline.firstMonth)
  );
}

/**
 * The table of a pipeline, with the names under which the Python pipelines kept its state, so that both continue from
 * each other. `idColumn` is the export format's; before the export is found, that of the section's cloud.
 */
export function tableOf(pipeline: PipelineConfig, idColumn?: Table["idColumn"]): Table {
  const [pipelineName, sourceName] = takenOver[pipeline.name] ?? [
    `${pipeline.name}_pipeline`,
    `${pipeline.name}_source`,
  ];
  const configured = exportFormats.find(({ kind }) => kind === pipeline.kind);
  return {
    ...(pipeline.projectId === null ? {} : { project: pipeline.projectId }),
    dataset: pipeline.dataset,
    name: pipeline.tableName,
    pipelineName,
    sourceName,
    idColumn: idColumn ?? configured?.idColumn ?? (cloudOf(pipeline) === "azure" ? "run_id" : "assembly_id"),
  };
}

/** `dataset.table_name`, the name of a table in messages and JSON. */
export function tableTitle(pipeline: PipelineConfig): string {
  return `${pipeline.dataset}.${pipeline.tableName}`;
}

const takenOver: Readonly<Record<string, readonly [pipelineName: string, sourceName: string]>> = {
  aws_cur: ["aws_billing_pipeline", "aws_billing_source"],
  azure_billing: ["azure_billing_pipeline", "azure_billing_source"],
};

const knownClouds: readonly string[] = [...new Set(exportFormats.map(({ cloud }) => cloud))];

/** The cloud of an export according to the configuration. */
function cloudOf({ kind, name }: PipelineConfig): string | undefined {
  const format = exportFormats.find((each) => each.kind === kind);
  if (format !== undefined) return format.cloud;
  const words = name.toLowerCase().split(/[^a-z]+/);
  // A section such as `aws_focus` is one of a cloud.
  const named = knownClouds.filter((cloud) => cloud !== "focus" && words.includes(cloud));
  return named.length === 1 ? named[0] : undefined;
}

/** The cloud of the export in the storage; null if there is none. */
async function recognisedCloud(pipeline: PipelineConfig): Promise<string | null> {
  // Most commands name no cloud, and some read no storage at all.
  const [{ discover }, { openStorage }] = await Promise.all([
    import("../discover/discover.ts"),
    import("../../storages/index.ts"),
  ]);
  try {
    const { format } = await discover(pipeline, await openStorage(pipeline.bucketUrl, pipeline.storage));
    return format.cloud;
  } catch (error) {
    if (!(error instanceof BillhouseError)) throw error;
    return error.code === "EXPORT_NOT_FOUND" ? null : "unreadable";
  }
}
