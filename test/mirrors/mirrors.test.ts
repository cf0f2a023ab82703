import assert from "node:assert/strict";
import { utimes } from "node:fs/promises";
import { describe, test, type TestContext } from "node:test";
import { arrivalRules } from "../../src/pipeline/months/settle.ts";
import { compareDecimals } from "../../src/schema/decimals.ts";
import { writeKey } from "../support/folders.ts";
import { createProject, outcomes, onlyResult, runProject, textRows } from "../support/projects.ts";
import { month } from "./layouts.ts";
import { plannerWith } from "./planner.ts";
import { simulate, type QuietBucket } from "./simulate.ts";

describe("mirrors that copy deliveries in any order", { timeout: 300_000 }, () => {
  test("never make a month of anything but one complete delivery, and always end with the newest", async (t) => {
    let inDuckdb = 0;
    const whenQuiet = async (quiet: QuietBucket): Promise<void> => {
      inDuckdb += 1;
      await loadIntoDuckdb(t, quiet);
    };
    const { steps, loads, mixtures } = await simulate(plannerWith(), {
      seed: 20_250_301,
      steps: 2500,
      whenQuiet,
      every: 180,
    });
    assert.ok(steps >= 2500 && loads > 200, `${loads} loads in ${steps} steps`);
    assert.ok(mixtures > 0 && inDuckdb > 10, `${mixtures} mixtures, ${inDuckdb} loads into DuckDB`);
  });

  for (const rule of arrivalRules) {
    test(`find a planner without ${rule.name}`, async () => {
      const others = arrivalRules.filter((other) => other !== rule);
      await assert.rejects(simulate(plannerWith(others), { seed: 1, steps: 6000 }), assert.AssertionError);
    });
  }
});

/** Runs billhouse on a bucket, and requires the rows of the deliveries that make up each month. */
async function loadIntoDuckdb(t: TestContext, { layout, bucket, now, expected, title }: QuietBucket): Promise<void> {
  const project = await createProject(t, { bills: { bucket_url: "bucket", prefix: layout.prefix } });
  for (const { object, bytes } of bucket.objects.values()) {
    const modified = new Date(object.modified);
    await utimes(await writeKey(project.bucket, object.key, bytes), modified, modified);
  }
  const { finished } = await runProject(project, { now });
  assert.equal(outcomes(onlyResult(finished)).length, 1, title);
  assert.equal(
    onlyResult(finished).loaded[0]?.billingMonth,
    month,
    `${title}: ${outcomes(onlyResult(finished)).join()}`,
  );
  const cost = layout.name.startsWith("AWS") ? "line_item_unblended_cost" : "CostInBillingCurrency";
  const rows = await textRows(project, `SELECT CAST(${cost} AS VARCHAR) AS cost FROM billing_data.bills_data`);
  const held = rows.map((row) => (JSON.parse(row) as { cost: string }).cost).toSorted(compareDecimals);
  const costs = expected.flatMap((delivery) => delivery.costs).toSorted(compareDecimals);
  const isSame =
    held.length === costs.length && held.every((value, at) => compareDecimals(value, costs[at] ?? "") === 0);
  assert.ok(isSame, `${title}: the table holds ${held.join()}, the deliveries ${costs.join()}`);
}
