import { randomUUID } from "node:crypto";

import { floatTimestamps } from "./answers.ts";
import type { Catalog } from "./catalog.ts";
import type { Engine } from "./engine.ts";
import { refusal, refusalOf } from "./failures.ts";
import { faultError, type FaultKind } from "./faults.ts";
import {
  checkConfiguration,
  type Job,
  type JobConfiguration,
  jobResource,
  keyOf,
  pageSize,
  pageStart,
  pageToken,
  queryStatistics,
  stopped,
} from "./job-resources.ts";
import type { ReadObject } from "./load-configuration.ts";
import { runLoad } from "./load.ts";
import { parameterValues } from "./parameters.ts";
import type { Permissions } from "./permissions.ts";
import { recorded } from "./record.ts";
import { runScript, type ScriptOptions } from "./scripts.ts";
import type { Sequence } from "./transactions.ts";
import { fieldSchema } from "./types.ts";

/** What jobs are run with. */
export interface JobsOptions {
  readonly engine: Engine;
  readonly catalog: Catalog;
  readonly readObject: ReadObject;
  replacesInvalidText(): boolean;
  readonly permissions: Permissions;
  readonly clock: () => number;
  readonly counts: { loads: number; queries: number; jobs: number };
  readonly sequence: Sequence;
  /** Called before each statement of a query job. */
  onStatement(sql: string, jobId: string): Promise<void>;
  /** Called with jobs that failed because this server does not support their request. */
  onUnknown(job: Job): void;
}

/** The jobs of a server. */
export interface Jobs {
  readonly all: ReadonlyMap<string, Job>;
  /** Starts a job, or answers a dry run. */
  insert(
    project: string,
    body: unknown,
    fault?: { readonly kind: FaultKind; readonly released: Promise<void> },
  ): Promise<unknown>;
  get(project: string, id: string, location: string | undefined): unknown;
  cancel(project: string, id: string, location: string | undefined): unknown;
  results(project: string, id: string, query: Readonly<Record<string, string>>): Promise<unknown>;
}

/** No jobs yet. */
export function createJobs(options: JobsOptions): Jobs {
  const jobs = new Map<string, Job>();
  const { catalog, engine, permissions, counts, clock, sequence } = options;

  function find(project: string, id: string, location: string | undefined): Job {
    // Documented: reference/rest/v2/jobs/get; the location is needed outside of US and EU. That it is needed always, and
    // compared without case, is assumed.
    const job = jobs.get(keyOf(project, location ?? "", id));
    if (job === undefined) throw refusal("notFound", `Not found: Job ${project}:${id}`);
    return job;
  }

  async function work(job: Job): Promise<void> {
    const { load } = job.configuration;
    if (load !== undefined) {
      const permit = ({ project, dataset, name }: { project: string; dataset: string; name: string }): void => {
        permissions.table("bigquery.tables.updateData", `${project}:${dataset}.${name}`);
        // documented: docs/batch-loading-data#required_permissions
        const isThere = catalog.dataset(project, dataset, job.location).tables.has(name);
        if (!isThere) permissions.dataset("bigquery.tables.create", `${project}:${dataset}`);
        permissions.files(load.sourceUris?.[0] ?? "");
      };
      const { project, location } = job;
      job.statistics["load"] = await runLoad({
        engine,
        catalog,
        project,
        location,
        load,
        readObject: options.readObject,
        replacesInvalidText: options.replacesInvalidText(),
        permit,
      });
      return;
    }
    const outcome = await recorded(scriptOptions(job, false), (script) => runScript(script, sequence));
    Object.assign(job, { columns: outcome.columns, rows: outcome.rows, affected: outcome.affected });
    Object.assign(job.statistics, queryStatistics(outcome));
  }

  function scriptOptions(job: Job, dryRun: boolean): ScriptOptions {
    const { query = {} } = job.configuration;
    const { project, location } = job;
    // documented: reference/rest/v2/ConnectionProperty
    const dataProject = query.connectionProperties?.find(({ key }) => key === "dataset_project_id")?.value;
    return {
      engine,
      catalog,
      project,
      location,
      dryRun,
      sql: query.query ?? "",
      parameters: parameterValues(query),
      ...(query.defaultDataset !== undefined && { defaultDataset: query.defaultDataset }),
      ...(dataProject !== undefined && { dataProject }),
      ...(query.destinationTable !== undefined && { destination: query.destinationTable }),
      clock,
      encryptionConfiguration: query.destinationEncryptionConfiguration,
      ...(query.maximumBytesBilled !== undefined && { maximumBytesBilled: Number(query.maximumBytesBilled) }),
      permit: (table, what) =>
        permissions.table(
          what === "read" ? "bigquery.tables.getData" : "bigquery.tables.updateData",
          `${table.dataset.project}:${table.dataset.name}.${table.name}`,
        ),
      permitDml: () => permissions.dml(),
      async beforeStatement(sql) {
        if (!dryRun) await options.onStatement(sql, job.id);
        if (job.cancelled) throw stopped();
      },
      running(connection) {
        job.connection = connection;
      },
    };
  }

  async function run(
    job: Job,
    fault: { readonly kind: FaultKind; readonly released: Promise<void> } | undefined,
    cancelling: Promise<void>,
  ): Promise<void> {
    // Behind the answer to jobs.insert.
    await new Promise((resolve) => setImmediate(resolve));
    job.state = "RUNNING";
    try {
      if (fault?.kind === "stay-running") await Promise.race([fault.released, cancelling]);
      else if (fault !== undefined && fault.kind !== "fail-afterwards") throw faultError(fault.kind);
      if (job.cancelled) throw stopped();
      await catalog.sweep();
      await work(job);
      if (fault?.kind === "fail-afterwards") throw faultError(fault.kind);
    } catch (error) {
      job.failure = job.cancelled ? refusalOf(stopped()) : refusalOf(error);
      if (/this server|Function not found/iu.test(job.failure.message)) options.onUnknown(job);
    }
    job.connection = null;
    job.endTime = clock();
    job.state = "DONE";
  }

  return {
    all: jobs,

    async insert(project, body, fault) {
      const { jobReference = {}, configuration = {} } = body as {
        jobReference?: { projectId?: string; jobId?: string; location?: string };
        configuration?: JobConfiguration;
      };
      permissions.project("bigquery.jobs.create", project);
      const { location } = jobReference;
      const id = jobReference.jobId ?? `job_${randomUUID()}`;
      if (location === undefined || location === "")
        throw refusal("invalid", "This server wants every job with its location");
      // Documented: reference/rest/v2/JobReference.
      if (!/^[A-Za-z0-9_-]{1,1024}$/u.test(id))
        throw refusal(
          "invalid",
          `Invalid job ID "${id}". Job IDs must be alphanumeric (plus underscores and dashes) and must be at most 1024 characters long.`,
        );
      checkConfiguration(configuration);
      let cancel: () => void = () => undefined;
      const cancelling = new Promise<void>((resolve) => (cancel = resolve));
      const job: Job = {
        project,
        location,
        id,
        configuration,
        creationTime: clock(),
        endTime: null,
        state: "PENDING",
        polls: 0,
        failure: null,
        cancelled: false,
        statistics: {},
        columns: null,
        rows: [],
        affected: null,
        connection: null,
        done: Promise.resolve(),
        cancel,
      };
      if (configuration.dryRun === true) {
        const outcome = await recorded(scriptOptions(job, true), (script) => runScript(script, sequence));
        job.state = "DONE";
        Object.assign(job.statistics, queryStatistics(outcome));
        return jobResource(job);
      }
      const key = keyOf(project, location, id);
      // Documented: reference/rest/v2/jobs/insert; a job that failed keeps its id.
      if (jobs.has(key)) throw refusal("duplicate", `Already Exists: Job ${project}:${location}.${id}`);
      jobs.set(key, job);
      counts.jobs++;
      if (configuration.load === undefined) counts.queries++;
      else counts.loads++;
      job.done = run(job, fault, cancelling);
      return jobResource(job);
    },

    get(project, id, location) {
      const job = find(project, id, location);
      // The first look never sees the end, however quick the job was.
      if (job.polls++ === 0) return jobResource({ ...job, state: "RUNNING", failure: null });
      return jobResource(job);
    },

    cancel(project, id, location) {
      const job = find(project, id, location);
      if (job.state !== "DONE") {
        job.cancelled = true;
        job.cancel();
        job.connection?.interrupt();
      }
      return { kind: "bigquery#jobCancelResponse", job: jobResource(job) };
    },

    async results(project, id, query) {
      const job = find(project, id, query["location"]);
      const wait = Math.min(Number(query["timeoutMs"] ?? 10_000), 10_000);
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([job.done, new Promise((resolve) => (timer = setTimeout(resolve, wait)))]);
      clearTimeout(timer);
      const jobReference = { projectId: project, jobId: id, location: job.location };
      if (job.state !== "DONE") return { kind: "bigquery#getQueryResultsResponse", jobReference, jobComplete: false };
      if (job.failure !== null) throw refusal(job.failure.reason, job.failure.message, job.failure);
      if (job.configuration.query === undefined)
        throw refusal("invalid", `Cannot list the rows of a job that is not a query: ${id}`);
      const start = pageStart(query["pageToken"]);
      const limit = query["maxResults"] === "0" ? 0 : pageSize;
      const columns = job.columns ?? [];
      const page = job.rows.slice(start, start + limit);
      const isMore = limit > 0 && start + limit < job.rows.length;
      return {
        kind: "bigquery#getQueryResultsResponse",
        jobReference,
        jobComplete: true,
        cacheHit: false,
        totalBytesProcessed: job.statistics["totalBytesProcessed"],
        ...(job.columns !== null && {
          schema: { fields: columns.map(fieldSchema) },
          totalRows: String(job.rows.length),
        }),
        ...(page.length > 0 && {
          rows: query["formatOptions.useInt64Timestamp"] === "true" ? page : floatTimestamps(page, columns),
        }),
        ...(isMore && { pageToken: pageToken(start + limit) }),
        ...(job.affected !== null && { numDmlAffectedRows: String(job.affected) }),
      };
    },
  };
}
