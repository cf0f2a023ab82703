import { createHash, randomUUID } from "node:crypto";
import { open, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { commitLockTable } from "../../state/tables.ts";
import { reachPoint } from "../points.ts";
import { BillhouseError } from "../../errors.ts";
import { type Database, offline, readRows, translateFailure } from "./database.ts";
import { copyDatabase } from "./copy.ts";
import { readCopyPath } from "./paths.ts";
import { literal, tableName } from "./sql.ts";
import { viewSchema } from "./view-objects.ts";

/** Creates the copy of a database file that readers open. */
export interface Publisher {
  /**
   * Updates the copy in one step for its readers; does nothing if it is current. With `since`, this run loaded nothing:
   * then a readable copy with the newest loads is enough, whatever the times of the files.
   */
  publish(since?: Date): Promise<void>;
  close(): Promise<void>;
}

/** Publishes the database that was opened to write. Error: WAREHOUSE_NOT_FOUND, when another file replaced it. */
export async function createPublisher(database: Database, workFolder: string): Promise<Publisher> {
  // Closing any handle of a file releases the lock that DuckDB holds on it (POSIX locks belong to the process), so
  // the handle for reading stays open as long as the database.
  const source = await open(database.path).catch(async (error: unknown) => {
    await database.close();
    throw translateFailure(error, database.description);
  });
  const target = readCopyPath(database.path);

  return {
    async publish(since) {
      await checkPlace(source, database.path);
      // A large database is not copied only for a run summary.
      if (since !== undefined && (await holdsNewestLoads(database, target))) return;
      await database.use((connection) => connection.run("CHECKPOINT"));
      reachPoint("before-publish");
      if (await isCurrent(source, target)) return;
      const copy = join(workFolder, `${randomUUID()}.duckdb`);
      try {
        await copyDatabase({ source, path: database.path }, copy, () => database.throwIfClosing());
        await fillUp(copy);
        reachPoint("after-publish-copy");
        await rename(copy, target);
        reachPoint("after-publish");
        await syncFolder(dirname(target));
      } catch (error) {
        await rm(copy, { force: true });
        throw translateFailure(error, database.description);
      }
    },

    close: () => source.close(),
  };
}

/** Error: WAREHOUSE_NOT_FOUND. DuckDB keeps writing to a deleted file until it closes it, and all of that is lost. */
async function checkPlace(source: FileHandle, path: string): Promise<void> {
  const [ours, there] = [await source.stat(), await stat(path).catch(() => undefined)];
  if (there !== undefined && there.ino === ours.ino && there.dev === ours.dev) return;
  const what = there === undefined ? "deleted or moved away" : "replaced by another file";
  throw new BillhouseError("WAREHOUSE_NOT_FOUND", `${path} was ${what} while billhouse had it open.`, {
    hint: "The loads of this run are lost, unless you move the file back. Do not move or replace the file while billhouse runs, then run again.",
  });
}

/**
 * Whether there is a whole copy with the same tables, columns, views and newest load of every table as the database. Opening
 * it takes as long as opening the database, so what was found is noted in the database, until one of the two changes.
 */
async function holdsNewestLoads(database: Database, target: string): Promise<boolean> {
  const identity = await identityOf(target);
  if (identity === null) return false;
  const { holds, note } = await database.use((connection) => newestLoads(connection));
  const text = `Published: ${createHash("sha256")
    .update(JSON.stringify([identity, holds]))
    .digest("hex")}`;
  if (note?.text === text) return true;
  if ((await loadsOfCopy(target)) !== holds || (await identityOf(target)) !== identity) return false;
  if (note !== null) {
    await database.transact(
      (connection) => connection.run(`COMMENT ON TABLE ${note.table} IS ${literal(text)}`),
      "macros",
    );
  }
  return true;
}

/** What a copy `holds`: see `newestLoads`; null for a copy that is damaged, cut off, or not a database. */
async function loadsOfCopy(target: string): Promise<string | null> {
  let instance: DuckDBInstance | undefined;
  try {
    if (!(await isWhole(target))) return null;
    instance = await DuckDBInstance.create(target, { access_mode: "READ_ONLY", ...offline });
    return (await newestLoads(await instance.connect())).holds;
  } catch {
    return null;
  } finally {
    instance?.closeSync();
  }
}

/**
 * Differs from that of any other file, and of this one after a change. Null for anything but a file: opening a FIFO would wait
 * for its writer.
 */
async function identityOf(path: string): Promise<string | null> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  if (found?.isFile() !== true) return null;
  return [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(" ");
}

/** What a database contains for its readers. */
interface NewestLoads {
  /** A text that identifies its tables, columns and views, the newest load of each billing table, and what sums were built from. */
  readonly holds: string;
  /** The comment on the commit lock, one of them if there are several; null without one. */
  readonly note: { readonly table: string; readonly text: string | null } | null;
}

async function newestLoads(connection: DuckDBConnection): Promise<NewestLoads> {
  // Not `duckdb_columns()`, which binds every view.
  const found = await readRows(
    connection,
    `SELECT schema_name AS "schema", table_name AS "table", sql AS "sql", comment AS "comment"
      FROM duckdb_tables() WHERE database_name = current_database() AND NOT internal ORDER BY ALL`,
  );
  const tables = found.map(({ schema, table, sql }) => ({ schema, table, sql }));
  const views = await readRows(
    connection,
    `SELECT schema_name AS "schema", view_name AS "view", comment AS "comment" FROM duckdb_views()
      WHERE database_name = current_database() AND NOT internal ORDER BY ALL`,
  );
  const tracking = tables
    .filter(({ table, sql }) => String(table).endsWith(trackingTableEnd) && /[( ]"?billing_month"? /.test(String(sql)))
    .map(({ schema, table }) => tableName(String(schema), String(table)));
  const newestOf = tracking.map(
    (name) =>
      `SELECT ${literal(name)} AS "table", max("_dlt_load_id") AS "load" FROM ${name} WHERE "billing_month" IS NOT NULL`,
  );
  const newest =
    tracking.length === 0 ? [] : await readRows(connection, `${newestOf.join(" UNION ALL ")} ORDER BY ALL`);
  // A run that loaded nothing can have built sums that a killed one left out.
  const built = tables.some(({ schema, table }) => schema === viewSchema && table === rollupMonths)
    ? await readRows(connection, `SELECT * FROM ${tableName(viewSchema, rollupMonths)} ORDER BY ALL`)
    : [];
  const lock = found.find(({ table }) => table === commitLockTable.name);
  const text = lock?.["comment"];
  return {
    holds: JSON.stringify([tables, views, newest, built]),
    note:
      lock === undefined
        ? null
        : {
            table: tableName(String(lock["schema"]), String(lock["table"])),
            text: typeof text === "string" ? text : null,
          },
  };
}

const trackingTableEnd = "_load_tracking";

// The warehouses do not import the views, whose name for this table it is.
const rollupMonths = "_billhouse_focus_months";

/**
 * The file header and the two database headers, of which every checkpoint writes one with a higher count: files of one
 * database whose headers are equal are equal (https://duckdb.org/docs/stable/internals/storage).
 */
const headerSize = 3 * 4096;

async function isCurrent(source: FileHandle, target: string): Promise<boolean> {
  if (!(await stat(target).catch(() => undefined))?.isFile()) return false;
  const copy = await open(target);
  try {
    const [old, now] = [await copy.stat(), await source.stat()];
    // The time shows whether the database was created again: its headers can be equal by chance.
    if (old.size < now.size || old.mtimeMs < now.mtimeMs || old.mode !== now.mode) return false;
    return (await header(copy)).equals(await header(source));
  } finally {
    await copy.close();
  }
}

async function header(file: FileHandle): Promise<Buffer> {
  const buffer = Buffer.alloc(headerSize);
  await file.read(buffer, 0, headerSize, 0);
  return buffer;
}

async function isWhole(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    return (await file.stat()).size >= wholeSize(await header(file));
  } finally {
    await file.close();
  }
}

/**
 * Adds the free blocks that DuckDB has cut off its file and still counts in its header, so that a copy is whole if it is as
 * long as its header says.
 */
async function fillUp(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    const size = wholeSize(await header(file));
    if ((await file.stat()).size < size) await file.truncate(size);
  } finally {
    await file.close();
  }
}

/** The size that the newer one of the two database headers gives: their count, and how many blocks of how many bytes there are. */
function wholeSize(bytes: Buffer): number {
  const headers = [4096, 8192].map((start) => ({
    count: bytes.readBigUInt64LE(start + 8),
    size: bytes.readBigUInt64LE(start + 32) * bytes.readBigUInt64LE(start + 40),
  }));
  const [newest] = headers.toSorted((one, other) => (one.count < other.count ? 1 : -1));
  return headerSize + Number(newest?.size ?? 0n);
}

/** Makes the new name survive a power failure. On systems where folders cannot be synced (Windows), it does anyway. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder).catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}
