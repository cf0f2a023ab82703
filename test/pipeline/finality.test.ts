import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Receipt } from "../../src/model.ts";
import { finalityAfter, finalityNow, finalityOf } from "../../src/pipeline/finality.ts";
import { receipt } from "../state/sample.ts";

const on = (day: string): Date => new Date(`${day}T12:00:00Z`);
const month = { billingMonth: "2025-01", coverage: null, uninvoicedRows: null };
const azure = { day: 5 };

describe("what a month is as a bill", () => {
  it("is open until its last day is over in UTC", () => {
    for (const closed of ["invoice", azure] as const) {
      assert.equal(finalityOf({ ...month, uninvoicedRows: 0 }, closed, new Date("2025-01-31T23:59:59Z")), "open");
      assert.notEqual(finalityOf(month, closed, new Date("2025-02-01T00:00:00Z")), "open");
    }
  });

  it("is final in AWS when every row has an invoice, however late that is", () => {
    assert.equal(finalityOf({ ...month, uninvoicedRows: 0 }, "invoice", on("2025-02-02")), "final");
    assert.equal(finalityOf({ ...month, uninvoicedRows: 1 }, "invoice", on("2026-02-02")), "estimated");
    assert.equal(finalityOf(month, "invoice", on("2026-02-02")), "estimated", "nothing tells of invoices");
  });

  it("is final in Azure when the last scheduled run is past and the delivery covers the last day", () => {
    const whole = { ...month, coverage: { start: "2025-01-01", end: "2025-01-31" } };
    assert.equal(finalityOf(whole, azure, on("2025-02-05")), "estimated");
    assert.equal(finalityOf(whole, azure, on("2025-02-06")), "final");
    assert.equal(
      finalityOf({ ...whole, coverage: { start: "2025-01-01", end: "2025-01-30" } }, azure, on("2025-03-01")),
      "estimated",
    );
    const december = { ...month, billingMonth: "2025-12" };
    assert.deepEqual(
      ["2026-01-05", "2026-01-06"].map((day) => finalityOf(december, azure, on(day))),
      ["estimated", "final"],
    );
  });
});

describe("a month that was final", () => {
  const before: Receipt = { ...receipt, billingMonth: "2025-01", finality: "estimated", uninvoicedRows: 0 };
  const after = (changes: Partial<Receipt>, previous: Receipt | null = before): string =>
    finalityAfter({ ...before, executionId: "other", ...changes }, previous, "invoice", on("2025-03-01"));

  it("is restated after final when rows, costs or any line of the summary change", () => {
    assert.equal(after({ rows: before.rows + 1 }), "restated-after-final");
    assert.equal(after({ cost: { ...before.cost, USD: "12.35" } }), "restated-after-final");
    const [line] = before.summary ?? [];
    assert.ok(line);
    assert.equal(after({ summary: [{ ...line, account: "moved" }] }), "restated-after-final");
    assert.equal(after({ rows: 1, uninvoicedRows: 1 }), "restated-after-final", "though its rows have no invoice now");
  });

  it("stays final when the same is delivered again, whatever the order of currencies", () => {
    const cost = Object.fromEntries(Object.entries(before.cost ?? {}).toReversed());
    assert.equal(after({ cost }), "final");
  });

  it("stays restated after final, through what follows", () => {
    const restated: Receipt = { ...before, finality: "restated-after-final" };
    assert.equal(after({}, restated), "restated-after-final");
    assert.equal(finalityNow(restated, "invoice", on("2025-03-01")), "restated-after-final");
  });

  it("was not final while it was estimated or open", () => {
    assert.equal(after({ rows: 1 }, { ...before, uninvoicedRows: 2 }), "final");
    assert.equal(after({ rows: 1 }, null), "final");
  });
});
