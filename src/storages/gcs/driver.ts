import { PassThrough, type Readable } from "node:stream";

import { accountOf, anonymous, authorize, isUnreached, useKey } from "../../google-login.ts";
import type { StoredObject } from "../../model.ts";
import { retryPolicy, type RetryPolicy } from "../../retry.ts";
import { allPages, objectStorage, partsOf, unexpectedAnswer, type ObjectService } from "../object-storage.ts";
import type { StorageDriver, StorageOptions } from "../storage.ts";
import { explain, invalidCredentials, isTransient, statusOf, type Bucket } from "./errors.ts";

/**
 * Storage `gs`: a bucket of Google Cloud Storage, given as `gs://bucket`.
 *
 * It needs the permissions storage.objects.list and storage.objects.get, the role Storage Object Viewer. The version is
 * the generation. Bytes are read as stored: an object with `Content-Encoding: gzip` is not decompressed. Whole
 * objects without an MD5 are compared with the CRC32C that comes with their bytes.
 * Errors: as `objectStorage`, and CREDENTIALS_INVALID.
 */
export const gcsStorage: StorageDriver = gcsStorageWith(retryPolicy);

/** Storage `gs` with another retry policy. */
export function gcsStorageWith(policy: RetryPolicy): StorageDriver {
  return {
    scheme: "gs",
    open: async (url, options) =>
      objectStorage(await openBucket(bucketOf(url), options, options.retryPolicy ?? policy)),
  };
}

function bucketOf(url: string): string {
  const { bucket = "" } = partsOf(
    url,
    /^gs:\/\/(?<bucket>[a-z0-9][a-z0-9._-]{1,220}[a-z0-9])\/?$/u,
    "The gs:// address does not name a bucket of Cloud Storage.",
    "Write the name of the bucket alone, as in gs://acme-billing; folders in it go into prefix.",
  );
  return bucket;
}

/** Loads the SDK and prepares its client; no request is sent yet. */
async function openBucket(name: string, options: StorageOptions, policy: RetryPolicy): Promise<ObjectService> {
  const { CRC32C, Storage } = await import("@google-cloud/storage");
  const { endpoint, payer, googleCredentials } = options;
  const client = new Storage({
    ...(endpoint === null ? {} : { apiEndpoint: endpoint }),
    // Requests are retried by `objectStorage`.
    retryOptions: { autoRetry: false },
  });
  // The SDK prefers STORAGE_EMULATOR_HOST, which is set for other programs, to the address passed to it.
  if (endpoint !== null) client.baseUrl = `${client.apiEndpoint}/storage/v1`;
  useKey(client.authClient, googleCredentials);
  const bucket: Bucket = { url: `gs://${name}`, payer, account: googleCredentials?.["client_email"] };
  const server = { url: bucket.url, name: "Cloud Storage" };
  const objects = client.bucket(name, payer === null ? {} : { userProject: payer });

  async function authenticate(): Promise<void> {
    if (client.customEndpoint) return;
    try {
      await authorize(client.authClient);
    } catch (error) {
      throw isUnreached(error) ? error : invalidCredentials(error);
    }
  }

  /** The object that the service describes. Error: STORAGE_UNAVAILABLE when the description is incomplete. */
  function toObject({ name: key, size, generation, md5Hash, updated }: ObjectMetadata): StoredObject {
    if (key === undefined || size === undefined || generation === undefined || updated === undefined) {
      throw unexpectedAnswer(server);
    }
    return {
      key,
      size: Number(size),
      version: String(generation),
      modified: new Date(updated).toISOString(),
      ...(md5Hash === undefined ? {} : { checksum: `md5:${Buffer.from(md5Hash, "base64").toString("hex")}` }),
    };
  }

  return {
    ...server,
    checks: "your network and https://status.cloud.google.com",
    policy,
    statusOf,
    isTransient,
    explain: (error, key) => explain(bucket, error, key),

    list: (folder, retried) =>
      allPages((token) =>
        retried(async () => {
          await authenticate();
          const [, , answer] = await objects.getFiles({
            autoPaginate: false,
            fields: `items(${objectFields}),nextPageToken`,
            ...(folder === "" ? {} : { prefix: folder }),
            ...(token === undefined ? {} : { pageToken: token }),
          });
          // A proxy's page would otherwise count as an empty listing.
          if (typeof answer !== "object" || answer === null) throw unexpectedAnswer(server);
          const { items = [], nextPageToken: next = "" } = answer as Listing;
          return { objects: items.map(toObject), next: next === "" ? undefined : next };
        }),
      ),

    // 1 to 1024 bytes of UTF-8 without line ends, neither `.` nor `..`. A name with `/` at its end is a folder's.
    canBeKey(key) {
      const length = Buffer.byteLength(key);
      return key.isWellFormed() && length > 0 && length <= 1024 && !/^\.{1,2}$|[\r\n]|\/$/u.test(key);
    },

    async head(key) {
      await authenticate();
      const [metadata] = await objects.file(key).getMetadata({ fields: objectFields });
      return toObject(metadata);
    },

    async get(object, part, signal) {
      await authenticate();
      signal.throwIfAborted();
      // Not `createReadStream`: it does not support conditions, and it pipes each answer twice, which makes Node print a
      // warning.
      const request = objects.file(object.key).requestStream({
        uri: "",
        headers: {
          // Without gzip among the accepted encodings, objects with `Content-Encoding: gzip` are sent decompressed.
          "Accept-Encoding": "gzip",
          "Cache-Control": "no-store",
          ...(part === undefined ? {} : { Range: `bytes=${part.start}-${part.end - 1}` }),
        },
        qs: {
          alt: "media",
          // Not `generation`: a bucket with versioning still serves generations that have been replaced.
          ifGenerationMatch: object.version,
          ...(payer === null ? {} : { userProject: payer }),
        },
      }) as unknown as SdkStream;
      const { head, body } = await answerTo(request, signal);
      const { "x-goog-generation": generation, "content-length": length } = head.headers;
      const expected = part === undefined ? object.size : part.end - part.start;
      const crc32c = /(?:^|[,\s])crc32c=(?<sum>[\w+/]+=*)/u.exec(head.headers["x-goog-hash"] ?? "")?.groups?.["sum"];
      const sum = new CRC32C();
      return {
        body,
        // Some emulators do not send the generation.
        version: generation ?? (Number(length) === expected ? object.version : undefined),
        length: length === undefined ? expected : Number(length),
        range: head.headers["content-range"],
        checksum:
          crc32c === undefined
            ? undefined
            : {
                update: (piece) => sum.update(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)),
                matches: () => sum.validate(crc32c),
              },
      };
    },

    async identity() {
      await authenticate();
      return client.customEndpoint ? anonymous : accountOf(client.authClient);
    },
  };
}

const objectFields = "name,size,generation,md5Hash,updated";

/** An object as the JSON API describes it: numbers are text. Composed objects lack `md5Hash` (base64). */
interface ObjectMetadata {
  readonly name?: string;
  readonly size?: string | number;
  readonly generation?: string | number;
  readonly md5Hash?: string;
  readonly updated?: string;
}

interface Listing {
  readonly items?: readonly ObjectMetadata[];
  readonly nextPageToken?: string;
}

/** What the SDK returns for a download; `abort` exists once the request has been sent. */
interface SdkStream extends NodeJS.ReadableStream {
  abort?(): void;
}

/** The head of an answer, as the SDK has it. Header names are in lower case. */
interface Head {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/**
 * The head and the bytes of an answer; destroying the bytes ends the request. Any status but success raises an error
 * with the status as `code`.
 */
async function answerTo(
  request: SdkStream,
  signal: AbortSignal,
): Promise<{ readonly head: Head; readonly body: Readable }> {
  const body = new PassThrough();
  const answer = new Promise<Head>((resolve, reject) => {
    let isAnswered = false;
    request.on("response", (head: Head) => {
      isAnswered = true;
      resolve(head);
    });
    request.on("error", (error: Error) => {
      body.destroy(error);
      reject(error);
    });
    // Without a listener, an error before the first read would be an unhandled one.
    body.on("error", () => {});
    body.on("close", () => {
      // An answer that arrives later is piped before the request can be aborted.
      if (isAnswered) request.abort?.();
      else request.on("response", () => setImmediate(() => request.abort?.()));
    });
    request.pipe(body);
  });
  signal.addEventListener("abort", () => body.destroy());
  const head = await answer;
  if (head.statusCode < 300) return { head, body };
  const pieces: Uint8Array[] = [];
  for await (const piece of body as AsyncIterable<Uint8Array>) if (pieces.push(piece) === 16) break;
  const message = Buffer.concat(pieces).toString();
  throw Object.assign(new Error(message), { code: head.statusCode, response: { headers: head.headers } });
}
