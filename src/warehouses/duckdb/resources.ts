import type { DuckDBConnection, DuckDBInstance, DuckDBMaterializedResult } from "@duckdb/node-api";
import { BillhouseError } from "../../errors.ts";
import type { OpenMode } from "../warehouse.ts";
import { type Database, readRows, type Resources } from "./database.ts";
import { literal } from "./sql.ts";

/** Sets up a new instance, and returns what it may use. Error: CONFIG_INVALID for a `memory_limit` that is not a size. */
export async function configure(
  instance: DuckDBInstance,
  { memoryLimit, threads }: { readonly memoryLimit: string | null; readonly threads: number | null },
  mode: OpenMode,
  spillFolder: string,
): Promise<Resources> {
  const connection = await instance.connect();
  try {
    const [found] = await readRows(connection, currentLimits);
    const half = Math.min(bytesOf(String(found?.["memory"])) * 0.625 || mostToRead, mostToRead);
    const limit = memoryLimit ?? `${Math.floor(mode === "write" ? Math.min(half, usualToWrite) : half)}B`;
    const settings = [
      "TimeZone = 'UTC'",
      `temp_directory = ${literal(spillFolder)}`,
      ...(threads === null ? [] : [`threads = ${threads}`]),
    ];
    // One call: opening is a good part of a short command.
    await connection.run(settings.map((setting) => `SET GLOBAL ${setting}`).join("; "));
    try {
      await connection.run(`SET GLOBAL memory_limit = ${literal(limit)}`);
    } catch (cause) {
      throw new BillhouseError("CONFIG_INVALID", `"${limit}" is not a valid memory_limit of DuckDB.`, {
        hint: 'Set memory_limit below [destination.duckdb] to a size such as "4GB".',
        cause,
      });
    }
    const [set] = await readRows(connection, currentLimits);
    if (mode === "reader") {
      // A server is a reader for days: what a statement no longer needs is given back to the system, not kept for the next one.
      await connection.run("SET GLOBAL allocator_flush_threshold = '8MB'");
      // Queries of readers must not reach files or the network.
      await connection.run("SET GLOBAL enable_external_access = false");
      await connection.run("SET GLOBAL lock_configuration = true");
    }
    const memory = bytesOf(String(set?.["memory"]));
    return { memory, mostMemory: memoryLimit === null ? half : memory, threads: Number(set?.["threads"]) };
  } finally {
    connection.closeSync();
  }
}

const currentLimits = "SELECT current_setting('memory_limit') AS memory, current_setting('threads') AS threads";

// Of the memory of the machine or container, of which DuckDB's own limit is 80 %, half.
const mostToRead = 8 * 1024 ** 3;

// With it, a load takes less than 1 GB in all.
const usualToWrite = 450e6;

/** The bytes of a size as DuckDB shows it: `476.8 MiB`; 0 for other text. */
function bytesOf(size: string): number {
  const match = /^([\d.]+) ([KMGT]i?B|bytes)$/.exec(size);
  return Number(match?.[1] ?? 0) * 1024 ** ("KMGT".indexOf(match?.[2]?.[0] ?? "") + 1);
}

/**
 * Runs an INSERT of so many rows and bytes into a table of so many columns, in any order: in order, DuckDB inserts with one
 * thread unless it has gigabytes of memory (docs/decisions/0005). As many threads work as have room for the row group that
 * each one holds in memory until it is full (with more, DuckDB fails for want of memory), and as
 * fill at least two: those that are not full are written twice. More memory is used only for hundreds of columns.
 */
export async function runInsert(
  connection: DuckDBConnection,
  statement: string,
  { resources, use }: Pick<Database, "resources" | "use">,
  { columns, rows, bytes }: { readonly columns: number; readonly rows: number; readonly bytes: number },
  onShare?: (share: number) => void,
): Promise<DuckDBMaterializedResult> {
  const memory = Math.floor(Math.max(resources.memory, Math.min(2 * columns * memoryPerColumn, resources.mostMemory)));
  const rowGroup = (rowsPerGroup * bytes) / Math.max(rows, 1) + columns * memoryPerColumn;
  const most = Math.min(resources.threads, memory / rowGroup, rows / (2 * rowsPerGroup));
  // By another connection: one whose statement failed takes none until its transaction is rolled back.
  const set = async (...settings: readonly string[]): Promise<void> => {
    await use(async (other) => {
      for (const setting of settings) await other.run(`SET GLOBAL ${setting}`);
    });
  };
  await set(
    `memory_limit = '${memory}B'`,
    `threads = ${Math.max(1, Math.floor(most))}`,
    "preserve_insertion_order = false",
  );
  try {
    return await watchStatement(connection, () => connection.run(statement), onShare);
  } finally {
    // Only for this statement: DuckDB 1.5.5 crashes when it numbers rows without keeping their order.
    await set("preserve_insertion_order = true", `threads = ${resources.threads}`);
  }
}

/**
 * Runs a statement on a connection, and reports four times a second which share of its source DuckDB has read, from 0 to 1.
 * For several files DuckDB counts files of the same size.
 */
export async function watchStatement<T>(
  connection: DuckDBConnection,
  run: () => Promise<T>,
  onShare: ((share: number) => void) | undefined,
): Promise<T> {
  if (onShare === undefined) return run();
  // It is measured only for a progress bar, which must not be printed.
  await connection.run("SET enable_progress_bar_print = false");
  await connection.run("SET enable_progress_bar = true");
  const timer = setInterval(() => {
    const { percentage } = connection.progress;
    // -1 while it is unknown.
    if (percentage >= 0) onShare(Math.min(percentage / 100, 1));
  }, 250);
  try {
    return await run();
  } finally {
    clearInterval(timer);
  }
}

// DuckDB's own constant.
const rowsPerGroup = 122_880;

// A row group has two blocks of 256 KiB for each column of text, besides the texts.
const memoryPerColumn = 2 ** 19;
