import type { IncomingMessage } from "node:http";

import type { GcsRequest, GcsRequestKind } from "./gcs-faults.ts";

/** Query parameters of each call. documented: storage/docs/json_api/v1/objects */
export const parameters: Readonly<Record<Exclude<GcsRequestKind, "refused">, readonly string[]>> = {
  list: ["prefix", "pageToken", "maxResults", "fields", "userProject"],
  metadata: ["fields", "generation", "ifGenerationMatch", "userProject"],
  media: ["alt", "generation", "ifGenerationMatch", "userProject"],
  upload: ["uploadType", "name", "ifGenerationMatch", "userProject"],
  session: ["uploadType", "name", "ifGenerationMatch", "userProject"],
  chunk: ["uploadType", "name", "upload_id", "userProject"],
  delete: ["generation", "ifGenerationMatch", "userProject"],
};

/** What a request asks; `refused` when it is none that billhouse makes. */
export function parse(message: IncomingMessage): GcsRequest {
  const { method = "", headers } = message;
  const url = new URL(message.url ?? "", "http://server");
  const query = Object.fromEntries(url.searchParams);
  // documented: storage/docs/request-endpoints#encoding - a key is one part of the path, with `/` as %2F
  const way = /^(?<upload>\/upload)?\/storage\/v1\/b\/(?<bucket>[^/]+)\/o(?:\/(?<key>[^/]+))?$/u.exec(url.pathname);
  const { upload, bucket = "", key } = way?.groups ?? {};
  return {
    kind: way === null ? "refused" : kindOf(method, query, upload !== undefined, key !== undefined),
    method,
    path: url.pathname,
    query,
    headers,
    bucket,
    key: key === undefined ? (query["name"] ?? "") : decodeURIComponent(key),
  };
}

function kindOf(
  method: string,
  query: Readonly<Record<string, string>>,
  isUpload: boolean,
  hasKey: boolean,
): GcsRequestKind {
  if (isUpload && hasKey) return "refused";
  if (isUpload && method === "PUT" && query["upload_id"] !== undefined) return "chunk";
  if (isUpload && method === "POST" && query["uploadType"] === "multipart") return "upload";
  if (isUpload && method === "POST" && query["uploadType"] === "resumable") return "session";
  if (isUpload) return "refused";
  if (method === "GET" && !hasKey) return "list";
  if (method === "GET") return query["alt"] === "media" ? "media" : query["alt"] === undefined ? "metadata" : "refused";
  return method === "DELETE" && hasKey ? "delete" : "refused";
}
