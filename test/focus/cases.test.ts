import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";

import { samplesFolder } from "../support/samples.ts";
import { differences, type Expected } from "./compare.ts";
import { differencesOfMatches, type ExpectedMatches } from "./compare-matched.ts";
import { caseWarehouses, type LoadedCase } from "./loaded-cases.ts";

/** The configurations of a case, each with one form of its bill. */
const forms = { legacy: "billhouse.toml", "CUR 2.0": "billhouse-cur2.toml" };

/** The cases in the folder of Azure whose mapping exists. */
const matchedCases = ["aws-focus-1-0-then-1-2"];

const versions = ["v1_2", "v1_4"] as const;

describe("the golden cases become the rows and sums that FOCUS 1.2 and 1.4 demand", () => {
  for (const [warehouse, loaded] of Object.entries(caseWarehouses)) {
    test(`AWS Cost and Usage Reports in ${warehouse}`, (t) => runCases(t, "focus/aws", undefined, loaded));
    test(`native and Azure exports in ${warehouse}`, (t) => runCases(t, "focus/azure", matchedCases, loaded));
  }
});

/** Loads the cases in a folder, or only those that are named, and compares their rows. */
async function runCases(
  t: TestContext,
  place: string,
  names: readonly string[] | undefined,
  loaded: (t: TestContext, source: string, file: string) => Promise<LoadedCase>,
): Promise<void> {
  const samples = samplesFolder(t);
  if (samples === undefined) return;
  const folder = join(samples, place);
  const all = readdirSync(folder).filter((entry) => existsSync(join(folder, entry, "expected.json")));
  for (const name of names ?? all) {
    const expected: unknown = JSON.parse(readFileSync(join(folder, name, "expected.json"), "utf8"));
    for (const [form, file] of Object.entries(forms)) {
      if (!existsSync(join(folder, name, file))) continue;
      await t.test(`${name}, ${form}`, async (t) => {
        const bill = await loaded(t, join(folder, name), file);
        for (const version of versions) {
          const found =
            names === undefined
              ? differences(expected as Expected, await bill.rows(version), version, form === "CUR 2.0")
              : differencesOfMatches(expected as ExpectedMatches, await bill.rows(version), version);
          assert.deepEqual(found, [], version);
        }
      });
    }
  }
}
