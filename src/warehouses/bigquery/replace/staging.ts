import pMap from "p-map";
import type { TableColumn } from "../../../model.ts";
import { encryption } from "../definitions.ts";
import { reachPoint } from "../../points.ts";
import type { MonthReplacement } from "../../warehouse.ts";
import { explainLoad } from "./file-failures.ts";
import { jobLabels, runJob } from "../api/jobs.ts";
import { digest, type TableReference } from "../sql/names.ts";
import type { QuerySettings } from "../api/statements.ts";
import { isAbsence, refusalOf } from "../api/api-error.ts";
import { type FileGroup, type Staged, stagedColumns } from "./sources.ts";
import { dropTable, type Field, fieldsOf, listTables, patchTable, type TableResource } from "../api/tables.ts";

/** Every staging table begins like this. */
export const stagingPrefix = "_billhouse_staging_";

const lifetime = 24 * 60 * 60 * 1000;
const jobsAtOnce = 16;

/** How the staging tables of one month of a table begin, and behind it those that replace one load of it. */
export function stagingNames(
  { billingMonth, replaces }: Pick<MonthReplacement, "billingMonth" | "replaces">,
  { tableId }: TableReference,
): { readonly ofMonth: string; readonly ofLoad: string } {
  const ofMonth = `${stagingPrefix}${digest(tableId, 8)}_${billingMonth.replace("-", "")}_`;
  return { ofMonth, ofLoad: `${ofMonth}${digest(replaces, 8)}_` };
}

/** Loads every group into its staging table, several at once. Errors: FILE_INVALID, FILE_CORRUPT, FILE_NOT_FOUND. */
export async function stageGroups(
  settings: QuerySettings,
  groups: readonly FileGroup[],
  columns: readonly TableColumn[],
  replacement: MonthReplacement,
  location: string,
): Promise<readonly Staged[]> {
  const failures: unknown[] = [];
  const staged = await pMap(
    groups,
    async (group) => {
      // The jobs that run are waited for, so that what they make can be taken away.
      if (failures.length > 0) return undefined;
      try {
        return await stageGroup(settings, group, columns, replacement, location);
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
  settings: QuerySettings,
  group: FileGroup,
  columns: readonly TableColumn[],
  replacement: MonthReplacement,
  location: string,
): Promise<Staged> {
  const { connection } = settings;
  let table: TableResource | undefined;
  let rows = 0;
  try {
    const configuration = loadConfiguration(settings, group, replacement, group.table);
    await runJob(connection, group.jobPrefix, { location, configuration }, async (job) => {
      rows = Number(job.statistics?.load?.outputRows ?? 0);
      table = await keepForADay(settings, group.table);
      // A table that somebody took away or changed, or that expired, is loaded again under the next id.
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

/** Lets a staging table expire after a day, and gives it; undefined when it is gone. */
export async function keepForADay(
  { connection }: QuerySettings,
  table: TableReference,
): Promise<TableResource | undefined> {
  try {
    return await patchTable(connection, table, { expirationTime: String(Date.now() + lifetime) });
  } catch (error) {
    if (isAbsence(refusalOf(error))) return undefined;
    throw error;
  }
}

/**
 * The configuration of a load job. CSV is loaded as text, by position, but for one column that may be `typed`: BigQuery
 * then stops at its first value that is none, and tells where it is.
 */
export function loadConfiguration(
  settings: QuerySettings,
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

/** Drops the staging tables whose names begin like this. That it fails is no failure: they expire. */
export async function dropStaging(
  { connection }: QuerySettings,
  { projectId, datasetId }: TableReference,
  prefix: string,
): Promise<void> {
  try {
    const tables = await listTables(connection, projectId, datasetId);
    const mine = tables.filter(({ tableId }) => tableId.startsWith(prefix));
    await pMap(mine, ({ tableId }) => dropTable(connection, { projectId, datasetId, tableId }), { concurrency: 8 });
  } catch {
    // Publishing looks for them again.
  }
  reachPoint("staging-dropped");
}
