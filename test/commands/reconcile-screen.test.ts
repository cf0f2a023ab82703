import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { reconcileScreen } from "../../src/commands/reconcile.ts";
import type { Reconciliation, ReconcileResult } from "../../src/pipeline/reconcile.ts";
import { obeyed } from "../support/recorded.ts";

const right: Reconciliation = {
  pipeline: "azure_billing",
  invoiceId: "G174696188",
  billingAccount: null,
  currency: "USD",
  invoiced: "23841.48",
  loaded: "23841.479059792191955238",
  difference: "0.000940207808044762",
  ok: true,
  parts: [
    { name: "usage", amount: "23841.479059792191955238" },
    { name: "rounding", amount: "0.000940207808044762" },
  ],
  explanation: [],
  unexplained: "0.000940207808044762",
  sentence: "The invoice matches what is loaded, to the cent.",
};

const wrong: Reconciliation = {
  ...right,
  pipeline: "aws_cur",
  invoiceId: "7264228961",
  billingAccount: "014523987610",
  invoiced: "1051268.01",
  loaded: "1054298.3765",
  difference: "-3030.3665",
  ok: false,
  explanation: [{ name: "tax", amount: "-3030.37" }],
  unexplained: "0.0035",
  sentence: "The invoice is 3,030.37 USD less than what is loaded. Possible reason: it leaves out tax (3,030.37).",
};

const lost: Reconciliation = {
  ...wrong,
  pipeline: null,
  invoiceId: null,
  billingAccount: "0022",
  currency: "EUR",
  invoiced: "5",
  loaded: "0",
  difference: "5",
  explanation: [],
  unexplained: "5",
  sentence: "Account 0022 was invoiced at 5.00 EUR, and no rows of it are loaded.",
};

/** With a tolerance of nothing, a fraction of a cent is a difference and is shown. */
const strict: Reconciliation = {
  ...right,
  ok: false,
  explanation: [{ name: "rounding", amount: right.difference }],
  unexplained: "0",
  sentence: `The invoice is ${right.difference} USD more than what is loaded. Possible reason: it rounds its total to cents (${right.difference}).`,
};

const result: Omit<ReconcileResult, "readFrom" | "publishedAt" | "lockedBy"> = {
  ok: false,
  billingMonth: "2026-06",
  tolerance: "0.01",
  reconciliations: [right, wrong, lost],
  notes: ["aws_cur 2026-06: The month is not final: the cloud may still change it."],
};

const plain = { colour: false, verbose: false, columns: 0 };
const screens: Readonly<Record<string, () => string>> = {
  reconcile: () => reconcileScreen(result, plain),
  "reconcile-verbose": () => reconcileScreen(result, { colour: false, verbose: true, columns: 0 }),
  "reconcile-strict": () => reconcileScreen({ ...result, tolerance: "0", reconciliations: [strict], notes: [] }, plain),
  "reconcile-right": () => reconcileScreen({ ...result, ok: true, reconciliations: [right], notes: [] }, plain),
};

for (const [name, draw] of Object.entries(screens)) {
  test(`the screen ${name} is as recorded (UPDATE=1 accepts it)`, async () => {
    const file = new URL(`../fixtures/screens/${name}.txt`, import.meta.url);
    const screen = draw();
    if (process.env["UPDATE"] === "1") await writeFile(file, screen);
    assert.equal(screen, await readFile(file, "utf8"));
  });
}

test("colours change nothing but colours", () => {
  const colourful = reconcileScreen(result, { colour: true, verbose: true, columns: 0 });
  assert.notEqual(colourful, reconcileScreen(result, { colour: false, verbose: true, columns: 0 }));
  assert.equal(
    stripVTControlCharacters(colourful),
    reconcileScreen(result, { colour: false, verbose: true, columns: 0 }),
  );
});

test("terminal escapes from bills and lists of invoices are spelt out", () => {
  const evil = "x\u001b[2J\u009b1m\u202e\r\ny";
  const drawn = {
    ...wrong,
    pipeline: evil,
    invoice_id: evil,
    currency: evil,
    sentence: evil,
    parts: [{ name: evil, amount: "1" }],
  };
  const screen = reconcileScreen(
    { ...result, reconciliations: [drawn, { ...lost, billingAccount: evil }], notes: [evil] },
    { colour: false, verbose: true, columns: 0 },
  );
  assert.doesNotMatch(screen, obeyed);
});
