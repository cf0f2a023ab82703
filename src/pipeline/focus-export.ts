import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import {
  callback,
  checkArguments,
  flag,
  holder as holderRule,
  names,
  optional,
  type Shape,
  signal as abortSignal,
  text,
} from "../config/arguments.ts";
import type { Config } from "../config/config.ts";
import { BillhouseError, interrupted } from "../errors.ts";
import { columnsOfVersion } from "../focus/charges.ts";
import type { FocusVersion } from "../focus/columns.ts";
import { viewNames } from "../focus/views.ts";
import type { BillingMonth } from "../model.ts";
import { checkMonths, monthSpan, type MonthSelection, nextMonth } from "../schema/periods.ts";
import { parseTimestamp } from "../schema/timestamps.ts";
import { version } from "../version.ts";
import { type Holder, requireCapability, type Warehouse } from "../warehouses/warehouse.ts";
import { createAnonymiser, type ExportedRow } from "./focus-export/anonymise.ts";
import { type ExportedMonth, type ExportFileFormat, exportFileFormats, writeMonth } from "./focus-export/files.ts";
import { claimFolder, finishFolder } from "./focus-export/folder.ts";
import { copyMonth } from "./focus-export/parquet.ts";
import { readLoaded } from "./months/loaded.ts";
import { isSelected, monthRules, selectPipelines } from "./months/select.ts";
import { reading, type ReadSource, withMemoryLimit } from "./open.ts";
import { dialects } from "./views/source.ts";

/** The versions of FOCUS that can be exported. */
export const exportedVersions = ["1.4", "1.2"] as const;

/** Options of `exportFocus`. */
export interface ExportFocusOptions {
  /** The folder to write to, which must be empty, not exist, or hold an export that was stopped, whose files are replaced. */
  readonly folder: string;
  /** Sections, clouds, or `all`; none means all. */
  readonly pipelines?: readonly string[];
  readonly months?: MonthSelection;
  /** By default `parquet`. */
  readonly format?: ExportFileFormat;
  /** By default `1.4`. */
  readonly focusVersion?: (typeof exportedVersions)[number];
  /** Replaces accounts, resources, names and tags, and multiplies amounts by a secret number. */
  readonly anonymize?: boolean;
  /** The secret of `anonymize`: the same one gives the same names and amounts. By default a new one for each export. */
  readonly key?: string;
  readonly signal?: AbortSignal;
  /** This process, by which another one knows that it still exports to the folder; without it, another one replaces its files. */
  readonly holder?: Holder;
  /** Receives how far it is. */
  readonly onProgress?: (progress: ExportFocusProgress) => void;
}

/** How far an export is. */
export interface ExportFocusProgress {
  readonly billingMonth: BillingMonth;
  /** The number of the month, from 1, and of all months. */
  readonly month: number;
  readonly months: number;
  /** Rows of the month that were written; 0 until all are where the warehouse writes the files itself. */
  readonly rows: number;
}

/** The result of `exportFocus`. */
export interface ExportFocusResult extends ReadSource {
  /** Absolute. */
  readonly folder: string;
  readonly focusVersion: string;
  readonly format: ExportFileFormat;
  readonly anonymized: boolean;
  /** Oldest first. */
  readonly months: readonly ExportedMonth[];
}

/** Memory and the temporary file of a Parquet file are bounded by it. */
const rowsPerFile = 250_000;

/**
 * Writes the rows of the FOCUS view to files, month by month, and last a manifest with their checksums. An export that was stopped
 * has `manifest.json.unfinished` instead, and the next one into that folder starts again. Errors: USAGE_INVALID for a folder with
 * anything else and for months that are not loaded; WAREHOUSE_NOT_FOUND; OUTPUT_FAILED when the folder cannot be written;
 * VALUE_INVALID; INTERRUPTED.
 */
export async function exportFocus(config: Config, options: ExportFocusOptions): Promise<ExportFocusResult> {
  checkArguments(config, options, exportRules);
  const { format = "parquet", focusVersion = "1.4", anonymize = false, months = {} } = options;
  checkMonths(months);
  requireOneOf("format", format, exportFileFormats);
  requireOneOf("focusVersion", focusVersion, exportedVersions);
  const folder = resolve(options.folder);
  const pipelines = await selectPipelines(config, options.pipelines);
  const isAll = pipelines.length === config.pipelines.length;
  const view: FocusVersion = focusVersion === "1.2" ? "v1_2" : "v1_4";
  const anonymised = anonymize ? createAnonymiser(options.key ?? randomBytes(32).toString("hex")) : undefined;
  const written: ExportedMonth[] = [];
  let started: number | undefined;
  return reading(
    // DuckDB would keep the rows of a month in half of the memory before it writes them.
    withMemoryLimit(config, "512MB"),
    async (warehouse) => {
      const loaded = await Promise.all(pipelines.map((pipeline) => readLoaded(pipeline, warehouse)));
      const chosen = loaded.flatMap((each) =>
        [...each.months.keys()].filter((month) => isSelected(month, each.pipeline, months)),
      );
      const wanted = [...new Set(chosen)].toSorted();
      if (wanted.length === 0) {
        throw new BillhouseError("USAGE_INVALID", "No month to export is loaded.", {
          hint: "billhouse status lists the loaded months.",
        });
      }
      const columns = columnsOfVersion(view).map(({ name, type }) => ({
        name,
        type: type === "json" ? ("text" as const) : type,
      }));
      await claimFolder(folder, options.holder).catch((error: unknown) => {
        throw asOutputError(folder, error);
      });
      started = wanted.length;
      for (const [index, billingMonth] of wanted.entries()) {
        const asked = { config, view, month: billingMonth, exports: isAll ? null : pipelines.map(({ name }) => name) };
        const settings = {
          folder,
          format,
          name: `focus_${focusVersion.replace(".", "_")}`,
          columns,
          rowsPerFile,
          signal: options.signal,
          onRows: (count: number) =>
            options.onProgress?.({ billingMonth, month: index + 1, months: wanted.length, rows: count }),
        };
        settings.onRows(0);
        const isCopied = format === "parquet" && anonymised === undefined && warehouse.writeParquet !== null;
        const writing = isCopied
          ? copyMonth(warehouse, billingMonth, `SELECT ${copiedColumns(asked)} ${sourceOf(asked)}`, settings)
          : writeMonth(billingMonth, mapped(rowsOf(warehouse, asked), anonymised), settings);
        const month = await writing.catch((error: unknown) => {
          throw asOutputError(folder, error);
        });
        written.push(month);
      }
      const result = { folder, focusVersion, format, anonymized: anonymize, months: written };
      await writeManifest(result).catch((error: unknown) => {
        throw asOutputError(folder, error);
      });
      return result;
    },
    options.signal,
  ).catch((error: unknown) => {
    if (options.signal?.aborted !== true) throw error;
    throw started === undefined ? stopped() : stopped(folder, written.length, started);
  });
}

function stopped(folder?: string, written = 0, months = 0): BillhouseError {
  if (folder === undefined) return interrupted("Stopped. Nothing was written.", { hint: "Run the command again." });
  return interrupted(`Stopped. The folder ${folder} has ${written} of ${months} months and is not finished.`, {
    hint: "Run the same command again: it replaces these files. Or remove the folder.",
  });
}

const exportRules: Shape<ExportFocusOptions> = {
  folder: text,
  pipelines: names,
  months: monthRules,
  format: optional(text),
  focusVersion: optional(text),
  anonymize: optional(flag),
  key: optional(text),
  signal: optional(abortSignal),
  holder: holderRule,
  onProgress: optional(callback),
};

function requireOneOf(name: string, value: string, allowed: readonly string[]): void {
  if (allowed.includes(value)) return;
  throw new BillhouseError("USAGE_INVALID", `${value} is not a valid ${name}.`, {
    hint: `Valid: ${allowed.join(", ")}.`,
  });
}

/** The rows of a month in the view. */
interface AskedRows {
  readonly config: Config;
  readonly view: FocusVersion;
  readonly month: BillingMonth;
  /** Null for all. */
  readonly exports: readonly string[] | null;
}

/** `FROM` the view `WHERE` the rows are asked for. */
function sourceOf({ config: { warehouse, focus }, view, month, exports }: AskedRows): string {
  const { tableName, identifier, literal } = dialects[warehouse.kind];
  const only = exports === null ? "" : ` AND ${identifier("x_Export")} IN (${exports.map(literal).join(", ")})`;
  const from = tableName({ dataset: warehouse.kind === "bigquery" ? focus.dataset : "main" }, viewNames[view]);
  return `FROM ${from} WHERE ${identifier("x_BillingMonth")} = ${literal(month)}${only}`;
}

/** The columns as files have them, by SQL: empty texts are NULL, and rows without a period have that of their delivery. */
function copiedColumns({ config: { warehouse }, view, month }: AskedRows): string {
  const { identifier } = dialects[warehouse.kind];
  const periods: Readonly<Record<string, string>> = {
    BillingPeriodStart: `${month}-01`,
    BillingPeriodEnd: `${nextMonth(month)}-01`,
  };
  const cellOf = (name: string, type: string): string => {
    const column = identifier(name);
    const period = periods[name];
    if (period !== undefined) return `COALESCE(${column}, TIMESTAMP '${period}') AS ${column}`;
    return type === "decimal" || type === "timestamp" ? column : `NULLIF(${column}, '') AS ${column}`;
  };
  return columnsOfVersion(view)
    .map(({ name, type }) => cellOf(name, type))
    .join(", ");
}

/** The rows, as they are written to files. */
async function* rowsOf(warehouse: Warehouse, asked: AskedRows): AsyncGenerator<ExportedRow> {
  const { config, view, month } = asked;
  const { identifier } = dialects[config.warehouse.kind];
  const columns = columnsOfVersion(view);
  const sql = `SELECT ${columns.map(({ name }) => identifier(name)).join(", ")} ${sourceOf(asked)}`;
  const times = columns.filter(({ type }) => type === "timestamp").map(({ name }) => name);
  const start = `${month}-01T00:00:00Z`;
  const end = `${nextMonth(month)}-01T00:00:00Z`;
  for await (const row of requireCapability(warehouse, "query")(sql)) {
    const cells: Record<string, string | null> = {};
    for (const { name } of columns) {
      const value = row[name] ?? null;
      // The view has texts, decimals and times, which queries give as text.
      if (value !== null && typeof value !== "string") throw new TypeError(`${name} is not text.`);
      cells[name] = value;
    }
    for (const name of times) cells[name] = timeOf(cells[name] ?? null);
    // Rows without a period got the month of their delivery.
    cells["BillingPeriodStart"] ??= start;
    cells["BillingPeriodEnd"] ??= end;
    yield cells;
  }
}

/** A time in the form of FOCUS: ISO 8601 in UTC, with a fraction only if it has one. */
function timeOf(value: string | null): string | null {
  if (value === null) return null;
  return parseTimestamp(value)?.replace(/\.?0*Z$/, "Z") ?? value;
}

async function* mapped(
  rows: AsyncIterable<ExportedRow>,
  change: ((row: ExportedRow) => ExportedRow) | undefined,
): AsyncGenerator<ExportedRow> {
  for await (const row of rows) yield change === undefined ? row : change(row);
}

/** The manifest, and the checksums in the form that `sha256sum --check` reads. */
async function writeManifest({
  folder,
  focusVersion,
  format,
  anonymized,
  months,
}: Omit<ExportFocusResult, keyof ReadSource>): Promise<void> {
  const files = months.flatMap((month) => month.files);
  const sums = files.map(({ sha256, path }) => `${sha256}  ${path}\n`);
  await writeFile(join(folder, "SHA256SUMS"), sums.join(""));
  const manifest = {
    dataset: "CostAndUsage",
    focus_version: focusVersion,
    format,
    anonymized,
    generator: `billhouse ${version}`,
    columns: columnsOfVersion(focusVersion === "1.2" ? "v1_2" : "v1_4").map(({ name, type }) => ({ name, type })),
    billing_periods: months.map(({ billingMonth, rows, billedCost, effectiveCost, files: own }) => ({
      billing_period: billingMonth,
      billing_period_start: monthSpan(billingMonth).start,
      billing_period_end: `${nextMonth(billingMonth)}-01`,
      rows,
      billed_cost: billedCost,
      effective_cost: effectiveCost,
      files: own,
    })),
  };
  await finishFolder(folder, `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Error: OUTPUT_FAILED for a folder that the operating system refuses; any other error as it is. */
function asOutputError(folder: string, error: unknown): unknown {
  if (error instanceof BillhouseError || !(error instanceof Error && "syscall" in error && "code" in error))
    return error;
  return new BillhouseError("OUTPUT_FAILED", `The folder ${folder} cannot be written to (${String(error.code)}).`, {
    hint: "Name a folder that you can write to, on a disk with enough space.",
    cause: error,
  });
}
