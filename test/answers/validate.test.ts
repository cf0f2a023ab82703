import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { validate, type ValidateResult } from "../../src/index.ts";
import { curColumns, curDelivery, curRow, deliver, type Row } from "../support/deliveries.ts";
import { billhouse } from "../support/in-process.ts";
import { createProject, curSection, runWell } from "../support/projects.ts";
import { answering, bill, charge } from "./bills.ts";

const month = "2025-03";

/** A charge that keeps every rule for which the columns of these bills are enough. */
const good = (cells: Row = {}): Row =>
  charge(month, { ChargePeriodEnd: `${month}-02T01:00:00Z`, ServiceCategory: "Compute", ...cells });

function resultOf({ results }: ValidateResult, rule: string, billingMonth = month): ValidateResult["results"][number] {
  return (
    results.find((each) => each.rule === rule && each.billingMonth === billingMonth) ??
    assert.fail(`no answer to ${rule}`)
  );
}

for (const [warehouse, load] of Object.entries(answering)) {
  describe(`validate in ${warehouse}`, () => {
    test("every rule is answered for each month, and the answers add up to the scores", async (t) => {
      const { config } = await load(t, [
        await bill("2025-02", [charge("2025-02")]),
        await bill(month, [good(), good()]),
      ]);
      const result = await validate(config);
      assert.deepEqual([result.version, result.results.length], ["1.2", 2 * 539]);
      assert.deepEqual(
        result.scores.map(({ pipeline, billingMonth, rows }) => [pipeline, billingMonth, rows]),
        [
          ["aws_focus", "2025-02", 1],
          ["aws_focus", month, 2],
        ],
      );
      for (const { passed, failed, undecidable } of result.scores) assert.equal(passed + failed + undecidable, 400);
      const only = await validate(config, { months: { only: [month] }, version: "1.4" });
      assert.deepEqual([only.version, only.scores.map(({ billingMonth }) => billingMonth)], ["1.4", [month]]);
    });

    test("a rule that the cloud's export breaks fails with its rows and an example", async (t) => {
      const plan = good({ ChargeCategory: "Purchase", ChargeDescription: "plan", ChargeFrequency: "Usage-Based" });
      const rows = [good(), good({ ChargeCategory: "Gift", SkuId: "a" }), good({ BillingCurrency: "Euro" }), plan];
      const { config } = await load(t, [await bill(month, rows)]);
      const result = await validate(config);
      assert.equal(result.ok, false);
      const { verdict, origin, rows: number, examples } = resultOf(result, "ChargeCategory-C-003-M");
      assert.deepEqual([verdict, origin, number, examples], ["fail", "cloud", 1, [{ ChargeCategory: "Gift" }]]);
      const currency = resultOf(result, "BillingCurrency-C-006-M");
      assert.deepEqual([currency.rows, currency.examples], [1, [{ BillingCurrency: "Euro" }]]);
      const frequency = resultOf(result, "ChargeFrequency-C-004-C");
      assert.deepEqual(
        [frequency.rows, frequency.examples],
        [1, [{ ChargeCategory: "Purchase", ChargeDescription: "plan", ChargeFrequency: "Usage-Based" }]],
      );
      const whole = resultOf(result, "CostAndUsage-D-000-M");
      assert.deepEqual([whole.verdict, whole.parts], ["fail", 2]);
    });

    test("a meter without a SKU fails where the export has it as such, and is undecidable in a column of the cloud", async (t) => {
      const { config } = await load(t, [
        await bill("2025-02", [inFebruary(good({ SkuId: "", x_UsageType: "BoxUsage" }))]),
        await bill(month, [good({ SkuId: "", SkuMeter: "BoxUsage" })]),
      ]);
      const result = await validate(config);
      const { verdict, reason, rows } = resultOf(result, "SkuMeter-C-004-C", "2025-02");
      assert.deepEqual([verdict, rows], ["undecidable", 1]);
      assert.match(reason ?? "", /also where they do not name its SKU/u);
      const delivered = resultOf(result, "SkuMeter-C-004-C");
      assert.deepEqual([delivered.verdict, delivered.origin], ["fail", "cloud"]);
    });

    test("a price times a quantity that is not the cost fails, a rounded one does not", async (t) => {
      const priced = (cost: string): Row =>
        good({ ContractedUnitPrice: "0.3333333333", PricingQuantity: "3", ContractedCost: cost });
      const { config } = await load(t, [await bill(month, [priced("1"), priced("0.9999999999"), priced("1.01")])]);
      const { verdict, rows, examples } = resultOf(await validate(config), "ContractedCost-C-009-C");
      assert.deepEqual(
        [verdict, rows, examples.map((example) => Number(example["ContractedCost"]))],
        ["fail", 1, [1.01]],
      );
    });

    test("a bill with the sign between counts in its text is counted as others are", async (t) => {
      const wrong = { ChargeCategory: "Gift", SkuId: "a" };
      const { config } = await load(t, [
        await bill("2025-02", [charge("2025-02", { ...wrong, ResourceId: "a\u241f0\u241fb" })]),
        await bill(month, [charge(month, { ...wrong, ResourceId: "a" })]),
      ]);
      const { results } = await validate(config);
      const countsOf = (of: string): readonly unknown[] =>
        results.filter((each) => each.billingMonth === of).map(({ rule, verdict, rows }) => [rule, verdict, rows]);
      assert.deepEqual(countsOf("2025-02"), countsOf(month));
    });

    test("used and unused parts of a commitment that are less than its fees fail", async (t) => {
      const of = (cells: Row): Row => good({ CommitmentDiscountId: "plan-1", ...cells });
      const fee = of({ ChargeCategory: "Purchase", ChargeFrequency: "Recurring", BilledCost: "5", EffectiveCost: "0" });
      const used = of({ CommitmentDiscountStatus: "Used", BilledCost: "0", EffectiveCost: "3" });
      const unused = of({ CommitmentDiscountStatus: "Unused", BilledCost: "0", EffectiveCost: "2" });
      const columns = [await bill("2025-02", [fee, used].map(inFebruary)), await bill(month, [fee, used, unused])];
      const { config } = await load(t, columns);
      const result = await validate(config);
      const short = resultOf(result, "EffectiveCost-C-012-C", "2025-02");
      assert.deepEqual([short.verdict, short.rows, short.examples], ["fail", 1, [{ CommitmentDiscountId: "plan-1" }]]);
      assert.equal(resultOf(result, "EffectiveCost-C-012-C").verdict, "pass");
    });

    test("without bills there is nothing to check", async (t) => {
      const { config } = await load(t, [await bill(month, [good()])]);
      const result = await validate(config, { months: { only: ["2024-01"] } });
      assert.deepEqual([result.ok, result.scores, result.results], [true, [], []]);
    });

    test("an unknown version of the rules is wrong use", async (t) => {
      const { config } = await load(t, [await bill(month, [good()])]);
      await assert.rejects(validate(config, { version: "1.9" as "1.2" }), { code: "USAGE_INVALID" });
    });
  });
}

function inFebruary(row: Row): Row {
  const dated = Object.entries(row).map(([name, value]) => [
    name,
    value?.replace("2025-03", "2025-02").replace("2025-04", "2025-03"),
  ]);
  return Object.fromEntries(dated) as Row;
}

describe("billhouse validate", () => {
  test("reservations keep every rule that names them by a subscription, and what is unused of a nameless one is open", async (t) => {
    const project = await createProject(t, curSection);
    const reserved = { "reservation/SubscriptionId": "363836886", "pricing/unit": "Hrs", "lineItem/UnblendedRate": "" };
    const fee = curRow(month, {
      ...reserved,
      "lineItem/LineItemType": "RIFee",
      "lineItem/UsageStartDate": `${month}-01T00:00:00Z`,
      "lineItem/UsageEndDate": "2025-04-01T00:00:00Z",
      "lineItem/UsageAmount": "744",
      "lineItem/UnblendedCost": "4",
      "reservation/UnusedQuantity": "743",
      "reservation/UnusedRecurringFee": "3",
    });
    const use = curRow(month, {
      ...reserved,
      "lineItem/LineItemType": "DiscountedUsage",
      "lineItem/UsageEndDate": `${month}-02T01:00:00Z`,
      "lineItem/UsageAmount": "1",
      "lineItem/UnblendedCost": "0",
      "reservation/EffectiveCost": "1",
    });
    const columns = [...new Set([...curColumns, ...Object.keys(fee), ...Object.keys(use)])];
    const load = async (id: string, rows: readonly Row[]): Promise<ValidateResult> => {
      await deliver(project.bucket, curDelivery({ month, id, columns, files: [rows] }));
      await runWell(project);
      return validate(project.config);
    };
    const named = await load("a", [fee, use]);
    assert.deepEqual(
      named.results.filter(({ verdict }) => verdict === "fail").map(({ rule }) => rule),
      [],
    );
    assert.equal(resultOf(named, "DiscountHandling-A-019-C").verdict, "pass");
    const nameless = await load("b", [{ ...fee, "reservation/SubscriptionId": "" }]);
    assert.deepEqual(
      nameless.results.filter(({ verdict }) => verdict === "fail").map(({ rule }) => rule),
      [],
    );
    assert.equal(resultOf(nameless, "DiscountHandling-A-019-C").verdict, "undecidable");
  });

  test("a converted report keeps every rule that it decides, and the exit code is 0", async (t) => {
    const project = await createProject(t, curSection);
    const row = curRow(month, { "lineItem/UsageEndDate": `${month}-02T01:00:00Z`, "pricing/unit": "Hrs" });
    const rows = [row, { ...row, "lineItem/LineItemType": "Fee", "lineItem/UnblendedRate": "" }];
    const columns = [...curColumns, "pricing/unit"];
    await deliver(project.bucket, curDelivery({ month, id: "a", columns, files: [rows] }));
    await runWell(project);
    const { code, stdout } = await billhouse(project.folder, ["validate", "--all"]);
    assert.equal(code, 0);
    assert.match(stdout, /aws_cur {2}2025-03 +2 +100\.0 %/u);
    assert.match(
      stdout,
      /\? ContractedUnitPrice-C-006-C\n.*\n {4}The report lacks the negotiated price for the row\. \(1 row\)/u,
    );
  });

  test("failures end with exit code 4, also as JSON and CSV", async (t) => {
    const { folder } = await answering.DuckDB(t, [await bill(month, [good({ ChargeCategory: "Gift" })])]);
    const { code, stdout } = await billhouse(folder, ["validate", month, "--json"]);
    const result = JSON.parse(stdout) as { results: { rule: string; billing_month: string; examples: unknown }[] };
    const found = result.results.find(({ rule }) => rule === "ChargeCategory-C-003-M");
    assert.deepEqual([code, found?.billing_month, found?.examples], [4, month, [{ ChargeCategory: "Gift" }]]);
    const csv = await billhouse(folder, ["validate", "--csv", "--focus-version", "1.4"]);
    const lines = csv.stdout.split(/\r?\n/u);
    assert.equal(csv.code, 4);
    assert.equal(lines[0], "pipeline,billing_month,rule,verdict,origin,rows,counted,reason,text");
    const line =
      "aws_focus,2025-03,ChargeCategory-allowed,fail,cloud,1,row,,ChargeCategory is one of the allowed values.";
    assert.ok(lines.includes(line));
  });
});
