import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";

import { temporaryFolder } from "../support/folders.ts";

/** A mistake in a mapping: the file in `src/focus/mappings/`, a text that it has once, and what stands there instead. */
type Mutation = readonly [file: string, text: string, instead: string];

const mutations: Readonly<Record<string, Mutation>> = {
  "gross amounts before net amounts": ["aws-cur-lines.ts", "first(net, gross)", "first(gross, net)"],
  "a refund of this month is a correction": [
    "aws-cur-lines.ts",
    'compared(field("line_item_usage_start_date", "timestamp"), "<", ',
    'compared(field("line_item_usage_start_date", "timestamp"), ">=", ',
  ],
  "a credit is an adjustment": ["aws-cur-lines.ts", '[isCredit, constant("Credit")],', ""],
  "the refund of a plan without its ARN is usage": ["aws-cur-lines.ts", '"SavingsPlans?$"', '"NoPlans$"'],
  "a monthly fee is paid once": [
    "aws-cur-lines.ts",
    "some(isFee, isReservationFee, isPlanFee, isTax)",
    "some(isReservationFee, isPlanFee, isTax)",
  ],
  "spot is not seen": ["aws-cur-lines.ts", 'matches(usageType, "Spot")', 'matches(usageType, "Sport")'],
  "discounts are not usage": ["aws-cur-lines.ts", '"Discount$"', '"^EdpDiscount$"'],
  "split lines count": ["aws-cur-lines.ts", "split_line_item_parent_resource_id", "split_line_item_parent"],
  "used capacity is unused": ["aws-cur-lines.ts", '"UnusedBox|UnusedDed"', '"UnusedDed"'],
  "negations count": ["aws-cur.ts", "all(not(isNegation), not(isSplit))", "not(isSplit)"],
  "covered usage is billed": ["aws-cur.ts", "BilledCost: cases([[isPlanUse, zero]], billed)", "BilledCost: billed"],
  "payments for commitments have an effective cost": [
    "aws-cur.ts",
    "[isCommitmentPurchase, zero],\n      ],\n      amount,",
    "],\n      amount,",
  ],
  "the contracted cost of reserved usage is what is billed": [
    "aws-cur.ts",
    "cases([[isReservationUse, first(listed, billed)]], billed)",
    "billed",
  ],
  "covered usage is standard": ["aws-cur.ts", '[isCovered, text("Committed")],', ""],
  "the unused part has the list cost of the fee": ["aws-cur-commitments.ts", "  ListCost: zero,\n", ""],
  "the whole fee is unused": [
    "aws-cur-commitments.ts",
    'minus(plan("total_commitment_to_date"), first(plan("used_commitment"), zero))',
    'plan("total_commitment_to_date")',
  ],
  "the unused part of an idle plan is lost": [
    "aws-cur-commitments.ts",
    'minus(plan("total_commitment_to_date"), first(plan("used_commitment"), zero))',
    'minus(plan("total_commitment_to_date"), plan("used_commitment"))',
  ],
  "the unused part of a reservation without an upfront fee is lost": [
    "aws-cur-commitments.ts",
    "where(some(present(one), present(other)), plus(first(one, zero), first(other, zero)))",
    "plus(one, other)",
  ],
  "the net unused part is before discounts": [
    "aws-cur-commitments.ts",
    "cases([[isWholeUse, netUnused]], grossUnused)",
    "grossUnused",
  ],
  "the tax of AWS FOCUS keeps its effective cost": [
    "aws-focus.ts",
    "EffectiveCost: cases([[isTax, billed]], effective),",
    "EffectiveCost: effective,",
  ],
  "AWS provides what it sells for others": [
    "aws-focus.ts",
    'first(field("serviceprovidername"), field("publishername"), field("providername"))',
    'first(field("serviceprovidername"), field("providername"))',
  ],
  "a subcategory of another category": [
    "aws-focus.ts",
    'compared(field("known_category"), "=", field("servicecategory"))',
    'present(field("servicecategory"))',
  ],
  "use of a commitment is billed": [
    "azure-cost.ts",
    "[all(isAmortized, isCovered), zero],\n  ],\n  cost,",
    "],\n  cost,",
  ],
  "purchases of commitments have an effective cost": [
    "azure-cost.ts",
    '[isCommitmentPurchase, zero],\n    [all(isActual, isCovered), nothing("decimal")],',
    '[all(isActual, isCovered), nothing("decimal")],',
  ],
  "prices are not converted": ["azure-cost.ts", "times(price, rate)", "price"],
  "the end of a day is inclusive": [
    "azure-cost.ts",
    'ChargePeriodEnd: nextDay(field("date", "timestamp"))',
    'ChargePeriodEnd: field("date", "timestamp")',
  ],
  "tags without braces are lost": ["azure-cost.ts", 'joined("", text("{"), json, text("}"))', "json"],
  "every plan is a reservation": ["azure-cost.ts", '"/microsoft.billingbenefits/"', '"/microsoft.plans/"'],
  "quantities are not normalised": ["azure-cost.ts", 'times(quantity, first(normalisation, decimal("1")))', "quantity"],
  "all of both exports count": ["azure-cost.ts", "rows: isCounted, ", ""],
  "unused savings plans are adjustments": [
    "azure-cost-lines.ts",
    'isUnused: Condition = isOneOf(chargeType, "unusedreservation", "unusedsavingsplan")',
    'isUnused: Condition = isOneOf(chargeType, "unusedreservation")',
  ],
  "every refund is a correction": [
    "azure-cost-lines.ts",
    'all(present(previousInvoice), not(compared(previousInvoice, "=", field("invoiceid"))))',
    'present(field("invoiceid"))',
  ],
  "savings plans in two words are not seen": [
    "azure-cost-lines.ts",
    'pricingModel = replaced(lower(field("pricingmodel")), "\\\\s", "")',
    'pricingModel = lower(field("pricingmodel"))',
  ],
  "the declared kinds of exports are confused": [
    "azure-cost-lines.ts",
    'ActualCost: "actual", AmortizedCost: "amortized"',
    'ActualCost: "amortized", AmortizedCost: "actual"',
  ],
  "the effective cost of purchases stays": [
    "azure-focus.ts",
    "effective: cases([[isCommitmentPurchase, zero]], givenEffective)",
    "effective: givenEffective",
  ],
  "covered usage stays standard": ["azure-focus.ts", '[isCommitmentUse, text("Committed")],', ""],
  "a contracted cost of 0 stays": [
    "azure-focus.ts",
    "contracted: cases([[isMissing(givenContracted), effective]], givenContracted)",
    "contracted: givenContracted",
  ],
  "an empty service name stays": ["azure-focus.ts", 'meterSubcategory,\n      field("x_skumetercategory"),', ""],
  "identifiers keep their capitals": [
    "azure-focus.ts",
    'commitment_id: lower(field("commitmentdiscountid"))',
    'commitment_id: field("commitmentdiscountid")',
  ],
};

/** The rows in `rules.test.ts` that a mapping makes, by the beginning of its file. */
const rowsOf: Readonly<Record<string, string>> = {
  "aws-cur": "AWS reports",
  "aws-focus": "AWS exports in FOCUS columns",
  "azure-cost": "Azure actual and amortized cost",
  "azure-focus": "Azure exports in FOCUS columns",
};

const checkout = resolve(import.meta.dirname, "../..");

// `npm run test:mutations` makes all of them; each takes seconds.
const made = Object.entries(mutations).filter((_, index) => process.env["MUTATIONS"] === "all" || index % 3 === 0);

test("a mistake in a mapping is found by the rules", async (t) => {
  const copy = await temporaryFolder(t);
  for (const name of ["src", "test", "package.json", "tsconfig.json"])
    cpSync(join(checkout, name), join(copy, name), { recursive: true });
  symlinkSync(join(checkout, "node_modules"), join(copy, "node_modules"));
  assert.equal(runRules(copy).status, 0, "the rules hold without a mistake");
  for (const [title, [file, text, instead]] of made) {
    await t.test(title, () => {
      const path = join(copy, "src/focus/mappings", file);
      const source = readFileSync(path, "utf8");
      assert.equal(source.split(text).length, 2, `${file} has the text once`);
      writeFileSync(
        path,
        source.replace(text, () => instead),
      );
      try {
        const [, rows = assert.fail(file)] = Object.entries(rowsOf).find(([start]) => file.startsWith(start)) ?? [];
        const { status, stdout } = runRules(copy, `rows of ${rows} become|rules by number`);
        assert.equal(status, 1);
        // A file that cannot be read would fail all tests.
        assert.match(stdout, /^ℹ pass [1-9]/mu);
      } finally {
        writeFileSync(path, source);
      }
    });
  }
});

/** Runs the tests of the rules in DuckDB, in a copy of the checkout: all, or those below a title. */
function runRules(folder: string, title = "."): { readonly status: number | null; readonly stdout: string } {
  const chosen = ["--test-name-pattern", title, "--test-skip-pattern", "BigQuery"];
  const rules = ["--test-reporter=spec", ...chosen, "test/focus/rules.test.ts"];
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return spawnSync(process.execPath, rules, { cwd: folder, env, encoding: "utf8" });
}
