import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { samplesFolder } from "../support/samples.ts";
import { combinations, endMatrix, loadCombination, matrixSamples } from "../support/matrix.ts";

// `npm test` loads the others.
describe("every delivery from every storage into every warehouse", { concurrency: 2 }, () => {
  after(endMatrix);
  for (const { sample, storage, warehouse } of combinations.filter(({ isQuick }) => !isQuick)) {
    test(`${sample.bucket}, ${storage}, ${warehouse}`, async (t) => {
      const folder = samplesFolder(t);
      if (folder !== undefined) await loadCombination(t, folder, sample, storage, warehouse);
    });
  }

  test("every sample is here", async (t) => {
    const folder = samplesFolder(t);
    if (folder === undefined) return;
    const here = new Set(matrixSamples.map(({ bucket }) => bucket.split("/")[0] ?? ""));
    assert.deepEqual([...here].toSorted(), (await readdir(join(folder, "buckets"))).toSorted());
  });
});
