import { BillhouseError, messageOf } from "../../errors.ts";
import { isNetworkError, isTransientStatus } from "../../retry.ts";
import { withoutSecrets } from "../../secrets.ts";
import { corruptFile } from "../object-storage.ts";

/** A bucket, as errors name it. */
export interface Bucket {
  /** `s3://bucket` */
  readonly url: string;
  readonly bucket: string;
  readonly payer: string | null;
}

/** The HTTP status in an error of the SDK; undefined when the service did not answer. */
export function statusOf(error: unknown): number | undefined {
  return (error as { readonly $metadata?: { readonly httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode;
}

/** Whether the same request may succeed later. */
export function isTransient(error: unknown): boolean {
  const status = statusOf(error);
  // The SDK's messages for an answer that was cut off.
  const isCutOff = /^(?:aborted|Connection lost or stream closed|socket hang up)/u.test(messageOf(error));
  if (status === undefined) return isNetworkError(error) || isCutOff;
  // A successful answer that cannot be parsed was cut off.
  if (status === 200 && messageOf(error).includes("XML parse error")) return true;
  return isTransientStatus(status) || codeOf(error) === "RequestTimeout" || codeOf(error) === "SlowDown";
}

/** The bucket's region, if the answer says that the request went to the wrong one. */
export function regionIn(error: unknown): string | undefined {
  const status = statusOf(error);
  if (status !== 301 && status !== 307 && status !== 400) return undefined;
  const { Region: named, $response: answer } = error as {
    readonly Region?: unknown;
    readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
  };
  const region = answer?.headers?.["x-amz-bucket-region"] ?? named;
  // It becomes part of a host name.
  return typeof region === "string" && /^[a-z0-9-]{1,40}$/u.test(region) ? region : undefined;
}

/**
 * The error for a failed request that is not transient: STORAGE_DENIED with the missing permission, CREDENTIALS_INVALID,
 * STORAGE_NOT_FOUND, FILE_CORRUPT; undefined for any other. `key` as in `ObjectService.explain`.
 */
export function explain(bucket: Bucket, error: unknown, key: string | undefined): BillhouseError | undefined {
  const code = codeOf(error);
  if (code === "NoSuchBucket") return noBucket(bucket, error);
  if (code === "InvalidObjectState") return archived(bucket, error, key ?? "");
  if (sentences[code] !== undefined) return invalidCredentials(error);
  if (statusOf(error) === 401 || statusOf(error) === 403) {
    return denied(bucket, error, key === undefined ? "s3:ListBucket" : "s3:GetObject");
  }
  // The SDK's message for bytes that do not match the checksum in the answer.
  if (messageOf(error).startsWith("Checksum mismatch"))
    return corruptFile(bucket.url, key ?? "", withoutSecrets(error));
  return undefined;
}

/** The error for credentials that are missing, or that AWS rejects: CREDENTIALS_INVALID. */
export function invalidCredentials(cause: unknown): BillhouseError {
  const sentence = sentences[codeOf(cause)] ?? sentenceFor(messageOf(cause));
  return new BillhouseError("CREDENTIALS_INVALID", sentence, {
    hint:
      codeOf(cause) === "RequestTimeTooSkewed"
        ? "Correct the clock of this machine."
        : "Run `aws sso login`, set AWS_PROFILE to a profile that works, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
    cause: withoutSecrets(cause),
  });
}

const expired = "The login to AWS has expired.";
const sentences: Readonly<Record<string, string>> = {
  ExpiredToken: expired,
  ExpiredTokenException: expired,
  TokenRefreshRequired: expired,
  InvalidToken: "AWS rejects the session token that billhouse found.",
  InvalidAccessKeyId: "The access key that billhouse found does not exist.",
  SignatureDoesNotMatch: "The secret key that billhouse found does not belong to its access key.",
  RequestTimeTooSkewed: "The clock of this machine is wrong, so AWS rejects its signed requests.",
};

function sentenceFor(message: string): string {
  if (/expired|refresh/iu.test(message)) return expired;
  if (/could not load credentials from any providers|could not find credentials|no credentials/iu.test(message)) {
    return "This machine does not have credentials for AWS.";
  }
  return "The AWS credentials that billhouse found cannot be used.";
}

function denied(bucket: Bucket, cause: unknown, permission: string): BillhouseError {
  // User: arn:aws:iam::1:user/a is not authorized to perform: s3:ListBucket on resource: "arn:..." because no ...
  const words =
    /^User: (?<who>\S+) is not authorized to perform: (?<action>\w+:\w+) on resource: "?(?<resource>[^\s"]+)"?(?: (?<why>(?:because|with) [^{}]{1,200}))?/u.exec(
      messageOf(cause),
    )?.groups;
  const action = words?.["action"] ?? permission;
  const who = words?.["who"] ?? "The account that runs billhouse";
  const why = words?.["why"] === undefined ? "" : `, ${words["why"].replace(/\.$/u, "")}`;
  const payerHint = bucket.payer === null ? "; if the reader pays for the bucket, set payer" : "";
  const hint = action.startsWith("s3:")
    ? `Allow it with this policy, or ask the owner to do so: ${policyFor(bucket.bucket)}${payerHint}.`
    : `Allow ${action} on ${words?.["resource"] ?? "the key that encrypts the bucket"}, or ask its owner to do so.`;
  return new BillhouseError("STORAGE_DENIED", `${who} lacks the permission ${action} on ${bucket.url}${why}.`, {
    hint,
    cause: withoutSecrets(cause),
  });
}

/** The smallest policy that billhouse needs. */
function policyFor(bucket: string): string {
  const allow = (Action: string, Resource: string) => ({ Effect: "Allow", Action, Resource });
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [allow("s3:ListBucket", `arn:aws:s3:::${bucket}`), allow("s3:GetObject", `arn:aws:s3:::${bucket}/*`)],
  });
}

function noBucket({ url }: Bucket, cause: unknown): BillhouseError {
  return new BillhouseError("STORAGE_NOT_FOUND", `There is no bucket ${url}.`, {
    hint: "Check the name in bucket_url: `aws s3 ls` shows the buckets of an account.",
    cause: withoutSecrets(cause),
  });
}

function archived({ url, bucket }: Bucket, cause: unknown, key: string): BillhouseError {
  return new BillhouseError(
    "STORAGE_DENIED",
    `The file ${key} in ${url} is archived (S3 Glacier) and cannot be read from there.`,
    {
      hint: `Run \`aws s3api restore-object --bucket ${bucket} --key ${shellWord(key)} --restore-request Days=7\`, and run again once it is restored. Change the bucket's lifecycle rule that archives bills.`,
      cause: withoutSecrets(cause),
    },
  );
}

function shellWord(text: string): string {
  return /^[\w./=:@%+-]+$/u.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The service's own code: `AccessDenied`. Answers to HEAD lack it. */
function codeOf(error: unknown): string {
  return error instanceof Error ? error.name : "";
}
