import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { BillhouseError } from "../../../src/errors.ts";
import type { FullWarehouse } from "../../../src/warehouses/warehouse.ts";
import {
  chargeColumns,
  chargesFile,
  chargesMeasured,
  loadCharge,
  openCharges,
  prepareCharges,
  restore,
  stagingTables,
} from "./charges.ts";
import { bigqueryWarehouse, type TestBigquery } from "../../support/bigquery-warehouse.ts";
import { load, loadAndMeasure, month, rows, table } from "../../conformance/bills.ts";
import { rejects } from "../../support/rejects.ts";
import type { Asked } from "../../servers/bigquery/server.ts";

const expirations = {
  location: "EU",
  defaultTableExpirationMs: "5184000000",
  defaultPartitionExpirationMs: "5184000000",
} as const;

describe("rows that are kept", { timeout: 120_000 }, () => {
  test("lie in a table of the same columns, in months, that never expires", async (t) => {
    const big = await bigqueryWarehouse(t);
    big.server.createDataset("billing", expirations);
    const warehouse = await big.open("write", { kmsKeyName: "key" });
    await prepareCharges(warehouse, false);
    assert.equal(big.server.table("billing", "bills_previous"), undefined);
    assert.deepEqual(await warehouse.previous.rows(table, "period"), { months: [], bytes: 0 });
    await prepareCharges(warehouse, true);
    await prepareCharges(warehouse, true, { more: "decimal" });
    const kept = big.server.table("billing", "bills_previous");
    assert.deepEqual(
      kept?.fields.map(({ name }) => name),
      ["_billhouse_load_id", ...Object.keys(chargeColumns), "more"],
    );
    assert.deepEqual(kept?.timePartitioning, { type: "MONTH", field: "period" });
    assert.equal(kept?.expirationTime, undefined);
    assert.deepEqual(kept?.encryptionConfiguration, { kmsKeyName: "key" });
  });

  test("are those of the newest loads that were replaced, month by month", async (t) => {
    const { big, warehouse } = await openCharges(t, { keepsPrevious: true });
    const ids: string[] = [];
    const other = await loadCharge(big, warehouse, "x", { keepPrevious: 2, billingMonth: "2025-02" });
    await loadCharge(big, warehouse, "y", { keepPrevious: 2, billingMonth: "2025-02" });
    for (const id of ["a", "b", "c", "d"]) {
      ids.push((await loadCharge(big, warehouse, id, { keepPrevious: 2 })).loadId);
    }
    assert.deepEqual(await keptIds(warehouse), [
      { load_id: other.loadId, id: "x" },
      { load_id: ids[1], id: "b" },
      { load_id: ids[2], id: "c" },
    ]);
    const { months, bytes } = await warehouse.previous.rows(table, "period");
    assert.deepEqual(months, [
      { billingMonth: month, loadId: ids[1], rows: 1 },
      { billingMonth: month, loadId: ids[2], rows: 1 },
      { billingMonth: "2025-02", loadId: other.loadId, rows: 1 },
    ]);
    assert.ok(bytes > 0);
    await loadCharge(big, warehouse, "e");
    assert.equal((await keptIds(warehouse)).length, 3, "a load that keeps nothing takes nothing away");
  });

  test("are those of one load where another one had put the same rows back", async (t) => {
    const { big, warehouse } = await openCharges(t, { keepsPrevious: true });
    const ids: string[] = [];
    for (const id of ["a", "b", "c"]) ids.push((await loadCharge(big, warehouse, id, { keepPrevious: 2 })).loadId);
    const again = await loadCharge(big, warehouse, "b");
    await loadCharge(big, warehouse, "d", { keepPrevious: 2, restoredLoadId: ids[1] ?? null });
    const { months } = await warehouse.previous.rows(table, "period");
    assert.deepEqual(
      months.map(({ loadId }) => loadId),
      [ids[0], again.loadId],
    );
  });

  test("change with the table or not at all", async (t) => {
    const { big, warehouse } = await openCharges(t, { keepsPrevious: true });
    await loadCharge(big, warehouse, "a", { keepPrevious: 1 });
    const before = big.server.requests.length;
    big.server.onStatement = (sql) => {
      if (sql.startsWith("IF ((SELECT COUNT(*)")) throw new Error("nothing goes on");
    };
    await assert.rejects(loadCharge(big, warehouse, "b", { keepPrevious: 1 }), /nothing goes on/u);
    assert.ok(big.server.requests.length > before);
    assert.deepEqual(await warehouse.previous.rows(table, "period"), { months: [], bytes: 0 });
    big.server.onStatement = () => undefined;
    await loadCharge(big, warehouse, "b", { keepPrevious: 1 });
    assert.equal((await warehouse.previous.rows(table, "period")).months.length, 1);
  });

  test("of an empty month do not exist, but it can be restored within time travel", async (t) => {
    const { big, warehouse } = await openCharges(t, { keepsPrevious: true });
    await load(warehouse, [], { ...chargesMeasured, keepPrevious: 1 });
    const [empty] = await warehouse.previous.history(table, month);
    await loadCharge(big, warehouse, "b", { keepPrevious: 1 });
    assert.deepEqual((await warehouse.previous.rows(table, "period")).months, []);
    assert.equal(await restore(warehouse, empty?.loadId ?? ""), true);
    assert.deepEqual(await ids(warehouse), []);
  });

  test("are restored unchanged, and then no longer kept", async (t) => {
    const { big, warehouse } = await openCharges(t, { keepsPrevious: true });
    const first = await loadCharge(big, warehouse, "a", {
      keepPrevious: 1,
      cost: "0.00000000000000000000000000000000000001",
    });
    const second = await loadCharge(big, warehouse, "b", { keepPrevious: 1 });
    let judged: unknown;
    const done = await restore(warehouse, first.loadId, {}, (measures) => (judged = measures));
    assert.equal(done, true);
    assert.deepEqual(judged, { ...first.measures, delivered: null });
    assert.deepEqual(pastJobs(big), [], "and nothing is staged for it");
    assert.deepEqual(await rows(warehouse, "SELECT id, cost FROM billing.bills"), [
      { id: "a", cost: "0.00000000000000000000000000000000000001" },
    ]);
    assert.deepEqual(await keptIds(warehouse), []);
    const [newest] = await warehouse.previous.history(table, month);
    assert.equal(newest?.restoredLoadId, first.loadId);
    assert.equal(await restore(warehouse, second.loadId), true, "what is not kept is remembered");
    assert.deepEqual(await ids(warehouse), ["b"]);
  });

  test("fit a table whose costs became exact since, and keep what it holds now", async (t) => {
    const big = await bigqueryWarehouse(t);
    big.server.createDataset("billing", expirations);
    const warehouse = await big.open();
    await prepareCharges(warehouse, true, { ...chargeColumns, cost: "double" });
    const keepPrevious = 9;
    const first = await loadCharge(big, warehouse, "a", { keepPrevious, cost: "0.1" });
    const second = await loadCharge(big, warehouse, "b", { keepPrevious, cost: "0.2" });
    await loadCharge(big, warehouse, "c", { keepPrevious });
    // As the hint of the migration says: without the defaults, which can be set again afterwards.
    const dataset = big.server.catalog.datasets.get("p:billing");
    assert.ok(dataset);
    delete dataset.defaultTableExpirationMs;
    delete dataset.defaultPartitionExpirationMs;
    await warehouse.migration.migrate(table, { step: "decimals", column: "cost" });
    Object.assign(dataset, expirations);
    assert.equal(await restore(warehouse, first.loadId), true, "floats are restored as the decimals of their text");
    assert.deepEqual(await rows(warehouse, "SELECT cost FROM billing.bills"), [{ cost: "0.1" }]);
    const exact = "0.1000000000000000055511151231257827";
    const third = await loadCharge(big, warehouse, "d", { keepPrevious, cost: exact });
    await loadCharge(big, warehouse, "e", { keepPrevious });
    const kept = big.server.table("billing", "bills_previous");
    assert.equal(kept?.fields.find(({ name }) => name === "cost")?.type, "BIGNUMERIC");
    assert.deepEqual(kept.timePartitioning, { type: "MONTH", field: "period" });
    for (const [{ loadId }, cost] of [
      [third, exact],
      [second, "0.2"],
    ] as const) {
      assert.equal(await restore(warehouse, loadId), true);
      assert.deepEqual(await rows(warehouse, "SELECT cost FROM billing.bills"), [{ cost }]);
    }
    assert.deepEqual(pastJobs(big), []);
  });

  test("are encrypted with the configured key, also when their types change and when BigQuery remembers them", async (t) => {
    const big = await bigqueryWarehouse(t);
    const warehouse = await big.open("write", { kmsKeyName: "key" });
    await prepareCharges(warehouse, true, { ...chargeColumns, cost: "double" });
    await loadCharge(big, warehouse, "a");
    await loadCharge(big, warehouse, "b", { keepPrevious: 1 });
    await warehouse.migration.migrate(table, { step: "decimals", column: "cost" });
    await loadCharge(big, warehouse, "c", { keepPrevious: 1 });
    const unencrypted = (): unknown[] =>
      big.server.tableNames("billing").filter((name) => {
        const configuration = big.server.table("billing", name)?.encryptionConfiguration;
        return (configuration as { kmsKeyName?: string } | undefined)?.kmsKeyName !== "key";
      });
    assert.deepEqual(unencrypted(), []);
    assert.equal(
      big.server.table("billing", "bills_previous")?.fields.find(({ name }) => name === "cost")?.type,
      "BIGNUMERIC",
    );
    const second = await loadCharge(big, warehouse, "d");
    await loadCharge(big, warehouse, "e");
    let staged = 0;
    const judge = (): void => {
      staged = stagingTables(big).length;
      assert.deepEqual(unencrypted(), []);
    };
    assert.equal(await restore(warehouse, second.loadId, {}, judge), true);
    assert.equal(staged, 1);
  });

  test("lack columns that the table got later, which are NULL then", async (t) => {
    const { big, warehouse } = await openCharges(t, { keepsPrevious: true });
    const { loadId } = await loadCharge(big, warehouse, "a", { keepPrevious: 1 });
    await loadCharge(big, warehouse, "b", { keepPrevious: 1 });
    await prepareCharges(warehouse, false, { more: "text" });
    assert.equal(await restore(warehouse, loadId), true);
    assert.deepEqual(await rows(warehouse, "SELECT id, more FROM billing.bills"), [{ id: "a", more: null }]);
  });
});

describe("rows that BigQuery remembers", { timeout: 120_000 }, () => {
  test("are restored as of the next load", async (t) => {
    const { big, warehouse } = await openCharges(t);
    const first = await loadCharge(big, warehouse, "a");
    await loadCharge(big, warehouse, "x", { billingMonth: "2025-02" });
    await prepareCharges(warehouse, false, { more: "text" });
    await loadCharge(big, warehouse, "b");
    await loadCharge(big, warehouse, "c");
    const made = big.server.table("billing", "bills");
    assert.ok(made);
    made.requirePartitionFilter = true;
    let judged: unknown;
    assert.equal(await restore(warehouse, first.loadId, {}, (measures) => (judged = measures)), true);
    assert.deepEqual(judged, { ...first.measures, delivered: null });
    made.requirePartitionFilter = false;
    assert.deepEqual(await rows(warehouse, "SELECT id, more FROM billing.bills ORDER BY id"), [
      { id: "a", more: null },
      { id: "x", more: null },
    ]);
    assert.deepEqual(stagingTables(big), []);
    assert.equal(big.server.table("billing", "bills_previous"), undefined);
  });

  test("are judged before anything changes", async (t) => {
    const { big, warehouse } = await openCharges(t);
    const { loadId } = await loadCharge(big, warehouse, "a");
    await loadCharge(big, warehouse, "b");
    const judged = restore(warehouse, loadId, { until: new Date().toISOString() }, ({ rows: count }) => {
      assert.equal(count, 1);
      throw new BillhouseError("SUM_MISMATCH", "These are others.", { hint: "Nothing was changed." });
    });
    await rejects(judged, "SUM_MISMATCH");
    assert.deepEqual(await ids(warehouse), ["b"]);
    assert.deepEqual(stagingTables(big), []);
  });

  test("are none before the table, nor beyond what its dataset remembers, nor of no moment", async (t) => {
    const hour = 3_600_000;
    let ahead = -100 * hour;
    const big = await bigqueryWarehouse(t, { clock: () => Date.now() + ahead });
    big.server.createDataset("billing", { location: "EU", maxTimeTravelHours: "48" });
    const warehouse = await big.open();
    await prepareCharges(warehouse, false);
    const first = await loadCharge(big, warehouse, "a");
    ahead = -40 * hour;
    await loadCharge(big, warehouse, "b");
    ahead = 0;
    const at = (hours: number): { readonly until: string } => ({
      until: new Date(Date.now() - hours * hour).toISOString(),
    });
    for (const choices of [at(101), at(49), { until: "" }]) {
      assert.equal(await restore(warehouse, first.loadId, choices), false);
    }
    assert.deepEqual(pastJobs(big), [], "which is known without a question");
    ahead = 10 * hour;
    assert.equal(await restore(warehouse, first.loadId, at(41)), false, "the clock of BigQuery counts");
    assert.equal(pastJobs(big).length, 1);
    ahead = 0;
    const missing = { ...table, name: "nothing" };
    assert.equal(await restore(warehouse, first.loadId, { ...at(41), table: missing }), false);
    assert.deepEqual(await ids(warehouse), ["b"]);
    assert.deepEqual(stagingTables(big), []);
    assert.equal(await restore(warehouse, first.loadId, at(41)), true);
    assert.deepEqual(await ids(warehouse), ["a"]);
  });

  test("do not replace the load of another run", async (t) => {
    const { big, warehouse } = await openCharges(t);
    const { loadId } = await loadCharge(big, warehouse, "a");
    const second = await loadCharge(big, warehouse, "b");
    await loadCharge(big, warehouse, "c");
    await rejects(restore(warehouse, loadId, { replaces: second.loadId }), "WAREHOUSE_LOCKED", "2025-01");
    assert.deepEqual(await ids(warehouse), ["c"]);
    assert.deepEqual(stagingTables(big), []);
  });

  test("are staged once, and committed once, however often the run is stopped", async (t) => {
    const { big, warehouse } = await openCharges(t);
    const { loadId } = await loadCharge(big, warehouse, "a");
    await loadCharge(big, warehouse, "b");
    const fault = big.server.fault({ on: "jobs.insert", when: isCommit, kind: "stay-running" });
    const stopped = rejects(restore(warehouse, loadId), "INTERRUPTED");
    while (fault.happened === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    await warehouse.close();
    await stopped;
    assert.equal(stagingTables(big).length, 1);
    const expires = Number(big.server.table("billing", stagingTables(big)[0] ?? "")?.expirationTime);
    assert.ok(expires > Date.now() && expires <= Date.now() + 86_400_000);
    const next = await big.open();
    assert.equal(await restore(next, loadId), true);
    assert.deepEqual(await ids(next), ["a"]);
    const copies = big.server.requests.filter(({ body }) => destinationOf(body) !== undefined);
    assert.equal(copies.length, 2, "the second run finds the table");
    assert.equal(pastJobs(big).length, 1);
    assert.equal((await next.previous.history(table, month)).length, 3);
    assert.deepEqual(stagingTables(big), []);
  });

  test("stay staged while BigQuery is away", async (t) => {
    const { big, warehouse } = await openCharges(t);
    const { loadId } = await loadCharge(big, warehouse, "a");
    await loadCharge(big, warehouse, "b");
    big.server.fault({ on: "jobs.insert", when: isCommit, kind: "jobBackendError", times: 8 });
    await rejects(restore(warehouse, loadId), "WAREHOUSE_UNAVAILABLE");
    assert.equal(stagingTables(big).length, 1);
    assert.equal(await restore(warehouse, loadId), true);
    assert.equal(pastJobs(big).length, 1);
  });

  test("are staged again when what was staged is gone", async (t) => {
    const { big, warehouse } = await openCharges(t);
    const { loadId } = await loadCharge(big, warehouse, "a");
    await loadCharge(big, warehouse, "b");
    const fault = big.server.fault({ on: "jobs.insert", when: isCommit, kind: "stay-running" });
    const stopped = rejects(restore(warehouse, loadId), "INTERRUPTED");
    while (fault.happened === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    await warehouse.close();
    await stopped;
    await big.server.rows(`DROP TABLE billing.\`${stagingTables(big)[0]}\``);
    const next = await big.open();
    assert.equal(await restore(next, loadId), true);
    assert.deepEqual(await ids(next), ["a"]);
  });

  test("that are gone while they are measured, others took away", async (t) => {
    const { big, warehouse } = await openCharges(t);
    const { loadId } = await loadCharge(big, warehouse, "a");
    await loadCharge(big, warehouse, "b");
    big.server.onStatement = async (sql) => {
      if (!sql.startsWith("WITH v")) return;
      for (const name of stagingTables(big)) await big.server.rows(`DROP TABLE billing.\`${name}\``);
    };
    await rejects(restore(warehouse, loadId), "WAREHOUSE_LOCKED", "2025-01");
    big.server.onStatement = () => undefined;
    assert.equal(await restore(warehouse, loadId), true);
  });
});

test("a summary and a kept row cost a load no further question", { timeout: 60_000 }, async (t) => {
  const { big, warehouse } = await openCharges(t, { keepsPrevious: true });
  await loadCharge(big, warehouse, "a", { keepPrevious: 1 });
  const file = await chargesFile(big, "b,2025-01-01,1,USD,EC2,1,Usage,i\n");
  const { loadId: replaces = null } = (await warehouse.previous.history(table, month))[0] ?? {};
  const { queries } = big.server.counts;
  await loadAndMeasure(warehouse, [file], { ...chargesMeasured, replaces, keepPrevious: 1 });
  // The ledger that the test reads, the verification, the state before the commit, the commit.
  assert.equal(big.server.counts.queries - queries, 4);
});

async function ids(warehouse: FullWarehouse): Promise<unknown[]> {
  const sql = "SELECT id FROM billing.bills WHERE period < TIMESTAMP '2025-02-01' ORDER BY id";
  return (await rows(warehouse, sql)).map(({ id }) => id);
}

async function keptIds(warehouse: FullWarehouse): Promise<unknown[]> {
  return rows(warehouse, "SELECT _billhouse_load_id AS load_id, id FROM billing.bills_previous ORDER BY 1, 2");
}

function isCommit({ body }: Asked): boolean {
  const { jobReference } = body as { jobReference?: { jobId?: string } };
  return jobReference?.jobId?.startsWith("billhouse_restore_") === true;
}

function pastJobs({ server }: TestBigquery): readonly string[] {
  return [...server.jobs.values()].map(({ id }) => id).filter((id) => id.startsWith("billhouse_past_"));
}

function destinationOf(body: unknown): unknown {
  const { configuration } = body as { configuration?: { query?: { destinationTable?: unknown } } };
  return configuration?.query?.destinationTable;
}
