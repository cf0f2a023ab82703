import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { denied, isRefusal, noBucket, noKey, refusal, sendListing, sendRefusal, unsupported } from "./s3-answers.ts";
import { makeFaults, parse, type S3Fault, type S3Request, type S3RequestKind } from "./s3-faults.ts";
import { headersOf, sendObject } from "./s3-media.ts";
import { requireSignature } from "./s3-signature.ts";
import { writeObject, type BucketSettings, type ObjectSettings, type S3Bucket, type S3Object } from "./s3-store.ts";

/**
 * A server that speaks the part of Amazon S3's protocol that billhouse uses, and refuses everything else with 501. Rules
 * that the documentation states are marked `documented` with the page below https://docs.aws.amazon.com/AmazonS3/latest/
 * (API/ or userguide/), others `assumed`.
 */
export interface S3Server {
  /** `http://127.0.0.1:port` */
  readonly endpoint: string;
  addBucket(name: string, settings?: BucketSettings): void;
  /** Writes an object as its owner does, past all rights. */
  put(bucket: string, key: string, bytes: string | Uint8Array, settings?: ObjectSettings): S3Object;
  remove(bucket: string, key: string): void;
  /** Takes or gives back all rights on a bucket. */
  deny(bucket: string, isDenied: boolean): void;
  fault(fault: S3Fault): void;
  /** Takes back the faults that no request met. */
  heal(): void;
  /** Every request that came, in order, also those that met a fault. */
  readonly requests: S3Request[];
  /** How many requests of a kind came. */
  count(kind: S3RequestKind): number;
  /** What was asked that the server does not know. Empty unless billhouse asks for more than it should. */
  readonly refused: string[];
  /** Bytes of objects that were sent, by key. */
  readonly sentBytes: Map<string, number>;
  /** Connections that are at work: those that only wait for another request are not counted. */
  connections(): Promise<number>;
  close(): Promise<void>;
}

/** The page size: so small that every test reads pages. */
export const pageSize = 3;

/** Query parameters and headers of each call. documented: API_ListObjectsV2, API_HeadObject, API_GetObject */
const known: Readonly<Record<Exclude<S3RequestKind, "refused">, RegExp>> = {
  list: /^(?:list-type|prefix|continuation-token|encoding-type)$/u,
  // The SDK sends the name of the operation, which the service ignores.
  head: /^x-id$/u,
  get: /^x-id$/u,
};

/** Starts the server on a port of its own with empty buckets. */
export async function startS3Server(...names: readonly string[]): Promise<S3Server> {
  const buckets = new Map<string, S3Bucket>();
  const faults = makeFaults();
  const requests: S3Request[] = [];
  const refused: string[] = [];
  const sentBytes = new Map<string, number>();

  function bucketOf(name: string): S3Bucket {
    const bucket = buckets.get(name);
    if (bucket === undefined) throw noBucket(name);
    return bucket;
  }

  async function answer(request: S3Request, message: IncomingMessage, response: ServerResponse): Promise<void> {
    const { kind, key, query } = request;
    const what = `${request.method} ${message.url}`;
    if (kind === "refused") throw unsupported(what);
    const strange = Object.keys(query).filter((name) => !known[kind].test(name));
    if (strange.length > 0) throw unsupported(`the parameter ${strange.join(", ")} of ${what}`);
    const fault = faults.meet(request);
    if (typeof fault?.kind === "number") throw failing(fault.kind);
    if (fault?.kind === "reset") return void message.socket.destroy();
    if (fault?.kind === "stall") return;
    if (fault?.kind === "skew") {
      throw refusal(
        403,
        "RequestTimeTooSkewed",
        "The difference between the request time and the server's time is too large.",
      );
    }
    if (fault?.kind === "page") {
      response.writeHead(200, { "content-type": "text/html" });
      return void response.end("<html>Sign in to the network</html>");
    }
    const bucket = buckets.get(request.bucket);
    // assumed: the signature is looked at before the bucket is
    requireSignature(request, bucket?.settings.region ?? regionOf(request));
    if (bucket === undefined) throw noBucket(request.bucket);
    permit(bucket, request);
    if (kind === "list") return sendPage(bucket, query, response);
    const object = bucket.objects.get(key);
    if (object === undefined) throw noKey(key);
    // documented: API_GetObject (If-Match)
    const condition = request.headers["if-match"];
    if (condition !== undefined && condition !== `"${object.tag}"` && fault?.kind !== "ignore-condition") {
      throw refusal(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
    }
    if (kind === "head") {
      response.writeHead(200, headersOf(object));
      return void response.end();
    }
    if (fault?.kind === "kms") throw kmsDenied();
    if (object.isArchived) {
      const text = "The operation is not valid for the object's storage class";
      throw refusal(403, "InvalidObjectState", text, { StorageClass: "GLACIER" });
    }
    return sendObject(object, request, response, fault, (bytes) =>
      sentBytes.set(key, (sentBytes.get(key) ?? 0) + bytes),
    );
  }

  const server = createServer((message, response) => {
    const request = parse(message);
    requests.push(request);
    answer(request, message, response).catch((error: unknown) => {
      if (response.headersSent || response.destroyed) return response.destroy();
      const found = isRefusal(error) ? error : refusal(501, "NotImplemented", String(error));
      if (found.status === 501) refused.push(found.message);
      message.resume();
      return sendRefusal(response, found, request.method !== "HEAD");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const addBucket = (name: string, settings: BucketSettings = {}): void =>
    void buckets.set(name, { name, objects: new Map(), settings, denied: false });
  for (const name of names) addBucket(name);
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    addBucket,
    put: (bucket, key, bytes, settings) => writeObject(bucketOf(bucket), key, bytes, settings),
    remove: (bucket, key) => void bucketOf(bucket).objects.delete(key),
    deny: (bucket, isDenied) => void (bucketOf(bucket).denied = isDenied),
    fault: (fault) => faults.add(fault),
    heal: () => faults.clear(),
    requests,
    count: (kind) => requests.filter((request) => request.kind === kind).length,
    refused,
    sentBytes,
    async connections() {
      server.closeIdleConnections();
      await new Promise((resolve) => setTimeout(resolve, 20));
      return new Promise((resolve, reject) =>
        server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
      );
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** documented: ErrorResponses */
function failing(status: number): Error {
  if (status === 503) return refusal(503, "SlowDown", "Please reduce your request rate.");
  if (status === 500) return refusal(500, "InternalError", "We encountered an internal error. Please try again.");
  if (status === 429) return refusal(429, "TooManyRequests", "Please reduce your request rate.");
  if (status === 403) return refusal(403, "AllAccessDisabled", "All access to this object has been disabled.");
  return refusal(status, "Teapot", "Unexpected.");
}

/** documented: API_GetObject#API_GetObject_Permissions, troubleshoot-403-errors */
function kmsDenied(): Error {
  const { message } = denied("kms:Decrypt", "");
  const key = "arn:aws:kms:us-east-1:111122223333:key/4f";
  return refusal(403, "AccessDenied", message.replace("arn:aws:s3:::", key));
}

/** Where there is no bucket, any region will do. */
function regionOf(request: S3Request): string {
  return (
    /\/(?<region>[\w-]+)\/s3\/aws4_request/u.exec(String(request.headers["authorization"]))?.groups?.["region"] ?? ""
  );
}

function permit(bucket: S3Bucket, request: S3Request): void {
  const { kind, headers, key } = request;
  // documented: ObjectsinRequesterPaysBuckets - 403 without x-amz-request-payer: requester; assumed: its words
  if (bucket.settings.requesterPays === true && headers["x-amz-request-payer"] !== "requester") {
    throw refusal(403, "AccessDenied", "Access Denied");
  }
  if (!bucket.denied) return;
  // documented: API_ListObjectsV2, API_GetObject and API_HeadObject (Permissions)
  throw kind === "list" ? denied("s3:ListBucket", bucket.name) : denied("s3:GetObject", `${bucket.name}/${key}`);
}

function sendPage(bucket: S3Bucket, query: Readonly<Record<string, string>>, response: ServerResponse): void {
  const { prefix = "", "continuation-token": token, "encoding-type": encoding } = query;
  if (encoding !== undefined && encoding !== "url") {
    throw refusal(400, "InvalidArgument", "Invalid Encoding Method specified in Request");
  }
  // documented: API_ListObjectsV2 - general purpose buckets list in the order of the keys' UTF-8 bytes
  const objects = [...bucket.objects.values()]
    .filter(({ key }) => key.startsWith(prefix))
    .toSorted((left, right) => Buffer.compare(Buffer.from(left.key), Buffer.from(right.key)));
  // documented: API_ListObjectsV2 (ContinuationToken) - obfuscated, no key; assumed: what is written meanwhile shifts no page
  const last = token === undefined ? undefined : Buffer.from(token, "base64url");
  const left = objects.filter(({ key }) => last === undefined || Buffer.compare(Buffer.from(key), last) > 0);
  const page = left.slice(0, pageSize);
  const next = left.length > pageSize ? Buffer.from(page.at(-1)?.key ?? "").toString("base64url") : undefined;
  sendListing(response, bucket, { objects: page, prefix, next, isEncoded: encoding === "url" });
}
