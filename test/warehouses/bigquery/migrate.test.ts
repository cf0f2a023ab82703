import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";

import type { TableResource } from "../../../src/warehouses/bigquery/api/tables.ts";
import { requireAllRows } from "../../../src/warehouses/bigquery/rebuild.ts";
import type { FullWarehouse } from "../../../src/warehouses/warehouse.ts";
import { bigqueryWarehouse, type TestBigquery } from "../../support/bigquery-warehouse.ts";
import { csv, load, prepare, rows, table } from "../../conformance/bills.ts";
import { rejects } from "../../support/rejects.ts";
import type { OrderedFault } from "../../servers/bigquery/server.ts";

const partitioning = { partitionColumn: "period", usageColumn: "used" };
const step = { step: "partitioning", ...partitioning } as const;

describe("a table in one piece", () => {
  test("becomes one in months, with every row, column and description", async (t) => {
    const { big, warehouse } = await unpartitioned(t);
    const before = await contents(big);
    const pending = await warehouse.migration.pendingSteps(table, partitioning);
    assert.deepEqual(
      pending.map((each) => each.step),
      [step],
    );
    assert.match(pending[0]?.what ?? "", /partitions of billing\.bills.* clustered by used/u);
    assert.deepEqual(await warehouse.migration.migrate(table, step), { roundedValues: 0 });
    assert.deepEqual(await contents(big), before);
    const made = big.server.table("billing", "bills");
    assert.deepEqual(made?.timePartitioning, { type: "MONTH", field: "period" });
    assert.deepEqual(made.clustering, { fields: ["used"] });
    assert.equal(made.fields.find(({ name }) => name === "cost")?.description, "lineItem/Cost");
    assert.deepEqual(await warehouse.migration.pendingSteps(table, partitioning), []);
    assert.deepEqual(left(big), []);
    await load(warehouse, [await csv(big, "new,2025-02-01,,1,USD\n")], { billingMonth: "2025-02" });
    assert.equal((await rows(warehouse, "SELECT id FROM billing.bills")).length, 4);
  });

  for (const [moment, start] of [
    ["while its rows are copied", "INSERT INTO `p.billing._billhouse_rebuilt"],
    ["while its rows are counted", "SELECT 'counts' AS part"],
  ] as const) {
    test(`is not changed when another program writes to it ${moment}`, async (t) => {
      const { big, warehouse } = await unpartitioned(t);
      const other = await big.open();
      let interfered = false;
      big.server.onStatement = async (sql) => {
        if (interfered || !sql.startsWith(start)) return;
        interfered = true;
        await load(other, [await csv(big, "theirs,2025-02-01,,1,USD\n")], {
          billingMonth: "2025-02",
          executionId: "e9",
        });
      };
      await rejects(warehouse.migration.migrate(table, step), "WAREHOUSE_LOCKED");
      assert.equal((await rows(warehouse, "SELECT id FROM billing.bills")).length, 4);
      assert.deepEqual(left(big), []);
      await warehouse.migration.migrate(table, step);
      assert.equal((await rows(warehouse, "SELECT id FROM billing.bills")).length, 4);
    });
  }

  test("is not changed when another program writes to it at the last moment, before it loses its name", async (t) => {
    const { big, warehouse } = await unpartitioned(t);
    const other = await big.open();
    let interfered = false;
    big.server.onStatement = async (sql) => {
      if (interfered || !sql.startsWith("ALTER TABLE")) return;
      interfered = true;
      await load(other, [await csv(big, "theirs,2025-02-01,,1,USD\n")], { billingMonth: "2025-02", executionId: "e9" });
    };
    await rejects(warehouse.migration.migrate(table, step), "WAREHOUSE_LOCKED");
    assert.equal((await rows(warehouse, "SELECT id FROM billing.bills")).length, 4);
    assert.deepEqual(left(big), []);
    await warehouse.migration.migrate(table, step);
    assert.equal((await rows(warehouse, "SELECT id FROM billing.bills")).length, 4);
  });

  for (const [moment, statement] of [
    ["before the tables change places", 1],
    ["between the two changes of names", 2],
  ] as const) {
    for (const next of ["migrate", "run"] as const) {
      test(`is whole again when a process died ${moment}, after the next ${next}`, async (t) => {
        const { big, warehouse } = await unpartitioned(t);
        const before = await contents(big);
        let renames = 0;
        let fault: OrderedFault | undefined;
        big.server.onStatement = async (sql) => {
          if (!sql.startsWith("ALTER")) return;
          renames += 1;
          if (renames !== statement) return;
          // From here on the process gets no answer any more, and what it asked for last is not done.
          fault = big.server.fault({ on: "*", kind: "reset", times: 1_000_000 });
          throw new Error("nobody is there any more");
        };
        await assert.rejects(warehouse.migration.migrate(table, step));
        fault?.release();
        big.server.onStatement = () => undefined;
        const again = await big.open();
        const ledger = await again.ledger(table);
        assert.equal(ledger.columns?.length, 5, "the table is never taken for absent");
        if (next === "migrate") await again.migration.migrate(table, step);
        else await prepare(again, {});
        assert.deepEqual(await contents(big), before);
        if (next === "migrate") assert.deepEqual(left(big), []);
      });
    }
  }
});

describe("a table with access of its own", () => {
  test("is rebuilt with its policy tags, and what it has not kept is named", async (t) => {
    const { big, warehouse } = await unpartitioned(t);
    const made = big.server.table("billing", "bills");
    assert.ok(made);
    const policyTags = { names: ["projects/p/locations/eu/taxonomies/1/policyTags/2"] };
    made.fields = made.fields.map((field) => (field.name === "currency" ? { ...field, policyTags } : field));
    made.bindings = [{ role: "roles/bigquery.dataViewer", members: ["group:finance@example.com"] }];
    made.rowAccessPolicies = ["own_rows"];
    assert.deepEqual(await warehouse.migration.migrate(table, step), {
      roundedValues: 0,
      lost: ["roles/bigquery.dataViewer of group:finance@example.com", "the row access policy own_rows"],
    });
    const rebuilt = big.server.table("billing", "bills");
    assert.deepEqual(rebuilt?.fields.find(({ name }) => name === "currency")?.policyTags, policyTags);
  });

  test("is not rebuilt from fewer rows than it has", () => {
    const made: TableResource = {
      tableReference: { projectId: "p", datasetId: "billing", tableId: "bills" },
      numRows: "3",
    };
    assert.doesNotThrow(() => requireAllRows(table, made, { rows: "3" }));
    assert.throws(() => requireAllRows(table, made, { rows: "2" }), { code: "ROW_COUNT_MISMATCH" });
  });

  test("is rebuilt by an account that may not read it, which says so", async (t) => {
    const { big, warehouse } = await unpartitioned(t);
    big.server.deny("bigquery.tables.getIamPolicy");
    const { lost = [] } = await warehouse.migration.migrate(table, step);
    assert.match(lost.join(), /^access roles and row access policies .* lacks the permission to read them$/u);
  });
});

describe("a table in a dataset that deletes tables by age", () => {
  for (const [limit, option] of [
    ["defaultTableExpirationMs", "--default_table_expiration"],
    ["defaultPartitionExpirationMs", "--default_partition_expiration"],
  ] as const) {
    test(`is not rebuilt while ${limit} is set, and is after the command in the hint`, async (t) => {
      const { big, warehouse } = await unpartitioned(t);
      const before = await contents(big);
      const dataset = big.server.catalog.datasets.get("p:billing");
      assert.ok(dataset);
      dataset[limit] = "3600000";
      const { hint } = await rejects(warehouse.migration.migrate(table, step), "PARTITION_EXPIRED");
      assert.ok(hint.includes(`\`bq update ${option} 0 p:billing\``), hint);
      assert.deepEqual([await contents(big), left(big)], [before, []]);
      delete dataset[limit];
      await warehouse.migration.migrate(table, step);
      assert.deepEqual([await contents(big), left(big)], [before, []]);
    });
  }

  test("is whole when the limit is set during the step and the old table is deleted as soon as it is renamed", async (t) => {
    let now = Date.now();
    const { big, warehouse } = await unpartitioned(t, { clock: () => now });
    const before = await contents(big);
    const dataset = big.server.catalog.datasets.get("p:billing");
    let renames = 0;
    big.server.onStatement = (sql) => {
      if (!sql.startsWith("ALTER TABLE") || dataset === undefined) return;
      renames += 1;
      if (renames === 1) {
        now += 7_200_000;
        dataset.defaultTableExpirationMs = "3600000";
      } else delete dataset.defaultTableExpirationMs;
    };
    await warehouse.migration.migrate(table, step);
    assert.deepEqual([await contents(big), left(big)], [before, []]);
    assert.equal(big.server.table("billing", "bills")?.expirationTime, undefined);
  });

  test("keeps its rebuilt table when the old one is gone, and the next run names it", async (t) => {
    const { big, warehouse } = await unpartitioned(t);
    const before = await contents(big);
    let renames = 0;
    let fault: OrderedFault | undefined;
    big.server.onStatement = async (sql) => {
      if (!sql.startsWith("ALTER TABLE")) return;
      renames += 1;
      if (renames === 2) fault = big.server.fault({ on: "*", kind: "reset", times: 1_000_000 });
      if (renames === 2) throw new Error("nobody is there any more");
    };
    await assert.rejects(warehouse.migration.migrate(table, step));
    fault?.release();
    big.server.onStatement = () => undefined;
    const [rebuilt = "", replaced = ""] = left(big);
    await big.server.rows(`DROP TABLE \`p.billing.${replaced}\``);
    const again = await big.open();
    const { hint } = await rejects(prepare(again, {}), "WAREHOUSE_NOT_FOUND", rebuilt);
    await again.ledger(table);
    await again.publish();
    const [, sql = ""] = /run `(ALTER TABLE `.*?` RENAME TO `.*?`)` in/u.exec(hint) ?? [];
    await big.server.rows(sql);
    await prepare(again, {});
    assert.deepEqual([await contents(big), left(big)], [before, []]);
  });
});

test("decimals are made in a table that is only read by its partitions", async (t) => {
  const big = await bigqueryWarehouse(t);
  const warehouse = await big.open();
  await prepare(warehouse, { id: "text", period: "timestamp", cost: "double" });
  const columns = { id: "text", period: "timestamp", cost: "double" } as const;
  const noCosts = { costColumns: [], currencyColumn: null, usageColumn: null };
  await load(warehouse, [await csv(big, "a,2025-01-01,0.1\n", columns)], noCosts);
  const made = big.server.table("billing", "bills");
  assert.ok(made);
  made.requirePartitionFilter = true;
  await warehouse.migration.migrate(table, { step: "decimals", column: "cost" });
  const rebuilt = big.server.table("billing", "bills");
  assert.equal(rebuilt?.requirePartitionFilter, true);
  assert.equal(rebuilt.fields.find(({ name }) => name === "cost")?.type, "BIGNUMERIC");
  assert.deepEqual(rebuilt.timePartitioning, { type: "MONTH", field: "period" });
});

test("receipts that live apart move into their tracking rows", async (t) => {
  const big = await bigqueryWarehouse(t);
  big.server.createDataset("billing", { location: "EU" });
  await big.server.rows(`CREATE TABLE \`p.billing.bills_load_tracking\` AS SELECT 'py1' AS assembly_id,
    '2024-12' AS billing_month, TIMESTAMP '2024-12-31 00:00:00+00' AS loaded_at, 1 AS row_count, 1 AS file_count,
    'csv' AS format, '1735603200.5' AS _dlt_load_id, 'id1' AS _dlt_id`);
  const warehouse = await big.open();
  await prepare(warehouse);
  await load(warehouse, [await csv(big, "a,2025-01-01,,1,USD\n")]);
  await load(warehouse, [await csv(big, "b,2025-02-01,,1,USD\n")], { billingMonth: "2025-02" });
  const before = (await warehouse.ledger(table)).receipts;
  const [pending] = await warehouse.migration.pendingSteps(table, partitioning);
  assert.deepEqual(pending?.step, { step: "tracking-columns" });
  assert.match(pending.what, /gets \d+ columns for receipts, and 2 receipts move into its rows\./u);
  await warehouse.migration.migrate(table, { step: "tracking-columns" });
  assert.deepEqual((await warehouse.ledger(table)).receipts, before);
  assert.deepEqual(await rows(warehouse, "SELECT load_id FROM billing._billhouse_receipts"), []);
  assert.deepEqual(await warehouse.migration.pendingSteps(table, partitioning), []);
});

async function unpartitioned(
  t: TestContext,
  serverOptions: { readonly clock?: () => number } = {},
): Promise<{ big: TestBigquery; warehouse: FullWarehouse }> {
  const big = await bigqueryWarehouse(t, serverOptions);
  const warehouse = await big.open();
  await prepare(warehouse, undefined, [
    { sourceName: "lineItem/Cost", columnName: "cost", type: "decimal", firstExecution: "e1" },
  ]);
  const made = big.server.table("billing", "bills");
  delete made?.timePartitioning;
  const file = await csv(big, "a,2025-01-01,2025-01-05,0.1,USD\nb,2025-01-01,,,USD\nc,2025-01-01,,-7.25,\n");
  await load(warehouse, [file]);
  return { big, warehouse };
}

async function contents({ server }: TestBigquery): Promise<unknown> {
  return server.rows("SELECT id, period, used, cost, currency FROM billing.bills ORDER BY 1");
}

function left({ server }: TestBigquery): string[] {
  return server.tableNames("billing").filter((name) => /_billhouse_(rebuilt|replaced|staging)/u.test(name));
}
