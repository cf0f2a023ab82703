import assert from "node:assert/strict";
import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { reconcile, type Reconciliation, type ReconcileResult } from "../../src/index.ts";
import { addDecimals } from "../../src/schema/sums.ts";
import { billhouse, type Ended } from "../support/in-process.ts";
import { rejects } from "../support/rejects.ts";
import { samplesFolder } from "../support/samples.ts";
import {
  azureColumns,
  azureDelivery,
  azureRow,
  azureRows,
  curColumns,
  curDelivery,
  curRow,
  curRows,
  deliver,
  type Row,
} from "../support/deliveries.ts";
import { azureSection, createProject, curSection, type Project, runWell } from "../support/projects.ts";
import { parseResult } from "../support/json.ts";

const month = "2025-01";
const both = { ...curSection, ...azureSection };

function curLine(cost: string, type: string, cells: Row = {}): Row {
  return curRow(month, {
    "lineItem/UnblendedCost": cost,
    "lineItem/LineItemType": type,
    "bill/InvoiceId": "900",
    ...cells,
  });
}

/** 100.004 of usage, 12.30 of tax, support of 29 and a credit of -5: 136.304 of invoice 900. */
const invoiced: readonly Row[] = [
  curLine("60.004", "Usage"),
  curLine("40", "Usage", { "lineItem/UsageAccountId": "000000000077" }),
  curLine("12.30", "Tax"),
  curLine("29", "Fee", { "lineItem/ProductCode": "AWSSupportBusiness" }),
  curLine("-5", "Credit"),
];

async function loadCur(t: Parameters<typeof createProject>[0], rows: readonly Row[] = invoiced): Promise<Project> {
  const project = await createProject(t, curSection);
  await deliver(project.bucket, curDelivery({ month, id: "first", files: [rows] }));
  await runWell(project);
  return project;
}

function command({ folder }: Project, words: readonly string[]): Promise<Ended> {
  return billhouse(folder, ["reconcile", ...words], {}, { now: new Date() });
}

/** Runs the command with `--json`, and requires that its exit code is what its document says. */
async function ask(project: Project, ...words: readonly string[]): Promise<ReconcileResult> {
  const { code, stdout, stderr } = await command(project, [month, "--json", ...words]);
  assert.equal(stderr, "");
  const result = parseResult(stdout) as ReconcileResult;
  assert.equal(code, result.ok ? 0 : 4, stdout);
  return result;
}

async function refused(project: Project, words: readonly string[], code = "USAGE_INVALID"): Promise<string> {
  const ended = await command(project, [...words, "--json"]);
  const { error } = JSON.parse(ended.stdout) as { error: { code: string; message: string; hint: string } };
  assert.equal(error.code, code, error.message);
  assert.equal(ended.code, code === "USAGE_INVALID" ? 64 : 1);
  return `${error.message} ${error.hint}`;
}

function figures({ reconciliations }: ReconcileResult): string[] {
  return reconciliations.map((one) =>
    [one.pipeline, one.invoiceId, one.billingAccount, one.currency, one.invoiced, one.loaded, one.difference].join(" "),
  );
}

function only({ reconciliations }: ReconcileResult): Reconciliation {
  const [first, ...others] = reconciliations;
  assert.ok(first !== undefined && others.length === 0);
  return first;
}

describe("reconcile", { concurrency: 2, timeout: 180_000 }, () => {
  test("compares a month with one amount, and explains the difference", async (t) => {
    const project = await loadCur(t);
    const right = await ask(project, "--invoice", "136.30");
    assert.deepEqual(figures(right), ["aws_cur  0022222222222 USD 136.3 136.304 -0.004"]);
    assert.deepEqual([right.ok, right.tolerance, right.notes], [true, "0.01", []]);
    const wrong = only(await ask(project, "--invoice", "124.00"));
    assert.deepEqual(wrong.parts, [
      { name: "usage", amount: "100.004" },
      { name: "tax", amount: "12.3" },
      { name: "support", amount: "29" },
      { name: "credits", amount: "-5" },
      { name: "rounding", amount: "-0.004" },
    ]);
    assert.deepEqual(
      [wrong.ok, wrong.explanation, wrong.unexplained],
      [false, [{ name: "tax", amount: "-12.3" }], "-0.004"],
    );
    assert.equal(
      wrong.sentence,
      "The invoice is 12.30 USD less than what is loaded. Possible reason: it leaves out tax (12.30).",
    );
    assert.equal((await ask(project, "--invoice", "136.31", "--tolerance", "0.006")).ok, true);
    assert.equal((await ask(project, "--invoice", "136.31", "--tolerance", "0.0059")).ok, false);
    assert.equal((await ask(project, "--invoice", "136.304", "--tolerance", "0")).ok, true);
    assert.equal(only(await ask(project, "--invoice", "-1.5")).invoiced, "-1.5");
  });

  test("shows both figures and the sentence on the screen, with exit code 4", async (t) => {
    const project = await loadCur(t);
    const { code, stdout, stderr } = await command(project, [month, "--invoice", "124.00"]);
    assert.deepEqual([code, stderr], [4, ""]);
    assert.match(stdout, /✖ {2}aws_cur {2}account 0022222222222 {4}124\.00 {2}136\.30 {6}-12\.30 {2}USD\n/);
    assert.match(stdout, /it leaves out tax \(12\.30\)\.\n/);
  });

  test("compares each line of a list with its invoice or its account, and names those without a counterpart", async (t) => {
    const project = await createProject(t, both);
    const rows = [
      ...invoiced,
      curLine("38.50", "Usage", { "bill/InvoiceId": "901" }),
      curLine("7", "Usage", { "bill/InvoiceId": "" }),
    ];
    await deliver(project.bucket, curDelivery({ month, id: "first", files: [rows] }));
    const columns = [...azureColumns, "BillingAccountId"];
    const azure = ["3", "4"].map((cost) =>
      azureRow(month, { CostInBillingCurrency: cost, BillingAccountId: "8608480", BillingCurrency: "USD" }),
    );
    await deliver(project.bucket, azureDelivery({ month, id: "run", files: [azure], columns }));
    for (const name of ["aws", "azure"]) await runWell(project, { pipelines: [name] });
    await writeFile(
      join(project.folder, "january.csv"),
      "Invoice ID,Billing Account,Amount\r\n900,,100.00\r\n900,,36.30\r\n777,,5.00\r\n,8608480,7.50\r\n",
    );
    const result = await ask(project, "--invoices", "january.csv");
    assert.deepEqual(figures(result), [
      "aws_cur 900 0022222222222 USD 136.3 136.304 -0.004",
      " 777  USD 5 0 5",
      "azure_billing  8608480 USD 7.5 7 0.5",
      "aws_cur 901 0022222222222 USD 0 38.5 -38.5",
      "aws_cur  0022222222222 USD 0 7 -7",
    ]);
    assert.deepEqual(
      result.reconciliations.map(({ ok }) => ok),
      [true, false, false, false, false],
    );
    assert.equal(
      result.reconciliations[3]?.sentence,
      "Invoice 901 comes to 38.50 USD, but the list of invoices lacks a line for it in USD.",
    );
    assert.ok(
      result.notes.some((note) => note.startsWith("azure_billing 2025-01: The export does not contain invoice ids")),
    );
    const narrowed = await ask(project, "--invoices", "january.csv", "--export", "azure");
    assert.deepEqual(figures(narrowed), [
      "azure_billing 900  USD 136.3 0 136.3",
      "azure_billing 777  USD 5 0 5",
      "azure_billing  8608480 USD 7.5 7 0.5",
    ]);
    assert.match(await refused(project, [month, "--invoice", "1"]), /aws_cur, azure_billing.*--export aws_cur/);
    assert.equal(only(await ask(project, "--invoice", "7", "--export", "azure_billing")).ok, true);
  });

  test("asks for the currency where several are loaded, and keeps them apart", async (t) => {
    const euro = curLine("50", "Usage", { "lineItem/CurrencyCode": "EUR", "bill/InvoiceId": "950" });
    const project = await loadCur(t, [...invoiced, euro]);
    assert.match(await refused(project, [month, "--invoice", "1"]), /EUR, USD.*--currency/);
    assert.match(await refused(project, [month, "--invoice", "1", "--currency", "GBP"]), /in GBP\. Loaded: EUR, USD/);
    const result = await ask(project, "--invoice", "50", "--currency", "eur");
    assert.deepEqual(figures(result), ["aws_cur  0022222222222 EUR 50 50 0"]);
    assert.match(result.notes.join(), /costs in other currencies, which are not compared: 136\.30 USD/);
    await writeFile(join(project.folder, "list.csv"), "invoice,total,currency\n900,136.30,usd\n950,50,USD\n");
    const listed = await ask(project, "--invoices", "list.csv");
    assert.deepEqual(figures(listed).slice(1), ["aws_cur 950  USD 50 0 50", "aws_cur 950 0022222222222 EUR 0 50 -50"]);
    assert.equal(listed.reconciliations[1]?.sentence, "Invoice 950 is loaded in EUR, not in USD.");
  });

  test("notes a month that is not final, one that was restated after final, and several invoices", async (t) => {
    const project = await createProject(t, curSection);
    const open = "2025-02";
    await deliver(project.bucket, curDelivery({ month, id: "first", files: [invoiced] }));
    await deliver(project.bucket, curDelivery({ month: open, id: "open", files: [curRows(open, "5")] }));
    await runWell(project);
    const notesAt = async (now: string, of = month): Promise<string> =>
      (await reconcile(project.config, { month: of, invoice: "5", now: new Date(now) })).notes.join("\n");
    assert.match(await notesAt("2025-02-10T00:00:00Z", open), /aws_cur 2025-02: The month is not over/);
    assert.match(await notesAt("2025-03-02T00:00:00Z", open), /aws_cur 2025-02: The month is not final/);
    assert.equal(await notesAt("2025-03-02T00:00:00Z"), "");
    const changed = [...invoiced, curLine("1", "Usage", { "bill/InvoiceId": "901" })];
    await deliver(project.bucket, curDelivery({ month, id: "second", files: [changed] }));
    await runWell(project);
    const restated = await notesAt("2025-03-02T00:00:00Z");
    assert.match(restated, /restated after it was final/);
    const { notes } = await reconcile(project.config, { month: month, invoice: "136.30" });
    assert.match(
      notes.join("\n"),
      /136\.30 USD is the total of the load of \d{4}-\d\d-\d\d \(first\), which was replaced since\. billhouse diff aws_cur/,
    );
    assert.doesNotMatch(restated, /which was replaced/);
    assert.match(restated, /several invoices: 900 \(136\.30\), 901 \(1\.00\)\. Use --invoices/);
    // A reload has the total of the previous load, so no earlier load explains this invoice.
    await runWell(project, { force: true, months: { only: [month] } });
    const line = { invoiceId: "900", account: null, amount: "137.30", currency: null };
    const listed = await reconcile(project.config, { month, invoices: [line] });
    assert.equal(listed.ok, false);
    assert.doesNotMatch(listed.notes.join("\n"), /is the total of the load/);
  });

  test("notes that an amortized export does not reconcile with an invoice", async (t) => {
    const project = await createProject(t, azureSection);
    const rows = [...azureRows(month, "4"), azureRow(month, { ChargeType: "UnusedReservation" })];
    await deliver(project.bucket, azureDelivery({ month, id: "run", files: [rows], type: "AmortizedCost" }));
    await runWell(project);
    assert.match((await ask(project, "--invoice", "6.30")).notes.join(), /amortized costs.*do not match an invoice/);
  });

  test("refuses an invalid amount, a month that is not loaded, and an unreadable list, with the exact place", async (t) => {
    const project = await loadCur(t);
    for (const amount of ["1,234.56", "12 USD", "1e3", ""]) {
      assert.match(await refused(project, [month, `--invoice=${amount}`]), /1234\.56/);
    }
    assert.match(
      await refused(project, [month, "--invoice", "1", "--tolerance", "-1"]),
      /"-1" is not a valid tolerance/,
    );
    assert.match(await refused(project, [month]), /--invoice 1234\.56, or --invoices/);
    assert.match(await refused(project, [month, "--invoice", "1", "--invoices", "x.csv"], "FILE_NOT_FOUND"), /x\.csv/);
    assert.match(await refused(project, ["2031-01", "--invoice", "1"]), /2031-01 of aws_cur is not loaded.*2025-01/);
    await writeFile(join(project.folder, "bad.csv"), "invoice,amount\n1,5\n2,five\n");
    assert.match(
      await refused(project, [month, "--invoices", "bad.csv"], "VALUE_INVALID"),
      /bad\.csv, line 3, column amount: "five"/,
    );
    await rejects(reconcile(project.config, { month: month, invoice: "1", invoices: [] }), "USAGE_INVALID");
  });

  test("agrees with real deliveries to the cent, invoice by invoice", async (t) => {
    const samples = samplesFolder(t);
    if (samples === undefined) return;
    const sections = { nise: { bucket_url: "bucket", prefix: "cur/v1", export_name: "nise-cur" } };
    const project = await createProject(t, sections);
    await cp(join(samples, "buckets", "aws-cur1-csvgz-createnew", "delivery-2"), project.bucket, { recursive: true });
    await runWell(project);
    const result = await ask(project, "--invoice", "1650.26");
    const one = only(result);
    assert.deepEqual([one.loaded, one.difference, one.ok], ["1650.25587096", "0.00412904", true]);
    const parts = one.parts.filter(({ name }) => name !== "rounding");
    assert.equal(addDecimals(parts.map(({ amount }) => amount)), "1650.25587096");
  });
});

test("the columns of the small bill are those of a real one", () => {
  for (const row of invoiced) for (const column of Object.keys(row)) assert.ok(curColumns.includes(column), column);
});
