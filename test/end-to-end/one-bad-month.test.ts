import assert from "node:assert/strict";
import { readFile, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { status } from "../../src/index.ts";
import type { FailedMonth } from "../../src/index.ts";
import { describeError } from "../../src/errors.ts";
import { loadMonths } from "../../src/pipeline/load/load.ts";
import { tableOf } from "../../src/pipeline/months/select.ts";
import { survey } from "../../src/pipeline/months/survey.ts";
import { openWarehouse } from "../../src/warehouses/index.ts";
import { curDelivery, curRows, deliver } from "../support/deliveries.ts";
import { billhouse } from "../support/in-process.ts";
import {
  ask,
  createProject,
  curSection,
  monthsOfTable,
  onlyResult,
  outcomes,
  runProject,
  runWell,
  type Project,
  type Sections,
} from "../support/projects.ts";

const table = "billing_data.aws_cur_data";
const proof = { partition: "bill_billing_period_start_date", cost: "line_item_unblended_cost" };
const [january, february, march] = ["2025-01", "2025-02", "2025-03"] as const;

const twoExports: Sections = {
  aws_cur: { bucket_url: "bucket", prefix: "cur", table_name: "first" },
  aws_other: { bucket_url: "bucket", prefix: "other", table_name: "second", kind: "aws-cur" },
};

async function deliverMonth(project: Project, month: string, id: string, ...costs: string[]): Promise<void> {
  await deliver(project.bucket, curDelivery({ month, id, files: [curRows(month, ...costs)] }));
}

/** Changes the database, as its user can. */
async function change(project: Project, ...statements: readonly string[]): Promise<void> {
  const instance = await DuckDBInstance.create(join(project.folder, "billhouse.duckdb"));
  const connection = await instance.connect();
  for (const statement of statements) await connection.run(statement);
  connection.closeSync();
  instance.closeSync();
}

describe("one bad month stops nothing", () => {
  test("costs that add up to more than 38 digits fail their month with a clear code", async (t) => {
    const project = await createProject(t, curSection);
    const huge = "99999999999999999999";
    await deliverMonth(project, january, "one", "1.50");
    await deliverMonth(project, february, "two", huge, huge);
    await deliverMonth(project, march, "three", "2.50");
    const first = onlyResult((await runProject(project)).finished);
    assert.deepEqual(outcomes(first), ["2025-01 new one", "2025-02 failed LIMIT_EXCEEDED", "2025-03 new three"]);
    assert.match(first.failed[0]?.message ?? "", /2025-02 .*38 digits/);
    assert.deepEqual(await monthsOfTable(project, table, proof), {
      [january]: [1, "1.500000000000000000"],
      [march]: [1, "2.500000000000000000"],
    });
    const second = onlyResult((await runProject(project)).finished);
    assert.deepEqual(outcomes(second), [
      "2025-01 unchanged one",
      "2025-02 failed LIMIT_EXCEEDED",
      "2025-03 unchanged three",
    ]);
  });

  test("a unique index of the user fails the month whose ids repeat; --debug shows the stack", async (t) => {
    const project = await createProject(t, curSection);
    await deliverMonth(project, january, "one", "1");
    await runWell(project);
    await change(project, `CREATE UNIQUE INDEX mine ON ${table} (identity_line_item_id, ${proof.partition})`);
    const repeated = curRows(february, "1", "2").map((row) => ({ ...row, "identity/LineItemId": "again" }));
    await deliver(project.bucket, curDelivery({ month: february, id: "two", files: [repeated] }));
    await deliverMonth(project, march, "three", "3");
    const ended = await billhouse(project.folder, ["run", "--debug"]);
    assert.equal(ended.code, 3, ended.stderr);
    assert.match(ended.stdout, /2025-02 .*TABLE_UNUSABLE/);
    assert.match(ended.stderr, /BillhouseError: A constraint of a table.*\n +at /);
    assert.deepEqual(Object.keys(await monthsOfTable(project, table, proof)), [january, march]);
    await change(project, "DROP INDEX billing_data.mine");
    assert.deepEqual(outcomes(await runWell(project)), [
      "2025-01 unchanged one",
      "2025-02 new two",
      "2025-03 unchanged three",
    ]);
  });

  test("a view in place of a table fails its months, and the other exports are loaded and published", async (t) => {
    const project = await createProject(t, twoExports);
    await deliverMonth(project, january, "one", "1");
    const other = { month: january, id: "other", folder: "other/acme", files: [curRows(january, "5")] };
    await deliver(project.bucket, curDelivery(other));
    await runProject(project);
    await change(
      project,
      "ALTER TABLE billing_data.first RENAME TO kept",
      "CREATE VIEW billing_data.first AS FROM billing_data.kept",
    );
    await deliverMonth(project, february, "two", "2");
    await deliver(project.bucket, curDelivery({ ...other, month: february, files: [curRows(february, "6")] }));
    const { finished } = await runProject(project);
    assert.deepEqual(outcomes(onlyResult(finished, "aws_cur")), [
      "2025-01 unchanged one",
      "2025-02 failed TABLE_UNUSABLE",
    ]);
    const rows = await ask(project, "SELECT count(*) AS rows FROM billing_data.second");
    assert.deepEqual(rows, [{ rows: "2" }]);
  });

  test("a bug fails its month as INTERNAL, and the others are loaded", async (t) => {
    const project = await createProject(t, curSection);
    for (const month of [january, february, march]) await deliverMonth(project, month, `of-${month}`, "1");
    const [pipeline] = project.config.pipelines;
    assert.ok(pipeline !== undefined);
    const warehouse = await openWarehouse(project.config.warehouse, "write");
    t.after(() => warehouse.close());
    const found = await survey(pipeline, await warehouse.ledger(tableOf(pipeline)), warehouse.reads, {});
    const failed: (Pick<FailedMonth, "code" | "message"> & { readonly month: string })[] = [];
    const loaded: string[] = [];
    const context = {
      ...found,
      storage: found.discovery.storage,
      warehouse: {
        ...warehouse,
        replaceMonth: (...[replacement, settle]: Parameters<typeof warehouse.replaceMonth>) => {
          if (replacement.billingMonth === february) throw new TypeError("a bug");
          return warehouse.replaceMonth(replacement, settle);
        },
      },
      jobs: 1,
      accept: [],
      acceptance: null,
      now: new Date(),
      signal: new AbortController().signal,
    };
    await loadMonths(found.plans, context, {
      fileRead: () => {},
      loaded: ({ billingMonth: month }) => loaded.push(month),
      failed: (month, error) => failed.push({ ...describeError(error), month }),
    });
    assert.deepEqual(loaded, [march, january]);
    assert.deepEqual(
      failed.map(({ month, code, message }) => [month, code, message]),
      [[february, "INTERNAL", "a bug"]],
    );
  });

  test("status reports the exports that it can read, and ends with 1", async (t) => {
    const project = await createProject(t, twoExports);
    await deliverMonth(project, january, "one", "1");
    const other = { month: january, id: "other", folder: "other/acme", files: [curRows(january, "5")] };
    await deliver(project.bucket, curDelivery(other));
    await runProject(project);
    await change(project, `UPDATE billing_data.first_load_tracking SET "files" = '{' WHERE "files" IS NOT NULL`);
    const [first, second] = (await status(project.config)).pipelines;
    assert.equal(first?.error?.code, "STATE_INVALID");
    assert.deepEqual(
      second?.months.map(({ rows }) => rows),
      [1],
    );
    const ended = await billhouse(project.folder, ["status"]);
    assert.equal(ended.code, 1);
    assert.match(ended.stdout, /STATE_INVALID[^]*2025-01/);
  });

  test("a read copy that is damaged, or older than the database, is made again whatever its time", async (t) => {
    const project = await createProject(t, curSection);
    const copy = join(project.folder, "billhouse.read.duckdb");
    await deliverMonth(project, january, "one", "1");
    await runWell(project);
    const older = await readFile(copy);
    await deliverMonth(project, february, "two", "2");
    await runWell(project);
    const newest = await readFile(copy);
    const { ino } = await stat(copy);
    await runWell(project);
    assert.equal((await stat(copy)).ino, ino, "a copy that is whole is not made for the summary of a run");
    const damages = {
      older,
      shorter: newest.subarray(0, newest.length - 4096),
      garbage: Buffer.alloc(newest.length, 7),
    };
    for (const [name, bytes] of Object.entries(damages)) {
      await writeFile(copy, bytes);
      await utimes(copy, new Date(), new Date(Date.now() + 3_600_000));
      assert.deepEqual((await runWell(project)).loaded, []);
      assert.deepEqual(Object.keys(await monthsOfTable(project, table, proof)), [january, february], name);
    }
  });
});
