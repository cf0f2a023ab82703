import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { BillhouseError } from "../errors.ts";
import type { FoundExport, Recognition } from "../pipeline/discover/recognise.ts";
import type { CommandContext, ExitCode, Perform, Program } from "./context.ts";
import { formatBytes, formatNumber } from "./figures.ts";
import { monthSpans } from "../schema/periods.ts";
import { example } from "./flags.ts";
import { alignRows, resultText, paint, type ScreenStyle, visible } from "./output.ts";

/** Registers `billhouse init`. */
export function addInit(program: Program, perform: Perform): void {
  program
    .command("init")
    .description("List the billing exports in a bucket and write billhouse.toml, or the file that --config names.")
    .argument(
      "<bucket-url>",
      "gs://bucket, s3://bucket, az://account/container or a folder; add a path to search only below it",
    )
    .option("--endpoint <address>", "address of a server that speaks the storage's protocol, such as an emulator")
    .option("--force", "replace an existing configuration")
    .addHelpText("after", example("billhouse init s3://acme-billing/exports"))
    .action((bucketUrl, { endpoint, force }) =>
      perform.reading((context) =>
        init({ bucketUrl, endpoint, file: context.configFile, force: force === true }, context),
      ),
    );
}

/** Options of `billhouse init`. */
export interface InitOptions {
  readonly bucketUrl: string;
  readonly endpoint: string | undefined;
  /** The file to write that `--config` names; undefined for `billhouse.toml` in the working folder. */
  readonly file: string | undefined;
  /** Whether a file that is there may be replaced. */
  readonly force: boolean;
}

/** The file that is written where none is named. */
const fileName = "billhouse.toml";

/**
 * Looks at a bucket, tells which exports lie there, and writes a configuration for those that can be loaded.
 * Errors: EXPORT_NOT_FOUND when there is none, or none that can be loaded; CONFIG_EXISTS when there is a configuration and nobody said that it may
 * be replaced; CONFIG_INVALID for a file that cannot be written; those of the storage.
 */
export async function init(options: InitOptions, context: CommandContext): Promise<ExitCode> {
  const [{ readAddress }, { recogniseExports }] = await Promise.all([
    import("../config/address.ts"),
    import("../pipeline/discover/recognise.ts"),
  ]);
  const { folder, environment, stdout, flags } = context;
  const place = await readAddress({ folder, environment }, options.bucketUrl, options.endpoint ?? null);
  const found = await recogniseExports(place);
  const usable = found.exports.filter(({ unreadable }) => unreadable === null);
  const style = { colour: stdout.colour, verbose: flags.verbose };
  if (!flags.json) stdout.write(foundScreen(found, style));
  if (usable.length === 0) throw nothingUsable(found);
  const file = resolve(folder, options.file ?? fileName);
  const toml = initialToml(addressFrom(dirname(file), folder, options.bucketUrl), options.endpoint, usable);
  const rivals = options.file === undefined ? [fileName, join(".dlt", "config.toml")] : [options.file];
  const rival = rivals.find((name) => existsSync(resolve(folder, name)));
  if (rival !== undefined && !options.force) {
    if (!flags.json) stdout.write(`\n${toml}`);
    throw new BillhouseError("CONFIG_EXISTS", `There is a ${rival} already, so nothing was written.`, {
      hint: "Copy what you need from the lines above, name another file with --config, or say --force.",
    });
  }
  await writeFile(file, toml).catch((cause: NodeJS.ErrnoException) => {
    throw new BillhouseError("CONFIG_INVALID", `The file ${file} cannot be written (${cause.code}).`, {
      hint: "Name a file in a folder that is there and can be written to.",
      cause,
    });
  });
  if (flags.json) stdout.write(`${resultText({ file, ...found }, 2)}\n`);
  else stdout.write(`\nWritten: ${visible(file)}. See what would be loaded: ${planCommand(options.file)}\n`);
  return 0;
}

/** The address as it has to stand in a file of that folder: paths of folders are relative to the file. */
function addressFrom(fileFolder: string, folder: string, bucketUrl: string): string {
  const isRelative = !bucketUrl.includes("://") && !isAbsolute(bucketUrl);
  return isRelative && fileFolder !== folder ? resolve(folder, bucketUrl) : bucketUrl;
}

function planCommand(file: string | undefined): string {
  return file === undefined ? "billhouse plan" : `billhouse plan --config ${visible(file)}`;
}

/** What was found, for people. */
export function foundScreen({ url, exports, others, foreign, objects }: Recognition, style: ScreenStyle): string {
  const rows = exports.map((each) => [
    each.unreadable === null ? paint(style, "good", "✔") : paint(style, "bad", "✖"),
    visible(each.exportName),
    each.kind,
    each.months.length === 0 ? "" : `${formatNumber(each.months.length, "month")}, ${monthSpans(each.months)}`,
    formatBytes(each.bytes),
    visible(each.unreadable ?? `newest: ${each.newestExecution}`),
  ]);
  const lines = alignRows(rows, ["left", "left", "left", "left", "right", "left"]);
  const notes = exports.flatMap(({ exportName: name, notes: told }) =>
    told.map((note) => `${paint(style, "changed", "!")} ${visible(name)}: ${visible(note)}`),
  );
  const rest = [
    ...others.map((other) => `- ${visible(other)}: no bills`),
    ...foreign.map((bills) => `- ${bills}: not supported`),
  ].map((line) => paint(style, "quiet", line));
  const title = `${visible(url)}: ${formatNumber(objects, "object")}, ${formatNumber(exports.length, "export")}`;
  return `${[title, ...lines, ...notes, ...rest].join("\n")}\n`;
}

/** A configuration that loads these exports into DuckDB. */
export function initialToml(bucketUrl: string, endpoint: string | undefined, exports: readonly FoundExport[]): string {
  const names = new Set<string>();
  const [bucket = ""] = /^[a-z]+:\/\/(?:[^/]+\/)?[^/]+/iu.exec(bucketUrl) ?? [bucketUrl];
  const sections = exports.map((each) => {
    const keys = {
      // A folder stays as it was written; of an address only the bucket, because the folder below it is the prefix.
      bucket_url: bucketUrl.includes("://") && !bucketUrl.startsWith("file:") ? bucketAlone(bucketUrl) : bucket,
      ...(each.folder === "" ? {} : { prefix: each.folder }),
      export_name: each.chosenBy,
      kind: each.kind,
      ...(endpoint === undefined ? {} : { endpoint }),
    };
    const lines = Object.entries(keys).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
    const notes = each.notes.map((note) => `# ${visible(note)}`);
    return [`[sources.${sectionName(each, names)}]`, ...notes, ...lines].join("\n");
  });
  return `${[...sections, destinations].join("\n\n")}\n`;
}

const destinations = `# Rows go to billhouse.duckdb in this folder. For BigQuery instead:
# [destination.bigquery]
# project_id = "my-project"
# location = "US"`;

/** `gs://bucket` of `gs://bucket/folder`, `az://account/container` of `az://account/container/folder`. */
function bucketAlone(url: string): string {
  const names = url.toLowerCase().startsWith("az:") ? 2 : 1;
  const [scheme = "", rest = ""] = url.split("://");
  return `${scheme}://${rest.split("/").slice(0, names).join("/")}`;
}

/** The names that the Python pipelines use for the first export of their kinds, else the export's own. */
function sectionName({ kind, cloud, exportName: name }: FoundExport, taken: Set<string>): string {
  const first = { "aws-cur": "aws_cur", "azure-cost": "azure_billing" }[kind];
  const own = `${cloud}_${name}`
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]+/g, "_")
    .replaceAll(/^_+|_+$/g, "");
  let section = first !== undefined && !taken.has(first) ? first : own;
  for (let count = 2; taken.has(section); count += 1) section = `${own}_${count}`;
  taken.add(section);
  return section;
}

function nothingUsable({ url, exports }: Recognition): BillhouseError {
  const reasons = exports.slice(0, 3).map(({ unreadable }) => unreadable);
  return new BillhouseError("EXPORT_NOT_FOUND", `No billing export in ${url} can be loaded. ${reasons.join(" ")}`, {
    hint: [...new Set(exports.flatMap(({ hint }) => hint ?? []))].slice(0, 3).join(" "),
  });
}
