import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { loadedMonths } from "../../../src/pipeline/months/loaded.ts";
import { recordLoad } from "../../../src/state/executions.ts";
import type { Ledger } from "../../../src/warehouses/warehouse.ts";
import { fixturesOf } from "../../state/fixtures.ts";
import { receipt } from "../../state/sample.ts";

describe("what is loaded when the table is not there", () => {
  const table = fixturesOf("aws-fresh")[0]?.table;
  assert.ok(table !== undefined);
  const { executionId, billingMonth, loadedAt } = receipt;
  const load = { executionIds: [executionId], billingMonth, loadedAt, submittedTime: null };
  const { state } = recordLoad(null, table, load, "dlt.destinations.duckdb", "9");
  const ledger: Ledger = {
    columns: null,
    registry: [],
    state,
    receipts: [receipt],
    lastSummary: null,
    notes: [],
    elsewhere: [],
  };
  const monthsOf = (changes: Partial<Ledger>): string[] => [...loadedMonths({ ...ledger, ...changes }, table).keys()];

  it("is nothing of what billhouse loaded: somebody has dropped it", () => {
    assert.deepEqual(monthsOf({}), []);
    assert.deepEqual(monthsOf({ columns: [] }), [billingMonth]);
  });

  it("is what the state says where others loaded it", () => {
    assert.deepEqual(monthsOf({ receipts: [] }), [billingMonth]);
    assert.deepEqual(monthsOf({ receipts: [{ ...receipt, files: null }] }), [billingMonth]);
  });
});
