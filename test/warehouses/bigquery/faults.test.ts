import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { ErrorCode } from "../../../src/errors.ts";
import { bigqueryWarehouse } from "../../support/bigquery-warehouse.ts";
import { csv, load, prepare, rows, table } from "../../conformance/bills.ts";
import { rejects } from "../../support/rejects.ts";
import type { FaultKind } from "../../servers/bigquery/faults.ts";

const requestFaults: readonly FaultKind[] = ["503", "500", "429", "rateLimitExceeded", "reset", "lost"];
const jobFaults: readonly FaultKind[] = ["jobRateLimitExceeded", "jobBackendError", "backendError", "internalError"];
const requests = [
  "jobs.insert",
  "jobs.get",
  "queries.get",
  "tables.get",
  "tables.patch",
  "tables.delete",
  "tables.list",
];

describe("a fault that passes", () => {
  for (const on of requests) {
    for (const kind of requestFaults) {
      test(`${kind} of ${on} is retried`, async (t) => {
        const big = await bigqueryWarehouse(t);
        const warehouse = await big.open();
        await prepare(warehouse);
        const fault = big.server.fault({ on, kind, times: 3 });
        await load(warehouse, [await csv(big, "a,2025-01-01,,1,USD\n")]);
        fault.release();
        assert.ok(fault.happened > 0);
        assert.deepEqual(await rows(warehouse, "SELECT id FROM billing.bills"), [{ id: "a" }]);
        assert.equal((await rows(warehouse, "SELECT load_id FROM billing._dlt_loads")).length, 1);
      });
    }
  }

  for (const kind of jobFaults) {
    test(`${kind} of jobs is retried with new jobs`, async (t) => {
      const big = await bigqueryWarehouse(t);
      const warehouse = await big.open();
      const fault = big.server.fault({ on: "jobs.insert", kind, times: 2 });
      await prepare(warehouse);
      assert.equal(fault.happened, 2);
      const other = big.server.fault({ on: "jobs.insert", kind, times: 5 });
      await load(warehouse, [await csv(big, "a,2025-01-01,,1,USD\n")]);
      assert.equal(other.happened, 5);
      assert.deepEqual(await rows(warehouse, "SELECT id FROM billing.bills"), [{ id: "a" }]);
    });
  }

  for (const kind of ["503", "lost", "reset"] as const) {
    test(`${kind} while tables are created is retried`, async (t) => {
      const big = await bigqueryWarehouse(t);
      big.server.createDataset("billing", { defaultTableExpirationMs: "86400000" });
      const warehouse = await big.open();
      big.server.fault({ on: "tables.insert", kind, times: 4 });
      await prepare(warehouse);
      assert.equal(big.server.table("billing", "bills")?.expirationTime, undefined);
      assert.equal(big.server.table("billing", "_dlt_loads")?.expirationTime, undefined);
    });
  }
});

describe("a fault that does not pass", () => {
  const cases: readonly (readonly [on: string, kind: FaultKind, code: ErrorCode])[] = [
    ...requests.slice(0, 5).flatMap((on) => [[on, "503", "WAREHOUSE_UNAVAILABLE"] as const]),
    ["jobs.insert", "reset", "WAREHOUSE_UNAVAILABLE"],
    ["jobs.insert", "lost", "WAREHOUSE_UNAVAILABLE"],
    ["jobs.insert", "rateLimitExceeded", "WAREHOUSE_UNAVAILABLE"],
    ["jobs.insert", "backendError", "WAREHOUSE_UNAVAILABLE"],
    ["jobs.insert", "jobQuotaExceeded", "WAREHOUSE_UNAVAILABLE"],
    ["jobs.insert", "quotaExceeded", "WAREHOUSE_UNAVAILABLE"],
  ];
  for (const [on, kind, code] of cases) {
    test(`${kind} of ${on} is reported, and leaves the old month`, async (t) => {
      const big = await bigqueryWarehouse(t);
      const warehouse = await big.open();
      await prepare(warehouse);
      await load(warehouse, [await csv(big, "old,2025-01-01,,1,USD\n")]);
      const file = await csv(big, "new,2025-01-01,,1,USD\n");
      const fault = big.server.fault({ on, kind, times: 1000 });
      await rejects(load(warehouse, [file]), code);
      fault.release();
      assert.deepEqual(await rows(warehouse, "SELECT id FROM billing.bills"), [{ id: "old" }]);
      assert.equal((await warehouse.ledger(table)).receipts.length, 1);
      await load(warehouse, [file]);
      assert.deepEqual(await rows(warehouse, "SELECT id FROM billing.bills"), [{ id: "new" }]);
    });
  }

  test("a job that never ends is stopped when the warehouse is closed", async (t) => {
    const big = await bigqueryWarehouse(t);
    const warehouse = await big.open();
    await prepare(warehouse);
    const fault = big.server.fault({ on: "jobs.insert", kind: "stay-running", times: 2 });
    const loading = rejects(load(warehouse, [await csv(big, "a,2025-01-01,,1,USD\n")]), "INTERRUPTED");
    while (fault.happened === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    await warehouse.close();
    await loading;
    assert.ok(big.server.requests.some(({ name }) => name === "jobs.cancel"));
    const again = await big.open("read");
    assert.deepEqual(await rows(again, "SELECT id FROM billing.bills"), []);
  });
});

describe("what BigQuery does not allow", () => {
  for (const permission of [
    "bigquery.jobs.create",
    "bigquery.tables.getData",
    "bigquery.tables.updateData",
    "storage.objects.get",
  ]) {
    test(`${permission} is named when it is missing, with the role that holds it`, async (t) => {
      const big = await bigqueryWarehouse(t);
      const warehouse = await big.open();
      await prepare(warehouse);
      const file = await csv(big, "a,2025-01-01,,1,USD\n");
      big.server.deny(permission);
      const error = await rejects(load(warehouse, [file]), "WAREHOUSE_DENIED", permission);
      assert.match(error.hint, /role/iu);
      big.server.allow(permission);
      await load(warehouse, [file]);
    });
  }

  for (const permission of ["bigquery.tables.create", "bigquery.datasets.create", "bigquery.tables.get"]) {
    test(`${permission} is named when tables cannot be made`, async (t) => {
      const big = await bigqueryWarehouse(t);
      const warehouse = await big.open();
      big.server.deny(permission);
      await rejects(prepare(warehouse), "WAREHOUSE_DENIED", permission);
      big.server.allow(permission);
      await prepare(warehouse);
    });
  }

  test("a sandbox is reported", async (t) => {
    const big = await bigqueryWarehouse(t);
    big.server.sandbox = true;
    const warehouse = await big.open();
    const error = await rejects(prepare(warehouse), "WAREHOUSE_UNSUPPORTED", "sandbox");
    assert.match(error.hint, /billing/u);
  });

  test("a project that does not exist is reported, and not mistaken for an empty one", async (t) => {
    const big = await bigqueryWarehouse(t, { projects: ["p"] });
    const warehouse = await big.open("read", { projectId: "other" });
    await rejects(warehouse.ledger(table), "WAREHOUSE_NOT_FOUND", "other");
  });

  test("refused credentials are reported", async (t) => {
    const big = await bigqueryWarehouse(t);
    big.server.requireToken = "secret";
    const warehouse = await big.open("read");
    await rejects(warehouse.ledger(table), "CREDENTIALS_INVALID");
  });
});
