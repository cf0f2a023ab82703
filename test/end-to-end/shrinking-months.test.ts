import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { status } from "../../src/index.ts";
import { curDelivery, curRow, deliver, type Row } from "../support/deliveries.ts";
import { createGoogleProject, upload } from "../support/google.ts";
import { billhouse } from "../support/in-process.ts";
import {
  ask,
  createProject,
  curSection,
  onlyResult,
  outcomes,
  runProject,
  runWell,
  type Project,
} from "../support/projects.ts";
import { makePythonTables, pythonSections } from "../support/python-tables.ts";

const month = "2025-03";
const table = "billing_data.aws_cur_data";

/** So many rows of 1 USD of an account. */
function rowsOf(account: string, count: number, cost = "1"): Row[] {
  return Array.from({ length: count }, () =>
    curRow(month, { "lineItem/UsageAccountId": account, "lineItem/UnblendedCost": cost }),
  );
}

/** The cells that make a row one of another month. */
function periodOf(other: string): Row {
  const { "bill/BillingPeriodStartDate": start = "", "bill/BillingPeriodEndDate": end = "" } = curRow(other);
  return { "bill/BillingPeriodStartDate": start, "bill/BillingPeriodEndDate": end };
}

async function deliverRows(project: Project, id: string, ...rows: readonly Row[]): Promise<void> {
  await deliver(project.bucket, curDelivery({ month, id, files: [rows] }));
}

/** A project in which four accounts with ten rows each are loaded. */
async function loadedProject(t: Parameters<typeof createProject>[0]): Promise<Project> {
  const project = await createProject(t, curSection);
  await deliverRows(project, "whole", ...["1", "2", "3", "4"].flatMap((account) => rowsOf(account, 10)));
  await runWell(project);
  return project;
}

async function loadedRows(project: Project): Promise<number> {
  return Number((await ask(project, `SELECT count(*) AS rows FROM ${table}`))[0]?.["rows"]);
}

describe("a month that would shrink", () => {
  test("keeps its rows in BigQuery too, until it is accepted", async (t) => {
    const project = await createGoogleProject(t, { aws_cur: { prefix: "cur" } });
    const four = ["1", "2", "3", "4"].flatMap((account) => rowsOf(account, 10));
    upload(project, curDelivery({ month, id: "whole", files: [four] }));
    await runWell(project);
    const three = ["1", "2", "3"].flatMap((account) => rowsOf(account, 20));
    upload(project, curDelivery({ month, id: "lost", files: [three] }));
    for (const force of [false, true]) {
      const { failed } = onlyResult((await runProject(project, { force })).finished);
      assert.deepEqual(
        failed.map(({ code, message }) => [code, message]),
        [["MONTH_SHRUNK", "lost would shrink 2025-03: account 4 disappears, which had 10 of 40 USD."]],
      );
      assert.equal((await status(project.config)).pipelines[0]?.months[0]?.rows, 40);
    }
    const { loaded } = await runWell(project, { accept: ["shrink"], months: { only: [month] } });
    assert.deepEqual([loaded[0]?.rows, loaded[0]?.cost], [60, { USD: "60" }]);
  });

  test("keeps its rows, with --force and after state forget too, until the hint is followed", async (t) => {
    const project = await loadedProject(t);
    await deliverRows(project, "lost", ...["1", "2", "3"].flatMap((account) => rowsOf(account, 20)));
    const first = onlyResult((await runProject(project)).finished);
    assert.deepEqual(outcomes(first), [`${month} failed MONTH_SHRUNK`]);
    const [failed] = first.failed;
    assert.match(failed?.message ?? "", /^lost would shrink 2025-03: account 4 disappears, which had 10 of 40 USD\.$/);
    assert.deepEqual((await status(project.config)).pipelines[0]?.notes, [
      `Not loaded yet: the newest delivery of ${month}. billhouse run aws_cur loads it, or says why not.`,
    ]);
    assert.equal((await billhouse(project.folder, ["run", "--force"])).code, 3);
    assert.equal((await billhouse(project.folder, ["state", "forget", "aws_cur", month])).code, 0);
    assert.equal((await billhouse(project.folder, ["run"])).code, 3);
    assert.equal(await loadedRows(project), 40);

    const hint = /billhouse (run .*)$/.exec(failed?.hint ?? "")?.[1] ?? "";
    const followed = await billhouse(project.folder, hint.split(" "));
    assert.equal(followed.code, 0, followed.stdout);
    assert.equal(await loadedRows(project), 60);
    const waivers = `SELECT waivers FROM ${table}_load_tracking WHERE billing_month IS NOT NULL ORDER BY _dlt_load_id`;
    assert.deepEqual(
      (await ask(project, waivers)).map((row) => row["waivers"]),
      ["[]", '["shrink"]'],
    );

    await deliverRows(project, "next", ...rowsOf("1", 60));
    assert.deepEqual(outcomes(onlyResult((await runProject(project)).finished)), [`${month} failed MONTH_SHRUNK`]);
  });

  test("--accept shrink without --month is a usage error", async (t) => {
    const project = await createProject(t, curSection);
    const ended = await billhouse(project.folder, ["run", "--accept", "shrink"]);
    assert.deepEqual([ended.code, /--month/.test(ended.stderr)], [64, true], ended.stderr);
  });

  test("with an unchanged cost, the hint names the granularity", async (t) => {
    const project = await loadedProject(t);
    await deliverRows(project, "daily", ...["1", "2", "3", "4"].flatMap((account) => rowsOf(account, 1, "10")));
    const [failed] = onlyResult((await runProject(project)).finished).failed;
    assert.equal(failed?.code, "MONTH_SHRUNK");
    assert.match(failed?.message ?? "", /rows fall from 40 to 4\.$/);
    assert.match(failed?.hint ?? "", /^The cost is unchanged, .* granularity .* --accept shrink --month 2025-03$/);
  });

  test("an undo, and a delivery that was loaded before, are not compared", async (t) => {
    const project = await createProject(t, curSection);
    await deliverRows(project, "small", ...rowsOf("1", 1));
    await runWell(project);
    await deliverRows(project, "large", ...rowsOf("2", 9), ...rowsOf("1", 1));
    await runWell(project);
    const undone = await billhouse(project.folder, ["undo", "aws_cur", month]);
    assert.equal(undone.code, 0, undone.stderr);
    assert.equal(await loadedRows(project), 1);
    await runWell(project, { force: true });
    assert.equal(await loadedRows(project), 10);
    // The bucket is set back to an older delivery.
    await deliverRows(project, "small", ...rowsOf("1", 1));
    assert.deepEqual(outcomes(await runWell(project)), [`${month} restated small`]);
  });

  test("rows that somebody added to the table count, and so does a forced load of the same delivery", async (t) => {
    const project = await loadedProject(t);
    const instance = await DuckDBInstance.create(join(project.folder, "billhouse.duckdb"));
    const connection = await instance.connect();
    await connection.run(`INSERT INTO ${table} SELECT t.* FROM ${table} t, range(9)`);
    connection.closeSync();
    instance.closeSync();
    await deliverRows(project, "whole again", ...["1", "2", "3", "4"].flatMap((account) => rowsOf(account, 11)));
    const [failed] = onlyResult((await runProject(project)).finished).failed;
    assert.match(failed?.message ?? "", /rows fall from 400 to 44; its positive cost falls from 400 to 44 USD\.$/);
  });

  test("a month that the Python pipelines loaded is compared too", async (t) => {
    const project = await createProject(t, pythonSections);
    const [python = ""] = await makePythonTables(project);
    const rows = rowsOf("1", 100).map((row) => ({ ...row, ...periodOf(python) }));
    await deliver(project.bucket, curDelivery({ month: python, id: "another", files: [rows] }));
    const [failed] = onlyResult((await runProject(project)).finished).failed;
    assert.equal(failed?.code, "MONTH_SHRUNK");
    assert.match(failed?.message ?? "", /its rows fall from 300 to 100/);
  });
});
