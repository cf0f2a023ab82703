import { describe } from "node:test";
import { killedRuns, testKills } from "../support/faults/suite.ts";

// `npm run test:long` kills at the other points too, `npm run test:kills` each time that one is reached, over the sample
// deliveries, and at random.
describe("a run that is killed at a point of each kind", { concurrency: 2 }, () => {
  for (const run of killedRuns.filter(({ quick }) => quick.length > 0)) {
    testKills(run, "quick");
  }
});
