import assert from "node:assert/strict";
import { test } from "node:test";
import { reconcileScreen } from "../../src/commands/reconcile.ts";
import { reconciled } from "../support/recorded-checks.ts";
import { obeyed } from "../support/recorded.ts";

test("terminal escapes from bills and lists of invoices are spelt out", () => {
  const evil = "x\u001b[2J\u009b1m\u202e\r\ny";
  const [, wrong, lost] = reconciled.reconciliations;
  assert.ok(wrong !== undefined && lost !== undefined);
  const drawn = {
    ...wrong,
    pipeline: evil,
    invoiceId: evil,
    currency: evil,
    sentence: evil,
    parts: [{ name: evil, amount: "1" }],
  };
  const screen = reconcileScreen(
    { ...reconciled, reconciliations: [drawn, { ...lost, billingAccount: evil }], notes: [evil] },
    { colour: false, verbose: true, columns: 0 },
  );
  assert.doesNotMatch(screen, obeyed);
});
