import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import type { DataFile, Execution } from "../../src/model.ts";
import { planMonth, type MonthFacts } from "../../src/pipeline/months/decide.ts";
import type { LoadedPartition } from "../../src/pipeline/months/loaded.ts";
import { receiptOf, settle } from "../support/planning.ts";

const file: fc.Arbitrary<DataFile> = fc
  .record({ key: fc.constantFrom("x/1.csv", "x/2.csv", "x/3.csv"), version: fc.constantFrom("1", "2") })
  .map((one) => ({
    ...one,
    size: 10,
    modified: "2025-02-01T00:00:00Z",
    format: "csv",
    rows: null,
    declaredSize: null,
  }));

const files = fc.uniqueArray(file, { selector: ({ key }) => key, maxLength: 3 });

const execution: fc.Arbitrary<Execution> = fc
  .record({
    id: fc.constantFrom("a", "b", "c", "__proto__"),
    files,
    missing: fc.array(fc.constantFrom("x/8.csv", "x/9.csv"), { maxLength: 2 }),
    coverage: fc.constantFrom(
      null,
      { start: "2025-01-01", end: "2025-01-09" },
      { start: "2025-01-01", end: "2025-01-31" },
    ),
  })
  .map((one) => ({ ...blank, ...one }));

const blank: Execution = {
  id: "a",
  files: [],
  missing: [],
  coverage: null,
  billingMonth: "2025-01",
  exportName: "x",
  manifest: { key: "x/x-Manifest.json", size: 1, version: "1", modified: "2025-02-01T00:00:00Z" },
  format: "csv",
  columns: [],
  rows: null,
  submittedTime: null,
  made: "2025-02-01T00:00:00Z",
  scope: null,
  declared: { start: "2025-01-01", end: "2025-01-31" },
  isEmpty: false,
  spansMonths: false,
};

const loaded: fc.Arbitrary<LoadedPartition> = fc
  .record({ older: fc.boolean(), files: fc.option(files), id: fc.constantFrom("a", "b"), remembers: fc.boolean() })
  .map(({ older, files: held, id, remembers }) => {
    const receipt =
      held && receiptOf("2025-01", [{ ...blank, id, files: held }], remembers ? {} : { deliveries: null });
    return { ids: older ? ["z", id] : [id], undone: [], loadedAt: null, receipt };
  });

const facts: fc.Arbitrary<MonthFacts> = fc
  .record({
    run: fc.option(execution),
    undone: fc.option(execution),
    loaded: fc.option(loaded),
    sameBytes: fc.subarray(["a", "b"]),
    torn: fc.subarray(["x/t.json"]),
    settle: fc.constantFrom(0, settle),
  })
  .map(({ run, sameBytes, ...one }) => ({
    ...one,
    ...month,
    removed: null,
    runs: run === null ? [] : [run],
    sameBytes: new Set(sameBytes),
    newestReceipt: one.loaded?.receipt ?? null,
  }));

/** What is the same of every month. */
const month = {
  billingMonth: "2025-01",
  days: { start: "2025-01-01", end: "2025-01-31" },
  coveredDays: 31,
  missingDays: [],
  unsettledDays: [],
  passedOver: [],
  undoneBytes: false,
  now: new Date("2025-02-20T12:00:00Z"),
};

const runs = { numRuns: 3000, interruptAfterTimeLimit: 15_000 };

describe("planning a month", { timeout: 120_000 }, () => {
  it("is pure: the same facts give the same plan and are not changed", () => {
    fc.assert(
      fc.property(facts, fc.boolean(), (one, force) => {
        const before = JSON.stringify(one);
        assert.deepEqual(planMonth(one, force), planMonth(one, force));
        assert.equal(JSON.stringify(one), before);
      }),
      runs,
    );
  });

  it("never loads a delivery whose files are not all there, nor one without files, forced or not", () => {
    fc.assert(
      fc.property(facts, fc.boolean(), (one, force) => {
        for (const { action, executions } of planMonth(one, force)) {
          const planned = executions.at(-1);
          if (action !== "new" && action !== "restated" && action !== "reloaded") continue;
          assert.ok(planned !== undefined && planned.missing.length === 0 && planned.files.length > 0);
          assert.deepEqual(executions, one.runs);
          assert.equal(action === "new", one.loaded === null);
        }
      }),
      runs,
    );
  });

  it("has one line for a month, after one for a torn manifest and one for a refusal; every one has a reason", () => {
    fc.assert(
      fc.property(facts, fc.boolean(), (one, force) => {
        const plans = planMonth(one, force);
        const passedOver = one.torn.length + Number(one.undone !== null);
        assert.ok(plans.length === passedOver || plans.length === passedOver + 1);
        assert.ok(plans.length > 0 || (one.runs.length === 0 && passedOver === 0));
        for (const { billingMonth, reason } of plans) {
          assert.equal(billingMonth, "2025-01");
          assert.match(reason, /\.$/);
        }
      }),
      runs,
    );
  });

  it("leaves what was loaded unchanged, until somebody forces it", () => {
    fc.assert(
      fc.property(execution, fc.boolean(), (done, older) => {
        fc.pre(done.files.length > 0);
        const whole = { ...done, missing: [] };
        const held: LoadedPartition = {
          ids: older ? ["z", whole.id] : [whole.id],
          undone: [],
          loadedAt: null,
          receipt: receiptOf("2025-01", [whole]),
        };
        const actions = (force: boolean): string[] =>
          planMonth(
            {
              ...month,
              runs: [whole],
              undone: null,
              torn: [],
              removed: null,
              loaded: held,
              newestReceipt: held.receipt,
              sameBytes: new Set(),
              settle,
            },
            force,
          ).map(({ action }) => action);
        assert.deepEqual(actions(false), ["unchanged"]);
        assert.deepEqual(actions(true), ["reloaded"]);
      }),
      runs,
    );
  });
});
