import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { allCases, faults, quickCases } from "../support/faults/harness.ts";
import { steps } from "../support/faults/steps.ts";
import { testCases } from "../support/faults/suite.ts";

// `npm run test:faults` tries every fault at every step at which it can strike.
describe("a run that meets a fault", { timeout: 900_000 }, () => {
  const cases = quickCases();
  testCases(cases.filter(({ isOfItsKind }) => !isOfItsKind));

  test("every fault is tried, and every step", () => {
    assert.deepEqual(new Set(cases.map(({ fault }) => fault)), new Set(faults));
    assert.deepEqual(new Set(allCases().cases.map(({ step }) => step)), new Set(steps));
    assert.equal(new Set(faults.map(({ name }) => name)).size, faults.length, "names are given once");
  });
});
