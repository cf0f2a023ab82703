import assert from "node:assert/strict";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { allCases, faults, quickCases, titleOf, tryCases, type Result } from "../support/faults/harness.ts";
import { steps } from "../support/faults/steps.ts";

// `npm run test:faults` tries every fault at every step at which it can strike.
describe("a run that meets a fault", { timeout: 900_000 }, () => {
  const cases = quickCases();
  const results = new Map<string, Promise<Result>>();
  const tell = new Map<string, (result: Result) => void>();
  let home = "";
  before(async () => {
    home = await mkdtemp(join(tmpdir(), "billhouse-faults-"));
    await chmod(home, 0o755);
    for (const each of cases) {
      const { promise, resolve } = Promise.withResolvers<Result>();
      results.set(titleOf(each), promise);
      tell.set(titleOf(each), resolve);
    }
    void tryCases(cases, home, (result) => tell.get(titleOf(result))?.(result));
  });
  after(() => rm(home, { recursive: true, force: true }));

  for (const each of cases) {
    test(`${titleOf(each)}: is healed, at once or by the next run`, async () => {
      const result = await results.get(titleOf(each));
      if (result?.outcome instanceof Error) throw result.outcome;
    });
  }

  test("every fault is tried, and every step", () => {
    assert.deepEqual(new Set(cases.map(({ fault }) => fault)), new Set(faults));
    assert.deepEqual(new Set(allCases().cases.map(({ step }) => step)), new Set(steps));
    assert.equal(new Set(faults.map(({ name }) => name)).size, faults.length, "names are given once");
  });
});
