import { setTimeout as sleep } from "node:timers/promises";
import type { gaxios, GoogleAuth } from "google-auth-library";
import { BillhouseError, interrupted, messageOf } from "../../../errors.ts";
import { accountOf, anonymous, authorize, isUnreached, useKey } from "../../../google-login.ts";
import type { GoogleCredentials } from "../../../model.ts";
import { backoff, type RetriedService, type RetryPolicy, waitToRetry, withTimeout } from "../../../retry.ts";
import { withoutSecrets } from "../../../secrets.ts";
import { apiErrorOf, apiErrorOfResponse, apiFailure, isTransient, noResponse } from "./api-error.ts";

/** The location of BigQuery, and the account that requests use. */
export interface ConnectionOptions {
  /** Google Cloud project of the datasets; null for the project of the jobs. */
  readonly projectId: string | null;
  /** Project that jobs run in and are billed to; null for the project of the credentials. */
  readonly jobProjectId: string | null;
  /** Base address of an emulator, which gets no credentials; null for Google Cloud. */
  readonly endpoint: string | null;
  /** A key; null for the default credentials of the machine. */
  readonly credentials: GoogleCredentials | null;
  /** Initial milliseconds between two checks of a job; by default 50. Retries initially wait 20 times as long. */
  readonly pollInterval?: number;
}

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
  /** The account whose permissions count. Errors: CREDENTIALS_INVALID, or an API error. */
  identity(): Promise<string>;
  /** The response to a call, which is retried after transient errors. Throws API errors. */
  call<T>(call: Call): Promise<T>;
  /** Like `call`, but also while the connection is closing, to cancel a job. One attempt. */
  callOnce<T>(call: Call): Promise<T>;
  /** Milliseconds by which BigQuery's clock was ahead of this machine's at its last answer; null before the first answer. */
  skew(): number | null;
  /** Waits before the next attempt after so many failures in a row, counted from 1. Error: INTERRUPTED. */
  backOff(failures: number): Promise<void>;
  /** Waits. Error: INTERRUPTED when the connection is closed meanwhile. */
  sleep(milliseconds: number): Promise<void>;
  /** Throws if the connection is closing: INTERRUPTED. */
  throwIfClosing(): void;
  close(): void;
}

/** The settings that all work in BigQuery needs. */
export interface Settings {
  readonly connection: Connection;
  /** The location of new datasets: `EU`, `europe-west3`. Jobs run in the location of their dataset. */
  readonly location: string;
  /** The key that encrypts tables and results; null for Google's own. */
  readonly kmsKeyName: string | null;
  /** The most bytes that one query may read, as text; null for no limit. */
  readonly maximumBytesBilled: string | null;
  /** The known datasets of the state, by `project.dataset` of the table: see `findCompanions`. */
  readonly stateDatasets: Map<string, string>;
  /** Runs work after all previously queued work, so that commits of one process do not conflict. */
  readonly queue: <T>(work: () => Promise<T>) => Promise<T>;
}

/** Opens a connection without sending a request. Errors: CREDENTIALS_INVALID, CONFIG_INVALID. */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  const transport = await openTransport(options);
  const jobProject = await findJobProject(transport, options);
  const pollInterval = options.pollInterval ?? 50;
  const abort = new AbortController();
  let skew: number | null = null;

  function throwIfClosing(): void {
    if (abort.signal.aborted) throw interrupted("The work on BigQuery was stopped before it finished.");
  }

  async function pause(milliseconds: number): Promise<void> {
    try {
      await sleep(milliseconds, undefined, { signal: abort.signal });
    } catch {
      throw interrupted("The work on BigQuery was stopped before it finished.");
    }
  }

  async function callOnce<T>(call: Call): Promise<T> {
    const onDate = (date: number): void => void (skew = date - Date.now());
    return withTimeout(policy.timeout, (signal) => send<T>(transport, call, signal, onDate));
  }

  async function identity(): Promise<string> {
    if (transport.auth === null) return anonymous;
    await authenticate(transport.auth);
    return accountOf(transport.auth);
  }

  const policy: RetryPolicy = {
    retries: 6,
    firstDelay: 20 * pollInterval,
    multiplier: 2,
    longestDelay: 640 * pollInterval,
    timeout: 90_000,
  };
  const service: RetriedService = { policy, isTransient: (error) => isTransient(apiErrorOf(error)), sleep: pause };

  return {
    project: options.projectId ?? jobProject,
    jobProject,
    pollInterval,
    closing: abort.signal,
    throwIfClosing,
    sleep: pause,
    skew: () => skew,
    identity,
    callOnce,
    backOff: (failures) => pause(backoff(policy, failures)),
    async call(call) {
      for (let failures = 0; ;) {
        throwIfClosing();
        try {
          return await callOnce(call);
        } catch (error) {
          failures = await waitToRetry(service, failures, error);
        }
      }
    },
    close: () => abort.abort(),
  };
}

/** How requests are sent. */
interface Transport {
  /** Ends before the project. */
  readonly address: string;
  /** Sends requests through the proxy of the environment. */
  readonly http: gaxios.Gaxios;
  /** Null for a configured endpoint, which gets no credentials. */
  readonly auth: GoogleAuth | null;
}

/** Loads the library and prepares the login without sending a request. */
async function openTransport({ endpoint, credentials }: ConnectionOptions): Promise<Transport> {
  const library = await import("google-auth-library");
  const http = new library.gaxios.Gaxios();
  const address = `${endpoint?.replace(/\/+$/, "") ?? "https://bigquery.googleapis.com"}/bigquery/v2/projects`;
  if (endpoint !== null) return { address, http, auth: null };
  const auth = new library.GoogleAuth({ scopes: ["https://www.googleapis.com/auth/bigquery"] });
  useKey(auth, credentials);
  return { address, http, auth };
}

/** The response to one request; its date is passed on. Errors: CREDENTIALS_INVALID, API errors. */
async function send<T>(
  { address, http, auth }: Transport,
  { method, project, path, query, body }: Call,
  signal: AbortSignal,
  onDate: (date: number) => void,
): Promise<T> {
  const headers = auth === null ? new Headers() : await authenticate(auth);
  if (body !== undefined) headers.set("Content-Type", "application/json");
  const request = {
    url: `${address}/${project}/${path}`,
    method,
    headers,
    ...(query === undefined ? {} : { params: query }),
    ...(body === undefined ? {} : { data: JSON.stringify(body) }),
    responseType: "text" as const,
    validateStatus: () => true,
    signal,
  };
  const response = await http.request<string>(request).catch((error: unknown) => {
    throw apiFailure(noResponse(messageOf(error)), error);
  });
  const { ok, status, data } = response;
  const date = Date.parse(response.headers.get("date") ?? "");
  if (!Number.isNaN(date)) onDate(date);
  if (!ok) throw apiFailure(apiErrorOfResponse(status, data));
  try {
    // The answer to a deletion is empty.
    return (status === 204 ? undefined : JSON.parse(data)) as T;
  } catch (error) {
    // A proxy's page, or half of a response.
    throw apiFailure(noResponse("The response is not JSON: it was cut off, or is not BigQuery's."), error);
  }
}

/** The project of the jobs. Errors: CREDENTIALS_INVALID, CONFIG_INVALID. */
async function findJobProject({ auth }: Transport, options: ConnectionOptions): Promise<string> {
  const given = options.jobProjectId ?? options.credentials?.["project_id"] ?? options.projectId;
  if (given !== null && given !== undefined && given !== "") return given;
  try {
    if (auth !== null) return await auth.getProjectId();
  } catch (cause) {
    if (isMissing(cause)) throw invalidCredentials(cause);
  }
  throw new BillhouseError("CONFIG_INVALID", "The Google Cloud project to load into is not configured.", {
    hint: "Set project_id in [destination.bigquery].",
  });
}

/** The headers of an authorized request. Error: CREDENTIALS_INVALID, or an API error when no response came. */
export async function authenticate(auth: GoogleAuth): Promise<Headers> {
  return authorize(auth).catch((cause: unknown) => {
    throw isUnreached(cause) ? apiFailure(noResponse(messageOf(cause)), cause) : invalidCredentials(cause);
  });
}

function isMissing(cause: unknown): boolean {
  return /default credentials/i.test(messageOf(cause));
}

function invalidCredentials(cause: unknown): BillhouseError {
  const what = isMissing(cause) ? "Credentials for Google Cloud are missing" : "Google Cloud rejects the credentials";
  return new BillhouseError("CREDENTIALS_INVALID", `${what}, so BigQuery cannot be used.`, {
    hint: "Run `gcloud auth application-default login`, or put the key of a service account below [destination.bigquery.credentials] in .dlt/secrets.toml.",
    cause: withoutSecrets(cause),
  });
}
