import { BillhouseError, firstLine, interrupted } from "../../errors.ts";

/**
 * The error that a person can act on behind an error of DuckDB or of the file system: a full disk, files that are gone or
 * may not be written, too little memory, two writers. Everything else is returned as it is.
 */
export function translateFailure(error: unknown, description: string): unknown {
  if (error instanceof BillhouseError || !(error instanceof Error)) return error;
  const { message } = error;
  if (/No space left|ENOSPC|EDQUOT|Disk quota exceeded|File too large|EFBIG|max_temp_directory_size/i.test(message)) {
    return new BillhouseError("WAREHOUSE_FULL", `The disk has no room left for ${description}: ${firstLine(message)}`, {
      hint: "Free some space on the disk of the database, then run again: what was loaded before is untouched.",
      cause: error,
    });
  }
  const { code = "", syscall } = error as NodeJS.ErrnoException;
  if (syscall !== undefined && code === "ENOENT") {
    return new BillhouseError("WAREHOUSE_NOT_FOUND", `A file of ${description} is gone: ${firstLine(message)}`, {
      hint: "Let nothing delete files beside the database while billhouse runs, then run again: what was loaded before is untouched.",
      cause: error,
    });
  }
  const isRefused = syscall !== undefined && /^(?:EACCES|EEXIST|EISDIR|ENOTDIR|ENOTEMPTY|EPERM|EROFS)$/.test(code);
  if (
    isRefused ||
    /^(?:FATAL|TransactionContext) Error: [^]*(?:Permission denied|Read-only file system)/i.test(message)
  ) {
    return new BillhouseError("WAREHOUSE_DENIED", `A file of ${description} cannot be written: ${firstLine(message)}`, {
      hint: "Look at what lies there and at who may write it, then run again: what was loaded before is untouched.",
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
      hint: "Run again when the other run has ended: nothing of this load was kept.",
      cause: error,
    });
  }
  if (/^(?:FATAL|INTERNAL) Error|database has been invalidated/i.test(message)) {
    return new BillhouseError("WAREHOUSE_UNAVAILABLE", `DuckDB gave up ${description}: ${firstLine(message)}`, {
      hint: "Run again: what was loaded before is untouched. When a month stops DuckDB again and again, load the others with --from, --to or --month, and report it.",
      cause: error,
    });
  }
  if (message.startsWith("INTERRUPT Error")) {
    return interrupted(`The work on ${description} was stopped.`, { cause: error });
  }
  return error;
}

/**
 * The error that a person can act on when a database file cannot be opened.
 * Codes: WAREHOUSE_LOCKED, WAREHOUSE_UNSUPPORTED, WAREHOUSE_NOT_FOUND, WAREHOUSE_DENIED, CONFIG_INVALID, WAREHOUSE_FULL.
 */
export function translateOpening(error: unknown, path: string): unknown {
  if (error instanceof BillhouseError || !(error instanceof Error)) return error;
  const { message } = error;
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
      `Wait until it has ended${holder === undefined ? "" : ` (or stop the process ${holder})`}, then run again. Readers use ${readCopyPath(path)}, which is never locked.`,
    );
  }
  if (message.includes("not a valid DuckDB database file")) {
    return opening(
      "WAREHOUSE_UNSUPPORTED",
      `${path} is no DuckDB database.`,
      "Name another file as path below [destination.duckdb], or move this one away.",
    );
  }
  if (/database file with version number|newer version|Serialization Error/i.test(message)) {
    return opening(
      "WAREHOUSE_UNSUPPORTED",
      `${path} was written by a newer DuckDB than the one in billhouse.`,
      "Install the newest billhouse, or name another file as path below [destination.duckdb].",
    );
  }
  if (/Corrupt database file|Checksum|Failure while replaying WAL/i.test(message)) {
    return opening(
      "WAREHOUSE_UNSUPPORTED",
      `${path} is damaged: ${firstLine(message)}`,
      `Put back a copy of it (${readCopyPath(path)} is the state after the last run), or move it away and load again.`,
    );
  }
  // The driver tells no more than this about a value that it does not take.
  if (message === "Failed to set config") {
    return opening(
      "CONFIG_INVALID",
      "DuckDB does not know this storage_version.",
      'Set storage_version below [destination.duckdb] to "latest" or to a version such as "v1.3.0".',
    );
  }
  const translated = translateFailure(error, path);
  if (translated !== error || !message.startsWith("IO Error")) return translated;
  if (/Permission denied|Read-only file system/i.test(message)) {
    return opening(
      "WAREHOUSE_DENIED",
      `${path} cannot be opened: ${firstLine(message)}`,
      "Look at who may read and write the file and its folder.",
    );
  }
  return opening(
    "WAREHOUSE_NOT_FOUND",
    `${path} cannot be opened: ${firstLine(message)}`,
    "Check the path below [destination.duckdb].",
  );
}

/** Whether a database cannot be opened because somebody else has it open now. */
export function isLockHeld(error: unknown): boolean {
  return (
    error instanceof Error &&
    /Could not set lock|Conflicting lock|different configuration than existing connections/i.test(error.message)
  );
}

/** Where the copy for readers lies: `billhouse.read.duckdb` beside `billhouse.duckdb`. */
export function readCopyPath(path: string): string {
  return path.endsWith(".duckdb") ? path.replace(/\.duckdb$/, ".read.duckdb") : `${path}.read.duckdb`;
}
