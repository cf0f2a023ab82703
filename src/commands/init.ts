import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join, resolve } from "node:path";
import type { Address } from "../config/address.ts";
import { BillhouseError } from "../errors.ts";
import type { FoundExport, Recognition, SearchProgress } from "../pipeline/discover/recognise.ts";
import type { CommandContext, ExitCode, Perform, Program } from "./context.ts";
import { formatBytes, formatNumber } from "./figures.ts";
import { monthSpans } from "../schema/periods.ts";
import { example } from "./flags.ts";
import { withLiveBlock } from "./live-block.ts";
import {
  noteLine,
  resultText,
  paint,
  screenStyle,
  type ScreenStyle,
  shortId,
  unbroken,
  visible,
  wrapText,
} from "./output.ts";
import { blockLines, type Shown } from "./progress.ts";
import { fitTable } from "./tables.ts";

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

/** The file that is written without `--config`. */
const fileName = "billhouse.toml";

/**
 * Lists the exports in a bucket, and writes a configuration for those that can be loaded.
 * Errors: EXPORT_NOT_FOUND when there is none, or none that can be loaded; CONFIG_EXISTS when there is a configuration and
 * `force` is not set; CONFIG_INVALID for a file that cannot be written; those of the storage.
 */
export async function init(options: InitOptions, context: CommandContext): Promise<ExitCode> {
  const [{ readAddress }, { recogniseExports }] = await Promise.all([
    import("../config/address.ts"),
    import("../pipeline/discover/recognise.ts"),
  ]);
  const { folder, environment, stdout, flags } = context;
  const place = await readAddress({ folder, environment }, options.bucketUrl, options.endpoint ?? null);
  const started = context.now().getTime();
  let search: SearchProgress | undefined;
  const found = await withLiveBlock(
    context,
    (time, width) => blockLines({ ...searchShown(place.bucketUrl, search), elapsed: time - started }, time, width),
    () => recogniseExports(place, (progress) => (search = progress)),
  );
  const usable = found.exports.filter(({ unreadable }) => unreadable === null);
  const style = screenStyle(context);
  const sections = sectionNames(usable);
  if (!flags.json) stdout.write(foundScreen(found, sections, style));
  if (usable.length === 0) throw nothingUsable(found);
  const file = resolve(folder, options.file ?? fileName);
  const toml = initialToml(addressFrom(dirname(file), folder, options.bucketUrl, place), options.endpoint, sections);
  const rivals = options.file === undefined ? [fileName, join(".dlt", "config.toml")] : [options.file];
  const rival = rivals.find((name) => existsSync(resolve(folder, name)));
  if (rival !== undefined && !options.force) {
    if (!flags.json) stdout.write(`\n${toml}`);
    throw new BillhouseError("CONFIG_EXISTS", `There is a ${rival} already, so nothing was written.`, {
      hint: flags.json
        ? "Write another file with --config, or replace it with --force."
        : "Copy what you need from the lines above, write another file with --config, or replace it with --force.",
    });
  }
  await writeFile(file, toml).catch((cause: NodeJS.ErrnoException) => {
    throw new BillhouseError("CONFIG_INVALID", `The file ${file} cannot be written (${cause.code}).`, {
      hint: "Choose a file in an existing folder that you can write to.",
      cause,
    });
  });
  if (flags.json) stdout.write(`${resultText({ file, ...found }, 2)}\n`);
  else stdout.write(writtenScreen(file, options.file, style));
  return 0;
}

/** What the block shows while exports are looked for. */
export function searchShown(url: string, search: SearchProgress | undefined): Pick<Shown, "title" | "figures"> {
  const { objects = 0, bytes = 0, exports = 0, described = 0 } = search ?? {};
  const counts = [formatNumber(objects, "object"), formatBytes(bytes)];
  if (exports === 0) return { title: `Listing ${visible(url)}`, figures: search === undefined ? [] : counts };
  return { title: `Reading manifest ${Math.min(described + 1, exports)} of ${exports}`, figures: counts };
}

/** The address as it is written to a file in that folder: paths of folders are relative to the file. */
function addressFrom(fileFolder: string, folder: string, written: string, { bucketUrl }: Address): string {
  if (bucketUrl.includes("://")) return bucketUrl;
  const isRelative = !written.includes("://") && !isAbsolute(written);
  return isRelative && fileFolder !== folder ? resolve(folder, written) : written;
}

/** What was written, and what to do next. `named` is the file as `--config` names it. */
export function writtenScreen(file: string, named: string | undefined, style: ScreenStyle): string {
  const plan = named === undefined ? "billhouse plan" : `billhouse plan --config ${visible(named)}`;
  const written = wrapText(`Wrote ${unbroken(visible(file))}.`, style.columns, 0);
  return `\n${written}\n${wrapText(`To see what would be loaded: ${unbroken(plan)}`, style.columns, 0)}\n`;
}

/** What was found, for people. */
export function foundScreen(
  { url, exports, others, foreign, objects }: Recognition,
  sections: ReadonlyMap<FoundExport, string>,
  style: ScreenStyle,
): string {
  const isShared = (name: string): boolean => exports.filter((each) => each.exportName === name).length > 1;
  const titleOf = (each: FoundExport): string => {
    const section = sections.get(each);
    const written = section === undefined ? "" : `, [sources.${section}]`;
    return isShared(each.exportName) ? `${each.exportName} in ${each.folder || "/"}${written}` : each.exportName;
  };
  const cells = (cell: (each: FoundExport) => string): string[] => exports.map(cell);
  const table = fitTable(
    [
      {
        title: "",
        cells: cells(({ unreadable }) => (unreadable === null ? paint(style, "good", "✔") : paint(style, "bad", "✖"))),
      },
      { title: "export", cells: cells((each) => visible(titleOf(each))) },
      { title: "kind", cells: cells(({ kind }) => kind) },
      {
        title: "billing months",
        cells: cells(({ months }) => monthSpans(months)),
        below: true,
      },
      { title: "size", lean: "right", cells: cells(({ bytes }) => formatBytes(bytes)) },
      {
        title: "newest delivery",
        cells: cells(({ newestExecution: id }) => (style.verbose ? visible(id ?? "") : shortId(id))),
        ...(style.verbose ? { below: true } : { spare: 1 }),
      },
    ],
    style.columns,
    style,
  );
  const problems = exports.flatMap((each) =>
    each.unreadable === null
      ? []
      : `${paint(style, "bad", "✖")} ${wrapText(visible(`${titleOf(each)}: ${each.unreadable}`), style.columns, 2)}`,
  );
  const notes = exports.flatMap((each) =>
    each.notes.map((note) => noteLine(`${titleOf(each)}: ${note}`, style, "changed", 0)),
  );
  const rest = [
    ...others.map((other) => `- ${visible(other)}: no bills`),
    ...foreign.map((bills) => `- ${bills}: not supported`),
  ].map((line) => paint(style, "quiet", wrapText(line, style.columns, 2)));
  const title = `${visible(url)}: ${formatNumber(objects, "object")}, ${formatNumber(exports.length, "export")}`;
  return `${[wrapText(title, style.columns, 0), ...table, ...problems, ...notes, ...rest].join("\n")}\n`;
}

/** A configuration that loads these exports into DuckDB. `bucketUrl` is the address of a bucket or of a folder. */
export function initialToml(
  bucketUrl: string,
  endpoint: string | undefined,
  names: ReadonlyMap<FoundExport, string>,
): string {
  const sections = [...names].map(([each, name]) => {
    const keys = {
      bucket_url: bucketUrl,
      ...(each.folder === "" ? {} : { prefix: each.folder }),
      export_name: each.chosenBy,
      kind: each.kind,
      ...(endpoint === undefined ? {} : { endpoint }),
    };
    const lines = Object.entries(keys).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
    const notes = each.notes.map((note) => `# ${visible(note)}`);
    return [`[sources.${name}]`, ...notes, ...lines].join("\n");
  });
  return `${[...sections, destinations].join("\n\n")}\n`;
}

const destinations = `# Rows go to billhouse.duckdb in this folder. For BigQuery instead:
# [destination.bigquery]
# project_id = "my-project"
# location = "US"`;

/** The section of each export: the names that the Python pipelines use for the first of their kinds, else the export's own. */
function sectionNames(exports: readonly FoundExport[]): ReadonlyMap<FoundExport, string> {
  const taken = new Set<string>();
  return new Map(
    exports.map((each) => {
      const { kind, cloud, exportName } = each;
      const first = { "aws-cur": "aws_cur", "azure-cost": "azure_billing" }[kind];
      const own = `${cloud}_${exportName}`
        .toLowerCase()
        .replaceAll(/[^a-z0-9_]+/g, "_")
        .replaceAll(/^_+|_+$/g, "");
      let section = first !== undefined && !taken.has(first) ? first : own;
      for (let count = 2; taken.has(section); count += 1) section = `${own}_${count}`;
      taken.add(section);
      return [each, section];
    }),
  );
}

function nothingUsable({ url, exports }: Recognition): BillhouseError {
  const reasons = exports.slice(0, 3).map(({ unreadable }) => unreadable);
  return new BillhouseError("EXPORT_NOT_FOUND", `No billing export in ${url} can be loaded. ${reasons.join(" ")}`, {
    hint: [...new Set(exports.flatMap(({ hint }) => hint ?? []))].slice(0, 3).join(" "),
  });
}
