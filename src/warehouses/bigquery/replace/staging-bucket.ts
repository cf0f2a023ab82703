import { randomUUID } from "node:crypto";
import type { Bucket } from "@google-cloud/storage";
import { BillhouseError } from "../../../errors.ts";
import { useKey } from "../../../google-login.ts";
import type { GoogleCredentials } from "../../../model.ts";
import { withoutSecrets } from "../../../secrets.ts";
import { authenticate } from "../api/client.ts";

/** A bucket for uploading files that are not in Cloud Storage. */
export interface StagingBucket {
  /** Uploads a local file, and returns its `gs://` address. */
  upload(path: string, name: string): Promise<string>;
  /** Removes an uploaded file. Errors are ignored: publishing removes old ones. */
  remove(uri: string): Promise<void>;
  /** Removes files that were uploaded more than a day ago. */
  removeOld(): Promise<void>;
  /** Uploads a small CSV file with one column of text, and removes it after `work`. Errors: those of `upload`. */
  probe(work: (uri: string) => Promise<void>): Promise<void>;
}

/** The connection settings of the staging bucket. */
export interface BucketOptions {
  readonly stagingBucket: string;
  /** Base address of an emulator; null for Google Cloud. */
  readonly storageEndpoint: string | null;
  readonly credentials: GoogleCredentials | null;
}

const prefix = "billhouse-staging/";

const uploadLifetime = 24 * 60 * 60 * 1000;

/** Prepares a staging bucket; the SDK is loaded when the first file is uploaded. */
export function openStagingBucket(options: BucketOptions): StagingBucket {
  const { stagingBucket } = options;
  let opened: Promise<Bucket> | undefined;
  const bucket = (): Promise<Bucket> => (opened ??= loadBucket(options));
  /** Getting the token first distinguishes invalid credentials from a bucket that rejects files. */
  const authenticated = async (): Promise<Bucket> => {
    const found = await bucket();
    if (options.storageEndpoint === null) await authenticate(found.storage.authClient);
    return found;
  };

  return {
    async upload(path, name) {
      const destination = `${prefix}${name}`;
      try {
        await (await authenticated()).upload(path, { destination, resumable: true, validation: "crc32c" });
      } catch (cause) {
        throw explainUpload(cause, stagingBucket);
      }
      return `gs://${stagingBucket}/${destination}`;
    },

    async remove(uri) {
      const key = uri.slice(`gs://${stagingBucket}/`.length);
      await (
        await bucket()
      )
        .file(key)
        .delete({ ignoreNotFound: true })
        .catch(() => undefined);
    },

    async probe(work) {
      const name = `${prefix}examination-${randomUUID()}`;
      const explained = (cause: unknown): never => {
        throw explainUpload(cause, stagingBucket);
      };
      const file = (await authenticated().catch(explained)).file(name);
      await file.save("c0\nbillhouse checks whether this can be loaded\n", { resumable: false }).catch(explained);
      try {
        await work(`gs://${stagingBucket}/${name}`);
      } finally {
        await file.delete({ ignoreNotFound: true }).catch(explained);
      }
    },

    async removeOld() {
      try {
        const [files] = await (await bucket()).getFiles({ prefix });
        for (const file of files) {
          const age = Date.now() - Date.parse(file.metadata.timeCreated ?? "");
          if (age > uploadLifetime) await file.delete({ ignoreNotFound: true });
        }
      } catch {
        // Removing leftovers is not part of a load; the next run tries again.
      }
    },
  };
}

async function loadBucket({ stagingBucket, storageEndpoint, credentials }: BucketOptions): Promise<Bucket> {
  const { IdempotencyStrategy, Storage } = await import("@google-cloud/storage");
  const service = new Storage({
    // Without a condition on the generation the SDK does not retry an upload.
    retryOptions: { idempotencyStrategy: IdempotencyStrategy.RetryAlways },
    ...(storageEndpoint === null ? {} : { apiEndpoint: storageEndpoint }),
  });
  useKey(service.authClient, credentials);
  if (storageEndpoint !== null) service.baseUrl = `${service.apiEndpoint}/storage/v1`;
  return service.bucket(stagingBucket);
}

function explainUpload(cause: unknown, bucket: string): unknown {
  if (!(cause instanceof Error) || cause instanceof BillhouseError) return cause;
  const { code } = cause as { code?: unknown };
  const title = `The staging bucket gs://${bucket}`;
  if (code === 404) {
    return new BillhouseError("STORAGE_NOT_FOUND", `${title} does not exist.`, {
      hint: "Set staging_bucket in [destination.bigquery] to a bucket in the location of the dataset, or create it.",
      cause: withoutSecrets(cause),
    });
  }
  if (code === 401 || code === 403) {
    return new BillhouseError("STORAGE_DENIED", `${title} does not accept files from this account.`, {
      hint: "Grant the role Storage Object User on it to the account that billhouse runs as.",
      cause: withoutSecrets(cause),
    });
  }
  return new BillhouseError(
    "STORAGE_UNAVAILABLE",
    `${title} does not accept a file: ${cause.message.split("\n", 1)[0]}.`,
    {
      hint: "Run again later: the unfinished load was rolled back.",
      cause: withoutSecrets(cause),
    },
  );
}
