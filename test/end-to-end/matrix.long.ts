import { after, describe, test } from "node:test";
import { samplesFolder } from "../support/samples.ts";
import { combinations, endMatrix, loadCombination } from "../support/matrix.ts";

// `npm test` loads the others.
describe("every delivery from every storage into every warehouse", { concurrency: 2 }, () => {
  after(endMatrix);
  for (const { sample, storage, warehouse } of combinations.filter(({ isQuick }) => !isQuick)) {
    test(`${sample.bucket}, ${storage}, ${warehouse}`, async (t) => {
      const folder = samplesFolder(t);
      if (folder !== undefined) await loadCombination(t, folder, sample, storage, warehouse);
    });
  }
});
