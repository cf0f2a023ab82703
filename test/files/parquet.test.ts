import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { BillhouseError } from "../../src/errors.ts";
import { readParquetCells, readParquetHeader } from "../../src/files/parquet/cells.ts";
import { measureParquet } from "../../src/files/parquet/decoded-size.ts";
import { compareDecimals } from "../../src/schema/decimals.ts";
import { castExpression, castMacros } from "../../src/warehouses/duckdb/sql.ts";
import { corpusFolder } from "../support/hostile/inputs.ts";

/** Files that pyarrow 26 wrote, each with a period, a currency and these costs. */
const costs: Readonly<Record<string, readonly (string | null)[]>> = {
  "pyarrow-brotli": ["0.1", "0.2", "0.3"],
  "pyarrow-lz4": ["0.1", "0.2", "0.3"],
  "pyarrow-nulls": [null, null, null],
  "pyarrow-checksums": ["0.1", "0.2", "0.3"],
  "pyarrow-empty-group": ["0.1", "0.2", "0.3", "0.1", "0.2", "0.3"],
  "pyarrow-no-rows": [],
  "pyarrow-no-rows-dictionary": [],
  "pyarrow-float": ["0.1", "0.2", "16777216", "1e-7", "25000", "-1.5"],
  "pyarrow-half": ["0.099975586", "0.19995117", "1.5", "65504"],
};

describe("a Parquet file of pyarrow", async () => {
  const instance = await DuckDBInstance.create(":memory:");
  const database = await instance.connect();
  for (const macro of castMacros) await database.run(macro);
  after(() => instance.closeSync());

  for (const [name, expected] of Object.entries(costs)) {
    it(`is read, and its costs are those of the database: ${name}`, async () => {
      const path = join(corpusFolder, "parquet", `sound-${name}.parquet`);
      const file = bufferOf(await readFile(path));
      const { columns, rows } = await readParquetHeader(name, file);
      assert.equal(rows, expected.length);
      assert.equal(columns[2]?.type, "decimal");
      await measureParquet(name, file, 2 ** 20);
      const found: (string | null | undefined)[] = [];
      await readParquetCells(name, file, [2], ([cost]) => found.push(cost));
      assert.deepEqual(found, expected);

      const relation = `read_parquet('${path}')`;
      const described = await database.runAndReadAll(`DESCRIBE SELECT line_item_unblended_cost FROM ${relation}`);
      const expression = castExpression(
        "line_item_unblended_cost",
        String(described.getRows()[0]?.[1]),
        "DECIMAL(38,18)",
      );
      const loaded = await database.runAndReadAll(`SELECT CAST(${expression} AS VARCHAR) FROM ${relation}`);
      assert.equal(loaded.currentRowCount, expected.length);
      for (const [index, [value]] of loaded.getRows().entries()) {
        const cost: string | null = found[index] ?? null;
        if (cost === null) assert.equal(value, null);
        else assert.equal(compareDecimals(String(value), cost), 0, cost);
      }
    });
  }

  it("is damaged where a bit of a page with a checksum is another", async () => {
    const bytes = await readFile(join(corpusFolder, "parquet", "sound-pyarrow-checksums.parquet"));
    const at = bytes.indexOf("USD");
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await assert.rejects(
      measureParquet("x.parquet", bufferOf(bytes), 2 ** 20),
      (error) =>
        error instanceof BillhouseError &&
        error.code === "FILE_CORRUPT" &&
        /is damaged: the checksum of a page is wrong/.test(error.message),
    );
  });
});

function bufferOf(bytes: Buffer): Parameters<typeof readParquetHeader>[1] {
  return {
    byteLength: bytes.length,
    slice: (start, end) => Uint8Array.from(bytes.subarray(start, end)).buffer,
  };
}
