import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { costs } from "../../src/answers/costs.ts";
import { explain, type ExplainOptions } from "../../src/answers/explain.ts";
import { untagged } from "../../src/answers/untagged.ts";
import { type Config, run } from "../../src/index.ts";
import type { Delivery, Row } from "../support/deliveries.ts";
import { billhouse } from "../support/projects.ts";
import { rejects } from "../support/rejects.ts";
import { answering, bill, charge } from "./bills.ts";

const [before, month] = ["2025-02", "2025-03"];
const now = new Date("2025-06-01T00:00:00Z");

/** Usage of a quantity at a price, on one SKU. */
function used(of: string, sku: string, quantity: number, price: number, cells: Row = {}): Row {
  const cost = String(quantity * price);
  return charge(of, { SkuId: sku, PricingQuantity: String(quantity), EffectiveCost: cost, ...cells });
}

const covered = { CommitmentDiscountId: "ri-1", CommitmentDiscountStatus: "Used" };

/** One cause for each SKU, and one charge for each class that is not metered. */
async function planted(): Promise<readonly Delivery[]> {
  const old = [
    used(before, "twice", 10, 2),
    used(before, "dearer", 10, 2),
    used(before, "reserved", 10, 2),
    used(before, "rate", 10, 2, { PricingCurrency: "EUR", x_BillingExchangeRate: "1" }),
    used(before, "stopped", 8, 1, { ...covered, EffectiveCost: "4", ContractedCost: "8" }),
    used(before, "gone", 3, 1),
    used(before, "discounted", 10, 2),
    charge(before, { EffectiveCost: "5", ChargeCategory: "Tax" }),
  ];
  const recent = [
    used(month, "twice", 20, 2),
    used(month, "dearer", 10, 3),
    used(month, "reserved", 10, 2, { ...covered, EffectiveCost: "12", ContractedCost: "20" }),
    used(month, "rate", 10, 2.5, { PricingCurrency: "EUR", x_BillingExchangeRate: "1.25" }),
    used(month, "stopped", 4, 1, { ...covered, EffectiveCost: "2", ContractedCost: "4" }),
    charge(month, { ...covered, CommitmentDiscountStatus: "Unused", EffectiveCost: "2", PricingQuantity: "" }),
    used(month, "new", 7, 1),
    used(month, "discounted", 10, 2, { EffectiveCost: "19", ContractedCost: "20" }),
    charge(month, { EffectiveCost: "6", ChargeCategory: "Tax" }),
    charge(month, { EffectiveCost: "-9", ChargeCategory: "Credit" }),
    charge(month, { EffectiveCost: "-4", ChargeClass: "Correction" }),
    charge(month, { EffectiveCost: "11", ChargeCategory: "Purchase" }),
    charge(month, { EffectiveCost: "0", BilledCost: "30", ChargeCategory: "Purchase", CommitmentDiscountId: "ri-1" }),
    charge(month, { EffectiveCost: "0.5", ChargeCategory: "Adjustment" }),
  ];
  return [await bill(before, old), await bill(month, recent)];
}

async function dollars(config: Config, options: ExplainOptions = {}) {
  const result = await explain(config, { now, ...options });
  return result.currency["USD"] ?? assert.fail("there are dollars");
}

for (const [warehouse, load] of Object.entries(answering)) {
  describe(`explain in ${warehouse}`, () => {
    test("returns planted causes in their own parts, which add up", async (t) => {
      const { config } = await load(t, await planted());
      const result = await dollars(config, { by: ["sku"] });
      assert.deepEqual(result.parts, {
        usage: "16",
        price: "10",
        fx: "5",
        commitment: "-6",
        commitmentUnused: "2",
        discount: "-1",
        new: "7",
        gone: "-3",
        fees: "11",
        credit: "-9",
        refund: "-4",
        tax: "1",
        other: "0.5",
        timing: "0",
      });
      assert.deepEqual([result.before, result.after, result.difference], ["112", "141.5", "29.5"]);
      assert.equal(result.residual, "0");
      const causes = Object.fromEntries(
        result.drivers.map(({ keys, part, amount }) => [`${keys.sku ?? "none"} ${part}`, amount]),
      );
      assert.deepEqual(causes, {
        "twice usage": "20",
        "dearer price": "10",
        "reserved commitment": "-8",
        "rate fx": "5",
        "stopped usage": "-4",
        "stopped commitment": "2",
        "sku-1 commitmentUnused": "2",
        "new new": "7",
        "gone gone": "-3",
        "discounted discount": "-1",
        "none tax": "1",
        "none credit": "-9",
        "none refund": "-4",
        "sku-1 fees": "11",
        "sku-1 other": "0.5",
      });
      const billed = await dollars(config, { measure: "billed", by: [] });
      assert.deepEqual([billed.parts.timing, billed.difference, billed.residual], ["30", "59.5", "0"]);
    });
  });
}

for (const [warehouse, load] of Object.entries(answering)) {
  test(`explain in ${warehouse} shows the resources and days of the largest drivers`, async (t) => {
    const day = (of: string, number: string, resource: string, cost: string, cells: Row = {}): Row =>
      charge(of, {
        ChargePeriodStart: `${of}-${number}T05:00:00Z`,
        ResourceId: resource,
        EffectiveCost: cost,
        PricingQuantity: cost,
        ...cells,
      });
    const { config } = await load(t, [
      await bill(before, [day(before, "01", "a", "5"), day(before, "02", "b", "3"), day(before, "03", "c", "1")]),
      await bill(month, [
        day(month, "01", "a", "5"),
        day(month, "02", "b", "20.5"),
        day(month, "09", "b", "20.5"),
        day(month, "03", "", "2"),
        day(month, "03", "a", "100", { ChargeCategory: "Tax" }),
        day(month, "03", "a", "50", { BillingCurrency: "EUR" }),
      ]),
    ]);
    const { drivers, details } = await dollars(config, { by: ["service", "account"], drill: 2 });
    assert.deepEqual(
      drivers.map(({ part, amount }) => [part, amount]),
      [
        ["tax", "100"],
        ["usage", "39"],
      ],
    );
    assert.deepEqual(details, [
      {
        keys: { service: "Servers", account: "012345678901" },
        part: "tax",
        amount: "100",
        meter: null,
        resources: [{ resource: "a", before: "0", after: "100", change: "100" }],
        days: [{ day: "2025-03-03", cost: "100" }],
      },
      {
        keys: { service: "Servers", account: "012345678901" },
        part: "usage",
        amount: "39",
        meter: null,
        resources: [
          { resource: "b", before: "3", after: "41", change: "38" },
          { resource: null, before: "0", after: "2", change: "2" },
          { resource: "c", before: "1", after: "0", change: "-1" },
        ],
        days: [
          { day: "2025-03-02", cost: "20.5" },
          { day: "2025-03-09", cost: "20.5" },
          { day: "2025-03-01", cost: "5" },
          { day: "2025-03-03", cost: "2" },
        ],
      },
    ]);
    assert.deepEqual((await dollars(config)).details, []);
  });
}

describe("explain", () => {
  test("groups drivers by the owners of accounts, with the same parts, and names accounts", async (t) => {
    const project = await answering.DuckDB(t, await planted());
    const accounts = join(project.folder, "accounts.csv");
    await writeFile(accounts, "id,name,owner\n012345678901,Shop,Ada\n");
    const config = { ...project.config, focus: { ...project.config.focus, accounts } };
    for await (const _ of run(config)) continue;
    const names = { "012345678901": "Shop" };
    assert.deepEqual((await explain(config, { now })).accountNames, names);
    assert.deepEqual((await costs(config, { now, by: ["service", "account"] })).accountNames, names);
    assert.deepEqual((await untagged(config, { now })).accountNames, names);
    assert.deepEqual((await costs(config, { now })).accountNames, {});
    assert.match((await dollars(config)).sentence, / in account Shop, usage \+20\.00\./u);
    const owned = await dollars(config, { by: ["owner"] });
    assert.deepEqual(owned.parts, (await dollars(config)).parts);
    assert.deepEqual([...new Set(owned.drivers.map(({ keys }) => keys.owner))], ["Ada"]);
    assert.deepEqual(owned.drivers[0], {
      keys: { owner: "Ada" },
      part: "usage",
      amount: "16",
      label: null,
      meter: null,
    });
  });

  test("compares any two months, and refuses months that cannot be compared", async (t) => {
    const deliveries = [...(await planted()), await bill("2025-05", [charge("2025-05")])];
    const { config } = await answering.DuckDB(t, deliveries);
    const far = await explain(config, { now, month: "2025-05", vs: before });
    assert.equal(far.currency["USD"]?.difference, "-111");
    const error = await rejects(explain(config, { now }), "USAGE_INVALID", "2025-04 is not loaded");
    assert.equal(error.hint, "Loaded: 2025-02 to 2025-03, 2025-05.");
    await rejects(explain(config, { now, month, vs: month }), "USAGE_INVALID", "the same month");
    await rejects(explain(config, { now, by: ["tag:team"] }), "USAGE_INVALID", '"tag:team"');
  });

  test("explains a running month by the usage of its settled days", async (t) => {
    const { config } = await answering.DuckDB(t, await planted());
    const result = await explain(config, { month, now: new Date("2025-03-10T00:00:00Z") });
    assert.deepEqual(result.comparison, { kind: "days", days: 2 });
    const own = result.currency["USD"] ?? assert.fail();
    assert.deepEqual(
      [own.before, own.after, own.parts.tax, own.parts.fees, own.residual],
      ["107", "137", "0", "0", "0"],
    );
    assert.match(
      own.sentence,
      /^The usage of the first 2 days of 2025-03 cost 137\.00 USD, 30\.00 USD \(28\.0 %\) more than the same days of 2025-02: /u,
    );
  });

  test("writes JSON with the parts by name, and CSV with a line for each part and driver", async (t) => {
    const project = await answering.DuckDB(t, await planted());
    const { stdout } = await billhouse(project, ["explain", month, "--json", "--by", "service", "--top", "1"]);
    const { currency } = JSON.parse(stdout) as { currency: Record<string, Record<string, unknown>> };
    assert.deepEqual(Object.keys(currency["USD"]?.["parts"] ?? {}).slice(3, 5), ["commitment", "commitment_unused"]);
    assert.deepEqual(currency["USD"]?.["drivers"], [
      { keys: { service: "Servers" }, part: "usage", amount: "16", label: null, meter: null },
    ]);
    const csv = await billhouse(project, ["explain", "--vs", before, "--csv", "--by", "service,sku", "--top", "1"]);
    const lines = csv.stdout.split("\n");
    assert.deepEqual(lines.slice(0, 3), [
      "currency,row,service,sku,meter,part,label,amount",
      "USD,before,,,,,,112",
      "USD,part,,,,usage,,16",
    ]);
    assert.deepEqual(lines.slice(-3), ["USD,driver,Servers,twice,,usage,,20", "USD,rest,,,,,,9.5", ""]);
  });
});
