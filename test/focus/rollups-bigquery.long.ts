import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";

import { forget, migrate, undo, verify } from "../../src/index.ts";
import { curDelivery, curRows, type Delivery } from "../support/deliveries.ts";
import { createGoogleProject, type GoogleProject, googleProject, upload } from "../support/google.ts";
import { billhouse, runProject, runWell } from "../support/projects.ts";

const january = "2025-01";
const february = "2025-02";
const sumsTable = "_billhouse_focus_sums";
const monthsTable = "_billhouse_focus_months";

function bill(month: string, id: string, ...costs: readonly string[]): Delivery {
  return curDelivery({ month, id, files: [curRows(month, ...costs)] });
}

async function twoMonths(t: TestContext): Promise<GoogleProject> {
  const project = await createGoogleProject(t, { aws_cur: { prefix: "cur" } });
  upload(project, bill(january, "20250203T000000Z", "1.5", "2.25"));
  upload(project, bill(february, "20250303T000000Z", "4"));
  await runWell(project);
  return project;
}

/** Rows of a query on the views. */
function ask({ bigquery }: GoogleProject, sql: string): Promise<unknown[][]> {
  return bigquery.rows(sql.replaceAll(/\b(?=focus_|_billhouse_focus)/gu, "billing_focus."), googleProject);
}

/** What a rollup holds of each month. */
function billed(project: GoogleProject, rollup = "focus_daily"): Promise<unknown[][]> {
  return ask(project, `SELECT x_BillingMonth, SUM(BilledCost), SUM(x_Rows) FROM ${rollup} GROUP BY 1 ORDER BY 1`);
}

/** Requires that all months are current, and that the rollups have the sums and rows of the view. */
async function requireCurrent(project: GoogleProject): Promise<void> {
  assert.deepEqual(await ask(project, "SELECT * FROM focus_rollup_months WHERE NOT is_current"), []);
  const view =
    "SELECT x_BillingMonth, SUM(BilledCost), CAST(COUNT(*) AS BIGNUMERIC) FROM focus_costs GROUP BY 1 ORDER BY 1";
  const expected = await ask(project, view);
  for (const rollup of ["focus_daily", "focus_sku_monthly"]) assert.deepEqual(await billed(project, rollup), expected);
}

/** How many jobs have asked for months that are not current, or built one. */
function jobsOfSums({ bigquery }: GoogleProject): number {
  return [...bigquery.jobs.values()].filter(({ configuration }) =>
    JSON.stringify(configuration).includes('"billhouse":"sums"'),
  ).length;
}

describe("the sums of the view that are kept in BigQuery", () => {
  test("are built for months that were loaded, and only for those; nothing is asked without a load", async (t) => {
    const project = await twoMonths(t);
    await requireCurrent(project);
    const { timePartitioning, clustering } = project.bigquery.table("billing_focus", sumsTable, googleProject) ?? {};
    assert.deepEqual(
      [timePartitioning, clustering],
      [{ type: "MONTH", field: "x_BillingMonthStart" }, { fields: ["rollup"] }],
    );
    const jobs = jobsOfSums(project);
    await runWell(project);
    assert.equal(jobsOfSums(project), jobs);

    await ask(project, `UPDATE ${sumsTable} SET BilledCost = 99 WHERE TRUE`);
    upload(project, bill(february, "20250304T000000Z", "5"));
    await runWell(project);
    assert.deepEqual(await billed(project), [
      [january, "99", "2"],
      [february, "5", "1"],
    ]);
  });

  test("follow an undo, stay after the state forgot a month, and follow a change of a column's type", async (t) => {
    const project = await twoMonths(t);
    upload(project, bill(february, "20250304T000000Z", "5", "6"));
    await runWell(project);
    await undo(project.config, { pipeline: "aws_cur", month: february });
    assert.deepEqual((await billed(project)).at(-1), [february, "4", "1"]);
    await requireCurrent(project);

    await forget(project.config, { pipelines: ["aws_cur"], months: [january] });
    await requireCurrent(project);
    await runWell(project);
    await requireCurrent(project);

    const column = "line_item_unblended_cost";
    const table = "billing_data.aws_cur_data";
    await ask(
      project,
      `CREATE OR REPLACE TABLE ${table} PARTITION BY TIMESTAMP_TRUNC(bill_billing_period_start_date, MONTH) AS SELECT * REPLACE (CAST(${column} AS FLOAT64) AS ${column}) FROM ${table}`,
    );
    const { pipelines, warnings } = await migrate(project.config, { yes: true });
    assert.deepEqual([pipelines[0]?.steps.length, warnings], [1, []]);
    await requireCurrent(project);
  });

  test("are out of date after a kill between a load and its sums, and repaired by the next run", async (t) => {
    const project = await twoMonths(t);
    upload(project, bill(february, "20250304T000000Z", "5"));
    const kill = `import { subscribe } from "node:diagnostics_channel";
      subscribe("billhouse:point", ({ name }) => { if (name === "after-commit") process.kill(process.pid, "SIGKILL"); });`;
    const { code, stderr } = await billhouse(project, ["run"], kill);
    assert.equal(code, null, stderr);
    assert.deepEqual((await billed(project)).at(-1), [february, "4", "1"]);
    assert.deepEqual(await ask(project, "SELECT billing_month FROM focus_rollup_months WHERE NOT is_current"), [
      [february],
    ]);
    const { checks } = await verify(project.config);
    const compared = checks.filter(({ name }) => name === "focus-daily");
    assert.deepEqual(
      compared.map(({ billingMonth, ok }) => [billingMonth, ok]),
      [[january, true]],
    );
    await runWell(project);
    await requireCurrent(project);
  });

  test("are built by the next run where they are missing, or were built in another version", async (t) => {
    const project = await twoMonths(t);
    await ask(project, `DROP TABLE ${sumsTable}`);
    await runWell(project);
    await requireCurrent(project);
    const tags = [{ key: "team", spellings: [] }];
    const tagged = { ...project, config: { ...project.config, focus: { ...project.config.focus, tags } } };
    await runWell(tagged);
    await requireCurrent(project);
    assert.equal((await ask(project, "SELECT DISTINCT x_Tag_team FROM focus_daily")).length, 1);
  });

  test("do not record a load that another process makes at the same time as read", async (t) => {
    const project = await twoMonths(t);
    upload(project, bill(february, "20250304T000000Z", "5"));
    const tracking = "billing_data.aws_cur_data_load_tracking";
    let isLoaded = false;
    project.bigquery.onStatement = async (sql, jobId) => {
      if (isLoaded || !jobId.includes("billhouse_sums") || !sql.startsWith("BEGIN")) return;
      isLoaded = true;
      const newer = `(SELECT * FROM ${tracking} WHERE billing_month = '${february}' ORDER BY _dlt_load_id DESC LIMIT 1)`;
      await ask(
        project,
        `INSERT INTO ${tracking} SELECT * REPLACE (CONCAT(_dlt_load_id, '9') AS _dlt_load_id) FROM ${newer}`,
      );
    };
    const { finished } = await runProject(project);
    assert.ok(isLoaded);
    assert.deepEqual(finished.warnings, []);
    assert.deepEqual((await billed(project)).at(-1), [february, "4", "1"]);
    await runWell(project);
    assert.deepEqual((await billed(project)).at(-1), [february, "5", "1"]);
    await requireCurrent(project);
  });

  test("are built by jobs of another project too", async (t) => {
    const project = await createGoogleProject(t, { aws_cur: { prefix: "cur" } });
    upload(project, bill(january, "20250203T000000Z", "1.5", "2.25"));
    const { warehouse } = project.config;
    assert.equal(warehouse.kind, "bigquery");
    const config = { ...project.config, warehouse: { ...warehouse, jobProjectId: "jobs" } };
    const { finished } = await runProject({ ...project, config });
    assert.deepEqual(finished.warnings, []);
    await requireCurrent(project);
    assert.ok((await verify(config)).checks.some(({ name, ok }) => name === "focus-daily" && ok));
  });

  test("leave a table of someone else alone, report it, and load anyway", async (t) => {
    const project = await createGoogleProject(t, { aws_cur: { prefix: "cur" } });
    project.bigquery.createDataset("billing_focus", { project: googleProject, location: "US" });
    await ask(project, `CREATE TABLE ${monthsTable} AS SELECT 42 AS mine`);
    upload(project, bill(january, "20250203T000000Z", "1"));
    const { finished } = await runProject(project);
    assert.deepEqual(
      finished.warnings.map(({ code, message }) => [code, message]),
      [["FOCUS_NAME_TAKEN", `billhouse did not make acme.billing_focus.${monthsTable}, and does not replace it.`]],
    );
    assert.equal(finished.pipelines[0]?.loaded.length, 1);
    assert.deepEqual(await ask(project, `SELECT mine FROM ${monthsTable}`), [["42"]]);
  });
});
