import { createHash } from "node:crypto";
import type { DataFile } from "../model.ts";
import { createCsvScanner } from "./csv.ts";
import { decompress, type ReadBytes } from "./decompress.ts";
import { readParquetCells } from "./parquet/cells.ts";
import { storedBytes } from "./read.ts";

/**
 * Calls `row` for every row of a data file with the cells of some columns, "" for an empty one, and with the number of its line or
 * row. Of a Parquet file only these columns are read; the result is the checksum `md5:<hex>` of a CSV file, which is read to its
 * end, and null for Parquet. `limit`: as for `decompress`.
 * Errors: FILE_CORRUPT, FILE_INVALID, LIMIT_EXCEEDED, those of `read`.
 */
export async function readColumns(
  file: DataFile,
  read: ReadBytes,
  limit: number | null,
  positions: readonly number[],
  row: (cells: readonly string[], where: number) => void,
): Promise<string | null> {
  if (file.format === "parquet") {
    const filled = (cells: readonly (string | null)[], number: number): void =>
      row(
        cells.map((cell) => cell ?? ""),
        number,
      );
    await readParquetCells(file.key, storedBytes(file, read), positions, filled);
    return null;
  }
  const hash = createHash("md5");
  const scanner = createCsvScanner(file.key, { header: () => positions, row });
  for await (const piece of decompress(file, read, limit, (stored) => hash.update(stored))) scanner.write(piece);
  scanner.end();
  return `md5:${hash.digest("hex")}`;
}
