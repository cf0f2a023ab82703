import assert from "node:assert/strict";
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { DuckDBInstance } from "@duckdb/node-api";
import { forget, run, undo, verify, type VerifyResult } from "../../src/index.ts";
import { azureDelivery, azureRows, curDelivery, curRow, curRows, deliver } from "../support/deliveries.ts";
import {
  azureSection,
  billhouse,
  createProject,
  curSection,
  outcomes,
  runWell,
  type Project,
} from "../support/projects.ts";
import { parseResult } from "../support/json.ts";

const cur = (month: string, id: string, ...costs: string[]): ReturnType<typeof curDelivery> =>
  curDelivery({ month, id, files: [curRows(month, ...costs), curRows(month, "0.5", "0.25")] });

/** An export of three months, loaded. */
async function loaded(t: Parameters<typeof createProject>[0]): Promise<Project> {
  const project = await createProject(t, curSection);
  for (const month of ["2025-01", "2025-02", "2025-03"])
    await deliver(project.bucket, cur(month, `${month}-a`, "1.25"));
  await runWell(project);
  return project;
}

/** What is not well: `2025-01 cost: 2 USD / 2.1 USD`. */
function differences({ checks }: VerifyResult): string[] {
  return checks
    .filter(({ ok }) => !ok)
    .map(({ name, billingMonth: month, expected, actual }) => `${month} ${name}: ${expected} / ${actual}`);
}

/** Changes the database behind billhouse's back. */
async function tamper(project: Project, sql: string): Promise<void> {
  const instance = await DuckDBInstance.create(join(project.folder, "billhouse.duckdb"));
  const connection = await instance.connect();
  await connection.run(sql);
  connection.closeSync();
  instance.closeSync();
}

const table = "billing_data.aws_cur_data";

describe("verify finds nothing", () => {
  test("where nothing changed, deep or not, and changes nothing", async (t) => {
    const project = await loaded(t);
    const before = await readFile(join(project.folder, "billhouse.duckdb"));
    for (const deep of [false, true]) {
      const result = await verify(project.config, { deep });
      assert.deepEqual(differences(result), []);
      assert.ok(result.ok);
      const names = new Set(result.checks.map(({ name }) => name));
      const shallow = [
        "months",
        "state",
        "rows",
        "cost",
        "uninvoiced-rows",
        "focus-billed-cost",
        "focus-effective-cost",
        "focus-daily",
        "focus-sku-monthly",
        "summary",
        "newest-delivery",
        "files",
      ];
      const more = ["file-checksum", "file-rows", "delivered-rows", "delivered-cost"];
      assert.deepEqual([...names].toSorted(), [...shallow, ...(deep ? more : [])].toSorted());
    }
    assert.ok(before.equals(await readFile(join(project.folder, "billhouse.duckdb"))));
  });

  test("where nothing is loaded", async (t) => {
    const project = await createProject(t, curSection);
    await deliver(project.bucket, cur("2025-01", "a", "1"));
    const { code, stdout } = await billhouse(project, ["verify"]);
    assert.deepEqual([code, /newest-delivery/.test(stdout)], [4, true], "a delivery waits to be loaded");
  });

  test("also in months before first_month that are loaded", async (t) => {
    const project = await loaded(t);
    const [pipeline] = project.config.pipelines;
    assert.ok(pipeline);
    const later = { ...project.config, pipelines: [{ ...pipeline, firstMonth: "2025-03" }] };
    const { ok, checks } = await verify(later);
    assert.ok(ok);
    assert.ok(checks.some(({ name, billingMonth: month }) => name === "cost" && month === "2025-01"));
  });

  test("where the files were copied again with the same bytes", async (t) => {
    const project = await loaded(t);
    const copy = join(project.folder, "copy");
    await cp(project.bucket, copy, { recursive: true });
    await rm(project.bucket, { recursive: true });
    await cp(copy, project.bucket, { recursive: true });
    assert.deepEqual(differences(await verify(project.config)), []);
  });
});

describe("verify finds nothing wrong", () => {
  test("after an undo whose files were overwritten by what was undone", async (t) => {
    const project = await createProject(t, { aws_cur: { ...curSection["aws_cur"], keep_previous: 1 } });
    for (const [id, cost] of [
      ["a", "1"],
      ["b", "2"],
    ] as const) {
      const delivery = curDelivery({ month: "2025-01", id, shape: "overwrite", files: [curRows("2025-01", cost)] });
      await deliver(project.bucket, delivery);
      await runWell(project);
    }
    await undo(project.config, { pipeline: "aws_cur", month: "2025-01" });
    const { ok, checks } = await verify(project.config, { deep: true });
    assert.ok(ok, JSON.stringify(checks.filter((check) => !check.ok)));
    assert.match(
      checks.find(({ name }) => name === "files")?.actual ?? "",
      /^1 of them overwritten by b, which was undone$/,
    );
    assert.match(checks.find(({ name }) => name === "newest-delivery")?.actual ?? "", /^a, refused on purpose$/);
  });
});

describe("verify finds and names", () => {
  test("one flipped digit of one cost", async (t) => {
    const project = await loaded(t);
    await tamper(
      project,
      `UPDATE ${table} SET line_item_unblended_cost = 1.26 WHERE line_item_unblended_cost = 1.25 AND strftime(bill_billing_period_start_date, '%Y-%m') = '2025-02'`,
    );
    assert.deepEqual(differences(await verify(project.config)), [
      "2025-02 cost: 2 USD / 2.01 USD",
      "2025-02 summary: AmazonEC2 / 012345678901 / Usage / USD: 2 in 3 rows / AmazonEC2 / 012345678901 / Usage / USD: 2.01 in 3 rows",
      "2025-02 focus-billed-cost: 2 USD / 2.01 USD",
      "2025-02 focus-sku-monthly: BilledCost 2.01 USD, EffectiveCost 2.01 USD, ListCost 2.01 USD, ContractedCost 2.01 USD / BilledCost 2 USD, EffectiveCost 2 USD, ListCost 2 USD, ContractedCost 2 USD",
      "2025-02 focus-daily: BilledCost 2.01 USD, EffectiveCost 2.01 USD, ListCost 2.01 USD, ContractedCost 2.01 USD / BilledCost 2 USD, EffectiveCost 2 USD, ListCost 2 USD, ContractedCost 2 USD",
    ]);
    const { code, stdout } = await billhouse(project, ["verify", "aws", "--month", "2025-02"]);
    assert.equal(code, 4);
    assert.match(stdout, /cost\n +expected  2 USD\n +found     2\.01 USD/);
    assert.deepEqual(differences(await verify(project.config, { months: { only: ["2025-01"] } })), []);
  });

  test("two digits that make up for each other, in two services", async (t) => {
    const project = await createProject(t, curSection);
    const rows = ["AmazonEC2", "AmazonS3"].map((service) => curRow("2025-01", { "lineItem/ProductCode": service }));
    await deliver(project.bucket, curDelivery({ month: "2025-01", id: "a", files: [rows] }));
    await runWell(project);
    await tamper(
      project,
      `UPDATE ${table} SET line_item_unblended_cost = line_item_unblended_cost + CASE line_item_product_code WHEN 'AmazonS3' THEN 1 ELSE -1 END`,
    );
    const [difference, ...others] = differences(await verify(project.config));
    assert.match(difference ?? "", /^2025-01 summary: .*AmazonS3.*: 0\.0416.* \/ .*AmazonS3.*: 1\.0416/);
    assert.deepEqual(others, []);
  });

  test("one deleted row", async (t) => {
    const project = await loaded(t);
    await tamper(
      project,
      `DELETE FROM ${table} WHERE line_item_unblended_cost = 0.25 AND strftime(bill_billing_period_start_date, '%Y-%m') = '2025-03'`,
    );
    assert.deepEqual(differences(await verify(project.config)).slice(0, 2), [
      "2025-03 rows: 3 rows / 2 rows",
      "2025-03 cost: 2 USD / 1.75 USD",
    ]);
  });

  test("rows of a month that was not loaded, and rows without one", async (t) => {
    const project = await loaded(t);
    await tamper(
      project,
      `INSERT INTO ${table} BY NAME SELECT * REPLACE (TIMESTAMP '2024-12-01' AS bill_billing_period_start_date) FROM ${table} LIMIT 1`,
    );
    await tamper(
      project,
      `INSERT INTO ${table} BY NAME SELECT * REPLACE (NULL AS bill_billing_period_start_date) FROM ${table} LIMIT 2`,
    );
    assert.deepEqual(differences(await verify(project.config)), [
      "null months: 0 rows (every row has a billing period) / 2 rows",
      "2024-12 months: 0 rows (this month is not loaded) / 1 rows",
    ]);
  });

  test("one replaced file, by its version and, deep, by its bytes and its rows", async (t) => {
    const project = await loaded(t);
    const { fileKeys } = cur("2025-01", "2025-01-a", "1.25");
    const path = join(project.bucket, fileKeys[1] ?? "");
    const text = gunzipSync(await readFile(path)).toString();
    await writeFile(path, gzipSync(text.replace("0.25", "0.75")));
    const shallow = differences(await verify(project.config));
    assert.equal(shallow.length, 2, shallow.join("\n"));
    assert.match(
      shallow[0] ?? "",
      /^2025-01 newest-delivery: 2025-01-a is waiting: \S+00002\.csv\.gz was written again, .* \/ 2025-01-a$/,
    );
    assert.match(
      shallow[1] ?? "",
      /^2025-01 files: \S+00002\.csv\.gz: \d+ bytes, as loaded \/ \S+: (\d+ bytes|same size, other bytes), written 20/,
    );
    const { stdout } = await billhouse(project, ["verify", "--month", "2025-01"]);
    assert.match(stdout, /-> To see what the month waits for: billhouse plan aws_cur --month 2025-01\n/u);
    assert.doesNotMatch(stdout, /To load what is available/u);
    const deep = differences(await verify(project.config, { deep: true })).slice(2);
    assert.match(deep[0] ?? "", /^2025-01 file-checksum: \S+: md5:[\da-f]{32} \/ \S+: md5:[\da-f]{32}$/);
    assert.equal(deep[1], "2025-01 delivered-cost: 2 USD / 2.5 USD");
  });

  test("a file that is gone, and one that cannot be read any more", async (t) => {
    const project = await loaded(t);
    const [january, march] = ["2025-01", "2025-03"].map((month) => cur(month, `${month}-a`, "1.25").fileKeys[0] ?? "");
    await rm(join(project.bucket, january ?? ""));
    const path = join(project.bucket, march ?? "");
    await writeFile(path, (await readFile(path)).subarray(0, 60));
    const found = differences(await verify(project.config, { deep: true }));
    assert.ok(
      found.some((text) => /^2025-01 file-gone: \S+00001\.csv\.gz: .* \/ \S+ is gone$/.test(text)),
      found.join("\n"),
    );
    assert.ok(found.some((text) => /^2025-01 newest-delivery: .*waiting: 1 of 2 files/.test(text)));
    assert.ok(found.some((text) => /^2025-03 file: \S+ can be read \/ FILE_CORRUPT: /.test(text)));
  });

  test("a newer delivery, a gap, and a month that the state has forgotten", async (t) => {
    const project = await loaded(t);
    await deliver(project.bucket, cur("2025-03", "2025-03-b", "9"));
    await deliver(project.bucket, cur("2025-05", "2025-05-a", "9"));
    await forget(project.config, { pipelines: ["aws_cur"], months: ["2025-02"] });
    assert.deepEqual(differences(await verify(project.config)), [
      "2025-02 months: 0 rows (state forget removed this month) / 3 rows",
      "2025-02 missing-month: loaded, like the months around it / not loaded",
      "2025-05 newest-delivery: 2025-05-a is new: This month is not loaded yet. / nothing",
      "2025-03 newest-delivery: 2025-03-b is restated: 2025-03-b replaces 2025-03-a. / 2025-03-a",
      "2025-02 newest-delivery: 2025-02-a is new: The state has forgotten this month: the load replaces its 3 rows of 2025-02-a. / nothing",
    ]);
  });

  test("a month that was asked for and is not loaded", async (t) => {
    const project = await loaded(t);
    assert.deepEqual(differences(await verify(project.config, { months: { only: ["2031-01", "2025-01"] } })), [
      "2031-01 missing-month: loaded / not loaded",
    ]);
  });

  test("invoice ids that were taken away, and a table that was dropped", async (t) => {
    const project = await createProject(t, curSection);
    const rows = [curRow("2025-01", { "bill/InvoiceId": "1" })];
    await deliver(project.bucket, curDelivery({ month: "2025-01", id: "a", files: [rows] }));
    await runWell(project);
    await tamper(project, `UPDATE ${table} SET bill_invoice_id = NULL`);
    assert.deepEqual(differences(await verify(project.config)), ["2025-01 uninvoiced-rows: 0 rows / 1 rows"]);
    await tamper(project, `ALTER TABLE ${table} DROP COLUMN bill_invoice_id`);
    assert.deepEqual(differences(await verify(project.config)), [
      "2025-01 uninvoiced-rows: 0 rows / no column of invoice ids",
    ]);
    await tamper(project, `DROP TABLE ${table}`);
    const [gone, found] = differences(await verify(project.config));
    assert.equal(gone, "2025-01 table: a table with 1 rows of 2025-01 / the table does not exist");
    assert.match(found ?? "", /^2025-01 newest-delivery: a is new: This month is not loaded yet\. \/ nothing$/);
    const { code, stdout } = await billhouse(project, ["status"]);
    assert.deepEqual([code, /The table \S+ is gone; billhouse run loads its months again/.test(stdout)], [0, true]);
    assert.deepEqual(outcomes(await runWell(project)), ["2025-01 new a"], "what was dropped is loaded again");
    assert.deepEqual(differences(await verify(project.config)), []);
  });

  test("a table that was dropped, of which only the state knows: status and run agree, and the command in the note helps", async (t) => {
    const project = await createProject(t, curSection);
    await deliver(project.bucket, cur("2025-01", "a", "1"));
    await runWell(project);
    await tamper(project, `DELETE FROM ${table}_load_tracking`);
    await tamper(project, `DROP TABLE ${table}`);
    const { stdout } = await billhouse(project, ["status"]);
    const [, month, command = ""] =
      /names (\S+), which a run takes for loaded: billhouse (state forget \S+ --all) lets/.exec(stdout) ?? [];
    assert.equal(month, "2025-01", stdout);
    assert.deepEqual(outcomes(await runWell(project)), ["2025-01 unchanged a"]);
    assert.equal((await billhouse(project, command.split(" "))).code, 0);
    assert.deepEqual(outcomes(await runWell(project)), ["2025-01 new a"]);
  });

  test("a state that cannot be read, in one export of two", async (t) => {
    const project = await createProject(t, { ...curSection, ...azureSection });
    await deliver(project.bucket, cur("2025-01", "a", "1"));
    await deliver(project.bucket, azureDelivery({ month: "2025-01", id: "run", files: [azureRows("2025-01", "1.5")] }));
    for await (const _ of run(project.config));
    await tamper(
      project,
      `UPDATE billing_data._dlt_pipeline_state SET state = 'no state' WHERE pipeline_name = 'aws_billing_pipeline'`,
    );
    const result = await verify(project.config);
    assert.match(differences(result).join(), /^null table: a readable table \/ STATE_INVALID: The state [^;]*$/);
    assert.ok(result.checks.some(({ pipeline, name }) => pipeline === "azure_billing" && name === "files"));
  });

  test("a storage that cannot be looked at, in one export of two", async (t) => {
    const project = await createProject(t, { ...curSection, ...azureSection });
    await deliver(project.bucket, cur("2025-01", "a", "1"));
    await deliver(project.bucket, azureDelivery({ month: "2025-01", id: "run", files: [azureRows("2025-01", "1.5")] }));
    for await (const _ of run(project.config));
    assert.deepEqual(differences(await verify(project.config)), []);
    await rm(join(project.bucket, "exports"), { recursive: true });
    const { code, stdout } = await billhouse(project, ["verify", "--json"]);
    const result = parseResult(stdout) as VerifyResult;
    assert.equal(code, 4);
    assert.deepEqual(
      [...new Set(result.checks.filter(({ ok }) => !ok).map(({ pipeline, name }) => `${pipeline} ${name}`))],
      ["azure_billing storage"],
    );
    assert.ok(result.checks.some(({ pipeline, name }) => pipeline === "azure_billing" && name === "rows"));
  });
});

test("actual and amortized cost of different times: verify advises to wait for the next delivery, which helps", async (t) => {
  const section = (name: string): Record<string, string> => ({ bucket_url: "bucket", export_name: name });
  const project = await createProject(t, { azure_actual: section("actual"), azure_amortized: section("amortized") });
  const month = "2025-03";
  const give = async (exportName: "actual" | "amortized", pathTime: string, ...costs: string[]): Promise<void> => {
    const type = exportName === "actual" ? "ActualCost" : "AmortizedCost";
    const files = [azureRows(month, ...costs)];
    await deliver(
      project.bucket,
      azureDelivery({ month, id: `${exportName} ${pathTime}`, exportName, type, pathTime, files }),
    );
  };
  await give("amortized", "202504050042", "1");
  await give("actual", "202504060042", "1", "2");
  assert.equal((await billhouse(project, ["run"])).code, 0);
  const { code, stdout } = await billhouse(project, ["verify"]);
  assert.equal(code, 4);
  assert.match(
    stdout,
    /focus-billed-cost\n +expected +3 EUR\n +found +1 EUR\n +-> The exports of actual and amortized cost/u,
  );
  assert.doesNotMatch(stdout, /--force/u);
  await give("amortized", "202504070042", "1", "2");
  assert.equal((await billhouse(project, ["run"])).code, 0);
  assert.equal((await billhouse(project, ["verify"])).code, 0);
  await tamper(project, "DELETE FROM billing_data.azure_actual_data WHERE CostInBillingCurrency = 2");
  const { stdout: damaged } = await billhouse(project, ["verify"]);
  assert.match(damaged, /-> To load it again from its files: billhouse run azure_actual --month 2025-03 --force/u);
  assert.doesNotMatch(damaged, /different times/u, "the table is damaged, and the next delivery does not repair it");
});
