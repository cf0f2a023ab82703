import { randomUUID } from "node:crypto";
import { type ErrorProto, isPassing, refusalOf, refusalOfJob, refusedError } from "./api-error.ts";
import type { Connection } from "./rest.ts";

/** A job, as the REST API tells of it. */
export interface Job {
  readonly jobReference: { readonly projectId: string; readonly jobId: string; readonly location?: string };
  readonly status?: {
    readonly state?: string;
    readonly errorResult?: ErrorProto;
    readonly errors?: readonly ErrorProto[];
  };
  readonly statistics?: {
    readonly load?: { readonly outputRows?: string; readonly badRecords?: string };
    readonly query?: { readonly statementType?: string };
  };
}

/** A job to run. */
export interface JobRequest {
  readonly location: string;
  readonly configuration: object;
  /** Told as soon as BigQuery has the job. */
  readonly onInserted?: () => void;
}

/** A job that is done, and whether this call, and not an earlier one, gave it to BigQuery. */
export interface FoundJob {
  readonly job: Job;
  readonly isOwn: boolean;
}

const retries = 6;

/**
 * Runs a job at most once: the attempts of one `prefix` are counted, a job of an earlier process is waited for, and one
 * that failed is followed by the next attempt. `accept` tells whether what an earlier job made is still there.
 * Errors carry a refusal; INTERRUPTED when the connection is closed, which stops the job.
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
    const refusal = refusalOfJob(job.status ?? {});
    if (refusal === undefined) {
      if (await accept(job)) return job;
      if (isOwn) failures += 1;
      if (failures > retries) throw new Error(`What the job ${job.jobReference.jobId} made is gone again and again.`);
    } else if (isOwn) {
      failures += 1;
      if (!isPassing(refusal) || failures > retries) throw refusedError(refusal);
      await backOff(connection, failures);
    }
  }
}

/** Runs a job that nobody has to find again, as a question. */
export async function runNewJob(connection: Connection, purpose: string, request: JobRequest): Promise<Job> {
  return runJob(connection, `billhouse_${purpose}_${randomUUID()}`, request);
}

/** Waits before the next of several attempts, counted from 1. Error: INTERRUPTED. */
export async function backOff(connection: Connection, attempt: number): Promise<void> {
  await connection.sleep(20 * connection.pollInterval * 2 ** Math.min(attempt - 1, 5) * (0.5 + Math.random() / 2));
}

/** Gives BigQuery a job, or finds the one that has this id, and waits until it is done, well or not. */
export async function finishJob(connection: Connection, jobId: string, request: JobRequest): Promise<FoundJob> {
  const { location, configuration } = request;
  const jobReference = { projectId: connection.jobProject, jobId, location };
  let job: Job | undefined;
  try {
    const body = { jobReference, configuration };
    job = await connection.call<Job>({ method: "POST", project: connection.jobProject, path: "jobs", body });
    request.onInserted?.();
  } catch (error) {
    if (refusalOf(error)?.status !== 409) throw error;
  }
  const isOwn = job !== undefined;
  let wait = connection.pollInterval;
  for (let misses = 0; job?.status?.state !== "DONE";) {
    try {
      if (job !== undefined) await connection.sleep(wait);
      wait = Math.min(wait * 1.5, connection.pollInterval * 60);
      job = await lookAtJob(connection, jobId, location);
    } catch (error) {
      if (connection.closing.aborted) await cancelJob(connection, jobId, location);
      misses += 1;
      // What was inserted a moment ago need not be known everywhere yet.
      if (refusalOf(error)?.status !== 404 || misses > 3) throw error;
      await backOff(connection, misses);
    }
  }
  return { job, isOwn };
}

/** Whether BigQuery accepts a statement, and of what kind it is; nothing is run. */
export async function tryJob(connection: Connection, request: JobRequest): Promise<Job> {
  const body = {
    jobReference: { projectId: connection.jobProject, location: request.location },
    configuration: { ...request.configuration, dryRun: true },
  };
  return connection.call<Job>({ method: "POST", project: connection.jobProject, path: "jobs", body });
}

async function lookAtJob(connection: Connection, jobId: string, location: string): Promise<Job> {
  const path = `jobs/${jobId}`;
  return connection.call<Job>({ method: "GET", project: connection.jobProject, path, query: { location } });
}

async function cancelJob(connection: Connection, jobId: string, location: string): Promise<void> {
  const call = { method: "POST", project: connection.jobProject, path: `jobs/${jobId}/cancel`, query: { location } };
  // The process is on its way out: what cannot be stopped ends by itself, and the next run finds it.
  await connection.callOnce({ ...call, method: "POST" }).catch(() => undefined);
}

/** Labels of a job: lower case, and of the characters that BigQuery takes. */
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
