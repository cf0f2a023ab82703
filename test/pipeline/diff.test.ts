import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CostLine } from "../../src/model.ts";
import { alignSummaries, changesBy, compareLines } from "../../src/pipeline/months/summaries.ts";
import { isSameDelivery } from "../../src/pipeline/months/undone.ts";
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
    const told = compareLines(alignSummaries(before, after)).map((each) => [
      each.service,
      each.account,
      each.difference,
      each.rowsAfter - each.rowsBefore,
    ]);
    assert.deepEqual(told, [
      ["AmazonEC2", "3", "-100.1", -10],
      ["AmazonEC2", "2", "-60.1", 0],
      ["AmazonEC2", "4", "-0.2", 10],
      ["AmazonS3", "1", "0", 1],
    ]);
  });

  it("keeps currencies, and none from empty, apart", () => {
    const summaries = alignSummaries([line({ service: null })], [line({ service: null, currency: "EUR" })]);
    assert.deepEqual(
      changesBy(summaries, "service").map(({ value, currency, difference }) => [value, currency, difference]),
      [
        [null, "USD", "-100.1"],
        [null, "EUR", "100.1"],
      ],
    );
  });

  it("adds up exactly for each value of a property", () => {
    const before = [line({ cost: "0.1" }), line({ account: "2", cost: "0.2" })];
    const after = [line({ cost: "0.3" }), line({ account: "2", cost: "12345678901234567890.123456789012345678" })];
    const [change] = changesBy(alignSummaries(before, after), "service");
    assert.equal(change?.costBefore, "0.3");
    assert.equal(change?.difference, "12345678901234567890.123456789012345678");
  });

  it("shows the total of a whole service, not only its changed lines, and leaves out unchanged services", () => {
    const before = [line({ cost: "100" }), line({ account: "2", cost: "5" }), line({ service: "AmazonS3" })];
    const after = [line({ cost: "100" }), line({ account: "2", cost: "4" }), line({ service: "AmazonS3" })];
    const told = changesBy(alignSummaries(before, after), "service");
    assert.deepEqual(
      told.map(({ value, costBefore: old, costAfter: now, rowsAfter: rows }) => [value, old, now, rows]),
      [["AmazonEC2", "105", "104", 20]],
    );
  });

  it("compares an account that one summary has added up with the others of both", () => {
    const others = line({ account: "(others)", cost: "1" });
    const before = [line({ account: "b", cost: "5" }), line({ account: "d", cost: "7" }), others];
    const after = [
      line({ account: "c", cost: "5.01" }),
      line({ account: "d", cost: "7" }),
      { ...others, cost: "1.01" },
    ];
    const told = compareLines(alignSummaries(before, after));
    assert.deepEqual(
      told.map(({ account, difference }) => [account, difference]),
      [["(others)", "0.02"]],
    );
  });

  it("finds no restatement between two loads of the same files", () => {
    const files = receipt.files ?? [];
    const other = { ...receipt, loadId: "2" };
    assert.ok(isSameDelivery(receipt, other));
    assert.ok(!isSameDelivery(receipt, { ...other, executionId: "other", deliveries: null }));
    const [delivery] = receipt.deliveries ?? [];
    assert.ok(delivery !== undefined);
    const [first, second] = [{ ...delivery, execution_id: "first" }, delivery];
    const both = { ...other, deliveries: [first, second] };
    assert.ok(!isSameDelivery(receipt, both), "another half is loaded with it");
    assert.ok(isSameDelivery(both, { ...both, loadId: "3" }));
    const copied = files.map((file) => ({ ...file, version: "v2" }));
    assert.ok(!isSameDelivery(receipt, { ...other, files: copied }));
    const known = (of: typeof files): typeof files => of.map((file) => ({ ...file, checksum: "md5:1" }));
    assert.ok(
      isSameDelivery({ ...receipt, files: known(files) }, { ...other, files: known(copied) }),
      "the same bytes",
    );
    assert.ok(isSameDelivery(receipt, { ...other, files: null }), "without files the id decides");
    const back = { ...other, restoredLoadId: receipt.loadId, executionId: "whatever" };
    assert.ok(isSameDelivery(receipt, back), "the restored load");
  });
});
