import { randomUUID } from "node:crypto";
import { apiErrorOf, apiErrorOfJob, apiFailure, type ErrorProto, isTransient } from "./api-error.ts";
import type { Call, Connection, Settings } from "./client.ts";
import type { Field, TableReference } from "./tables.ts";

/** A job, as the REST API describes it. */
export interface Job {
  readonly jobReference: { readonly projectId: string; readonly jobId: string; readonly location?: string };
  readonly status?: {
    readonly state?: string;
    readonly errorResult?: ErrorProto;
    readonly errors?: readonly ErrorProto[];
  };
  readonly statistics?: {
    readonly load?: { readonly outputRows?: string; readonly badRecords?: string };
    readonly query?: { readonly statementType?: string; readonly totalBytesProcessed?: string };
  };
}

/** A job to run. */
export interface JobRequest {
  readonly location: string;
  readonly configuration: object;
  /** Called as soon as BigQuery has accepted the job. */
  readonly onInserted?: () => void;
  /** Called with the first rows of a query that ends soon: asking for them waits for its end and shows that it succeeded. */
  readonly onFirstPage?: (page: ResultPage) => void;
}

/** A finished job, and whether this call submitted it. */
export interface FoundJob {
  readonly job: Job;
  readonly isOwn: boolean;
}

const retries = 6;

/** How long the first rows of a query are waited for, in milliseconds: a run that is stopped waits as long. */
const firstWait = 2000;

/**
 * Runs a job at most once: attempts with one `prefix` are numbered, a job of an earlier process is awaited, and one
 * that failed is followed by the next attempt. `accept` checks whether the result of an earlier job still exists.
 * Throws API errors; INTERRUPTED when the connection is closed, which cancels the job.
 */
export async function runJob(
  connection: Connection,
  prefix: string,
  request: JobRequest,
  accept: (job: Job) => Promise<boolean> = async () => true,
): Promise<Job> {
  let failures = 0;
  for (let attempt = 0; ; attempt += 1) {
    const { job, isOwn } = await finishJob(connection, `${prefix}_${attempt}`, request);
    const apiError = apiErrorOfJob(job.status ?? {});
    if (apiError === undefined) {
      if (await accept(job)) return job;
      if (isOwn) failures += 1;
      if (failures > retries)
        throw new Error(`The result of the job ${job.jobReference.jobId} was deleted repeatedly.`);
    } else if (isOwn) {
      failures += 1;
      if (!isTransient(apiError) || failures > retries) throw apiFailure(apiError);
      await connection.backOff(failures);
    }
  }
}

/** Runs a job that later processes do not resume, such as a query. */
export async function runNewJob(connection: Connection, purpose: string, request: JobRequest): Promise<Job> {
  return runJob(connection, `billhouse_${purpose}_${randomUUID()}`, request);
}

/** Submits a job, or finds the one with this id, and waits until it has succeeded or failed. */
export async function finishJob(connection: Connection, jobId: string, request: JobRequest): Promise<FoundJob> {
  const { location, configuration } = request;
  const jobReference = { projectId: connection.jobProject, jobId, location };
  let job: Job | undefined;
  try {
    const body = { jobReference, configuration };
    job = await connection.call<Job>({ method: "POST", project: connection.jobProject, path: "jobs", body });
    request.onInserted?.();
    if (request.onFirstPage !== undefined) {
      // What is wrong with the job is in the job itself.
      const page = await connection.callOnce<ResultPage>(pageCall(job, firstWait)).catch(() => null);
      if (page?.jobComplete === true) {
        request.onFirstPage(page);
        return { job, isOwn: true };
      }
    }
  } catch (error) {
    if (apiErrorOf(error)?.status !== 409) throw error;
  }
  const isOwn = job !== undefined;
  let wait = connection.pollInterval;
  for (let misses = 0; job?.status?.state !== "DONE";) {
    try {
      if (job !== undefined) await connection.sleep(wait);
      wait = Math.min(wait * 1.5, connection.pollInterval * 60);
      job = await getJob(connection, jobId, location);
    } catch (error) {
      if (connection.closing.aborted) await cancelJob(connection, jobId, location);
      misses += 1;
      // A job inserted a moment ago may not be visible everywhere yet.
      if (apiErrorOf(error)?.status !== 404 || misses > 3) throw error;
      await connection.backOff(misses);
    }
  }
  return { job, isOwn };
}

/** Whether BigQuery accepts a statement, and its type; the statement is not run. */
export async function dryRunJob(connection: Connection, request: JobRequest): Promise<Job> {
  const body = {
    jobReference: { projectId: connection.jobProject, location: request.location },
    configuration: { ...request.configuration, dryRun: true },
  };
  return connection.call<Job>({ method: "POST", project: connection.jobProject, path: "jobs", body });
}

async function getJob(connection: Connection, jobId: string, location: string): Promise<Job> {
  const path = `jobs/${jobId}`;
  return connection.call<Job>({ method: "GET", project: connection.jobProject, path, query: { location } });
}

async function cancelJob(connection: Connection, jobId: string, location: string): Promise<void> {
  const call = { method: "POST", project: connection.jobProject, path: `jobs/${jobId}/cancel`, query: { location } };
  // The process is ending: a job that cannot be cancelled ends later, and the next run finds it.
  await connection.callOnce({ ...call, method: "POST" }).catch(() => undefined);
}

/** A query parameter, as the REST API writes it. */
export interface QueryParameter {
  readonly name: string;
  readonly parameterType: { readonly type: string; readonly arrayType?: { readonly type: string } };
  readonly parameterValue: {
    readonly value?: string | null;
    readonly arrayValues?: readonly { readonly value: string }[];
  };
}

/** Collects the values of a statement: external text is never part of the statement itself. */
export interface Parameters {
  readonly list: readonly QueryParameter[];
  /** Adds a text or NULL, and returns its name in the statement. */
  text(value: string | null): string;
  /** Adds a list of texts. */
  texts(values: readonly string[]): string;
  /** Adds an integer. */
  integer(value: number): string;
}

/** Creates an empty collection. */
export function createParameters(): Parameters {
  const list: QueryParameter[] = [];
  const add = (parameter: Omit<QueryParameter, "name">): string => {
    const name = `p${list.length}`;
    list.push({ name, ...parameter });
    return `@${name}`;
  };
  return {
    list,
    text: (value) => add({ parameterType: { type: "STRING" }, parameterValue: { value } }),
    texts: (values) =>
      add({
        parameterType: { type: "ARRAY", arrayType: { type: "STRING" } },
        parameterValue: { arrayValues: values.map((value) => ({ value })) },
      }),
    integer: (value) => add({ parameterType: { type: "INT64" }, parameterValue: { value: String(value) } }),
  };
}

/** A statement to run. */
export interface Statement {
  readonly sql: string;
  readonly parameters: Parameters;
  readonly location: string;
  /** Labels of the job: `billhouse` is the purpose. */
  readonly labels: Readonly<Record<string, string>> & { readonly billhouse: string };
  /** The table whose rows the SELECT replaces; it is created if it does not exist. */
  readonly destination?: TableReference;
}

/**
 * The configuration of the job that runs a statement. Only the target table of a SELECT may have a key here: BigQuery
 * refuses one for scripts, DDL and DML. https://cloud.google.com/bigquery/docs/customer-managed-encryption#script-limitations
 */
export function queryConfiguration(settings: Settings, { sql, parameters, labels, destination }: Statement): object {
  const { maximumBytesBilled } = settings;
  return {
    labels: jobLabels(labels),
    query: {
      query: sql,
      useLegacySql: false,
      ...(parameters.list.length === 0 ? {} : { parameterMode: "NAMED", queryParameters: parameters.list }),
      ...(maximumBytesBilled === null ? {} : { maximumBytesBilled }),
      ...(destination === undefined ? {} : destinationOf(settings, destination)),
    },
  };
}

function destinationOf({ kmsKeyName }: Settings, destinationTable: TableReference): object {
  return {
    destinationTable,
    createDisposition: "CREATE_IF_NEEDED",
    writeDisposition: "WRITE_TRUNCATE",
    ...(kmsKeyName === null ? {} : { destinationEncryptionConfiguration: { kmsKeyName } }),
  };
}

/** Runs a statement or a script without reading a result. */
export async function runStatement(settings: Settings, statement: Statement): Promise<Job> {
  const { labels, location } = statement;
  const request = { location, configuration: queryConfiguration(settings, statement) };
  return runNewJob(settings.connection, labels.billhouse, request);
}

/** A row of a result: text, or null. */
export type TextRow = Readonly<Record<string, string | null>>;

/** Runs a query whose rows are `part`, and `row` as JSON of texts; returns the rows of each part. */
export async function selectParts(
  settings: Settings,
  statement: Statement,
): Promise<ReadonlyMap<string, readonly TextRow[]>> {
  const parts = new Map<string, TextRow[]>();
  const request = { location: statement.location, configuration: queryConfiguration(settings, statement) };
  for await (const page of runSelect(settings.connection, statement.labels.billhouse, request)) {
    for (const [part, row] of page.rows) {
      const rows = parts.get(String(part?.v)) ?? [];
      rows.push(JSON.parse(String(row?.v)) as TextRow);
      parts.set(String(part?.v), rows);
    }
  }
  return parts;
}

/** One SELECT of such a query: columns by name, as SQL. */
export function part(name: string, columns: Readonly<Record<string, string>>, from: string): string {
  const cells = Object.entries(columns).map(([column, sql]) => `CAST(${sql} AS STRING) AS \`${column}\``);
  return `SELECT '${name}' AS part, TO_JSON_STRING(STRUCT(${cells.join(", ")})) AS row FROM ${from}`;
}

/** A cell as the REST API writes it: text, or cells in cells. */
export interface Cell {
  readonly v: unknown;
}

/** Rows of an answer, and what its columns are. */
export interface ResultRows {
  readonly fields: readonly Field[];
  readonly rows: readonly (readonly Cell[])[];
}

interface ResultPage {
  readonly jobComplete?: boolean;
  readonly schema?: { readonly fields?: readonly Field[] };
  readonly rows?: readonly { readonly f: readonly Cell[] }[];
  readonly pageToken?: string;
}

/** Runs a query, and returns its rows page by page; an answer without rows has one page too. */
export async function* runSelect(
  connection: Connection,
  purpose: string,
  request: JobRequest,
): AsyncGenerator<ResultRows> {
  let page: ResultPage | undefined;
  const job = await runNewJob(connection, purpose, { ...request, onFirstPage: (first) => (page = first) });
  for (let pageToken: string | undefined; ;) {
    page ??= await connection.call<ResultPage>(pageCall(job, 10_000, pageToken));
    if (page.jobComplete !== false) {
      yield { fields: page.schema?.fields ?? [], rows: (page.rows ?? []).map(({ f }) => f) };
      pageToken = page.pageToken;
      if (pageToken === undefined || pageToken === "") return;
    }
    page = undefined;
  }
}

/** Asks for rows of a query. BigQuery answers when it has ended, and after `wait` milliseconds at the latest. */
function pageCall({ jobReference }: Job, wait: number, pageToken?: string): Call {
  const { projectId, jobId, location = "" } = jobReference;
  const query = {
    location,
    timeoutMs: String(wait),
    "formatOptions.useInt64Timestamp": "true",
    ...(pageToken === undefined ? {} : { pageToken }),
  };
  return { method: "GET", project: projectId, path: `queries/${jobId}`, query };
}

/** Labels of a job: lower case, and only the characters that BigQuery allows. */
export function jobLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(labels).map(([key, value]) => [
      key,
      value
        .toLowerCase()
        .replaceAll(/[^a-z0-9_-]/g, "_")
        .slice(0, 63),
    ]),
  );
}
