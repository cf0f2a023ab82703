import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";

import { typeOf } from "../../src/focus/expression.ts";
import { mappings } from "../../src/focus/mappings/index.ts";
import { fieldsUsed } from "../../src/focus/reading.ts";
import { migrate, verify, type VerifyResult } from "../../src/index.ts";
import { curColumns, curDelivery, curManifestTypes, curRow, deliver, type Delivery } from "../support/deliveries.ts";
import { createGoogleProject, upload } from "../support/google.ts";
import { ask, createProject, curSection, type Project, runWell } from "../support/projects.ts";

const focusNumbers = [
  "commitmentdiscountquantity",
  "consumedquantity",
  "contractedunitprice",
  "listunitprice",
  "pricingcurrencycontractedunitprice",
  "pricingcurrencyeffectivecost",
  "pricingcurrencylistunitprice",
  "pricingquantity",
  "x_billedcostinusd",
  "x_billingexchangerate",
  "x_effectivecostinusd",
];

/** Numbers that a mapping reads besides amounts: quantities, prices, rates, and amounts in another currency than the bill. */
const otherNumbers: Readonly<Record<string, readonly string[]>> = {
  aws_cur: [
    "line_item_net_unblended_rate",
    "line_item_normalized_usage_amount",
    "line_item_unblended_rate",
    "line_item_usage_amount",
    "pricing_public_on_demand_rate",
    "reservation_unused_normalized_unit_quantity",
    "reservation_unused_quantity",
  ],
  aws_focus: focusNumbers,
  azure_focus: [
    "commitmentdiscountquantity",
    "consumedquantity",
    "contractedunitprice",
    "listunitprice",
    "pricingcurrencycontractedunitprice",
    "pricingcurrencyeffectivecost",
    "pricingcurrencylistunitprice",
    "pricingquantity",
    "usagequantity",
    "x_billedcostinusd",
    "x_billingexchangerate",
    "x_effectivecostinusd",
    "x_ondemandunitprice",
  ],
  focus_files: focusNumbers,
  azure_cost: [
    "costinpricingcurrency",
    "costinusd",
    "exchange_rate",
    "paygprice",
    "quantity",
    "resourcerate",
    "unitprice",
  ],
};

describe("every number that a mapping reads is an amount with sums in receipts, or something else", () => {
  for (const mapping of mappings) {
    test(mapping.name, () => {
      const numbers = [...fieldsUsed(mapping).values()].filter((one) => typeOf(one) === "decimal");
      const others = numbers.map(({ name }) => name).filter((name) => !mapping.amounts.includes(name));
      assert.deepEqual(others.toSorted(), otherNumbers[mapping.name]);
      const unread = mapping.amounts.filter((name) => !numbers.some((one) => one.name === name));
      assert.deepEqual(unread, []);
    });
  }
});

const month = "2025-01";
const table = "billing_data.aws_cur_data";
const amounts = [
  "lineItem/NetUnblendedCost",
  "pricing/publicOnDemandCost",
  "reservation/EffectiveCost",
  "reservation/UnusedRecurringFee",
];

function bill(id: string): Delivery {
  const types = { ...curManifestTypes, ...Object.fromEntries(amounts.map((name) => [name, "OptionalBigDecimal"])) };
  const rows = [
    curRow(month, {
      "lineItem/UnblendedCost": "10",
      "lineItem/NetUnblendedCost": "8.5",
      "pricing/publicOnDemandCost": "12",
    }),
    curRow(month, { "lineItem/UnblendedCost": "0", "reservation/EffectiveCost": "1.0000000001" }),
    curRow(month, {
      "lineItem/UnblendedCost": "3",
      "lineItem/NetUnblendedCost": "-2.25",
      "lineItem/CurrencyCode": "EUR",
    }),
  ];
  return curDelivery({
    month,
    id,
    types,
    columns: [...curColumns, ...amounts],
    files: [rows.slice(0, 2), rows.slice(2)],
  });
}

const expected = {
  line_item_net_unblended_cost: { EUR: "-2.25", USD: "8.5" },
  pricing_public_on_demand_cost: { EUR: "0", USD: "12" },
  reservation_effective_cost: { EUR: "0", USD: "1.0000000001" },
  reservation_unused_recurring_fee: { EUR: "0", USD: "0" },
};

const newest = `SELECT amounts_by_column AS amounts, flags FROM ${table}_load_tracking
  WHERE billing_month IS NOT NULL ORDER BY _dlt_load_id DESC LIMIT 1`;

async function recorded(project: Project): Promise<readonly [unknown, unknown]> {
  const [row] = await ask(project, newest);
  return [JSON.parse(String(row?.["amounts"])), row?.["flags"]];
}

function failing({ checks }: VerifyResult): readonly unknown[] {
  return checks.filter(({ ok }) => !ok).map(({ name, expected: before, actual }) => [name, before, actual]);
}

async function change(project: Project, ...statements: readonly string[]): Promise<void> {
  const instance = await DuckDBInstance.create(join(project.folder, "billhouse.duckdb"));
  const connection = await instance.connect();
  for (const sql of statements) await connection.run(sql);
  connection.closeSync();
  instance.closeSync();
}

async function loaded(t: TestContext): Promise<Project> {
  const project = await createProject(t, curSection);
  await deliver(project.bucket, bill("20250203T000000Z"));
  await runWell(project);
  return project;
}

describe("a receipt has the exact sum of every amount that the FOCUS view reads", () => {
  test("in DuckDB, and verify finds a changed one", async (t) => {
    const project = await loaded(t);
    assert.deepEqual(await recorded(project), [expected, null]);
    assert.deepEqual(failing(await verify(project.config, { deep: true })), []);
    await change(
      project,
      `UPDATE ${table} SET reservation_effective_cost = 2 WHERE reservation_effective_cost IS NOT NULL`,
    );
    assert.deepEqual(failing(await verify(project.config)), [
      ["amounts", "reservation_effective_cost: 0 EUR, 1.0000000001 USD", "reservation_effective_cost: 0 EUR, 2 USD"],
    ]);
  });

  test("in BigQuery, which reads the files itself", async (t) => {
    const project = await createGoogleProject(t, { aws_cur: { prefix: "cur" } });
    upload(project, bill("20250203T000000Z"));
    await runWell(project);
    assert.deepEqual(await recorded(project), [expected, null]);
    assert.deepEqual(failing(await verify(project.config)), []);
  });

  test("also a receipt of before, which migrate measures once and marks", async (t) => {
    const project = await loaded(t);
    const measured = "regexp_replace(measured_columns, '\"amountColumns\":\\[[^\\]]*\\],', '')";
    await change(project, `UPDATE ${table}_load_tracking SET amounts_by_column = NULL, measured_columns = ${measured}`);
    const { ok, checks } = await verify(project.config);
    assert.ok(ok);
    assert.match(
      checks.find(({ name }) => name === "amounts")?.note ?? "",
      /4 columns .* billhouse migrate aws_cur --yes/,
    );
    const { pipelines } = await migrate(project.config, { yes: true });
    assert.deepEqual(
      pipelines[0]?.steps.map(({ step, done }) => [step, done]),
      [["costs", true]],
    );
    assert.deepEqual(await recorded(project), [expected, '["amounts-measured"]']);
    assert.deepEqual((await migrate(project.config, { yes: true })).pipelines[0]?.steps, []);
  });
});
