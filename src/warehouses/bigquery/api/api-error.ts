import { BillhouseError, type ErrorCode, firstLine, messageOf } from "../../../errors.ts";
import { isTimeout, isTransientStatus } from "../../../retry.ts";
import { maskSecrets, withoutSecrets } from "../../../secrets.ts";

/** BigQuery's own explanation of a rejected request or a failed job. */
export interface ApiError {
  /** HTTP status; null for a failed job, and if there was no answer. */
  readonly status: number | null;
  /** `notFound`, `rateLimitExceeded`, `invalidQuery`, ...; `network` if there was no answer. */
  readonly reason: string;
  readonly message: string;
  /** For a failed load: the file, as `gs://bucket/key`. */
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

/** An error that carries an API error. Users never see it: `translateFailure` converts it to a BillhouseError. */
export type ApiFailure = Error & { readonly apiError: ApiError };

/** Creates an error to throw. Requests and tokens that the transport attaches to its errors are left out. */
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

/** The API error in an unsuccessful response. Its text can be a proxy's page, which is not quoted. */
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

/** The API error for a missing response, or one that is not BigQuery's. */
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

/** Whether a table or dataset does not exist; a missing project is another error. */
export function isNotFound(apiError: ApiError | undefined): boolean {
  return apiError?.status === 404 && !/not found: project/i.test(apiError.message);
}

/** The error that users see for an API error of BigQuery. Other errors are returned unchanged. */
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
      `${description} is a sandbox, where BigQuery cannot change rows: ${said}`,
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
      `A quota of BigQuery is exhausted: ${said}`,
      "Run again when the quota has been reset, or have it raised: https://console.cloud.google.com/iam-admin/quotas.",
    ];
  }
  if (/has not been used in project|has not enabled|API .*disabled/i.test(said)) {
    return [
      "WAREHOUSE_NOT_FOUND",
      `The BigQuery API is not enabled in the project: ${said}`,
      "Run `gcloud services enable bigquery.googleapis.com --project=PROJECT`, then run again.",
    ];
  }
  if (isTransient(apiError)) {
    return [
      "WAREHOUSE_UNAVAILABLE",
      `${description} is not available: ${said}`,
      "Run again later: the unfinished load was rolled back. https://status.cloud.google.com lists outages.",
    ];
  }
  if (reason === "accessDenied" || status === 403 || /^Access Denied/i.test(apiError.message))
    return accessDenied(apiError);
  if (status === 401) {
    return [
      "CREDENTIALS_INVALID",
      `Google Cloud rejects the credentials: ${said}`,
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
      `The bucket, the dataset and the job are not in the same location: ${said}`,
      "Load into a dataset in the location of the bucket: before the first load, set location in [destination.bigquery] to it.",
    ];
  }
  if (reason === "stopped") {
    return [
      "INTERRUPTED",
      `A job of ${description} was cancelled: ${said}`,
      "Run again: the unfinished load was rolled back.",
    ];
  }
  if (reason === "notFound" || status === 404) {
    return [
      "WAREHOUSE_NOT_FOUND",
      `${description} was not found: ${said}`,
      "Check project_id in [destination.bigquery], and that the BigQuery API is enabled in the project.",
    ];
  }
  return [
    "WAREHOUSE_UNSUPPORTED",
    `${description} refused a request: ${said}`,
    "This is a bug in billhouse, or another server answers instead of BigQuery: run again with --debug and report the output.",
  ];
}

const roles: readonly (readonly [permission: RegExp, role: string])[] = [
  [/bigquery\.jobs\./, "roles/bigquery.jobUser"],
  [/bigquery\.datasets\.create/, "roles/bigquery.user"],
  [/storage\./, "roles/storage.objectViewer"],
  [/./, "roles/bigquery.dataEditor"],
];

function accessDenied({ message }: ApiError): [code: ErrorCode, message: string, hint: string] {
  // BigQuery names every missing permission except the one to read rows.
  const unnamed = /permission to query table/i.test(message) ? "bigquery.tables.getData" : undefined;
  const permission = /\b(?:bigquery|storage)\.\w+\.\w+/.exec(message)?.[0] ?? unnamed;
  const role = roles.find(([pattern]) => pattern.test(permission ?? "bigquery"))?.[1] ?? "";
  const project = /project[: ]+`?([a-z][a-z0-9-]+)/i.exec(message)?.[1] ?? "PROJECT";
  const dataset = /(?:table|dataset) `?([a-z][a-z0-9-]+:\w+)/i.exec(message)?.[1];
  const member = `--member=serviceAccount:ACCOUNT --role=${role}`;
  // The narrowest grant: on one dataset for rows and tables, on the project for jobs and new datasets.
  const command =
    role === "roles/bigquery.dataEditor" && dataset !== undefined
      ? `bq add-iam-policy-binding ${member} ${dataset}`
      : `gcloud projects add-iam-policy-binding ${project} ${member}`;
  const missing = permission === undefined ? "" : ` The permission ${permission} is missing.`;
  return [
    "WAREHOUSE_DENIED",
    `BigQuery denied access: ${firstLine(message)}${missing}`,
    `Grant it: \`${command}\`, then run again.`,
  ];
}
