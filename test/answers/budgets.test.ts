import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";

import { readBudgets } from "../../src/answers/budget-list.ts";
import { budgets, type BudgetUse } from "../../src/answers/budgets.ts";
import { costs } from "../../src/answers/costs.ts";
import type { Config } from "../../src/index.ts";
import type { Project } from "../support/projects.ts";
import { temporaryFolder } from "../support/folders.ts";
import { rejects } from "../support/rejects.ts";
import { answering, bill, charge } from "./bills.ts";

const now = new Date("2025-06-01T00:00:00Z");
const [before, month] = ["2025-02", "2025-03"];

/** The configuration of a project with lists of budgets and accounts beside it. */
async function withLists({ folder, config }: Project, lists: { budgets: string }): Promise<Config> {
  const file = join(folder, "budgets.csv");
  await writeFile(file, lists.budgets);
  return { ...config, budgets: { file } };
}

function brief(uses: readonly BudgetUse[]) {
  return uses.map(({ by, value, currency, budget, spent, share, left }) =>
    [by, value ?? "-", currency, budget, spent, share, left].join(" "),
  );
}

const rows = (of: string) => [
  charge(of, { EffectiveCost: "60.000000000000000001", Tags: '{"team":"web"}' }),
  charge(of, { EffectiveCost: "15", SubAccountId: "/subscriptions/81B94E0D-2f63", Tags: '{"team":"data"}' }),
  charge(of, { EffectiveCost: "5", ChargeCategory: "Purchase", Tags: '{"team":"web"}' }),
  charge(of, { EffectiveCost: "8", CommitmentDiscountId: "ri-1", CommitmentDiscountStatus: "Unused" }),
  charge(of, { EffectiveCost: "30", BillingCurrency: "EUR" }),
  // What no budget is about.
  charge(of, { EffectiveCost: "1000", ChargeCategory: "Tax" }),
  charge(of, { EffectiveCost: "-500", ChargeCategory: "Credit" }),
  charge(of, { EffectiveCost: "-70", ChargeClass: "Correction" }),
  charge(of, { EffectiveCost: "400", ChargeCategory: "Purchase", CommitmentDiscountId: "ri-1" }),
];

for (const [warehouse, load] of Object.entries(answering)) {
  describe(`budgets in ${warehouse}`, () => {
    test("what was spent of each, by account, tag and in all, in its currency", async (t) => {
      const project = await load(t, [await bill(before, rows(before)), await bill(month, rows(month))]);
      const config = await withLists(project, {
        budgets: [
          "by,value,month,amount,currency",
          "tag:team,web,,130,USD",
          "tag:team,web,2025-03,100.50,usd",
          "account,81b94e0d-2F63,,10,USD",
          "total,,,400,USD",
          "total,,,30,EUR",
          "tag:team,nobody,,1,USD",
          "service,Servers,2025-01,1,USD",
        ].join("\n"),
      });
      const result = await budgets(config, { now });
      assert.equal(result.month, month);
      assert.deepEqual(brief(result.budgets), [
        "account 81b94e0d-2F63 USD 10 15 1.5 -5",
        "total - EUR 30 30 1 0",
        "tag:team web USD 100.50 65.000000000000000001 0.646766 35.499999999999999999",
        "total - USD 400 88.000000000000000001 0.22 311.999999999999999999",
        "tag:team nobody USD 1 0 0 1",
      ]);
      const earlier = await budgets(config, { now, month: before });
      assert.ok(
        brief(earlier.budgets).includes("tag:team web USD 130 65.000000000000000001 0.5 64.999999999999999999"),
      );
    });

    test("the running month is forecast for each budget", async (t) => {
      const days = ["2025-02", "2025-03"].flatMap((of) =>
        Array.from({ length: of === month ? 8 : 28 }, (_, index) =>
          ["web", "data"].map((team) =>
            charge(of, {
              ChargePeriodStart: `${of}-${String(index + 1).padStart(2, "0")}T00:00:00Z`,
              EffectiveCost: team === "web" ? "2" : "1",
              Tags: `{"team":"${team}"}`,
            }),
          ),
        ).flat(),
      );
      const of = (each: string) => days.filter((row) => row["ChargePeriodStart"]?.startsWith(each));
      const fee = charge(before, { ChargeCategory: "Purchase", EffectiveCost: "7", Tags: '{"team":"web"}' });
      const project = await load(t, [await bill(before, [...of(before), fee]), await bill(month, of(month))]);
      const config = await withLists(project, {
        budgets: "by,value,month,amount,currency\ntag:team,web,,50,USD\ntotal,,,100,USD\n",
      });
      const march = { month, now: new Date("2025-03-12T00:00:00Z") };
      const result = await budgets(config, march);
      assert.equal(result.reason, null);
      assert.deepEqual(
        result.budgets.map(({ by, spent, forecast, forecastShare }) => [by, spent, forecast, forecastShare]),
        [
          // 31 days at 2, and the fee of last month.
          ["tag:team", "16", { forecast: "69", band: null }, "1.38"],
          ["total", "24", { forecast: "100", band: null }, "1"],
        ],
      );
      const shown = await costs(config, { from: month, now: march.now });
      assert.deepEqual(shown.budgets, result.budgets);
      assert.equal(shown.forecast?.currency["USD"]?.forecast, "100");
      for (const options of [{ filters: ["tag:team=web"] }, { measure: "billed" }, { from: before }] as const) {
        const other = await costs(config, { from: month, to: month, now: march.now, ...options });
        assert.deepEqual(other.budgets, [], JSON.stringify(options));
      }
      const early = await budgets(config, { ...march, now: new Date("2025-05-02T00:00:00Z") });
      assert.deepEqual([early.reason, early.budgets[0]?.forecast], [null, null]);
    });
  });
}

describe("the list of budgets", () => {
  const read = async (t: Parameters<typeof temporaryFolder>[0], text: string) => {
    const path = join(await temporaryFolder(t), "budgets.csv");
    await writeFile(path, text);
    return readBudgets(path, []);
  };

  test("has columns in any order, and does not need the month", async (t) => {
    assert.deepEqual(await read(t, 'Amount, Currency ,by,value\n 12.50 ,eur,owner,"Ada, Ltd"\n'), [
      { by: "owner", value: "Ada, Ltd", month: null, amount: "12.50", currency: "EUR" },
    ]);
  });

  test("names line, column and value of a mistake", async (t) => {
    const head = "by,value,month,amount,currency\ntotal,,,1,USD\n";
    for (const [line, message] of [
      ["ownr,ada,,1,USD", 'budgets.csv, line 3, column by: "ownr" is not valid.'],
      ["month,2025-01,,1,USD", 'budgets.csv, line 3, column by: "month" is not valid.'],
      ["owner,,,1,USD", 'budgets.csv, line 3, column value: "" is not valid.'],
      ["total,x,,1,USD", 'budgets.csv, line 3, column value: "x" is not valid.'],
      ["owner,ada,2025-13,1,USD", 'budgets.csv, line 3, column month: "2025-13" is not valid.'],
      ['owner,ada,,"1,000",USD', 'budgets.csv, line 3, column amount: "1,000" is not valid.'],
      ["owner,ada,,0.00,USD", 'budgets.csv, line 3, column amount: "0.00" is not valid.'],
      ["owner,ada,,1,dollars", 'budgets.csv, line 3, column currency: "dollars" is not valid.'],
    ] as const) {
      const error = await rejects(read(t, `${head}${line}\n`), "VALUE_INVALID", message);
      assert.notEqual(error.hint, "");
    }
    const twice = read(t, `${head}owner,ada,,1,USD\nowner,ada,,2,usd\n`);
    await rejects(twice, "FILE_INVALID", "budgets.csv, line 4: this budget is also in line 3.");
    await rejects(read(t, "by,value,amount\n"), "FILE_INVALID", "budgets.csv, line 1: column currency is missing.");
    await rejects(read(t, `${head}total,,1\n`), "FILE_INVALID", "budgets.csv, line 3");
    await rejects(readBudgets("/none/budgets.csv", []), "FILE_NOT_FOUND", "/none/budgets.csv");
  });
});
