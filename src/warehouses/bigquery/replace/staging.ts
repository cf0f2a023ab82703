import pMap from "p-map";
import { BillhouseError, firstLine } from "../../../errors.ts";
import type { TableColumn } from "../../../model.ts";
import { reachPoint } from "../../points.ts";
import type { MonthReplacement } from "../../warehouse.ts";
import { type ApiError, apiErrorOf } from "../api/api-error.ts";
import type { Settings } from "../api/client.ts";
import { jobLabels, runJob } from "../api/jobs.ts";
import { dropTable, encryption, type Field, fieldsOf, type TableReference, type TableResource } from "../api/tables.ts";
import { expireInADay } from "../cleanup.ts";
import { type FileGroup, stagedColumns, type StagedTable, titleOfGroup } from "./sources.ts";

const jobsAtOnce = 16;

/** Loads every group into its staging table, several at once. Errors: FILE_INVALID, FILE_CORRUPT, FILE_NOT_FOUND. */
export async function stageGroups(
  settings: Settings,
  groups: readonly FileGroup[],
  columns: readonly TableColumn[],
  replacement: MonthReplacement,
  location: string,
): Promise<readonly StagedTable[]> {
  const failures: unknown[] = [];
  const { progress } = replacement;
  const total = groups.length;
  let [done, bytes] = [0, 0];
  progress?.inserting({ bytes, jobs: { done, total } });
  const staged = await pMap(
    groups,
    async (group) => {
      // Waits for running jobs, so that their tables can be dropped.
      if (failures.length > 0) return undefined;
      try {
        const table = await stageGroup(settings, group, columns, replacement, location);
        done += 1;
        bytes += group.files.reduce((sum, { mapped }) => sum + mapped.file.size, 0);
        progress?.inserting({ bytes, jobs: { done, total } });
        return table;
      } catch (error) {
        failures.push(error);
        return undefined;
      }
    },
    { concurrency: jobsAtOnce },
  );
  if (failures.length > 0) throw failures[0];
  return staged.filter((each) => each !== undefined);
}

async function stageGroup(
  settings: Settings,
  group: FileGroup,
  columns: readonly TableColumn[],
  replacement: MonthReplacement,
  location: string,
): Promise<StagedTable> {
  const { connection } = settings;
  let table: TableResource | undefined;
  let rows = 0;
  try {
    const configuration = loadConfiguration(settings, group, replacement, group.table);
    await runJob(connection, group.jobPrefix, { location, configuration }, async (job) => {
      rows = Number(job.statistics?.load?.outputRows ?? 0);
      table = await expireInADay(settings, group.table);
      // A table that another process dropped or changed, or that expired, is loaded again under the next id.
      if (table !== undefined && Number(table.numRows ?? rows) === rows) return true;
      await dropTable(connection, group.table);
      return false;
    });
  } catch (error) {
    throw explainLoad(error, group);
  }
  reachPoint("staged-file");
  return { ...group, rows, columns: stagedColumns(group, fieldsOf(table ?? null), columns, replacement) };
}

/**
 * The configuration of a load job. CSV is loaded as text, by position, but for one column that may be `typed`: BigQuery
 * then stops at its first invalid value, and reports where it is.
 */
export function loadConfiguration(
  settings: Settings,
  { files }: FileGroup,
  { table, billingMonth }: MonthReplacement,
  destination: TableReference,
  typed?: { readonly position: number; readonly type: string },
): object {
  const mapped = files[0]?.mapped;
  const fields = (mapped?.columns ?? []).map((_, position): Field => {
    return { name: `c${position}`, type: position === typed?.position ? typed.type : "STRING", mode: "NULLABLE" };
  });
  const csv = {
    sourceFormat: "CSV",
    schema: { fields },
    skipLeadingRows: 1,
    quote: '"',
    allowQuotedNewlines: true,
    encoding: "UTF-8",
    maxBadRecords: 0,
    preserveAsciiControlCharacters: true,
  };
  const parquet = { sourceFormat: "PARQUET", decimalTargetTypes: ["BIGNUMERIC"], columnNameCharacterMap: "V2" };
  const { encryptionConfiguration } = encryption(settings) as { encryptionConfiguration?: object };
  return {
    labels: jobLabels({ billhouse: "load", table: table.name, month: billingMonth }),
    load: {
      sourceUris: files.map(({ uri }) => uri),
      destinationTable: destination,
      createDisposition: "CREATE_IF_NEEDED",
      writeDisposition: "WRITE_EMPTY",
      ...(mapped?.file.format === "parquet" ? parquet : csv),
      ...(encryptionConfiguration === undefined ? {} : { destinationEncryptionConfiguration: encryptionConfiguration }),
    },
  };
}

/**
 * The error for a load job that failed because of a file. Any other failure is returned
 * unchanged. Codes: FILE_INVALID, FILE_CORRUPT, FILE_NOT_FOUND, VALUE_INVALID, WAREHOUSE_DENIED.
 */
export function explainLoad(error: unknown, group: FileGroup): unknown {
  const apiError = apiErrorOf(error);
  if (apiError === undefined) return error;
  const key = fileOf(apiError, group) ?? titleOfGroup(group);
  const text = allText(apiError);
  if (/Access Denied/i.test(text) && /gs:\/\/|storage\.objects/i.test(text)) {
    return new BillhouseError(
      "WAREHOUSE_DENIED",
      `BigQuery lacks access to ${key}: the permission storage.objects.get is missing.`,
      {
        hint: "Grant the role Storage Object Viewer on the bucket to the account that billhouse and its jobs run as.",
        cause: error,
      },
    );
  }
  if (apiError.reason === "notFound" && /gs:\/\/|URI|file/i.test(text)) {
    return new BillhouseError("FILE_NOT_FOUND", `${key} is no longer in the bucket.`, {
      hint: "Run again: billhouse then reads the current state of the export.",
      cause: error,
    });
  }
  if (apiError.reason !== "invalid" || /different locations/i.test(text)) return error;
  const position = positionOf(apiError);
  const place = position === undefined ? key : `${key}, byte ${position}`;
  const hint = "Check this row of the file; if it is damaged, have the export delivered again.";
  const reason = csvReason(text);
  if (group.files[0]?.mapped.file.format === "csv" && reason !== undefined) {
    return new BillhouseError("FILE_INVALID", `${place}: this is not valid CSV. ${reason}`, {
      hint,
      cause: error,
    });
  }
  return new BillhouseError("FILE_CORRUPT", `${key} cannot be read: ${firstLine(apiError.message)}`, {
    hint: "Have the export delivered again, or copy the file again from its source.",
    cause: error,
  });
}

/** The byte offset, in the decompressed file, of the row that stopped a load. */
export function positionOf(apiError: ApiError): string | undefined {
  return /starting at (?:position|location):?\s*(\d+)/i.exec(allText(apiError))?.[1];
}

/** The key of the file that stopped a load. */
export function fileOf(apiError: ApiError, { files }: FileGroup): string | undefined {
  const named = [apiError.location, ...apiError.details.map(({ location }) => location)];
  const text = allText(apiError);
  const found =
    files.find(({ uri }) => named.includes(uri)) ??
    (files.length === 1 ? undefined : files.find(({ uri }) => text.includes(uri)));
  return found?.mapped.file.key;
}

/** All messages of an API error. */
export function allText(apiError: ApiError): string {
  return [apiError.message, ...apiError.details.map(({ message }) => message ?? "")].join("\n");
}

/** BigQuery's reason for refusing a row, without the row itself. */
function csvReason(text: string): string | undefined {
  if (/too many values/i.test(text)) return "A row has more columns than the header.";
  if (/missing required fields|too few|missing values|only \d+ (?:columns|values)/i.test(text)) {
    return "A row has fewer columns than the header.";
  }
  if (/close quote/i.test(text)) return "A quote is not closed.";
  if (/utf-?8|bad character|ascii 0/i.test(text)) return "It is not UTF-8.";
  if (/row size|larger than|exceeds the maximum/i.test(text)) return "A row is longer than BigQuery allows.";
  return /CSV (?:processing|table)/i.test(text) && !/gzip|decompress/i.test(text)
    ? "BigQuery cannot read one of its rows."
    : undefined;
}
