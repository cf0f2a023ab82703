import { BillhouseError, messageOf } from "../../errors.ts";
import { isUnreached } from "../../google-login.ts";
import { isTransientStatus } from "../../retry.ts";
import { withoutSecrets } from "../../secrets.ts";

/** A bucket, as errors name it. */
export interface Bucket {
  /** `gs://bucket` */
  readonly url: string;
  readonly payer: string | null;
  /** The account that the configured key names, if it names one. */
  readonly account: string | undefined;
}

/** The HTTP status in an error of the SDK; undefined when the service did not answer. */
export function statusOf(error: unknown): number | undefined {
  const code = fieldOf(error, "code");
  return typeof code === "number" ? code : undefined;
}

/** Whether the same request may succeed later. */
export function isTransient(error: unknown): boolean {
  const status = statusOf(error);
  if (status === 403) return /rate ?limit ?exceeded/iu.test(messageOf(error) + reasonsOf(error));
  if (status !== undefined) return isTransientStatus(status);
  // A successful answer that cannot be parsed was cut off.
  return isUnreached(error) || error instanceof SyntaxError;
}

/**
 * The error for a failed request that is not transient: STORAGE_DENIED with the missing permission, CREDENTIALS_INVALID,
 * STORAGE_NOT_FOUND; undefined for any other. `key` as in `ObjectService.explain`.
 */
export function explain(bucket: Bucket, error: unknown, key: string | undefined): BillhouseError | undefined {
  const status = statusOf(error);
  const message = messageOf(error);
  if (status === 404 && key === undefined) return noBucket(bucket, error);
  if (status === 400 && /requester pays|user project/iu.test(message)) return payerMissing(bucket, error);
  if (status === 401 && /invalid credentials/iu.test(message)) return invalidCredentials(error);
  if (status !== 401 && status !== 403) return undefined;
  return denied(bucket, error, key === undefined ? "storage.objects.list" : "storage.objects.get");
}

function noBucket({ url }: Bucket, cause: unknown): BillhouseError {
  return new BillhouseError("STORAGE_NOT_FOUND", `There is no bucket ${url}.`, {
    hint: "Check the name in bucket_url: `gcloud storage buckets list --project=<project>` shows the buckets of a project.",
    cause: withoutSecrets(cause),
  });
}

/** The error for credentials that are missing, or that Google rejects: CREDENTIALS_INVALID. */
export function invalidCredentials(cause: unknown): BillhouseError {
  // Google's own message may quote a damaged key file.
  const message = messageOf(cause);
  const [, sentence] = credentialFailures.find(([pattern]) => pattern.test(message)) ?? [];
  return new BillhouseError(
    "CREDENTIALS_INVALID",
    sentence ?? "Google Cloud rejects the credentials that billhouse found.",
    {
      hint: "Run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to the path of a service account's key file.",
      cause: withoutSecrets(cause),
    },
  );
}

const credentialFailures = [
  [/could not load the default credentials/iu, "This machine does not have credentials for Google Cloud."],
  [/GOOGLE_APPLICATION_CREDENTIALS/u, "The file that GOOGLE_APPLICATION_CREDENTIALS names cannot be read."],
  [/invalid_grant|invalid_rapt/u, "The login to Google Cloud has expired, or its key was deleted."],
] as const;

function denied(bucket: Bucket, cause: unknown, permission: string): BillhouseError {
  const message = messageOf(cause);
  const named = /\b(?:storage|serviceusage)\.\w+\.\w+/u.exec(message)?.[0];
  const missing = named ?? permission;
  const account = /(?<account>[^\s@:"]+@[^\s@"]+) does not have /u.exec(message)?.groups?.["account"] ?? bucket.account;
  const member = account === undefined ? "<account>" : memberOf(account);
  const isPayer = missing.startsWith("serviceusage.") && bucket.payer !== null;
  const grant = isPayer
    ? `gcloud projects add-iam-policy-binding ${bucket.payer} --member=${member} --role=roles/serviceusage.serviceUsageConsumer`
    : `gcloud storage buckets add-iam-policy-binding ${bucket.url} --member=${member} --role=roles/storage.objectViewer`;
  const place = isPayer ? `the project ${bucket.payer} that pays for ${bucket.url}` : bucket.url;
  const who = account ?? "The account that runs billhouse";
  // For other reasons (a perimeter, a closed billing account), Google's own message is shown.
  const reason = named === undefined ? /^[^\s{<]+ .{1,300}/u.exec(message)?.[0].replace(/\.?$/u, ".") : undefined;
  return new BillhouseError(
    "STORAGE_DENIED",
    reason === undefined
      ? `${who} lacks the permission ${missing} on ${place}.`
      : `${who} may not read ${bucket.url}: ${reason}`,
    { hint: `Run \`${grant}\`, or ask the owner to do so.`, cause: withoutSecrets(cause) },
  );
}

function payerMissing(bucket: Bucket, cause: unknown): BillhouseError {
  const [message, hint] =
    bucket.payer === null
      ? [`The reader pays for requests to ${bucket.url}, but payer is not set.`, "Set"]
      : [`The project ${bucket.payer} cannot pay for reading ${bucket.url}.`, "Correct"];
  return new BillhouseError("STORAGE_DENIED", message, {
    hint: `${hint} payer to the id of a Google Cloud project in which your account has the role Service Usage Consumer.`,
    cause: withoutSecrets(cause),
  });
}

function memberOf(account: string): string {
  return `${account.endsWith(".gserviceaccount.com") ? "serviceAccount" : "user"}:${account}`;
}

function reasonsOf(error: unknown): string {
  const errors = fieldOf(error, "errors");
  return Array.isArray(errors) ? errors.map((each: unknown) => String(fieldOf(each, "reason"))).join() : "";
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}
