import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

/** An object. */
export interface S3Object {
  readonly key: string;
  readonly bytes: Buffer;
  /** Without quotes. documented: API_Object (ETag) - the MD5 of some objects, of parts it is `<hex>-<number of parts>` */
  readonly tag: string;
  /** ISO 8601; S3 tells whole seconds. */
  readonly modified: string;
  /** Base64 of the big-endian CRC32. documented: checking-object-integrity */
  readonly crc32: string;
  readonly isArchived: boolean;
}

/** What is said of an object when it is written. */
export interface ObjectSettings {
  /** Written in parts, so that the ETag is no MD5. */
  readonly isMultipart?: boolean;
  /** documented: API_GetObject - in Glacier Flexible Retrieval it can be looked at, not read */
  readonly isArchived?: boolean;
}

/** A bucket. */
export interface S3Bucket {
  readonly name: string;
  readonly objects: Map<string, S3Object>;
  readonly settings: BucketSettings;
  /** Whoever asks may neither list nor read. */
  denied: boolean;
}

/** What a bucket is made with. */
export interface BucketSettings {
  /** documented: RequesterPaysBuckets */
  readonly requesterPays?: boolean;
  /** `us-east-1` by default. */
  readonly region?: string;
  /**
   * Encrypted with a key of AWS KMS. documented: API_Object (ETag) - then the ETag is no MD5 of the bytes; assumed: each
   * write has another one, as each is encrypted with another data key
   */
  readonly isEncrypted?: boolean;
}

let seconds = 1_750_000_000;

/** Writes an object, whole; what was there before is replaced. */
export function writeObject(
  bucket: S3Bucket,
  key: string,
  content: string | Uint8Array,
  settings: ObjectSettings = {},
): S3Object {
  const bytes = Buffer.from(content);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  const md5 = hash(bytes);
  seconds += 1;
  const whole = bucket.settings.isEncrypted === true ? hash(`${seconds}${md5}`) : md5;
  const object = {
    key,
    bytes,
    tag: settings.isMultipart === true ? `${hash(whole)}-2` : whole,
    modified: new Date(seconds * 1000).toISOString(),
    crc32: sum.toString("base64"),
    isArchived: settings.isArchived === true,
  };
  bucket.objects.set(key, object);
  return object;
}

function hash(content: string | Uint8Array): string {
  return createHash("md5").update(content).digest("hex");
}
