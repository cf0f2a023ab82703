import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CostLine } from "../../src/model.ts";
import { changesBy, compareLines, isSameDelivery } from "../../src/pipeline/difference.ts";
import { receipt } from "../state/sample.ts";

const line = (changes: Partial<CostLine>): CostLine => ({
  service: "AmazonEC2",
  account: "1",
  charge_type: "Usage",
  currency: "USD",
  rows: 10,
  cost: "100.1",
  ...changes,
});

describe("what a restatement changed", () => {
  it("leaves out what stayed, and begins with the largest change, whatever its sign", () => {
    const before = [line({}), line({ account: "2" }), line({ service: "AmazonS3" }), line({ account: "3" })];
    const after = [
      line({ cost: "100.1" }),
      line({ account: "2", cost: "40" }),
      line({ service: "AmazonS3", rows: 11 }),
      line({ account: "4", cost: "-0.2" }),
    ];
    const told = compareLines(before, after).map((each) => [
      each.service,
      each.account,
      each.difference,
      each.rows_after - each.rows_before,
    ]);
    assert.deepEqual(told, [
      ["AmazonEC2", "3", "-100.1", -10],
      ["AmazonEC2", "2", "-60.1", 0],
      ["AmazonEC2", "4", "-0.2", 10],
      ["AmazonS3", "1", "0", 1],
    ]);
  });

  it("keeps currencies, and none from empty, apart", () => {
    const lines = compareLines([line({ service: null })], [line({ service: null, currency: "EUR" })]);
    assert.deepEqual(
      changesBy(lines, "service").map(({ value, currency, difference }) => [value, currency, difference]),
      [
        [null, "USD", "-100.1"],
        [null, "EUR", "100.1"],
      ],
    );
  });

  it("adds up exactly for each value of a property", () => {
    const before = [line({ cost: "0.1" }), line({ account: "2", cost: "0.2" })];
    const after = [line({ cost: "0.3" }), line({ account: "2", cost: "12345678901234567890.123456789012345678" })];
    const [change] = changesBy(compareLines(before, after), "service");
    assert.equal(change?.cost_before, "0.3");
    assert.equal(change?.difference, "12345678901234567890.123456789012345678");
  });

  it("finds no restatement between two loads of the same files", () => {
    const files = receipt.files ?? [];
    assert.ok(isSameDelivery(receipt, { ...receipt, loadId: "2" }));
    assert.ok(!isSameDelivery(receipt, { ...receipt, executionId: "other" }));
    assert.ok(!isSameDelivery(receipt, { ...receipt, files: files.map((file) => ({ ...file, version: "v2" })) }));
    assert.ok(isSameDelivery(receipt, { ...receipt, files: null }), "without files the id decides");
  });
});
