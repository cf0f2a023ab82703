import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import {
  choose,
  conditionNotMet,
  invalid,
  isRefusal,
  noBucket,
  noObject,
  permit,
  refusal,
  sendJson,
  sendRefusal,
  unsupported,
  type GcsRefusal,
} from "./gcs-answers.ts";
import { makeFaults, type GcsFault, type GcsRequest, type GcsRequestKind } from "./gcs-faults.ts";
import { sendMedia } from "./gcs-media.ts";
import { parameters, parse } from "./gcs-requests.ts";
import {
  makeBucket,
  removeObject,
  resourceOf,
  writeObject,
  type BucketSettings,
  type GcsBucket,
  type GcsObject,
  type ObjectSettings,
} from "./gcs-store.ts";
import { makeUploads, requireGeneration } from "./gcs-uploads.ts";

/**
 * A server that speaks the part of Cloud Storage's JSON API that billhouse uses, and refuses everything else with 501.
 * Rules that the documentation of Google Cloud states are marked `documented` with the page below
 * https://docs.cloud.google.com/, others `assumed`.
 */
export interface GcsServer {
  /** `http://127.0.0.1:port` */
  readonly endpoint: string;
  addBucket(name: string, settings?: BucketSettings): void;
  /** Writes an object as its owner does, past all rights. Gives the new generation. */
  put(bucket: string, key: string, bytes: string | Uint8Array, settings?: ObjectSettings): string;
  remove(bucket: string, key: string): void;
  /** Takes or gives back all rights on a bucket. */
  deny(bucket: string, isDenied: boolean): void;
  /** The live object, past all rights, faults and counts; undefined where there is none. */
  object(bucket: string, key: string): GcsObject | undefined;
  /** The keys of the live objects in the order of their bytes, past all rights, faults and counts. */
  keys(bucket: string): readonly string[];
  fault(fault: GcsFault): void;
  /** Every request that came, in order, also those that met a fault. */
  readonly requests: GcsRequest[];
  /** How many requests of a kind came, for one key or for all. */
  count(kind: GcsRequestKind, key?: string): number;
  /** What was asked that the server does not know. Empty unless billhouse asks for more than it should. */
  readonly refused: string[];
  /** Bytes of objects that were sent, by key. */
  readonly mediaBytes: Map<string, number>;
  /** Connections that are at work: those that only wait for another request are not counted. */
  connections(): Promise<number>;
  close(): Promise<void>;
}

/** The page size: so small that every test reads pages. */
export const pageSize = 3;

/** Starts the server on a port of its own with empty buckets. */
export async function startGcsServer(...names: readonly string[]): Promise<GcsServer> {
  const buckets = new Map<string, GcsBucket>();
  const faults = makeFaults();
  const requests: GcsRequest[] = [];
  const refused: string[] = [];
  const mediaBytes = new Map<string, number>();
  let endpoint = "";
  const uploads = makeUploads(() => endpoint);

  function bucketOf(name: string): GcsBucket {
    const bucket = buckets.get(name);
    if (bucket === undefined) throw noBucket();
    return bucket;
  }

  async function answer(request: GcsRequest, message: IncomingMessage, response: ServerResponse): Promise<void> {
    const { kind, query, key } = request;
    if (kind === "refused") throw unsupported(`${request.method} ${message.url}`);
    const strange = Object.keys(query).filter((name) => !parameters[kind].includes(name));
    if (strange.length > 0)
      throw unsupported(`the parameter ${strange.join(", ")} of ${request.method} ${message.url}`);
    const fault = faults.meet(request);
    if (typeof fault?.kind === "number") throw failing(fault.kind);
    if (fault?.kind === "reset") return void message.socket.destroy();
    if (fault?.kind === "stall") return;
    if (fault?.kind === "late") await new Promise((resolve) => setTimeout(resolve, fault.delay));
    if (fault?.kind === "page") {
      response.writeHead(200, { "content-type": "text/html" });
      return void response.end("<html>Sign in to the network</html>");
    }
    if (kind === "chunk") return uploads.chunk(request, message, response, fault);
    const bucket = bucketOf(request.bucket);
    if (kind === "list") return sendPage(bucket, query, response);
    if (kind === "metadata" || kind === "media") {
      permit(bucket, query, "storage.objects.get");
      const object = objectOf(bucket, key, query, fault);
      if (kind === "metadata") return sendJson(response, 200, choose(resourceOf(bucket, object), query["fields"]));
      return sendMedia(object, request, response, fault, (bytes) =>
        mediaBytes.set(key, (mediaBytes.get(key) ?? 0) + bytes),
      );
    }
    permit(bucket, query, kind === "delete" ? "storage.objects.delete" : "storage.objects.create");
    if (bucket.settings.writable !== true) throw unsupported(`writing to ${bucket.name}, where bills are delivered`);
    if (kind === "upload") return uploads.simple(request, bucket, message, response);
    if (kind === "session") return uploads.begin(request, bucket, message, response);
    objectOf(bucket, key, query, undefined);
    removeObject(bucket, key);
    // documented: storage/docs/json_api/v1/objects/delete
    response.writeHead(204);
    response.end();
  }

  const server = createServer((message, response) => {
    const request = parse(message);
    requests.push(request);
    answer(request, message, response).catch((error: unknown) => {
      if (response.headersSent || response.destroyed) return response.destroy();
      const found = isRefusal(error) ? error : refusal(501, "internal", String(error));
      if (found.status === 501) refused.push(found.message);
      message.resume();
      return sendRefusal(response, found, request.kind === "media");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const name of names) buckets.set(name, makeBucket(name, {}));
  return {
    endpoint,
    addBucket: (name, settings = {}) => void buckets.set(name, makeBucket(name, settings)),
    put: (bucket, key, bytes, settings) => writeObject(bucketOf(bucket), key, bytes, settings).generation,
    remove: (bucket, key) => removeObject(bucketOf(bucket), key),
    deny: (bucket, isDenied) => void (bucketOf(bucket).denied = isDenied),
    object: (bucket, key) => buckets.get(bucket)?.objects.get(key),
    keys: (bucket) => inByteOrder([...bucketOf(bucket).objects.keys()]),
    fault: (fault) => faults.add(fault),
    requests,
    count: (kind, key) =>
      requests.filter((request) => request.kind === kind && (key === undefined || request.key === key)).length,
    refused,
    mediaBytes,
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

/** documented: storage/docs/json_api/v1/status-codes */
function failing(status: number): GcsRefusal {
  if (status === 429) return refusal(429, "rateLimitExceeded", "The object exceeded the rate limit.");
  if (status !== 403) return refusal(status, "backendError", "Backend Error");
  return refusal(403, "accountDisabled", "The billing account for the owning project is disabled in state absent");
}

function sendPage(bucket: GcsBucket, query: Readonly<Record<string, string>>, response: ServerResponse): void {
  permit(bucket, query, "storage.objects.list");
  const { prefix = "", pageToken, fields } = query;
  // documented: storage/docs/json_api/v1/objects/list - in the order of names; a page may hold fewer than maxResults
  bucket.names ??= inByteOrder([...bucket.objects.keys()]);
  const names = bucket.names.filter((name) => name.startsWith(prefix));
  const start = pageToken === undefined ? 0 : startOf(names, pageToken);
  const page = names.slice(start, start + pageSize);
  const items = page.flatMap((name) => bucket.objects.get(name) ?? []).map((object) => resourceOf(bucket, object));
  const last = page.at(-1);
  const body = {
    kind: "storage#objects",
    // assumed: a token names the last object of the page, so that objects written meanwhile do not shift the pages
    ...(last !== undefined && start + pageSize < names.length
      ? { nextPageToken: Buffer.from(last).toString("base64") }
      : {}),
    // documented: storage/docs/json_api/v1/objects/list - an empty page has no items
    ...(items.length === 0 ? {} : { items }),
  };
  sendJson(response, 200, choose(body, fields));
}

function startOf(names: readonly string[], pageToken: string): number {
  const last = Buffer.from(pageToken, "base64");
  if (last.toString("base64") !== pageToken) throw invalid("Invalid page token.");
  const at = names.indexOf(last.toString());
  if (at >= 0) return at + 1;
  const start = names.findIndex((name) => Buffer.compare(Buffer.from(name), last) > 0);
  return start < 0 ? names.length : start;
}

/** The object that a request is about: the live one, or the generation that it names. */
function objectOf(
  bucket: GcsBucket,
  key: string,
  query: Readonly<Record<string, string>>,
  fault: GcsFault | undefined,
): GcsObject {
  const { generation, ifGenerationMatch } = query;
  const live = bucket.objects.get(key);
  // documented: storage/docs/json_api/v1/objects/get - `generation` also finds noncurrent ones
  const candidates = live === undefined ? bucket.noncurrent : [live, ...bucket.noncurrent];
  const object =
    generation === undefined
      ? live
      : candidates.find((candidate) => candidate.key === key && candidate.generation === generation);
  // assumed: an object that is not there is 404 also under a condition
  if (object === undefined) throw noObject(bucket.name, key);
  if (fault?.kind === "ignore-condition") return object;
  // documented: storage/docs/request-preconditions
  if (generation === undefined) requireGeneration(bucket, key, ifGenerationMatch);
  else if (ifGenerationMatch !== undefined && ifGenerationMatch !== object.generation) throw conditionNotMet();
  return object;
}

function inByteOrder(names: readonly string[]): readonly string[] {
  return names.toSorted((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
}
