import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";

import { commitments } from "../../src/answers/commitments.ts";
import { costs } from "../../src/answers/costs.ts";
import { dimensionNames } from "../../src/answers/dimensions.ts";
import { explain } from "../../src/answers/explain.ts";
import { savings } from "../../src/answers/savings.ts";
import { series } from "../../src/answers/series.ts";
import { untagged } from "../../src/answers/untagged.ts";
import { rollupsWith } from "../../src/focus/rollup-columns.ts";
import { measures } from "../../src/answers/measures.ts";
import type { Row } from "../support/deliveries.ts";
import { type GoogleProject, googleProject } from "../support/google.ts";
import type { Project } from "../support/projects.ts";
import { answering, bill, charge } from "./bills.ts";

const [before, month] = ["2025-02", "2025-03"];

/** Charges of every kind; in some cells amounts cancel out, and others lack an amount that others of the cell have. */
function charges(of: string, scale: string): readonly Row[] {
  const rows: readonly Row[] = [
    { EffectiveCost: `10.5${scale}`, Tags: '{"team":"web","user:env":"prod"}' },
    { EffectiveCost: `3.25${scale}`, ChargePeriodStart: `${of}-28T23:00:00Z`, SubAccountId: "098765432109" },
    { EffectiveCost: "5", ContractedCost: "", ServiceName: "Cells" },
    { EffectiveCost: "-5", ContractedCost: "0", ServiceName: "Cells" },
    { EffectiveCost: "7", ContractedCost: "2", ServiceName: "Cells" },
    { EffectiveCost: "1", ContractedCost: "-2", ServiceName: "Cells", PricingQuantity: "" },
    { EffectiveCost: "3", BilledCost: "0", CommitmentDiscountId: "ri-1", CommitmentDiscountStatus: "Used" },
    { EffectiveCost: "2", BilledCost: "0", CommitmentDiscountId: "ri-1", CommitmentDiscountStatus: "Unused" },
    { EffectiveCost: "4", ListCost: "", CommitmentDiscountId: "ri-1", CommitmentDiscountStatus: "Used" },
    { EffectiveCost: "6", ListCost: "0", CommitmentProgramEligibilityDetails: '{"Plan":"yes"}', ResourceId: "" },
    { EffectiveCost: "8", Tags: '{"team":""}', x_QualityFlags: "ContractedCostFromListCost" },
    { EffectiveCost: "0", BilledCost: "7", ChargeCategory: "Purchase", CommitmentDiscountId: "ri-1" },
    { EffectiveCost: "1.75", ChargeCategory: "Purchase", ServiceName: "Support", SkuId: "", SkuMeter: "Fee" },
    { EffectiveCost: "-1.5", ChargeCategory: "Credit", SkuId: "", ChargeDescription: `Credit of ${of}` },
    { EffectiveCost: "-0.5", ChargeClass: "Correction" },
    { EffectiveCost: "3.8", ChargeCategory: "Tax", SkuId: "", ChargeDescription: "Tax" },
    { EffectiveCost: "100", BillingCurrency: "EUR", PricingCurrency: "USD", x_BillingExchangeRate: `0.9${scale}` },
    { EffectiveCost: "20", BillingCurrency: "EUR", PricingCurrency: "USD", x_BillingExchangeRate: "" },
  ];
  return rows.map((cells) => charge(of, cells));
}

/** Everything that `costs`, `explain` and `series` say, of months that are over and of one that is running. */
async function answers({ config }: Project): Promise<readonly unknown[]> {
  const found: unknown[] = [];
  const names = [...dimensionNames.filter((name) => !name.includes(":")), "tag:team", "tag:env"];
  const [over, running] = [new Date("2025-06-01T00:00:00Z"), new Date("2025-03-20T00:00:00Z")];
  for (const name of names) {
    found.push(await costs(config, { by: [name], now: over }));
    found.push(await costs(config, { by: [name, "service"], from: month, to: month, now: running }));
  }
  for (const measure of measures)
    found.push(await costs(config, { by: [], measure, from: before, to: month, now: over }));
  found.push(await costs(config, { by: ["service"], filters: ["tag:team=web", "account=012345678901"], now: over }));
  for (const by of ["provider", "account", "service", "region", "sku"]) {
    found.push(await explain(config, { by: [by], now: over }));
  }
  found.push(await explain(config, { month, measure: "billed", now: running }));
  for (const grain of ["month", "day"] as const)
    found.push(await series(config, { grain, from: before, to: month, now: over }));
  found.push(await commitments(config, { now: over }), await savings(config, { now: over }));
  for (const tag of [undefined, "team"])
    found.push(
      await untagged(config, { by: ["service", "account"], now: over, ...(tag === undefined ? {} : { tag }) }),
    );
  return found;
}

/** A few of them, without what differs between warehouses: the times at which months were loaded. */
async function someAnswers({ config }: Project): Promise<readonly unknown[]> {
  const now = new Date("2025-06-01T00:00:00Z");
  const found = [
    await costs(config, { by: ["account", "tag:team"], from: before, to: month, now }),
    await costs(config, { by: ["resource"], now }),
    await explain(config, { by: ["sku"], now }),
    await series(config, { grain: "day", from: before, to: month, now }),
  ];
  return found.map((answer) => ({ ...answer, loads: [] }));
}

/** Changes the tables of a warehouse as another program does. */
const change: Readonly<Record<keyof typeof answering, (project: Project, sql: string) => Promise<unknown>>> = {
  async DuckDB({ folder }, sql) {
    const instance = await DuckDBInstance.create(join(folder, "billhouse.duckdb"));
    const connection = await instance.connect();
    await connection.run(sql);
    connection.closeSync();
    instance.closeSync();
  },
  BigQuery: (project, sql) =>
    (project as GoogleProject).bigquery.rows(sql.replace("_billhouse", "billing_focus._billhouse"), googleProject),
};

const [monthly] = rollupsWith([]);
const olderColumns = [...Object.keys(monthly?.keys ?? {}), ...(monthly?.sums ?? []), "x_Rows"].filter(
  (name) => name !== "x_SkuTerm",
);
/** What makes the sums those of a version without a column. */
const older: Readonly<Record<keyof typeof answering, string>> = {
  DuckDB: `CREATE OR REPLACE VIEW focus_sku_monthly AS SELECT ${olderColumns.join(", ")} FROM _billhouse_focus_sums WHERE rollup = 'focus_sku_monthly'`,
  BigQuery: "ALTER TABLE _billhouse_focus_sums DROP COLUMN x_SkuTerm",
};
const outdate = "UPDATE _billhouse_focus_months SET loads = 'x' WHERE billing_month";

test("answers from sums that are kept equal those from the view, also where only some months are current", async (t) => {
  const deliveries = [await bill(before, charges(before, "1")), await bill(month, charges(month, "3"))];
  const project = await answering.DuckDB(t, deliveries, undefined, ["team"]);
  const kept = await answers(project);
  const asBefore = await someAnswers(project);
  await change.DuckDB(project, `${outdate} = '${month}'`);
  const mixed = await answers(project);
  await change.DuckDB(project, `${outdate} <> ''`);
  const view = await answers(project);
  for (const [index, answer] of view.entries()) {
    assert.deepEqual(kept[index], answer);
    assert.deepEqual(mixed[index], answer);
  }

  const other = await answering.BigQuery(t, deliveries, undefined, ["team"]);
  assert.deepEqual(await someAnswers(other), asBefore, "from the sums in BigQuery");
  await change.BigQuery(other, `${outdate} = '${month}'`);
  assert.deepEqual(await someAnswers(other), asBefore, "from the sums of one month in BigQuery");
  await change.BigQuery(other, `${outdate} <> ''`);
  assert.deepEqual(await someAnswers(other), asBefore, "from the view in BigQuery");
});

test("commitments are answered from the view where the sums were made by a version without one of their columns", async (t) => {
  for (const [warehouse, create] of Object.entries(answering)) {
    const project = await create(t, [await bill(month, charges(month, "1"))]);
    const ask = (): ReturnType<typeof commitments> =>
      commitments(project.config, { now: new Date("2025-06-01T00:00:00Z") });
    const asBefore = await ask();
    await change[warehouse as keyof typeof answering](project, older[warehouse as keyof typeof answering]);
    assert.deepEqual(await ask(), asBefore, warehouse);
  }
});

for (const [warehouse, create] of Object.entries(answering)) {
  test(`answers in ${warehouse} read sums that are kept where these can answer, and else the view`, async (t) => {
    const project = await create(t, [await bill(month, charges(month, "1"))], undefined, ["team"]);
    const lose = "UPDATE _billhouse_focus_sums SET EffectiveCost = 0, BilledCost = 0 WHERE TRUE";
    await change[warehouse as keyof typeof answering](project, lose);
    const now = new Date("2025-06-01T00:00:00Z");
    const isKept = async (name: string): Promise<boolean> =>
      (await costs(project.config, { by: [name], now })).currency["USD"]?.total.cost === "0";
    const names = [...dimensionNames.filter((name) => !name.includes(":")), "tag:team", "tag:env"];
    const fromView: string[] = [];
    for (const name of names) if (!(await isKept(name))) fromView.push(name);
    assert.deepEqual(fromView, ["resource", "invoice", "tag:env"]);
    assert.equal((await commitments(project.config, { now })).currency["USD"]?.total.used, "0");
    assert.equal((await savings(project.config, { now })).currency["USD"]?.[0]?.effective, "0");
    for (const tag of [undefined, "team"]) {
      const found = await untagged(project.config, { by: ["service"], now, ...(tag === undefined ? {} : { tag }) });
      assert.equal(found.currency["USD"]?.taggable, "0");
    }
  });
}
