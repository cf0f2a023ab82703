import { rm } from "node:fs/promises";
import { DuckDBInstance } from "@duckdb/node-api";

/** A column of a Parquet file that is written. */
export interface WrittenColumn {
  readonly name: string;
  readonly type: "text" | "decimal" | "timestamp";
}

const types: Readonly<Record<WrittenColumn["type"], string>> = {
  text: "VARCHAR",
  decimal: "DECIMAL(38,18)",
  timestamp: "TIMESTAMP",
};

/**
 * Writes a Parquet file (Snappy) from a CSV file with these columns and no header, and removes the CSV file. Empty cells are NULL.
 * Memory is bounded: rows are streamed. Aborting the signal stops it. Decimals must have at most 18 digits after the point, or they are rounded.
 */
export async function writeParquet(
  csv: string,
  path: string,
  columns: readonly WrittenColumn[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const instance = await DuckDBInstance.create(":memory:", {
    threads: "2",
    memory_limit: "1GB",
    autoinstall_known_extensions: "false",
    preserve_insertion_order: "true",
  });
  const connection = await instance.connect();
  const stop = (): void => connection.interrupt();
  signal?.addEventListener("abort", stop);
  try {
    signal?.throwIfAborted();
    const declared = columns.map(({ name, type }) => `${literal(name)}: ${literal(types[type])}`).join(", ");
    await connection.run(
      `COPY (SELECT * FROM read_csv(${literal(csv)}, header = false, auto_detect = false, delim = ',', quote = '"',
         escape = '"', nullstr = '', hive_partitioning = false, columns = {${declared}}))
       TO ${literal(path)} (FORMAT parquet, COMPRESSION snappy)`,
    );
  } finally {
    signal?.removeEventListener("abort", stop);
    connection.closeSync();
    instance.closeSync();
    await rm(csv, { force: true });
  }
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
