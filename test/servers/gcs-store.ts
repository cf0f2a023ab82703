import { createHash } from "node:crypto";

/** One generation of an object. */
export interface GcsObject {
  readonly key: string;
  readonly bytes: Buffer;
  /** documented: storage/docs/json_api/v1/objects - a 64-bit number as text, larger for whatever is written later */
  readonly generation: string;
  readonly updated: string;
  /** ISO 8601. */
  readonly created: string;
  readonly contentType: string;
  readonly contentEncoding: string | undefined;
  /** Base64. documented: storage/docs/composite-objects - composed objects have a CRC32C and no MD5 */
  readonly md5: string | undefined;
  /** Base64 of the big-endian sum. */
  readonly crc32c: string;
}

/** What is said of an object when it is written. */
export interface ObjectSettings {
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
  /** Composed of others, and so without MD5. */
  readonly composed?: boolean;
  /** When it was made, in ISO 8601: now by default. */
  readonly created?: string;
}

/** A bucket. */
export interface GcsBucket {
  readonly name: string;
  /** Live objects by key. */
  readonly objects: Map<string, GcsObject>;
  /** Their keys in the order of their bytes, once a listing has asked for them; undefined after a change. */
  names: readonly string[] | undefined;
  /** Generations that were replaced or deleted, in a bucket with object versioning. */
  readonly noncurrent: GcsObject[];
  readonly settings: BucketSettings;
  /** Requests may neither list nor read nor write. */
  denied: boolean;
}

/** What a bucket is made with. */
export interface BucketSettings {
  /** Takes uploads and deletions. A bucket where bills are delivered does not: billhouse never writes there. */
  readonly writable?: boolean;
  /** documented: storage/docs/requester-pays */
  readonly requesterPays?: boolean;
  /** documented: storage/docs/object-versioning */
  readonly versioning?: boolean;
}

let lastGeneration = 1_700_000_000_000_000n;

/** An empty bucket. */
export function makeBucket(name: string, settings: BucketSettings): GcsBucket {
  return { name, objects: new Map(), names: undefined, noncurrent: [], settings, denied: false };
}

/** Writes an object, whole; what was there before is replaced. */
export function writeObject(
  bucket: GcsBucket,
  key: string,
  content: string | Uint8Array,
  settings: ObjectSettings = {},
): GcsObject {
  const bytes = Buffer.from(content);
  lastGeneration += 1_000_003n;
  const object: GcsObject = {
    key,
    bytes,
    generation: String(lastGeneration),
    updated: new Date(Number(lastGeneration / 1000n)).toISOString(),
    created: settings.created ?? new Date().toISOString(),
    contentType: settings.contentType ?? "application/octet-stream",
    contentEncoding: settings.contentEncoding,
    md5: settings.composed === true ? undefined : createHash("md5").update(bytes).digest("base64"),
    crc32c: crc32c(bytes),
  };
  removeObject(bucket, key);
  bucket.objects.set(key, object);
  bucket.names = undefined;
  return object;
}

/** Deletes an object. */
export function removeObject(bucket: GcsBucket, key: string): void {
  const live = bucket.objects.get(key);
  if (live !== undefined && bucket.settings.versioning === true) bucket.noncurrent.push(live);
  bucket.objects.delete(key);
  bucket.names = undefined;
}

/** All properties of an object in the JSON API, before `fields` selects some. */
export function resourceOf(bucket: GcsBucket, object: GcsObject): Record<string, unknown> {
  // documented: storage/docs/json_api/v1/objects#resource - numbers of 64 bits are text
  return {
    kind: "storage#object",
    id: `${bucket.name}/${object.key}/${object.generation}`,
    name: object.key,
    bucket: bucket.name,
    generation: object.generation,
    metageneration: "1",
    contentType: object.contentType,
    ...(object.contentEncoding === undefined ? {} : { contentEncoding: object.contentEncoding }),
    storageClass: "STANDARD",
    size: String(object.bytes.length),
    ...(object.md5 === undefined ? {} : { md5Hash: object.md5 }),
    crc32c: object.crc32c,
    etag: Buffer.from(object.generation).toString("base64"),
    timeCreated: object.created,
    updated: object.updated,
  };
}

/** Base64 of the big-endian CRC32C (Castagnoli) of bytes. documented: storage/docs/json_api/v1/objects#resource */
export function crc32c(bytes: Uint8Array): string {
  let sum = 0xff_ff_ff_ff;
  for (const byte of bytes) sum = (castagnoli[(sum ^ byte) & 0xff] ?? 0) ^ (sum >>> 8);
  const encoded = Buffer.alloc(4);
  encoded.writeUInt32BE((sum ^ 0xff_ff_ff_ff) >>> 0);
  return encoded.toString("base64");
}

const castagnoli = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82_f6_3b_78 : value >>> 1;
  return value;
});
