import assert from "node:assert/strict";
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";

import { duckdb } from "../../src/focus/dialects/duckdb.ts";
import { text, where } from "../../src/focus/expression.ts";
import { isCondition } from "../../src/focus/reading.ts";
import { renderExpression, type Scope } from "../../src/focus/render.ts";
import { rollupsWith } from "../../src/focus/rollup-columns.ts";
import { loadConfig, undo, verify } from "../../src/index.ts";
import { readCopyPath } from "../../src/warehouses/duckdb/paths.ts";
import { curDelivery, curRow, curRows, deliver } from "../support/deliveries.ts";
import { cur2Row, dataExportDelivery } from "../support/deliveries-of-exports.ts";
import { temporaryFolder } from "../support/folders.ts";
import { oneThread } from "../support/in-process.ts";
import { samplesFolder } from "../support/samples.ts";
import {
  ask,
  billhouse,
  createProject,
  curSection,
  type Project,
  runProject,
  runWell,
  textRows,
} from "../support/projects.ts";
import { load } from "./loaded-cases.ts";

const january = "2025-01";
const february = "2025-02";
/** Golden cases: many kinds of lines, two months of a reservation, and exports that complement or repeat each other. */
const cases = [
  "aws/15-mixed-lines",
  "azure/aws-focus-1-0-then-1-2",
  "azure/ea-reservation-exchange-two-months",
  "azure/focus12-and-cost-exports-count-once",
  "azure/mca-savings-plan-exchange-rate",
];

const sumsTable = "_billhouse_focus_sums";
const monthsTable = "_billhouse_focus_months";

/** The sums of a rollup and of the view by all keys of the rollup that differ. */
async function differences(project: Project): Promise<readonly unknown[]> {
  const found: unknown[] = [];
  for (const { name, keys, sums } of rollupsWith([])) {
    const added = sums.map((column) => `SUM(${column}) AS ${column}`).join(", ");
    const names = Object.keys(keys).map((key) => `"${key}"`);
    const values = Object.entries(keys).map(([key, part]) => {
      const value = isCondition(part) ? where(part, text("yes")) : part;
      return `${renderExpression(value, ofView)} AS "${key}"`;
    });
    const [built, view] = [
      `SELECT ${names.join(", ")}, ${added}, CAST(SUM(x_Rows) AS BIGINT) AS n FROM ${name} GROUP BY ALL`,
      `SELECT ${names.join(", ")}, ${added}, COUNT(*) AS n FROM (SELECT ${values.join(", ")}, ${sums.join(", ")} FROM focus_costs AS c) GROUP BY ALL`,
    ];
    found.push(...(await ask(project, `(${built} EXCEPT ${view}) UNION ALL (${view} EXCEPT ${built})`)));
  }
  return found;
}

const ofView: Scope = {
  dialect: duckdb,
  from: "c",
  hasColumn: () => assert.fail("a key of a rollup asks for a column of a bill"),
  joined: () => assert.fail("a key of a rollup uses a lookup"),
};

/** Changes the database as another program does. */
async function change({ folder }: Project, sql: string): Promise<void> {
  const instance = await DuckDBInstance.create(join(folder, "billhouse.duckdb"));
  const connection = await instance.connect();
  await connection.run(sql);
  connection.closeSync();
  instance.closeSync();
}

function bill(month: string, id: string, ...costs: readonly string[]): ReturnType<typeof curDelivery> {
  return curDelivery({ month, id, files: [curRows(month, ...costs)] });
}

async function twoMonths(t: TestContext): Promise<Project> {
  const project = await createProject(t, curSection);
  await deliver(project.bucket, bill(january, "20250203T000000Z", "1.5", "2.25"));
  await deliver(project.bucket, bill(february, "20250303T000000Z", "4"));
  await runWell(project);
  assert.deepEqual(await differences(project), []);
  return project;
}

/** A script that kills the process after its n-th commit. */
function killAtCommit(n: number): string {
  return `import { subscribe } from "node:diagnostics_channel"; let n = 0;
    subscribe("billhouse:point", ({ name }) => { if (name === "after-commit" && ++n === ${n}) process.kill(process.pid, "SIGKILL"); });`;
}

/** What `focus_daily` holds of each month, and what it was built from. */
async function builtMonths(project: Project): Promise<readonly unknown[]> {
  const sums = await ask(
    project,
    `SELECT x_BillingMonth AS month, SUM(BilledCost) AS billed, MIN(strftime(ChargePeriodStart, '%Y-%m-%d')) AS day FROM focus_daily GROUP BY ALL ORDER BY ALL`,
  );
  return sums.map((row) => Object.values(row));
}

describe("the sums of the view that are kept as tables", () => {
  test("are built for months that were loaded, and only for those", async (t) => {
    const project = await twoMonths(t);
    assert.deepEqual(await builtMonths(project), [
      [january, "3.75", "2025-01-02"],
      [february, "4", "2025-02-02"],
    ]);
    await change(project, `UPDATE ${sumsTable} SET BilledCost = 99`);
    await deliver(project.bucket, bill(february, "20250304T000000Z", "5"));
    await runWell(project);
    const billed = (await builtMonths(project)).map((row) => (row as unknown[]).slice(0, 2));
    assert.deepEqual(billed, [
      [january, "99"],
      [february, "5"],
    ]);
  });

  test("follow an undo", async (t) => {
    const project = await twoMonths(t);
    await deliver(project.bucket, bill(february, "20250304T000000Z", "5"));
    await runWell(project);
    await undo(project.config, { pipeline: "aws_cur", month: february });
    assert.deepEqual((await builtMonths(project)).at(-1), [february, "4", "2025-02-02"]);
    assert.deepEqual(await differences(project), []);
  });

  test("are out of date after a kill between a load and its sums, and repaired by the next run", async (t) => {
    const project = await twoMonths(t);
    await deliver(project.bucket, bill(february, "20250304T000000Z", "5"));
    const { code, stderr } = await billhouse(project, ["run"], killAtCommit(1));
    assert.equal(code, null, stderr);
    const billed = "SELECT SUM(BilledCost) AS billed FROM focus_costs WHERE x_BillingMonth = '2025-02'";
    const current = "SELECT is_current FROM focus_rollup_months ORDER BY billing_month";
    assert.deepEqual(await textRows(project, billed), ['{"billed":"5"}']);
    assert.deepEqual(await textRows(project, billed.replace("focus_costs", "focus_daily")), ['{"billed":"4"}']);
    assert.deepEqual(await textRows(project, current), ['{"is_current":true}', '{"is_current":false}']);
    await runWell(project);
    assert.deepEqual((await builtMonths(project)).at(-1), [february, "5", "2025-02-02"]);
    assert.deepEqual(await differences(project), []);
  });

  test("are built and published by the next run where they are missing or out of date", async (t) => {
    const project = await twoMonths(t);
    const current = "SELECT is_current FROM focus_rollup_months ORDER BY billing_month";
    await change(
      project,
      `UPDATE ${monthsTable} SET loads = 'x' WHERE billing_month = '2025-02'; UPDATE ${sumsTable} SET BilledCost = 9`,
    );
    assert.deepEqual(await textRows(project, current), ['{"is_current":true}', '{"is_current":false}']);
    // As a run leaves it that published and was killed while it built.
    const database = join(project.folder, "billhouse.duckdb");
    await cp(database, readCopyPath(database), { force: true });
    await runWell(project);
    assert.deepEqual(await ask(project, current), [{ is_current: true }, { is_current: true }]);
    assert.deepEqual(
      (await builtMonths(project)).map((row) => (row as unknown[])[1]),
      ["9", "4"],
    );
    await change(project, `DROP TABLE ${sumsTable}`);
    await rm(readCopyPath(database));
    await runWell(project);
    assert.deepEqual(await differences(project), []);
  });

  test("have the owners of accounts and the columns of tags, which a change of the configuration brings to all months", async (t) => {
    const project = await twoMonths(t);
    await writeFile(join(project.folder, "accounts.csv"), "id,owner\n012345678901,Ada\n");
    const toml = join(project.folder, "billhouse.toml");
    await writeFile(toml, `${await readFile(toml, "utf8")}\n[focus]\naccounts = "accounts.csv"\ntags = ["team"]\n`);
    const changed = { ...project, config: await loadConfig({ folder: project.folder, environment: {} }) };
    await runWell(changed);
    assert.deepEqual(await differences(changed), []);
    const owners = "SELECT DISTINCT x_AccountOwner AS owner, x_Tag_team AS team FROM focus_daily";
    assert.deepEqual(await ask(changed, owners), [{ owner: "Ada", team: null }]);
  });

  test("have rows without a month too, and a column that a month brings", async (t) => {
    const project = await twoMonths(t);
    await change(
      project,
      "INSERT INTO billing_data.aws_cur_data SELECT * REPLACE (NULL AS bill_billing_period_start_date) FROM billing_data.aws_cur_data LIMIT 1",
    );
    await change(project, `UPDATE ${monthsTable} SET version = 'older'`);
    const row = curRow("2025-03", { "lineItem/UnblendedCost": "8", "resourceTags/user:team": "web" });
    const columns = Object.keys(row);
    await deliver(project.bucket, curDelivery({ month: "2025-03", id: "20250403T000000Z", columns, files: [[row]] }));
    await runWell(project);
    assert.equal(
      (await ask(project, "SELECT SUM(x_Rows) AS n FROM focus_daily WHERE x_BillingMonth IS NULL"))[0]?.["n"],
      "1",
    );
    assert.deepEqual(await differences(project), []);
  });

  test("say which charges have a tag, from columns and from maps", async (t) => {
    const project = await createProject(t, {
      aws_cur: { bucket_url: "bucket", prefix: "cur" },
      aws_cur2: { bucket_url: "bucket", prefix: "exports", kind: "aws-data-export" },
    });
    const names = ["resourceTags/user:team", "resourceTags/aws:createdBy"];
    const tags = [
      ["web", ""],
      ["", '"'],
      ["", ""],
      ["null", "x"],
    ];
    const rows = tags.map(([team = "", creator = ""], index) =>
      curRow(january, {
        "lineItem/UnblendedCost": String(2 ** index),
        "resourceTags/user:team": team,
        "resourceTags/aws:createdBy": creator,
      }),
    );
    const columns = [...Object.keys(curRow(january)), ...names];
    await deliver(project.bucket, curDelivery({ month: january, id: "20250203T000000Z", columns, files: [rows] }));
    const maps = ['{"user_team":"web"}', '{"user_team":""}', "{}", "", '{"user_a":"","user_b":"x"}'];
    const cur2 = maps.map((resource_tags, index) =>
      cur2Row(february, { line_item_unblended_cost: String(2 ** index), resource_tags }),
    );
    const folder = await temporaryFolder(t);
    await deliver(project.bucket, await dataExportDelivery({ month: february, id: "cur2", files: [cur2] }, folder));
    await runProject(project);
    assert.deepEqual(await differences(project), []);
    const tagged = `SELECT x_BillingMonth AS month, SUM(BilledCost) AS billed FROM focus_daily WHERE x_HasTag = 'yes' GROUP BY 1 ORDER BY 1`;
    assert.deepEqual(await ask(project, tagged), [
      { month: january, billed: "11" },
      { month: february, billed: "17" },
    ]);
  });

  test("are compared with the view by verify", async (t) => {
    const project = await twoMonths(t);
    assert.ok((await verify(project.config)).ok);
    await change(
      project,
      `UPDATE ${sumsTable} SET ListCost = 9 WHERE rollup = 'focus_daily' AND x_BillingMonth = '${january}'`,
    );
    const { checks } = await verify(project.config);
    const sums = (list: string): string =>
      `BilledCost 3.75 USD, EffectiveCost 3.75 USD, ListCost ${list} USD, ContractedCost 3.75 USD`;
    assert.deepEqual(
      checks.filter(({ ok }) => !ok),
      [
        {
          pipeline: "aws_cur",
          name: "focus-daily",
          billingMonth: january,
          ok: false,
          expected: sums("3.75"),
          actual: sums("9"),
        },
      ],
    );
  });

  test("change with the export that counts for a month", async (t) => {
    const project = await createProject(t, {
      aws_cur: { bucket_url: "bucket", prefix: "cur" },
      aws_cur2: { bucket_url: "bucket", prefix: "exports", kind: "aws-data-export" },
    });
    for (const month of [january, february]) await deliver(project.bucket, bill(month, `${month}-legacy`, "1.25"));
    const cur2 = async (month: string): Promise<void> => {
      const files = [[cur2Row(month, { line_item_usage_account_id: "012345678901", line_item_unblended_cost: "7" })]];
      const folder = await temporaryFolder(t);
      await deliver(project.bucket, await dataExportDelivery({ month, id: `${month}-cur2`, files }, folder));
    };
    await cur2(january);
    await runProject(project);
    assert.deepEqual(await differences(project), []);
    await cur2(february);
    await runProject(project);
    assert.deepEqual(await differences(project), []);
    const exports = await ask(
      project,
      "SELECT DISTINCT x_BillingMonth AS month, x_Export AS export FROM focus_daily ORDER BY ALL",
    );
    assert.deepEqual(exports, [
      { month: january, export: "aws_cur2" },
      { month: february, export: "aws_cur2" },
    ]);
  });

  for (const taken of ["focus_daily", sumsTable]) {
    test(`leave a table of someone else alone that is called ${taken}, report it, and load anyway`, async (t) => {
      const project = await createProject(t, curSection);
      await change(project, `CREATE TABLE ${taken} AS SELECT 42 AS mine`);
      await deliver(project.bucket, bill(january, "20250203T000000Z", "1"));
      const { finished } = await runProject(project);
      assert.deepEqual(
        finished.warnings.map(({ code, message }) => [code, message]),
        [["FOCUS_NAME_TAKEN", `billhouse did not make "main".${taken}, and does not replace it.`]],
      );
      assert.equal(finished.pipelines[0]?.loaded.length, 1);
      assert.deepEqual(await ask(project, `SELECT mine FROM ${taken}`), [{ mine: 42 }]);
    });
  }

  test("equal the view for golden cases, whether all months are built or one", async (t) => {
    const samples = samplesFolder(t);
    if (samples === undefined) return;
    for (const name of cases) {
      await t.test(name, async (t) => {
        const folder = await temporaryFolder(t);
        await cp(join(samples, "focus", name), folder, { recursive: true });
        const config = await loadConfig({ folder, environment: oneThread });
        const project = { folder, bucket: folder, config };
        await load(project);
        assert.deepEqual(await differences(project), []);
        const stale = "SELECT billing_month FROM focus_rollup_months WHERE NOT is_current";
        assert.deepEqual(await ask(project, stale), []);
        // One month alone, as a later load builds it.
        const oldest = `(SELECT MIN(billing_month) FROM ${monthsTable})`;
        await change(
          project,
          `UPDATE ${sumsTable} SET BilledCost = 99 WHERE x_BillingMonth = ${oldest};
            UPDATE ${monthsTable} SET loads = '' WHERE billing_month = ${oldest}`,
        );
        await load(project);
        assert.deepEqual(await differences(project), []);
      });
    }
  });
});
