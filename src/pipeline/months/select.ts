import type { Config, PipelineConfig } from "../../config/config.ts";
import { nearest } from "../../config/nearest.ts";
import { BillhouseError, quoted } from "../../errors.ts";
import type { BillingMonth, Table } from "../../model.ts";
import { exportFormats } from "../../exports/index.ts";
import { isBillingMonth } from "../../schema/periods.ts";

/** Which billing months a command is about; all of them when nothing is set. Both ends are included. */
export interface MonthSelection {
  readonly from?: BillingMonth;
  readonly to?: BillingMonth;
  readonly only?: readonly BillingMonth[];
}

/**
 * The pipelines that words name: the section of an export, a cloud (`aws`, `azure`), or `all`; no words mean all.
 * An export whose `kind` is not configured belongs to the cloud that its section's name names.
 * Error: USAGE_INVALID, which lists the exports there are.
 */
export function selectPipelines(config: Config, words: readonly string[] = []): readonly PipelineConfig[] {
  if (words.length === 0 || words.includes("all")) return config.pipelines;
  const chosen = new Set<PipelineConfig>();
  for (const word of words) {
    const named = config.pipelines.filter((pipeline) => pipeline.name === word);
    const matches = named.length > 0 ? named : config.pipelines.filter((pipeline) => cloudOf(pipeline) === word);
    if (matches.length === 0) {
      const names = config.pipelines.map(({ name }) => name);
      const close = nearest(word, [...names, "aws", "azure", "all"]);
      throw new BillhouseError("USAGE_INVALID", `There is no export named ${word}.`, {
        hint: `${close === undefined ? "" : `Did you mean ${close}? `}The configuration has: ${names.join(", ")}. A cloud (aws, azure) or all also works.`,
      });
    }
    for (const match of matches) chosen.add(match);
  }
  return config.pipelines.filter((pipeline) => chosen.has(pipeline));
}

/** The one pipeline that a word names. Errors: USAGE_INVALID, also when it names several. */
export function selectOne(config: Config, word: string): PipelineConfig {
  const [pipeline, ...others] = selectPipelines(config, [word]);
  if (pipeline !== undefined && others.length === 0) return pipeline;
  const names = [pipeline, ...others].map((each) => each?.name).join(", ");
  throw new BillhouseError("USAGE_INVALID", `${word} names several exports: ${names}.`, { hint: "Name one of them." });
}

/**
 * Checks a scope. Error: USAGE_INVALID for a month that is not `YYYY-MM`, or a scope that ends before it starts.
 */
export function checkMonths({ from, to, only = [] }: MonthSelection): void {
  for (const month of [from, to, ...only]) {
    if (month === undefined || isBillingMonth(month)) continue;
    throw new BillhouseError("USAGE_INVALID", `${quoted(month)} is not a billing month.`, {
      hint: "Write the year and the month in digits, such as 2025-01.",
    });
  }
  if (from !== undefined && to !== undefined && to < from) {
    throw new BillhouseError("USAGE_INVALID", `--from (${from}) is after --to (${to}).`, {
      hint: "Swap --from and --to.",
    });
  }
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
 * each other. `idColumn` is the export format's; before the export is found, what the section's cloud suggests.
 */
export function tableOf(pipeline: PipelineConfig, idColumn?: Table["idColumn"]): Table {
  const [pipelineName, sourceName] = takenOver[pipeline.name] ?? [
    `${pipeline.name}_pipeline`,
    `${pipeline.name}_source`,
  ];
  return {
    ...(pipeline.projectId === null ? {} : { project: pipeline.projectId }),
    dataset: pipeline.dataset,
    name: pipeline.tableName,
    pipelineName,
    sourceName,
    idColumn: idColumn ?? (cloudOf(pipeline) === "azure" ? "run_id" : "assembly_id"),
  };
}

/** `dataset.table_name`, as people and JSON name a table. */
export function tableTitle(pipeline: PipelineConfig): string {
  return `${pipeline.dataset}.${pipeline.tableName}`;
}

const takenOver: Readonly<Record<string, readonly [pipelineName: string, sourceName: string]>> = {
  aws_cur: ["aws_billing_pipeline", "aws_billing_source"],
  azure_billing: ["azure_billing_pipeline", "azure_billing_source"],
};

function cloudOf(pipeline: PipelineConfig): string | undefined {
  const format = exportFormats.find(({ kind }) => kind === pipeline.kind);
  return (
    format?.cloud ??
    ["aws", "azure"].find((cloud) =>
      pipeline.name
        .toLowerCase()
        .split(/[^a-z]+/)
        .includes(cloud),
    )
  );
}
