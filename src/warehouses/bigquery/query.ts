import { BillhouseError, firstLine } from "../../errors.ts";
import { formatDecimal, parseDecimal } from "../../schema/decimals.ts";
import type { QueryRow } from "../warehouse.ts";
import { apiErrorOf } from "./api/api-error.ts";
import type { Connection, Settings } from "./api/client.ts";
import {
  type Cell,
  createParameters,
  dryRunJob,
  type JobRequest,
  queryConfiguration,
  resultRows,
  runNewJob,
} from "./api/jobs.ts";
import { type Field, findLocation } from "./api/tables.ts";

/** Runs one read-only statement, and streams its rows. Error: QUERY_INVALID. */
export async function* runQuery(
  settings: Settings,
  sql: string,
  location: string,
  project: string,
): AsyncGenerator<QueryRow> {
  try {
    if (sql.trim() === "") throw notReadOnly("A query must be one statement, but this text does not contain one.");
    const { type, request } = await dryRunQuery(settings, sql, location, project);
    if (type !== "SELECT") {
      throw notReadOnly(
        type === "SCRIPT"
          ? "A query must be one statement, but this text contains several."
          : "A query must be read-only, but this statement is not.",
      );
    }
    const job = await runNewJob(settings.connection, "query", request);
    for await (const { fields, cells } of resultRows(settings.connection, job)) yield rowOf(fields, cells);
  } catch (error) {
    throw invalidQuery(error);
  }
}

/** The type of a statement, and the job that runs it in the location of its tables, which may not be that of new ones. */
async function dryRunQuery(
  settings: Settings,
  sql: string,
  location: string,
  project: string,
  hasMoved = false,
): Promise<{ readonly type: string | undefined; readonly request: JobRequest }> {
  const statement = { sql, parameters: createParameters(), location, labels: { billhouse: "query" } };
  const configuration = withDataProject(queryConfiguration(settings, statement), settings.connection, project);
  const request = { location, configuration };
  try {
    const job = await dryRunJob(settings.connection, request);
    return { type: job.statistics?.query?.statementType, request };
  } catch (error) {
    const place = /Dataset ([^\s:]+(?::[^\s:]+)?):(\w+) was not found in location/.exec(
      apiErrorOf(error)?.message ?? "",
    );
    const [, datasetProject = "", dataset = ""] = place ?? [];
    const other = place === null ? null : await findLocation(settings, datasetProject, dataset);
    if (other === null || other.toUpperCase() === location.toUpperCase()) throw error;
    if (hasMoved) throw severalLocations(location, other);
    return dryRunQuery(settings, sql, other, project, true);
  }
}

/** Datasets that a query names without a project are those of the data project, not of the job's project. */
function withDataProject(configuration: object, { jobProject }: Connection, project: string): object {
  if (jobProject === project) return configuration;
  const { query } = configuration as { query: object };
  const connectionProperties = [{ key: "dataset_project_id", value: project }];
  return { ...configuration, query: { ...query, connectionProperties } };
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
    hint: "Correct the statement: use GoogleSQL, and name tables as dataset.table.",
    cause: error,
  });
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
