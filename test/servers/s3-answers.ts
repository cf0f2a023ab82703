import type { ServerResponse } from "node:http";

import type { S3Bucket, S3Object } from "./s3-store.ts";

/** An answer that is an error, thrown where it is found. */
export interface S3Refusal extends Error {
  readonly status: number;
  readonly code: string;
  /** Further elements of the body. */
  readonly details: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
}

/** Makes one. */
export function refusal(
  status: number,
  code: string,
  message: string,
  details: Readonly<Record<string, string>> = {},
  headers: Readonly<Record<string, string>> = {},
): S3Refusal {
  return Object.assign(new Error(message), { status, code, details, headers });
}

/** Whether an error is one; every other is a fault of the server itself. */
export function isRefusal(error: unknown): error is S3Refusal {
  return error instanceof Error && "status" in error && "details" in error;
}

/** For what no request of billhouse asks: not a behaviour of the service. */
export function unsupported(what: string): S3Refusal {
  return refusal(501, "NotImplemented", `The strict server does not know ${what}.`);
}

/** Who asks, in messages. */
export const asker = "arn:aws:iam::111122223333:user/billhouse";

/** documented: troubleshoot-403-errors, access denied messages within one account */
export function denied(action: string, resource: string): S3Refusal {
  return refusal(
    403,
    "AccessDenied",
    `User: ${asker} is not authorized to perform: ${action} on resource: "arn:aws:s3:::${resource}" because no identity-based policy allows the ${action} action`,
  );
}

/** documented: API_GetObject#AmazonS3-GetObject-response-Errors, ErrorResponses */
export function noKey(key: string): S3Refusal {
  return refusal(404, "NoSuchKey", "The specified key does not exist.", { Key: key });
}

/** documented: ErrorResponses */
export function noBucket(name: string): S3Refusal {
  return refusal(404, "NoSuchBucket", "The specified bucket does not exist", { BucketName: name });
}

/** Answers with an error. documented: ErrorResponses#RESTErrorResponses; a HEAD has no body (API_HeadObject) */
export function sendRefusal(response: ServerResponse, refused: S3Refusal, hasBody: boolean): void {
  const { status, code, message, details, headers } = refused;
  const elements = Object.entries({ Code: code, Message: message, ...details, RequestId: "4442587FB7D0A2F9" })
    .map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`)
    .join("");
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${elements}</Error>`;
  response.writeHead(status, { "content-type": "application/xml", "x-amz-request-id": "4442587FB7D0A2F9", ...headers });
  response.end(hasBody ? text : undefined);
}

/** Answers with a page of a listing. documented: API_ListObjectsV2#API_ListObjectsV2_ResponseSyntax */
export function sendListing(
  response: ServerResponse,
  bucket: S3Bucket,
  page: {
    readonly objects: readonly S3Object[];
    readonly prefix: string;
    readonly next: string | undefined;
    readonly isEncoded: boolean;
  },
): void {
  const { objects, prefix, next, isEncoded } = page;
  const text = (name: string) => escapeXml(isEncoded ? encodeForm(name) : name);
  const contents = objects.map(
    (object) =>
      `<Contents><Key>${text(object.key)}</Key><LastModified>${object.modified}</LastModified><ETag>${escapeXml(`"${object.tag}"`)}</ETag>` +
      `<ChecksumAlgorithm>CRC32</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>` +
      `<Size>${object.bytes.length}</Size><StorageClass>${object.isArchived ? "GLACIER" : "STANDARD"}</StorageClass></Contents>`,
  );
  response.writeHead(200, { "content-type": "application/xml" });
  response.end(
    `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>${bucket.name}</Name>` +
      `<Prefix>${text(prefix)}</Prefix><KeyCount>${objects.length}</KeyCount><MaxKeys>1000</MaxKeys>` +
      `${isEncoded ? "<EncodingType>url</EncodingType>" : ""}<IsTruncated>${next !== undefined}</IsTruncated>` +
      `${next === undefined ? "" : `<NextContinuationToken>${next}</NextContinuationToken>`}${contents.join("")}</ListBucketResult>`,
  );
}

/** documented: API_ListObjectsV2 (EncodingType), where `test_file(3).png` becomes `test_file%283%29.png`; assumed: a space is `+`. */
function encodeForm(name: string): string {
  return encodeURIComponent(name)
    .replaceAll("%2F", "/")
    .replaceAll("%20", "+")
    .replace(/[!'()~]/gu, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]|[^\P{Cc}\n]/gu, (sign) => `&#${sign.codePointAt(0)};`);
}
