import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";

import { budgets } from "../../src/answers/budgets.ts";
import { commitments } from "../../src/answers/commitments.ts";
import { costs } from "../../src/answers/costs.ts";
import { explain } from "../../src/answers/explain.ts";
import { forecast } from "../../src/answers/forecast.ts";
import { report } from "../../src/answers/report.ts";
import { untagged } from "../../src/answers/untagged.ts";
import type { Config } from "../../src/index.ts";
import { deliver, type Delivery, type Row } from "../support/deliveries.ts";
import { type GoogleProject, upload } from "../support/google.ts";
import { type Project, runProject } from "../support/projects.ts";
import { answering, bill, charge, focusSection } from "./bills.ts";

const [before, month, running] = ["2019-02", "2019-03", "2019-04"];
const now = new Date("2019-04-14T00:00:00Z");

/** Charges of every kind with many digits, on the first days of a month. */
function charges(of: string, price: string, days: number): readonly Row[] {
  const covered = { CommitmentDiscountId: "ri-1", EffectiveCost: "0.6", ContractedCost: "1" };
  return [
    ...Array.from({ length: days }, (_, index) =>
      charge(of, {
        ChargePeriodStart: `${of}-${String(index + 1).padStart(2, "0")}T00:00:00Z`,
        EffectiveCost: `${price}.${index}000000000000000${index % 7}`,
        PricingQuantity: `${index + 1}.3`,
        Tags: index % 2 === 0 ? '{"team":"web"}' : "{}",
      }),
    ),
    charge(of, { ...covered, CommitmentDiscountStatus: "Used" }),
    charge(of, { ...covered, CommitmentDiscountStatus: "Unused", ContractedCost: "0", ListCost: "0" }),
    charge(of, { EffectiveCost: "5.5", ServiceName: "Disks", SubAccountId: "098765432109" }),
    charge(of, { EffectiveCost: "2", BillingCurrency: "EUR", ServiceName: "Disks" }),
    charge(of, { EffectiveCost: "1.75", ChargeCategory: "Purchase", ServiceName: "Support" }),
    charge(of, { EffectiveCost: "-1.5", ChargeCategory: "Credit" }),
    charge(of, { EffectiveCost: "3.8", ChargeCategory: "Tax" }),
    charge(of, { EffectiveCost: "0", BilledCost: "7", ChargeCategory: "Purchase", CommitmentDiscountId: "ri-1" }),
  ];
}

const place: Readonly<Record<keyof typeof answering, (project: Project, delivery: Delivery) => unknown>> = {
  DuckDB: (project, delivery) => deliver(project.bucket, delivery),
  BigQuery: (project, delivery) => upload(project as GoogleProject, delivery),
};

/** A project with three months, of which one was restated, and with budgets. */
async function restated(warehouse: keyof typeof answering, t: TestContext): Promise<Config> {
  const deliveries = [
    await bill(before, charges(before, "3", 28)),
    await bill(month, charges(month, "4", 31)),
    await bill(running, charges(running, "5", 10)),
  ];
  const project = await answering[warehouse](t, deliveries, focusSection, ["team"]);
  const again = await bill(before, charges(before, "3", 27), "acme-focus");
  await place[warehouse](project, again);
  await runProject(project, { force: true });
  const file = join(project.folder, "budgets.csv");
  await writeFile(file, "by,value,month,amount,currency\ntag:team,web,,50.25,USD\ntotal,,,300,USD\n");
  return { ...project.config, budgets: { file } };
}

/** Every answer that there is, without the times of loads. */
async function everything(config: Config): Promise<Readonly<Record<string, unknown>>> {
  const days = { from: running, now };
  const answers = {
    report: await report(config, { now, month }),
    running: await report(config, { now, month: running, top: 2 }),
    costs: await costs(config, {
      now,
      from: before,
      to: month,
      by: ["service", "account", "tag:team", "region", "sku"],
    }),
    days: await costs(config, days),
    explain: await explain(config, { now, month, by: ["sku", "account", "region", "provider"] }),
    billed: await explain(config, { now, month, measure: "billed" }),
    commitments: await commitments(config, { now, month }),
    untagged: await untagged(config, { now, month, tag: "team" }),
    forecast: await forecast(config, { now }),
    budgets: await budgets(config, { now, month: running }),
  };
  const text = JSON.stringify(answers, (name, value: unknown) =>
    ["loadedAt", "verifiedAt", "finality"].includes(name) ? null : value,
  );
  return JSON.parse(text) as Record<string, unknown>;
}

describe("report", () => {
  test("this and every other answer is the same in DuckDB and in BigQuery, to the last digit", async (t) => {
    const [duckdb, bigquery] = [await restated("DuckDB", t), await restated("BigQuery", t)];
    assert.deepEqual(await everything(bigquery), await everything(duckdb));
  });

  test("each part is the answer of its function", async (t) => {
    const config = await restated("DuckDB", t);
    const result = await report(config, { now, month });
    const parts = {
      clouds: await costs(config, { now, from: month, by: ["cloud"] }),
      services: await costs(config, { now, from: month }),
      explain: await explain(config, { now, month }),
      commitments: await commitments(config, { now, month }),
    } as const;
    for (const [name, { readFrom: _, publishedAt: _2, lockedBy: _3, ...part }] of Object.entries(parts)) {
      // The report has these once.
      const own = Object.entries(part).filter(([key]) => key !== "budgets" && key !== "forecast");
      assert.deepEqual(result[name as keyof typeof parts], Object.fromEntries(own), name);
    }
    assert.deepEqual(
      result.untagged.map(({ tag }) => tag),
      ["team"],
    );
    const byTeam = await costs(config, { now, from: month, by: ["tag:team"] });
    assert.deepEqual(
      result.allocations.map(({ currency }) => currency),
      [byTeam.currency],
    );
    assert.deepEqual(result.budgets, (await budgets(config, { now, month })).budgets);
    assert.equal(
      result.forecast?.currency["USD"]?.forecast,
      (await forecast(config, { now })).currency["USD"]?.forecast,
    );
    assert.deepEqual(
      result.months.buckets.map(({ name }) => name),
      [before, month],
    );
    assert.deepEqual(
      result.exports.map(({ export: name, rows, dataUntil }) => [name, rows, dataUntil]),
      [["aws_focus", 39, "2019-03-31"]],
    );
  });

  test("lists the restatements of the last twelve months with their change", async (t) => {
    const project = await answering.DuckDB(t, [
      await bill(before, charges(before, "3", 28)),
      await bill(month, charges(month, "4", 31)),
    ]);
    await deliver(project.bucket, await bill(before, charges(before, "2", 28)));
    const { finished } = await runProject(project);
    assert.deepEqual(
      finished.pipelines[0]?.loaded.map(({ billingMonth }) => billingMonth),
      [before],
    );
    const { restatements } = await report(project.config, { now, month });
    assert.deepEqual(
      restatements.map(({ export: name, billingMonth, rows, rowChange, costChange, undone }) => [
        name,
        billingMonth,
        rows,
        rowChange,
        costChange,
        undone,
      ]),
      [["aws_focus", before, 36, 0, { EUR: "0", USD: "-28" }, false]],
    );
    const later = await report(project.config, { now, month: before });
    assert.equal(later.restatements.length, 1);
    assert.deepEqual([later.explain, later.notExplained], [null, "2019-01 is not loaded."]);
  });
});
