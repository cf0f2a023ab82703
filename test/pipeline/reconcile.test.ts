import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { type BilledLine, costOf, partsOf, uninvoicedName } from "../../src/pipeline/reconcile/bills.ts";
import { matchInvoices, matchMonth, type PricedInvoice } from "../../src/pipeline/reconcile/matches.ts";
import { parseInvoices } from "../../src/pipeline/reconcile/invoices.ts";
import { reconciliationSentence } from "../../src/pipeline/reconcile/words.ts";
import { explainResidual, type ResidualFacts, roundingOf } from "../../src/pipeline/reconcile/residual.ts";
import { formatAmount, formatSmallAmount, roundToCents } from "../../src/schema/decimals.ts";
import { addDecimals } from "../../src/schema/sums.ts";
import { rejects } from "../support/rejects.ts";

function line(cost: string, cells: Partial<BilledLine> = {}): BilledLine {
  const usual = { invoice: "100", payer: "001", chargeType: "Usage", service: "AmazonEC2", account: "012" };
  return { ...usual, currency: "USD", rows: 1, cost, ...cells };
}

const usage = line("100.004");
const tax = line("12.30", { chargeType: "Tax" });
const credit = line("-5", { chargeType: "Credit" });
const support = line("29.0012", { chargeType: "Fee", service: "AWSSupportBusiness" });
const bill = [usage, tax, credit, support];

function explain(invoiced: string, facts: Partial<ResidualFacts> = {}) {
  return explainResidual({ invoiced, lines: bill, beside: [], tolerance: "0.01", ...facts });
}

function reasonsOf(residual: ReturnType<typeof explain>): string[] {
  return residual.reasons.map(({ how, name, amount }) => `${how} ${name} ${amount}`);
}

/** The sentence of one amount for these lines. */
function sentence(invoiced: string, lines: readonly BilledLine[] = bill, tolerance = "0.01"): string {
  const match = matchMonth({ pipeline: "aws_cur", lines }, invoiced, "USD");
  return reconciliationSentence(match, explainResidual({ ...match, invoiced, tolerance }));
}

describe("the parts of a bill", () => {
  const parts: readonly [part: string, chargeType: string, service?: string][] = [
    ["usage", "Usage"],
    ["usage", "DiscountedUsage"],
    ["usage", "SavingsPlanCoveredUsage"],
    ["usage", "SavingsPlanNegation"],
    ["usage", "UnusedReservation"],
    ["usage", "Usage", "Supportive"],
    ["tax", "Tax", "AWSSupportBusiness"],
    ["credits", "Credit"],
    ["refunds", "Refund"],
    ["discounts", "EdpDiscount"],
    ["discounts", "BundledDiscount"],
    ["discounts", "PrivateRateDiscount"],
    ["support", "Fee", "AWSSupportBusiness"],
    ["support", "Fee", "AWSDeveloperSupport"],
    ["support", "Fee", "OCBPremiumSupport"],
    ["support", "Purchase", "AWS Support (Business)"],
    ["support", "Purchase", "Azure Support"],
    ["support", "Usage", "Azure Professional Direct Support"],
    ["fees and purchases", "Fee", "AmazonRoute53"],
    ["fees and purchases", "RIFee"],
    ["fees and purchases", "SavingsPlanRecurringFee"],
    ["fees and purchases", "SavingsPlanUpfrontFee"],
    ["fees and purchases", "Purchase"],
    ["adjustments", "Adjustment"],
    ["adjustments", "RoundingAdjustment"],
  ];
  for (const [part, chargeType, service = "AmazonEC2"] of parts) {
    test(`${chargeType} of ${service}: ${part}`, () => {
      assert.deepEqual(
        partsOf([line("1", { chargeType, service })]).map(({ name }) => name),
        [part],
      );
    });
  }

  test("rows without an invoice id are a part only where others have one", () => {
    const names = (lines: readonly BilledLine[]): string[] => partsOf(lines).map(({ name }) => name);
    const open = [line("1", { invoice: null }), line("2", { invoice: null, chargeType: "Tax" })];
    assert.deepEqual(names(open), ["usage", "tax"]);
    assert.deepEqual(names([...open, usage]), ["usage", uninvoicedName]);
  });
});

describe("a residual", () => {
  test("within the tolerance, which is included, is right", () => {
    assert.equal(costOf(bill), "136.3052");
    for (const [invoiced, ok] of [
      ["136.3152", true],
      ["136.2952", true],
      ["136.31520000000000000001", false],
      ["136.2951999999", false],
    ] as const) {
      assert.equal(explain(invoiced).ok, ok, invoiced);
    }
    assert.equal(explain("136.31", { tolerance: "0" }).ok, false);
    assert.equal(explain("136.3052", { tolerance: "0" }).ok, true);
  });

  test("is explained by the fewest parts that come to it", () => {
    assert.deepEqual(reasonsOf(explain("124.01")), ["leaves out tax -12.3"]);
    assert.deepEqual(reasonsOf(explain("141.31")), ["leaves out credits 5"]);
    assert.deepEqual(reasonsOf(explain("95.00")), ["leaves out tax -12.3", "leaves out support -29.0012"]);
    assert.deepEqual(reasonsOf(explain("100.00")).length, 3);
    assert.deepEqual(explain("124.01").unexplained, "0.0048");
  });

  test("is never explained by what does not come to it", () => {
    const { ok, reasons, unexplained, difference } = explain("130.00");
    assert.deepEqual(
      { ok, reasons, unexplained, difference },
      { ok: false, reasons: [], unexplained: "-6.3052", difference: "-6.3052" },
    );
  });

  test("names other reasons that come to the same", () => {
    const lines = [usage, tax, line("12.30", { chargeType: "Refund" })];
    const { reasons, alternatives } = explain("112.30", { lines });
    assert.deepEqual(
      [reasons, ...alternatives].map((one) => one.map(({ name }) => name)),
      [["tax"], ["refunds"]],
    );
    assert.match(sentence("112.30", lines), /: it leaves out tax \(12\.30\), or it leaves out refunds \(12\.30\)\.$/);
  });

  test("is explained by rows without an invoice id yet", () => {
    const beside = [{ name: uninvoicedName, lines: [line("7.5", { invoice: null })] }];
    assert.deepEqual(reasonsOf(explain("143.81", { beside })), [`holds ${uninvoicedName} 7.5`]);
    const mixed = [...bill, line("7.5", { invoice: null })];
    assert.deepEqual(reasonsOf(explain("136.31", { lines: mixed })), [`leaves out ${uninvoicedName} -7.5`]);
  });

  test("is explained by rounding each service of each account to cents, exactly", () => {
    const lines = Array.from({ length: 100 }, (_, index) => line("1.005", { account: `${index}` }));
    assert.equal(roundingOf(lines), "0.5");
    assert.equal(roundingOf(lines.map((one) => ({ ...one, account: "012" }))), "0");
    assert.deepEqual(reasonsOf(explain("101.00", { lines })), ["rounds its lines rounding 0.5"]);
    const taxed = [...lines, tax];
    // The tax is of an account of its own, and at cents already.
    assert.deepEqual(reasonsOf(explain("101.00", { lines: taxed })), [
      "leaves out tax -12.3",
      "rounds its lines rounding 0.5",
    ]);
  });

  test("is explained by rounding what is left when parts are left out, and not what is loaded", () => {
    const accounts = Array.from({ length: 100 }, (_, index) => ({ account: `${index}` }));
    const usages = accounts.map((cells) => line("1.004", cells));
    const taxes = accounts.map((cells) => line("0.104", { ...cells, chargeType: "Tax" }));
    // Together 1.108 would be rounded up, and 1.004 alone is rounded down.
    assert.equal(roundingOf([...usages, ...taxes]), "0.2");
    assert.deepEqual(reasonsOf(explain("100.00", { lines: [...usages, ...taxes] })), [
      "leaves out tax -10.4",
      "rounds its lines rounding -0.4",
    ]);
  });

  test("is not explained by the usage that an invoice is for", () => {
    assert.deepEqual(reasonsOf(explain("12.30", { lines: [usage, tax] })), []);
  });

  test("without any tolerance is explained by the rounding of the total, and by nothing near it", () => {
    assert.deepEqual(reasonsOf(explain("136.31", { tolerance: "0" })), ["rounds its total rounding 0.0048"]);
    assert.deepEqual(reasonsOf(explain("124.01", { tolerance: "0" })), [
      "leaves out tax -12.3",
      "rounds its total rounding 0.0048",
    ]);
    assert.deepEqual(reasonsOf(explain("136.3051", { tolerance: "0" })), []);
  });

  test("of a month with several invoices is explained by one of them", () => {
    const lines = [line("10"), line("20", { invoice: "200" }), line("40", { invoice: "300" })];
    assert.deepEqual(reasonsOf(explain("50", { lines })), ["leaves out invoice 200 -20"]);
    assert.deepEqual(reasonsOf(explain("40", { lines })), ["leaves out everything but invoice 300 -30"]);
    assert.deepEqual(reasonsOf(explain("10", { lines: lines.slice(0, 2) })), ["leaves out invoice 200 -20"]);
  });

  test("keeps all digits: nothing is lost at 38 of them", () => {
    const lines = [line("12345678901234567890.000000000000000001")];
    assert.equal(explain("12345678901234567890", { lines, tolerance: "0" }).difference, "-0.000000000000000001");
  });

  test("always adds up: parts to what is loaded, and reasons with what is left to the difference", () => {
    const types = ["Usage", "Tax", "Credit", "Refund", "Fee", "EdpDiscount", "Adjustment"];
    const anyLine = fc.record({
      chargeType: fc.constantFrom(...types),
      service: fc.constantFrom("AmazonEC2", "AWSSupportBusiness", "AmazonS3"),
      account: fc.constantFrom("1", "2"),
      invoice: fc.constantFrom("100", "100", "200", null),
      cents: fc.integer({ min: -100_000, max: 100_000 }),
      fraction: fc.integer({ min: 0, max: 999 }),
    });
    fc.assert(
      fc.property(fc.array(anyLine, { maxLength: 12 }), fc.array(fc.constantFrom(...types)), (drawn, missing) => {
        const lines = drawn.map(({ cents, fraction, ...cells }) =>
          line(addDecimals([`${cents}e-2`, `${fraction}e-5`]), cells),
        );
        const parts = partsOf(lines);
        const gone = parts.filter(({ name }) =>
          missing.some((type) => partsOf([line("1", { chargeType: type })])[0]?.name === name && name !== "usage"),
        );
        const invoiced = roundToCents(costOf(lines.filter((one) => !gone.some((part) => part.lines.includes(one)))));
        const residual = explain(invoiced, { lines });
        const amounts = residual.parts.filter(({ name }) => name !== "rounding").map(({ amount }) => amount);
        assert.equal(addDecimals(amounts), residual.loaded);
        assert.equal(
          addDecimals([...residual.reasons.map(({ amount }) => amount), residual.unexplained]),
          residual.difference,
        );
        // What was left out is known, so there is a reason, and never more of them than parts were left out.
        assert.ok(residual.ok || residual.reasons.length > 0, `${invoiced} of ${residual.loaded}`);
        assert.ok(residual.reasons.length <= gone.length);
      }),
      { numRuns: 200 },
    );
  });

  test("of a large bill is explained in seconds", { timeout: 20_000 }, () => {
    const types = ["Usage", "Tax", "Credit", "Refund", "Fee", "EdpDiscount", "Adjustment"];
    const lines = Array.from({ length: 20_000 }, (_, index) =>
      line(`${index}.12345678`, {
        account: `${index % 500}`,
        service: `Service${index % 40}`,
        chargeType: types[index % 7] ?? "",
      }),
    );
    const taxes = costOf(lines.filter(({ chargeType }) => chargeType === "Tax"));
    const residual = explain(addDecimals([costOf(lines), `-${taxes}`]), { lines });
    assert.deepEqual(reasonsOf(residual), [`leaves out tax -${taxes}`]);
  });
});

describe("invoices and loaded lines", () => {
  const invoice = (amount: string, invoiceId: string | null, account: string | null = null): PricedInvoice => ({
    invoiceId,
    account,
    amount,
    currency: "USD",
  });
  const aws = {
    pipeline: "aws_cur",
    lines: [
      line("10", { invoice: "A" }),
      line("20", { invoice: "B" }),
      line("5", { invoice: null }),
      line("7", { invoice: null, payer: "002" }),
    ],
  };
  const linesOf = (invoices: readonly PricedInvoice[], bills = [aws]): string[] =>
    matchInvoices(bills, invoices).map((match) =>
      [match.pipeline, match.invoiceId, match.account, match.invoiced, costOf(match.lines)].join(" "),
    );

  test("are held together by the id of the invoice, whatever its capitals; lines for one invoice are added up", () => {
    assert.deepEqual(linesOf([invoice("20", "b"), invoice("4", "A"), invoice("6", "A")]).slice(0, 2), [
      "aws_cur b 001 20 20",
      "aws_cur A 001 10 10",
    ]);
  });

  test("are held together by the account where the id is not loaded or not given, without what has an invoice", () => {
    assert.deepEqual(linesOf([invoice("10", "A"), invoice("25", null, "001"), invoice("7", "Z", "002")]), [
      "aws_cur A 001 10 10",
      "aws_cur  001 25 25",
      "aws_cur Z 002 7 7",
    ]);
    assert.deepEqual(linesOf([invoice("3", "Y", "002"), invoice("4", "Z", "002")])[0], "aws_cur  002 7 7");
  });

  test("without a counterpart are differences, on both sides", () => {
    assert.deepEqual(linesOf([invoice("99", "Q")]), [
      "aws_cur Q  99 0",
      "aws_cur A 001  10",
      "aws_cur B 001  20",
      "aws_cur  001  5",
      "aws_cur  002  7",
    ]);
    const [missing] = matchInvoices([aws], [invoice("99", "Q")]);
    assert.deepEqual(
      missing?.beside[0]?.lines.map(({ cost }) => cost),
      ["5", "7"],
    );
  });

  test("have the same account, whether it is Azure's path to it or the name that an invoice prints", () => {
    const payer = "/providers/Microsoft.Billing/billingAccounts/5f0c/billingProfiles/7qk2-lm9t";
    const azure = {
      pipeline: "azure",
      lines: [line("10", { invoice: null, payer }), line("20", { invoice: "B", payer })],
    };
    assert.deepEqual(linesOf([invoice("30", null, "7QK2-LM9T")], [azure]), ["azure  7QK2-LM9T 30 30"]);
    assert.deepEqual(linesOf([invoice("30", null, payer.toLowerCase())], [azure]).length, 1);
  });

  test("have the same account or id, also where a spreadsheet has dropped the zeros in front", () => {
    const bill = { pipeline: "aws", lines: [line("30", { invoice: "0042", payer: "014523987610" })] };
    assert.deepEqual(linesOf([invoice("30", null, "14523987610")], [bill]), ["aws  14523987610 30 30"]);
    assert.deepEqual(linesOf([invoice("30", "42")], [bill]), ["aws 42 014523987610 30 30"]);
  });

  test("of another currency are kept separate", () => {
    const [match] = matchInvoices([aws], [{ ...invoice("10", "A"), currency: "EUR" }]);
    assert.ok(match !== undefined);
    assert.deepEqual([match.lines, match.otherCurrencies], [[], ["USD"]]);
    const words = reconciliationSentence(match, explainResidual({ ...match, invoiced: "10", tolerance: "0.01" }));
    assert.equal(words, "Invoice A is loaded in USD, not in EUR.");
  });

  test("of several exports: each export is compared with its own, and the rows of the others are a reason", () => {
    const other = { pipeline: "aws_focus", lines: [line("3", { invoice: "A" })] };
    const [first, second] = matchInvoices([aws, other], [invoice("13", "A")]);
    assert.ok(first !== undefined && second !== undefined);
    assert.deepEqual([first.pipeline, second.pipeline], ["aws_cur", "aws_focus"]);
    const words = reconciliationSentence(first, explainResidual({ ...first, invoiced: "13", tolerance: "0.01" }));
    assert.equal(
      words,
      "The invoice is 3.00 USD more than what is loaded. Possible reason: it holds its rows in aws_focus (3.00).",
    );
  });

  test("are each counted once: all invoices and all lines", () => {
    const ids = fc.constantFrom("A", "B", "C", null);
    const payers = fc.constantFrom("001", "002", null);
    const cost = fc.integer({ min: 1, max: 1000 }).map(String);
    const lines = fc.array(fc.record({ cost, invoice: ids, payer: payers }), { maxLength: 10 });
    const invoices = fc.array(fc.record({ amount: cost, invoiceId: ids, account: payers }), { maxLength: 6 });
    fc.assert(
      fc.property(lines, invoices, (drawn, list) => {
        const loaded = drawn.map(({ cost: own, ...cells }) => line(own, cells));
        const named = list.filter(({ invoiceId, account }) => (invoiceId ?? account) !== null);
        const matches = matchInvoices(
          [{ pipeline: "aws_cur", lines: loaded }],
          named.map((one) => ({ ...one, currency: "USD" })),
        );
        assert.equal(addDecimals(matches.map((match) => costOf(match.lines))), costOf(loaded));
        assert.equal(
          addDecimals(matches.map(({ invoiced }) => invoiced ?? "0")),
          addDecimals(named.map(({ amount }) => amount)),
        );
      }),
    );
  });
});

describe("sentences", () => {
  const cases: Readonly<Record<string, string>> = {
    "136.3052": "The invoice matches what is loaded, to the last digit.",
    "136.31": "The invoice matches what is loaded, to the cent.",
    "124.01": "The invoice is 12.30 USD less than what is loaded. Possible reason: it leaves out tax (12.30).",
    "141.31": "The invoice is 5.00 USD more than what is loaded. Possible reason: it leaves out credits (-5.00).",
    "98.00":
      "The invoice is 38.31 USD less than what is loaded, and no loaded charges explain the difference. Loaded: usage 100.00, tax 12.30, support 29.00 and credits -5.00; rounding each service of each account to cents would add -0.01.",
  };
  for (const [invoiced, words] of Object.entries(cases)) {
    test(`${invoiced}: ${words.slice(0, 60)}`, () => assert.equal(sentence(invoiced), words));
  }

  test("the difference within a tolerance is reported", () => {
    assert.equal(
      sentence("137", bill, "1"),
      "The invoice is 0.69 USD more than what is loaded, which is within the tolerance.",
    );
    assert.match(sentence("124.50", bill, "1"), /: it leaves out tax \(12\.30\); 0\.49 USD is left\.$/);
  });

  test("without tax in what is loaded, an invoice that is more says so", () => {
    assert.match(sentence("119.00", [usage]), / would add 0\.00\. None of these rows is tax\.$/);
  });

  test("tax that is loaded without an invoice id counts as tax", () => {
    const untaxed = line("3", { invoice: null, chargeType: "Tax" });
    assert.doesNotMatch(sentence("119.00", [usage, untaxed]), /tax/);
  });

  test("an invoice that is loaded or listed in another currency is not called missing", () => {
    const priced = (invoiceId: string | null, account: string | null): PricedInvoice => ({
      invoiceId,
      account,
      amount: "5",
      currency: "EUR",
    });
    const sentencesFor = (...invoices: readonly PricedInvoice[]): string[] =>
      matchInvoices([{ pipeline: "aws_cur", lines: [usage] }], invoices).map((match) =>
        reconciliationSentence(
          match,
          explainResidual({ ...match, invoiced: match.invoiced ?? "0", tolerance: "0.01" }),
        ),
      );
    const unlisted = "Invoice 100 comes to 100.00 USD, but the list of invoices lacks a line for it in USD.";
    assert.deepEqual(sentencesFor(priced("100", null)), ["Invoice 100 is loaded in USD, not in EUR.", unlisted]);
    assert.deepEqual(sentencesFor(priced(null, "001")), ["Account 001 is loaded in USD, not in EUR.", unlisted]);
    assert.deepEqual(sentencesFor(priced("7", "009")), [
      "Invoice 7 was invoiced at 5.00 EUR, and no rows of it are loaded.",
      unlisted,
    ]);
  });

  test("a long list of reasons is cut", () => {
    const lines = ["1", "2", "3", "4", "5"].map((invoice) => line("10", { invoice }));
    assert.match(sentence("40", lines), /invoice 3 \(10\.00\), or one of 2 other reasons\.$/);
  });
});

describe("a list of invoices", () => {
  const parse = (text: string) => parseInvoices("june.csv", Buffer.from(text));
  const fails = (
    text: string,
    code: "FILE_INVALID" | "VALUE_INVALID" | "LIMIT_EXCEEDED",
    ...named: readonly string[]
  ) =>
    rejects(
      Promise.resolve().then(() => parse(text)),
      code,
      "june.csv",
      ...named,
    );

  test("has its columns by name, without regard to case, blanks and underscores", () => {
    const wanted = [{ invoiceId: "7", account: "001", amount: "1234.56", currency: "USD" }];
    assert.deepEqual(parse("invoice_id,amount,currency,billing_account\n7,1234.56,USD,001\n"), wanted);
    assert.deepEqual(
      parse(
        "\uFEFFPayer Account;x,TOTAL,note,Invoice Number,Currency\r\n".replace(";x", "") +
          '001 , 1234.56,"a, b",7,usd\r\n',
      ),
      wanted,
    );
    assert.deepEqual(parse("Account,Amount\n001,-5\n"), [
      { invoiceId: null, account: "001", amount: "-5", currency: null },
    ]);
  });

  test("has only amounts that are plain decimals", async () => {
    for (const amount of ["1,234.56", "$5", "1e3", "", "12.", ".5", "+1", "1 000", "abc"]) {
      await fails(
        `invoice,amount\n1,1\n7,"${amount}"\n`,
        "VALUE_INVALID",
        "line 3",
        "column amount",
        JSON.stringify(amount),
      );
    }
  });

  test("names in each line an invoice or an account, and in currencies three letters", async () => {
    await fails("invoice,account,amount\n,,5\n", "VALUE_INVALID", "line 2", "invoice and account");
    await fails("invoice,amount,currency\n1,5,dollar\n", "VALUE_INVALID", "line 2", "currency", '"dollar"');
  });

  test("has the columns it needs, once, and a line", async () => {
    await fails("invoice,cost\n1,5\n", "FILE_INVALID", "amount");
    await fails("amount\n5\n", "FILE_INVALID", "invoice_id");
    await fails("invoice;amount\n1;5\n", "FILE_INVALID", "; as its delimiter");
    await fails("invoice,amount,Total\n1,5,5\n", "FILE_INVALID", '"amount" and "Total"');
    await fails("invoice,amount\n", "FILE_INVALID");
    await fails("", "FILE_INVALID");
    const { hint } = await fails("invoice,amount\n7,1,234.56\n", "FILE_INVALID", "line 2", "3 cells");
    assert.match(hint, /without thousands separators/);
    await fails('invoice,amount\n"7,5\n', "FILE_INVALID", "line 2", "never closed");
  });

  test("is not of ten thousand lines and more", async () => {
    const lines = (count: number): string => `invoice,amount\n${"7,5\n".repeat(count)}`;
    assert.equal(parse(lines(10_000)).length, 10_000);
    await fails(lines(10_001), "LIMIT_EXCEEDED", "10000 lines");
  });
});

test("amounts are rounded as text, half away from zero", () => {
  for (const [text, cents, shown, small] of [
    ["1234.565", "1234.57", "1,234.57", "1,234.57"],
    ["-0.005", "-0.01", "-0.01", "-0.01"],
    ["-0.0049", "0", "0.00", "-0.0049"],
    ["0", "0", "0.00", "0.00"],
    ["90071992547409919.994999", "90071992547409919.99", "90,071,992,547,409,919.99", "90,071,992,547,409,919.99"],
  ] as const) {
    assert.deepEqual([roundToCents(text), formatAmount(text), formatSmallAmount(text)], [cents, shown, small]);
  }
});
