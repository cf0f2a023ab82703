import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import type { PipelineConfig } from "../../../src/config/config.ts";
import { discover, type Discovery } from "../../../src/pipeline/discover/discover.ts";
import { recogniseExports } from "../../../src/pipeline/discover/recognise.ts";
import { openStorage } from "../../../src/storages/index.ts";
import { curParquetDelivery, parquetBytes } from "../../support/deliveries.ts";
import { temporaryFolder, writeKey } from "../../support/folders.ts";
import { rejects } from "../../support/rejects.ts";

const storageConfig = { endpoint: null, payer: null, googleCredentials: null, azureCredentials: null };
const guid = "11111111-1111-4111-8111-111111111111";

function pipelineOver(bucketUrl: string, keys: Partial<PipelineConfig> = {}): PipelineConfig {
  return {
    name: "bills",
    bucketUrl,
    prefix: "",
    exportName: null,
    tableName: "bills_data",
    dataset: "billing_data",
    kind: null,
    partitionColumn: null,
    firstMonth: null,
    projectId: null,
    keepPrevious: 0,
    unpackedLimit: null,
    settle: 0,
    activeFrom: null,
    activeTo: null,
    nullValues: [],
    storage: storageConfig,
    ...keys,
  };
}

/** A folder with these objects; where no bytes are given, a CSV file of one line. */
async function bucketOf(t: TestContext, objects: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const bucket = join(await temporaryFolder(t), "bucket");
  await mkdir(bucket);
  for (const [key, bytes] of Object.entries(objects)) await writeKey(bucket, key, bytes);
  return bucket;
}

async function found(bucket: string, keys: Partial<PipelineConfig> = {}): Promise<Discovery> {
  return discover(pipelineOver(bucket, keys), await openStorage(bucket, storageConfig));
}

const csv = gzipSync("a,b\n1,2\n");
const header = (columns: string): Uint8Array => gzipSync(`${columns}\n`);
const unsupported = (title: string): string => `it looks like ${title}, which are not supported.`;

/** The content of a bucket without an export, and the end of the message. */
const contents: Readonly<Record<string, readonly [Readonly<Record<string, string | Uint8Array>>, string]>> = {
  nothing: [{}, "the prefix is empty."],
  "files of the operating system alone": [
    { "cur/.DS_Store": "x", [`cur/acme/20250101-20250201/._acme-Manifest.json`]: "x" },
    "the prefix is empty.",
  ],
  "AWS CUR that overwrites, without manifests": [
    {
      "cur/acme/20250101-20250201/acme-00001.csv.gz": csv,
      "cur/acme/20250101-20250201/acme-00002.csv.gz": csv,
    },
    "2 data files but no manifest: copy the file that ends in -Manifest.json beside them too.",
  ],
  "AWS CUR with the copies of the manifests in the folders of the deliveries alone": [
    {
      [`acme/20250101-20250201/${guid}/acme-00001.csv.gz`]: csv,
      [`acme/20250101-20250201/${guid}/acme-Manifest.json`]: "{}",
    },
    "1 data file but no manifest: the manifest of the month, one folder up, is missing.",
  ],
  "AWS CUR for Athena without manifests, as dashboards copy it": [
    { "cur/999900001111/cid/cid/year=2025/month=1/cid-00001.snappy.parquet": "PAR1" },
    "1 data file but no manifest: copy the folders with the manifests, such as 20250101-20250201/, too.",
  ],
  "an AWS Data Export without metadata/": [
    { "focus/data/billing_period=2025-01/2025-02-01T00:00:00.000Z-x/focus-00001.snappy.parquet": "PAR1" },
    "1 data file but no manifest: copy the metadata/ folder too.",
  ],
  "Azure runs without manifests": [
    {
      [`x/acme/20250301-20250331/202504010300/${guid}/part_0_0001.csv`]: "a\n",
      [`x/acme/20250301-20250331/${guid}/part_0_0001.snappy.parquet`]: "PAR1",
      [`x/acme/20250201-20250228/202503010300/${guid}/000001.csv`]: "a\n",
    },
    "3 data files but no manifest: copy the manifest.json (or _manifest.json) beside each run's files too.",
  ],
  "data files of a layout that is not known": [
    { "bills/january.csv": "a,b\n", "bills/february.csv.gz": csv },
    "2 data files but no manifest: copy the manifests (.json files) too.",
  ],
  "a manifest in a folder without a period": [
    { "copy/acme-Manifest.json": "{}" },
    "the manifest copy/acme-Manifest.json is in a folder that does not name its billing period.",
  ],
  "a run whose folders were lost": [
    { "march/manifest.json": "{}", "march/part_0_0001.csv.gz": csv },
    "the manifest march/manifest.json is in a folder that does not name its billing period.",
  ],
  "other files": [{ "readme.txt": "x" }, "found neither manifests nor data files."],
  "Oracle's reports": [
    { "FOCUS Reports/2025/01/02/0001000001507847-00001.csv.gz": csv },
    unsupported("Oracle Cloud reports"),
  ],
  "Oracle's reports without their folders": [
    { "oci/0001000000012345.csv.gz": csv },
    unsupported("Oracle Cloud reports"),
  ],
  "Oracle's reports under another name": [
    { "oci/january.csv.gz": header("lineItem/referenceNo,lineItem/tenantId,cost/myCost") },
    unsupported("Oracle Cloud reports"),
  ],
  "Google's table as files": [
    { "exports/gcp_billing_export_v1_01ABCD_234567_89EF01-000000000000.csv.gz": csv },
    unsupported("Google Cloud billing data"),
  ],
  "Google's table under another name": [
    { "january/000000000000.csv": "billing_account_id,service.id,sku.id,usage_start_time,cost\n" },
    unsupported("Google Cloud billing data"),
  ],
  "detailed billing reports": [
    { "123456789012-aws-billing-detailed-line-items-with-resources-and-tags-2015-01.csv.zip": "PK" },
    unsupported("detailed billing reports (DBR)"),
  ],
  "a detailed billing report under another name": [
    { "dbr.csv": "InvoiceID,PayerAccountId,LinkedAccountId,RecordType,RecordId\n" },
    unsupported("detailed billing reports (DBR)"),
  ],
  "a FinOps hub": [
    {
      [`Costs/2025/01/subscriptions/${guid}/manifest.json`]: "{}",
      [`Costs/2025/01/subscriptions/${guid}/${guid}__part_0_0001.parquet`]: "PAR1",
    },
    unsupported("FinOps hub files"),
  ],
};

describe("EXPORT_NOT_FOUND", () => {
  for (const [name, [objects, ends]] of Object.entries(contents)) {
    it(`describes what it finds, in run and in init: ${name}`, async (t) => {
      const bucket = await bucketOf(t, objects);
      const place = { bucketUrl: bucket, prefix: "", storage: storageConfig };
      for (const look of [() => found(bucket), () => recogniseExports(place)]) {
        const { message } = await rejects(look(), "EXPORT_NOT_FOUND");
        assert.ok(message.endsWith(`: ${ends}`), message);
      }
    });
  }

  it("knows bills that are not supported by the columns of a Parquet file", async (t) => {
    const bytes = await parquetBytes(
      ["billing_account_id", "usage_start_time", "cost"],
      [{ cost: "1" }],
      await temporaryFolder(t),
    );
    const { message } = await rejects(found(await bucketOf(t, { "x/part-0.parquet": bytes })), "EXPORT_NOT_FOUND");
    assert.ok(message.endsWith(unsupported("Google Cloud billing data")), message);
  });

  it("says what is missing of a real delivery without its manifest", async (t) => {
    const { fileKeys, objects } = await curParquetDelivery(
      { month: "2025-01", id: "one", files: [[{ "lineItem/UnblendedCost": "1" }]] },
      await temporaryFolder(t),
    );
    const files = fileKeys.map((key) => [key, objects.get(key) ?? ""] as const);
    const { message } = await rejects(found(await bucketOf(t, Object.fromEntries(files))), "EXPORT_NOT_FOUND");
    assert.match(message, /: 1 data file but no manifest: copy the folders with the manifests/);
  });
});

const legacy = (folder: string, name: string): string => `${folder}20250101-20250201/${name}-Manifest.json`;
const modern = (folder: string, name: string): string =>
  `${folder}metadata/BILLING_PERIOD=2025-01/${name}-Manifest.json`;
const plain = (folder: string, name: string): string => `${folder}20250101-20250131/${name}_${guid}.csv`;

/** Exports below one prefix that share names or folders. */
const shared: Readonly<Record<string, readonly string[]>> = {
  "of one name in two folders": [legacy("payer-a/acme/", "acme"), legacy("payer-b/acme/", "acme")],
  "of one name, one of them at the root": [legacy("", "acme"), legacy("acme/", "acme"), legacy("old/acme/", "acme")],
  "of one name in a folder and in one below it": [modern("cur2/", "acme"), modern("cur2/old/", "acme")],
  "of two names in one folder": [plain("costs/", "actual"), plain("costs/", "amortized")],
  "of one name in two folders, one of which holds another": [
    plain("a/", "daily"),
    plain("b/", "daily"),
    plain("b/", "hourly"),
  ],
  "of which one is called as a folder of others": [legacy("b/", "acme"), legacy("c/", "acme"), legacy("d/", "b")],
  "of one name in one folder, of two kinds": [legacy("acme/", "acme"), modern("acme/", "acme")],
};

describe("EXPORT_AMBIGUOUS", () => {
  for (const [name, keys] of Object.entries(shared)) {
    it(`has a hint that chooses each of several exports ${name}`, async (t) => {
      const bucket = await bucketOf(t, Object.fromEntries(keys.map((key) => [key, "{}"])));
      const { hint } = await rejects(found(bucket), "EXPORT_AMBIGUOUS");
      const [, key = "", values = ""] = /^Set `(\w+)` in \[sources\.bills\] to one of these: (.*)\.$/.exec(hint) ?? [];
      const chosen: string[] = [];
      for (const value of values.split(", ").map((quoted) => JSON.parse(quoted) as string)) {
        const { months } = await found(bucket, { [key === "kind" ? "kind" : "exportName"]: value });
        chosen.push(...(months.get("2025-01") ?? []).map((place) => place.key));
      }
      assert.deepEqual(chosen.toSorted(), keys.toSorted(), hint);
    });
  }

  it("does not come up for a folder that is written in any of the ways in which people name it", async (t) => {
    const keys = [legacy("cur/payer-a/acme/", "acme"), legacy("cur/payer-b/acme/", "acme")];
    const bucket = await bucketOf(t, Object.fromEntries(keys.map((key) => [key, "{}"])));
    for (const name of ["payer-b/acme", "payer-b/acme/", "/payer-b/acme", "cur/payer-b/acme/", "payer-b/acme/acme"]) {
      const { months } = await found(bucket, { prefix: "cur", exportName: name });
      assert.deepEqual(
        months.get("2025-01")?.map((place) => place.key),
        [keys[1]],
        name,
      );
    }
    const { hint } = await rejects(found(bucket, { exportName: "payer-c" }), "EXPORT_NOT_FOUND", "payer-c");
    assert.match(hint, /one of these: "cur\/payer-a\/acme\/", "cur\/payer-b\/acme\/"\.$/);
  });

  it("names exports without manifests by their file or by their folder", async (t) => {
    const keys = [plain("team-a/", "daily"), plain("team-b/", "hourly")];
    const bucket = await bucketOf(t, Object.fromEntries(keys.map((key) => [key, "a\n"])));
    for (const [index, names] of [
      ["daily", "team-a"],
      ["hourly", "team-b"],
    ].entries()) {
      for (const exportName of names) {
        const { months } = await found(bucket, { exportName });
        assert.deepEqual(months.get("2025-01")?.map((place) => place.key) ?? [], [keys[index]], exportName);
      }
    }
  });
});

describe("what init finds", () => {
  for (const [name, keys] of Object.entries(shared)) {
    it(`chooses each of several exports ${name}`, async (t) => {
      const bucket = await bucketOf(t, Object.fromEntries(keys.map((key) => [key, "{}"])));
      const { exports } = await recogniseExports({ bucketUrl: bucket, prefix: "", storage: storageConfig });
      const chosen: string[] = [];
      for (const { kind, folder, chosenBy: exportName } of exports) {
        const { months } = await found(bucket, { kind, prefix: folder, exportName });
        chosen.push(...(months.get("2025-01") ?? []).map((place) => place.key));
      }
      assert.deepEqual(chosen.toSorted(), keys.toSorted());
    });
  }
});

describe("files that operating systems leave", () => {
  it("count neither as exports nor as objects", async (t) => {
    const key = legacy("cur/acme/", "acme");
    const left = ["cur/acme/20250101-20250201/._acme-Manifest.json", "cur/.DS_Store", "__MACOSX/cur/._acme", "._cur"];
    const bucket = await bucketOf(t, Object.fromEntries([key, ...left].map((each) => [each, "{}"])));
    assert.deepEqual([...(await found(bucket)).objects.keys()], [key]);
    const recognised = await recogniseExports({ bucketUrl: bucket, prefix: "", storage: storageConfig });
    assert.deepEqual([recognised.objects, recognised.exports.length], [1, 1]);
  });
});
