import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { Option } from "@commander-js/extra-typings";
import { BillhouseError } from "../errors.ts";
import type { ExportFocusProgress, ExportFocusResult } from "../pipeline/focus-export.ts";
import { type CommandContext, type ExitCode, exitCodes, type Perform, type Program } from "./context.ts";
import { costCells, formatBytes, formatCount, formatNumber, noteSource } from "./figures.ts";
import { example, exportsAndMonths, readScope, type Scope, withMonths } from "./flags.ts";
import { withLiveBlock } from "./live-block.ts";
import { resultText, screenStyle, type ScreenStyle, unbroken, visible, wrapText } from "./output.ts";
import { blockLines } from "./progress.ts";
import { fitTable } from "./tables.ts";

/** Registers `billhouse focus`. */
export function addFocus(program: Program, perform: Perform): void {
  const focus = program.command("focus").description("Write the FOCUS view to files for other tools.");
  focus.helpCommand("help [command]", "Show the help of a command.");
  withMonths(focus.command("export"))
    .description("Write the charges of all loaded bills to FOCUS files, with a manifest and checksums.")
    .argument("[export-or-month...]", exportsAndMonths)
    .addOption(
      new Option("--format <format>", "Parquet, or CSV with gzip")
        .choices(["parquet", "csv"])
        .default("parquet" as const),
    )
    .addOption(
      new Option("--focus-version <version>", "the version of FOCUS").choices(["1.4", "1.2"]).default("1.4" as const),
    )
    .option(
      "--folder <folder>",
      "a new or empty folder to write to, or that of an export that was stopped",
      "focus-export",
    )
    .option("--anonymize", "replace accounts, resources, names and tags, and multiply amounts by a secret number")
    .option(
      "--key-file <file>",
      "the secret of --anonymize; it is made if it is missing, and gives the same names again",
    )
    .usage("[options] [export-or-month...]")
    .addHelpText("after", example("billhouse focus export --month 2025-01 --format csv"))
    .action((words, { format, focusVersion, folder, anonymize, keyFile, ...months }) => {
      const scope = readScope(words, months);
      const isAnonymous = anonymize === true;
      // It stops by itself, and then says what it has written.
      return perform.writing((context) =>
        focusExport({ ...scope, format, focusVersion, folder, anonymize: isAnonymous, keyFile }, context),
      );
    });
}

/** Options of `billhouse focus export`. */
export interface FocusExportOptions extends Scope {
  readonly format: "parquet" | "csv";
  readonly focusVersion: "1.4" | "1.2";
  readonly folder: string;
  readonly anonymize: boolean;
  readonly keyFile: string | undefined;
}

/** Writes FOCUS files. Errors: USAGE_INVALID for a key without --anonymize, those of `exportFocus`. */
export async function focusExport(options: FocusExportOptions, context: CommandContext): Promise<ExitCode> {
  const { exports, months, format, focusVersion, anonymize, keyFile } = options;
  if (keyFile !== undefined && !anonymize) {
    throw new BillhouseError("USAGE_INVALID", "--key-file is the secret of --anonymize, which is missing.", {
      hint: "Add --anonymize, or remove --key-file.",
    });
  }
  const { exportFocus } = await import("../pipeline/focus-export.ts");
  const config = await context.loadConfig();
  const key = keyFile === undefined ? undefined : await readKey(resolve(context.folder, keyFile));
  const started = context.now().getTime();
  let progress: ExportFocusProgress | undefined;
  const result = await withLiveBlock(
    context,
    (time, width) => blockLines({ ...shown(progress), elapsed: time - started }, time, width),
    () =>
      exportFocus(config, {
        folder: resolve(context.folder, options.folder),
        pipelines: exports,
        months,
        format,
        focusVersion,
        anonymize,
        ...(key === undefined ? {} : { key }),
        signal: context.signal,
        holder: { pid: process.pid, command: "billhouse focus export" },
        onProgress: (now) => (progress = now),
      }),
  );
  noteSource(result, context);
  const style = screenStyle(context);
  context.stdout.write(
    context.flags.json ? `${resultText(result, 2)}\n` : focusExportScreen(result, context.folder, style),
  );
  return exitCodes.done;
}

function shown(progress: ExportFocusProgress | undefined): {
  readonly title: string;
  readonly figures: readonly string[];
} {
  if (progress === undefined) return { title: "Reading what is loaded", figures: [] };
  const { billingMonth, month, months, rows } = progress;
  return {
    title: `Writing ${billingMonth}, month ${month} of ${months}`,
    figures: rows === 0 ? [] : [formatNumber(rows, "row")],
  };
}

/** Reads a key, or makes one. Error: USAGE_INVALID for a file that cannot be used. */
async function readKey(file: string): Promise<string> {
  const refused = (what: string, cause?: unknown): BillhouseError =>
    new BillhouseError("USAGE_INVALID", `The key file ${file} ${what}.`, {
      hint: "Name a file with a secret of at least 16 characters, or one that does not exist yet: billhouse makes it.",
      cause,
    });
  const found = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return null;
    throw refused(`cannot be read (${cause.code})`, cause);
  });
  if (found !== null) {
    if (found.trim().length < 16) throw refused("has fewer than 16 characters");
    return found.trim();
  }
  const key = randomBytes(32).toString("hex");
  await writeFile(file, `${key}\n`, { mode: 0o600 }).catch((cause: NodeJS.ErrnoException) => {
    throw refused(`cannot be written (${cause.code})`, cause);
  });
  return key;
}

/** What was written, for people. */
export function focusExportScreen(
  { folder, focusVersion, format, anonymized, months }: ExportFocusResult,
  workingFolder: string,
  style: ScreenStyle,
): string {
  const place = relative(workingFolder, folder) || ".";
  const files = months.flatMap((month) => month.files);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const what = `FOCUS ${focusVersion} as ${format === "csv" ? "CSV" : "Parquet"}${anonymized ? ", anonymized" : ""}`;
  const title = `${what}: ${formatNumber(files.length, "file")}, ${formatBytes(bytes)}, in ${unbroken(visible(place))}`;
  const table = fitTable(
    [
      { title: "month", cells: months.map(({ billingMonth }) => billingMonth) },
      { title: "rows", lean: "right", cells: months.map(({ rows }) => formatCount(rows)) },
      { title: "files", lean: "right", cells: months.map((month) => formatCount(month.files.length)) },
      {
        title: "billed cost",
        lean: "right",
        cells: costCells(months.map(({ billedCost }) => billedCost)),
      },
    ],
    style.columns,
    style,
  );
  const end = "manifest.json has the sums and checksums; SHA256SUMS has the checksums for sha256sum --check.";
  return `${wrapText(title, style.columns, 0)}\n${table.join("\n")}\n${wrapText(end, style.columns, 0)}\n`;
}
