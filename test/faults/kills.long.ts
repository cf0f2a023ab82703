import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { temporaryFolder } from "../support/folders.ts";
import { pointsOf } from "../support/faults/points.ts";
import { killedRuns, testKills } from "../support/faults/suite.ts";

describe("a run that is killed", { concurrency: 2 }, () => {
  for (const run of killedRuns) testKills(run, "others");

  for (const warehouse of ["duckdb", "bigquery"] as const) {
    test(`comes by every named point of ${warehouse}`, async (t) => {
      const home = await temporaryFolder(t);
      const reached = new Set<string>();
      for (const { title, prepare } of killedRuns) {
        if (title.includes("BigQuery") !== (warehouse === "bigquery")) continue;
        for (const point of (await prepare(home)).reference.points) reached.add(point);
      }
      assert.deepEqual([...reached].toSorted(), pointsOf(warehouse).toSorted());
    });
  }
});
