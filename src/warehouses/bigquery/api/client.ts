import { setTimeout as sleep } from "node:timers/promises";
import type { BigQuery } from "@google-cloud/bigquery";
import { BillhouseError, interrupted, messageOf } from "../../../errors.ts";
import type { GoogleCredentials } from "../../../model.ts";
import { backoff, type RetriedService, type RetryPolicy, waitToRetry } from "../../../retry.ts";
import { keepKey, keepToken, withoutSecrets } from "../../../secrets.ts";
import { type ApiError, apiErrorOf, apiErrorOfResponse, apiFailure, isTransient } from "./api-error.ts";

/** Where BigQuery is, and in whose name it is asked. */
export interface ConnectionOptions {
  /** Google Cloud project of the datasets; null for the one of the jobs. */
  readonly projectId: string | null;
  /** Project that jobs run in and are billed to; null for the one of the credentials. */
  readonly jobProjectId: string | null;
  /** Base address of an emulator, which is sent no credentials; null for Google Cloud. */
  readonly endpoint: string | null;
  /** A key; null for the default credentials of the machine. */
  readonly credentials: GoogleCredentials | null;
  /** Milliseconds between two looks at a job, at first; by default 50. Retries wait 20 times as long, at first. */
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
  /** As `call`, also when the connection is closing already: to stop a job. One attempt. */
  callOnce<T>(call: Call): Promise<T>;
  /** Milliseconds by which BigQuery's clock was ahead of this machine's at its last answer; null before there was one. */
  skew(): number | null;
  /** Waits before the next attempt after so many failures in a row, counted from 1. Error: INTERRUPTED. */
  backOff(failures: number): Promise<void>;
  /** Error: INTERRUPTED when the connection is closed meanwhile. */
  sleep(milliseconds: number): Promise<void>;
  /** Error: INTERRUPTED when the connection is closing. */
  throwIfClosing(): void;
  close(): void;
}

/** What everything that is done in BigQuery needs. */
export interface Settings {
  readonly connection: Connection;
  /** Where datasets are made: `EU`, `europe-west3`. Jobs run where their dataset lies. */
  readonly location: string;
  /** The key that tables and results are encrypted with; null for Google's own. */
  readonly kmsKeyName: string | null;
  /** The most bytes that one query may read, as text; null for no limit. */
  readonly maximumBytesBilled: string | null;
  /** Runs work after all that was queued before: commits of one process do not conflict with each other. */
  readonly queue: <T>(work: () => Promise<T>) => Promise<T>;
}

const responseTimeout = 90_000;

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

  const policy: RetryPolicy = {
    retries: 6,
    firstDelay: 20 * pollInterval,
    multiplier: 2,
    longestDelay: 640 * pollInterval,
    timeout: responseTimeout,
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
    identity: () => accountOf(client),
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
      if (error) reject(apiFailure(apiErrorOfResponse(error), error));
      else resolve(found);
    });
  });
  const late = sleep(responseTimeout, undefined, { signal: end.signal }).then(
    () => Promise.reject(apiFailure(noResponse("No answer came within 90 seconds."))),
    () => new Promise<never>(() => undefined),
  );
  try {
    return await Promise.race([answer, late]);
  } finally {
    end.abort();
  }
}

/** A client of the SDK, and whether it has to get a token before it asks. */
export interface Client {
  readonly service: BigQuery;
  readonly needsToken: boolean;
}

/** Loads the SDK and makes a client; nothing is asked of the service yet. */
export async function createClient({
  endpoint,
  credentials,
  projectId,
  jobProjectId,
}: ConnectionOptions): Promise<Client> {
  const { BigQuery } = await import("@google-cloud/bigquery");
  const known = jobProjectId ?? projectId;
  const project = known === null ? {} : { projectId: known };
  // An emulator is never sent a token: this stands where the SDK would look for one.
  const nobody = { getRequestHeaders: async () => new Headers(), getProjectId: async () => known } as never;
  // The retries of the SDK cannot be stopped, and this driver has to stop when it is closed.
  const calm = { retryOptions: { autoRetry: false } };
  if (endpoint !== null) {
    const service = new BigQuery({ ...project, ...calm, apiEndpoint: endpoint, authClient: nobody });
    // The SDK lets the variable BIGQUERY_EMULATOR_HOST of another program win over the address that it is given.
    service.baseUrl = `${endpoint.replace(/\/+$/, "")}/bigquery/v2`;
    return { service, needsToken: false };
  }
  const service = new BigQuery({ ...project, ...calm });
  // The option `credentials` does the same, and prints a warning that does not concern the user.
  if (credentials !== null) service.authClient.jsonContent = withType(credentials);
  if (service.baseUrl.startsWith("https:")) return { service, needsToken: true };
  return { service: new BigQuery({ ...project, ...calm, authClient: nobody }), needsToken: false };
}

/** Keys that a user typed in may lack the type that distinguishes an account's key from a user's. */
function withType(credentials: GoogleCredentials): GoogleCredentials {
  if (credentials["type"] !== undefined) return credentials;
  const type = credentials["refresh_token"] === undefined ? "service_account" : "authorized_user";
  return { ...credentials, type };
}

/** The project of the jobs. Errors: CREDENTIALS_INVALID, CONFIG_INVALID. */
export async function findJobProject(client: Client, options: ConnectionOptions): Promise<string> {
  const given = options.jobProjectId ?? options.credentials?.["project_id"] ?? options.projectId;
  if (given !== null && given !== undefined && given !== "") return given;
  try {
    if (client.needsToken) return await client.service.authClient.getProjectId();
  } catch (cause) {
    if (/default credentials/i.test(messageOf(cause))) throw invalidCredentials(cause);
  }
  throw new BillhouseError("CONFIG_INVALID", "Nothing names the Google Cloud project to load into.", {
    hint: "Set project_id in [destination.bigquery].",
  });
}

/**
 * Gets a token, or sees that there is one: an invalid key is reported differently from a rejected request.
 * Error: CREDENTIALS_INVALID, or an API error when no response came.
 */
export async function authenticate(service: Pick<BigQuery, "authClient">): Promise<void> {
  try {
    const headers = await service.authClient.getRequestHeaders();
    keepToken(headers.get("authorization"));
  } catch (cause) {
    keepKey(service.authClient.jsonContent ?? {});
    const { code } = cause as { code?: unknown };
    const isNetwork =
      typeof code === "string" && /^(E(AI_AGAIN|CONN|HOST|NET|NOTFOUND|PIPE|PROTO|TIMEDOUT)|UND_ERR)/.test(code);
    if (isNetwork || (typeof code === "number" && code >= 500)) throw apiFailure(noResponse(messageOf(cause)), cause);
    throw invalidCredentials(cause);
  }
}

/** The account whose permissions count. Errors: as `authenticate`. */
export async function accountOf({ service, needsToken }: Client): Promise<string> {
  if (!needsToken) return "nobody: the endpoint takes no credentials";
  await authenticate(service);
  const { client_email: account } = await service.authClient.getCredentials();
  return account ?? "the user of the application default credentials";
}

function invalidCredentials(cause: unknown): BillhouseError {
  const isMissing = /default credentials/i.test(messageOf(cause));
  const what = isMissing ? "There are no credentials for Google Cloud" : "Google Cloud refuses the credentials";
  return new BillhouseError("CREDENTIALS_INVALID", `${what}, so that BigQuery cannot be asked.`, {
    hint: "Run `gcloud auth application-default login`, or put the key of a service account below [destination.bigquery.credentials] in .dlt/secrets.toml.",
    cause: withoutSecrets(cause),
  });
}

/** That no answer came. */
export function noResponse(message: string): ApiError {
  return { status: null, reason: "network", message, location: null, details: [] };
}
