import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DuckDBInstance } from "@duckdb/node-api";
import { BillhouseError, firstLine } from "../../errors.ts";
import { reachPoint } from "../points.ts";
import type { ViewSource } from "../views.ts";
import { databaseItself, type Holder, type OpenMode, type Source } from "../warehouse.ts";
import { createDatabase, type Database, offline, translateFailure } from "./database.ts";
import { databaseFile, readCopyPath } from "./paths.ts";
import { configure } from "./resources.ts";

/** How to open a DuckDB database. */
export interface DuckdbOptions {
  /** Absolute path of the database file. */
  readonly path: string;
  /** `latest`, or the oldest DuckDB that must be able to read the file (`v1.3.0`); used only for new files. */
  readonly storageVersion: string;
  /** As in `4GB`; null is `defaultMemory`. */
  readonly memoryLimit: string | null;
  /** Null is one per core. */
  readonly threads: number | null;
  /** How long to wait for another process to close the database, in milliseconds; by default 5,000. */
  readonly lockWait?: number;
  /** This process, shown to another one that finds the database locked; without it DuckDB reports only the process id. */
  readonly holder?: Holder;
  /** The views that change with the tables. */
  readonly views?: ViewSource;
  /** Called as soon as another thread opens the file: this one is free until then. */
  readonly onOpening?: () => void;
}

/**
 * Opens the database file (`write`, `read`) or its read copy (`reader`). Reading a file that does not exist gives an
 * empty database in memory and creates nothing. To `read` a file that another process has open to write gives its read
 * copy at once, or an empty database where nothing has been published yet.
 * Errors: WAREHOUSE_LOCKED (only to `write`), WAREHOUSE_NOT_FOUND, WAREHOUSE_DENIED, WAREHOUSE_UNSUPPORTED,
 * WAREHOUSE_FULL, CONFIG_INVALID.
 */
export async function openDatabase(options: DuckdbOptions, mode: OpenMode): Promise<Database> {
  if (mode !== "read") return openAs(options, mode);
  try {
    return await openAs({ ...options, lockWait: 0 }, mode);
  } catch (error) {
    if (!(error instanceof BillhouseError) || error.code !== "WAREHOUSE_LOCKED") throw error;
    const published = await stat(readCopyPath(options.path)).catch(() => undefined);
    const source = {
      from: "published copy",
      publishedAt: published?.mtime.toISOString() ?? null,
      lockedBy: error.message,
    } as const;
    // To `read` a copy that does not exist gives an empty database.
    const copy = { ...options, path: readCopyPath(options.path) };
    return published === undefined ? openAs(copy, "read", source) : openAs(options, "reader", source);
  }
}

async function openAs(options: DuckdbOptions, mode: OpenMode, source: Source = databaseItself): Promise<Database> {
  const path = mode === "reader" ? readCopyPath(options.path) : databaseFile(options.path);
  const description = `DuckDB ${basename(path)}`;
  if (mode === "reader" && !existsSync(path)) {
    throw new BillhouseError("WAREHOUSE_NOT_FOUND", `${path} does not exist: nothing has been loaded yet.`, {
      hint: "Load the bills first: billhouse run.",
    });
  }
  if (mode === "write") await mkdir(dirname(path), { recursive: true });
  const instance = await openInstance(path, options, mode);
  let workFolder: string | null = null;
  const spillFolder =
    mode === "write" ? join(scratchFolder(path), spillName) : join(tmpdir(), `billhouse-${randomUUID()}`);
  const reopen = async (): Promise<DuckDBInstance> => {
    const again = await openInstance(path, options, mode).catch((error: unknown) => {
      throw translateOpening(error, path);
    });
    await configure(again, options, mode, spillFolder);
    return again;
  };
  const letGo = (close: () => void): Promise<void> => removeFolders(path, workFolder, close);
  try {
    if (mode === "write") {
      workFolder = await makeScratchFolder(path);
      if (options.holder !== undefined) await writeHolder(path, options.holder, new Date());
      reachPoint("opened");
    }
    const resources = await configure(instance, options, mode, spillFolder);
    const views = options.views ?? null;
    const facts = { path, description, mode, source, workFolder, views, resources, letGo, reopen };
    return createDatabase(instance, facts);
  } catch (error) {
    await letGo(() => instance.closeSync());
    throw translateOpening(error, path);
  }
}

async function openInstance(path: string, options: DuckdbOptions, mode: OpenMode): Promise<DuckDBInstance> {
  if (mode === "read" && !existsSync(path)) return DuckDBInstance.create(":memory:", offline);
  await checkFile(path);
  if (mode !== "reader") await checkFile(`${path}.wal`);
  // A second instance on one file in one process would not see the lock of the first one and would destroy the file: the
  // cache returns the same instance. The read copy is replaced by a new file of the same name, and never shared.
  const open = (): Promise<DuckDBInstance> =>
    mode === "reader"
      ? DuckDBInstance.create(path, { access_mode: "READ_ONLY", ...offline })
      : DuckDBInstance.fromCache(
          path,
          mode === "read"
            ? { access_mode: "READ_ONLY", ...offline }
            : { access_mode: "READ_WRITE", storage_compatibility_version: options.storageVersion, ...offline },
        );
  const deadline = Date.now() + (options.lockWait ?? 5000);
  for (;;) {
    try {
      const opening = open();
      options.onOpening?.();
      return await opening;
    } catch (error) {
      if (!isLockHeld(error) || Date.now() >= deadline) throw await explainOpening(error, path);
      await sleep(Math.max(1, Math.min(200, deadline - Date.now())));
    }
  }
}

/**
 * Error: WAREHOUSE_UNSUPPORTED for files that DuckDB would wait for endlessly, and for a file with several names: each
 * name has its own log beside it, and the log of a killed process would be replayed over newer data.
 */
async function checkFile(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || found.isDirectory()) return;
  if (!found.isFile()) {
    throw new BillhouseError("WAREHOUSE_UNSUPPORTED", `${path} is a FIFO, a socket or a device, not a file.`, {
      hint: "Set path below [destination.duckdb] to another file, or move this one away.",
    });
  }
  if (found.nlink < 2) return;
  throw new BillhouseError("WAREHOUSE_UNSUPPORTED", `${path} has ${found.nlink} hard links.`, {
    hint: "Copy the file and move the copy to this name, so that it has only one name. Use a symbolic link for a second name.",
  });
}

/** Distinguishes the folders of this process from those of a killed one. */
const ownPrefix = `${randomUUID()}-`;
const spillName = `${ownPrefix}spill`;

/** The content of the scratch folder: folders that begin with an id, and the note of the lock holder. */
const scratchName = /^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-|holder\.json)/;

async function makeScratchFolder(path: string): Promise<string> {
  const folder = scratchFolder(path);
  for (;;) {
    // DuckDB spills rows into it under names and rights of its own, so who may not read the database may not enter.
    const { mode } = await stat(path);
    if ((await mkdir(folder, { recursive: true })) !== undefined)
      await chmod(folder, (mode & 0o777) | ((mode & 0o444) >> 2));
    if ((await lstat(folder)).isSymbolicLink()) {
      throw new BillhouseError(
        "WAREHOUSE_DENIED",
        `${folder} is a link, but billhouse deletes the content of this folder.`,
        {
          hint: "Remove the link. To store scratch files on another disk, mount that disk there.",
        },
      );
    }
    try {
      for (const name of await readdir(folder)) {
        // This process holds the lock on the database, so folders of other processes are leftovers.
        const isLeft = scratchName.test(name) && !name.startsWith(ownPrefix);
        if (isLeft) await rm(join(folder, name), { recursive: true, force: true });
      }
      return await mkdtemp(join(folder, ownPrefix));
    } catch (error) {
      // The previous lock holder removes the empty folder after it has released the lock.
      if (!isAbsence(error)) throw error;
    }
  }
}

/** Removes the files of an opening. After `close`, another process may be using the same folder. */
async function removeFolders(path: string, workFolder: string | null, close: () => void): Promise<void> {
  if (workFolder === null) return close();
  try {
    await rm(workFolder, { recursive: true, force: true });
    await removeHolder(path);
  } finally {
    close();
  }
  const folder = scratchFolder(path);
  const names = await readdir(folder).catch(() => ["unknown"]);
  if (!names.every((name) => name === spillName)) return;
  await rm(join(folder, spillName), { recursive: true, force: true });
  // Fails if another process has already put something into it.
  await rmdir(folder).catch(() => undefined);
}

function isAbsence(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/**
 * The note beside a database about the process that opened it to write. DuckDB's lock keeps other processes out;
 * the note only describes its holder,
 * and a killed process leaves an outdated one.
 */
export interface HolderNote extends Holder {
  readonly host: string;
  /** When the lock was taken: ISO 8601 in UTC. */
  readonly started: string;
}

/** The folder of a database's scratch files and of the note. */
export function scratchFolder(path: string): string {
  return `${path}.tmp`;
}

/** Writes the note, replacing that of a killed process. Requires the lock. */
export async function writeHolder(path: string, holder: Holder, now: Date): Promise<void> {
  const note: HolderNote = { ...holder, host: hostname(), started: now.toISOString() };
  const target = join(scratchFolder(path), noteName);
  await writeFile(`${target}.new`, `${JSON.stringify(note)}\n`);
  // Waiting processes read it at any time and must never see half of it.
  await rename(`${target}.new`, target);
}

/** Removes the note. Requires the lock. */
export async function removeHolder(path: string): Promise<void> {
  await rm(join(scratchFolder(path), noteName), { force: true });
}

/**
 * The error for a database that cannot be opened; if another process has it open, it says which one
 * and since when. The note is used if it names the process that holds the lock according to DuckDB. A lock
 * held on another machine or in another container lacks a process id; then the note is quoted as such.
 * Errors: WAREHOUSE_LOCKED, and those of `translateOpening`.
 */
export async function explainOpening(error: unknown, path: string): Promise<unknown> {
  const translated = translateOpening(error, path);
  if (!isLockHeld(error) || !(error instanceof Error) || !(translated instanceof BillhouseError)) return translated;
  const note = await readHolder(path);
  if (note === undefined) return translated;
  const holder = Number(/\bPID (\d+)/.exec(error.message)?.[1] ?? 0);
  const since = `since ${note.started.slice(0, 19).replace("T", " ")} UTC`;
  if (holder === note.pid && note.host === hostname()) {
    const message = `The process ${note.pid} (${note.command}) has ${path} open, ${since}.`;
    return new BillhouseError("WAREHOUSE_LOCKED", message, { hint: translated.hint, cause: error });
  }
  if (holder !== 0) return translated;
  const message = `Another process has ${path} open. The note beside it names process ${note.pid} on ${note.host} (${note.command}), ${since}.`;
  return new BillhouseError("WAREHOUSE_LOCKED", message, { hint: translated.hint, cause: error });
}

const noteName = "holder.json";

async function readHolder(path: string): Promise<HolderNote | undefined> {
  const text = await readFile(join(scratchFolder(path), noteName), "utf8").catch(() => "null");
  let note: Partial<HolderNote> | null;
  try {
    note = JSON.parse(text) as Partial<HolderNote> | null;
  } catch {
    return undefined;
  }
  const { pid, host, started, command } = note ?? {};
  const isWhole = typeof pid === "number" && [host, started, command].every((value) => typeof value === "string");
  return isWhole ? (note as HolderNote) : undefined;
}

/**
 * The error for a database file that cannot be opened.
 * Codes: WAREHOUSE_LOCKED, WAREHOUSE_UNSUPPORTED, WAREHOUSE_NOT_FOUND, WAREHOUSE_DENIED, CONFIG_INVALID, WAREHOUSE_FULL.
 */
function translateOpening(error: unknown, path: string): unknown {
  if (error instanceof BillhouseError || !(error instanceof Error)) return error;
  const { message } = error;
  const copy = existsSync(readCopyPath(path)) ? readCopyPath(path) : null;
  const opening = (
    code: "WAREHOUSE_LOCKED" | "WAREHOUSE_UNSUPPORTED" | "WAREHOUSE_NOT_FOUND" | "WAREHOUSE_DENIED" | "CONFIG_INVALID",
    text: string,
    hint: string,
  ): BillhouseError => new BillhouseError(code, text, { hint, cause: error });

  if (isLockHeld(error)) {
    const holder = /\(PID (\d+)\)/.exec(message)?.[1];
    return opening(
      "WAREHOUSE_LOCKED",
      holder === undefined ? `Another process has ${path} open.` : `The process ${holder} has ${path} open.`,
      `Wait until it has finished${holder === undefined ? "" : ` (or stop the process ${holder})`}, then run again.${copy === null ? "" : ` Readers use ${copy}, which is never locked.`}`,
    );
  }
  if (/not a valid DuckDB database file|\bExtension "[^"]*" not found/.test(message)) {
    return opening(
      "WAREHOUSE_UNSUPPORTED",
      `${path} is not a DuckDB database.`,
      "Set path below [destination.duckdb] to another file, or move this one away.",
    );
  }
  if (/database file with version number|newer version|Serialization Error/i.test(message)) {
    return opening(
      "WAREHOUSE_UNSUPPORTED",
      `${path} was written by a newer DuckDB than the one in billhouse.`,
      "Install the newest billhouse, or set path below [destination.duckdb] to another file.",
    );
  }
  if (/Corrupt database file|Could not read enough bytes|Checksum|Failure while replaying WAL/i.test(message)) {
    return opening(
      "WAREHOUSE_UNSUPPORTED",
      `${path} is damaged: ${firstLine(message)}`,
      copy === null
        ? "Restore a copy of it, or move it away and load again: billhouse run."
        : `Restore a copy of it (${copy} is the state after the last run), or move it away and load again.`,
    );
  }
  // The message does not name the invalid value.
  if (message === "Failed to set config") {
    return opening(
      "CONFIG_INVALID",
      "This storage_version is not a version of DuckDB.",
      'Set storage_version below [destination.duckdb] to "latest" or to a version such as "v1.3.0".',
    );
  }
  const translated = translateFailure(error, path);
  if (translated !== error || !message.startsWith("IO Error")) return translated;
  if (/Permission denied|Read-only file system/i.test(message)) {
    return opening(
      "WAREHOUSE_DENIED",
      `${path} cannot be opened: ${firstLine(message)}`,
      "Check the permissions of the file and its folder.",
    );
  }
  return opening(
    "WAREHOUSE_NOT_FOUND",
    `${path} cannot be opened: ${firstLine(message)}`,
    "Check the path below [destination.duckdb].",
  );
}

/** Whether a database cannot be opened because another process has it open. */
function isLockHeld(error: unknown): boolean {
  return (
    error instanceof Error &&
    /Could not set lock|Conflicting lock|different configuration than existing connections/i.test(error.message)
  );
}
