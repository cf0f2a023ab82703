import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { DuckDBInstance } from "@duckdb/node-api";

import { countingOrder } from "../../src/focus/counting.ts";
import type { ChargeTable } from "../../src/focus/mapping.ts";
import { mappingOf } from "../../src/focus/mappings/index.ts";
import { status, verify } from "../../src/index.ts";
import { curDelivery, curRow, deliver } from "../support/deliveries.ts";
import { cur2Row, dataExportDelivery } from "../support/deliveries-of-exports.ts";
import { focusCsv, focusRow } from "../support/focus-files.ts";
import { temporaryFolder, writeKey } from "../support/folders.ts";
import { ask, createProject, type Project, runProject } from "../support/projects.ts";

const month = "2025-01";

/** A legacy report of two accounts, and CUR 2.0 of one of them in the first of two months. */
async function twoExports(t: TestContext): Promise<Project> {
  const project = await createProject(t, {
    aws_cur: { bucket_url: "bucket", prefix: "cur" },
    aws_cur2: { bucket_url: "bucket", prefix: "exports", kind: "aws-data-export" },
  });
  const shared = { "lineItem/UsageAccountId": "012345678901", "lineItem/UnblendedCost": "1.25" };
  const alone = { "lineItem/UsageAccountId": "999999999999", "lineItem/UnblendedCost": "3" };
  const legacy = (name: string): readonly ReturnType<typeof curRow>[] => [curRow(name, shared), curRow(name, alone)];
  for (const each of [month, "2025-02"]) {
    await deliver(project.bucket, curDelivery({ month: each, id: `${each}-legacy`, files: [legacy(each)] }));
  }
  const files = [[cur2Row(month, { line_item_usage_account_id: "012345678901", line_item_unblended_cost: "1.25" })]];
  await deliver(project.bucket, await dataExportDelivery({ month, id: "cur2", files }, await temporaryFolder(t)));
  const { finished } = await runProject(project);
  assert.deepEqual(
    finished.pipelines.map(({ failed, error }) => [failed, error]),
    [
      [[], undefined],
      [[], undefined],
    ],
  );
  assert.deepEqual(finished.warnings, []);
  return project;
}

const counted = `SELECT x_BillingMonth AS month, SubAccountId AS account, string_agg(x_Export, ',') AS exports,
  SUM(BilledCost) AS billed FROM focus_costs GROUP BY ALL ORDER BY ALL`;

async function countedExports(project: Project): Promise<readonly unknown[]> {
  return (await ask(project, counted)).map(({ month, account, exports, billed }) => [month, account, exports, billed]);
}

test("rule 27: a charge of two exports is counted once, from the better export of its account and month", async (t) => {
  const project = await twoExports(t);
  assert.deepEqual(await countedExports(project), [
    [month, "012345678901", "aws_cur2", "1.25"],
    [month, "999999999999", "aws_cur", "3"],
    ["2025-02", "012345678901", "aws_cur", "1.25"],
    ["2025-02", "999999999999", "aws_cur", "3"],
  ]);
  const { ok, checks } = await verify(project.config);
  assert.ok(ok, JSON.stringify(checks.filter((check) => !check.ok)));
});

test("status shows which export counts for which months", async (t) => {
  const project = await twoExports(t);
  const { pipelines } = await status(project.config, { offline: true });
  const counted = [{ months: [month], order: [["aws_cur2"], ["aws_cur"]] }];
  assert.deepEqual(
    pipelines.map(({ name, counted: own }) => [name, own]),
    [
      ["aws_cur", counted],
      ["aws_cur2", counted],
    ],
  );
});

test("actual and amortized cost count together after FOCUS, and before it where its month lacks days", () => {
  const tableOf = (exportName: string, names: readonly string[]): ChargeTable => ({
    exportName,
    table: { dataset: "billing_data", name: exportName, pipelineName: "", sourceName: "", idColumn: "run_id" },
    columns: names.map((name) => ({ name, type: "text", nativeType: "VARCHAR" })),
    registry: [],
    partitionColumn: "",
    tracking: [],
    stateIn: "billing_data",
  });
  const cost = ["costInBillingCurrency", "billingCurrency", "meterId"];
  const pair = [tableOf("actual", cost), tableOf("amortized", cost)];
  const focus = [tableOf("focus", ["BilledCost", "ChargeCategory", "x_BillingProfileId"])];
  const parts = [...pair, ...focus].map((table) => ({ mapping: mappingOf(table) ?? assert.fail(), tables: [table] }));
  assert.deepEqual(countingOrder(parts, new Set()), [["focus"], ["actual", "amortized"]]);
  assert.deepEqual(countingOrder(parts, new Set(["focus"])), [["actual", "amortized"], ["focus"]]);
  assert.deepEqual(countingOrder(parts, new Set(["focus", "amortized"])), [["focus"], ["actual", "amortized"]]);
});

test("an export whose month lacks days comes after a complete one", async (t) => {
  const project = await twoExports(t);
  const instance = await DuckDBInstance.create(join(project.folder, "billhouse.duckdb"));
  const connection = await instance.connect();
  await connection.run(
    `UPDATE billing_data.aws_cur2_data_load_tracking SET missing_days = '[{"start":"2025-01-30","end":"2025-01-31"}]'
      WHERE billing_month IS NOT NULL`,
  );
  const rows = await connection.runAndReadAll(
    "SELECT DISTINCT x_Export FROM main.focus_costs WHERE SubAccountId = '012345678901' AND x_BillingMonth = '2025-01'",
  );
  assert.deepEqual(rows.getRowsJson(), [["aws_cur"]]);
  connection.closeSync();
  instance.closeSync();
  const { pipelines } = await status(project.config, { offline: true });
  assert.deepEqual(pipelines[0]?.counted, [{ months: [month], order: [["aws_cur"], ["aws_cur2"]] }]);
});

test("charges of a cloud's own exports come before those in FOCUS files, in the view, in its sums and in status", async (t) => {
  const project = await createProject(t, {
    aws_cur: { bucket_url: "bucket", prefix: "cur" },
    vendor: { bucket_url: "bucket", prefix: "vendor", kind: "focus-files" },
  });
  const own = { "lineItem/UsageAccountId": "012345678901", "lineItem/UnblendedCost": "1.25" };
  await deliver(project.bucket, curDelivery({ month, id: "own", files: [[curRow(month, own)]] }));
  const row = (of: string, account: string, provider: string, cost: string): ReturnType<typeof focusRow> =>
    focusRow(of, cost, { SubAccountId: account, ProviderName: provider });
  await writeKey(
    project.bucket,
    "vendor/all.csv",
    focusCsv(
      row(month, "012345678901", "Amazon Web Services", "1.3"),
      row(month, "", "AWS", "0.5"),
      row(month, "999999999999", "AWS", "3"),
      row(month, "012345678901", "Chat AI", "7"),
      row("2025-02", "012345678901", "AWS", "2"),
    ),
  );
  const expected = [
    [month, "012345678901", "aws_cur", "1.25"],
    [month, "012345678901", "vendor", "7"],
    [month, "999999999999", "vendor", "3"],
    ["2025-02", "012345678901", "vendor", "2"],
  ];
  const billed = async (from: string): Promise<readonly unknown[]> => {
    const sql = `SELECT x_BillingMonth, SubAccountId, x_Export, SUM(BilledCost) FROM ${from} GROUP BY ALL ORDER BY ALL`;
    return (await ask(project, sql)).map((each) => Object.values(each));
  };
  assert.deepEqual((await runProject(project)).finished.warnings, []);
  for (const from of ["focus_costs", "focus_v1_2", "focus_daily", "focus_sku_monthly"]) {
    assert.deepEqual(await billed(from), expected, from);
  }
  assert.equal((await verify(project.config)).ok, true);
  const { pipelines } = await status(project.config, { offline: true });
  const counted = [{ months: [month], order: [["aws_cur"], ["vendor"]] }];
  assert.deepEqual(
    pipelines.map((each) => each.counted),
    [counted, counted],
  );
  // Sums of FOCUS files follow the loads of the cloud's own export.
  await deliver(project.bucket, curDelivery({ month: "2025-02", id: "later", files: [[curRow("2025-02", own)]] }));
  assert.deepEqual((await runProject(project)).finished.warnings, []);
  const later = [...expected.slice(0, 3), ["2025-02", "012345678901", "aws_cur", "1.25"]];
  for (const from of ["focus_costs", "focus_daily"]) assert.deepEqual(await billed(from), later, from);
  assert.equal((await verify(project.config)).ok, true);
});
