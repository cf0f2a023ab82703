import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { formatDecimal, parseDecimal } from "../../src/schema/decimals.ts";
import { samplesFolder } from "../support/samples.ts";
import {
  ask,
  createProject,
  monthsOfTable,
  outcomes,
  runProject,
  runWell,
  sameDecimal,
  textRows,
  type Project,
} from "../support/projects.ts";

/** What must be in the table and in the receipts after one delivery, as `INDEX.md` of the samples says it. */
interface Expected {
  readonly rows: number;
  /** The exact sum of the delivered text. */
  readonly delivered: string;
  /** What a table of DECIMAL(38,18) holds of it; the same where no value has more digits. */
  readonly table?: string;
}

interface Sample {
  readonly bucket: string;
  readonly prefix: string;
  readonly exportName: string;
  readonly currency: string;
  readonly columns: { readonly partition: string; readonly cost: string };
  readonly months: Readonly<Record<string, Expected>>;
}

const curColumns = { partition: "bill_billing_period_start_date", cost: "line_item_unblended_cost" };
const february: Expected = { rows: 9408, delivered: "1540.2871999872" };

const createNew = {
  bucket: "aws-cur1-csvgz-createnew",
  prefix: "cur/v1",
  exportName: "nise-cur",
  currency: "USD",
  columns: curColumns,
};
const first: Sample = {
  ...createNew,
  months: {
    "2025-01": { rows: 10416, delivered: "1705.764399984" },
    "2025-02": february,
    "2025-03": { rows: 3024, delivered: "495.076761288" },
  },
};
const second: Sample = {
  ...createNew,
  months: {
    "2025-01": { rows: 10080, delivered: "1650.255870960" },
    "2025-02": february,
    "2025-03": { rows: 4368, delivered: "715.530232248" },
  },
};

const samples: readonly Sample[] = [
  {
    bucket: "aws-cur1-csvgz-relocated-mirror",
    prefix: "gcs-transfer/aws_cur",
    exportName: "aws-billing-csv",
    currency: "USD",
    columns: curColumns,
    months: { "2023-11": { rows: 1281, delivered: "1.68230869740" } },
  },
  {
    bucket: "azure-focus12-parquet-overwrite",
    prefix: "focus",
    exportName: "focus12",
    currency: "USD",
    columns: { partition: "BillingPeriodStart", cost: "BilledCost" },
    months: {
      "2026-04": { rows: 3000, delivered: "82396.90815219782695" },
      "2026-05": { rows: 3000, delivered: "82396.90815219782695" },
    },
  },
  {
    bucket: "azure-actual-csvgz-createnew",
    prefix: "exports",
    exportName: "nise-actual",
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

/** The table by a reader's question, and the receipts, must say what the sample says, to the last digit. */
async function requireFigures(project: Project, sample: Sample): Promise<void> {
  const held = await monthsOfTable(project, table, sample.columns);
  assert.deepEqual(Object.keys(held), Object.keys(sample.months));
  const receipts = await ask(
    project,
    `SELECT * FROM ${table}_load_tracking WHERE billing_month IS NOT NULL
      QUALIFY row_number() OVER (PARTITION BY billing_month ORDER BY _dlt_load_id DESC) = 1 ORDER BY billing_month`,
  );
  for (const [index, [month, expected]] of Object.entries(sample.months).entries()) {
    const inTable = expected.table ?? expected.delivered;
    assert.equal(held[month]?.[0], expected.rows, `rows of ${month}`);
    sameDecimal(held[month]?.[1], inTable, `the table's sum of ${month}`);
    const receipt = receipts[index];
    assert.deepEqual(
      {
        month: receipt?.["billing_month"],
        rows: receipt?.["row_count"],
        delivered: receipt?.["cost_by_currency"],
        table: receipt?.["table_cost_by_currency"],
      },
      {
        month,
        rows: String(expected.rows),
        delivered: JSON.stringify({ [sample.currency]: canonical(expected.delivered) }),
        table: JSON.stringify({ [sample.currency]: canonical(inTable) }),
      },
    );
  }
}

/** One hash per row of a month, over its cells that are not NULL: a column that another month adds changes none. */
function fingerprints(project: Project, month: string): Promise<string[]> {
  return textRows(
    project,
    `SELECT md5(CAST(json_merge_patch('{}', to_json(t)) AS VARCHAR)) AS row FROM ${table} AS t
      WHERE strftime("${curColumns.partition}", '%Y-%m') = '${month}' ORDER BY 1`,
  );
}

function canonical(decimal: string): string {
  const parsed = parseDecimal(decimal);
  assert.ok(parsed, decimal);
  return formatDecimal(parsed);
}

function section(sample: Sample, bucket: string): Record<string, Record<string, string>> {
  return { bills: { bucket_url: bucket, prefix: sample.prefix, export_name: sample.exportName } };
}

describe("the deliveries that others made", { concurrency: 3 }, () => {
  for (const sample of samples) {
    test(`${sample.bucket}: the first run loads every month to the last digit, the second one nothing`, async (t) => {
      const folder = samplesFolder(t);
      if (folder === undefined) return;
      const project = await createProject(t, section(sample, join(folder, "buckets", sample.bucket)));
      const loaded = await runWell(project);
      assert.deepEqual(
        loaded.loaded.map(({ billingMonth, action }) => `${billingMonth} ${action}`).toSorted(),
        Object.keys(sample.months).map((month) => `${month} new`),
      );
      for (const { billingMonth, rows, cost } of loaded.loaded) {
        const expected = sample.months[billingMonth];
        assert.equal(rows, expected?.rows);
        sameDecimal(cost[sample.currency], expected?.delivered ?? "", `the event's cost of ${billingMonth}`);
      }
      await requireFigures(project, sample);

      const again = await runWell(project);
      assert.deepEqual(again.loaded, []);
      assert.deepEqual(again.unchanged.map(({ billingMonth }) => billingMonth).toSorted(), Object.keys(sample.months));
      await requireFigures(project, sample);
    });
  }

  test(`${createNew.bucket}: delivery-2 replaces January and March of delivery-1, and nothing else`, async (t) => {
    const folder = samplesFolder(t);
    if (folder === undefined) return;
    const project = await createProject(t, section(first, "bucket"));
    const source = join(folder, "buckets", createNew.bucket);

    await cp(join(source, "delivery-1"), project.bucket, { recursive: true });
    assert.equal((await runWell(project)).loaded.length, 3);
    await requireFigures(project, first);
    const untouched = await fingerprints(project, "2025-02");
    assert.equal(new Set(untouched).size, february.rows);

    // A plain copy gives every file another time: February must be known by its bytes.
    await cp(join(source, "delivery-2"), project.bucket, { recursive: true });
    const { finished, events } = await runProject(project);
    const result = finished.pipelines[0];
    assert.ok(result);
    assert.deepEqual(
      outcomes(result).map((outcome) =>
        outcome
          .slice(0, "2025-01 unchanged".length)
          .trim()
          .replace(/ [0-9a-f]+$/, ""),
      ),
      ["2025-01 restated", "2025-02 unchanged", "2025-03 restated"],
    );
    assert.deepEqual(
      new Set(events.flatMap((event) => (event.event === "file_read" ? [event.billingMonth] : []))),
      new Set(["2025-03", "2025-01"]),
    );
    await requireFigures(project, second);
    assert.deepEqual(await fingerprints(project, "2025-02"), untouched);
    for (const { billingMonth, previous } of result.loaded) {
      assert.equal(previous?.rows, first.months[billingMonth]?.rows, "the receipt of what was replaced");
    }

    assert.deepEqual((await runWell(project)).loaded, []);
    await requireFigures(project, second);
  });
});
