import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { ErrorCode } from "../../src/index.ts";
import { monthSpan } from "../../src/schema/periods.ts";
import { writeKey } from "../support/folders.ts";
import { samplesFolder } from "../support/samples.ts";
import { csvText, deliver, type Row } from "../support/deliveries.ts";
import { azureLegacyDelivery } from "../support/deliveries-of-exports.ts";
import { ask, createProject, onlyResult, outcomes, runProject, runWell, sameDecimal } from "../support/projects.ts";

/** Rows that a cloud wrote, the delivery that is built around them, and what must become of it. */
interface Rows {
  readonly month: string;
  readonly around: (month: string, text: Buffer) => ReadonlyMap<string, Uint8Array>;
  /** Keys of the section beside `bucket_url`. */
  readonly section?: Readonly<Record<string, string>>;
  readonly expected:
    | {
        readonly rows: number;
        /** Exact sums of the delivered text; none where there are no rows. */
        readonly cost: Readonly<Record<string, string>>;
        /** Table columns and their only value. */
        readonly cells?: Readonly<Record<string, string | null>>;
      }
    | { readonly code: ErrorCode; readonly words: readonly RegExp[] }
    | { readonly waiting: RegExp };
}

const run = "0fb0e9e5-1111-2222-3333-4a9a4bb34567";

/** The file as an Azure export without a manifest delivers it. */
function azurePlain(month: string, text: Buffer): ReadonlyMap<string, Uint8Array> {
  return azureLegacyDelivery({ month, id: run, files: [text], kind: "plain" }).objects;
}

/** The file as an Azure export over two months without a manifest delivers it. */
function azureOverTwoMonths(month: string, text: Buffer): ReadonlyMap<string, Uint8Array> {
  const span = { start: monthSpan("2024-09").start, end: monthSpan("2024-10").end };
  return azureLegacyDelivery({ month, id: run, files: [text], kind: "plain", span }).objects;
}

/** The file as an AWS Data Export delivers it, by a manifest without types. */
function awsDataExport(month: string, text: Buffer): ReadonlyMap<string, Uint8Array> {
  const key = `focus/data/billing_period=${month}/focus-00001.csv`;
  const manifest = JSON.stringify({ executionId: run, dataFiles: [`s3://acme/exports/${key}`] });
  return new Map([
    [`exports/${key}`, text],
    [`exports/focus/metadata/billing_period=${month}/focus-Manifest.json`, Buffer.from(manifest)],
  ]);
}

/** The file as a CUR delivers it, by a manifest without columns. */
function cur(month: string, text: Buffer): ReadonlyMap<string, Uint8Array> {
  return curAround(month, text, { compression: "none", columns: [] });
}

/** A real manifest, and a file with its columns and one row of its month; the manifest then lists that file. */
function curManifest(month: string, text: Buffer): ReadonlyMap<string, Uint8Array> {
  const manifest = JSON.parse(text.toString()) as CurManifest;
  const columns = manifest.columns.map(({ category, name }) => `${category}/${name}`);
  const values: Row = {
    "bill/BillingPeriodStartDate": `${month}-01T00:00:00Z`,
    "lineItem/UsageStartDate": `${month}-02T00:00:00Z`,
    "lineItem/UnblendedCost": "1.25E-7",
    "lineItem/CurrencyCode": "USD",
    "bill/PayerAccountId": "0022222222222",
  };
  return curAround(month, Buffer.from(csvText(columns, [values])), manifest);
}

/** A real manifest as it is. */
function bareManifest(month: string, text: Buffer): ReadonlyMap<string, Uint8Array> {
  return new Map([[`cur/${rangeOf(month)}/report-Manifest.json`, text]]);
}

interface CurManifest {
  readonly compression: string;
  readonly columns: readonly { readonly category: string; readonly name: string; readonly type?: string }[];
}

function curAround(month: string, text: Buffer, manifest: CurManifest): ReadonlyMap<string, Uint8Array> {
  const range = rangeOf(month);
  const key = `cur/${range}/report-00001.csv`;
  const own = {
    assemblyId: run,
    billingPeriod: { start: `${range.slice(0, 8)}T000000.000Z`, end: `${range.slice(9)}T000000.000Z` },
    contentType: "text/csv",
    bucket: "acme",
    ...manifest,
    reportKeys: [`/${key}`],
  };
  return new Map([
    [key, text],
    [`cur/${range}/report-Manifest.json`, Buffer.from(JSON.stringify(own))],
  ]);
}

function rangeOf(month: string): string {
  const [year = 0, number = 0] = month.split("-").map(Number);
  const next = new Date(Date.UTC(year, number, 1)).toISOString();
  return `${month.replace("-", "")}01-${next.slice(0, 10).replaceAll("-", "")}`;
}

const oneLine = { rows: 1, cost: { USD: "0.000000125" }, cells: { line_item_unblended_cost: "0.000000125000000000" } };

const table: Readonly<Record<string, Rows>> = {
  "aws-cur1/real-2023-11.csv": {
    month: "2023-11",
    around: cur,
    expected: { rows: 1281, cost: { USD: "1.68230869740" }, cells: { bill_payer_account_id: "123412340534" } },
  },

  // Of 2017 and 2018 without types; the small ones of a test of jimroth/ice lack the column of the billing month.
  "aws-cur1-manifests/manifestTest.json": { month: "2017-08", around: curManifest, expected: oneLine },
  "aws-cur1-manifests/manifest-2018-01.json": { month: "2018-01", around: curManifest, expected: oneLine },
  "aws-cur1-manifests/manifest-2019-01.json": { month: "2019-01", around: curManifest, expected: oneLine },
  "aws-cur1-manifests/manifest-2019-12.json": { month: "2019-12", around: curManifest, expected: oneLine },
  "aws-cur1-manifests/LineItemTest-Manifest.json": {
    month: "2017-08",
    around: curManifest,
    expected: { rows: 1, cost: { "": "0.000000125" }, cells: { ...oneLine.cells, billing_month: "2017-08-01" } },
  },
  "aws-cur1-manifests/ResourceTest-Manifest.json": {
    month: "2017-08",
    around: bareManifest,
    expected: {
      waiting:
        /^The manifest of abcdefgh-5193-1234-abcd-ed4a1d37f7f5 does not list files\. It loads once the manifest lists them\.$/,
    },
  },

  "azure-dialects/ea-real-2023-09.csv": {
    month: "2023-09",
    around: azurePlain,
    expected: {
      rows: 27,
      cost: { CAD: "1.26136926505726" },
      // Without its braces, as it was delivered.
      cells: {
        Tags: '"tagA": "valueA","tagB": "valueB","tagC": "valueC"',
        BillingPeriodStartDate: "2023-09-01 00:00:00",
      },
    },
  },
  "azure-dialects/toolkit-EA_ActualCost_Small.csv": {
    month: "2023-09",
    around: azurePlain,
    expected: { rows: 11, cost: { USD: "8.5450077867419368" }, cells: { BillingAccountId: "8611537" } },
  },
  "azure-dialects/toolkit-EA_AmortizedCost_Small.csv": {
    month: "2023-09",
    around: azurePlain,
    expected: { rows: 28, cost: { USD: "16.29693213663664462748541900" }, cells: { BillingAccountId: "8611537" } },
  },
  "azure-dialects/toolkit-EA_NoRows.csv": { month: "2023-09", around: azurePlain, expected: { rows: 0, cost: {} } },
  "azure-dialects/opencost-Enterprise.csv": {
    month: "2021-05",
    around: azurePlain,
    expected: { rows: 1, cost: { CAD: "0" }, cells: { Date: "2021-02-02 00:00:00", AvailabilityZone: null } },
  },
  "azure-dialects/opencost-EnterpriseCamel.csv": {
    month: "2021-02",
    around: azurePlain,
    // The row lacks a billing period, which is not an error; its exchange rate date has a year of two digits.
    expected: {
      code: "VALUE_INVALID",
      words: [/line 2, column "exchangeRateDate": "3\/1\/21" is not a valid TIMESTAMP/],
    },
  },
  // Pay-as-you-go names no billing period: the month of the folder stands in billing_month.
  "azure-dialects/opencost-PayAsYouGo.csv": {
    month: "2021-02",
    around: azurePlain,
    expected: { rows: 1, cost: { USD: "0.075" }, cells: { billing_month: "2021-02-01", Tags: null } },
  },
  "azure-dialects/opencost-BOM.csv": {
    month: "2022-11",
    around: azurePlain,
    expected: { rows: 1, cost: {}, cells: { SubscriptionGuid: null, UsageDateTime: "2022-11-03 00:00:00" } },
  },
  "azure-dialects/opencost-German.csv": {
    month: "2021-02",
    around: azurePlain,
    expected: {
      rows: 1,
      cost: { USD: "0.075" },
      cells: {
        "PreTaxCost _PreTaxCost_": "0.075000000000000000",
        "UsageDateTime _UsageDateTime_": "2021-02-02 00:00:00",
        "Maßeinheit _UnitOfMeasure_": "100 Hours",
      },
    },
  },
  "azure-dialects/opencost-YA.csv": {
    month: "2021-02",
    around: azurePlain,
    expected: {
      rows: 1,
      cost: { USD: "0.075" },
      cells: { date: "2021-02-02 00:00:00", "Ressourcensatz _ResourceRate_": "0.025000000000000000" },
    },
  },
  "azure-dialects/opencost-MissingBrackets.csv": {
    month: "2021-02",
    around: azurePlain,
    expected: {
      rows: 1,
      cost: { "": "4" },
      cells: {
        paygcostinbillingcurrency: "5.000000000000000000",
        Tags: '"resourceNameSuffix":"12345678","aksEngineVersion":"aks-release-v0.47.0-1-aks","creationSource":"aks-aks-nodepool1-12345678-vmss"',
      },
    },
  },

  "focus/focus_1_3_cost_and_usage_aws.csv": {
    month: "2026-05",
    around: awsDataExport,
    expected: { rows: 3000, cost: { USD: "45401.13127684024661" }, cells: { ProviderName: "AWS" } },
  },
  "focus/focus_1_3_cost_and_usage_azure.csv": {
    month: "2026-05",
    around: azurePlain,
    expected: { rows: 3000, cost: { USD: "79384.35141996137213" }, cells: { ProviderName: "Microsoft Azure" } },
  },
  // A text NULL where a number belongs is a fault of the writer, and neither NULL nor 0.
  "focus/focus-1.0-multicloud.csv": {
    month: "2024-09",
    around: azureOverTwoMonths,
    section: { first_month: "2024-09" },
    expected: { code: "VALUE_INVALID", words: [/line 927, column ContractedCost: "NULL" is not a decimal number/] },
  },
};

describe("rows that clouds wrote, in a delivery of their kind", { concurrency: 2 }, () => {
  for (const [name, { month, around, section, expected }] of Object.entries(table)) {
    const what = "rows" in expected ? `${expected.rows} rows` : "code" in expected ? expected.code : "waiting";
    test(`${name}: ${what}`, async (t) => {
      const folder = samplesFolder(t);
      if (folder === undefined) return;
      const project = await createProject(t, { bills: { bucket_url: "bucket", ...section } });
      for (const [key, bytes] of around(month, await readFile(join(folder, "rows", name)))) {
        await writeKey(project.bucket, key, bytes);
      }
      if (!("rows" in expected)) {
        const result = onlyResult((await runProject(project)).finished);
        assert.deepEqual(result.loaded, []);
        if ("waiting" in expected) {
          assert.match(result.waiting[0]?.reason ?? "", expected.waiting);
          return;
        }
        const failed = result.failed.find(({ billingMonth }) => billingMonth === month);
        assert.equal(failed?.code, expected.code, JSON.stringify(result));
        for (const words of expected.words) assert.match(`${failed.message} ${failed.hint}`, words);
        return;
      }
      const result = await runWell(project);
      assert.deepEqual(
        outcomes(result).map((outcome) => outcome.slice(0, 11)),
        [`${month} new`],
      );
      const [loaded] = result.loaded;
      assert.equal(loaded?.rows, expected.rows);
      const costs = Object.entries(loaded.cost).filter(([currency]) => currency !== "" || "" in expected.cost);
      assert.deepEqual(costs.map(([currency]) => currency).toSorted(), Object.keys(expected.cost).toSorted());
      for (const [currency, cost] of costs) sameDecimal(cost, expected.cost[currency] ?? "", `the sum in ${currency}`);
      const [held] = await ask(project, "SELECT count(*) AS rows FROM billing_data.bills_data");
      assert.equal(Number(held?.["rows"]), expected.rows);
      for (const [column, value] of Object.entries(expected.cells ?? {})) {
        const cells = await ask(
          project,
          `SELECT DISTINCT CAST("${column}" AS VARCHAR) AS cell FROM billing_data.bills_data`,
        );
        assert.deepEqual(
          cells.map(({ cell }) => cell),
          [value],
          column,
        );
      }
      assert.deepEqual((await runWell(project)).loaded, []);
    });
  }

  test("no file of rows is left out", async (t) => {
    const folder = samplesFolder(t);
    if (folder === undefined) return;
    const files = (await readdir(join(folder, "rows"), { recursive: true }))
      .map((name) => name.replaceAll("\\", "/"))
      .filter((name) => name.includes("."));
    assert.deepEqual(files.toSorted(), Object.keys(table).toSorted());
  });
});

test("a byte order mark before the header and the first row, and CRLF, are not part of a cell", async (t) => {
  const project = await createProject(t, { bills: { bucket_url: "bucket" } });
  const text =
    "\uFEFFBillingAccountId,BillingPeriodStartDate,Cost,BillingCurrency\r\n\uFEFF0042,09/01/2023,1.5,EUR\r\n0043,09/01/2023,2,EUR\r\n";
  await deliver(project.bucket, azureLegacyDelivery({ month: "2023-09", id: run, files: [text], kind: "plain" }));
  await runWell(project);
  const rows = await ask(
    project,
    `SELECT "BillingAccountId", "BillingCurrency" FROM billing_data.bills_data ORDER BY 1`,
  );
  assert.deepEqual(rows, [
    { BillingAccountId: "0042", BillingCurrency: "EUR" },
    { BillingAccountId: "0043", BillingCurrency: "EUR" },
  ]);
});
