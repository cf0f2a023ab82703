import type { BigQuery } from "@google-cloud/bigquery";
import { BillhouseError, messageOf } from "../../../errors.ts";
import type { GoogleCredentials } from "../../../model.ts";
import { keepKey, keepToken, withoutSecrets } from "../../../secrets.ts";
import { type Refusal, refusedError } from "./api-error.ts";

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
  // The option `credentials` does the same, and prints a warning that is none of the user's.
  if (credentials !== null) service.authClient.jsonContent = withType(credentials);
  if (service.baseUrl.startsWith("https:")) return { service, needsToken: true };
  return { service: new BigQuery({ ...project, ...calm, authClient: nobody }), needsToken: false };
}

/** Keys that a person wrote down may lack the word that tells an account's key from a user's. */
function withType(credentials: GoogleCredentials): GoogleCredentials {
  if (credentials["type"] !== undefined) return credentials;
  const type = credentials["refresh_token"] === undefined ? "service_account" : "authorized_user";
  return { ...credentials, type };
}

/** The project of the jobs. Errors: CREDENTIALS_INVALID, CONFIG_INVALID. */
export async function findJobProject(client: Client, options: ConnectionOptions): Promise<string> {
  const told = options.jobProjectId ?? options.credentials?.["project_id"] ?? options.projectId;
  if (told !== null && told !== undefined && told !== "") return told;
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
 * Gets a token, or sees that there is one: a key that is wrong is told apart from a request that was refused.
 * Error: CREDENTIALS_INVALID, or a refusal where no answer came.
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
    if (isNetwork || (typeof code === "number" && code >= 500)) throw refusedError(silence(messageOf(cause)), cause);
    throw invalidCredentials(cause);
  }
}

/** The account whose permissions count. Errors: as `authenticate`. */
export async function identityOf({ service, needsToken }: Client): Promise<string> {
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
export function silence(message: string): Refusal {
  return { status: null, reason: "network", message, location: null, details: [] };
}
