import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { forget } from "../../src/index.ts";
import { nextMonth } from "../../src/schema/periods.ts";
import { openWarehouse } from "../../src/warehouses/index.ts";
import { requireCapability } from "../../src/warehouses/warehouse.ts";
import { zipBytes } from "../support/zip.ts";
import { azureDelivery, azureRows, curDelivery, curRow, curRows, deliver, withFile } from "../support/deliveries.ts";
import { compareWarehouses } from "../support/google-samples.ts";
import { createGoogleProject, requireClean, upload } from "../support/google.ts";
import { onlyResult, outcomes, runProject, runWell, type Project } from "../support/projects.ts";

describe("BigQuery gets from Cloud Storage what DuckDB gets from a folder", () => {
  for (const sample of ["aws-cur1-csvgz-createnew/delivery-1", "azure-focus12-parquet-overwrite"] as const) {
    test(`${sample}: the same plan, status and receipts, and sums within what DuckDB rounds`, (t) =>
      compareWarehouses(t, sample));
  }
});

describe("a run on Google Cloud", () => {
  const section = { aws_cur: { prefix: "cur" } };

  test("restates, forces, forgets and goes back to an earlier delivery: each time the rows are really loaded", async (t) => {
    const project = await createGoogleProject(t, section);
    const [first, second] = [
      curDelivery({ month: "2025-01", id: "20250201T000000Z", files: [curRows("2025-01", "1", "2")] }),
      curDelivery({ month: "2025-01", id: "20250202T000000Z", files: [curRows("2025-01", "5")] }),
    ];
    const load = async (expected: readonly string[], options = {}): Promise<void> => {
      const { finished } = await runProject(project, options);
      assert.deepEqual(outcomes(onlyResult(finished)), expected);
      requireClean(project);
    };
    const loads = async (): Promise<number> => (await tracked(project)).length;
    upload(project, first);
    await load(["2025-01 new 20250201T000000Z"]);
    upload(project, second);
    await load(["2025-01 restated 20250202T000000Z"]);
    upload(project, first);
    await load(["2025-01 restated 20250201T000000Z"]);
    await load(["2025-01 unchanged 20250201T000000Z"]);
    await load(["2025-01 reloaded 20250201T000000Z"], { force: true });
    await load(["2025-01 reloaded 20250201T000000Z"], { force: true });
    await forget(project.config, { pipelines: ["aws_cur"], months: ["2025-01"] });
    await load(["2025-01 new 20250201T000000Z"]);
    assert.equal(await loads(), 6, "one tracking record for each load");
    assert.deepEqual(await amounts(project), ["1", "2"]);
  });

  test("brings less than 1 MB of a large month's data files to this machine", async (t) => {
    const project = await createGoogleProject(t, section);
    const rows = Array.from({ length: 40_000 }, (_, index) =>
      curRow("2025-01", {
        "identity/LineItemId": `${index}-${(Math.imul(index, 2_654_435_761) >>> 0).toString(36)}`,
        "lineItem/UnblendedCost": `0.${index}`,
      }),
    );
    const delivery = curDelivery({ month: "2025-01", id: "20250201T000000Z", files: [rows, rows, rows] });
    upload(project, delivery);
    await runWell(project);
    const read = delivery.fileKeys.reduce((sum, key) => sum + (project.gcs.mediaBytes.get(key) ?? 0), 0);
    const size = delivery.fileKeys.reduce((sum, key) => sum + (delivery.objects.get(key)?.length ?? 0), 0);
    assert.ok(size > 1_000_000, `the month is large: ${size} bytes`);
    assert.ok(read > 0 && read < 50_000, `${read} bytes of ${size} were read`);
  });

  test("reads one manifest a month, and when idle none: it costs the list pages and at most three queries or jobs", async (t) => {
    const project = await createGoogleProject(t, { azure_billing: { prefix: "exports" } });
    const months = Array.from({ length: 36 }, (_, index) => {
      const year = 2022 + Math.floor(index / 12);
      return `${year}-${String((index % 12) + 1).padStart(2, "0")}`;
    });
    let objects = 0;
    for (const month of months) {
      for (let day = 0; day < 30; day += 1) {
        const pathTime = `${nextMonth(month).replace("-", "")}${String(day + 1).padStart(2, "0")}0142`;
        const delivery = azureDelivery({ month, id: `run-${month}-${day}`, files: [azureRows(month, "1")], pathTime });
        upload(project, delivery);
        objects += delivery.objects.size;
      }
    }
    await runWell(project, { jobs: 4 });
    const { gcs, bigquery } = project;
    const manifests = gcs.requests.filter(({ kind, key }) => kind === "media" && key.endsWith("manifest.json"));
    // A first load reads one more, to see whether another scope delivers to the same path.
    assert.equal(manifests.length, months.length + 1, "one manifest a month, and one more");
    const [requests, jobs] = [gcs.requests.length, bigquery.counts.jobs];
    const { finished } = await runProject(project);
    assert.equal(onlyResult(finished).unchanged.length, months.length);
    const asked = gcs.requests.slice(requests);
    const pages = asked.filter(({ kind }) => kind === "list").length;
    assert.ok(pages <= Math.floor(objects / 3) + 1, `${pages} pages for ${objects} objects: every page once`);
    assert.deepEqual(
      asked.filter(({ kind }) => kind !== "list"),
      [],
    );
    assert.ok(bigquery.counts.jobs - jobs <= 3, `${bigquery.counts.jobs - jobs} jobs`);
  });

  test("loads files that are not in Cloud Storage through the staging bucket, and leaves nothing there", async (t) => {
    const project = await createGoogleProject(t, { aws_cur: { prefix: "cur", bucket_url: "bucket" } });
    const delivery = curDelivery({
      month: "2025-01",
      id: "20250201T000000Z",
      files: [curRows("2025-01", "1.5", "2"), curRows("2025-01", "-0.25")],
    });
    await deliver(join(project.folder, "bucket"), delivery);
    const { loaded } = await runWell(project);
    assert.deepEqual([loaded[0]?.rows, loaded[0]?.cost], [3, { USD: "3.25" }]);
    assert.deepEqual(await amounts(project), ["-0.25", "1.5", "2"]);
    requireClean(project);
  });

  test("loads a zip file, whatever its name says, through the staging bucket", async (t) => {
    const project = await createGoogleProject(t, section);
    const delivery = curDelivery({ month: "2025-01", id: "20250201T000000Z", files: [curRows("2025-01", "1.5", "2")] });
    upload(
      project,
      withFile(delivery, 0, (bytes) => zipBytes({ name: "bill.csv", bytes: gunzipSync(bytes) })),
    );
    const { loaded } = await runWell(project);
    assert.deepEqual([loaded[0]?.rows, loaded[0]?.cost], [2, { USD: "3.5" }]);
    assert.deepEqual(await amounts(project), ["1.5", "2"]);
    requireClean(project);
  });

  test("keeps the old month when an object is written again while it is loaded", async (t) => {
    const project = await createGoogleProject(t, section);
    const first = curDelivery({ month: "2025-01", id: "20250201T000000Z", files: [curRows("2025-01", "1")] });
    const second = curDelivery({ month: "2025-01", id: "20250202T000000Z", files: [curRows("2025-01", "7")] });
    upload(project, first);
    await runWell(project);
    upload(project, second);
    const [key = ""] = second.fileKeys;
    const before = project.bigquery.counts.loads;
    project.gcs.fault({
      match: ({ kind }) => {
        // The load job has read the object when this changes it.
        const loaded = kind === "metadata" && project.bigquery.counts.loads > before;
        if (loaded) project.gcs.put("acme-billing", key, second.objects.get(key) ?? "");
        return false;
      },
      kind: 503,
    });
    const { finished } = await runProject(project);
    assert.deepEqual(outcomes(onlyResult(finished)), ["2025-01 failed OBJECT_CHANGED"]);
    assert.deepEqual(await amounts(project), ["1"]);
    requireClean(project);
  });
});

/** The unblended costs of the table, as text. */
async function amounts(project: Project): Promise<string[]> {
  const found = await questions(project, "SELECT line_item_unblended_cost AS cost FROM billing_data.aws_cur_data");
  return found.map((row) => String(row["cost"])).toSorted();
}

async function tracked(project: Project): Promise<readonly Readonly<Record<string, unknown>>[]> {
  return questions(project, "SELECT * FROM billing_data.aws_cur_data_load_tracking WHERE billing_month IS NOT NULL");
}

async function questions(project: Project, sql: string): Promise<Readonly<Record<string, unknown>>[]> {
  const warehouse = await openWarehouse(project.config.warehouse, "reader");
  try {
    const found: Readonly<Record<string, unknown>>[] = [];
    for await (const row of requireCapability(warehouse, "query")(sql)) found.push(row);
    return found;
  } finally {
    await warehouse.close();
  }
}
