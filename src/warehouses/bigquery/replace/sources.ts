import { BillhouseError } from "../../../errors.ts";
import type { TableColumn } from "../../../model.ts";
import { missingPeriodColumn, notANumber } from "../../../schema/invalid-rows.ts";
import { fold } from "../../../schema/names.ts";
import type { FileToLoad, MappedFile, MonthReplacement } from "../../warehouse.ts";
import type { Settings } from "../api/client.ts";
import type { Parameters } from "../api/jobs.ts";
import type { Field, TableReference } from "../api/tables.ts";
import { castExpression, type CastMode } from "../sql/casts.ts";
import type { PeriodColumn } from "../sql/months.ts";
import { digest, identifier, nativeTypeOf, tableName } from "../sql/names.ts";
import type { StagingBucket } from "./staging-bucket.ts";

/** A data file in Cloud Storage. */
export interface SourceFile {
  readonly mapped: MappedFile;
  /** `gs://bucket/key`. */
  readonly uri: string;
  /** Whether it was delivered there; otherwise billhouse uploaded it. */
  readonly isNative: boolean;
}

/** The files of a month, all in Cloud Storage, and how to remove those that were uploaded. */
export interface CollectedFiles {
  readonly files: readonly SourceFile[];
  remove(): Promise<void>;
}

/**
 * Reads the files of a month one after the other; a local file is uploaded before the next one is requested.
 * Error: CONFIG_INVALID without a bucket to upload to.
 */
export async function collectFiles(
  { connection }: Settings,
  bucket: StagingBucket | null,
  { files, table, billingMonth, executionId }: MonthReplacement,
): Promise<CollectedFiles> {
  const found: SourceFile[] = [];
  const uploaded: string[] = [];
  const remove = async (): Promise<void> => {
    for (const uri of uploaded) await bucket?.remove(uri);
  };
  const folder = digest([connection.project, table, billingMonth, executionId], 16);
  try {
    for await (const batch of files) {
      for (const mapped of batch) {
        connection.throwIfClosing();
        const { path, file, storageUrl } = mapped;
        if (path === null) {
          found.push({ mapped, uri: `${storageUrl.replace(/\/+$/, "")}/${file.key}`, isNative: true });
          continue;
        }
        if (bucket === null) throw missingBucket(file.key);
        const uri = await bucket.upload(path, `${folder}/${found.length}-${digest([file.key, file.version], 8)}`);
        uploaded.push(uri);
        found.push({ mapped, uri, isNative: false });
      }
    }
    connection.throwIfClosing();
  } catch (error) {
    await remove();
    throw error;
  }
  return { files: found, remove };
}

function missingBucket(key: string): BillhouseError {
  return new BillhouseError(
    "CONFIG_INVALID",
    `BigQuery cannot load ${key} directly: it is not in Cloud Storage, or BigQuery does not support its compression or its name.`,
    {
      hint: "Set staging_bucket in [destination.bigquery] to the name of a bucket of Cloud Storage in the dataset's location: files are then uploaded to it.",
    },
  );
}

/** Files of one delivery and one header, loaded into one staging table by one job. */
export interface FileGroup {
  readonly files: readonly SourceFile[];
  /** The staging table. */
  readonly table: TableReference;
  /** The prefix of the ids of the jobs that load it. */
  readonly jobPrefix: string;
}

/** A loaded staging table. */
export interface StagedTable extends FileGroup {
  readonly rows: number;
  readonly columns: readonly StagedColumn[];
}

/** A staged column and its table column. */
export interface StagedColumn {
  /** Its position in the file. */
  readonly position: number;
  readonly sourceName: string;
  readonly columnName: string;
  readonly nativeType: string;
  /** The staged field. */
  readonly field: Field;
  /** SQL of the staged value; the staging table is `f`. */
  readonly value: string;
}

/** The maximum number of jobs for a month, if one job may load all files of one header. */
const maxGroups = 64;

/** Limit of BigQuery: https://cloud.google.com/bigquery/quotas#load_jobs */
const maxUris = 10_000;

/** A query bills at least these bytes for each table that it reads: https://cloud.google.com/bigquery/pricing */
const leastBilled = 10 * 1024 * 1024;

/** The maximum number of tables for small CSV files of one header. */
const fewTables = 4;

/**
 * Divides files into groups, each of one delivery and one header. If there are few files, every CSV file is its own group,
 * so that its rows are counted separately; small ones share a few tables, because every table is billed. `nameOf` returns
 * the staging table and the job prefix of the group with a number.
 */
export function groupFiles(
  files: readonly SourceFile[],
  nameOf: (number: number) => Pick<FileGroup, "table" | "jobPrefix">,
): readonly FileGroup[] {
  const headers = new Map<string, SourceFile[]>();
  for (const file of files) {
    const { mapped } = file;
    const { columns, executionId, periodColumn, needsPeriod } = mapped;
    const key = JSON.stringify([mapped.file.format, file.isNative, columns, executionId, periodColumn, needsPeriod]);
    const group = headers.get(key);
    if (group === undefined) headers.set(key, [file]);
    else group.push(file);
  }
  const groups = [...headers.values()].flatMap((group) => {
    const isCsv = group[0]?.mapped.file.format === "csv";
    const share = files.length <= maxGroups ? group.length : Math.floor((maxGroups * group.length) / files.length);
    const useful = Math.max(fewTables, sizeOf(group.map(({ mapped }) => mapped.file.size)) / leastBilled);
    const jobs = Math.max(1, isCsv ? Math.min(share, Math.ceil(useful)) : 1, Math.ceil(group.length / maxUris));
    const size = Math.ceil(group.length / jobs);
    return Array.from({ length: Math.ceil(group.length / size) }, (_, index) =>
      group.slice(index * size, (index + 1) * size),
    );
  });
  return groups.map((group, number) => ({ files: group, ...nameOf(number) }));
}

function sizeOf(sizes: readonly number[]): number {
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Columns that the verification reads: period, currency, costs, usage, service, account, charge type, invoice. */
const verifiedColumns = 10;

/** Tables that the queries of one load read in addition to its rows: the month itself, the state, the commit lock. */
const tablesBeside = 16;

/** The estimated bytes billed for loading one month: see `Warehouse.billedBytes`. */
export function billedBytes(files: readonly FileToLoad[]): number {
  if (files.length === 0) return leastBilled * tablesBeside;
  const csv = files.filter(({ file }) => file.format === "csv");
  const useful = Math.max(fewTables, sizeOf(csv.map(({ file }) => file.size)) / leastBilled);
  const tables = Math.min(csv.length, maxGroups, Math.ceil(useful)) + (csv.length < files.length ? 1 : 0);
  const least = tables * leastBilled;
  const inserted = Math.max(least, sizeOf(files.map(({ bytes }) => bytes)));
  const verified = files.map(({ bytes, columns }) =>
    columns === 0 ? bytes : bytes * Math.min(1, verifiedColumns / columns),
  );
  return inserted + Math.max(least, Math.round(sizeOf(verified))) + leastBilled * tablesBeside;
}

/** The inputs of a load: equal inputs give the same load. */
export function loadIdentity(
  { billingMonth, executionId, replaces, partitionColumn, nullValues }: MonthReplacement,
  table: TableReference,
  files: readonly SourceFile[],
): string {
  const parts = files.map(({ mapped: { file, columns, storageUrl, periodColumn, needsPeriod }, isNative }) => [
    storageUrl,
    file.key,
    file.version,
    isNative,
    periodColumn,
    needsPeriod,
    columns.map(({ sourceName, columnName }) => [sourceName, columnName]),
  ]);
  return digest([table, billingMonth, executionId, replaces, partitionColumn, nullValues, parts, fewTables], 32);
}

/**
 * The columns of a staging table with these fields, by position. Errors: FILE_INVALID when they differ from those of the
 * header; PERIOD_MISSING when its rows need a billing period but none of them contains it.
 */
export function stagedColumns(
  { files }: FileGroup,
  fields: readonly Field[],
  table: readonly TableColumn[],
  replacement: MonthReplacement,
): readonly StagedColumn[] {
  const [first] = files;
  if (first === undefined) return [];
  const { file, columns, periodColumn, needsPeriod } = first.mapped;
  if (fields.length !== columns.length) {
    throw new BillhouseError("FILE_INVALID", `${file.key} has ${fields.length} columns instead of ${columns.length}.`, {
      hint: "Run again: the file changed while it was read.",
    });
  }
  if (needsPeriod && periodColumn === null) throw missingPeriodColumn(file.key);
  const types = new Map(table.map(({ name, nativeType }) => [fold(name), nativeType]));
  return columns.map(({ sourceName, columnName }, position) => {
    const nativeType = types.get(fold(columnName));
    const field = fields[position];
    if (nativeType === undefined || field === undefined)
      throw new TypeError(`The table is missing the column ${columnName}.`);
    const isText = nativeType === "STRING" && fold(columnName) !== fold(periodColumn ?? "");
    const words = isText ? [] : replacement.nullValues;
    const value = cleaned(field, position, file.format === "csv", nativeType, words);
    return { position, sourceName, columnName, nativeType, field, value };
  });
}

function cleaned(
  field: Field,
  position: number,
  isCsv: boolean,
  nativeType: string,
  nullValues: readonly string[],
): string {
  const cell = `f.${identifier(field.name)}`;
  const isText = field.type === "STRING" && field.mode !== "REPEATED";
  const isFloat = nativeTypeOf(field) === "FLOAT64" && field.mode !== "REPEATED";
  if (isFloat && nullValues.includes(notANumber)) return `IF(IS_NAN(${cell}), NULL, ${cell})`;
  if (!isCsv && (!isText || nativeType === "STRING")) return cell;
  // Azure writes the byte order mark again after the header.
  const text = isCsv && position === 0 ? `LTRIM(${cell}, CODE_POINTS_TO_STRING([65279]))` : cell;
  const value = `NULLIF(${text}, '')`;
  // The configuration refuses words with quotes or backslashes.
  const words = nullValues.map((word) => `'${word}'`).join(", ");
  return words === "" ? value : `IF(${text} IN (${words}), NULL, ${value})`;
}

/** The column of a staging table for a column of the table. */
export function columnFor(columns: readonly StagedColumn[], name: string | null): StagedColumn | undefined {
  return name === null ? undefined : columns.find(({ columnName }) => fold(columnName) === fold(name));
}

/** The expression for the month of a staged row. */
export interface StagedPeriod {
  readonly column: StagedColumn;
  /**
   * SQL of the moment on which the period of the row starts; NULL for a row without one, and for a value that is not a
   * time.
   */
  readonly moment: string;
  /** The type of that moment. */
  readonly nativeType: PeriodColumn["nativeType"];
}

/** The expression for the months of a staging table; null if its files lack a billing period. */
export function stagedPeriod(
  { files, columns }: Pick<StagedTable, "files" | "columns">,
  partition: PeriodColumn,
  parameters: Parameters,
): StagedPeriod | null {
  const column = columnFor(columns, files[0]?.mapped.periodColumn ?? null);
  if (column === undefined) return null;
  const nativeType = fold(column.columnName) === fold(partition.name) ? partition.nativeType : "TIMESTAMP";
  const moment = castExpression(column.value, column.field, nativeType, "SAFE_CAST", parameters);
  return { column, moment, nativeType };
}

/** The SQL of the value for the table. */
export function tableValue({ value, field, nativeType }: StagedColumn, mode: CastMode, parameters: Parameters): string {
  return castExpression(value, field, nativeType, mode, parameters);
}

/** Staging tables of one header as one relation `f`. */
export function relationOf(tables: readonly StagedTable[]): string {
  const [first, ...others] = tables.map(({ table }) => tableName(table));
  if (others.length === 0) return `${first} AS f`;
  return `(${[first, ...others].map((name) => `SELECT * FROM ${name}`).join(" UNION ALL ")}) AS f`;
}

/** The name of a group in messages: its file, or the first of them. */
export function titleOfGroup({ files }: FileGroup): string {
  const key = files[0]?.mapped.file.key ?? "a file";
  if (files.length === 1) return key;
  return files.length === 2 ? `${key} or the file after it` : `${key} or one of the ${files.length - 1} files after it`;
}
