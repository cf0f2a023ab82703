import { after, describe, test } from "node:test";
import { samplesFolder } from "../support/samples.ts";
import { combinations, endMatrix, loadCombination } from "../support/matrix.ts";

// `npm run test:long` loads every delivery from every storage into every warehouse.
describe("a delivery from a storage into a warehouse", () => {
  after(endMatrix);
  for (const { sample, storage, warehouse } of combinations.filter(({ isQuick }) => isQuick)) {
    test(`${sample.bucket}, ${storage}, ${warehouse}: the figures that are known`, async (t) => {
      const folder = samplesFolder(t);
      if (folder !== undefined) await loadCombination(t, folder, sample, storage, warehouse);
    });
  }
});
