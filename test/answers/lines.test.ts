import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { lines } from "../../src/answers/lines.ts";
import { rejects } from "../support/rejects.ts";
import { answering, bill, charge } from "./bills.ts";

const month = "2025-03";
const now = new Date("2025-06-01T00:00:00Z");

for (const [warehouse, load] of Object.entries(answering)) {
  describe(`charge lines in ${warehouse}`, () => {
    test("are the largest ones that filters leave, with their quantities and their delivery", async (t) => {
      const { config } = await load(t, [
        await bill(month, [
          charge(month, { EffectiveCost: "1.000000000000000001", ResourceId: "one" }),
          charge(month, { EffectiveCost: "30", ResourceId: "two", PricingQuantity: "2.5" }),
          charge(month, { EffectiveCost: "7", ResourceId: "three", ChargeCategory: "Tax" }),
          charge(month, { EffectiveCost: "99", ResourceId: "four", ServiceName: "Disks" }),
        ]),
      ]);
      const result = await lines(config, { filters: ["service=Servers"], top: 2, now });
      assert.deepEqual([result.from, result.to, result.isCut], [month, month, true]);
      assert.deepEqual(
        result.lines.map(({ resource, effective, quantity, category, day, execution, rows }) => [
          resource,
          effective,
          quantity,
          category,
          day,
          execution,
          rows,
        ]),
        [
          ["two", "30", "2.5", "Usage", "2025-03-02", "acme-focus-2025-03", "1"],
          ["three", "7", "1", "Tax", "2025-03-02", "acme-focus-2025-03", "1"],
        ],
      );
      const all = await lines(config, { now, measure: "billed" });
      assert.deepEqual([all.lines.length, all.isCut], [4, false]);
      assert.equal(all.lines.at(-1)?.["effective"], "1.000000000000000001");
    });
  });
}

test("lines of a month that is not loaded are refused", async (t) => {
  const { config } = await answering.DuckDB(t, [await bill(month, [charge(month)])]);
  await rejects(lines(config, { from: "2020-01", now }), "USAGE_INVALID", "2020-01 is not loaded");
  await rejects(lines(config, { filters: ["colour=red"], now }), "USAGE_INVALID", "colour");
});
