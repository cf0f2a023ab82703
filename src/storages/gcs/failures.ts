import { BillhouseError, messageOf } from "../../errors.ts";
import { withoutSecrets } from "../../secrets.ts";
import { isNetworkError, isTransientStatus } from "../../retry.ts";
import type { Client } from "./client.ts";

/** The HTTP status that the service answered with, where it answered. */
export function statusOf(error: unknown): number | undefined {
  const code = fieldOf(error, "code");
  return typeof code === "number" ? code : undefined;
}

/** Whether a failure passes when one waits. */
export function isTransient(error: unknown): boolean {
  if (error instanceof BillhouseError) return false;
  const status = statusOf(error);
  if (status === 403) return /rate ?limit ?exceeded/iu.test(messageOf(error) + reasonsOf(error));
  if (status !== undefined) return isTransientStatus(status);
  // An answer that succeeds and cannot be understood has been cut off.
  return isUnreached(error) || error instanceof SyntaxError;
}

/** Whether an error says that Google was not reached, or not for now: also where it gives out tokens. */
export function isUnreached(error: unknown): boolean {
  const status = fieldOf(fieldOf(error, "response"), "status");
  return isNetworkError(error) || isTransientStatus(status) || fieldOf(error, "name") === "FetchError";
}

/**
 * What a failed request means to a person, where the caller has not dealt with it: STORAGE_DENIED with the permission
 * that is missing (`permission` unless the service names another), CREDENTIALS_INVALID, STORAGE_UNAVAILABLE. Any other
 * error is given back, without what it holds of the request.
 */
export function explain(client: Client, error: unknown, permission: string): unknown {
  if (error instanceof BillhouseError) return error;
  const status = statusOf(error);
  const message = messageOf(error);
  if (isTransient(error)) return unavailable(client.url, error);
  if (status === 400 && /requester pays|user project/iu.test(message)) return payerMissing(client, error);
  if (status === 401 && /invalid credentials/iu.test(message)) return invalidCredentials(error);
  if (status === 401 || status === 403) return denied(client, error, permission);
  return withoutSecrets(error) ?? error;
}

/** The error for a service that is not reached, or does not come to itself while it is waited for. */
export function unavailable(url: string, cause: unknown): BillhouseError {
  const status = statusOf(cause);
  const code = fieldOf(cause, "code") ?? fieldOf(fieldOf(cause, "cause"), "code");
  const reason = status === undefined ? code : `status ${status}`;
  const shown = typeof reason === "string" ? ` (${reason})` : "";
  return new BillhouseError("STORAGE_UNAVAILABLE", `Cloud Storage does not answer for ${url}${shown}.`, {
    hint: "It was asked several times. Run again later; if it lasts, look at the network and at https://status.cloud.google.com/.",
    cause: withoutSecrets(cause),
  });
}

/** The error for a bucket that is not there. */
export function noBucket(client: Client, cause: unknown): BillhouseError {
  return new BillhouseError("STORAGE_NOT_FOUND", `There is no bucket ${client.url}.`, {
    hint: "Check the name in bucket_url: `gcloud storage buckets list --project=<project>` shows the buckets of a project.",
    cause: withoutSecrets(cause),
  });
}

/** The error for an answer that Cloud Storage does not give. */
export function foreign(url: string): BillhouseError {
  return new BillhouseError("STORAGE_UNAVAILABLE", `What answers for ${url} is not Cloud Storage.`, {
    hint: "Look whether a proxy or a sign-in page of the network stands in between.",
  });
}

/** The error for credentials that are not there, or that Google does not take. */
export function invalidCredentials(cause: unknown): BillhouseError {
  // Never Google's own words: those of a damaged key file quote it.
  const message = messageOf(cause);
  const [, sentence] = credentialFailures.find(([pattern]) => pattern.test(message)) ?? [];
  return new BillhouseError(
    "CREDENTIALS_INVALID",
    sentence ?? "Google Cloud does not take the credentials that billhouse found.",
    {
      hint: "Run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to the path of a service account's key file.",
      cause: withoutSecrets(cause),
    },
  );
}

const credentialFailures = [
  [/could not load the default credentials/iu, "There are no credentials to Google Cloud on this machine."],
  [/GOOGLE_APPLICATION_CREDENTIALS/u, "The file that GOOGLE_APPLICATION_CREDENTIALS names cannot be read."],
  [/invalid_grant|invalid_rapt/u, "The login to Google Cloud has expired, or its key was deleted."],
] as const;

function denied(client: Client, cause: unknown, permission: string): BillhouseError {
  const message = messageOf(cause);
  const named = /\b(?:storage|serviceusage)\.\w+\.\w+/u.exec(message)?.[0];
  const missing = named ?? permission;
  const account = /(?<account>[^\s@:"]+@[^\s@"]+) does not have /u.exec(message)?.groups?.["account"] ?? client.account;
  const member = account === undefined ? "<account>" : memberOf(account);
  const isPayer = missing.startsWith("serviceusage.") && client.payer !== null;
  const grant = isPayer
    ? `gcloud projects add-iam-policy-binding ${client.payer} --member=${member} --role=roles/serviceusage.serviceUsageConsumer`
    : `gcloud storage buckets add-iam-policy-binding ${client.url} --member=${member} --role=roles/storage.objectViewer`;
  const place = isPayer ? `the project ${client.payer} that pays for ${client.url}` : client.url;
  const who = account ?? "The account that runs billhouse";
  // What is no matter of permissions (a perimeter, an account for billing that is closed) Google says in its own words.
  const reason = named === undefined ? /^[^\s{<]+ .{1,300}/u.exec(message)?.[0].replace(/\.?$/u, ".") : undefined;
  return new BillhouseError(
    "STORAGE_DENIED",
    reason === undefined
      ? `${who} lacks the permission ${missing} on ${place}.`
      : `${who} may not read ${client.url}: ${reason}`,
    { hint: `Run \`${grant}\`, or ask the owner to do so.`, cause: withoutSecrets(cause) },
  );
}

function payerMissing(client: Client, cause: unknown): BillhouseError {
  const [message, hint] =
    client.payer === null
      ? [`Whoever reads ${client.url} pays for it, and no project is named that does.`, "Set"]
      : [`The project ${client.payer} cannot pay for reading ${client.url}.`, "Correct"];
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
