import { createHash, randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

import { conditionNotMet, invalid, refusal, sendJson, unsupported } from "./gcs-answers.ts";
import type { GcsFault, GcsRequest } from "./gcs-faults.ts";
import { crc32c, resourceOf, writeObject, type GcsBucket, type GcsObject, type ObjectSettings } from "./gcs-store.ts";

/** An upload in several requests. */
interface Session {
  readonly bucket: GcsBucket;
  readonly key: string;
  readonly metadata: Metadata;
  readonly ifGenerationMatch: string | undefined;
  received: Buffer;
  done: GcsObject | undefined;
}

/** What an upload says of the object. */
interface Metadata extends ObjectSettings {
  readonly name?: string;
  readonly md5Hash?: string;
  readonly crc32c?: string;
  readonly cacheControl?: string;
  readonly metadata?: unknown;
}

/** The uploads of a server. */
export interface GcsUploads {
  /** An object in one request: JSON and bytes as multipart/related. */
  simple(request: GcsRequest, bucket: GcsBucket, message: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Begins an upload in several requests. */
  begin(request: GcsRequest, bucket: GcsBucket, message: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Bytes of it, or a question how many have come. */
  chunk(request: GcsRequest, message: IncomingMessage, response: ServerResponse, fault?: GcsFault): Promise<void>;
}

/** documented: storage/docs/performing-resumable-uploads#chunked-upload */
const unit = 256 * 1024;

/** No uploads yet; `endpoint` is where sessions are continued. */
export function makeUploads(endpoint: () => string): GcsUploads {
  const sessions = new Map<string, Session>();
  return {
    async simple(request, bucket, message, response) {
      const [metadata, bytes] = parseMultipart(await collect(message), String(message.headers["content-type"]));
      const key = keyOf(request, metadata);
      requireGeneration(bucket, key, request.query["ifGenerationMatch"]);
      requireSums(bytes, metadata, message.headers["x-goog-hash"]);
      sendJson(response, 200, resourceOf(bucket, writeObject(bucket, key, bytes, metadata)));
    },

    async begin(request, bucket, message, response) {
      const text = (await collect(message)).toString();
      const contentType = message.headers["x-upload-content-type"];
      const metadata = {
        ...parseMetadata(text === "" ? "{}" : text),
        ...(contentType === undefined ? {} : { contentType: String(contentType) }),
      };
      const key = keyOf(request, metadata);
      const ifGenerationMatch = request.query["ifGenerationMatch"];
      requireGeneration(bucket, key, ifGenerationMatch);
      const id = randomUUID();
      sessions.set(id, { bucket, key, metadata, ifGenerationMatch, received: Buffer.alloc(0), done: undefined });
      const query = new URLSearchParams({ uploadType: "resumable", name: key, upload_id: id });
      response.writeHead(200, {
        location: `${endpoint()}/upload/storage/v1/b/${bucket.name}/o?${query.toString()}`,
        "x-guploader-uploadid": id,
        "content-length": 0,
      });
      response.end();
    },

    async chunk(request, message, response, fault) {
      const session = sessions.get(request.query["upload_id"] ?? "");
      // documented: storage/docs/performing-resumable-uploads#handling_errors
      if (session === undefined) throw refusal(404, "notFound", "The upload session does not exist.");
      const range = /^bytes (?:(?<all>\*)|(?<start>\d+)-(?<end>\d+|\*))\/(?<total>\d+|\*)$/u.exec(
        String(message.headers["content-range"]),
      )?.groups;
      if (range === undefined) throw invalid("Failed to parse Content-Range header.");
      if (session.done !== undefined) return sendJson(response, 200, resourceOf(session.bucket, session.done));
      if (range["all"] === undefined) {
        if (Number(range["start"]) !== session.received.length)
          throw invalid("Invalid request. The range does not begin where the last one ended.");
        if (fault?.kind === "reset-after-bytes") return cut(session, message, fault.bytes ?? 0);
        session.received = Buffer.concat([session.received, await collect(message)]);
      }
      const { length } = session.received;
      const isLast =
        range["total"] === "*" ? range["end"] === "*" && range["all"] === undefined : length === Number(range["total"]);
      if (!isLast) {
        if (length % unit !== 0)
          throw invalid("Invalid request. A chunk that is not the last must be a multiple of 256 KiB.");
        response.writeHead(308, { ...(length === 0 ? {} : { range: `bytes=0-${length - 1}` }), "content-length": 0 });
        response.end();
        return;
      }
      requireGeneration(session.bucket, session.key, session.ifGenerationMatch);
      requireSums(session.received, session.metadata, message.headers["x-goog-hash"]);
      session.done = writeObject(session.bucket, session.key, session.received, session.metadata);
      sendJson(response, 200, resourceOf(session.bucket, session.done));
    },
  };
}

/** documented: storage/docs/request-preconditions - 0 means that there must be no such object */
export function requireGeneration(bucket: GcsBucket, key: string, expected: string | undefined): void {
  if (expected !== undefined && (bucket.objects.get(key)?.generation ?? "0") !== expected) throw conditionNotMet();
}

/** All bytes of a request. */
export async function collect(message: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of message) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** assumed: of a connection that breaks, whole units are kept. */
async function cut(session: Session, message: IncomingMessage, bytes: number): Promise<void> {
  const { socket } = message;
  let received = Buffer.alloc(0);
  for await (const piece of message) {
    received = Buffer.concat([received, piece]);
    if (received.length >= bytes) break;
  }
  const kept = Math.floor((session.received.length + Math.min(bytes, received.length)) / unit) * unit;
  session.received = Buffer.concat([session.received, received]).subarray(0, kept);
  socket.destroy();
}

function keyOf(request: GcsRequest, metadata: Metadata): string {
  const key = request.query["name"] ?? metadata.name;
  if (key === undefined || key === "") throw refusal(400, "required", "Required");
  return key;
}

/** documented: storage/docs/uploading-objects#rest-upload-objects (multipart/related: JSON, then bytes) */
function parseMultipart(body: Buffer, contentType: string): readonly [Metadata, Buffer] {
  const boundary = /^multipart\/related;.*\bboundary="?(?<boundary>[^";]+)/u.exec(contentType)?.groups?.["boundary"];
  if (boundary === undefined) throw invalid("Missing multipart boundary.");
  const parts: Buffer[] = [];
  let start = body.indexOf(`--${boundary}\r\n`);
  while (start >= 0) {
    const content = body.indexOf("\r\n\r\n", start) + 4;
    const end = body.indexOf(`\r\n--${boundary}`, content - 2);
    if (content < 4 || end < 0) throw invalid("Malformed multipart body.");
    parts.push(body.subarray(content, Math.max(content, end)));
    start = body.indexOf(`--${boundary}\r\n`, end + 2);
  }
  const [json, bytes] = parts;
  if (parts.length !== 2 || json === undefined || bytes === undefined) throw invalid("Malformed multipart body.");
  return [parseMetadata(json.toString()), bytes];
}

function parseMetadata(text: string): Metadata {
  const metadata = JSON.parse(text) as Record<string, unknown>;
  const known = ["name", "contentType", "contentEncoding", "md5Hash", "crc32c", "cacheControl", "metadata"];
  const foreign = Object.keys(metadata).filter((name) => !known.includes(name));
  if (foreign.length > 0) throw unsupported(`the metadata ${foreign.join(", ")}`);
  return metadata;
}

/** documented: storage/docs/data-validation - an upload whose sums are wrong is refused */
function requireSums(bytes: Buffer, metadata: Metadata, header: string | string[] | undefined): void {
  const declared = new Map(
    String(header ?? "")
      .split(",")
      .map((pair) => pair.trim().split(/=(?<value>.*)/su) as [string, string]),
  );
  const sums = [
    ["MD5 hash", createHash("md5").update(bytes).digest("base64"), [metadata.md5Hash, declared.get("md5")]],
    ["CRC32C", crc32c(bytes), [metadata.crc32c, declared.get("crc32c")]],
  ] as const;
  for (const [name, calculated, provided] of sums) {
    for (const value of provided) {
      if (value === undefined || value === calculated) continue;
      throw invalid(`Provided ${name} "${value}" doesn't match calculated ${name} "${calculated}".`);
    }
  }
}
