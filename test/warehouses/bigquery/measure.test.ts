import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { chargeColumns, charges, chargesFile, chargesMeasured, openCharges } from "./charges.ts";
import { bigqueryWarehouse } from "../../support/bigquery-warehouse.ts";
import { billReplacement, load, loadAndMeasure, table } from "../../conformance/bills.ts";

describe("the summary of a load", { timeout: 120_000 }, () => {
  test("adds up the rows of files of different headers, in the one question that verifies them", async (t) => {
    const { big, warehouse } = await openCharges(t);
    const { invoice: _, ...without } = chargeColumns;
    const files = [
      await chargesFile(big, "a,2025-01-01,-5.5,USD,EC2,1,Credit,\nb,2025-01-01,2,USD,EC2,1,Usage,i1\n"),
      await chargesFile(big, "c,2025-01-01,1.25,USD,EC2,1,Usage\nd,2025-01-01,,EUR,,,\n", without),
    ];
    const before = queries(big, "verify");
    const measures = await loadAndMeasure(warehouse, files, chargesMeasured);
    assert.equal(queries(big, "verify") - before, 1);
    assert.deepEqual(measures.summary, [
      { service: "EC2", account: "1", charge_type: "Credit", currency: "USD", rows: 1, cost: "-5.5" },
      { service: "EC2", account: "1", charge_type: "Usage", currency: "USD", rows: 2, cost: "3.25" },
      { service: null, account: null, charge_type: null, currency: "EUR", rows: 1, cost: "0" },
    ]);
    assert.equal(measures.uninvoicedRows, 3);
    const { inserted: _inserted, delivered: _delivered, ...month } = measures;
    assert.deepEqual(await warehouse.measuring.measureMonth(charges), month, "and the table holds the same");
  });

  test("leaves out rows of other months, and is empty if nothing is measured", async (t) => {
    const { big, warehouse } = await openCharges(t);
    const file = await chargesFile(big, "a,2025-01-01,1,USD,EC2,1,Usage,\nb,2025-02-01,9,USD,S3,2,Usage,\n");
    const choices = { ...chargesMeasured, spansMonths: true };
    const { summary, uninvoicedRows } = await loadAndMeasure(warehouse, [file], choices);
    assert.deepEqual([summary.map(({ service }) => service), uninvoicedRows], [["EC2"], 1]);
    const unmeasured = { ...choices, costColumns: [], invoiceColumn: null };
    const again = await loadAndMeasure(warehouse, [file], unmeasured);
    assert.deepEqual([again.summary, again.uninvoicedRows], [[], null]);
    const empty = await loadAndMeasure(warehouse, [], chargesMeasured);
    assert.deepEqual([empty.summary, empty.uninvoicedRows], [[], 0]);
  });

  test("folds the accounts of small amounts in BigQuery, so that an answer has a bounded length", async (t) => {
    const { big, warehouse } = await openCharges(t);
    const text = Array.from({ length: 600 }, (_, index) => {
      const [cost, service] = [index < 500 ? 1000 - index : 0.01, index % 2 === 0 ? "EC2" : "S3"];
      return `${index},2025-01-01,${cost},USD,${service},${index},Usage,\n`;
    });
    const { summary, sums } = await loadAndMeasure(warehouse, [await chargesFile(big, text.join(""))], chargesMeasured);
    const jobs = [...big.server.jobs.values()].filter(({ configuration }) => isFor(configuration, "verify"));
    assert.equal(
      jobs.at(-1)?.rows.length,
      1 + 502 + 600,
      "what is folded is folded before it is sent, and each account has a line",
    );
    assert.equal(summary.length, 502);
    assert.deepEqual(summary[0], {
      service: "EC2",
      account: "0",
      charge_type: "Usage",
      currency: "USD",
      rows: 1,
      cost: "1000",
    });
    assert.deepEqual(
      summary.slice(500).map(({ service, account, rows, cost }) => [service, account, rows, cost]),
      [
        ["EC2", "(others)", 50, "0.5"],
        ["S3", "(others)", 50, "0.5"],
      ],
    );
    assert.deepEqual(sums, [{ USD: "375251" }]);
  });

  for (const [type, cost] of [
    ["FLOAT64", "0.1"],
    ["NUMERIC", "0.123456789"],
    ["STRING", "0.1"],
  ] as const) {
    test(`is that of the table, whose costs are ${type}`, async (t) => {
      const big = await bigqueryWarehouse(t);
      big.server.createDataset("billing", { location: "EU" });
      await big.server.rows(`CREATE TABLE \`p.billing.bills\` PARTITION BY TIMESTAMP_TRUNC(period, MONTH) AS
        SELECT 'py' AS id, TIMESTAMP '2024-12-01 00:00:00+00' AS period, CAST('${cost}' AS ${type}) AS cost,
        'USD' AS currency, '' AS service, CAST(12 AS INT64) AS account`);
      const warehouse = await big.open();
      const old = { ...charges, billingMonth: "2024-12" };
      const line = { service: null, account: "12", charge_type: null, currency: "USD", rows: 1, cost };
      assert.deepEqual(await warehouse.measuring.measureMonth(old), {
        rows: 1,
        sums: [{ USD: cost }],
        firstUsage: null,
        lastUsage: null,
        uninvoicedRows: null,
        uninvoicedCostRows: null,
        summary: [line],
        accounts: [{ account: "12", currency: "USD", rows: 1, positive: cost }],
      });
      const added = [{ name: "charge", type: "text" }] as const;
      const partitioning = { partitionColumn: "period", usageColumn: null };
      await warehouse.prepare(table, { added, registered: [], ...partitioning, keepsPrevious: false });
      const { invoice: _, ...columns } = chargeColumns;
      const file = await chargesFile(big, "a,2025-01-01,0.1234567894,USD,,007,\n", columns);
      const { summary } = await loadAndMeasure(warehouse, [file], { ...chargesMeasured, invoiceColumn: null });
      const kept = type === "NUMERIC" ? "0.123456789" : "0.1234567894";
      assert.deepEqual(summary, [{ ...line, account: "7", cost: kept }]);
    });
  }
});

describe("what is loaded", { timeout: 120_000 }, () => {
  test("is counted by month, rows without one under an empty name", async (t) => {
    const { big, warehouse } = await openCharges(t);
    assert.deepEqual(await warehouse.measuring.monthsIn(table, "period"), new Map());
    for (const billingMonth of ["2025-02", "2025-01"]) {
      const rows = `a,${billingMonth}-01,1,USD,,,,\nb,${billingMonth}-01,1,USD,,,,\n`;
      await load(warehouse, [await chargesFile(big, rows)], { ...chargesMeasured, billingMonth });
    }
    await big.server.rows("INSERT INTO billing.bills (id) VALUES ('x')");
    const months = new Map([
      ["", 1],
      ["2025-01", 2],
      ["2025-02", 2],
    ]);
    assert.deepEqual(await warehouse.measuring.monthsIn(table, "period"), months);
    const made = big.server.table("billing", "bills");
    assert.ok(made);
    made.requirePartitionFilter = true;
    assert.deepEqual(await warehouse.measuring.monthsIn(table, "PERIOD"), months, "also where a filter is needed");
    assert.deepEqual(await warehouse.measuring.monthsIn({ ...table, name: "other" }, "period"), new Map());
    assert.deepEqual(await warehouse.measuring.monthsIn({ ...table, dataset: "other" }, "period"), new Map());
  });

  test("is added up by any columns, in the order of their values", async (t) => {
    const { big, warehouse } = await openCharges(t);
    const rows = ["2,USD,S3,2,Usage", "1.5,USD,S3,2,Usage", "-1,EUR,S3,,Tax", ",USD,,1,", "1,USD,EC2,1,Usage"];
    const text = rows.map((row) => `a,2025-01-01,${row},i\n`).join("");
    await load(warehouse, [await chargesFile(big, text)], chargesMeasured);
    await load(warehouse, [await chargesFile(big, "b,2025-02-01,7,USD,S3,1,Usage,i\n")], {
      ...chargesMeasured,
      billingMonth: "2025-02",
    });
    assert.deepEqual(await warehouse.measuring.costsBy(charges, ["service", null, "nothing"]), [
      { values: ["EC2", null, null], currency: "USD", rows: 1, cost: "1" },
      { values: ["S3", null, null], currency: "EUR", rows: 1, cost: "-1" },
      { values: ["S3", null, null], currency: "USD", rows: 2, cost: "3.5" },
      { values: [null, null, null], currency: "USD", rows: 1, cost: "0" },
    ]);
    assert.deepEqual(await warehouse.measuring.costsBy({ ...charges, costColumns: [] }, []), [
      { values: [], currency: "EUR", rows: 1, cost: "0" },
      { values: [], currency: "USD", rows: 4, cost: "0" },
    ]);
    assert.deepEqual(await warehouse.measuring.costsBy({ ...charges, table: { ...table, name: "other" } }, ["id"]), []);
  });

  test("is nothing where there is no table, and where it lost its columns", async (t) => {
    const { big, warehouse } = await openCharges(t);
    const nothing = { rows: 0, firstUsage: null, lastUsage: null, summary: [], accounts: [] };
    const other = await warehouse.measuring.measureMonth({ ...charges, table: { ...table, name: "other" } });
    assert.deepEqual(other, { ...nothing, sums: [{}], uninvoicedRows: 0, uninvoicedCostRows: 0 });
    await load(warehouse, [await chargesFile(big, "a,2025-01-01,1,USD,S3,1,Usage,i\n")], chargesMeasured);
    for (const column of ["cost", "invoice", "currency"]) {
      await big.server.rows(`ALTER TABLE \`p.billing.bills\` DROP COLUMN ${column}`);
    }
    const without = await warehouse.measuring.measureMonth(charges);
    assert.deepEqual(without, {
      ...nothing,
      rows: 1,
      accounts: [{ account: "1", currency: "", rows: 1, positive: "0" }],
      sums: [{ "": "0" }],
      uninvoicedRows: null,
      uninvoicedCostRows: null,
    });
    assert.equal((await warehouse.measuring.measureMonth({ ...charges, partitionColumn: "gone" })).rows, 0);
  });
});

test("every receipt of a month is listed, newest first", { timeout: 60_000 }, async (t) => {
  const { big, warehouse } = await openCharges(t);
  assert.deepEqual(await warehouse.previous.history(table, "2025-01"), []);
  for (const executionId of ["e1", "e2", "e3"]) {
    const file = await chargesFile(big, "a,2025-01-01,1,USD,S3,1,Usage,i\n");
    await load(warehouse, [file], { ...chargesMeasured, executionId });
  }
  await load(warehouse, [], { ...billReplacement, billingMonth: "2025-02", executionId: "other" });
  const history = await warehouse.previous.history(table, "2025-01");
  assert.deepEqual(
    history.map(({ executionId }) => executionId),
    ["e3", "e2", "e1"],
  );
  assert.equal(history[2]?.version, "0.1.0");
  assert.deepEqual(await warehouse.previous.history({ ...table, dataset: "nowhere" }, "2025-01"), []);
});

test("receipts that are stored separately are listed for every load", { timeout: 60_000 }, async (t) => {
  const big = await bigqueryWarehouse(t);
  big.server.createDataset("billing", { location: "EU" });
  await big.server.rows(`CREATE TABLE \`p.billing.bills_load_tracking\` AS SELECT 'py1' AS assembly_id,
    '2025-01' AS billing_month, TIMESTAMP '2024-12-31 00:00:00+00' AS loaded_at, 1 AS row_count, 1 AS file_count,
    'csv' AS format, '1735603200.5' AS _dlt_load_id, 'id1' AS _dlt_id`);
  const warehouse = await big.open();
  const added = Object.entries(chargeColumns).map(([name, type]) => ({ name, type }));
  const partitioning = { partitionColumn: "period", usageColumn: null };
  await warehouse.prepare(table, { added, registered: [], ...partitioning, keepsPrevious: false });
  for (const executionId of ["e1", "e2"]) {
    const file = await chargesFile(big, "a,2025-01-01,1,USD,S3,1,Usage,i\n");
    await load(warehouse, [file], { ...chargesMeasured, executionId });
  }
  assert.deepEqual(
    (await warehouse.previous.history(table, "2025-01")).map(({ executionId, version }) => [executionId, version]),
    [
      ["e2", "0.1.0"],
      ["e1", "0.1.0"],
      ["py1", null],
    ],
  );
});

type Bench = Awaited<ReturnType<typeof bigqueryWarehouse>>;

function isFor({ labels }: { readonly labels?: Readonly<Record<string, string>> }, purpose: string): boolean {
  return labels?.["billhouse"] === purpose;
}

function queries({ server }: Bench, purpose: string): number {
  return [...server.jobs.values()].filter(({ configuration }) => isFor(configuration, purpose)).length;
}
