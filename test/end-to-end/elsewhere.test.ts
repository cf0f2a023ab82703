import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { doctor, loadConfig, plan, status, type Config } from "../../src/index.ts";
import { curDelivery, curRows, deliver } from "../support/deliveries.ts";
import { billhouse } from "../support/in-process.ts";
import { createGoogleProject, upload } from "../support/google.ts";
import {
  configure,
  createProject,
  curSection,
  monthsOfTable,
  onlyResult,
  outcomes,
  runProject,
  runWell,
  type Project,
} from "../support/projects.ts";
import { bill, makePythonTables, pythonDataset } from "../support/python-tables.ts";

const delivery = curDelivery({ month: "2025-01", id: "20250203T000000Z", files: [curRows("2025-01", "1", "2")] });

describe("a configuration whose dataset is not the one of the loads", () => {
  test("in .dlt/config.toml without a dataset: every command names the key, and nothing is loaded a second time", async (t) => {
    const project = await createProject(t, curSection);
    const { dataset, name } = pythonDataset.table;
    const months = await makePythonTables(project);
    await deliver(project.bucket, bill("2025-12", "newest"));
    await rm(join(project.folder, "billhouse.toml"));
    await mkdir(join(project.folder, ".dlt"));
    const lines = ["[sources.aws_cur]", 'bucket_url = "bucket"', 'prefix = "cur"', `table_name = "${name}"`];
    const write = (more: readonly string[]): Promise<void> =>
      writeFile(join(project.folder, ".dlt/config.toml"), `${[...lines, ...more].join("\n")}\n`);
    await write([]);
    const key = `Set dataset = "${dataset}" in [sources.aws_cur]`;
    for (const [words, code] of [
      [["plan"], 1],
      [["run"], 1],
      [["status"], 0],
      [["status", "--offline", "--check"], 4],
      [["doctor"], 4],
    ] as const) {
      const ended = await billhouse(project.folder, words, {}, { now: new Date() });
      const said = `${ended.stdout}${ended.stderr}`.replaceAll(/\s+/gu, " ");
      assert.ok(said.includes(key), `${words.join(" ")}: ${said}`);
      assert.equal(ended.code, code, words.join(" "));
    }
    const unchanged = await loadConfig({ folder: project.folder, environment: {} });
    assert.deepEqual(await loadedMonths(unchanged), []);

    await write([`dataset = "${dataset}"`]);
    const { code, stdout } = await billhouse(project.folder, ["run", "--json"], {}, { now: new Date() });
    assert.equal(code, 0, stdout);
    const config = await loadConfig({ folder: project.folder, environment: {} });
    assert.deepEqual(await loadedMonths(config), ["2025-12", ...months.toReversed()]);
  });

  test("without dataset and table_name: both keys are named, in DuckDB and in BigQuery", async (t) => {
    const section = { ...curSection["aws_cur"], dataset: "bills", table_name: "cur_2025" };
    const local = await createProject(t, { aws_cur: section });
    await deliver(local.bucket, delivery);
    const google = await createGoogleProject(t, {
      aws_cur: { prefix: "cur", dataset: "bills", table_name: "cur_2025" },
    });
    upload(google, delivery);
    for (const project of [local, google]) {
      await runWell(project);
      const [pipeline = assert.fail()] = project.config.pipelines;
      const configured = (keys: Partial<typeof pipeline>): Project => ({
        ...project,
        config: { ...project.config, pipelines: [{ ...pipeline, ...keys }] },
      });
      const neither = configured({ dataset: "billing_data", tableName: "aws_cur_data" });
      const { error } = onlyResult((await runProject(neither)).finished);
      assert.equal(error?.code, "LOADED_ELSEWHERE");
      assert.match(error.hint, /^Set dataset = "bills" and table_name = "cur_2025" in \[sources\.aws_cur\]/);
      const named = configured({ dataset: "billing_data", tableName: "cur_2026" });
      assert.deepEqual(outcomes(await runWell(named)), ["2025-01 new 20250203T000000Z"], "a new name is meant");
      assert.equal((await runWell(project)).unchanged.length, 1);
    }
  });

  test("a second copy is loaded on request, and then both are independent", async (t) => {
    const project = await createProject(t, curSection);
    await deliver(project.bucket, delivery);
    await runWell(project);
    const other = await configure(project, { aws_cur: { ...curSection["aws_cur"], dataset: "second" } });
    assert.deepEqual(outcomes(onlyResult((await runProject(other)).finished)), ["error LOADED_ELSEWHERE"]);
    const dry = ["run", "--dry-run", "--accept", "second-copy"];
    const { code, stdout } = await billhouse(project.folder, dry, {}, { now: new Date() });
    assert.equal(code, 0, stdout);
    await runWell(other, { accept: ["second-copy"] });
    const columns = { partition: "bill_billing_period_start_date", cost: "line_item_unblended_cost" };
    assert.deepEqual(Object.keys(await monthsOfTable(other, "second.aws_cur_data", columns)), ["2025-01"]);
    assert.deepEqual((await runWell(other)).unchanged.length, 1);
    assert.deepEqual((await runWell(await configure(project, curSection))).unchanged.length, 1);
  });

  test("a table of the same name that belongs to another export is ignored", async (t) => {
    const section = { ...curSection["aws_cur"], table_name: "bills" };
    const project = await createProject(t, { aws_cur: section, other: { ...section, dataset: "second" } });
    await deliver(project.bucket, delivery);
    const { finished } = await runProject(project);
    for (const name of ["aws_cur", "other"]) {
      assert.deepEqual(outcomes(onlyResult(finished, name)), ["2025-01 new 20250203T000000Z"]);
    }
  });

  test("in BigQuery too, also where dlt keeps the state in a dataset of its own", async (t) => {
    const section = { prefix: "cur" };
    const project = await createGoogleProject(t, {
      other: { ...section, dataset: "aws_billing" },
      aws_cur: { ...section, dataset: "AWS_Billing" },
    });
    upload(project, delivery);
    project.bigquery.createDataset("of_others", { project: "acme", location: "US" });
    // The first export makes the state tables of dlt's own name, where the second one then keeps its state.
    await runProject(project);
    assert.deepEqual(project.bigquery.tableNames("AWS_Billing", "acme"), ["aws_cur_data"]);
    const pipeline = project.config.pipelines.find(({ name }) => name === "aws_cur") ?? assert.fail();
    const missing: Config = { ...project.config, pipelines: [{ ...pipeline, dataset: "billing_data" }] };
    const wrong: Project = { ...project, config: missing };
    const key = 'Set dataset = "AWS_Billing" in [sources.aws_cur]';
    const planned = await plan(missing);
    assert.equal(planned.pipelines[0]?.error?.code, "LOADED_ELSEWHERE");
    assert.ok(planned.pipelines[0].error.hint.startsWith(key), planned.pipelines[0].error.hint);
    const { pipelines } = await status(missing);
    assert.ok(pipelines[0]?.attention[0]?.reason.includes(key));
    const { checks } = await doctor(missing);
    assert.deepEqual(
      checks.filter(({ ok }) => !ok).map(({ check }) => check),
      ["dataset"],
    );
    const isRefused = async (): Promise<void> =>
      assert.deepEqual(outcomes(onlyResult((await runProject(wrong)).finished)), ["error LOADED_ELSEWHERE"]);
    // The first such run makes the FOCUS views without the table.
    await isRefused();
    const before = project.bigquery.counts.jobs;
    await isRefused();
    assert.ok(project.bigquery.counts.jobs - before <= 2, "one query for each other dataset");
    assert.deepEqual(project.bigquery.tableNames("billing_data", "acme"), []);
    const right = { ...project, config: { ...project.config, pipelines: [pipeline] } };
    assert.equal((await runWell(right)).unchanged.length, 1);
  });
});

async function loadedMonths(config: Config): Promise<string[]> {
  const { pipelines } = await status(config, { offline: true });
  return pipelines.flatMap(({ months }) => months.map(({ billingMonth }) => billingMonth));
}
