import assert from "node:assert/strict";
import { cp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { diff, forget, plan, status, undo, verify } from "../../src/index.ts";
import { addDecimals } from "../../src/schema/sums.ts";
import { rejects } from "../support/rejects.ts";
import { samplesFolder } from "../support/samples.ts";
import {
  azureDelivery,
  azureRows,
  curColumns,
  curDelivery,
  curRow,
  curRows,
  deliver,
  type Delivery,
} from "../support/deliveries.ts";
import {
  azureSection,
  billhouse,
  createProject,
  curSection,
  outcomes,
  runWell,
  snapshotMonth,
  textRows,
  type Project,
  type Sections,
} from "../support/projects.ts";

const month = "2025-01";
const keeping: Sections = { aws_cur: { ...curSection["aws_cur"], keep_previous: 1 } };
const partition = "bill_billing_period_start_date";

/** Three deliveries of one month, each of another size. */
function deliveries(shape: "create-new" | "overwrite"): readonly [Delivery, Delivery, Delivery] {
  const folder = { month, shape } as const;
  return [
    curDelivery({ ...folder, id: "a", files: [curRows(month, "1.25", "2.5"), curRows(month, "0.0000000001")] }),
    curDelivery({
      ...folder,
      id: "b",
      files: [curRows(month, "10"), [curRow(month, { "product/new": "x" })]],
      columns: [...curColumns, "product/new"],
    }),
    curDelivery({ ...folder, id: "c", files: [curRows(month, "7", "8", "9"), []] }),
  ];
}

async function loadAll(project: Project, ...all: readonly Delivery[]): Promise<void> {
  for (const delivery of all) {
    await deliver(project.bucket, delivery);
    await runWell(project, { accept: ["shrink"], months: { only: [month] } });
  }
}

/** The rows of the month, without the columns that are NULL. */
async function rowsNow(project: Project): Promise<readonly string[]> {
  return (await snapshotMonth(project, "billing_data.aws_cur_data", partition, month)).rows;
}

async function actions(project: Project): Promise<string[]> {
  const { pipelines } = await plan(project.config);
  return pipelines.flatMap(({ months }) => months.map(({ action, executionId: id }) => `${action} ${id}`));
}

describe("undo restores the previous load", () => {
  for (const [source, shape, sections] of [
    ["the files in the storage", "create-new", curSection],
    ["the copy that was kept", "overwrite", keeping],
  ] as const) {
    test(`from ${source}: rows, sums and state are what they were, and a run leaves it so`, async (t) => {
      const project = await createProject(t, sections);
      const [a, b, c] = deliveries(shape);
      await loadAll(project, a);
      const before = await rowsNow(project);
      const [first] = (await status(project.config)).pipelines[0]?.months ?? [];
      await loadAll(project, b);
      assert.notDeepEqual(await rowsNow(project), before);

      const result = await undo(project.config, { pipeline: "aws_cur", month: month });
      assert.deepEqual(
        [result.undone.executionId, result.restored.executionId, result.restored.rows, result.from],
        ["b", "a", 3, shape === "create-new" ? "storage" : "warehouse"],
      );
      assert.deepEqual(result.restored.cost, { USD: "3.7500000001" });
      assert.deepEqual(await rowsNow(project), before);
      const [now] = (await status(project.config)).pipelines[0]?.months ?? [];
      assert.deepEqual([now?.executionId, now?.rows, now?.cost], [first?.executionId, first?.rows, first?.cost]);
      assert.equal(now?.state, "refused", "a newer delivery exists, and is skipped");

      const again = await runWell(project);
      assert.deepEqual(outcomes(again), [`${month} refused b`]);
      assert.match(again.refused[0]?.reason ?? "", /^b was undone\. Use --force to load it anyway\.$/);
      assert.deepEqual(again.refused[0]?.missingDays, [], "what is loaded covers the month");
      assert.deepEqual(await rowsNow(project), before);

      await loadAll(project, c);
      assert.equal((await rowsNow(project)).length, 3, "what is delivered next is taken");
      assert.deepEqual(await actions(project), ["unchanged c"]);
    });
  }

  test("from the newest load back, one after the other, until there is none left", async (t) => {
    const project = await createProject(t, curSection);
    const [a, b, c] = deliveries("create-new");
    await loadAll(project, a, b, c);
    const restored: string[] = [];
    for (const _ of [1, 2])
      restored.push((await undo(project.config, { pipeline: "aws_cur", month: month })).restored.executionId);
    assert.deepEqual(restored, ["b", "a"]);
    assert.deepEqual(await actions(project), ["refused c"]);
    await rejects(
      undo(project.config, { pipeline: "aws_cur", month: month }),
      "USAGE_INVALID",
      "2025-01 of aws_cur does not have a previous load",
    );
  });

  test("until --force says otherwise, and then the undone delivery is taken as any other", async (t) => {
    const project = await createProject(t, curSection);
    const [a, b] = deliveries("create-new");
    await loadAll(project, a, b);
    await undo(project.config, { pipeline: "aws_cur", month: month });
    assert.deepEqual(outcomes(await runWell(project, { force: true })), [`${month} restated b`]);
    assert.deepEqual(await actions(project), ["unchanged b"]);
    assert.equal((await undo(project.config, { pipeline: "aws_cur", month: month })).restored.executionId, "a");
    await forget(project.config, { pipelines: ["aws_cur"], months: [month] });
    assert.deepEqual(await actions(project), ["new b"], "forgetting a month is saying so, too");
  });

  test("of an Azure month: the run before it, of which every run is kept", async (t) => {
    const project = await createProject(t, azureSection);
    const runOf = (id: string, day: string, ...costs: string[]): Delivery =>
      azureDelivery({ month, id, pathTime: `202502${day}0042`, files: [azureRows(month, ...costs)] });
    const all = [runOf("r1", "03", "1.5"), runOf("r2", "04", "2.5", "1"), runOf("r3", "05", "9")];
    for (const delivery of all) {
      await deliver(project.bucket, delivery);
      await runWell(project);
    }
    const result = await undo(project.config, { pipeline: "azure_billing", month: month });
    assert.deepEqual([result.restored.executionId, result.restored.cost], ["r2", { EUR: "3.5" }]);
    assert.deepEqual(await actions(project), ["refused r3"]);
    assert.deepEqual(outcomes(await runWell(project)), [`${month} refused r3`]);
    const [state] = await textRows(
      project,
      `SELECT max_by(run_id, _dlt_load_id) AS id FROM billing_data.azure_billing_data_load_tracking`,
    );
    assert.equal(state, '{"id":"r2"}');
  });

  test("of files that were written again under the same execution", async (t) => {
    const project = await createProject(t, keeping);
    const [a] = deliveries("overwrite");
    const changed = curDelivery({
      month,
      shape: "overwrite",
      id: "a",
      files: [curRows(month, "5"), curRows(month, "6")],
    });
    await loadAll(project, a, changed);
    const result = await undo(project.config, { pipeline: "aws_cur", month: month });
    assert.deepEqual([result.undone.rows, result.restored.rows, result.from], [2, 3, "warehouse"]);
    assert.deepEqual(await actions(project), ["refused a"]);
    assert.deepEqual(outcomes(await runWell(project)), [`${month} refused a`]);
  });
});

describe("a run after an undo", () => {
  const runOf = (id: string, day: string, ...costs: string[]): Delivery =>
    azureDelivery({ month, id, pathTime: `202502${day}0042`, files: [azureRows(month, ...costs)] });
  const azureKeeping: Sections = { azure_billing: { ...azureSection["azure_billing"], keep_previous: 1 } };

  test("loads nothing older than the restored load, though its files are deleted, and loads what is newer than the undone one", async (t) => {
    const project = await createProject(t, azureKeeping);
    const [oldest, middle, newest] = [runOf("r1", "03", "1"), runOf("r2", "04", "2"), runOf("r3", "05", "3")];
    for (const delivery of [oldest, middle, newest]) {
      await deliver(project.bucket, delivery);
      await runWell(project);
    }
    for (const key of [...middle.fileKeys, middle.manifestKey]) await rm(join(project.bucket, key));
    assert.equal((await undo(project.config, { pipeline: "azure_billing", month: month })).from, "warehouse");
    assert.deepEqual(outcomes(await runWell(project)), [`${month} refused r3`]);
    const { ok, checks } = await verify(project.config);
    const failed = checks.filter((check) => !check.ok).map(({ name }) => name);
    assert.deepEqual([ok, failed], [false, ["file-gone"]], "its files were not overwritten by what was undone");
    await deliver(project.bucket, runOf("r4", "06", "4"));
    assert.deepEqual(outcomes(await runWell(project)), [`${month} restated r4`]);
  });
});

describe("undo and files that are copied again", () => {
  /** Writes every object again, as a mirror does. */
  async function copyAgain(project: Project): Promise<void> {
    const copy = join(project.folder, "copy");
    await cp(project.bucket, copy, { recursive: true });
    await rm(project.bucket, { recursive: true });
    await cp(copy, project.bucket, { recursive: true });
    await rm(copy, { recursive: true });
  }

  test("goes back load by load, and never to what is loaded", async (t) => {
    const project = await createProject(t, azureSection);
    const runOf = (id: string, day: string, ...costs: string[]): Delivery =>
      azureDelivery({ month, id, pathTime: `202502${day}0042`, files: [azureRows(month, ...costs)] });
    for (const delivery of [runOf("y", "03", "1.5"), runOf("a", "04", "2.5", "1"), runOf("n", "05", "9")]) {
      await deliver(project.bucket, delivery);
      await runWell(project);
    }
    await copyAgain(project);
    assert.equal((await undo(project.config, { pipeline: "azure_billing", month: month })).restored.executionId, "a");
    assert.deepEqual(outcomes(await runWell(project)), [`${month} refused n`]);
    assert.equal((await undo(project.config, { pipeline: "azure_billing", month: month })).restored.executionId, "y");
    assert.deepEqual(outcomes(await runWell(project)), [`${month} refused n`]);
    await rejects(
      undo(project.config, { pipeline: "azure_billing", month: month }),
      "USAGE_INVALID",
      "2025-01 of azure_billing does not have a previous load",
    );
  });

  test("does not take what was undone again under the same execution and other versions", async (t) => {
    const project = await createProject(t, keeping);
    const [a] = deliveries("overwrite");
    await loadAll(project, a, curDelivery({ month, shape: "overwrite", id: "a", files: [curRows(month, "5"), []] }));
    await undo(project.config, { pipeline: "aws_cur", month: month });
    await copyAgain(project);
    assert.deepEqual(outcomes(await runWell(project)), [`${month} refused a`]);
    assert.equal((await rowsNow(project)).length, 3);
  });

  test("goes back to nothing that was undone, though all have one execution", async (t) => {
    const project = await createProject(t, { aws_cur: { ...curSection["aws_cur"], keep_previous: 9 } });
    const version = (...costs: string[]): Delivery =>
      curDelivery({ month, shape: "overwrite", id: "a", files: [curRows(month, ...costs)] });
    await loadAll(project, version("1"), version("2", "2"));
    await undo(project.config, { pipeline: "aws_cur", month: month });
    await loadAll(project, version("3", "3", "3"));
    assert.equal((await undo(project.config, { pipeline: "aws_cur", month: month })).restored.rows, 1);
    await rejects(
      undo(project.config, { pipeline: "aws_cur", month: month }),
      "USAGE_INVALID",
      "2025-01 of aws_cur does not have a previous load",
    );
  });

  test("loading the same once more keeps the load before it", async (t) => {
    const project = await createProject(t, keeping);
    const [a, b] = deliveries("overwrite");
    await loadAll(project, a, b);
    await copyAgain(project);
    await runWell(project, { force: true });
    const result = await undo(project.config, { pipeline: "aws_cur", month: month });
    assert.deepEqual([result.restored.executionId, result.from], ["a", "warehouse"]);
  });

  test("takes the kept rows when the storage cannot be looked at, and says so", async (t) => {
    const project = await createProject(t, keeping);
    const [a, b] = deliveries("create-new");
    await loadAll(project, a, b);
    await rm(project.bucket, { recursive: true });
    const result = await undo(project.config, { pipeline: "aws_cur", month: month });
    assert.deepEqual([result.restored.executionId, result.from], ["a", "warehouse"]);
    assert.match(result.notes.join(), /^The storage could not be read\. /);
  });

  test("puts kept floats back as the exact decimals that migrate has made of the table", async (t) => {
    const project = await createProject(t, keeping);
    const exact = "93.606701835818692248";
    const [, b, c] = deliveries("overwrite");
    const a = curDelivery({ month, shape: "overwrite", id: "a", files: [curRows(month, exact, "123456.7890123")] });
    await loadAll(project, a);
    const before = await rowsNow(project);
    await loadAll(project, b);
    await tamper(
      project,
      "ALTER TABLE billing_data.aws_cur_data_previous ALTER line_item_usage_amount SET DATA TYPE DOUBLE",
    );
    assert.equal((await undo(project.config, { pipeline: "aws_cur", month: month })).restored.executionId, "a");
    assert.deepEqual(await rowsNow(project), before);
    await loadAll(project, c);
  });

  test("continues if kept text is not an amount, or the table has lost a column", async (t) => {
    const project = await createProject(t, keeping);
    const [a, b, c] = deliveries("overwrite");
    await loadAll(project, a, b);
    const kept = "billing_data.aws_cur_data_previous";
    await tamper(project, `ALTER TABLE ${kept} ALTER line_item_usage_amount SET DATA TYPE VARCHAR`);
    await tamper(project, `UPDATE ${kept} SET line_item_usage_amount = ''`);
    await tamper(project, "ALTER TABLE billing_data.aws_cur_data DROP COLUMN product_region");
    assert.equal((await undo(project.config, { pipeline: "aws_cur", month: month })).restored.executionId, "a");
    await loadAll(project, c);
  });
});

describe("undo changes nothing", () => {
  test("when the rows no longer exist, and says how the next load can be undone", async (t) => {
    const project = await createProject(t, curSection);
    const [a, b] = deliveries("overwrite");
    await loadAll(project, a, b);
    const before = await snapshotMonth(project, "billing_data.aws_cur_data", partition, month);
    const error = await rejects(
      undo(project.config, { pipeline: "aws_cur", month: month }),
      "ROWS_GONE",
      "The rows of a no longer exist",
    );
    assert.match(error.hint, /keep_previous = 1 in \[sources\.aws_cur\]/);
    assert.deepEqual(await snapshotMonth(project, "billing_data.aws_cur_data", partition, month), before);
  });

  test("when one of the files is gone or another one", async (t) => {
    for (const spoil of ["gone", "another"] as const) {
      const project = await createProject(t, curSection);
      const [a, b] = deliveries("create-new");
      await loadAll(project, a, b);
      const path = join(project.bucket, a.fileKeys[1] ?? "");
      if (spoil === "gone") await rm(path);
      else await cp(join(project.bucket, a.fileKeys[0] ?? ""), path);
      await rejects(undo(project.config, { pipeline: "aws_cur", month: month }), "ROWS_GONE");
      assert.equal((await rowsNow(project)).length, 2);
    }
  });

  test("when the kept rows are not those that were loaded", async (t) => {
    const project = await createProject(t, keeping);
    const [a, b] = deliveries("overwrite");
    await loadAll(project, a, b);
    const before = await rowsNow(project);
    await tamper(
      project,
      `UPDATE billing_data.aws_cur_data_previous SET line_item_unblended_cost = 1.26 WHERE line_item_unblended_cost = 1.25`,
    );
    await rejects(
      undo(project.config, { pipeline: "aws_cur", month: month }),
      "SUM_MISMATCH",
      "was 3.7500000001 USD as loaded from a, but is 3.7600000001 now",
    );
    await tamper(project, `DELETE FROM billing_data.aws_cur_data_previous WHERE line_item_unblended_cost = 1.26`);
    await rejects(
      undo(project.config, { pipeline: "aws_cur", month: month }),
      "ROW_COUNT_MISMATCH",
      "3 rows of 2025-01 were loaded from a, but 2 were found",
    );
    assert.deepEqual(await rowsNow(project), before);
    assert.deepEqual(await actions(project), ["unchanged b"]);
  });

  test("when the kept rows come to the same, and belong to another service", async (t) => {
    const project = await createProject(t, keeping);
    const [a, b] = deliveries("overwrite");
    await loadAll(project, a, b);
    const before = await rowsNow(project);
    await tamper(
      project,
      `UPDATE billing_data.aws_cur_data_previous SET line_item_product_code = 'other' WHERE line_item_unblended_cost = 1.25`,
    );
    await rejects(
      undo(project.config, { pipeline: "aws_cur", month: month }),
      "SUM_MISMATCH",
      "by service, account and charge type",
    );
    assert.deepEqual(await rowsNow(project), before);
  });

  test("when the storage, which has the rows, cannot be looked at", async (t) => {
    const project = await createProject(t, curSection);
    const [a, b] = deliveries("create-new");
    await loadAll(project, a, b);
    await rename(project.bucket, `${project.bucket}-away`);
    const { hint } = await rejects(
      undo(project.config, { pipeline: "aws_cur", month: month }),
      "STORAGE_NOT_FOUND",
      "bucket",
    );
    assert.match(hint, /Then undo again: nothing was changed/);
    await rename(`${project.bucket}-away`, project.bucket);
    assert.equal((await undo(project.config, { pipeline: "aws_cur", month: month })).restored.executionId, "a");
  });

  test("for a month or an export that is not there", async (t) => {
    const project = await createProject(t, curSection);
    await loadAll(project, deliveries("create-new")[0]);
    await rejects(
      undo(project.config, { pipeline: "aws_cur", month: "2024-01" }),
      "USAGE_INVALID",
      "2024-01 of aws_cur is not loaded",
    );
    await rejects(
      undo(project.config, { pipeline: "aws_cur", month: month }),
      "USAGE_INVALID",
      "does not have a previous load",
    );
    const { code, stdout } = await billhouse(project, ["undo", "aws_cur", "2025-1", "--json"]);
    assert.deepEqual([code, (JSON.parse(stdout) as { error: { code: string } }).error.code], [64, "USAGE_INVALID"]);
  });
});

test("keep_previous keeps as many earlier loads as it says, and status shows their size", async (t) => {
  const project = await createProject(t, { aws_cur: { ...curSection["aws_cur"], keep_previous: 2 } });
  await loadAll(
    project,
    ...deliveries("overwrite"),
    curDelivery({ month, shape: "overwrite", id: "d", files: [curRows(month, "4")] }),
  );
  const kept = (await status(project.config)).pipelines[0]?.kept;
  assert.deepEqual([kept?.loads, kept?.rows], [2, 5]);
  assert.ok((kept?.bytes ?? 0) > 0);
  const { stdout } = await billhouse(project, ["status"]);
  assert.match(stdout, /1 month loaded, no gaps; 2 earlier loads kept, \d/);
  const restored = [];
  for (const _ of [1, 2])
    restored.push((await undo(project.config, { pipeline: "aws_cur", month: month })).restored.executionId);
  assert.deepEqual(restored, ["c", "b"]);
});

test("keep_previous keeps that many deliveries, whether they were restored in between or not", async (t) => {
  const project = await createProject(t, { aws_cur: { ...curSection["aws_cur"], keep_previous: 2 } });
  const all = deliveries("create-new");
  await loadAll(project, ...all);
  assert.equal((await undo(project.config, { pipeline: "aws_cur", month: month })).from, "storage");
  await loadAll(project, curDelivery({ month, id: "d", files: [curRows(month, "4")] }));
  for (const { fileKeys } of all) for (const key of fileKeys) await rm(join(project.bucket, key));
  const restored = [];
  for (const _ of [1, 2])
    restored.push((await undo(project.config, { pipeline: "aws_cur", month: month })).restored.executionId);
  assert.deepEqual(restored, ["b", "a"]);
});

test("the sample restatement: diff explains it to the cent, and undo restores every row", async (t) => {
  const samples = samplesFolder(t);
  if (samples === undefined) return;
  const source = join(samples, "buckets/aws-cur1-csvgz-createnew");
  const project = await createProject(t, { aws_cur: { bucket_url: "bucket", prefix: "cur/v1" } });
  const ofMonth = `FROM billing_data.aws_cur_data AS t WHERE strftime(${partition}, '%Y-%m') = '${month}'`;
  // To compare ten thousand rows of a hundred columns as text takes longer than to load them. The patch takes columns that
  // are NULL away, since the second delivery adds some.
  const fingerprint = (): Promise<string[]> =>
    textRows(
      project,
      `SELECT count(*) AS rows, CAST(sum(CAST(hash(json_merge_patch('{}', to_json(t))) AS HUGEINT)) AS VARCHAR) AS hash ${ofMonth}`,
    );
  await cp(join(source, "delivery-1"), project.bucket, { recursive: true });
  await runWell(project);
  const before = await fingerprint();
  await cp(join(source, "delivery-2"), project.bucket, { recursive: true, force: true });
  await runWell(project);

  const told = await diff(project.config, { pipeline: "aws_cur", month: month });
  assert.deepEqual([told.before.rows, told.after.rows], [10_416, 10_080]);
  assert.deepEqual([told.before.cost, told.after.cost], [{ USD: "1705.764399984" }, { USD: "1650.25587096" }]);
  assert.equal(addDecimals(told.lines.map(({ difference }) => difference)), "-55.508529024");
  assert.equal(
    told.lines.reduce((sum, line) => sum + line.rowsAfter - line.rowsBefore, 0),
    10_080 - 10_416,
  );
  const sums = await textRows(
    project,
    `SELECT line_item_product_code AS s, line_item_usage_account_id AS a, line_item_line_item_type AS t, CAST(sum(line_item_unblended_cost) AS VARCHAR) AS cost
      ${ofMonth} GROUP BY ALL ORDER BY ALL`,
  );
  assert.equal(sums.length, told.lines.length, "every line of the month changed");

  const result = await undo(project.config, { pipeline: "aws_cur", month: month });
  assert.deepEqual([result.restored.rows, result.restored.cost], [10_416, { USD: "1705.764399984" }]);
  assert.deepEqual(await fingerprint(), before);
  const { ok, checks } = await verify(project.config, { deep: true });
  assert.ok(ok, JSON.stringify(checks.filter((check) => !check.ok)));
});

/** Changes the database behind billhouse's back. */
async function tamper(project: Project, sql: string): Promise<void> {
  const { DuckDBInstance } = await import("@duckdb/node-api");
  const instance = await DuckDBInstance.create(join(project.folder, "billhouse.duckdb"));
  const connection = await instance.connect();
  await connection.run(sql);
  connection.closeSync();
  instance.closeSync();
}
