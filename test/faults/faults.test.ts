import { describe } from "node:test";
import { quickCases } from "../support/faults/harness.ts";
import { testCases } from "../support/faults/suite.ts";

// One of each kind: `npm run test:long` tries one case of every fault, `npm run test:faults` all of them.
describe("a run that meets a fault of each kind", { timeout: 900_000 }, () => {
  testCases(quickCases().filter(({ isOfItsKind }) => isOfItsKind));
});
