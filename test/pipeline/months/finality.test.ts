import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Receipt } from "../../../src/model.ts";
import { finalityAfter, finalityNow, finalityOf } from "../../../src/pipeline/months/finality.ts";
import { receipt } from "../../state/sample.ts";

const on = (day: string): Date => new Date(`${day}T12:00:00Z`);
const month = { billingMonth: "2025-01", coverage: null, rows: 3, uninvoicedRows: null, made: null };
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

  it("is not final in AWS without any row", () => {
    assert.equal(finalityOf({ ...month, rows: 0, uninvoicedRows: 0 }, "invoice", on("2025-03-01")), "estimated");
  });

  it("is final in Azure with the last scheduled run, when that covers the last day", () => {
    const whole = { ...month, coverage: { start: "2025-01-01", end: "2025-01-31" } };
    const short = { ...month, coverage: { start: "2025-01-01", end: "2025-01-30" } };
    const made = (time: string | null, of = whole): string =>
      finalityOf({ ...of, made: time }, azure, on("2025-06-01"));
    assert.equal(made("2025-02-04T23:59:59.1234567Z"), "estimated", "another run follows");
    assert.equal(made("2025-02-05T00:42:06.1234567Z"), "final");
    assert.equal(made("2025-03-01T00:00:00Z"), "final");
    assert.equal(made("2025-03-01T00:00:00Z", short), "estimated");
    assert.equal(made(null), "estimated", "nobody knows when it was made");
    const december = { ...month, billingMonth: "2025-12" };
    assert.equal(finalityOf({ ...december, made: "2026-01-05T01:00:00Z" }, azure, on("2026-01-05")), "final");
  });
});

describe("what a month of Azure is today", () => {
  const whole = { coverage: { start: "2025-01-01", end: "2025-01-31" } };
  const known: Receipt = { ...receipt, ...whole, billingMonth: "2025-01", loadedAt: "2025-03-01T00:00:00Z" };
  const today = (changes: Partial<Receipt>): string => finalityNow({ ...known, ...changes }, azure, on("2025-06-01"));

  it("follows from when its delivery was made, and not from when it was loaded", () => {
    assert.equal(today({ submittedTime: "2025-02-03T00:00:00Z", finality: "estimated" }), "estimated");
    assert.equal(today({ submittedTime: "2025-02-06T00:00:00Z", finality: "estimated" }), "final");
  });

  it("is what it was at its load where the receipt does not keep that", () => {
    assert.equal(today({ submittedTime: null, finality: "estimated" }), "estimated");
    assert.equal(today({ submittedTime: null, finality: "final" }), "final");
    assert.equal(today({ submittedTime: null, finality: "open" }), "estimated");
    assert.equal(today({ submittedTime: null, files: null, finality: null }), "final", "a row of the Python pipelines");
    const back = { submittedTime: null, files: null, restoredLoadId: "7" } as const;
    assert.equal(today({ ...back, finality: "estimated" }), "estimated", "that an undo put back, and wrote anew");
  });
});

describe("a month that was final", () => {
  const before: Receipt = { ...receipt, billingMonth: "2025-01", finality: "estimated", uninvoicedRows: 0 };
  const after = (changes: Partial<Receipt>, previous: Receipt | null = before): string =>
    finalityAfter({ ...before, executionId: "other", made: null, ...changes }, previous, "invoice", on("2025-03-01"));

  it("is restated after final when rows, costs or any line of the summary change", () => {
    assert.equal(after({ rows: before.rows + 1 }), "restated-after-final");
    assert.equal(after({ cost: { ...before.cost, USD: "12.35" } }), "restated-after-final");
    const [line] = before.summary ?? [];
    assert.ok(line);
    assert.equal(after({ summary: [{ ...line, account: "moved" }] }), "restated-after-final");
    assert.equal(after({ rows: 1, uninvoicedRows: 1 }), "restated-after-final", "though its rows have no invoice now");
  });

  it("was not changed as far as a receipt of somebody else can tell", () => {
    const foreign: Receipt = { ...before, cost: null, effectiveCost: null, summary: null };
    assert.equal(after({}, foreign), "final");
    assert.equal(after({ rows: before.rows + 1 }, foreign), "restated-after-final");
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
