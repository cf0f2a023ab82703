import type { ServerResponse } from "node:http";

import { refusal, unsupported } from "./s3-answers.ts";
import type { S3Fault, S3Request } from "./s3-faults.ts";
import type { S3Object } from "./s3-store.ts";

/** documented: API_HeadObject#API_HeadObject_ResponseSyntax */
export function headersOf(object: S3Object): Record<string, string | number> {
  return {
    "content-type": "binary/octet-stream",
    "content-length": object.bytes.length,
    "last-modified": new Date(object.modified).toUTCString(),
    etag: `"${object.tag}"`,
    "accept-ranges": "bytes",
    ...(object.isArchived ? { "x-amz-storage-class": "GLACIER" } : {}),
  };
}

/** Sends the bytes of an object, counted as they go. documented: API_GetObject#API_GetObject_ResponseSyntax */
export async function sendObject(
  object: S3Object,
  request: S3Request,
  response: ServerResponse,
  fault: S3Fault | undefined,
  counted: (bytes: number) => void,
): Promise<void> {
  const range = fault?.kind === "ignore-range" ? undefined : rangeOf(object, request);
  const bytes = Buffer.from(object.bytes.subarray(range?.start, range?.end));
  if (fault?.kind === "corrupt" && bytes.length > 0) bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  // documented: API_GetObject (x-amz-checksum-mode); assumed: a part of an object has no checksum
  const isSummed = range === undefined && request.headers["x-amz-checksum-mode"] === "ENABLED";
  response.writeHead(range === undefined ? 200 : 206, {
    ...headersOf(object),
    "content-length": bytes.length,
    ...(range === undefined ? {} : { "content-range": `bytes ${range.start}-${range.end - 1}/${object.bytes.length}` }),
    ...(isSummed ? { "x-amz-checksum-crc32": object.crc32, "x-amz-checksum-type": "FULL_OBJECT" } : {}),
  });
  const limit = fault?.kind.toString().endsWith("after-bytes") === true ? (fault.bytes ?? 0) : Infinity;
  response.flushHeaders();
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

/** documented: API_GetObject (Range), ErrorResponses (InvalidRange) */
function rangeOf(object: S3Object, request: S3Request): { readonly start: number; readonly end: number } | undefined {
  const header = request.headers["range"];
  if (header === undefined) return undefined;
  const match = /^bytes=(?<start>\d+)-(?<last>\d+)$/u.exec(String(header))?.groups;
  if (match === undefined) throw unsupported(`the range ${String(header)}`);
  const [start, last] = [Number(match["start"]), Number(match["last"])];
  if (start >= object.bytes.length) throw refusal(416, "InvalidRange", "The requested range is not satisfiable");
  return { start, end: Math.min(object.bytes.length, last + 1) };
}
