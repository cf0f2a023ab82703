import { BillhouseError, type ErrorCode, firstLine } from "../../../errors.ts";
import { isPassing, type Refusal, refusalOf } from "./api-error.ts";

/** The error that a person can act on behind a refusal of BigQuery. Any other error is returned as it is. */
export function translateFailure(error: unknown, description: string): unknown {
  if (error instanceof BillhouseError) return error;
  const refusal = refusalOf(error);
  if (refusal === undefined) return error;
  const [code, message, hint] = explain(refusal, description);
  return new BillhouseError(code, message, { hint, cause: error });
}

function explain(refusal: Refusal, description: string): [code: ErrorCode, message: string, hint: string] {
  const { reason, status } = refusal;
  const said = firstLine(refusal.message);
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
  if (isPassing(refusal)) {
    return [
      "WAREHOUSE_UNAVAILABLE",
      `${description} does not answer as it should: ${said}`,
      "Run again in a while: nothing of the unfinished load was kept. https://status.cloud.google.com tells of outages.",
    ];
  }
  if (reason === "accessDenied" || status === 403 || /^Access Denied/i.test(refusal.message)) return denied(refusal);
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

function denied({ message }: Refusal): [code: ErrorCode, message: string, hint: string] {
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
