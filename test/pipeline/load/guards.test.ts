import assert from "node:assert/strict";
import { test } from "node:test";
import { losses, type ComparedMonth } from "../../../src/pipeline/load/guards.ts";

/** A month by accounts: their rows and positive costs, in USD unless another currency is named. */
function month(
  accounts: Readonly<Record<string, readonly [rows: number, positive: string, currency?: string]>>,
): ComparedMonth {
  const lines = Object.entries(accounts).map(([account, [rows, positive, currency = "USD"]]) => ({
    account,
    rows,
    positive,
    currency,
  }));
  return { rows: lines.reduce((sum, { rows }) => sum + rows, 0), sums: [], accounts: lines, accountColumn: "account" };
}

test("a month that grows, stays or loses half is not guarded", () => {
  const before = month({ a: [8, "100"], b: [2, "4.99"] });
  assert.deepEqual(losses(before, before), []);
  assert.deepEqual(losses(before, month({ a: [80, "1000"], c: [2, "0"] })), [], "an account below 5 % may go");
  assert.deepEqual(losses(before, month({ a: [5, "52.495"] })), []);
  assert.deepEqual(losses(month({}), month({})), []);
  assert.deepEqual(losses(month({}), before), []);
  assert.deepEqual(losses(month({ a: [2, "0"] }), month({ b: [2, "0"] })), [], "without a cost no account counts");
});

test("what a load takes away is named with both figures", () => {
  const before = month({ a: [8, "95"], b: [2, "5"] });
  assert.deepEqual(losses(before, month({})), ["all of its 10 rows disappear"]);
  assert.deepEqual(losses(before, month({ a: [3, "95"], B: [1, "5"] })), ["its rows fall from 10 to 4"]);
  assert.deepEqual(losses(before, month({ a: [8, "44.999999999999999999"], b: [2, "5"] })), [
    "its positive cost falls from 100 to 49.999999999999999999 USD",
  ]);
  assert.deepEqual(losses(before, month({ a: [20, "500"] })), ["account b disappears, which had 5 of 100 USD"]);
});

test("currencies are compared one by one", () => {
  const before = month({ a: [5, "100"], b: [5, "1", "EUR"] });
  assert.deepEqual(losses(before, month({ a: [5, "100"], c: [5, "0.4", "EUR"] })), [
    "its positive cost falls from 1 to 0.4 EUR",
    "account b disappears, which had 1 of 1 EUR",
  ]);
});

test("accounts are not compared if the delivery lacks a column for them, and only ten are named", () => {
  const many = Object.fromEntries(Array.from({ length: 15 }, (_, index) => [`a${index}`, [2, "10"] as const]));
  assert.deepEqual(losses(month(many), { ...month({ "": [30, "150"] }), accountColumn: null }), []);
  const lost = losses(month(many), month({ other: [30, "150"] }));
  assert.equal(lost.length, 11);
  assert.equal(lost.at(-1), "5 more accounts disappear");
});
