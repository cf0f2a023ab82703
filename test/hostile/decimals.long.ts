import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fractionDigits, parseDecimal } from "../../src/schema/decimals.ts";
import { createSum } from "../../src/schema/sums.ts";
import { curRow } from "../support/deliveries.ts";
import { type HostileCase, refusesEach, soundDelivery } from "../support/hostile/projects.ts";

const wrong: readonly string[] = [
  "1e999999999",
  "1e-999999999",
  `1e${"9".repeat(500)}`,
  `-1E+${"9".repeat(900)}`,
  "9".repeat(1_000_000),
  `0.${"0".repeat(1_000_000)}1`,
  "NaN",
  "nan",
  "Infinity",
  "-inf",
  "0x10",
  "0b1",
  "0o7",
  "1_000",
  "1_0e2",
  "1,000",
  "1 000",
  "１２３",
  "٣",
  "−5",
  "1e",
  "e5",
  ".",
  "+",
  "--1",
  "1..2",
  "1e5e5",
  "1n",
  "$5",
  "5%",
  "true",
  "NULL",
  " ",
  "1\u00a0",
  "\uFEFF1",
];

describe("a text that is not an amount", { timeout: 300_000 }, () => {
  it("is none to anybody who reads decimals", () => {
    const sum = createSum();
    for (const text of wrong) {
      assert.equal(parseDecimal(text), undefined, text.slice(0, 50));
      assert.equal(fractionDigits(text), undefined, text.slice(0, 50));
      assert.equal(sum.add(text), false, text.slice(0, 50));
    }
    assert.equal(sum.total(), "0");
  });

  for (const column of ["lineItem/UnblendedCost", "lineItem/UsageAmount"]) {
    it(`fails the month of a file that has it in ${column}`, async (t) => {
      // Where nothing is summed, what is too small to be kept is rounded to nothing, as every digit behind the last.
      const misfits = column === "lineItem/UsageAmount" ? wrong.filter((text) => !text.startsWith("0.0")) : wrong;
      const cases = misfits.map((text) => [
        text.slice(0, 50),
        {
          code: "VALUE_INVALID" as const,
          delivery: (month: string, id: string) =>
            soundDelivery(month, id, "3", { files: [[curRow(month, { [column]: text })]] }),
          says: /line 2, column/,
        },
      ]);
      await refusesEach(t, Object.fromEntries(cases) as Record<string, HostileCase>);
    });
  }
});
