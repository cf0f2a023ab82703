import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { arrivalRules } from "../../src/pipeline/months/settle.ts";
import { plannerWith } from "./planner.ts";
import { simulate } from "./simulate.ts";

describe("mirrors that copy deliveries in any order", { timeout: 300_000 }, () => {
  test("never make a month of anything but one complete delivery, and always end with the newest", async () => {
    const { steps, loads } = await simulate(plannerWith(), { seed: 20_250_301, steps: 2500 });
    assert.ok(steps >= 2500 && loads > 200, `${loads} loads in ${steps} steps`);
  });

  for (const rule of arrivalRules) {
    test(`find a planner without ${rule.name}`, async () => {
      const others = arrivalRules.filter((other) => other !== rule);
      await assert.rejects(simulate(plannerWith(others), { seed: 1, steps: 6000 }), assert.AssertionError);
    });
  }
});
