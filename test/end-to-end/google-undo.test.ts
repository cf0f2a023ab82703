import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { diff, plan, reconcile, status, undo, verify, type VerifyResult } from "../../src/index.ts";
import { addDecimals } from "../../src/schema/sums.ts";
import { rejects } from "../support/rejects.ts";
import { samplesFolder } from "../support/samples.ts";
import { curDelivery, curRows, type Delivery } from "../support/deliveries.ts";
import { createGoogleProject, exportBucket, upload, uploadFolder, type GoogleProject } from "../support/google.ts";
import { runWell, type Sections } from "../support/projects.ts";

const month = "2025-01";
const section: Sections = { aws_cur: { prefix: "cur" } };
const keeping: Sections = { aws_cur: { prefix: "cur", keep_previous: 1 } };

function delivery(shape: "create-new" | "overwrite", id: string, ...costs: string[]): Delivery {
  return curDelivery({ month, shape, id, files: [curRows(month, ...costs), curRows(month, "0.25")] });
}

async function loadAll(project: GoogleProject, ...all: readonly Delivery[]): Promise<void> {
  for (const each of all) {
    upload(project, each);
    await runWell(project);
  }
}

async function actions(project: GoogleProject): Promise<string[]> {
  const { pipelines } = await plan(project.config);
  return pipelines.flatMap(({ months }) => months.map(({ action, executionId: id }) => `${action} ${id}`));
}

function differences({ checks }: VerifyResult): string[] {
  return checks.filter(({ ok }) => !ok).map(({ name, expected, actual }) => `${name}: ${expected} / ${actual}`);
}

describe("undo on BigQuery restores the previous load", () => {
  for (const [source, shape, sections, from] of [
    ["its files in Cloud Storage", "create-new", section, "storage"],
    ["the copy that was kept", "overwrite", keeping, "warehouse"],
    ["time travel", "overwrite", section, "warehouse"],
  ] as const) {
    test(`from ${source}`, async (t) => {
      const project = await createGoogleProject(t, sections);
      await loadAll(project, delivery(shape, "a", "1.5", "2"), delivery(shape, "b", "9"));
      const result = await undo(project.config, { pipeline: "aws_cur", month: month });
      assert.deepEqual(
        [result.from, result.restored.executionId, result.restored.rows, result.restored.cost],
        [from, "a", 3, { USD: "3.75" }],
      );
      assert.deepEqual(await actions(project), ["refused b"]);
      assert.equal((await runWell(project)).refused.length, 1);
      const [now] = (await status(project.config)).pipelines[0]?.months ?? [];
      assert.deepEqual([now?.state, now?.executionId, now?.cost], ["refused", "a", { USD: "3.75" }]);
      // Also if the undone delivery has overwritten the files of the restored one.
      assert.deepEqual(differences(await verify(project.config)), []);
      await loadAll(project, delivery(shape, "c", "7"));
      assert.deepEqual(await actions(project), ["unchanged c"]);
    });
  }

  test("only when the rows of that moment are those of the receipt", async (t) => {
    const project = await createGoogleProject(t, section);
    await loadAll(project, delivery("overwrite", "a", "1"));
    await project.bigquery.rows(
      "DELETE FROM `acme.billing_data.aws_cur_data` WHERE line_item_unblended_cost = 0.25",
      "acme",
    );
    await loadAll(project, delivery("overwrite", "b", "9"));
    await rejects(
      undo(project.config, { pipeline: "aws_cur", month: month }),
      "ROW_COUNT_MISMATCH",
      "2 rows of 2025-01 were loaded from a, but 1 were found",
    );
    assert.deepEqual(await actions(project), ["unchanged b"]);
  });
});

test("verify on BigQuery finds a flipped digit, a deleted row and a replaced file, and reads deep", async (t) => {
  const project = await createGoogleProject(t, section);
  await loadAll(project, delivery("create-new", "a", "1.5", "2"));
  const good = await verify(project.config, { deep: true });
  assert.deepEqual(differences(good), []);
  assert.ok(good.checks.some(({ name }) => name === "delivered-cost"));
  await project.bigquery.rows(
    "UPDATE `acme.billing_data.aws_cur_data` SET line_item_unblended_cost = 1.6 WHERE line_item_unblended_cost = 1.5",
  );
  assert.ok(differences(await verify(project.config)).includes("cost: 3.75 USD / 3.85 USD"));
  await project.bigquery.rows(
    "DELETE FROM `acme.billing_data.aws_cur_data` WHERE line_item_unblended_cost = 0.25",
    "acme",
  );
  assert.ok(differences(await verify(project.config)).includes("rows: 3 rows / 2 rows"));
  const [key = ""] = delivery("create-new", "a").fileKeys;
  project.gcs.put(exportBucket, key, delivery("create-new", "a", "1.5", "3").objects.get(key) ?? new Uint8Array());
  const found = differences(await verify(project.config, { deep: true }));
  assert.ok(
    found.some((text) => text.startsWith(`files: ${key}`)),
    found.join("\n"),
  );
  assert.ok(found.includes("delivered-cost: 3.75 USD / 4.75 USD"), found.join("\n"));
});

test("the sample restatement on BigQuery: explained to the last digit, reconciled, and undone", async (t) => {
  const samples = samplesFolder(t);
  if (samples === undefined) return;
  const source = join(samples, "buckets/aws-cur1-csvgz-createnew");
  const project = await createGoogleProject(t, { aws_cur: { prefix: "cur/v1" } });
  await uploadFolder(project, join(source, "delivery-1"));
  await runWell(project, { months: { only: [month] } });
  await uploadFolder(project, join(source, "delivery-2"));
  await runWell(project, { months: { only: [month] } });
  const told = await diff(project.config, { pipeline: "aws_cur", month: month });
  assert.equal(addDecimals(told.lines.map(({ difference }) => difference)), "-55.508529024");
  const bill = await reconcile(project.config, { month: month, invoice: "1650.26" });
  assert.deepEqual([bill.ok, bill.reconciliations[0]?.loaded], [true, "1650.25587096"]);
  const result = await undo(project.config, { pipeline: "aws_cur", month: month });
  assert.deepEqual([result.restored.rows, result.restored.cost], [10_416, { USD: "1705.764399984" }]);
});
