import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Table } from "../../../src/model.ts";
import { longestName } from "../../../src/schema/names.ts";
import { bigqueryWarehouse, type TestBigquery } from "../../support/bigquery-warehouse.ts";
import { billColumns, csv, load, prepare, rows, table } from "../../conformance/bills.ts";
import { rejects } from "../../support/rejects.ts";

describe("a table", () => {
  test("is made in months, clustered by usage, with the source's names beside its columns", async (t) => {
    const big = await bigqueryWarehouse(t);
    big.server.createDataset("billing", {
      location: "US",
      defaultTableExpirationMs: "5184000000",
      defaultPartitionExpirationMs: "5184000000",
    });
    const warehouse = await big.open();
    const added = Object.entries(billColumns).map(([name, type]) => ({ name, type }));
    const registered = [
      { sourceName: "lineItem/Cost", columnName: "cost", type: "decimal", firstExecution: "e1" },
    ] as const;
    await warehouse.prepare(table, {
      added,
      registered,
      partitionColumn: "period",
      usageColumn: "used",
      keepsPrevious: false,
    });
    const made = big.server.table("billing", "bills");
    assert.deepEqual(made?.timePartitioning, { type: "MONTH", field: "period" });
    assert.deepEqual(made.clustering, { fields: ["used"] });
    assert.equal(made.expirationTime, undefined);
    assert.deepEqual(
      made.fields.map(({ name, type, mode, description }) => [name, type, mode ?? "NULLABLE", description]),
      [
        ["id", "STRING", "NULLABLE", undefined],
        ["period", "TIMESTAMP", "NULLABLE", undefined],
        ["used", "TIMESTAMP", "NULLABLE", undefined],
        ["cost", "BIGNUMERIC", "NULLABLE", "lineItem/Cost"],
        ["currency", "STRING", "NULLABLE", undefined],
      ],
    );
    const loads = big.server.table("billing", "_dlt_loads")?.fields.map(({ name, type, mode }) => [name, type, mode]);
    assert.deepEqual(loads?.slice(0, 4), [
      ["load_id", "STRING", "REQUIRED"],
      ["schema_name", "STRING", "NULLABLE"],
      ["status", "INTEGER", "REQUIRED"],
      ["inserted_at", "TIMESTAMP", "REQUIRED"],
    ]);
    await load(warehouse, [await csv(big, "a,2015-01-01,2015-01-05,1,USD\n")], { billingMonth: "2015-01" });
    const job = big.server.requests.find(({ name }) => name === "jobs.insert");
    const { jobReference } = (job?.body ?? {}) as { jobReference?: { location: string } };
    assert.equal(
      jobReference?.location,
      "US",
      "jobs run in the location of the dataset, whatever the configuration says",
    );
  });

  test("in a project of its own is loaded there, and billed elsewhere", async (t) => {
    const big = await bigqueryWarehouse(t);
    const warehouse = await big.open("write", { jobProjectId: "payer" });
    await prepare(warehouse);
    await load(warehouse, [await csv(big, "a,2025-01-01,,1,USD\n")]);
    assert.deepEqual(await big.server.rows("SELECT id FROM billing.bills"), [["a"]]);
    // The dataset is that of the data, though the question runs where nothing lies.
    assert.deepEqual(await rows(warehouse, "SELECT id FROM billing.bills"), [{ id: "a" }]);
    const jobs = big.server.requests.filter(({ name }) => name === "jobs.insert");
    assert.ok(jobs.every(({ path }) => path.startsWith("/projects/payer/")));
    const elsewhere: Table = { ...table, project: "other", dataset: "bills_elsewhere" };
    await warehouse.prepare(elsewhere, {
      added: [{ name: "period", type: "date" }],
      registered: [],
      partitionColumn: "period",
      usageColumn: null,
      keepsPrevious: false,
    });
    assert.ok(big.server.table("bills_elsewhere", "bills", "other"));
  });

  test("gets no column that BigQuery cannot hold, and the column is named", async (t) => {
    const big = await bigqueryWarehouse(t);
    const warehouse = await big.open();
    const long = "x".repeat(longestName);
    const shown = { [`${long}y`]: `${long}…`, _PARTITIONTIME: "_PARTITIONTIME", "a.b": "a.b", bills: "bills" };
    for (const [name, text] of Object.entries(shown)) {
      await rejects(prepare(warehouse, { ...billColumns, [name]: "text" }), "LIMIT_EXCEEDED", `"${text}"`);
    }
    const many = Object.fromEntries(Array.from({ length: 10_001 }, (_, index) => [`c${index}`, "text" as const]));
    await rejects(prepare(warehouse, many), "LIMIT_EXCEEDED", "10001");
    await rejects(prepare(warehouse, { ...billColumns, period: "text" }), "TYPE_MISMATCH", "period");
    assert.deepEqual(
      big.server.tableNames("billing").filter((name) => name === "bills"),
      [],
    );
  });

  test("whose months expire is refused before anything is staged", async (t) => {
    const big = await bigqueryWarehouse(t);
    const warehouse = await big.open();
    await prepare(warehouse);
    await load(warehouse, [await csv(big, "old,2025-01-01,,1,USD\n")]);
    const made = big.server.table("billing", "bills");
    assert.ok(made?.timePartitioning);
    made.timePartitioning = { ...made.timePartitioning, expirationMs: String(60 * 86_400_000) };
    // A month that can still be loaded is reported too: it will expire.
    assert.match(
      (await warehouse.ledger(table)).notes[0] ?? "",
      /deletes each month of billing\.bills 60 days .* bq update/u,
    );
    const { loads } = big.server.counts;
    const file = await csv(big, "new,2025-01-01,,1,USD\n");
    const error = await rejects(load(warehouse, [file]), "PARTITION_EXPIRED", "60 days", "2025-01");
    assert.match(error.hint, /bq update --time_partitioning_expiration 0 p:billing\.bills/u);
    made.timePartitioning = { type: "MONTH", field: "period" };
    made.expirationTime = String(Date.now() + 86_400_000);
    await rejects(load(warehouse, [file]), "PARTITION_EXPIRED", "billing.bills");
    assert.equal(big.server.counts.loads, loads);
  });

  test("that requires a partition filter is loaded", async (t) => {
    const big = await bigqueryWarehouse(t);
    const warehouse = await big.open();
    await prepare(warehouse);
    const made = big.server.table("billing", "bills");
    assert.ok(made);
    made.requirePartitionFilter = true;
    await load(warehouse, [await csv(big, "a,2025-01-01,,1,USD\n")]);
    await load(warehouse, [await csv(big, "b,2025-01-01,,1,USD\n")]);
    assert.deepEqual(await rows(warehouse, "SELECT id FROM billing.bills WHERE period = TIMESTAMP '2025-01-01'"), [
      { id: "b" },
    ]);
  });

  test("in another place than the configuration says is found by questions", async (t) => {
    const big = await bigqueryWarehouse(t);
    big.server.createDataset("billing", { location: "US" });
    const warehouse = await big.open();
    await prepare(warehouse);
    const reading = await big.open("read", { location: "EU" });
    assert.deepEqual(await rows(reading, "SELECT id FROM billing.bills"), []);
    await rejects(rows(reading, "SELECT id FROM nothing.bills"), "QUERY_INVALID", "nothing");
  });

  test("that the newest load did not touch is not billed: ledger and load read no more than they need", async (t) => {
    const big = await bigqueryWarehouse(t);
    const warehouse = await big.open();
    await warehouse.ledger(table);
    assert.equal(big.server.counts.queries, 0, "where there is nothing, nothing is asked");
    await prepare(warehouse);
    await load(warehouse, [await csv(big, "a,2025-01-01,,1,USD\n")]);
    const before = big.server.counts.queries;
    await warehouse.ledger(table);
    assert.equal(big.server.counts.queries - before, 1, "one question for the whole ledger");
  });
});

describe("a table that Python made", () => {
  const layouts = {
    "in months, exact amounts":
      "PARTITION BY TIMESTAMP_TRUNC(period, MONTH) AS SELECT CAST('0.25' AS BIGNUMERIC) AS cost",
    "in months, floats": "PARTITION BY TIMESTAMP_TRUNC(period, MONTH) AS SELECT CAST('0.25' AS FLOAT64) AS cost",
    "in months, NUMERIC": "PARTITION BY TIMESTAMP_TRUNC(period, MONTH) AS SELECT CAST('0.25' AS NUMERIC) AS cost",
    "in one piece, floats": "AS SELECT CAST('0.25' AS FLOAT64) AS cost",
    "in one piece, text": "AS SELECT '0.25' AS cost",
  };
  for (const [layout, definition] of Object.entries(layouts)) {
    test(`${layout}: is taken over as it is`, async (t) => {
      const big = await bigqueryWarehouse(t);
      await makePythonTables(big, definition);
      const warehouse = await big.open();
      const before = await warehouse.ledger(table);
      assert.deepEqual(
        before.receipts.map(({ billingMonth, executionId, rows: count }) => [billingMonth, executionId, count]),
        [["2024-12", "py1", 1]],
      );
      await prepare(warehouse, {});
      const file = await csv(big, "new,2025-01-01,2025-01-02T03:04Z,0.1,USD\nnew,2025-01-01,,1.5E-10,USD\n");
      const { sums } = await load(warehouse, [file]);
      assert.deepEqual(sums, [{ USD: layout.includes("NUMERIC") ? "0.1" : "0.10000000015" }]);
      const { receipts, columns } = await warehouse.ledger(table);
      assert.deepEqual(
        receipts.map(({ billingMonth }) => billingMonth),
        ["2024-12", "2025-01"],
      );
      assert.equal(receipts[1]?.version, "0.1.0", "the receipt is kept apart");
      assert.deepEqual(
        columns?.map(({ name }) => name),
        ["id", "period", "used", "cost", "currency"],
      );
      const tracking = big.server.table("billing", "bills_load_tracking")?.fields.map(({ name }) => name);
      assert.ok(tracking !== undefined && !tracking.includes("billhouse_version"), "no column of ours is added");
      assert.deepEqual(await rows(warehouse, "SELECT id FROM billing.bills ORDER BY id"), [
        { id: "new" },
        { id: "new" },
        { id: "py" },
      ]);
    });
  }
});

test("execution ids that dlt keeps as times are read, and others go beside them", async (t) => {
  const big = await bigqueryWarehouse(t);
  big.server.createDataset("billing", { location: "EU" });
  await big.server.rows(`CREATE TABLE \`p.billing.bills_load_tracking\` AS SELECT
    TIMESTAMP '2024-12-31 01:02:03+00' AS assembly_id, '2024-12' AS billing_month,
    TIMESTAMP '2024-12-31 00:00:00+00' AS loaded_at, 1 AS row_count, 1 AS file_count,
    'csv' AS format, '1735603200.5' AS _dlt_load_id, 'id1' AS _dlt_id`);
  const warehouse = await big.open();
  assert.equal((await warehouse.ledger(table)).receipts[0]?.executionId, "20241231T010203Z");
  await prepare(warehouse);
  await load(warehouse, [await csv(big, "a,2025-01-01,,1,USD\n")], { executionId: "20250131T040506Z" });
  await load(warehouse, [], { billingMonth: "2025-02", executionId: "no-time" });
  assert.deepEqual(
    (await warehouse.ledger(table)).receipts.map(({ executionId }) => executionId),
    ["20241231T010203Z", "20250131T040506Z", "no-time"],
  );
});

async function makePythonTables({ server }: TestBigquery, definition: string): Promise<void> {
  server.createDataset("billing", { location: "EU" });
  const [head = "", amount = ""] = definition.split("AS SELECT ");
  const columns = `SELECT 'py' AS id, TIMESTAMP '2024-12-01 00:00:00+00' AS period,
    TIMESTAMP '2024-12-02 00:00:00+00' AS used, ${amount}, 'USD' AS currency`;
  await server.rows(`CREATE TABLE \`p.billing.bills\` ${head} AS ${columns}`);
  await server.rows(`CREATE TABLE \`p.billing.bills_load_tracking\` AS SELECT 'py1' AS assembly_id,
    '2024-12' AS billing_month, TIMESTAMP '2024-12-31 00:00:00+00' AS loaded_at, 1 AS row_count, 1 AS file_count,
    'csv' AS format, '1735603200.5' AS _dlt_load_id, 'id1' AS _dlt_id`);
  await server.rows(`CREATE TABLE \`p.billing._dlt_loads\` AS SELECT '1735603200.5' AS load_id,
    'bills_source' AS schema_name, 0 AS status, TIMESTAMP '2024-12-31 00:00:00+00' AS inserted_at,
    'hash' AS schema_version_hash`);
}

describe("the state of a dataset whose name dlt changes", () => {
  const capitals: Table = { ...table, dataset: "AWS_Billing" };
  const column = { name: "period", type: "timestamp" } as const;
  const change = {
    added: [{ name: "id", type: "text" }, column, { name: "cost", type: "decimal" }],
    registered: [{ sourceName: "lineItem/Cost", columnName: "cost", type: "decimal", firstExecution: "e1" }],
    partitionColumn: "period",
    usageColumn: null,
    keepsPrevious: false,
  } as const;
  const columns = { id: "text", period: "timestamp", cost: "decimal" } as const;
  const choices = { table: capitals, costColumns: ["cost"], currencyColumn: null, usageColumn: null } as const;

  test("is continued where dlt keeps it, beside rows that stay in the configured dataset", async (t) => {
    const big = await bigqueryWarehouse(t);
    for (const name of ["AWS_Billing", "aws_billing"]) big.server.createDataset(name, { location: "EU" });
    // What dlt has made in the dataset of its own name.
    const dlts = await big.open();
    await dlts.prepare({ ...capitals, dataset: "aws_billing", name: "others" }, change);
    const made = big.server.tableNames("aws_billing");
    assert.ok(made.includes("_dlt_pipeline_state") && made.includes("_dlt_loads"));

    const warehouse = await big.open();
    await warehouse.prepare(capitals, change);
    await load(warehouse, [await csv(big, "a,2025-01-01,1.5\n", columns)], choices);
    assert.deepEqual(big.server.tableNames("AWS_Billing"), ["bills"]);
    assert.ok(big.server.tableNames("aws_billing").includes("bills_load_tracking"));
    const reopened = await big.open("read");
    const { receipts, registry, state, notes } = await reopened.ledger(capitals);
    assert.deepEqual(
      receipts.map(({ billingMonth }) => billingMonth),
      ["2025-01"],
    );
    assert.equal(registry.length, 1);
    assert.notEqual(state, null);
    assert.deepEqual(notes, ["The state of AWS_Billing is stored in the dataset aws_billing, where dlt keeps it."]);
  });

  test("stays in the configured dataset when it is there already, or nowhere", async (t) => {
    const big = await bigqueryWarehouse(t);
    const warehouse = await big.open();
    await warehouse.prepare(capitals, change);
    await warehouse.prepare({ ...capitals, dataset: "aws_billing" }, change);
    const again = await big.open();
    await load(again, [await csv(big, "a,2025-01-01,1.5\n", columns)], choices);
    assert.deepEqual((await again.ledger(capitals)).notes, []);
    assert.equal((await again.ledger(capitals)).receipts.length, 1);
    assert.equal((await again.ledger({ ...capitals, dataset: "aws_billing" })).receipts.length, 0);
  });

  test("is continued in a dataset that is the only one left", async (t) => {
    const big = await bigqueryWarehouse(t);
    const dlts = await big.open();
    await dlts.prepare({ ...capitals, dataset: "aws_billing", name: "others" }, change);
    const warehouse = await big.open("write", { location: "US" });
    await warehouse.prepare(capitals, change);
    await load(warehouse, [await csv(big, "a,2025-01-01,1.5\n", columns)], choices);
    assert.deepEqual(big.server.tableNames("AWS_Billing"), ["bills"]);
  });
});
