import { open, stat } from "node:fs/promises";
import { devNull } from "node:os";
import type { DuckDBConnection, DuckDBInstance, DuckDBValue } from "@duckdb/node-api";
import { BillhouseError, firstLine, interrupted } from "../../errors.ts";
import { reachPoint } from "../points.ts";
import type { ViewSource } from "../views.ts";
import type { OpenMode, Source } from "../warehouse.ts";
import { castMacros } from "./sql.ts";

/** What an open database may use. */
export interface Resources {
  /** Bytes of memory. */
  readonly memory: number;
  /** Bytes of memory where a table cannot be loaded in less. */
  readonly mostMemory: number;
  readonly threads: number;
}

/** An open database and what belongs to it. */
export interface Database {
  readonly path: string;
  readonly description: string;
  readonly mode: OpenMode;
  readonly source: Source;
  /** A folder for this opening only, on the disk of the database; null if it was not opened to write. */
  readonly workFolder: string | null;
  /** The views that change with the tables; null for none. */
  readonly views: ViewSource | null;
  readonly resources: Resources;
  /** Runs work on a separate connection, and closes it; errors are translated. */
  use<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T>;
  /** Like `use`, for generators: the connection is closed when the reader stops. */
  stream<T>(work: (connection: DuckDBConnection) => AsyncIterable<T>): AsyncGenerator<T>;
  /**
   * As `use`, in one transaction: commits if the work succeeds, otherwise rolls back and rethrows. `without` leaves out
   * the macros that convert the text of bills, which take longer than a small transaction.
   */
  transact<T>(work: (connection: DuckDBConnection) => Promise<T>, without?: "macros"): Promise<T>;
  /**
   * Frees the space of rows that were replaced before. Not part of a load: `publish`, which ends a run, repeats it and reports
   * errors.
   */
  checkpoint(): Promise<void>;
  /** Runs work after all previously queued work: the database has one writer. */
  queue<T>(work: () => Promise<T>): Promise<T>;
  /** Error: INTERRUPTED when `close` was called. */
  throwIfClosing(): void;
  /** Interrupts running work, waits for its end and closes the file. */
  close(): Promise<void>;
}

/** The facts about a database when it is opened. */
export interface DatabaseFacts extends Pick<
  Database,
  "path" | "description" | "mode" | "source" | "workFolder" | "views" | "resources"
> {
  /** Calls `close`, which releases the lock, and removes the files that opening created beside the database. */
  readonly letGo: (close: () => void) => Promise<void>;
  /** Opens the same file again, after the instance was closed. */
  readonly reopen: () => Promise<DuckDBInstance>;
}

/**
 * The database of an open instance, which it owns from now on. After a fatal error DuckDB refuses all further work:
 * the failed work stays failed, and the file is opened again for later work.
 */
export function createDatabase(opened: DuckDBInstance, facts: DatabaseFacts): Database {
  let instance = Promise.resolve(opened);
  let isInvalidated = false;
  const connections = new Set<DuckDBConnection>();
  let last: Promise<unknown> = Promise.resolve();
  let closing: Promise<void> | undefined;

  function throwIfClosing(): void {
    if (closing === undefined) return;
    throw interrupted(`${facts.description} was closed before the work finished.`);
  }

  async function connect(): Promise<DuckDBConnection> {
    throwIfClosing();
    // While other connections still use the old instance, they all get its error.
    if (isInvalidated && connections.size === 0) {
      isInvalidated = false;
      instance = instance.then(
        (old) => {
          old.closeSync();
          return facts.reopen();
        },
        () => facts.reopen(),
      );
      instance.catch(() => (isInvalidated = true));
    }
    const connection = await (await instance).connect();
    connections.add(connection);
    return connection;
  }

  function translate(error: unknown): unknown {
    if (error instanceof Error && isFatal(error)) isInvalidated = true;
    return translateFailure(error, facts.description);
  }

  function release(connection: DuckDBConnection): void {
    connections.delete(connection);
    connection.closeSync();
  }

  async function use<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const connection = await connect();
    try {
      return await work(connection);
    } catch (error) {
      throw translate(error);
    } finally {
      release(connection);
    }
  }

  return {
    ...facts,
    use,
    throwIfClosing,

    async *stream(work) {
      const connection = await connect();
      try {
        yield* work(connection);
      } catch (error) {
        throw translate(error);
      } finally {
        release(connection);
      }
    },

    transact(work, without) {
      return use(async (connection) => {
        for (const macro of without === "macros" ? [] : castMacros) await connection.run(macro);
        await connection.run("BEGIN TRANSACTION");
        try {
          const result = await work(connection);
          reachPoint("before-commit");
          throwIfClosing();
          await makeLog(facts.path);
          await connection.run("COMMIT");
          reachPoint("after-commit");
          return result;
        } catch (error) {
          // A COMMIT after an error succeeds and stores nothing, so it must never be reached; a COMMIT that failed has
          // rolled back already, and a second ROLLBACK is refused.
          await connection.run("ROLLBACK").catch(() => undefined);
          throw error;
        }
      });
    },

    async checkpoint() {
      await use((connection) => connection.run("CHECKPOINT")).catch(() => undefined);
    },

    queue(work) {
      const result = last.then(work);
      last = result.catch(() => undefined);
      return result;
    },

    close() {
      closing ??= (async () => {
        const interrupt = (): void => {
          for (const connection of connections) connection.interrupt();
        };
        interrupt();
        // An interrupt stops only the current statement: another one may be about to start.
        const again = setInterval(interrupt, 100);
        await last;
        clearInterval(again);
        for (const connection of connections) connection.closeSync();
        const opened = await instance.catch(() => null);
        await facts.letGo(() => opened?.closeSync());
      })();
      return closing;
    },
  };
}

/** DuckDB creates its log with the mode of any new file. The log holds rows, so it gets the mode of the database. */
async function makeLog(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found !== undefined) await (await open(`${path}.wal`, "a", found.mode & 0o777)).close();
}

/**
 * Settings of every instance: they keep DuckDB from fetching extensions, and from loading those of this
 * machine, even when it first inspects a file. A SQLite file would make it do both.
 */
export const offline: Readonly<Record<string, string>> = {
  autoinstall_known_extensions: "false",
  autoload_known_extensions: "false",
  extension_directory: devNull,
};

/** A row of a statement whose columns are not nested. */
export type ScalarRow = Record<string, string | number | boolean | null>;

/** All rows of one statement whose columns are not nested: 64-bit integers, decimals and times as text. */
export async function readRows(
  connection: DuckDBConnection,
  sql: string,
  values: DuckDBValue[] = [],
): Promise<ScalarRow[]> {
  // Without values a statement is one call instead of four.
  const bound = values.length === 0 ? undefined : values;
  return (await connection.runAndReadAll(sql, bound)).getRowObjectsJson() as ScalarRow[];
}

/**
 * The actionable error behind an error of DuckDB or of the file system: a full disk, files that are missing, damaged or may
 * not be written, too little memory, two writers, a constraint of the table. Other errors are returned unchanged.
 */
export function translateFailure(error: unknown, description: string): unknown {
  if (error instanceof BillhouseError || !(error instanceof Error)) return error;
  const { message } = error;
  if (/No space left|ENOSPC|EDQUOT|Disk quota exceeded|File too large|EFBIG|max_temp_directory_size/i.test(message)) {
    return new BillhouseError("WAREHOUSE_FULL", `The disk is full; ${description} cannot grow: ${firstLine(message)}`, {
      hint: "Free some space on the disk of the database, then run again: previous loads are unchanged.",
      cause: error,
    });
  }
  const { code = "", syscall } = error as NodeJS.ErrnoException;
  if (syscall !== undefined && code === "ENOENT") {
    return new BillhouseError("WAREHOUSE_NOT_FOUND", `A file of ${description} was deleted: ${firstLine(message)}`, {
      hint: "Do not delete files beside the database while billhouse runs, then run again: previous loads are unchanged.",
      cause: error,
    });
  }
  const isRefused = syscall !== undefined && /^(?:EACCES|EEXIST|EISDIR|ENOTDIR|ENOTEMPTY|EPERM|EROFS)$/.test(code);
  if (
    isRefused ||
    /^(?:FATAL|TransactionContext) Error: [^]*(?:Permission denied|Read-only file system)/i.test(message)
  ) {
    return new BillhouseError("WAREHOUSE_DENIED", `A file of ${description} cannot be written: ${firstLine(message)}`, {
      hint: "Check the file and its permissions, then run again: previous loads are unchanged.",
      cause: error,
    });
  }
  if (message.startsWith("Out of Memory Error")) {
    return new BillhouseError("WAREHOUSE_FULL", `DuckDB ran out of memory: ${firstLine(message)}`, {
      hint: "Raise memory_limit, or lower threads, below [destination.duckdb], then run again.",
      cause: error,
    });
  }
  if (/^TransactionContext Error: .*Conflict|Catalog write-write conflict/i.test(message)) {
    return new BillhouseError("WAREHOUSE_LOCKED", `Another run wrote to ${description} at the same time.`, {
      hint: "Run again when the other run has finished: this load was rolled back.",
      cause: error,
    });
  }
  if (isFatal(error)) {
    return new BillhouseError(
      "WAREHOUSE_UNAVAILABLE",
      `DuckDB stopped working on ${description}: ${firstLine(message)}`,
      {
        hint: "Run again: previous loads are unchanged. If the same month fails repeatedly, load the others with --from, --to or --month, and report it.",
        cause: error,
      },
    );
  }
  if (/^Constraint Error|constraint violat/i.test(message)) {
    return new BillhouseError("TABLE_UNUSABLE", `A constraint of a table refuses the rows: ${firstLine(message)}`, {
      hint: "Drop the index or constraint, which billhouse did not create, then run again: previous loads are unchanged.",
      cause: error,
    });
  }
  if (/Corrupt database file/i.test(message)) {
    return new BillhouseError("WAREHOUSE_UNSUPPORTED", `${description} is damaged: ${firstLine(message)}`, {
      hint: "Restore a copy of it, or move it away and load again.",
      cause: error,
    });
  }
  if (message.startsWith("INTERRUPT Error")) {
    return interrupted(`The work on ${description} was stopped.`, { cause: error });
  }
  return error;
}

/** Whether DuckDB refuses all further work after an error. */
function isFatal({ message }: Error): boolean {
  return /^(?:FATAL|INTERNAL) Error|database has been invalidated/i.test(message);
}
