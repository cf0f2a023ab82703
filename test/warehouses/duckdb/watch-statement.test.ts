import assert from "node:assert/strict";
import { test } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { watchStatement } from "../../../src/warehouses/duckdb/resources.ts";

test("DuckDB reports which share of a long INSERT is done, and prints nothing", async () => {
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  try {
    await connection.run("CREATE TABLE source AS SELECT range AS number FROM range(2000000)");
    await connection.run("CREATE TABLE target (hash VARCHAR)");
    const hash = Array.from({ length: 12 }).reduce<string>((inner) => `md5(${inner})`, "CAST(number AS VARCHAR)");
    const shares: number[] = [];
    const { rowsChanged } = await watchStatement(
      connection,
      () => connection.run(`INSERT INTO target SELECT ${hash} FROM source`),
      (share) => shares.push(share),
    );
    assert.equal(rowsChanged, 2_000_000);
    assert.ok(shares.every((share) => share >= 0 && share <= 1));
    assert.ok(shares.filter((share) => share > 0 && share < 1).length >= 2, shares.join(" "));
    const settings = await connection.runAndReadAll("SELECT current_setting('enable_progress_bar_print')");
    assert.deepEqual(settings.getRows(), [[false]]);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
});
