import type { AzureCredentials, GoogleCredentials, StoredObject } from "../model.ts";
import type { RetryPolicy } from "../retry.ts";

/**
 * Where files are: the first of the three axes. A storage is read-only by type; nothing in billhouse can write to or
 * delete from a place where a cloud delivers its bills.
 *
 * Keys are text as the storage holds them, in Unicode, never URL-encoded: `a b+c%20=1:2.csv` is a key of 16 characters.
 * Every method may be called many times and at once. Errors of a listing or a read come from its iterator.
 */
export interface Storage {
  /** The root as users write it, for messages: `s3://bucket`, `/data/bills`. Never holds a secret. */
  readonly url: string;

  /**
   * Every object below `prefix`, once, streamed in the order of the keys' UTF-8 bytes, over all pages. A prefix is a
   * path: `cur/v1`, or `cur/v1/`, covers `cur/v1/x`, but neither `cur/v1-old/x` nor an object called `cur/v1`; the
   * empty prefix covers all. Nothing below the prefix is an empty listing, not an error. A key that leaves the root is
   * never yielded. A reader that stops early stops the listing: no further page is requested.
   * Errors: STORAGE_NOT_FOUND when the root itself does not exist; STORAGE_DENIED; KEY_OUTSIDE_PREFIX for a prefix that
   * leaves the root.
   */
  list(prefix: string): AsyncIterable<StoredObject>;

  /**
   * The object as it is now, equal to what a listing would yield, or undefined if it does not exist (a folder is not an object).
   * Errors: STORAGE_DENIED, KEY_OUTSIDE_PREFIX.
   */
  find(key: string): Promise<StoredObject | undefined>;

  /**
   * The bytes of exactly the version that was listed, or of a part of it: `end` is exclusive, and what of the range
   * lies beyond the last byte is ignored. The reader may keep each chunk. The version is checked before the first
   * byte and again after the last one, so only a read to the end proves anything; a reader that stops early frees
   * what the read held.
   * Errors: OBJECT_CHANGED when the version differs before, during or after the read; FILE_NOT_FOUND when it was
   * deleted; STORAGE_DENIED; KEY_OUTSIDE_PREFIX.
   */
  read(object: StoredObject, range?: { readonly start: number; readonly end: number }): AsyncIterable<Uint8Array>;

  /**
   * The account that billhouse uses in this storage (`identity`), if the storage has accounts. Never holds a secret.
   * Errors: CREDENTIALS_INVALID and the like, when there is no valid login.
   */
  identity(): Promise<string | null>;
}

/**
 * Reads one object of a storage: the parameter of `files/`, which does not import storages. Errors: those of
 * `Storage.read`.
 */
export function readerOf(
  storage: Pick<Storage, "read">,
  object: StoredObject,
): (range?: { readonly start: number; readonly end: number }) => AsyncIterable<Uint8Array> {
  return (range) => storage.read(object, range);
}

/** Connection settings that are not in the address of a storage. */
export interface StorageOptions {
  /** Base address of a server that speaks the storage's protocol, such as an emulator; null for the cloud's own. */
  readonly endpoint: string | null;
  /** The project or account that pays for requests; null when the bucket's owner does. */
  readonly payer: string | null;
  /** A key to Google Cloud; null for the default credentials of the machine. */
  readonly googleCredentials: GoogleCredentials | null;
  /** Keys to Azure Blob Storage; null for the default credentials of the machine. */
  readonly azureCredentials: AzureCredentials | null;
  /** The retry policy; by default the driver's. */
  readonly retryPolicy?: RetryPolicy;
}

/** Opens storages of one kind: chosen by the scheme of a `bucket_url`. */
export interface StorageDriver {
  /** The scheme: `file`, `gs`, `s3`, `az`. */
  readonly scheme: string;
  /**
   * Opens the storage with the root that the address names. If a driver does not know yet whether the root exists, the
   * first call checks it. Errors: STORAGE_NOT_FOUND, STORAGE_DENIED, CONFIG_INVALID.
   */
  open(url: string, options: StorageOptions): Promise<Storage>;
}

/**
 * Whether a key, or a prefix, could name something outside the root: a part `..`, a leading `/`, a NUL. A backslash
 * counts as `/`, because some systems read it so. Every driver leaves such keys out of its listings, and refuses them
 * with KEY_OUTSIDE_PREFIX in `find` and `read`.
 */
export function leavesRoot(key: string): boolean {
  return /^[/\\]|\0/u.test(key) || (key.includes("..") && key.split(/[/\\]/u).includes(".."));
}
