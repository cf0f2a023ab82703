import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import type { DataFile, Execution, Receipt } from "../../src/model.ts";
import { planMonth, type MonthFacts } from "../../src/pipeline/months/decide.ts";
import type { LoadedPartition } from "../../src/pipeline/months/loaded.ts";

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
  .map((one) => ({
    ...one,
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
  }));

const receipt: fc.Arbitrary<Receipt> = fc
  .record({ executionId: fc.constantFrom("a", "b"), files: fc.option(files) })
  .map(
    ({ executionId, files: held }) =>
      ({
        loadId: "1",
        executionId,
        undone: [],
        files: held && held.map((one) => ({ ...one, checksum: null })),
      }) as unknown as Receipt,
  );

const loaded: fc.Arbitrary<LoadedPartition> = fc
  .record({ older: fc.boolean(), receipt: fc.option(receipt), id: fc.constantFrom("a", "b") })
  .map((one) => {
    const id = one.receipt?.executionId ?? one.id;
    return { ids: one.older ? ["z", id] : [id], coverage: null, undone: [], loadedAt: null, receipt: one.receipt };
  });

const facts: fc.Arbitrary<MonthFacts> = fc
  .record({
    billingMonth: fc.constant("2025-01"),
    chosen: fc.option(execution),
    refused: fc.array(execution, { maxLength: 2 }),
    torn: fc.subarray(["torn-Manifest.json"]),
    loaded: fc.option(loaded),
    sameBytes: fc.boolean(),
  })
  // A month is planned because a manifest of it lies there.
  .filter(({ chosen, refused, torn }) => chosen !== null || refused.length + torn.length > 0);

const runs = { numRuns: 3000, interruptAfterTimeLimit: 15_000 };

describe("planning a month", { timeout: 120_000 }, () => {
  it("is pure: the same facts give the same plan, and stay as they are", () => {
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
          if (action !== "new" && action !== "restated") continue;
          assert.ok(planned !== undefined && planned.missing.length === 0 && planned.files.length > 0);
          assert.equal(planned, one.chosen);
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
        const passedOver = one.torn.length + Number(one.refused.length > 0);
        assert.ok(plans.length === passedOver || plans.length === passedOver + 1);
        assert.ok(plans.length > 0);
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
        const kept = {
          executionId: whole.id,
          undone: [],
          files: whole.files.map((one) => ({ ...one, checksum: null })),
        } as unknown as Receipt;
        const held = {
          ids: older ? ["z", whole.id] : [whole.id],
          coverage: null,
          undone: [],
          loadedAt: null,
          receipt: kept,
        } as LoadedPartition;
        const actions = (force: boolean): string[] =>
          planMonth(
            { billingMonth: "2025-01", chosen: whole, refused: [], torn: [], loaded: held, sameBytes: false },
            force,
          ).map(({ action }) => action);
        assert.deepEqual(actions(false), ["unchanged"]);
        assert.deepEqual(actions(true), ["restated"]);
      }),
      runs,
    );
  });
});
