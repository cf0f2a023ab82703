import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import type { DataFile } from "../../../src/model.ts";

/** A column name with as much punctuation as BigQuery takes in one. */
export const oddName = `a 'c' % é = : < > # | -- +1`;

/** A data file as an export lists it. */
export function describeFile(key: string, bytes: string | Uint8Array): DataFile {
  return {
    key,
    size: Buffer.byteLength(bytes),
    version: "1",
    modified: "2025-01-01T00:00:00Z",
    format: key.endsWith(".parquet") ? "parquet" : "csv",
    rows: null,
    declaredSize: null,
  };
}

/** The bytes of a Parquet file with the rows of a query of DuckDB, written in a folder. */
export async function parquetOf(sql: string, folder: string): Promise<Uint8Array> {
  const file = join(folder, `${randomUUID()}.parquet`);
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    await connection.run(`COPY (${sql}) TO '${file}' (FORMAT parquet)`);
  } finally {
    connection.closeSync();
  }
  return readFile(file);
}

/** How BigQuery names the place of a row: by the byte where its line starts. */
export function placeOf(text: string, line: number, value?: string): string {
  // BigQuery reads such a number as the seconds since 1970, and so does not stop at it.
  if (/^\d+$/u.test(value ?? "")) return "";
  const before = text.split("\n").slice(0, line - 1);
  return `byte ${Buffer.byteLength(before.map((each) => `${each}\n`).join(""))}`;
}
