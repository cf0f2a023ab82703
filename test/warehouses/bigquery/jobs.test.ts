import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";

import type { DataFile } from "../../../src/model.ts";
import type { FullWarehouse, MappedFile } from "../../../src/warehouses/warehouse.ts";
import { bigqueryWarehouse, type TestBigquery } from "../../support/bigquery-warehouse.ts";
import {
  billReplacement,
  csv,
  load,
  loadAndMeasure,
  month,
  prepare,
  rows,
  stream,
  table,
} from "../../conformance/bills.ts";
import { rejects } from "../../support/rejects.ts";
import type { Asked } from "../../servers/bigquery/server.ts";

describe("the jobs of a month", () => {
  test("have ids of their own for every load: A, then B, then A again is loaded three times", async (t) => {
    const { big, warehouse } = await opened(t);
    const [a, b] = [await csv(big, "a,2025-01-01,,1,USD\n"), await csv(big, "b,2025-01-01,,2,USD\n")];
    for (const [file, executionId] of [
      [a, "A"],
      [b, "B"],
      [a, "A"],
    ] as const) {
      await load(warehouse, [file], { executionId });
    }
    assert.deepEqual(await rows(warehouse, "SELECT id FROM billing.bills"), [{ id: "a" }]);
    assert.equal(big.server.counts.loads, 3);
    assert.equal(swapIds(big).length, 3);
    await load(warehouse, [a], { executionId: "A" });
    assert.equal(big.server.counts.loads, 4, "and a forced load runs again");
  });

  test("are labelled with their purpose, bounded by the limit, and load staging tables with the key", async (t) => {
    const big = await bigqueryWarehouse(t);
    const kmsKeyName = "projects/p/locations/eu/keyRings/r/cryptoKeys/k";
    const warehouse = await big.open("write", { kmsKeyName, maximumBytesBilled: "1000000000" });
    await prepare(warehouse);
    await load(warehouse, [await csv(big, "a,2025-01-01,,1,USD\n")]);
    const configurations = big.server.requests.filter(({ name }) => name === "jobs.insert").map(configurationOf);
    const purposes = configurations.map(({ labels }) => labels?.["billhouse"] ?? "");
    assert.deepEqual([...new Set(purposes)].toSorted(), ["ledger", "load", "prepare", "swap", "verify"]);
    for (const { load: loading, query } of configurations) {
      // BigQuery refuses a key for scripts and DML.
      assert.equal("destinationEncryptionConfiguration" in (loading ?? query ?? {}), loading !== undefined);
      if (loading !== undefined) assert.deepEqual(loading["destinationEncryptionConfiguration"], { kmsKeyName });
      if (query !== undefined) assert.equal(query["maximumBytesBilled"], "1000000000");
    }
    const swap = configurations.find(({ labels }) => labels?.["billhouse"] === "swap");
    assert.deepEqual(swap?.labels, { billhouse: "swap", table: "bills", month });
    for (const name of big.server.tableNames("billing")) {
      assert.deepEqual(big.server.table("billing", name)?.encryptionConfiguration, { kmsKeyName }, name);
    }
  });

  test("leave no staging table behind, neither after success nor after failure", async (t) => {
    const { big, warehouse } = await opened(t);
    await load(warehouse, [await csv(big, "a,2025-01-01,,1,USD\n")]);
    assert.deepEqual(staging(big), []);
    await rejects(load(warehouse, [await csv(big, "a,2025-01-01,,x,USD\n")]), "VALUE_INVALID");
    await rejects(load(warehouse, [await csv(big, "a,2025-01-01\n")]), "FILE_INVALID");
    const file = await csv(big, "b,2025-01-01,,1,USD\n");
    const replaces = (await warehouse.ledger(table)).receipts[0]?.loadId ?? null;
    const judged = warehouse.replaceMonth({ ...billReplacement, replaces, files: stream([file]) }, async () => {
      throw new Error("the sums differ");
    });
    await assert.rejects(judged, /the sums differ/u);
    assert.deepEqual(staging(big), []);
    await load(warehouse, [file]);
    assert.deepEqual(await rows(warehouse, "SELECT id FROM billing.bills"), [{ id: "b" }], "and loads after all");
  });

  test("expire with their staging tables if no run resumes them", async (t) => {
    const { big, warehouse } = await opened(t);
    let expirations: (string | undefined)[] = [];
    big.server.onStatement = (sql) => {
      if (!sql.startsWith("BEGIN")) return;
      expirations = staging(big).map((name) => big.server.table("billing", name)?.expirationTime);
    };
    await load(warehouse, [await csv(big, "a,2025-01-01,,1,USD\n")]);
    assert.equal(expirations.length, 1);
    const hours = (Number(expirations[0]) - Date.now()) / 3_600_000;
    assert.ok(hours > 23 && hours <= 24, String(hours));
  });

  test("that are queries are asked for their rows and not for their state, unless the rows do not come", async (t) => {
    const { big, warehouse } = await opened(t);
    const asked = async (): Promise<readonly string[]> => {
      const before = big.server.requests.length;
      assert.deepEqual(await rows(warehouse, "SELECT 1 AS one"), [{ one: "1" }]);
      return big.server.requests.slice(before + 1).map(({ name }) => name);
    };
    assert.deepEqual(await asked(), ["jobs.insert", "queries.get"], "after the dry run");
    big.server.fault({ on: "queries.get", kind: "503" });
    const [, failed, ...others] = await asked();
    assert.equal(failed, "queries.get");
    assert.ok(others.includes("jobs.get"));
    assert.equal(others.at(-1), "queries.get");
  });

  test("take many small files together, because every table of a query is billed", async (t) => {
    const { big, warehouse } = await opened(t);
    const files = await Promise.all(
      Array.from({ length: 70 }, async (_, index) => csv(big, `${index},2025-01-01,,0.01,USD\n`)),
    );
    const { rows: count, sums, delivered } = await loadAndMeasure(warehouse, files);
    assert.deepEqual([count, sums], [70, [{ USD: "0.7" }]]);
    assert.equal(big.server.counts.loads, 4);
    assert.equal(delivered?.evidence.get("e1")?.rows, 70);
    assert.equal(delivered.rows.get(files[0]?.file.key ?? ""), null, "whose rows are then known only together");
  });
});

describe("what a load bills", () => {
  for (const count of [1, 3, 9]) {
    test(`is about what plan says, for ${count} small ${count === 1 ? "file" : "files"}`, async (t) => {
      const { big, warehouse } = await opened(t);
      await load(warehouse, [await csv(big, "old,2025-01-01,,1,USD\n")], { executionId: "e0" });
      const before = billed(big);
      const files: MappedFile[] = [];
      for (let index = 0; index < count; index += 1) files.push(await csv(big, `${index},2025-01-01,,1,USD\n`));
      await load(warehouse, files);
      const said = warehouse.billedBytes?.(files.map(({ file }) => ({ file, bytes: file.size, columns: 5 }))) ?? 0;
      const real = billed(big) - before;
      assert.ok(said >= real * 0.8 && said <= real * 1.25, `${said / 2 ** 20} MB said, ${real / 2 ** 20} MB billed`);
    });
  }

  test("grows with what is inserted and with the columns that are verified", async (t) => {
    const { warehouse } = await opened(t);
    const file = { key: "a.csv.gz", size: 50_000_000, format: "csv" } as DataFile;
    const ofColumns = (columns: number): number => warehouse.billedBytes?.([{ file, bytes: 1e9, columns }]) ?? 0;
    const beside = warehouse.billedBytes?.([]) ?? 0;
    assert.equal(ofColumns(0) - beside, 2e9, "without a list of columns all of them count");
    assert.equal(ofColumns(100) - beside, 1.1e9);
  });
});

describe("a run that was stopped", () => {
  test("resumes from the staging tables", async (t) => {
    const { big, warehouse } = await opened(t);
    await load(warehouse, [await csv(big, "old,2025-01-01,,1,USD\n")], { executionId: "e0" });
    const file = await csv(big, "new,2025-01-01,,1,USD\n");
    big.server.fault({ on: "jobs.insert", when: isSwap, kind: "stay-running" });
    const stopped = rejects(load(warehouse, [file]), "INTERRUPTED");
    await until(() => swapIds(big).length === 2);
    await warehouse.close();
    await stopped;
    assert.equal(staging(big).length, 1);

    const next = await big.open();
    assert.deepEqual(await rows(next, "SELECT id FROM billing.bills"), [{ id: "old" }]);
    await load(next, [file]);
    assert.deepEqual(await rows(next, "SELECT id FROM billing.bills"), [{ id: "new" }]);
    assert.equal(big.server.counts.loads, 2, "the file was not loaded again");
    assert.deepEqual(staging(big), []);
  });

  test("waits for a commit that BigQuery is still at work on, and commits nothing twice", async (t) => {
    const { big, warehouse } = await opened(t);
    const file = await csv(big, "new,2025-01-01,,1,USD\n");
    const fault = big.server.fault({ on: "jobs.insert", when: isSwap, kind: "stay-running" });
    big.server.fault({ on: "jobs.cancel", times: 99, kind: "503" });
    const stopped = rejects(load(warehouse, [file]), "INTERRUPTED");
    await until(() => swapIds(big).length === 1);
    await warehouse.close();
    await stopped;

    const next = await big.open();
    const going = load(next, [file]);
    await until(() => swapIds(big).length === 2);
    fault.release();
    await going;
    assert.deepEqual(await rows(next, "SELECT id FROM billing.bills"), [{ id: "new" }]);
    assert.equal((await rows(next, "SELECT load_id FROM billing._dlt_loads")).length, 1);
    assert.equal(new Set(swapIds(big)).size, 1, "it was the same job");
  });

  test("loads again what was staged and is gone", async (t) => {
    const { big, warehouse } = await opened(t);
    const file = await csv(big, "new,2025-01-01,,1,USD\n");
    big.server.fault({ on: "jobs.insert", when: isSwap, kind: "stay-running" });
    const stopped = rejects(load(warehouse, [file]), "INTERRUPTED");
    await until(() => swapIds(big).length === 1);
    await warehouse.close();
    await stopped;
    const [name = ""] = staging(big);
    await big.server.rows(`DROP TABLE \`p.billing.${name}\``);
    const next = await big.open();
    await load(next, [file]);
    assert.deepEqual(await rows(next, "SELECT id FROM billing.bills"), [{ id: "new" }]);
    assert.equal(big.server.counts.loads, 2);
  });

  test("loads again what was staged and holds other rows by now", async (t) => {
    const { big, warehouse } = await opened(t);
    const file = await csv(big, "new,2025-01-01,,1,USD\n");
    big.server.fault({ on: "jobs.insert", when: isSwap, kind: "stay-running" });
    const stopped = rejects(load(warehouse, [file]), "INTERRUPTED");
    await until(() => swapIds(big).length === 1);
    await warehouse.close();
    await stopped;
    await big.server.rows(`DELETE FROM \`p.billing.${staging(big)[0]}\` WHERE TRUE`);
    const next = await big.open();
    await load(next, [file]);
    assert.deepEqual(await rows(next, "SELECT id FROM billing.bills"), [{ id: "new" }]);
    assert.equal(big.server.counts.loads, 2);
  });

  test("leaves staging tables that the next run takes away, also when it has nothing to load", async (t) => {
    const { big, warehouse } = await opened(t);
    big.server.fault({ on: "jobs.insert", when: isSwap, kind: "stay-running" });
    const stopped = rejects(load(warehouse, [await csv(big, "a,2025-01-01,,1,USD\n")]), "INTERRUPTED");
    await until(() => swapIds(big).length === 1);
    await warehouse.close();
    await stopped;
    const other = await big.open();
    await other.ledger(table);
    await other.publish();
    assert.equal(staging(big).length, 1, "a run may still resume with them");
    await load(other, [await csv(big, "b,2025-02-01,,1,USD\n")], { billingMonth: "2025-02" });
    assert.equal(staging(big).length, 1);
    await load(other, [await csv(big, "b,2025-01-01,,1,USD\n")], { executionId: "e2" });
    await other.publish();
    assert.deepEqual(staging(big), []);
  });
});

async function opened(t: TestContext): Promise<{ big: TestBigquery; warehouse: FullWarehouse }> {
  const big = await bigqueryWarehouse(t);
  const warehouse = await big.open();
  await prepare(warehouse);
  return { big, warehouse };
}

/** The bytes that all queries have billed. */
function billed({ server }: TestBigquery): number {
  return [...server.jobs.values()].reduce((sum, { statistics }) => {
    const { totalBytesBilled = "0" } = (statistics["query"] ?? {}) as { totalBytesBilled?: string };
    return sum + Number(totalBytesBilled);
  }, 0);
}

interface Configuration {
  readonly labels?: Readonly<Record<string, string>>;
  readonly load?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
}

function configurationOf({ body }: Asked): Configuration {
  return (body as { configuration: Configuration }).configuration;
}

function isSwap(request: Asked): boolean {
  return configurationOf(request).labels?.["billhouse"] === "swap";
}

function swapIds({ server }: TestBigquery): string[] {
  return server.requests
    .filter((request) => request.name === "jobs.insert" && isSwap(request))
    .map(({ body }) => (body as { jobReference: { jobId: string } }).jobReference.jobId);
}

function staging({ server }: TestBigquery): string[] {
  return server.tableNames("billing").filter((name) => name.startsWith("_billhouse_staging_"));
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}
