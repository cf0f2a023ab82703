import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { TestContext } from "node:test";

/**
 * The folder of sample deliveries below `BILLHOUSE_SAMPLES` (by default `../shared/samples`), or undefined where it is
 * absent: the test then says that it did not run, and why.
 */
export function samplesFolder(test: TestContext, folder: string): string | undefined {
  const root = process.env["BILLHOUSE_SAMPLES"] ?? resolve(import.meta.dirname, "../../../shared/samples");
  const path = resolve(root, folder);
  if (existsSync(path)) return path;
  test.diagnostic(`Not run: there is no ${path}. Set BILLHOUSE_SAMPLES to the folder of sample deliveries.`);
  return undefined;
}
