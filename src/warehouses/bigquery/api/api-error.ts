import { BillhouseError, type ErrorCode, firstLine, messageOf } from "../../../errors.ts";
import { isTimeout, isTransientStatus } from "../../../retry.ts";
import { maskSecrets, withoutSecrets } from "../../../secrets.ts";

/** Why BigQuery rejected a request, or why a job failed, in its own words. */
export interface ApiError {
  /** HTTP status; null for a failed job, and where no answer came at all. */
  readonly status: number | null;
  /** `notFound`, `rateLimitExceeded`, `invalidQuery`, ...; `network` where no answer came. */
  readonly reason: string;
  readonly message: string;
  /** Of a failed load: the file, as `gs://bucket/key`. */
  readonly location: string | null;
  /** Further errors, such as the row of a file that stopped a load. */
  readonly details: readonly ErrorProto[];
}

/** An error as the REST API writes it. */
export interface ErrorProto {
  readonly reason?: string;
  readonly message?: string;
  readonly location?: string;
}

/** An error with the API error behind it. Users never see it: `translateFailure` makes a BillhouseError of it. */
export type ApiFailure = Error & { readonly apiError: ApiError };

/** Makes an error to throw. What the transport attaches to its errors, requests and their tokens, is left out. */
export function apiFailure(apiError: ApiError, cause?: unknown): ApiFailure {
  const plain = withoutSecrets(cause);
  return Object.assign(new Error(maskSecrets(apiError.message), plain === undefined ? undefined : { cause: plain }), {
    apiError,
  });
}

/** The API error behind an error, or undefined. */
export function apiErrorOf(error: unknown): ApiError | undefined {
  if (isTimeout(error)) return noResponse(messageOf(error));
  return error instanceof Error && "apiError" in error ? (error as ApiFailure).apiError : undefined;
}

/** The API error in a response that is not a success. Its text can be the page of a proxy, which is not quoted. */
export function apiErrorOfResponse(status: number, text: string): ApiError {
  const { message, errors: [first, ...details] = [] } = errorIn(text);
  return {
    status,
    reason: first?.reason ?? `http ${status}`,
    message: first?.message ?? message ?? `The response has the HTTP status ${status} and no explanation.`,
    location: first?.location ?? null,
    details,
  };
}

function errorIn(text: string): { readonly message?: string; readonly errors?: readonly ErrorProto[] } {
  try {
    return (JSON.parse(text) as { error?: object } | null)?.error ?? {};
  } catch {
    return {};
  }
}

/** That no response came, or one that is not BigQuery's. */
export function noResponse(message: string): ApiError {
  return { status: null, reason: "network", message, location: null, details: [] };
}

/** The API error of a finished job, or undefined when the job succeeded. */
export function apiErrorOfJob(status: {
  errorResult?: ErrorProto;
  errors?: readonly ErrorProto[];
}): ApiError | undefined {
  const { errorResult } = status;
  if (errorResult === undefined) return undefined;
  return {
    status: null,
    reason: errorResult.reason ?? "unknown",
    message: errorResult.message ?? "The job failed.",
    location: errorResult.location ?? null,
    details: status.errors ?? [],
  };
}

const transientReasons: ReadonlySet<string> = new Set([
  "network",
  "backendError",
  "internalError",
  "jobBackendError",
  "jobInternalError",
  "jobRateLimitExceeded",
  "rateLimitExceeded",
  "userRateLimitExceeded",
]);

/** Whether the same request may succeed later. */
export function isTransient(apiError: ApiError | undefined): boolean {
  if (apiError === undefined) return false;
  const { status, reason } = apiError;
  return transientReasons.has(reason) || isTransientStatus(status);
}

/** Whether a table or dataset is not there; a project that is not there is another matter. */
export function isNotFound(apiError: ApiError | undefined): boolean {
  return apiError?.status === 404 && !/not found: project/i.test(apiError.message);
}

/** The error that a user can act on for an API error of BigQuery. Any other error is returned as it is. */
export function translateFailure(error: unknown, description: string): unknown {
  if (error instanceof BillhouseError) return error;
  const apiError = apiErrorOf(error);
  if (apiError === undefined) return error;
  const [code, message, hint] = describeApiError(apiError, description);
  return new BillhouseError(code, message, { hint, cause: error });
}

function describeApiError(apiError: ApiError, description: string): [code: ErrorCode, message: string, hint: string] {
  const { reason, status } = apiError;
  const said = firstLine(apiError.message);
  if (reason === "billingNotEnabled" || /billing has not been enabled|free tier|sandbox/i.test(said)) {
    return [
      "WAREHOUSE_UNSUPPORTED",
      `${description} is a sandbox, in which BigQuery changes no rows: ${said}`,
      "Enable billing for the project: https://console.cloud.google.com/billing. Without it, load into DuckDB.",
    ];
  }
  if (reason === "bytesBilledLimitExceeded") {
    return [
      "LIMIT_EXCEEDED",
      `A query would read more than maximum_bytes_billed allows: ${said}`,
      "Raise maximum_bytes_billed in [destination.bigquery], or remove it.",
    ];
  }
  if (reason === "quotaExceeded" || reason === "jobQuotaExceeded") {
    return [
      "WAREHOUSE_UNAVAILABLE",
      `A quota of BigQuery is used up: ${said}`,
      "Run again when the quota is there again, or have it raised: https://console.cloud.google.com/iam-admin/quotas.",
    ];
  }
  if (/has not been used in project|has not enabled|API .*disabled/i.test(said)) {
    return [
      "WAREHOUSE_NOT_FOUND",
      `BigQuery is not switched on in the project: ${said}`,
      "Run `gcloud services enable bigquery.googleapis.com --project=PROJECT`, then run again.",
    ];
  }
  if (isTransient(apiError)) {
    return [
      "WAREHOUSE_UNAVAILABLE",
      `${description} does not answer as it should: ${said}`,
      "Run again in a while: nothing of the unfinished load was kept. https://status.cloud.google.com tells of outages.",
    ];
  }
  if (reason === "accessDenied" || status === 403 || /^Access Denied/i.test(apiError.message))
    return accessDenied(apiError);
  if (status === 401) {
    return [
      "CREDENTIALS_INVALID",
      `Google Cloud does not take the credentials: ${said}`,
      "Run `gcloud auth application-default login`, or put the key of a service account below [credentials] in secrets.toml.",
    ];
  }
  if (
    /(dataset|bucket|table) (?!\S*_billhouse_)\S+ (was )?not found in location|in location \S+ cannot|locations? do(es)? not match|Cannot read and write in different locations/i.test(
      said,
    )
  ) {
    return [
      "LOCATION_MISMATCH",
      `The bucket, the dataset and the job are not in one location: ${said}`,
      "Load into a dataset in the location of the bucket; set location in [destination.bigquery] to it before the first load.",
    ];
  }
  if (reason === "stopped") {
    return [
      "INTERRUPTED",
      `Somebody stopped a job of ${description}: ${said}`,
      "Run again to go on: nothing of the unfinished load was kept.",
    ];
  }
  if (reason === "notFound" || status === 404) {
    return [
      "WAREHOUSE_NOT_FOUND",
      `${description} cannot be used: ${said}`,
      "Check project_id in [destination.bigquery], and that the BigQuery API is enabled in the project.",
    ];
  }
  return [
    "WAREHOUSE_UNSUPPORTED",
    `${description} refused a request: ${said}`,
    "This is a fault of billhouse, or of what answers in BigQuery's place: run again with --debug and report what it prints.",
  ];
}

const roles: readonly (readonly [permission: RegExp, role: string])[] = [
  [/bigquery\.jobs\./, "roles/bigquery.jobUser"],
  [/bigquery\.datasets\.create/, "roles/bigquery.user"],
  [/storage\./, "roles/storage.objectViewer"],
  [/./, "roles/bigquery.dataEditor"],
];

function accessDenied({ message }: ApiError): [code: ErrorCode, message: string, hint: string] {
  // To read rows is the one permission that BigQuery does not name.
  const unnamed = /permission to query table/i.test(message) ? "bigquery.tables.getData" : undefined;
  const permission = /\b(?:bigquery|storage)\.\w+\.\w+/.exec(message)?.[0] ?? unnamed;
  const role = roles.find(([pattern]) => pattern.test(permission ?? "bigquery"))?.[1] ?? "";
  const project = /project[: ]+`?([a-z][a-z0-9-]+)/i.exec(message)?.[1] ?? "PROJECT";
  const dataset = /(?:table|dataset) `?([a-z][a-z0-9-]+:\w+)/i.exec(message)?.[1];
  const member = `--member=serviceAccount:ACCOUNT --role=${role}`;
  // As little as will do: rows and tables of one dataset, jobs and new datasets of a project.
  const command =
    role === "roles/bigquery.dataEditor" && dataset !== undefined
      ? `bq add-iam-policy-binding ${member} ${dataset}`
      : `gcloud projects add-iam-policy-binding ${project} ${member}`;
  const missing = permission === undefined ? "" : ` The permission ${permission} is missing.`;
  return [
    "WAREHOUSE_DENIED",
    `BigQuery refuses: ${firstLine(message)}${missing}`,
    `Grant it: \`${command}\`, then run again.`,
  ];
}
