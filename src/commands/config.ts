import type { ConfigExplanation, ConfigValue } from "../config/explain.ts";
import { type CommandContext, type ExitCode, exitCodes, type Perform, type Program } from "./context.ts";
import { example, exportsOnly } from "./flags.ts";
import { resultText, paint, screenStyle, type ScreenStyle, visible, wrapText } from "./output.ts";
import { alignSentences } from "./tables.ts";

/** Registers `billhouse config`. */
export function addConfig(program: Program, perform: Perform): void {
  program
    .command("config")
    .description("Show every value of the configuration and where it came from, with secrets masked.")
    .argument("[export...]", exportsOnly)
    .addHelpText("after", example("billhouse config aws_cur"))
    .action((exports) => perform.reading((context) => config({ exports }, context)));
}

/** Options of `billhouse config`. */
export interface ConfigCommandOptions {
  readonly exports: readonly string[];
}

/** The answer of `billhouse config`, as `--json` writes it. */
export interface ConfigResult {
  /** The file that the configuration was read from, absolute; null when the environment alone said everything. */
  readonly file: string | null;
  readonly fileOrigin: ConfigExplanation["fileOrigin"];
  readonly warehouse: ConfigExplanation["warehouse"];
  readonly values: readonly ConfigValue[];
}

/** Shows every value of the configuration and where it came from, with secrets masked. */
export async function config(options: ConfigCommandOptions, context: CommandContext): Promise<ExitCode> {
  const [{ explainConfig }, { selectPipelines }] = await Promise.all([
    import("../config/explain.ts"),
    import("../pipeline/months/select.ts"),
  ]);
  const { folder, environment, configFile } = context;
  const explained = await explainConfig({
    folder,
    environment,
    ...(configFile === undefined ? {} : { file: configFile }),
  });
  const pipelines = await selectPipelines(explained.config, options.exports);
  const chosen = new Set(pipelines.map(({ name }) => `sources.${name}`));
  const result: ConfigResult = {
    file: explained.config.file,
    fileOrigin: explained.fileOrigin,
    warehouse: explained.warehouse,
    values: explained.values.filter(({ section }) => !section.startsWith("sources.") || chosen.has(section)),
  };
  const style = screenStyle(context);
  context.stdout.write(context.flags.json ? `${resultText(result, 2)}\n` : configScreen(result, style));
  return exitCodes.done;
}

/** The configuration, for people: a line for each value with its origin, a block for each section. */
export function configScreen(result: ConfigResult, style: ScreenStyle): string {
  const lines = alignSentences(
    result.values.map((value) => valueRow(value, style)),
    ["left", "left", "left"],
    style.columns,
  );
  const blocks: string[][] = [[wrapText(fileLine(result), style.columns, 0)]];
  for (const [index, { section }] of result.values.entries()) {
    if (section !== result.values[index - 1]?.section) blocks.push([paint(style, "strong", visible(`[${section}]`))]);
    blocks.at(-1)?.push(lines[index] ?? "");
  }
  blocks.push(warehouseLines(result).map((line) => wrapText(line, style.columns, 0)));
  return `${blocks.map((block) => block.join("\n")).join("\n\n")}\n`;
}

function fileLine({ file, fileOrigin: origin }: ConfigResult): string {
  if (file === null) return "No file: everything comes from the environment.";
  return `${visible(file)}, ${origin === "--config" ? "named by --config" : "found in the working folder"}`;
}

/** The value comes last, because it can have any length. */
function valueRow({ key, value, origin }: ConfigValue, style: ScreenStyle): string[] {
  const empty = value === null || value === "" ? (meanings[key] ?? "none") : undefined;
  return [
    `  ${visible(key)}`,
    origin === "default" ? paint(style, "quiet", origin) : visible(origin),
    empty === undefined ? visible(String(value)) : paint(style, "quiet", `(${empty})`),
  ];
}

/** What a missing value means. */
const meanings: Readonly<Record<string, string>> = {
  prefix: "the whole bucket",
  export_name: "the only export below the prefix",
  kind: "recognised from the manifests",
  partition_column: "by kind",
  first_month: "every month",
  unpacked_limit: "1 GiB, or 250 times the compressed size if that is more",
  memory_limit: "450 MB to load, half of the memory (at most 8 GB) to read",
  threads: "one per core",
  job_project_id: "that of the credentials, else project_id",
  kms_key_name: "Google's own keys",
  maximum_bytes_billed: "no limit",
  endpoint: "the cloud's own",
  storage_endpoint: "the cloud's own",
  payer: "the bucket's owner",
};

function warehouseLines({ warehouse, values }: ConfigResult): string[] {
  const names = { duckdb: "DuckDB", bigquery: "BigQuery" };
  const unused = warehouse.kind === "bigquery" && values.some(({ section }) => section === "destination.duckdb");
  return [
    `Warehouse: ${names[warehouse.kind]}, ${visible(warehouse.reason)}.`,
    ...(unused ? ["[destination.duckdb] is not used."] : []),
  ];
}
