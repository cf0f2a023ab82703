import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import { BillhouseError } from "../../src/errors.ts";
import { azureCost } from "../../src/exports/azure-cost.ts";
import { focusFiles } from "../../src/exports/focus-files.ts";
import { exportFormats } from "../../src/exports/index.ts";
import { exportCases, type ExportSample } from "../conformance/export.ts";

const assembly = "11111111-2222-3333-4444-555555555555";
const run = "bd2ca2c1-0000-1111-2222-333333333333";

const curFiles = [
  `cur/v1/acme/20250101-20250201/${assembly}/acme-00001.csv.gz`,
  `cur/v1/acme/20250101-20250201/${assembly}/acme-00002.csv.gz`,
];

const dataFiles = ["00001", "00002"].map(
  (part) =>
    `exports/acme-focus/data/billing_period=2026-05/2026-06-01T23:48:02.356Z-${run}/acme-focus-${part}.snappy.parquet`,
);

const samples: readonly ExportSample[] = [
  {
    format: formatOf("aws-cur"),
    manifestKey: "cur/v1/acme/20250101-20250201/acme-Manifest.json",
    manifest: {
      assemblyId: assembly,
      account: "001234567890",
      columns: [
        { category: "identity", name: "LineItemId", type: "String" },
        { category: "lineItem", name: "UnblendedCost", type: "BigDecimal" },
        { category: "product", name: "untyped" },
      ],
      charset: "UTF-8",
      compression: "GZIP",
      contentType: "text/csv",
      reportName: "acme",
      billingPeriod: { start: "20250101T000000.000Z", end: "20250201T000000.000Z" },
      bucket: "acme-billing",
      reportKeys: curFiles,
      additionalArtifactKeys: [],
    },
    otherKeys: [
      `cur/v1/acme/20250101-20250201/${assembly}/acme-Manifest.json`,
      `cur/v1/acme/20250101-20250201/acme-RedshiftManifest.json`,
      "cur/v1/acme/20250101-20250201/acme-create-table.sql",
      "exports/acme/20250101-20250131/202502040042/run/manifest.json",
      "exports/cur2/metadata/BILLING_PERIOD=2025-01/cur2-Manifest.json",
      ...curFiles,
    ],
    expected: {
      exportName: "acme",
      folder: "cur/v1/acme/",
      period: { start: "2025-01-01", end: "2025-01-31" },
      id: assembly,
      format: "csv",
      files: curFiles,
      rows: null,
    },
    otherExports: [],
    needed: [["assemblyId"], ["reportKeys"], ["billingPeriod"], ["billingPeriod", "start"]],
  },
  {
    format: formatOf("aws-data-export"),
    manifestKey: "exports/acme-focus/metadata/billing_period=2026-05/acme-focus-Manifest.json",
    manifest: {
      executionId: run,
      exportArn: "arn:aws:bcm-data-exports:us-east-1:001234567890:export/acme-focus-78f845f5",
      columns: [
        { name: "BilledCost", type: "double" },
        { name: "BillingPeriodStart", type: "timestamp" },
        { name: "Tags", type: "map" },
        { name: "x_New", type: "blob" },
        { name: "x_Untyped" },
      ],
      dataFiles: dataFiles.map((key) => `s3://acme-exports/${key}`),
      additionalOutputFiles: [],
    },
    otherKeys: [
      ...dataFiles,
      "exports/acme-focus/metadata/billing_period=2026-05/acme-focus-create-table.sql",
      "exports/acme-focus/data/billing_period=2026-05/acme-focus-Manifest.json",
      "exports/acme-focus/xmetadata/billing_period=2026-05/acme-focus-Manifest.json",
      "exports/acme-focus/metadata/billing_period=2026-5/acme-focus-Manifest.json",
      "cur/v1/acme/20250101-20250201/acme-Manifest.json",
      `exports/acme/20250101-20250131/202502040042/${run}/manifest.json`,
    ],
    expected: {
      exportName: "acme-focus",
      folder: "exports/acme-focus/",
      period: { start: "2026-05-01", end: "2026-05-31" },
      id: run,
      format: "parquet",
      files: dataFiles.map((key) => `s3://acme-exports/${key}`),
      rows: null,
    },
    otherExports: [
      {
        key: "exports/coh/metadata/date=2024-06-01/coh-Manifest.json",
        name: "coh",
        title: "AWS cost optimisation recommendations",
      },
      {
        key: "exports/co2/metadata/carbon_model_version=v3.0.0/usage_period=2025-03/co2-Manifest.json",
        name: "co2",
        title: "AWS carbon emissions",
      },
      {
        key: "exports/x/metadata/week=2025-W03/x-Manifest.json",
        name: "x",
        title: "an AWS Data Export without billing periods",
      },
    ],
    needed: [["executionId"], ["dataFiles"]],
  },
  {
    format: formatOf("azure-cost"),
    manifestKey: `exports/acme-focus/20250301-20250331/202503212104/${run}/manifest.json`,
    manifest: {
      manifestVersion: "2024-04-01",
      byteCount: 160769,
      blobCount: 1,
      dataRowCount: 1198,
      exportConfig: {
        exportName: "acme-focus",
        dataVersion: "1.0r2",
        type: "FocusCost",
        timeFrame: "OneTime",
        granularity: null,
      },
      deliveryConfig: {
        partitionData: true,
        dataOverwriteBehavior: "CreateNewReport",
        fileFormat: "Parquet",
        compressionMode: "Snappy",
      },
      runInfo: {
        executionType: "OnDemand",
        submittedTime: "2025-03-21T21:04:06.5234447Z",
        runId: run,
        startDate: "2025-03-01T00:00:00",
        endDate: "2025-03-31T00:00:00Z",
      },
      blobs: [
        {
          blobName: `exports/acme-focus/20250301-20250331/202503212104/${run}/part_0_0001.snappy.parquet`,
          byteCount: 160769,
          dataRowCount: 1198,
        },
      ],
    },
    otherKeys: [
      `exports/acme-focus/20250301-20250331/202503212104/${run}/part_0_0001.snappy.parquet`,
      `exports/acme-focus/20250301-20250331/202503212104/${run}/my-manifest.json`,
      "cur/v1/acme/20250101-20250201/acme-Manifest.json",
      "manifest.json",
    ],
    expected: {
      exportName: "acme-focus",
      folder: "exports/acme-focus/",
      period: { start: "2025-03-01", end: "2025-03-31" },
      id: run,
      format: "parquet",
      files: [`exports/acme-focus/20250301-20250331/202503212104/${run}/part_0_0001.snappy.parquet`],
      rows: 1198,
    },
    otherExports: [
      {
        key: `exports/recommendations/${run}/manifest.json`,
        name: "recommendations",
        title: "an Azure export without billing periods, such as reservation recommendations",
      },
      {
        key: `exports/recommendations/202503212104/${run}/manifest.json`,
        name: "recommendations",
        title: "an Azure export without billing periods, such as reservation recommendations",
      },
    ],
    needed: [],
  },
];

function formatOf(kind: string): ExportSample["format"] {
  const format = exportFormats.find((each) => each.kind === kind);
  assert.ok(format, `there is no format ${kind}`);
  return format;
}

for (const sample of samples) {
  describe(`the export format ${sample.format.kind}`, () => {
    for (const [title, check] of Object.entries(exportCases)) it(title, () => check(sample));
  });
}

it("every export format has a sample", () => {
  const withManifests = exportFormats.filter(({ folder }) => folder === undefined);
  assert.deepEqual(new Set(samples.map(({ format }) => format)), new Set(withManifests));
});

it("FOCUS files are CSV and Parquet files in any folder, apart from those that a writer has not published", () => {
  const { folder } = focusFiles;
  const keys = ["a.csv", "a/b=c/2025-01.CSV.gz", "x.csv.zip", "part-0.snappy.parquet"];
  const others = ["_SUCCESS", "_temporary/0/a.csv", ".a.csv", "a/_b.csv", "a.json", "csv", "a.csv.bak", "a.xlsx"];
  assert.deepEqual(
    [...keys, ...others].filter((key) => folder?.file.test(key)),
    keys,
  );
  assert.deepEqual(
    keys.map((key) => focusFiles.recognise(key)),
    [undefined, undefined, undefined, undefined],
  );
});

describe("manifests of AWS CUR", () => {
  const [sample] = samples;
  assert.ok(sample);
  const place = sample.format.recognise(sample.manifestKey);
  assert.ok(place);

  it("names columns by category and name, with types where there are any", () => {
    assert.deepEqual(sample.format.readManifest(sample.manifest, place).columns, [
      { name: "identity/LineItemId", type: "text" },
      { name: "lineItem/UnblendedCost", type: "decimal" },
      { name: "product/untyped", type: null },
    ]);
  });

  it("is read without columns", () => {
    const { columns: _columns, ...bare } = sample.manifest;
    assert.deepEqual(sample.format.readManifest(bare, place).columns, []);
  });

  it("is recognised in any case", () => {
    assert.equal(sample.format.recognise(sample.manifestKey.replace("-Manifest", "-manifest"))?.exportName, "acme");
    assert.equal(sample.format.recognise(sample.manifestKey.replace("-Manifest", "-MANIFEST"))?.exportName, "acme");
  });

  it("says in plain words which field is missing, or what it should be", () => {
    const { assemblyId: _id, ...nameless } = sample.manifest;
    const invalid: readonly (readonly [manifest: unknown, words: string])[] = [
      [nameless, '"assemblyId" is missing.'],
      [{ ...sample.manifest, assemblyId: 7 }, '"assemblyId" is not text.'],
      [{ ...sample.manifest, reportKeys: "one.csv.gz" }, '"reportKeys" is not a list.'],
      [{ ...sample.manifest, reportKeys: ["one.csv.gz", 2] }, '"reportKeys.1" is not text.'],
      [
        { ...sample.manifest, reportKeys: [], billingPeriod: { start: "January" } },
        '"billingPeriod.start": a date such as 20250101T000000.000Z was expected.',
      ],
      [[], "the whole file is not an object."],
    ];
    for (const [manifest, words] of invalid) {
      assert.throws(
        () => sample.format.readManifest(manifest, place),
        (error) => error instanceof BillhouseError && error.message.endsWith(`cannot be used: ${words}`),
        words,
      );
    }
  });

  it("refuses a period that contradicts the folder", () => {
    const moved = { ...sample.manifest, billingPeriod: { start: "20250201T000000.000Z", end: "20250301T000000.000Z" } };
    assert.throws(
      () => sample.format.readManifest(moved, place),
      (error) => error instanceof BillhouseError && /2025-01/.test(error.message),
    );
  });
});

describe("manifests of AWS CUR before 2019", () => {
  const { format } = samples[0] ?? assert.fail();

  it("are beside the files, in a folder whose month is not zero-padded", () => {
    const place = format.recognise("cur/acme/acme/year=2018/month=1/acme-Manifest.json");
    assert.deepEqual(
      [place?.folder, place?.exportName, place?.period],
      ["cur/acme/", "acme", { start: "2018-01-01", end: "2018-01-31" }],
    );
    assert.equal(format.recognise("acme/acme/year=2018/month=12/acme-Manifest.json")?.folder, "acme/");
    assert.equal(format.recognise("acme/year=2018/month=12/acme-Manifest.json")?.folder, "");
    assert.equal(format.recognise("year=2018/month=02/acme-Manifest.json")?.period.end, "2018-02-28");
    for (const month of ["0", "13", "", "1x"]) {
      assert.equal(format.recognise(`cur/acme/acme/year=2018/month=${month}/acme-Manifest.json`), undefined);
    }
  });

  it("belong to the same export as those of the months after the change", () => {
    const later = format.recognise("cur/acme/20190301-20190401/acme-Manifest.json");
    const earlier = format.recognise("cur/acme/acme/year=2018/month=12/acme-Manifest.json");
    assert.deepEqual([later?.folder, later?.exportName], [earlier?.folder, earlier?.exportName]);
  });
});

describe("manifests of AWS Data Exports", () => {
  const sample = samples.find(({ format }) => format.kind === "aws-data-export");
  assert.ok(sample);
  const { format } = sample;
  const place = format.recognise(sample.manifestKey);
  assert.ok(place);

  it("lie in a folder whose name is written in any case", () => {
    for (const part of ["BILLING_PERIOD", "billing_period", "Billing_Period"]) {
      const key = `e/cur2/metadata/${part}=2025-01/cur2-Manifest.json`;
      assert.equal(format.recognise(key)?.period.start, "2025-01-01", key);
    }
  });

  it("type columns where they can, and are read without them", () => {
    assert.deepEqual(format.readManifest(sample.manifest, place).columns, [
      { name: "BilledCost", type: "decimal" },
      { name: "BillingPeriodStart", type: "timestamp" },
      { name: "Tags", type: "json" },
      { name: "x_New", type: null },
      { name: "x_Untyped", type: null },
    ]);
    const { columns: _columns, ...bare } = sample.manifest;
    assert.deepEqual(format.readManifest(bare, place).columns, []);
  });

  it("name the bucket of their files, or none", () => {
    const bucketOf = (...files: string[]): string | null =>
      format.readManifest({ executionId: run, dataFiles: files }, place).bucket;
    assert.equal(bucketOf("s3://acme/a.parquet", "s3://other/b.parquet"), "acme");
    assert.equal(bucketOf("e/cur2/data/BILLING_PERIOD=2025-01/cur2-00001.csv.gz"), null);
    assert.equal(bucketOf(), null);
  });

  it("deliver CSV or Parquet, by the names of the files", () => {
    for (const [file, expected] of [
      ["a-00001.csv.gz", "csv"],
      ["a-00001.zip", "csv"],
      ["a-00001.snappy.parquet", "parquet"],
    ] as const) {
      assert.equal(format.readManifest({ executionId: run, dataFiles: [file] }, place).format, expected);
    }
  });
});

describe("manifests of Azure", () => {
  const sample = samples.find(({ format }) => format.kind === "azure-cost");
  assert.ok(sample);
  const { format } = sample;

  it("omits the folder for the run's time if runs overwrite each other", () => {
    const place = format.recognise(`focus/focus12/20260401-20260430/${run}/manifest.json`);
    assert.deepEqual([place?.exportName, place?.order, place?.id], ["focus12", "", run]);
  });

  it("fills in from the path what an early or hand-made manifest does not say", () => {
    const place = format.recognise(`exports/x/20250301-20250331/202503212104/${run}/manifest.json`);
    assert.ok(place);
    const manifest = format.readManifest({ blobs: [{ blobName: "a.csv", byteCount: 1 }] }, place);
    assert.deepEqual([manifest.id, manifest.period, manifest.rows, manifest.format], [run, place.period, null, "csv"]);
  });

  it("takes an unknown row count for unknown, not for zero", () => {
    const place = format.recognise(sample.manifestKey);
    assert.ok(place);
    const manifest = format.readManifest(
      { ...sample.manifest, dataRowCount: null, blobs: [{ blobName: "a.csv", dataRowCount: null }] },
      place,
    );
    assert.deepEqual([manifest.rows, manifest.files[0]?.rows], [null, null]);
  });

  it("names a price sheet as holding no costs", () => {
    const place = format.recognise(sample.manifestKey);
    assert.ok(place);
    assert.throws(
      () => format.readManifest({ ...sample.manifest, exportConfig: { type: "PriceSheet" } }, place),
      (error) => error instanceof BillhouseError && /PriceSheet, which does not contain costs/.test(error.message),
    );
  });
});

test("Azure's scopes are the same whatever the case of their ids and the slashes around them", () => {
  const scopes = ["/subscriptions/ABC", "subscriptions/abc/", "/Subscriptions/Abc"].map((scope) => {
    const resourceId = `${scope}/providers/Microsoft.CostManagement/exports/x`;
    const json = { runInfo: { runId: "r" }, exportConfig: { resourceId } };
    const place = azureCost.recognise("x/20250101-20250131/202502010000/r/manifest.json");
    assert.ok(place);
    return azureCost.readManifest(json, place).scope;
  });
  assert.deepEqual(new Set(scopes), new Set(["/subscriptions/abc"]));
});
