import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pointsOf } from "../support/faults/points.ts";
import { buildSmallBuckets, prepareScenario, smallScenarios, type Scenario } from "../support/faults/scenarios.ts";
import { killAtPoint } from "../support/faults/kills.ts";

// `npm run test:kills` kills at every point each time that it is reached, over the sample deliveries too, and at random.
const cases: readonly (readonly [scenario: number, point: string, moment: Moment])[] = [
  ...pointsOf("duckdb").map((point) => [1, point, "middle"] as const),
  ...["before-commit", "after-commit"].flatMap((point) => [[1, point, "first"] as const, [1, point, "last"] as const]),
  [0, "prepared", "first"],
  [2, "after-commit", "first"],
];

/** Which of the times that a point is reached: the first commit prepares a table, the last one writes a summary. */
type Moment = "first" | "middle" | "last";

describe("a run that is killed", { concurrency: 2 }, () => {
  let home = "";
  const scenarios: Scenario[] = [];
  before(async () => {
    home = await mkdtemp(join(tmpdir(), "billhouse-kills-"));
    const plans = smallScenarios(await buildSmallBuckets(join(home, "buckets")));
    scenarios.push(
      ...(await Promise.all(plans.map((plan, index) => prepareScenario(join(home, `scenario-${index}`), plan)))),
    );
    await mkdir(join(home, "trials"));
  });
  after(() => rm(home, { recursive: true, force: true }));

  test("comes by every named point", () => {
    const reached = new Set(scenarios.flatMap(({ points }) => points));
    assert.deepEqual([...reached].toSorted(), pointsOf("duckdb").toSorted());
  });

  for (const [index, [scenario, point, moment]] of cases.entries()) {
    const title = ["first load", "restated months", "state forget"][scenario];
    test(`${title}: heals after ${point}, ${moment} time`, async () => {
      const killed = scenarios[scenario];
      assert.ok(killed);
      const times = killed.points.filter((name) => name === point).length;
      const nth = { first: 1, middle: Math.ceil(times / 2), last: times }[moment];
      await killAtPoint(killed, join(home, "trials", String(index)), { point, nth });
    });
  }
});
