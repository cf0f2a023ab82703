import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { compareDecimals, subtractDecimals } from "../../src/schema/decimals.ts";
import { samplesFolder } from "../support/samples.ts";
import { ask, createProject, monthsOfTable, runWell, sameDecimal } from "../support/projects.ts";

/** What `INDEX.md` of the samples says of one month. */
interface Expected {
  readonly rows: number;
  readonly delivered: string;
  /** What a table of DECIMAL(38,18) holds of it, where that is less. */
  readonly table?: string;
}

interface Sample {
  readonly bucket: string;
  readonly prefix: string;
  readonly exportName: string;
  readonly kind: string;
  readonly currency: string;
  readonly columns: { readonly partition: string; readonly cost: string };
  /** Where the files hold floats, the figures are right to this difference. */
  readonly tolerance?: string;
  readonly months: Readonly<Record<string, Expected>>;
}

const curMonths = {
  "2025-01": { rows: 10080, delivered: "1650.255870960" },
  "2025-02": { rows: 9408, delivered: "1540.2871999872" },
  "2025-03": { rows: 4368, delivered: "715.530232248" },
};
const curColumns = { partition: "bill_billing_period_start_date", cost: "line_item_unblended_cost" };
/**
 * INDEX.md says 62500.80845625471778, which is the sum of the text that the floats were made of. The shortest texts of
 * the floats themselves, as JavaScript and DuckDB write them, sum up to 3e-17 more.
 */
const focusMonth: Expected = { rows: 3000, delivered: "62500.80845625471781" };

const samples: readonly Sample[] = [
  {
    bucket: "aws-cur1-parquet-athena-overwrite",
    prefix: "cur/parquet",
    exportName: "nise-athena",
    kind: "aws-cur",
    currency: "USD",
    columns: curColumns,
    tolerance: "0.0000000001",
    months: curMonths,
  },
  {
    bucket: "aws-dataexport-cur2-parquet-overwrite",
    prefix: "exports",
    exportName: "cur2-parquet",
    kind: "aws-data-export",
    currency: "USD",
    columns: curColumns,
    tolerance: "0.0000000001",
    months: curMonths,
  },
  {
    bucket: "aws-dataexport-focus12-parquet-createnew",
    prefix: "exports",
    exportName: "focus12",
    kind: "aws-data-export",
    currency: "USD",
    columns: { partition: "BillingPeriodStart", cost: "BilledCost" },
    months: { "2026-04": focusMonth, "2026-05": focusMonth },
  },
  {
    bucket: "azure-legacy-partitioned",
    prefix: "cost",
    exportName: "partitioned",
    kind: "azure-cost",
    currency: "EUR",
    columns: { partition: "BillingPeriodStartDate", cost: "CostInBillingCurrency" },
    months: {
      "2025-01": { rows: 1860, delivered: "282.3017572955996638691", table: "282.301757295599663872" },
      "2025-02": { rows: 1680, delivered: "256.8663702070399689320", table: "256.866370207039968935" },
      "2025-03": { rows: 720, delivered: "109.4912477664761208574", table: "109.491247766476120859" },
    },
  },
];

const table = "billing_data.bills_data";

function requireSum(actual: string | undefined, expected: string, { tolerance }: Sample, what: string): void {
  if (tolerance === undefined) return sameDecimal(actual, expected, what);
  assert.ok(actual !== undefined, `${what} is missing`);
  const away = subtractDecimals(actual, expected).replace("-", "");
  assert.ok(compareDecimals(away, tolerance) <= 0, `${what}: ${actual} is ${expected}`);
}

describe("the deliveries that others made, of every format", { concurrency: 2 }, () => {
  for (const sample of samples) {
    test(`${sample.bucket}: the first run loads every month, the second one nothing`, async (t) => {
      const folder = samplesFolder(t);
      if (folder === undefined) return;
      const { bucket, prefix, exportName, columns, months, currency } = sample;
      const project = await createProject(t, {
        bills: { bucket_url: join(folder, "buckets", bucket), prefix, export_name: exportName },
      });
      const loaded = await runWell(project);
      assert.equal(loaded.loaded.length, Object.keys(months).length);
      const held = await monthsOfTable(project, table, columns);
      assert.deepEqual(Object.keys(held), Object.keys(months));
      for (const [month, expected] of Object.entries(months)) {
        const event = loaded.loaded.find(({ billingMonth }) => billingMonth === month);
        assert.deepEqual([event?.action, event?.rows, held[month]?.[0]], ["new", expected.rows, expected.rows], month);
        requireSum(event?.cost[currency], expected.delivered, sample, `the delivered sum of ${month}`);
        requireSum(held[month]?.[1], expected.table ?? expected.delivered, sample, `the table's sum of ${month}`);
      }
      assert.deepEqual((await runWell(project)).loaded, []);
    });
  }

  test("maps are JSON text, whose values a question finds", async (t) => {
    const folder = samplesFolder(t);
    if (folder === undefined) return;
    const project = await createProject(t, {
      bills: { bucket_url: join(folder, "buckets/aws-dataexport-focus12-parquet-createnew"), prefix: "exports" },
    });
    await runWell(project);
    const [types] = await ask(
      project,
      `SELECT any_value(typeof("Tags")) AS type, count("Tags" ->> '$.Environment') AS tagged, count(*) AS rows FROM ${table}`,
    );
    assert.equal(types?.["type"], "VARCHAR");
    assert.ok(Number(types["tagged"]) > 0, JSON.stringify(types));
  });
});
