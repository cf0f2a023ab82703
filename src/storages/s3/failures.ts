import { BillhouseError, messageOf } from "../../errors.ts";
import { withoutSecrets } from "../../secrets.ts";
import { isNetworkError, isTransientStatus } from "../../retry.ts";
import { corruptFile } from "../reading.ts";
import type { Client } from "./client.ts";

/** What must be allowed for a request: the action that a policy names. */
export type Permission = "s3:ListBucket" | "s3:GetObject";

/** The HTTP status that the service answered with, where it answered. */
export function statusOf(error: unknown): number | undefined {
  return (error as { readonly $metadata?: { readonly httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode;
}

/** The service's own word for what went wrong: `AccessDenied`. An answer to HEAD has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error ? error.name : "";
}

/** Whether a failure passes when one waits. */
export function isTransient(error: unknown): boolean {
  if (error instanceof BillhouseError) return false;
  const status = statusOf(error);
  if (status === undefined) return isNetworkError(error) || isBroken(error);
  // An answer that succeeds and cannot be understood has been cut off.
  if (status === 200 && messageOf(error).includes("XML parse error")) return true;
  return isTransientStatus(status) || codeOf(error) === "RequestTimeout" || codeOf(error) === "SlowDown";
}

/**
 * What a failed request means to a person, where the caller has not dealt with it: STORAGE_DENIED with the permission
 * that is missing, CREDENTIALS_INVALID, STORAGE_NOT_FOUND, STORAGE_UNAVAILABLE, FILE_CORRUPT. Any other error is given
 * back, without what it holds of the request.
 */
export function explain(client: Client, error: unknown, permission: Permission, key?: string): unknown {
  if (error instanceof BillhouseError) return error;
  const code = codeOf(error);
  const status = statusOf(error);
  if (isTransient(error)) return unavailable(client.url, error);
  if (code === "NoSuchBucket") return noBucket(client, error);
  if (code === "InvalidObjectState") return archived(client, error, key ?? "");
  if (sentences[code] !== undefined) return invalidCredentials(error);
  if (status === 401 || status === 403) return denied(client, error, permission);
  if (messageOf(error).startsWith("Checksum mismatch"))
    return corruptFile(client.url, key ?? "", withoutSecrets(error));
  return withoutSecrets(error) ?? error;
}

/** The error for a service that is not reached, or does not come to itself while it is waited for. */
export function unavailable(url: string, cause: unknown): BillhouseError {
  const status = statusOf(cause);
  const code = networkCodeOf(cause);
  const reason = status === undefined ? code : `status ${status}`;
  return new BillhouseError(
    "STORAGE_UNAVAILABLE",
    `The storage does not answer for ${url}${reason === undefined ? "" : ` (${reason})`}.`,
    {
      hint: "It was asked several times. Run again later; if it lasts, look at the network, at endpoint where it is set, and at https://health.aws.amazon.com/health/status.",
      cause: withoutSecrets(cause),
    },
  );
}

/** The error for an answer that S3 does not give. */
export function foreign(url: string): BillhouseError {
  return new BillhouseError("STORAGE_UNAVAILABLE", `What answers for ${url} is no storage that speaks S3.`, {
    hint: "Look whether a proxy or a sign-in page of the network stands in between, and at endpoint where it is set.",
  });
}

/** The error for credentials that are not there, or that are not taken. */
export function invalidCredentials(cause: unknown): BillhouseError {
  const sentence = sentences[codeOf(cause)] ?? sentenceFor(messageOf(cause));
  return new BillhouseError("CREDENTIALS_INVALID", sentence, {
    hint:
      codeOf(cause) === "RequestTimeTooSkewed"
        ? "Set the clock."
        : "Run `aws sso login`, set AWS_PROFILE to a profile that works, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
    cause: withoutSecrets(cause),
  });
}

const expired = "The login to AWS has expired.";
const sentences: Readonly<Record<string, string>> = {
  ExpiredToken: expired,
  ExpiredTokenException: expired,
  TokenRefreshRequired: expired,
  InvalidToken: "AWS does not take the session token that billhouse found.",
  InvalidAccessKeyId: "The access key that billhouse found does not exist.",
  SignatureDoesNotMatch: "The secret key that billhouse found does not belong to its access key.",
  RequestTimeTooSkewed: "The clock of this machine is wrong, and requests that are signed with it are not taken.",
};

function sentenceFor(message: string): string {
  if (/expired|refresh/iu.test(message)) return expired;
  if (/could not load credentials from any providers|could not find credentials|no credentials/iu.test(message)) {
    return "There are no credentials to AWS on this machine.";
  }
  return "The credentials to AWS that billhouse found cannot be used.";
}

function denied(client: Client, cause: unknown, permission: Permission): BillhouseError {
  // User: arn:aws:iam::1:user/a is not authorized to perform: s3:ListBucket on resource: "arn:..." because no ...
  const words =
    /^User: (?<who>\S+) is not authorized to perform: (?<action>\w+:\w+) on resource: "?(?<resource>[^\s"]+)"?(?: (?<why>(?:because|with) [^{}]{1,200}))?/u.exec(
      messageOf(cause),
    )?.groups;
  const action = words?.["action"] ?? permission;
  const who = words?.["who"] ?? "The account that runs billhouse";
  const why = words?.["why"] === undefined ? "" : `, ${words["why"].replace(/\.$/u, "")}`;
  const hint = action.startsWith("s3:")
    ? `Allow it with this policy, or ask the owner to do so: ${policyFor(client.bucket)}${payerHint(client)}.`
    : `Allow ${action} on ${words?.["resource"] ?? "the key that encrypts the bucket"}, or ask its owner to do so.`;
  return new BillhouseError("STORAGE_DENIED", `${who} lacks the permission ${action} on ${client.url}${why}.`, {
    hint,
    cause: withoutSecrets(cause),
  });
}

/** The least that billhouse needs. */
function policyFor(bucket: string): string {
  const allow = (Action: string, Resource: string) => ({ Effect: "Allow", Action, Resource });
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [allow("s3:ListBucket", `arn:aws:s3:::${bucket}`), allow("s3:GetObject", `arn:aws:s3:::${bucket}/*`)],
  });
}

function payerHint(client: Client): string {
  return client.payer === null ? "; where the reader pays for the bucket, set payer" : "";
}

function noBucket(client: Client, cause: unknown): BillhouseError {
  return new BillhouseError("STORAGE_NOT_FOUND", `There is no bucket ${client.url}.`, {
    hint: "Check the name in bucket_url: `aws s3 ls` shows the buckets of an account.",
    cause: withoutSecrets(cause),
  });
}

function archived(client: Client, cause: unknown, key: string): BillhouseError {
  return new BillhouseError(
    "STORAGE_DENIED",
    `The file ${key} in ${client.url} lies in the archive (S3 Glacier), from where it cannot be read.`,
    {
      hint: `Run \`aws s3api restore-object --bucket ${client.bucket} --key ${shellWord(key)} --restore-request Days=7\`, and run again when it is restored. A lifecycle rule of the bucket puts files there.`,
      cause: withoutSecrets(cause),
    },
  );
}

function shellWord(text: string): string {
  return /^[\w./=:@%+-]+$/u.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The SDK's words for an answer that was cut off. */
function isBroken(error: unknown): boolean {
  return /^(?:aborted|Connection lost or stream closed|socket hang up)/u.test(messageOf(error));
}

function networkCodeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { code, cause } = error as { readonly code?: unknown; readonly cause?: unknown };
  return typeof code === "string" ? code : networkCodeOf(cause);
}
