import type { IncomingMessage } from "node:http";

/** What a request asks of the server. */
export type S3RequestKind = "list" | "head" | "get" | "refused";

/** One request as the server understood it. */
export interface S3Request {
  readonly kind: S3RequestKind;
  readonly method: string;
  /** Without the query, as sent. */
  readonly path: string;
  readonly rawQuery: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bucket: string;
  /** Empty for a listing. */
  readonly key: string;
}

/** What a request asks; `refused` when it is none that billhouse makes. documented: VirtualHosting#path-style-access */
export function parse(message: IncomingMessage): S3Request {
  const { method = "", headers, url = "" } = message;
  const [path = "", rawQuery = ""] = url.split(/\?(?<query>.*)/su);
  const way = /^\/(?<bucket>[^/]+)(?:\/(?<key>.*))?$/su.exec(path)?.groups;
  const { bucket = "", key = "" } = way ?? {};
  const query = Object.fromEntries(new URLSearchParams(rawQuery));
  return {
    kind: kindOf(method, query, bucket, key),
    method,
    path,
    rawQuery,
    query,
    headers,
    bucket,
    key: decodeURIComponent(key),
  };
}

function kindOf(method: string, query: Readonly<Record<string, string>>, bucket: string, key: string): S3RequestKind {
  if (bucket === "") return "refused";
  if (key === "") return method === "GET" && query["list-type"] === "2" ? "list" : "refused";
  return method === "GET" ? "get" : method === "HEAD" ? "head" : "refused";
}

/**
 * How a request fails:
 * - a number: an answer with that status
 * - `reset`: the connection breaks before there is an answer
 * - `reset-after-bytes`, `stall-after-bytes`: it breaks, or falls silent, after `bytes` bytes of an object
 * - `stall`: there is never an answer
 * - `corrupt`: one bit of the object's bytes is turned
 * - `page`: something that stands in between answers with a page of its own and status 200
 * - `ignore-range`, `ignore-condition`: the server overlooks that part of the request
 * - `kms`: the key that encrypts the object may not be used
 * - `skew`: the server's clock is another
 */
export type S3FaultKind =
  | 403
  | 418
  | 429
  | 500
  | 503
  | "reset"
  | "reset-after-bytes"
  | "stall"
  | "stall-after-bytes"
  | "corrupt"
  | "page"
  | "ignore-range"
  | "ignore-condition"
  | "kms"
  | "skew";

/** A scripted fault, and which requests meet it. */
export interface S3Fault {
  readonly kind: S3FaultKind;
  /** All requests by default. */
  readonly match?: S3RequestKind;
  /** How many matching requests meet it: 1 by default. */
  readonly times?: number;
  /** For the kinds that end in `after-bytes`. */
  readonly bytes?: number;
}

/** The faults of a server, each used up as requests meet it. */
export interface S3Faults {
  add(fault: S3Fault): void;
  /** Takes back all that is left. */
  clear(): void;
  /** The fault that a request meets, or undefined. */
  meet(request: S3Request): S3Fault | undefined;
}

/** An empty script. */
export function makeFaults(): S3Faults {
  const script: { readonly fault: S3Fault; times: number }[] = [];
  return {
    add: (fault) => void script.push({ fault, times: fault.times ?? 1 }),
    clear: () => void script.splice(0),
    meet({ kind }) {
      const entry = script.find(({ fault, times }) => times > 0 && (fault.match ?? kind) === kind);
      if (entry !== undefined) entry.times -= 1;
      return entry?.fault;
    },
  };
}
