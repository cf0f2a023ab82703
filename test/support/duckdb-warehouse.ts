import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { DuckDBInstance } from "@duckdb/node-api";

import { openDuckdb, type DuckdbOptions } from "../../src/warehouses/duckdb/driver.ts";
import type { FullWarehouse, OpenMode, Warehouse } from "../../src/warehouses/warehouse.ts";
import { rows } from "../conformance/bills.ts";
import { ofDelivery } from "../conformance/bills.ts";
import type { CapableTestWarehouse } from "../conformance/warehouse.ts";
import { temporaryFolder } from "./folders.ts";

/** A DuckDB database of one test, and its path. */
export interface TestDuckdb extends CapableTestWarehouse {
  /** The folder of the database `bills.duckdb`. */
  readonly folder: string;
  readonly path: string;
  open(mode?: OpenMode, options?: Partial<DuckdbOptions>): Promise<FullWarehouse>;
}

/** Creates the folder of a database; opening creates the database itself. */
export async function duckdbWarehouse(t: TestContext): Promise<TestDuckdb> {
  const folder = await temporaryFolder(t);
  const path = join(folder, "bills.duckdb");
  const opened: Warehouse[] = [];
  t.after(() => Promise.all(opened.map((warehouse) => warehouse.close())));
  let count = 0;
  return {
    folder,
    path,

    async open(mode = "write", options = {}) {
      const defaults = { path, storageVersion: "v1.3.0", memoryLimit: null, threads: 1, lockWait: 0 };
      const warehouse = await openDuckdb({ ...defaults, ...options }, mode);
      opened.push(warehouse);
      return warehouse;
    },

    async openWithViews(views) {
      const defaults = { path, storageVersion: "v1.3.0", memoryLimit: null, threads: 1, lockWait: 0 };
      const warehouse = await openDuckdb({ ...defaults, views }, "write");
      opened.push(warehouse);
      return warehouse;
    },

    viewDataset: "main",
    rows,

    async put(name, bytes) {
      count += 1;
      const key = `${count}-${name}`;
      const file = join(folder, key);
      await writeFile(file, bytes);
      const format = name.endsWith(".parquet") ? "parquet" : "csv";
      const size = Buffer.byteLength(bytes);
      return {
        file: { key, size, version: "1", modified: "2025-01-01T00:00:00Z", format, rows: null, declaredSize: null },
        path: file,
        rows: null,
        storageUrl: "file:",
        ...ofDelivery,
      };
    },

    async parquet(sql) {
      count += 1;
      const file = join(folder, `${count}.parquet`);
      const connection = await (await DuckDBInstance.create(":memory:")).connect();
      await connection.run("SET TimeZone = 'UTC'");
      await connection.run(`COPY (${sql}) TO '${file}' (FORMAT parquet)`);
      connection.closeSync();
      return readFile(file);
    },

    place: (_text, line) => `line ${line}`,

    oddName: `a "b" 'c' \`d\`; -- /* é $1 \\`,
  };
}
