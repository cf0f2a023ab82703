import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { samplesFolder } from "../support/samples.ts";
import {
  azureColumns,
  azureDelivery,
  azureRow,
  curColumns,
  curDelivery,
  curManifestTypes,
  curRow,
  curRows,
  deliver,
  type Row,
} from "../support/deliveries.ts";
import {
  ask,
  azureSection,
  createProject,
  curSection,
  monthsOfTable,
  outcomes,
  runProject,
  runWell,
  snapshotMonth,
  type Project,
} from "../support/projects.ts";

const table = "billing_data.aws_cur_data";
const proof = { partition: "bill_billing_period_start_date", cost: "line_item_unblended_cost" };

/** Columns whose names differ in case only, each with a meaning of its own. */
const twins: Row = {
  "product/ecu": "73",
  "product/ECU": "Variable",
  "resourceTags/user:Name": "web-0",
  "resourceTags/user:name": 'say "hi", ünïcode\nline2',
};
const twinColumns = Object.keys(twins);

/** What the table holds of each of these source columns in a month, found through the registry: distinct values. */
async function valuesBySource(project: Project, month: string): Promise<Record<string, readonly unknown[]>> {
  const registry = await ask(project, `SELECT source_name, column_name FROM billing_data._billhouse_columns`);
  const values: Record<string, readonly unknown[]> = {};
  for (const source of twinColumns) {
    const column = registry.find((row) => row["source_name"] === source)?.["column_name"];
    assert.ok(typeof column === "string", `${source} is registered`);
    const rows = await ask(
      project,
      `SELECT DISTINCT "${column}" AS value FROM ${table} WHERE strftime("${proof.partition}", '%Y-%m') = '${month}' AND "${column}" IS NOT NULL ORDER BY 1`,
    );
    values[source] = rows.map((row) => row["value"]);
  }
  return values;
}

/** The type of each column of a table, by name. */
async function typesOf(project: Project, name: string): Promise<Record<string, unknown>> {
  const rows = await ask(
    project,
    `SELECT column_name, data_type FROM information_schema.columns WHERE table_name = '${name}'`,
  );
  return Object.fromEntries(rows.map((row) => [String(row["column_name"]), row["data_type"]]));
}

const expectedTwins = Object.fromEntries(Object.entries(twins).map(([source, value]) => [source, [value]]));

describe("columns whose names differ in case only", { concurrency: 3 }, () => {
  test("stay four, and keep their meaning when a later month lists them in another order (the mirror of others)", async (t) => {
    const samples = samplesFolder(t);
    if (samples === undefined) return;
    const project = await createProject(t, { aws_cur: { bucket_url: "bucket", prefix: "gcs-transfer/aws_cur" } });
    await cp(join(samples, "buckets", "aws-cur1-csvgz-relocated-mirror"), project.bucket, { recursive: true });
    await runWell(project);
    const november = await valuesBySource(project, "2023-11");
    assert.deepEqual(
      { ...november, "resourceTags/user:Name": undefined },
      { ...expectedTwins, "resourceTags/user:Name": undefined },
    );
    assert.deepEqual(november["resourceTags/user:Name"], ["web-0", "web-3", "web-6"]);
    const columns = Object.keys(await typesOf(project, "aws_cur_data"));
    const before = await snapshotMonth(project, table, proof.partition, "2023-11");

    await deliver(
      project.bucket,
      curDelivery({
        month: "2023-12",
        id: "later",
        files: [[curRow("2023-12", twins)]],
        columns: [...twinColumns.toReversed(), ...curColumns.toReversed()],
        folder: "gcs-transfer/aws_cur",
        writtenFolder: "billing/aws-billing-csv",
        exportName: "aws-billing-csv",
        shape: "overwrite",
      }),
    );
    assert.deepEqual(
      outcomes(await runWell(project)).map((outcome) => outcome.slice(0, 17)),
      ["2023-11 unchanged", "2023-12 new later"],
    );
    assert.deepEqual(await valuesBySource(project, "2023-12"), expectedTwins);
    assert.deepEqual(Object.keys(await typesOf(project, "aws_cur_data")), columns);
    assert.deepEqual(await snapshotMonth(project, table, proof.partition, "2023-11"), before);
  });

  for (const types of [curManifestTypes, false] as const) {
    test(`keep their meaning ${types === false ? "without" : "with"} types in the manifest, in any order of months and columns`, async (t) => {
      const project = await createProject(t, curSection);
      const delivery = (month: string, id: string, order: readonly string[]): ReturnType<typeof curDelivery> =>
        curDelivery({ month, id, types, files: [[curRow(month, twins)]], columns: [...curColumns, ...order] });
      // Two months at once, then a restatement of the older one in yet another order, then only some of them.
      await deliver(project.bucket, delivery("2025-01", "january", twinColumns));
      await deliver(project.bucket, delivery("2025-02", "february", twinColumns.toReversed()));
      await runWell(project);
      assert.deepEqual(await valuesBySource(project, "2025-01"), expectedTwins);
      assert.deepEqual(await valuesBySource(project, "2025-02"), expectedTwins);
      const columns = Object.keys(await typesOf(project, "aws_cur_data"));
      assert.equal(columns.length, curColumns.length + twinColumns.length);

      const [ecu = "", capitalEcu = "", capitalName = "", name = ""] = twinColumns;
      await deliver(project.bucket, delivery("2025-01", "again", [capitalEcu, name, ecu, capitalName]));
      await deliver(project.bucket, delivery("2025-03", "march", [capitalEcu, name]));
      await runWell(project);
      assert.deepEqual(await valuesBySource(project, "2025-01"), expectedTwins);
      assert.deepEqual(await valuesBySource(project, "2025-03"), { ...expectedTwins, [ecu]: [], [capitalName]: [] });
      assert.deepEqual(Object.keys(await typesOf(project, "aws_cur_data")), columns);
    });
  }

  test("are one column in Azure, whose dialects write one name in several ways", async (t) => {
    const project = await createProject(t, azureSection);
    const [march, april] = ["2025-03", "2025-04"];
    await deliver(project.bucket, azureDelivery({ month: march, id: "march", files: [[azureRow(march)]] }));
    const camel = azureColumns.map((column) => column.charAt(0).toLowerCase() + column.slice(1));
    const cells = Object.entries(azureRow(april, { CostInBillingCurrency: "7.5" }));
    const row = Object.fromEntries(cells.map(([name, cell]) => [name.charAt(0).toLowerCase() + name.slice(1), cell]));
    const files = [[row]];
    await runWell(project);
    const columns = Object.keys(await typesOf(project, "azure_billing_data"));
    await deliver(project.bucket, azureDelivery({ month: april, id: "april", files, columns: camel.toReversed() }));
    await runWell(project);
    assert.deepEqual(Object.keys(await typesOf(project, "azure_billing_data")), columns);
    assert.deepEqual(
      await ask(
        project,
        `SELECT "SubscriptionId", "CostCenter", "CostInBillingCurrency" FROM billing_data.azure_billing_data ORDER BY "Date"`,
      ),
      [
        { SubscriptionId: "38f1d748-3ac7-4b7f-a5ae-8b5ff16db82c", CostCenter: "0042", CostInBillingCurrency: "2.304" },
        { SubscriptionId: "38f1d748-3ac7-4b7f-a5ae-8b5ff16db82c", CostCenter: "0042", CostInBillingCurrency: "7.5" },
      ],
    );
  });
});

describe("columns that come and go", { concurrency: 3 }, () => {
  test("a column that appears midway is NULL before, one that disappears is NULL after, and the receipts say so", async (t) => {
    const project = await createProject(t, curSection);
    const [january, february, march] = ["2025-01", "2025-02", "2025-03"];
    const team = "resourceTags/user:team";
    const invoice = "bill/InvoiceId";
    await deliver(
      project.bucket,
      curDelivery({ month: january, id: "january", files: [[curRow(january, { [invoice]: "1" })]] }),
    );
    const first = await runWell(project);
    assert.deepEqual(first.loaded[0]?.schemaChanges, []);
    await deliver(
      project.bucket,
      curDelivery({
        month: february,
        id: "february",
        columns: [team, ...curColumns],
        files: [[curRow(february, { [invoice]: "2", [team]: "web" })]],
      }),
    );
    await deliver(
      project.bucket,
      curDelivery({
        month: march,
        id: "march",
        columns: curColumns.filter((column) => column !== invoice),
        files: [[curRow(march)]],
      }),
    );
    const { loaded } = await runWell(project);
    const changes = new Map(loaded.map(({ billingMonth, schemaChanges }) => [billingMonth, schemaChanges]));
    assert.deepEqual(changes.get(february), ["Column resource_tags_user_team was added (text)."]);
    assert.deepEqual(
      changes.get(march)?.filter((sentence) => sentence.includes("bill_invoice_id")),
      ["Column bill_invoice_id is missing and will be NULL."],
    );
    assert.deepEqual(
      await ask(
        project,
        `SELECT bill_invoice_id AS invoice, resource_tags_user_team AS team FROM ${table} ORDER BY ${proof.partition}`,
      ),
      [
        { invoice: "1", team: null },
        { invoice: "2", team: "web" },
        { invoice: null, team: null },
      ],
    );
    const receipts = await ask(
      project,
      `SELECT schema_changes FROM ${table}_load_tracking WHERE billing_month = '${february}'`,
    );
    assert.deepEqual(
      receipts.map((row) => row["schema_changes"]),
      [JSON.stringify(changes.get(february))],
    );
  });

  test("files of one delivery may list other columns, in another order", async (t) => {
    const project = await createProject(t, curSection);
    const month = "2025-03";
    const columns = [curColumns, [...curColumns.toReversed(), "product/tier"]];
    const files = [
      curRows(month, "1.5"),
      [curRow(month, { "lineItem/UnblendedCost": "2.25", "product/tier": "free" })],
    ];
    await deliver(project.bucket, curDelivery({ month, id: "mixed", columns, files }));
    await runWell(project);
    assert.deepEqual(
      await ask(
        project,
        `SELECT line_item_unblended_cost AS cost, line_item_usage_account_id AS account, product_tier AS tier FROM ${table} ORDER BY 1`,
      ),
      [
        { cost: "1.5", account: "012345678901", tier: null },
        { cost: "2.25", account: "012345678901", tier: "free" },
      ],
    );
  });

  test("a month whose files lack the column of the billing month gets the month of its delivery", async (t) => {
    const project = await createProject(t, curSection);
    const columns = curColumns.filter((column) => column !== "bill/BillingPeriodStartDate");
    await deliver(project.bucket, curDelivery({ month: "2025-02", id: "february", files: [curRows("2025-02", "1")] }));
    await deliver(
      project.bucket,
      curDelivery({ month: "2025-03", id: "march", columns, files: [curRows("2025-03", "1")] }),
    );
    assert.deepEqual(outcomes(await runWell(project)), ["2025-02 new february", "2025-03 new march"]);
    assert.deepEqual(outcomes(await runWell(project)), ["2025-02 unchanged february", "2025-03 unchanged march"]);
    assert.deepEqual(await ask(project, `SELECT bill_billing_period_start_date AS p FROM ${table} ORDER BY 1`), [
      { p: "2025-02-01T00:00:00Z" },
      { p: "2025-03-01T00:00:00Z" },
    ]);
  });
});

describe("types", { concurrency: 3 }, () => {
  for (const types of [curManifestTypes, false] as const) {
    test(`are right ${types === false ? "by the dictionary alone" : "by the manifest"}; account ids stay text`, async (t) => {
      const project = await createProject(t, curSection);
      const month = "2025-03";
      const columns = [...curColumns, "pricing/publicOnDemandCost", "savingsPlan/SavingsPlanRate", "novelty/unheardOf"];
      const cells = { "pricing/publicOnDemandCost": "6.05E-5", "novelty/unheardOf": "007" };
      const words =
        types === false
          ? false
          : {
              ...types,
              "pricing/publicOnDemandCost": "BigDecimal",
              "savingsPlan/SavingsPlanRate": "OptionalBigDecimal",
            };
      await deliver(
        project.bucket,
        curDelivery({ month, id: "typed", columns, types: words, files: [[curRow(month, cells)]] }),
      );
      await runWell(project);
      const found = await typesOf(project, "aws_cur_data");
      const decimal = "DECIMAL(38,18)";
      assert.deepEqual(Object.fromEntries(Object.entries(found).filter(([, type]) => type !== "VARCHAR")), {
        bill_billing_period_start_date: "TIMESTAMP",
        bill_billing_period_end_date: "TIMESTAMP",
        line_item_usage_start_date: "TIMESTAMP",
        line_item_usage_end_date: "TIMESTAMP",
        line_item_usage_amount: decimal,
        line_item_unblended_cost: decimal,
        pricing_public_on_demand_cost: decimal,
        savings_plan_savings_plan_rate: decimal,
      });
      const [row] = await ask(project, `SELECT * FROM ${table}`);
      assert.deepEqual(
        [
          "bill_payer_account_id",
          "line_item_usage_account_id",
          "novelty_unheard_of",
          "pricing_public_on_demand_cost",
          "savings_plan_savings_plan_rate",
          "line_item_usage_start_date",
        ].map((name) => row?.[name]),
        ["0022222222222", "012345678901", "007", "0.0000605", null, "2025-03-02T00:00:00Z"],
      );
    });
  }

  test("text takes everything that comes later", async (t) => {
    const project = await createProject(t, curSection);
    const column = "product/memory";
    const values: Readonly<Record<string, string>> = {
      "2025-01": "16 GiB",
      "2025-02": "16.0",
      "2025-03": '{"a": [1,2]}',
    };
    for (const [month, value] of Object.entries(values)) {
      const types = { ...curManifestTypes, [column]: month === "2025-02" ? "BigDecimal" : "String" };
      const files = [[curRow(month, { [column]: value })]];
      await deliver(project.bucket, curDelivery({ month, id: month, types, files, columns: [...curColumns, column] }));
      await runWell(project);
    }
    assert.deepEqual(
      (await ask(project, `SELECT product_memory FROM ${table} ORDER BY ${proof.partition}`)).map(
        (row) => row["product_memory"],
      ),
      Object.values(values),
    );
  });

  test("a value that does not fit an existing decimal column fails the month, whatever its manifest declares", async (t) => {
    const project = await createProject(t, curSection);
    const [january, february] = ["2025-01", "2025-02"];
    const rows = (value: string): Row[] => [
      ...curRows(february, "1"),
      curRow(february, { "lineItem/UsageAmount": value }),
    ];
    await deliver(project.bucket, curDelivery({ month: january, id: "january", files: [curRows(january, "1")] }));
    await runWell(project);
    const types = { ...curManifestTypes, "lineItem/UsageAmount": "String" };
    for (const value of ["many", "1,5", "0x10", "NaN", "1e30", "123456789012345678901"]) {
      const bad = curDelivery({ month: february, id: "february", types, files: [rows(value)] });
      await deliver(project.bucket, bad);
      const { finished } = await runProject(project);
      assert.deepEqual(
        finished.pipelines.map(outcomes),
        [["2025-01 unchanged january", "2025-02 failed VALUE_INVALID"]],
        value,
      );
      const message = finished.pipelines[0]?.failed[0]?.message ?? "";
      for (const named of [bad.fileKeys[0] ?? "", "line 3", "lineItem/UsageAmount", JSON.stringify(value)]) {
        assert.ok(message.includes(named), `"${message}" names ${named}`);
      }
    }
    await deliver(project.bucket, curDelivery({ month: february, id: "february", types, files: [rows("1.5E-3")] }));
    assert.deepEqual(outcomes(await runWell(project)), ["2025-01 unchanged january", "2025-02 new february"]);
    assert.deepEqual(await monthsOfTable(project, table, { ...proof, cost: "line_item_usage_amount" }), {
      [january]: [1, "1.000000000000000000"],
      [february]: [2, "1.001500000000000000"],
    });
  });

  test("infinite amounts and empty cells: an amount that is none fails, an empty cell is NULL and never 0", async (t) => {
    const project = await createProject(t, curSection);
    const month = "2025-03";
    const empty = curDelivery({
      month,
      id: "empty",
      files: [[curRow(month, { "lineItem/UnblendedCost": "" }), ...curRows(month, "2")]],
    });
    await deliver(project.bucket, empty);
    await runWell(project);
    assert.deepEqual(
      await ask(project, `SELECT line_item_unblended_cost AS cost FROM ${table} ORDER BY 1 NULLS FIRST`),
      [{ cost: null }, { cost: "2" }],
    );
    await deliver(project.bucket, curDelivery({ month, id: "infinite", files: [curRows(month, "Infinity")] }));
    const { finished } = await runProject(project);
    assert.deepEqual(finished.pipelines.map(outcomes), [["2025-03 failed VALUE_INVALID"]]);
  });
});
