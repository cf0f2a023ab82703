import { after, describe, test } from "node:test";
import { samplesFolder } from "../samples.ts";
import { endMatrix, loadCombination, matrixSamples, matrixStorages, matrixWarehouses } from "./matrix.ts";

describe("every delivery from every storage into every warehouse", { concurrency: 2 }, () => {
  after(endMatrix);
  for (const sample of matrixSamples) {
    for (const storage of matrixStorages) {
      for (const warehouse of matrixWarehouses) {
        test(`${sample.bucket}, ${storage}, ${warehouse}`, async (t) => {
          const folder = samplesFolder(t);
          if (folder !== undefined) await loadCombination(t, folder, sample, storage, warehouse);
        });
      }
    }
  }
});
