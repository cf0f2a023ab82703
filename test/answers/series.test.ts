import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { costs } from "../../src/answers/costs.ts";
import { series } from "../../src/answers/series.ts";
import { untagged } from "../../src/answers/untagged.ts";
import { addDecimals } from "../../src/schema/sums.ts";
import type { Row } from "../support/deliveries.ts";
import { rejects } from "../support/rejects.ts";
import { answering, bill, charge } from "./bills.ts";

const [before, month] = ["2025-02", "2025-03"];

/** Usage of a day of a month, which ends when the next day starts. */
function usage(of: string, day: string, cells: Row): Row {
  const end = new Date(Date.parse(`${of}-${day}T00:00:00Z`) + 86_400_000).toISOString();
  return charge(of, { ChargePeriodStart: `${of}-${day}T00:00:00Z`, ChargePeriodEnd: end, ...cells });
}

function charges(of: string): readonly Row[] {
  return [
    usage(of, "01", { EffectiveCost: "10.000000000000000001", ServiceName: "Servers" }),
    usage(of, "02", { EffectiveCost: "4.5", ServiceName: "Disks" }),
    usage(of, "02", { EffectiveCost: "0.25", ServiceName: "Queues" }),
    // A fee of the month, a correction and a tax belong to no day.
    charge(of, { EffectiveCost: "31", ChargePeriodStart: `${of}-01T00:00:00Z`, ChargePeriodEnd: `${of}-28T00:00:00Z` }),
    usage(of, "02", { EffectiveCost: "-0.5", ChargeClass: "Correction" }),
    usage(of, "02", { EffectiveCost: "3.8", ChargeCategory: "Tax" }),
    usage(of, "02", { EffectiveCost: "100", BillingCurrency: "EUR" }),
  ];
}

const now = new Date("2025-06-01T00:00:00Z");

for (const [warehouse, load] of Object.entries(answering)) {
  describe(`costs over time in ${warehouse}`, () => {
    test("the largest of many resources are those that there are without a limit, and the others add up", async (t) => {
      const resources = (of: string): readonly Row[] =>
        ["a", "b", "c", "d", "e", "f", "g"].flatMap((name, index) => [
          usage(of, "01", { EffectiveCost: `${(index * 3) % 7}.25`, ResourceId: name }),
          usage(of, "02", { EffectiveCost: "1", ResourceId: name, BillingCurrency: index > 4 ? "EUR" : "USD" }),
          charge(of, { EffectiveCost: `${20 - index}`, ResourceId: name, ChargeCategory: "Purchase" }),
        ]);
      const more = (of: string): readonly Row[] => [...charges(of), ...resources(of)];
      const { config } = await load(t, [await bill(before, more(before)), await bill(month, more(month))]);
      for (const top of [1, 3, 100]) {
        const [all, some] = [
          await costs(config, { to: month, by: ["resource"], now }),
          await costs(config, { to: month, by: ["resource"], top, now }),
        ];
        for (const [currency, own] of Object.entries(all.currency)) {
          const limited = some.currency[currency] ?? assert.fail();
          assert.deepEqual(limited.rows, own.rows.slice(0, top));
          const others = own.rows.slice(top);
          assert.deepEqual(
            [limited.rest.groups, limited.rest.cost, limited.rest.previous],
            [
              others.length,
              addDecimals(others.map(({ cost }) => cost)),
              addDecimals(others.map((row) => row.previous ?? "0")),
            ],
          );
          assert.deepEqual([limited.below, limited.total, limited.invoiced], [own.below, own.total, own.invoiced]);
        }
        for (const grain of ["day", "month"] as const) {
          const options = { from: before, to: month, by: "resource", grain, now };
          const [everything, largest] = [await series(config, options), await series(config, { ...options, top })];
          for (const [currency, own] of Object.entries(everything.currency)) {
            const limited = largest.currency[currency] ?? assert.fail();
            assert.deepEqual(limited.groups, own.groups.slice(0, top), `${grain} ${currency} ${top}`);
            const others = own.groups.slice(top);
            assert.deepEqual(
              [limited.rest.groups, limited.rest.total, limited.total, limited.undated],
              [others.length, addDecimals(others.map(({ total }) => total)), own.total, own.undated],
            );
          }
        }
        const options = { month, tag: "team", by: ["service", "resource"], now };
        const [whole, part] = [await untagged(config, options), await untagged(config, { ...options, top })];
        for (const [currency, own] of Object.entries(whole.currency)) {
          const others = own.rows.slice(top);
          const rest = { groups: others.length, cost: addDecimals(others.map(({ cost }) => cost)) };
          assert.deepEqual(part.currency[currency], { ...own, rows: own.rows.slice(0, top), rest });
        }
      }
    });

    test("by month every charge is in a month, and by day usage is on its day", async (t) => {
      const { config } = await load(t, [await bill(before, charges(before)), await bill(month, charges(month))]);
      const months = await series(config, { from: before, to: month, top: 1, now });
      assert.deepEqual(
        months.buckets.map(({ name }) => name),
        [before, month],
      );
      const own = months.currency["USD"] ?? assert.fail();
      const whole = await costs(config, { from: before, to: month, now });
      assert.equal(own.total, whole.currency["USD"]?.total.cost);
      assert.equal(own.total, "98.100000000000000002");
      assert.deepEqual(own.groups, [
        { key: "Servers", amounts: ["41.000000000000000001", "41.000000000000000001"], total: "82.000000000000000002" },
      ]);
      assert.deepEqual([own.rest.groups, own.rest.amounts], [2, ["4.75", "4.75"]]);
      assert.deepEqual(
        own.below.map(({ charge: kind, amounts }) => [kind, amounts]),
        [
          ["corrections", ["-0.5", "-0.5"]],
          ["tax", ["3.8", "3.8"]],
        ],
      );
      assert.equal(own.undated, "0");
      assert.equal(months.currency["EUR"]?.total, "200");

      const days = await series(config, { from: month, grain: "day", by: "account", now });
      assert.equal(days.buckets.length, 31);
      const byDay = days.currency["USD"] ?? assert.fail();
      assert.deepEqual(byDay.amounts.slice(0, 3), ["10.000000000000000001", "4.75", "0"]);
      assert.deepEqual(
        byDay.groups.map(({ key }) => key),
        ["012345678901"],
      );
      assert.equal(byDay.undated, "34.3");
      assert.equal(addDecimals([byDay.total, byDay.undated]), "49.050000000000000001");
    });
  });
}

test("a running month ends some days after the last settled one, and those days are open", async (t) => {
  const { config } = await answering.DuckDB(t, [await bill(month, charges(month))]);
  const { buckets } = await series(config, { grain: "day", now: new Date("2025-03-20T00:00:00Z") });
  assert.deepEqual(buckets.at(-1), { name: "2025-03-05", isOpen: true });
  assert.equal(buckets.find(({ name }) => name === "2025-03-02")?.isOpen, false);
  const months = await series(config, { now: new Date("2025-03-20T00:00:00Z") });
  assert.deepEqual(months.buckets, [{ name: month, isOpen: true }]);
});

test("what cannot be shown over time is refused", async (t) => {
  const { config } = await answering.DuckDB(t, [await bill(month, charges(month))]);
  await rejects(series(config, { grain: "hour" as "day" }), "USAGE_INVALID", `by "hour"`);
  await rejects(series(config, { by: "colour" }), "USAGE_INVALID", `by "colour"`);
  await rejects(series(config, { from: "2020-01", now }), "USAGE_INVALID", "2020-01 is not loaded");
});
