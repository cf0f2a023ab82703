import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";

import { readCopyPath } from "../../src/warehouses/duckdb/paths.ts";
import { rejects } from "../support/rejects.ts";
import { createGoogleProject, upload } from "../support/google.ts";
import { curDelivery, curColumns, curRow, curRows, deliver } from "../support/deliveries.ts";
import { forget, loadConfig, migrate, undo, verify } from "../../src/index.ts";
import { ask, createProject, curSection, type Project, runProject, runWell, textRows } from "../support/projects.ts";

const month = "2025-01";
const bill = curDelivery({ month, id: "20250203T000000Z", files: [curRows(month, "1.5", "2.25")] });
const sums = "SELECT count(*) AS n, SUM(BilledCost) AS billed, SUM(EffectiveCost) AS effective FROM focus_costs";

/** Changes the database as another program does. */
async function change(project: Pick<Project, "folder">, sql: string): Promise<void> {
  const instance = await DuckDBInstance.create(join(project.folder, "billhouse.duckdb"));
  const connection = await instance.connect();
  await connection.run(sql);
  connection.closeSync();
  instance.closeSync();
}

async function loaded(t: TestContext): Promise<Project> {
  const project = await createProject(t, curSection);
  await deliver(project.bucket, bill);
  await runWell(project);
  return project;
}

async function viewTexts(project: Project): Promise<readonly string[]> {
  return textRows(project, "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal ORDER BY ALL");
}

describe("the views in DuckDB", () => {
  test("answer in any client on the published file, with the execution of each month", async (t) => {
    const project = await loaded(t);
    const instance = await DuckDBInstance.create(readCopyPath(join(project.folder, "billhouse.duckdb")), {
      access_mode: "READ_ONLY",
    });
    t.after(() => instance.closeSync());
    const connection = await instance.connect();
    const rows = await connection.runAndReadAll(
      "SELECT x_Export, x_ExecutionId, x_BillingMonth, CAST(SUM(BilledCost) AS VARCHAR) FROM focus_costs GROUP BY ALL",
    );
    assert.deepEqual(rows.getRowsJson(), [["aws_cur", "20250203T000000Z", month, "3.750000000000000000"]]);
    connection.closeSync();
  });

  test("read only the columns of a bill that a query needs", async (t) => {
    const project = await loaded(t);
    const query = "SELECT ServiceName, SUM(EffectiveCost) FROM focus_costs GROUP BY 1";
    const plan = JSON.stringify(await ask(project, `EXPLAIN (FORMAT json) ${query}`));
    const columns = ["line_item_unblended_cost", "line_item_line_item_description"];
    assert.deepEqual(
      columns.map((name) => plan.includes(name)),
      [true, false],
    );
  });

  test("gain a column with the month that brings it, and stay the same text otherwise", async (t) => {
    const project = await loaded(t);
    const before = await viewTexts(project);
    const next = "2025-02";
    const id = "20250303T000000Z";
    await deliver(project.bucket, curDelivery({ month: next, id, files: [curRows(next, "4")] }));
    await runWell(project);
    assert.deepEqual(await viewTexts(project), before);
    const third = "2025-03";
    const columns = [...curColumns, "resourceTags/user:team"];
    const row = curRow(third, { "lineItem/UnblendedCost": "8", "resourceTags/user:team": "web" });
    await deliver(project.bucket, curDelivery({ month: third, id: "20250403T000000Z", columns, files: [[row]] }));
    await runWell(project);
    assert.notDeepEqual(await viewTexts(project), before);
    assert.deepEqual(await ask(project, "SELECT Tags, BilledCost FROM focus_costs WHERE Tags IS NOT NULL"), [
      { Tags: '{"team":"web"}', BilledCost: "8" },
    ]);
  });

  test("are made again after a table was dropped, and after they were", async (t) => {
    const project = await loaded(t);
    await change(project, "DROP VIEW main.focus_costs; DROP VIEW main.focus_v1_4");
    await runWell(project);
    assert.equal((await ask(project, sums))[0]?.["n"], "2");
    await change(project, "DROP TABLE billing_data.aws_cur_data");
    await runWell(project);
    assert.equal((await ask(project, sums))[0]?.["billed"], "3.75");
  });

  test("are made again by undo, state forget and migrate too, which report what is wrong with them", async (t) => {
    const project = await loaded(t);
    const next = curDelivery({ month, id: "20250204T000000Z", files: [curRows(month, "1.5", "2.5")] });
    await deliver(project.bucket, next);
    await runWell(project);
    const { config } = project;
    const changes = [
      () => undo(config, { pipeline: "aws_cur", month }),
      () => migrate(config, { yes: true }),
      () => forget(config, { pipelines: ["aws_cur"], months: [month] }),
    ];
    for (const [index, perform] of changes.entries()) {
      await change(project, "DROP VIEW main.focus_costs; DROP VIEW main.focus_v1_4");
      if (index === 1) await change(project, "CREATE TABLE main.focus_v1_4 AS SELECT 1 AS x");
      const { warnings } = await perform();
      const expected = index === 1 ? ["FOCUS_NAME_TAKEN"] : [];
      assert.deepEqual(
        warnings.map(({ code }) => code),
        expected,
      );
      if (index === 1)
        await change(project, "DROP TABLE main.focus_v1_4; CREATE VIEW main.focus_v1_4 AS SELECT 1 AS x");
      if (index === 1) await change(project, "CREATE VIEW main.focus_costs AS SELECT 1 AS x");
      else assert.equal((await ask(project, sums))[0]?.["billed"], "3.75");
    }
  });

  test("leave an object of that name alone, report it, and load anyway", async (t) => {
    const project = await createProject(t, curSection);
    await change(project, "CREATE TABLE focus_v1_4 AS SELECT 42 AS mine");
    await deliver(project.bucket, bill);
    const { finished } = await runProject(project);
    assert.deepEqual(
      finished.warnings.map(({ code, message }) => [code, message]),
      [["FOCUS_NAME_TAKEN", 'billhouse did not make "main".focus_v1_4, "main".focus_costs, and does not replace it.']],
    );
    assert.equal(finished.pipelines[0]?.loaded.length, 1);
    assert.deepEqual(await ask(project, "SELECT mine FROM main.focus_v1_4"), [{ mine: 42 }]);
    assert.equal((await ask(project, "SELECT count(*) AS n FROM focus_v1_2"))[0]?.["n"], "2");
  });
});

describe("[focus] in the configuration", () => {
  test("adds what is known of accounts, and a column for each tag", async (t) => {
    const project = await createProject(t, curSection);
    const columns = [...curColumns, "resourceTags/user:CostCenter", "resourceTags/user:cost-center"];
    const rows = [
      curRow(month, { "lineItem/UnblendedCost": "1", "resourceTags/user:CostCenter": "7" }),
      curRow(month, { "lineItem/UnblendedCost": "2", "resourceTags/user:cost-center": "8" }),
      curRow(month, { "lineItem/UnblendedCost": "4", "lineItem/UsageAccountId": "1" }),
    ];
    await deliver(project.bucket, curDelivery({ month, id: "20250203T000000Z", columns, files: [rows] }));
    await writeFile(join(project.folder, "accounts.csv"), "id,owner,name\n012345678901,ada,shop\n");
    const source = await readFile(join(project.folder, "billhouse.toml"), "utf8");
    const focus =
      '[focus]\naccounts = "accounts.csv"\n[focus.tags]\ncost_center = ["CostCenter", "cost-center"]\nteam = []\n';
    await writeFile(join(project.folder, "billhouse.toml"), source + focus);
    const config = await loadConfig({ folder: project.folder, environment: {} });
    const { finished } = await runProject({ ...project, config });
    assert.deepEqual(finished.warnings, []);
    const sql = `SELECT BilledCost, SubAccountName, x_AccountOwner, x_AccountEnvironment, x_Tag_cost_center, x_Tag_team
      FROM focus_v1_2 ORDER BY BilledCost`;
    assert.deepEqual(
      (await ask(project, sql)).map((row) => Object.values(row)),
      [
        ["1", "shop", "ada", null, "7", null],
        ["2", "shop", "ada", null, "8", null],
        ["4", null, null, null, null, null],
      ],
    );
  });

  test("joins tables that others fill, in FOCUS columns of any version", async (t) => {
    const project = await createProject(t, curSection);
    await deliver(project.bucket, bill);
    await change(
      project,
      `CREATE SCHEMA lake; CREATE TABLE lake.costs AS SELECT 'Lake' AS ProviderName, 1.5::DOUBLE AS BilledCost,
        DATE '2025-03-01' AS BillingPeriodStart, MAP {'team': 'search'} AS Tags`,
    );
    const source = await readFile(join(project.folder, "billhouse.toml"), "utf8");
    const joined = '[focus.tables.lake]\ntable = "lake.costs"\n[focus.tables.none]\ntable = "lake.missing"\n';
    await writeFile(join(project.folder, "billhouse.toml"), source + joined);
    const config = await loadConfig({ folder: project.folder, environment: {} });
    const { finished } = await runProject({ ...project, config });
    assert.deepEqual(
      finished.warnings.map(({ code }) => code),
      ["FOCUS_TABLE_MISSING"],
    );
    const sql = `SELECT x_Export, x_BillingMonth, CAST(sum(BilledCost) AS VARCHAR) AS cost, any_value(ServiceProviderName) AS provider,
      any_value(Tags) AS tags FROM focus_costs WHERE x_Export = 'lake' GROUP BY ALL`;
    assert.deepEqual(
      (await ask(project, sql)).map((row) => Object.values(row)),
      [["lake", "2025-03", "1.500000000000000000", "Lake", '{"team":"search"}']],
    );
    assert.equal((await ask(project, "SELECT count(DISTINCT x_Export) AS n FROM focus_v1_2"))[0]?.["n"], "2");
  });

  test("names what is wrong with the list of accounts", async (t) => {
    const project = await loaded(t);
    const accounts = join(project.folder, "accounts.csv");
    const config = { ...project.config, focus: { ...project.config.focus, accounts } };
    await rejects(runProject({ ...project, config }), "FILE_NOT_FOUND", "accounts.csv");
    await writeFile(accounts, "name\nshop\n");
    await rejects(runProject({ ...project, config }), "FILE_INVALID", "column id is missing");
    await writeFile(accounts, "id,name\n1,a\n1,b\n");
    await rejects(runProject({ ...project, config }), "FILE_INVALID", "line 3");
  });
});

describe("what verify says of the view", () => {
  test("compares what it bills with the receipt, or with the table where the receipt lacks the column", async (t) => {
    const project = await loaded(t);
    const focus = async (): Promise<readonly unknown[]> =>
      (await verify(project.config)).checks
        .filter(({ name }) => name === "focus-billed-cost")
        .map(({ billingMonth, ok, expected, actual }) => [billingMonth, ok, expected, actual]);
    assert.deepEqual(await focus(), [[month, true, "3.75 USD", "3.75 USD"]]);
    await change(project, "UPDATE billing_data.aws_cur_data SET line_item_unblended_cost = 1");
    assert.deepEqual(await focus(), [[month, false, "3.75 USD", "2 USD"]]);
    const next = "2025-02";
    const columns = [...curColumns, "lineItem/NetUnblendedCost"];
    const row = curRow(next, { "lineItem/UnblendedCost": "8", "lineItem/NetUnblendedCost": "7" });
    await deliver(project.bucket, curDelivery({ month: next, id: "20250303T000000Z", columns, files: [[row]] }));
    await runWell(project);
    assert.deepEqual((await focus()).at(-1), [next, true, "7 USD", "7 USD"]);
  });
});

describe("the views in BigQuery", () => {
  test("join Google Cloud's own FOCUS table without loading it", async (t) => {
    const project = await createGoogleProject(t, { aws_cur: { prefix: "cur" } });
    upload(project, bill);
    await runProject(project);
    project.bigquery.createDataset("gcp", { project: "acme" });
    await project.bigquery.rows(
      `CREATE TABLE gcp.focus AS SELECT 'Google Cloud' AS ServiceProviderName, CAST('0.1' AS BIGNUMERIC) AS BilledCost,
        CAST('2025-03-01' AS TIMESTAMP) AS BillingPeriodStart, [STRUCT('team' AS key, 'a"b' AS value)] AS Tags, 'p-1' AS SubAccountId`,
      "acme",
    );
    const tables = [
      { name: "gcp", project: "acme", dataset: "gcp", table: "focus" },
      { name: "none", project: null, dataset: "gcp", table: "missing" },
    ];
    const config = { ...project.config, focus: { ...project.config.focus, tables } };
    const { finished } = await runProject({ ...project, config });
    assert.deepEqual(
      finished.warnings.map(({ code }) => code),
      ["FOCUS_TABLE_MISSING"],
    );
    const sql = `SELECT x_Export, x_BillingMonth, CAST(BilledCost AS STRING), ServiceProviderName, Tags, x_ExecutionId
      FROM billing_focus.focus_costs WHERE x_Export = 'gcp'`;
    assert.deepEqual(await project.bigquery.rows(sql, "acme"), [
      ["gcp", "2025-03", "0.1", "Google Cloud", '{"team":"a\\"b"}', null],
    ]);
  });

  test("are in a dataset of their own, in the location of the tables, and answer with the same sums", async (t) => {
    const project = await createGoogleProject(t, { aws_cur: { prefix: "cur" } });
    upload(project, bill);
    const { finished } = await runProject(project);
    assert.deepEqual(finished.warnings, []);
    const rows = await project.bigquery.rows(
      "SELECT x_ExecutionId AS id, CAST(SUM(BilledCost) AS STRING) AS billed FROM billing_focus.focus_costs GROUP BY 1",
      "acme",
    );
    assert.deepEqual(rows, [["20250203T000000Z", "3.75"]]);
    const accounts = join(project.folder, "accounts.csv");
    await writeFile(accounts, "id,name,owner\n012345678901,shop,ada\n");
    const focus = {
      dataset: "billing_focus",
      accounts,
      tags: [{ key: "team", spellings: ["Team"] }],
      placeholders: [],
      tables: [],
    };
    const again = await runProject({ ...project, config: { ...project.config, focus } });
    assert.deepEqual(again.finished.warnings, []);
    const known = "SELECT DISTINCT SubAccountName, x_AccountOwner, x_Tag_team FROM billing_focus.focus_v1_2";
    assert.deepEqual(await project.bigquery.rows(known, "acme"), [["shop", "ada", null]]);
    const { ok, checks } = await verify(project.config);
    assert.ok(ok, JSON.stringify(checks.filter((check) => !check.ok)));
    assert.ok(checks.some(({ name, expected }) => name === "focus-billed-cost" && expected === "3.75 USD"));
  });
});
