import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";

import { requireProvedView } from "../support/proved-view.ts";
import { samplesFolder } from "../support/samples.ts";
import { differences, type Expected, type FocusRow } from "./compare.ts";
import { differencesOfMatches, type ExpectedMatches } from "./compare-matched.ts";
import { caseWarehouses } from "./loaded-cases.ts";
import { requireKnownFailures } from "./rules/known-failures.ts";

/** The configurations of a case, each with one form of its bill. */
const forms = { legacy: "billhouse.toml", "CUR 2.0": "billhouse-cur2.toml" };

const versions = ["v1_2", "v1_4"] as const;

/** The cases that `npm test` loads into DuckDB. */
const quick = ["05-ri-upfront-amortised", "ea-reservation-used-unused"];

type Chosen = "quick" | "others" | "all";

/**
 * Tests that golden cases become the rows and sums that FOCUS 1.2 and 1.4 demand, in one warehouse, and in DuckDB that the rules
 * of FOCUS hold for them, as far as their bills decide them.
 */
export function testGoldenCases(warehouse: keyof typeof caseWarehouses, chosen: Chosen): void {
  describe(`golden cases in ${warehouse} become the rows and sums that FOCUS 1.2 and 1.4 demand`, () => {
    test("AWS Cost and Usage Reports", (t) => runCases(t, "focus/aws", warehouse, chosen, compareLines));
    test("native and Azure exports", (t) => runCases(t, "focus/azure", warehouse, chosen, compareMatches));
  });
}

/** The differences between the rows of a view and what a case expects, by the rules of its folder. */
type Compare = (
  expected: unknown,
  rows: readonly FocusRow[],
  version: (typeof versions)[number],
  form: string,
) => readonly string[];

const compareLines: Compare = (expected, rows, version, form) =>
  differences(expected as Expected, rows, version, form === "CUR 2.0");
const compareMatches: Compare = (expected, rows, version) =>
  differencesOfMatches(expected as ExpectedMatches, rows, version);

/** Loads chosen cases of a folder, each once, and compares their rows. */
async function runCases(
  t: TestContext,
  place: string,
  warehouse: keyof typeof caseWarehouses,
  chosen: Chosen,
  compare: Compare,
): Promise<void> {
  const samples = samplesFolder(t);
  if (samples === undefined) return;
  const folder = join(samples, place);
  const cases = readdirSync(folder).filter((entry) => existsSync(join(folder, entry, "expected.json")));
  for (const name of cases.filter((each) => chosen === "all" || quick.includes(each) === (chosen === "quick"))) {
    const expected: unknown = JSON.parse(readFileSync(join(folder, name, "expected.json"), "utf8"));
    for (const [form, file] of Object.entries(forms)) {
      if (!existsSync(join(folder, name, file))) continue;
      await t.test(`${name}, ${form}`, async (t) => {
        const bill = await caseWarehouses[warehouse](t, join(folder, name), file);
        for (const version of versions) {
          assert.deepEqual(compare(expected, await bill.rows(version), version, form), [], version);
        }
        await requireProvedView(bill.config);
        // That both warehouses count what breaks a rule alike is tested beside the rules.
        if (warehouse === "DuckDB") await requireKnownFailures(bill.config, name);
      });
    }
  }
}
