import { BillhouseError, firstLine } from "../../errors.ts";
import { formatDecimal, parseDecimal } from "../../schema/decimals.ts";
import type { QueryColumn, QueryRow, QuerySettings } from "../warehouse.ts";
import { apiErrorOf } from "./api/api-error.ts";
import type { Settings } from "./api/client.ts";
import { type Cell, createParameters, dryRunJob, type JobRequest, queryConfiguration, runSelect } from "./api/jobs.ts";
import { type Field, findLocation, listTables } from "./api/tables.ts";

/** Runs one read-only statement, and streams its rows. Error: QUERY_INVALID. */
export async function* runQuery(
  settings: Settings,
  sql: string,
  location: string,
  { datasets = [], onColumns }: QuerySettings,
): AsyncGenerator<QueryRow> {
  try {
    if (/^[\s;]*$/.test(sql)) throw notReadOnly("A query must be one statement, but this text does not contain one.");
    if (/^\s*SHOW\s+(?:ALL\s+)?TABLES[\s;]*$/i.test(sql)) {
      onColumns?.(["dataset", "name"].map((name) => ({ name, kind: "other" })));
      yield* showTables(settings, datasets);
      return;
    }
    const { type, request } = await findDefaultDataset(settings, sql, location, datasets);
    if (type !== "SELECT") {
      throw notReadOnly(
        type === "SCRIPT"
          ? "A query must be one statement, but this text contains several."
          : "A query must be read-only, but this statement is not.",
      );
    }
    let isFirst = true;
    for await (const { fields, rows } of runSelect(settings.connection, "query", request)) {
      if (isFirst) onColumns?.(fields.map(columnOf));
      isFirst = false;
      for (const cells of rows) yield rowOf(fields, cells);
    }
  } catch (error) {
    throw invalidQuery(error);
  }
}

/** The bytes that one read-only statement would process; nothing is billed for finding out. Error: QUERY_INVALID. */
export async function queryBytes(
  settings: Settings,
  sql: string,
  location: string,
  { datasets = [] }: QuerySettings,
): Promise<number> {
  try {
    return (await findDefaultDataset(settings, sql, location, datasets)).bytes;
  } catch (error) {
    throw invalidQuery(error);
  }
}

type QueryDataset = NonNullable<QuerySettings["datasets"]>[number];

interface DryRun {
  readonly type: string | undefined;
  readonly request: JobRequest;
  /** What it would process. */
  readonly bytes: number;
}

/** A dry run with the first default dataset that has the tables that the statement names without one. */
async function findDefaultDataset(
  settings: Settings,
  sql: string,
  location: string,
  datasets: readonly QueryDataset[],
): Promise<DryRun> {
  const [first, ...others] = datasets;
  try {
    return await dryRunQuery(settings, sql, location, first);
  } catch (error) {
    if (others.length === 0 || !isAbsentTable(error)) throw error;
    // Where none of them has the tables, the error of the first one says what is missing.
    return findDefaultDataset(settings, sql, location, others).catch(() => Promise.reject(error));
  }
}

function isAbsentTable(error: unknown): boolean {
  const apiError = apiErrorOf(error);
  return apiError?.status === 404 && /table|dataset/i.test(apiError.message);
}

/** The type of a statement, and the job that runs it in the location of its tables, which may not be that of new ones. */
async function dryRunQuery(
  settings: Settings,
  sql: string,
  location: string,
  dataset: QueryDataset | undefined,
  hasMoved = false,
): Promise<DryRun> {
  const statement = { sql, parameters: createParameters(), location, labels: { billhouse: "query" } };
  const request = { location, configuration: withDatasets(settings, queryConfiguration(settings, statement), dataset) };
  try {
    const job = await dryRunJob(settings.connection, request);
    const { statementType, totalBytesProcessed = "0" } = job.statistics?.query ?? {};
    return { type: statementType, request, bytes: Number(totalBytesProcessed) };
  } catch (error) {
    const place = /Dataset ([^\s:]+(?::[^\s:]+)?):(\w+) was not found in location/.exec(
      apiErrorOf(error)?.message ?? "",
    );
    const [, project = "", name = ""] = place ?? [];
    const other = place === null ? null : await findLocation(settings, project, name);
    if (other === null || other.toUpperCase() === location.toUpperCase()) throw error;
    if (hasMoved) throw severalLocations(location, other);
    return dryRunQuery(settings, sql, other, dataset, true);
  }
}

/**
 * Tables that a query names without a dataset are those of `dataset`, and datasets without a project those of the data
 * project, not of the job's project.
 */
function withDatasets({ connection }: Settings, configuration: object, dataset: QueryDataset | undefined): object {
  const { jobProject, project } = connection;
  const { query } = configuration as { query: object };
  return {
    ...configuration,
    query: {
      ...query,
      ...(dataset === undefined
        ? {}
        : { defaultDataset: { projectId: dataset.project ?? project, datasetId: dataset.dataset } }),
      ...(jobProject === project ? {} : { connectionProperties: [{ key: "dataset_project_id", value: project }] }),
    },
  };
}

/** The tables of the datasets, by name: listing them is free, a query of INFORMATION_SCHEMA is not. */
async function* showTables({ connection }: Settings, datasets: readonly QueryDataset[]): AsyncGenerator<QueryRow> {
  for (const { project, dataset } of datasets) {
    const tables = await listTables(connection, project ?? connection.project, dataset);
    for (const name of tables.map(({ tableId }) => tableId).toSorted()) yield { dataset, name };
  }
}

function severalLocations(...locations: readonly string[]): BillhouseError {
  return new BillhouseError("LOCATION_MISMATCH", `The query reads tables in ${locations.join(" and ")}.`, {
    hint: "A BigQuery query can read only one location. Split it into one query per location.",
  });
}

function notReadOnly(message: string): BillhouseError {
  return new BillhouseError("QUERY_INVALID", message, { hint: "Use one SELECT or WITH statement in GoogleSQL." });
}

function invalidQuery(error: unknown): unknown {
  const apiError = apiErrorOf(error);
  const isQueryError =
    apiError !== undefined &&
    (["invalidQuery", "invalid"].includes(apiError.reason) ||
      (apiError.status === 404 && /table|dataset/i.test(apiError.message)));
  if (!isQueryError) return error;
  return new BillhouseError("QUERY_INVALID", `BigQuery cannot run the statement: ${firstLine(apiError.message)}`, {
    hint: "Correct the statement: use GoogleSQL. SHOW TABLES lists the tables.",
    cause: error,
  });
}

function columnOf({ name, type, mode }: Field): QueryColumn {
  if (mode === "REPEATED") return { name, kind: "other" };
  if (["NUMERIC", "BIGNUMERIC"].includes(type)) return { name, kind: "decimal" };
  return { name, kind: ["INTEGER", "INT64", "FLOAT", "FLOAT64"].includes(type) ? "number" : "other" };
}

function rowOf(fields: readonly Field[], cells: readonly Cell[]): QueryRow {
  return Object.fromEntries(fields.map((field, index) => [field.name, jsonValue(field, cells[index]?.v)]));
}

/**
 * A value for JSON: decimals and 64-bit integers as text without an exponent or zeros at the end, times as ISO 8601 in
 * UTC, nested values as lists and objects.
 */
function jsonValue(field: Field, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (field.mode === "REPEATED") {
    const items = value as readonly Cell[];
    return items.map(({ v }) => jsonValue({ ...field, mode: "NULLABLE" }, v));
  }
  if (field.type === "RECORD" || field.type === "STRUCT") {
    return rowOf(field.fields ?? [], (value as { f: readonly Cell[] }).f);
  }
  const text = typeof value === "string" ? value : JSON.stringify(value);
  switch (field.type) {
    case "BOOLEAN":
    case "BOOL":
      return text === "true";
    case "FLOAT":
    case "FLOAT64": {
      const number = Number(text);
      return Number.isFinite(number) ? number : text;
    }
    case "NUMERIC":
    case "BIGNUMERIC": {
      const decimal = parseDecimal(text);
      return decimal === undefined ? text : formatDecimal(decimal);
    }
    case "TIMESTAMP":
      return isoTime(text);
    case "DATETIME":
      return `${trimmed(text)}Z`;
    default:
      return text;
  }
}

/** Microseconds since 1970, as text. */
function isoTime(microseconds: string): string {
  const moment = BigInt(microseconds);
  const fraction = ((moment % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const second = new Date(Number((moment - fraction) / 1000n)).toISOString().slice(0, 19);
  return `${trimmed(`${second}.${String(fraction).padStart(6, "0")}`)}Z`;
}

function trimmed(time: string): string {
  return time.includes(".") ? time.replace(/\.?0+$/, "") : time;
}
