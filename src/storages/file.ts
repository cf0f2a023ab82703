import { constants, lstatSync, readdirSync, type BigIntStats } from "node:fs";
import { lstat, open, realpath, stat, type FileHandle } from "node:fs/promises";
import { isAbsolute, join, resolve, sep } from "node:path";
import { setImmediate as letOthersRun } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { BillhouseError, quoted } from "../errors.ts";
import type { StoredObject } from "../model.ts";
import { leavesRoot, type Storage, type StorageDriver } from "./storage.ts";

/**
 * Storage `file`: a folder is the root, given as an absolute path or as `file:///folder`.
 *
 * Objects are its regular files. The version is size and time of last change in nanoseconds: what a copy that keeps
 * times (`rsync -t`, a mounted bucket) also keeps, unlike an inode. Links are not followed, whether they lead outside or
 * not: they are left out of listings, and a key or prefix that passes through one is refused with KEY_OUTSIDE_PREFIX.
 * Sockets, pipes, devices and files whose names are not UTF-8 are left out. The root itself may be a link.
 * Errors: as in `Storage`; STORAGE_DENIED names the folder or file that the operating system refused.
 */
export const fileStorage: StorageDriver = {
  scheme: "file",
  async open(url) {
    const folder = folderOf(url);
    const named: Root = { url: folder, path: folder };
    const root: Root = { url: folder, path: (await unlessAbsent(realpath(folder), named, "")) ?? folder };
    await requireFolder(root);
    return {
      url: folder,
      list: (prefix) => list(root, prefix),
      find: (key) => find(root, key),
      read: (object, range) => read(root, object, range),
      identity: async () => null,
    } satisfies Storage;
  },
};

/** The root as configured, and its real path, without links. */
interface Root {
  readonly url: string;
  readonly path: string;
}

/** Bytes of one read: large enough to make system calls cheap, small enough for many files at once. */
const pieceSize = 256 * 1024;

/** Never follows a link that replaced the file, and does not wait for a writer if the file became a pipe. */
const openFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

function folderOf(url: string): string {
  const hint = "Write an absolute path, as in /data/bills, or an address with three slashes, as in file:///data/bills.";
  let folder = url;
  if (/^file:\/\//iu.test(url)) {
    try {
      folder = fileURLToPath(url);
    } catch (cause) {
      throw new BillhouseError("CONFIG_INVALID", "The file:// address does not name a folder of this machine.", {
        hint,
        cause,
      });
    }
  }
  if (!isAbsolute(folder)) {
    throw new BillhouseError("CONFIG_INVALID", `The folder ${folder} is not an absolute path.`, { hint });
  }
  return resolve(folder);
}

async function requireFolder(root: Root): Promise<void> {
  const stats = await unlessAbsent(stat(root.path), root, "");
  if (stats?.isDirectory() === true) return;
  const what = stats === undefined ? "does not exist" : "is not a folder";
  throw new BillhouseError("STORAGE_NOT_FOUND", `${root.url} ${what}.`, {
    hint: "Check bucket_url, and whether the disk or share that holds the folder is mounted.",
  });
}

async function* list(root: Root, prefix: string): AsyncGenerator<StoredObject> {
  await requireFolder(root);
  const folder = prefix.replace(/\/+$/u, "");
  const path = folder === "" ? root.path : await locate(root, folder);
  if (path === undefined) return;
  // A stack instead of recursion, the next entry on top: folders may be nested a thousand deep.
  const waiting: Listed[] = [{ key: folder, path, isFolder: true }];
  // A call that returns at once costs a fraction of one that is awaited, and a bucket has thousands of files.
  let since = performance.now();
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (performance.now() - since > longestBlock) {
      await letOthersRun();
      since = performance.now();
    }
    if (next.isFolder) {
      for (const entry of entriesOf(root, next).toReversed()) waiting.push(entry);
    } else {
      const stats = unlessAbsentNow(() => lstatSync(next.path, { bigint: true }), root, next.key);
      if (stats?.isFile() === true) yield toObject(next.key, stats);
    }
  }
}

/** For how many milliseconds a listing keeps the process from other work, such as a signal or an answer of a database. */
const longestBlock = 1;

/** A file or folder below the root. */
interface Listed {
  readonly key: string;
  readonly path: string;
  readonly isFolder: boolean;
}

/** The files and folders in a folder, in the order of their keys; links are left out. */
function entriesOf(root: Root, { key: folder, path }: Listed): readonly Listed[] {
  const entries: Listed[] = [];
  for (const entry of unlessAbsentNow(() => readdirSync(path, { withFileTypes: true }), root, folder) ?? []) {
    const { name } = entry;
    const isFolder = entry.isDirectory();
    const key = folder === "" ? name : `${folder}/${name}`;
    // `join` would take longer than reading the folder.
    if ((isFolder || entry.isFile()) && !leavesRoot(key)) entries.push({ key, path: path + sep + name, isFolder });
  }
  // All keys below a folder begin with its key and `/`, and that text orders it among its neighbours: `a-b` comes
  // before the contents of `a`.
  if (entries.length < 2) return entries;
  return entries
    .map((entry) => ({ entry, order: entry.isFolder ? `${entry.key}/` : entry.key }))
    .toSorted((left, right) => compareBytes(left.order, right.order))
    .map(({ entry }) => entry);
}

/** JavaScript compares UTF-16 units. That is the order of the bytes too, except where one is a surrogate or above them. */
function compareBytes(one: string, other: string): number {
  if (/[\uD800-\uFFFF]/.test(one) || /[\uD800-\uFFFF]/.test(other)) {
    return Buffer.compare(Buffer.from(one), Buffer.from(other));
  }
  return one < other ? -1 : one > other ? 1 : 0;
}

async function find(root: Root, key: string): Promise<StoredObject | undefined> {
  const stats = await look(root, key);
  return stats === undefined ? undefined : toObject(key, stats);
}

async function* read(
  root: Root,
  object: StoredObject,
  range: { readonly start: number; readonly end: number } = { start: 0, end: object.size },
): AsyncGenerator<Uint8Array> {
  // Checked before it is opened: opening a pipe or a device can block forever or move a tape.
  const found = await look(root, object.key);
  if (found === undefined) throw gone(root, object);
  if (versionOf(found) !== object.version) throw changed(root, object, "after it was listed");
  const handle = await unlessAbsent(open(join(root.path, object.key), openFlags), root, object.key);
  if (handle === undefined) throw gone(root, object);
  try {
    const before = await handle.stat({ bigint: true });
    if (!isSameFile(before, found)) throw changed(root, object, "after it was listed");
    yield* readPieces(root, object, handle, range.start, Math.min(range.end, object.size));
    // The handle shows bytes that were written in place; only the path shows that another file replaced it.
    const after = await handle.stat({ bigint: true });
    const current = await look(root, object.key);
    if (current === undefined) throw gone(root, object);
    if (!isSameFile(after, before) || !isSameFile(current, before)) throw changed(root, object, "while it was read");
  } finally {
    await handle.close();
  }
}

async function* readPieces(
  root: Root,
  object: StoredObject,
  handle: FileHandle,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  let position = start;
  while (position < end) {
    const piece = Buffer.allocUnsafeSlow(Math.min(pieceSize, end - position));
    const { bytesRead } = await handle.read(piece, 0, piece.length, position);
    if (bytesRead === 0) throw changed(root, object, `while it was read (it ends at byte ${position})`);
    yield piece.subarray(0, bytesRead);
    position += bytesRead;
  }
}

/** The path of what a key or prefix names, or undefined when it does not exist. */
async function locate(root: Root, key: string): Promise<string | undefined> {
  if (leavesRoot(key)) throw outside(root, key, "leaves the folder");
  // The operating system takes `a//b` and `./a` for other names of `a/b` and `a`; as keys they are different ones.
  if (key.split("/").some((part) => part === "" || part === ".")) return undefined;
  const path = join(root.path, key);
  const real = await unlessAbsent(realpath(path), root, key);
  if (real !== undefined && real !== path) throw outside(root, key, `passes through a link to ${real}`);
  return real;
}

/** What the regular file that a key names is, or undefined when it does not exist. */
async function look(root: Root, key: string): Promise<BigIntStats | undefined> {
  const path = await locate(root, key);
  const stats = path === undefined ? undefined : await unlessAbsent(lstat(path, { bigint: true }), root, key);
  return stats?.isFile() === true ? stats : undefined;
}

function toObject(key: string, stats: BigIntStats): StoredObject {
  return { key, size: Number(stats.size), version: versionOf(stats), modified: stats.mtime.toISOString() };
}

function versionOf(stats: BigIntStats): string {
  return `${stats.size}-${stats.mtimeNs}`;
}

/** Stricter than the version: the inode must not change during a read either. */
function isSameFile(left: BigIntStats, right: BigIntStats): boolean {
  return left.ino === right.ino && left.dev === right.dev && versionOf(left) === versionOf(right);
}

/** The result of a file system call; undefined when the file does not exist. Error: STORAGE_DENIED. */
async function unlessAbsent<T>(call: Promise<T>, root: Root, key: string): Promise<T | undefined> {
  return call.catch((cause: unknown) => absence(cause, root, key));
}

/** As `unlessAbsent`, for a call that returns at once. */
function unlessAbsentNow<T>(call: () => T, root: Root, key: string): T | undefined {
  try {
    return call();
  } catch (cause) {
    return absence(cause, root, key);
  }
}

/** Undefined for the error of a file that does not exist; throws all others. */
function absence(cause: unknown, root: Root, key: string): undefined {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "ENOENT" || code === "ENOTDIR" || code === "ENAMETOOLONG" || code === "ELOOP") return undefined;
  if (code !== "EACCES" && code !== "EPERM") throw cause;
  const place = key === "" ? root.url : join(root.url, key);
  throw new BillhouseError("STORAGE_DENIED", `billhouse lacks the permission to read ${place}.`, {
    hint: "Grant read permission to the user that runs billhouse (chmod, or the share's settings), or run as a user that has it.",
    cause,
  });
}

function gone(root: Root, object: StoredObject): BillhouseError {
  return new BillhouseError("FILE_NOT_FOUND", `The file ${object.key} is no longer in ${root.url}.`, {
    hint: "It existed when the folder was listed; a delivery may be replacing it. Run again once the delivery is complete.",
  });
}

function changed(root: Root, object: StoredObject, when: string): BillhouseError {
  return new BillhouseError("OBJECT_CHANGED", `The file ${object.key} in ${root.url} changed ${when}.`, {
    hint: "A delivery is probably arriving. Run again once it is complete.",
  });
}

function outside(root: Root, key: string, how: string): BillhouseError {
  return new BillhouseError(
    "KEY_OUTSIDE_PREFIX",
    `The key ${quoted(key, 1000)} ${how}; billhouse reads only files in ${root.url} itself.`,
    {
      hint: "Put the file itself into the folder, or correct the prefix or manifest that names this key.",
    },
  );
}
