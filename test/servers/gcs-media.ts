import type { ServerResponse } from "node:http";
import { createGunzip } from "node:zlib";

import { refusal, unsupported } from "./gcs-answers.ts";
import type { GcsFault, GcsRequest } from "./gcs-faults.ts";
import type { GcsObject } from "./gcs-store.ts";

/**
 * Sends the bytes of an object, counted as they go. documented: storage/docs/json_api/v1/objects/get with alt=media, and
 * storage/docs/transcoding
 */
export async function sendMedia(
  object: GcsObject,
  request: GcsRequest,
  response: ServerResponse,
  fault: GcsFault | undefined,
  counted: (bytes: number) => void,
): Promise<void> {
  const isPacked = object.contentEncoding === "gzip";
  const headers = {
    "content-type": object.contentType,
    "x-goog-generation": object.generation,
    "x-goog-metageneration": "1",
    // documented: storage/docs/xml-api/reference-headers#xgooghash - sums of the stored bytes
    "x-goog-hash": object.md5 === undefined ? `crc32c=${object.crc32c}` : `crc32c=${object.crc32c},md5=${object.md5}`,
    "x-goog-stored-content-encoding": object.contentEncoding ?? "identity",
    "x-goog-stored-content-length": object.bytes.length,
  };
  // documented: storage/docs/transcoding#decompressive_transcoding - unpacked for who does not take gzip, ranges ignored
  if (isPacked && !/\bgzip\b/u.test(String(request.headers["accept-encoding"] ?? ""))) {
    response.writeHead(200, headers);
    const unpacked = createGunzip();
    unpacked.pipe(response);
    unpacked.end(object.bytes);
    return;
  }
  const range = fault?.kind === "ignore-range" ? undefined : rangeOf(object, request);
  const bytes = Buffer.from(object.bytes.subarray(range?.start, range?.end));
  if (fault?.kind === "corrupt" && bytes.length > 0) bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  response.writeHead(range === undefined ? 200 : 206, {
    ...headers,
    ...(isPacked ? { "content-encoding": "gzip" } : {}),
    ...(range === undefined ? {} : { "content-range": `bytes ${range.start}-${range.end - 1}/${object.bytes.length}` }),
    "accept-ranges": "bytes",
    "content-length": bytes.length,
  });
  const limit = fault?.kind.toString().endsWith("after-bytes") === true ? (fault.bytes ?? 0) : Infinity;
  for (let position = 0; position < Math.min(limit, bytes.length);) {
    const piece = bytes.subarray(position, Math.min(limit, position + 64 * 1024));
    await new Promise<void>((resolve, reject) => {
      response.once("close", reject);
      response.write(piece, (error) => (error ? reject(error) : resolve()));
    });
    response.removeAllListeners("close");
    position += piece.length;
    counted(piece.length);
  }
  if (fault?.kind === "reset-after-bytes") response.socket?.destroy();
  else if (fault?.kind !== "stall-after-bytes") response.end();
}

/** documented: storage/docs/json_api/v1/parameters#range (the end is included) */
function rangeOf(object: GcsObject, request: GcsRequest): { readonly start: number; readonly end: number } | undefined {
  const header = request.headers["range"];
  if (header === undefined) return undefined;
  const match = /^bytes=(?<start>\d+)-(?<end>\d*)$/u.exec(String(header));
  if (match === null) throw unsupported(`the range ${String(header)}`);
  const start = Number(match.groups?.["start"]);
  const last = match.groups?.["end"] === "" ? Infinity : Number(match.groups?.["end"]);
  // documented: storage/docs/json_api/v1/status-codes#416
  if (start >= object.bytes.length) {
    throw refusal(416, "requestedRangeNotSatisfiable", "Request range not satisfiable");
  }
  return { start, end: Math.min(object.bytes.length, last + 1) };
}
