import { setTimeout as sleep } from "node:timers/promises";
import type { BigQuery } from "@google-cloud/bigquery";
import { interrupted } from "../../../errors.ts";
import { authenticate, type ConnectionOptions, createClient, findJobProject, identityOf, silence } from "./client.ts";
import { isPassing, refusalOf, refusalOfAnswer, refusedError } from "./api-error.ts";

/** One call of the REST API. */
export interface Call {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly project: string;
  /** Below the project: `datasets/billing/tables`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** An open connection. */
export interface Connection {
  readonly project: string;
  readonly jobProject: string;
  readonly pollInterval: number;
  /** Aborted when the connection is closed. */
  readonly closing: AbortSignal;
  /** The account whose permissions count. Errors: CREDENTIALS_INVALID, or a refusal. */
  identity(): Promise<string>;
  /** The answer to a call, which is made again while it fails in a way that passes. Errors carry a refusal. */
  call<T>(call: Call): Promise<T>;
  /** As `call`, also when the connection is closing already: to stop a job. One attempt. */
  callOnce<T>(call: Call): Promise<T>;
  /** Milliseconds by which BigQuery's clock was ahead of this machine's at its last answer; null before there was one. */
  skew(): number | null;
  /** Error: INTERRUPTED when the connection is closed meanwhile. */
  sleep(milliseconds: number): Promise<void>;
  /** Error: INTERRUPTED when the connection is closing. */
  throwIfClosing(): void;
  close(): void;
}

const attempts = 7;
const answerTime = 90_000;

/** Opens a connection; BigQuery is asked nothing yet. Errors: CREDENTIALS_INVALID, CONFIG_INVALID. */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  const client = await createClient(options);
  const jobProject = await findJobProject(client, options);
  const pollInterval = options.pollInterval ?? 50;
  const abort = new AbortController();
  let skew: number | null = null;

  function throwIfClosing(): void {
    if (abort.signal.aborted) throw interrupted("The work on BigQuery was stopped before it was done.");
  }

  async function pause(milliseconds: number): Promise<void> {
    try {
      await sleep(milliseconds, undefined, { signal: abort.signal });
    } catch {
      throw interrupted("The work on BigQuery was stopped before it was done.");
    }
  }

  async function callOnce<T>(call: Call): Promise<T> {
    if (client.needsToken) await authenticate(client.service);
    return send<T>(client.service, call, (date) => {
      skew = date - Date.now();
    });
  }

  return {
    project: options.projectId ?? jobProject,
    jobProject,
    pollInterval,
    closing: abort.signal,
    throwIfClosing,
    sleep: pause,
    skew: () => skew,
    identity: () => identityOf(client),
    callOnce,
    async call(call) {
      for (let attempt = 1; ; attempt += 1) {
        throwIfClosing();
        try {
          return await callOnce(call);
        } catch (error) {
          const refusal = refusalOf(error);
          if (refusal === undefined || !isPassing(refusal) || attempt === attempts) throw error;
          await pause(20 * pollInterval * 2 ** (attempt - 1) * (0.5 + Math.random() / 2));
        }
      }
    },
    close: () => abort.abort(),
  };
}

async function send<T>(
  service: BigQuery,
  { method, project, path, query, body }: Call,
  onDate: (date: number) => void,
): Promise<T> {
  const end = new AbortController();
  const request = {
    method,
    uri: `/${path}`,
    projectId: project,
    ...(query === undefined ? {} : { qs: { ...query } }),
    // As text: in an object the SDK would replace {{projectId}}, which may stand in the name of a column.
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
  };
  const answer = new Promise<T>((resolve, reject) => {
    service.request(request, (error, found: T, response) => {
      const date = Date.parse(String(response?.headers?.["date"]));
      if (!Number.isNaN(date)) onDate(date);
      // oxlint-disable-next-line typescript/strict-boolean-expressions -- the SDK gives null or undefined
      if (error) reject(refusedError(refusalOfAnswer(error), error));
      else resolve(found);
    });
  });
  const late = sleep(answerTime, undefined, { signal: end.signal }).then(
    () => Promise.reject(refusedError(silence("No answer came within 90 seconds."))),
    () => new Promise<never>(() => undefined),
  );
  try {
    return await Promise.race([answer, late]);
  } finally {
    end.abort();
  }
}
