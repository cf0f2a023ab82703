import { after, describe, test } from "node:test";
import { samplesFolder } from "../support/samples.ts";
import { combinations, endMatrix, loadCombination } from "../support/matrix.ts";

// A diagonal: `npm run test:matrix` loads all the others.
describe("a delivery from a storage into a warehouse", () => {
  after(endMatrix);
  for (const { sample, storage, warehouse } of combinations.filter(({ isDiagonal }) => isDiagonal)) {
    test(`${sample.bucket}, ${storage}, ${warehouse}: the figures that are known`, async (t) => {
      const folder = samplesFolder(t);
      if (folder !== undefined) await loadCombination(t, folder, sample, storage, warehouse);
    });
  }
});
