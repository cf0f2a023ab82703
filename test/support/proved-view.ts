import assert from "node:assert/strict";
import { provedColumns } from "../../src/focus/mapping.ts";
import { type Config, status, verify, type VerifyResult } from "../../src/index.ts";
import { readLoaded } from "../../src/pipeline/months/loaded.ts";
import { sumsOfView } from "../../src/pipeline/views/sums.ts";
import { rollupChecks } from "../../src/pipeline/verify/rollups.ts";
import { compareDecimals } from "../../src/schema/decimals.ts";
import { addDecimals } from "../../src/schema/sums.ts";
import { openWarehouse } from "../../src/warehouses/index.ts";
import { type QueryRow, requireCapability } from "../../src/warehouses/warehouse.ts";

/**
 * Requires for every loaded month that the sums of the FOCUS view are those of the receipts, to the last digit, as `verify`
 * checks them, that the sums that are kept of the view are those of all these months, and that the view itself has the sums that
 * were checked. `verified` is the answer of `verify` where a test has it. Returns the sums that are not decidable:
 * `azure 2025-01 BilledCost`.
 */
export async function requireProvedView(config: Config, verified?: VerifyResult): Promise<readonly string[]> {
  const { checks } = verified ?? (await verify(config));
  const ofTables = checks.filter(({ name }) => !["newest-delivery", "files", "storage", "missing-days"].includes(name));
  assert.deepEqual(
    ofTables.filter(({ ok }) => !ok),
    [],
  );
  const rollups = Object.values(rollupChecks);
  const ofView = checks.filter(({ name }) => name.startsWith("focus-") && !rollups.includes(name));
  assert.ok(ofView.length > 0, "the sums of the view are checked");
  // Only months whose sums are kept for their newest loads are compared.
  const months = (some: typeof checks): readonly string[] =>
    [...new Set(some.map(({ pipeline, billingMonth }) => `${pipeline} ${billingMonth}`))].toSorted();
  for (const rollup of rollups) assert.deepEqual(months(checks.filter(({ name }) => name === rollup)), months(ofView));
  const { pipelines } = await status(config, { offline: true });
  const isCountedOnce = pipelines.some(({ counted }) => counted.length > 0);
  if (!isCountedOnce) await requireSameSums(config);
  return ofView
    .filter(({ expected }) => expected === "not decidable")
    .map(({ pipeline, billingMonth, name }) => `${pipeline} ${billingMonth} ${name}`);
}

/** The sums of the view over all exports are those that were checked: nothing in the whole view repeats or drops charges. */
async function requireSameSums(config: Config): Promise<void> {
  const warehouse = await openWarehouse(config.warehouse, "read");
  try {
    const checked = new Map<string, readonly string[]>();
    for (const pipeline of config.pipelines) {
      const loaded = await readLoaded(pipeline, warehouse);
      for (const { billingMonth, column, actual } of await sumsOfView(loaded, config, warehouse, [
        ...loaded.months.keys(),
      ])) {
        for (const [currency, amount] of Object.entries(actual)) {
          const key = `${billingMonth} ${currency} ${column}`;
          checked.set(key, [...(checked.get(key) ?? []), amount]);
        }
      }
    }
    const view = config.warehouse.kind === "bigquery" ? `${config.focus.dataset}.focus_v1_4` : "focus_v1_4";
    const sums = provedColumns.map((name) => `SUM(${name}) AS ${name}`).join(", ");
    const sql = `SELECT x_BillingMonth, BillingCurrency, ${sums} FROM ${view} GROUP BY 1, 2`;
    const rows: QueryRow[] = [];
    for await (const row of requireCapability(warehouse, "query")(sql)) rows.push(row);
    for (const row of rows) {
      for (const name of provedColumns) {
        const expected = checked.get(`${String(row["x_BillingMonth"])} ${String(row["BillingCurrency"])} ${name}`);
        if (expected === undefined) continue;
        const value = row[name];
        const found = typeof value === "string" ? value : "0";
        assert.equal(compareDecimals(addDecimals(expected), found), 0, `${name}: ${expected.join(" + ")} is ${found}`);
      }
    }
  } finally {
    await warehouse.close();
  }
}
