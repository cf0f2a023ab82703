import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { lstat, mkdir, mkdtemp, readdir, rm, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DuckDBInstance } from "@duckdb/node-api";
import { BillhouseError } from "../../errors.ts";
import { reachPoint } from "../points.ts";
import type { Holder, OpenMode } from "../warehouse.ts";
import { createDatabase, type Database, readRows } from "./database.ts";
import { isLockHeld, readCopyPath, translateOpening } from "./failures.ts";
import { explainOpening, removeHolder, scratchFolder, writeHolder } from "./holder.ts";
import { literal } from "./names.ts";

/** How to open a DuckDB database. */
export interface DuckdbOptions {
  /** Absolute path of the database file. */
  readonly path: string;
  /** `latest`, or the oldest DuckDB that must be able to read the file (`v1.3.0`); only a new file takes it. */
  readonly storageVersion: string;
  /** As in `4GB`; null is half of the memory that DuckDB sees, at most 8 GB. */
  readonly memoryLimit: string | null;
  /** Null is one per core. */
  readonly threads: number | null;
  /** How long to wait for another process to let go of the database, in milliseconds; by default 5,000. */
  readonly lockWait?: number;
  /** What others are told who find the database locked; without it they are told only what the lock itself tells. */
  readonly holder?: Holder;
}

/**
 * Opens the database file (`write`, `read`) or its read copy (`reader`). To `read` a file that does not exist gives an
 * empty database in memory, and creates nothing.
 * Errors: WAREHOUSE_LOCKED, WAREHOUSE_NOT_FOUND, WAREHOUSE_DENIED, WAREHOUSE_UNSUPPORTED, WAREHOUSE_FULL,
 * CONFIG_INVALID.
 */
export async function openDatabase(options: DuckdbOptions, mode: OpenMode): Promise<Database> {
  const path = mode === "reader" ? readCopyPath(options.path) : options.path;
  const description = `DuckDB ${basename(path)}`;
  if (mode === "reader" && !existsSync(path)) {
    throw new BillhouseError("WAREHOUSE_NOT_FOUND", `There is no ${path}: nothing has been loaded yet.`, {
      hint: "Load the bills first: billhouse run.",
    });
  }
  if (mode === "write") await mkdir(dirname(path), { recursive: true });
  const instance = await openInstance(path, options, mode);
  let workFolder: string | null = null;
  const letGo = (close: () => void): Promise<void> => removeFolders(path, workFolder, close);
  try {
    if (mode === "write") {
      workFolder = await makeScratchFolder(path);
      if (options.holder !== undefined) await writeHolder(path, options.holder, new Date());
      reachPoint("opened");
    }
    const spillFolder =
      mode === "write" ? join(scratchFolder(path), spillName) : join(tmpdir(), `billhouse-${randomUUID()}`);
    await configure(instance, options, mode, spillFolder);
    return createDatabase(instance, { path, description, mode, workFolder, letGo });
  } catch (error) {
    await letGo(() => instance.closeSync());
    throw translateOpening(error, path);
  }
}

async function openInstance(path: string, options: DuckdbOptions, mode: OpenMode): Promise<DuckDBInstance> {
  if (mode === "read" && !existsSync(path)) return DuckDBInstance.create(":memory:");
  // A second instance on one file in one process would not see the lock of the first one, and destroy the file: the
  // cache gives the same instance again. The read copy is replaced by a new file of the same name, and never shared.
  const open = (): Promise<DuckDBInstance> =>
    mode === "reader"
      ? DuckDBInstance.create(path, { access_mode: "READ_ONLY" })
      : DuckDBInstance.fromCache(
          path,
          mode === "read"
            ? { access_mode: "READ_ONLY" }
            : { access_mode: "READ_WRITE", storage_compatibility_version: options.storageVersion },
        );
  const deadline = Date.now() + (options.lockWait ?? 5000);
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (!isLockHeld(error) || Date.now() >= deadline) throw await explainOpening(error, path);
      await sleep(Math.max(1, Math.min(200, deadline - Date.now())));
    }
  }
}

async function configure(
  instance: DuckDBInstance,
  options: DuckdbOptions,
  mode: OpenMode,
  spillFolder: string,
): Promise<void> {
  const connection = await instance.connect();
  try {
    const [row] = await readRows(connection, "SELECT current_setting('memory_limit') AS memory");
    const memoryLimit = options.memoryLimit ?? boundedMemory(String(row?.["memory"]));
    const settings = [
      "TimeZone = 'UTC'",
      "autoinstall_known_extensions = false",
      "autoload_known_extensions = false",
      `temp_directory = ${literal(spillFolder)}`,
      ...(options.threads === null ? [] : [`threads = ${options.threads}`]),
    ];
    for (const setting of settings) await connection.run(`SET GLOBAL ${setting}`);
    try {
      await connection.run(`SET GLOBAL memory_limit = ${literal(memoryLimit)}`);
    } catch (cause) {
      throw new BillhouseError("CONFIG_INVALID", `DuckDB does not take "${memoryLimit}" as memory_limit.`, {
        hint: 'Set memory_limit below [destination.duckdb] to a size such as "4GB".',
        cause,
      });
    }
    if (mode === "reader") {
      // Whoever may ask questions may not reach files or the network through SQL.
      await connection.run("SET GLOBAL enable_external_access = false");
      await connection.run("SET GLOBAL lock_configuration = true");
    }
  } finally {
    connection.closeSync();
  }
}

/** DuckDB's own limit is 80 % of the memory (of the container, where there is one): half of the memory, at most 8 GB. */
function boundedMemory(limit: string): string {
  const match = /^([\d.]+) ([KMGT]i?B|bytes)$/.exec(limit);
  const unit = match?.[2]?.[0] ?? "";
  const bytes = Number(match?.[1] ?? 0) * 1024 ** ("KMGT".indexOf(unit) + 1);
  const cap = 8 * 1024 ** 3;
  return `${Math.floor(Math.min(bytes > 0 ? bytes * 0.625 : cap, cap) / 1024 ** 2)}MiB`;
}

/** Tells the folders of this process from those that a killed one left. */
const ownPrefix = `${randomUUID()}-`;
const spillName = `${ownPrefix}spill`;

/** What processes of billhouse make in the scratch folder: folders that begin with an id, and the note of the holder. */
const scratchName = /^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-|holder\.json)/;

async function makeScratchFolder(path: string): Promise<string> {
  const folder = scratchFolder(path);
  for (;;) {
    await mkdir(folder, { recursive: true });
    if ((await lstat(folder)).isSymbolicLink()) {
      throw new BillhouseError("WAREHOUSE_DENIED", `${folder} is a link, and billhouse deletes what lies there.`, {
        hint: "Take the link away. For scratch files on another disk, mount that disk there.",
      });
    }
    try {
      for (const name of await readdir(folder)) {
        // The lock on the database is ours, so what is not of this process is of nobody.
        const isLeft = scratchName.test(name) && !name.startsWith(ownPrefix);
        if (isLeft) await rm(join(folder, name), { recursive: true, force: true });
      }
      return await mkdtemp(join(folder, ownPrefix));
    } catch (error) {
      // Who had the lock before takes the empty folder away after letting go of it.
      if (!isAbsence(error)) throw error;
    }
  }
}

/** Removes what an opening made. When `close` has been called another process may be at work in the same folder. */
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
  // Fails when somebody has put something into it by now.
  await rmdir(folder).catch(() => undefined);
}

function isAbsence(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
