import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { TestContext } from "node:test";

/**
 * The folder with deliveries made by others: `BILLHOUSE_SAMPLES`, or `../shared/samples` beside the checkout. Where
 * there is none, the test says `not run: <reason>` and gets undefined, upon which it returns; with
 * `BILLHOUSE_REQUIRE_SAMPLES=1` it fails instead.
 */
export function samplesFolder(t: TestContext): string | undefined {
  const checkout = resolve(import.meta.dirname, "../..");
  const folder = resolve(checkout, process.env["BILLHOUSE_SAMPLES"] || "../shared/samples");
  if (existsSync(folder)) return folder;
  const reason = `there are no sample deliveries in ${folder} (BILLHOUSE_SAMPLES names another place)`;
  assert.notEqual(process.env["BILLHOUSE_REQUIRE_SAMPLES"], "1", reason);
  t.diagnostic(`not run: ${reason}`);
  return undefined;
}
