import type { DuckDBConnection } from "@duckdb/node-api";

import type { Row } from "./answers.ts";
import { refusal, type Refusal } from "./failures.ts";
import { checkLabels } from "./table-settings.ts";
import { checkLoad, type LoadConfiguration } from "./load-configuration.ts";
import type { QueryParameter } from "./parameters.ts";

import { type Destination, runScript } from "./scripts.ts";
import { type Column, fieldSchema } from "./types.ts";

/** `configuration` of a job. */
export interface JobConfiguration {
  readonly load?: LoadConfiguration;
  readonly query?: {
    readonly query?: string;
    readonly useLegacySql?: boolean;
    readonly parameterMode?: string;
    readonly queryParameters?: readonly QueryParameter[];
    readonly maximumBytesBilled?: string;
    readonly destinationEncryptionConfiguration?: unknown;
    readonly defaultDataset?: { readonly projectId?: string; readonly datasetId?: string };
    readonly connectionProperties?: readonly { readonly key: string; readonly value: string }[];
    readonly destinationTable?: Destination;
    readonly createDisposition?: string;
    readonly writeDisposition?: string;
    readonly useQueryCache?: boolean;
    readonly priority?: string;
  };
  readonly labels?: Readonly<Record<string, string>>;
  readonly dryRun?: boolean;
}

/** A job. */
export interface Job {
  readonly project: string;
  readonly location: string;
  readonly id: string;
  readonly configuration: JobConfiguration;
  readonly creationTime: number;
  endTime: number | null;
  state: "PENDING" | "RUNNING" | "DONE";
  polls: number;
  failure: Refusal | null;
  cancelled: boolean;
  statistics: Record<string, unknown>;
  columns: readonly Column[] | null;
  rows: readonly Row[];
  affected: number | null;
  connection: DuckDBConnection | null;
  done: Promise<void>;
  cancel(): void;
}

/** Rows on a page, whatever a request asks for. */
export const pageSize = 3;

const queryKeys = new Set(
  "query useLegacySql parameterMode queryParameters maximumBytesBilled destinationEncryptionConfiguration defaultDataset connectionProperties destinationTable createDisposition writeDisposition useQueryCache priority".split(
    " ",
  ),
);

/** The token of the page that starts at an offset. */
export function pageToken(start: number): string {
  return Buffer.from(`page ${start}`).toString("base64url");
}

/** Where the page of a token starts. Error: invalid for an unknown token. */
export function pageStart(token: string | undefined): number {
  if (token === undefined || token === "") return 0;
  const [, start] = /^page (\d+)$/u.exec(Buffer.from(token, "base64url").toString()) ?? [];
  if (start === undefined) throw refusal("invalid", "Invalid page token");
  return Number(start);
}

/** Refuses a job that BigQuery, or this server, does not take. Errors: invalid, notImplemented. */
export function checkConfiguration(configuration: JobConfiguration): void {
  const { load, query, labels } = configuration;
  const unknown = Object.keys(configuration).filter((key) => !["load", "query", "labels", "dryRun"].includes(key));
  if (unknown.length > 0)
    throw refusal("notImplemented", `This server takes no jobs with configuration.${unknown.join(", ")}`);
  if ((load === undefined) === (query === undefined))
    throw refusal("invalid", "Required parameter is missing: load or query");
  checkLabels(Object.entries(labels ?? {}));
  if (load !== undefined) return checkLoad(load);
  for (const key of Object.keys(query ?? {})) {
    if (!queryKeys.has(key)) throw refusal("notImplemented", `This server takes no query job with ${key}`);
  }
  // Documented: reference/rest/v2/Job; the older dialect unless the request says otherwise.
  if (query?.useLegacySql !== false)
    throw refusal("notImplemented", "This server speaks GoogleSQL only: useLegacySql must be false");
  if (typeof query.query !== "string") throw refusal("invalid", "Required parameter is missing: query");
  const { destinationTable, createDisposition = "CREATE_IF_NEEDED", writeDisposition } = query;
  if (
    createDisposition !== "CREATE_IF_NEEDED" ||
    (destinationTable !== undefined && writeDisposition !== "WRITE_TRUNCATE")
  )
    throw refusal("notImplemented", "This server takes CREATE_IF_NEEDED and WRITE_TRUNCATE for the table of an answer");
  // Documented: quotas#query_jobs.
  if (query.query.length > 1024 * 1024) {
    throw refusal(
      "invalid",
      "The query is too large. The maximum standard SQL query length is 1024.00K characters, including comments and white space characters.",
    );
  }
  if ((query.queryParameters ?? []).length > 10_000)
    throw refusal("invalid", "Too many query parameters: 10000 are allowed");
  return undefined;
}

/** `statistics` of a query job. */
export function queryStatistics(outcome: Awaited<ReturnType<typeof runScript>>): Record<string, unknown> {
  const processed = String(outcome.bytes);
  const { statementType, affected, statements } = outcome;
  return {
    totalBytesProcessed: processed,
    ...(statements > 1 && { numChildJobs: String(statements) }),
    query: {
      statementType,
      totalBytesProcessed: processed,
      totalBytesBilled: String(outcome.billed),
      cacheHit: false,
      ...(outcome.columns !== null && { schema: { fields: outcome.columns.map(fieldSchema) } }),
      ...(affected !== null && { numDmlAffectedRows: String(affected) }),
    },
  };
}

/** A job as REST returns it. */
export function jobResource(job: Job): unknown {
  const { project, id, location, failure } = job;
  const errorOf = ({ reason, message, location: where }: Refusal): unknown => ({
    reason,
    message,
    ...(where && { location: where }),
  });
  const isDone = job.state === "DONE";
  const details = (failure?.details ?? []).map((detail) => ({ ...detail }));
  const errors =
    failure === null || !isDone ? {} : { errorResult: errorOf(failure), errors: [errorOf(failure), ...details] };
  return {
    kind: "bigquery#job",
    id: `${project}:${location}.${id}`,
    jobReference: { projectId: project, jobId: id, location },
    configuration: { ...job.configuration, jobType: job.configuration.load === undefined ? "QUERY" : "LOAD" },
    status: { state: job.state, ...errors },
    statistics: {
      creationTime: String(job.creationTime),
      startTime: String(job.creationTime),
      ...(isDone && { endTime: String(job.endTime ?? job.creationTime), ...job.statistics }),
    },
  };
}

/** The identity of a job (documented: reference/rest/v2/JobReference). */
export function keyOf(project: string, location: string, id: string): string {
  return `${project}:${location.toUpperCase()}.${id}`;
}

/** What a job says that was cancelled. */
export function stopped(): Error {
  return refusal("stopped", "Job execution was cancelled: User requested cancellation");
}
