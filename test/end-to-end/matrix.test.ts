import { after, describe, test } from "node:test";
import { samplesFolder } from "../samples.ts";
import { endMatrix, loadCombination, matrixSamples, matrixStorages, matrixWarehouses } from "./matrix.ts";

// A diagonal: `npm run test:matrix` loads every sample from every storage into every warehouse.
describe("a delivery from a storage into a warehouse", () => {
  after(endMatrix);
  for (const [index, sample] of matrixSamples.entries()) {
    const storage = matrixStorages[(index + 2) % matrixStorages.length] ?? "folder";
    const warehouse = matrixWarehouses[Math.floor(index / matrixStorages.length) % 2] ?? "duckdb";
    test(`${sample.bucket}, ${storage}, ${warehouse}: the figures that are known`, async (t) => {
      const folder = samplesFolder(t);
      if (folder !== undefined) await loadCombination(t, folder, sample, storage, warehouse);
    });
  }
});
