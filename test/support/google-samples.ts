import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { plan, status, type StatusResult } from "../../src/index.ts";
import type { Receipt } from "../../src/model.ts";
import { tableOf } from "../../src/pipeline/months/select.ts";
import { openWarehouse } from "../../src/warehouses/index.ts";
import { createGoogleProject, requireClean, uploadFolder } from "./google.ts";
import { createProject, runWell, type Project } from "./projects.ts";
import { requireProvedView } from "./proved-view.ts";
import { samplesFolder } from "./samples.ts";

/** The sample buckets that both warehouses load: the prefix of the export and its name. */
export const googleSamples = {
  "aws-cur1-csvgz-relocated-mirror": ["gcs-transfer/aws_cur", "aws-billing-csv"],
  "aws-cur1-csvgz-createnew/delivery-1": ["cur/v1", "nise-cur"],
  "aws-cur1-parquet-athena-overwrite": ["cur/parquet", "nise-athena"],
  "azure-focus12-parquet-overwrite": ["focus", "focus12"],
  "azure-actual-csvgz-createnew": ["exports", "nise-actual"],
} as const;

/**
 * Loads a sample from Cloud Storage into BigQuery and from a folder into DuckDB, and requires the same plan, status and
 * receipts, and sums that differ by no more than DuckDB rounds.
 */
export async function compareWarehouses(t: TestContext, bucket: keyof typeof googleSamples): Promise<void> {
  const folder = samplesFolder(t);
  if (folder === undefined) return;
  const source = join(folder, "buckets", bucket);
  const [prefix, exportName] = googleSamples[bucket];
  const section = { prefix, export_name: exportName };
  const google = await createGoogleProject(t, { bills: section });
  await uploadFolder(google, source);
  const local = await createProject(t, { bills: { ...section, bucket_url: "bucket" } });
  await cp(source, local.bucket, { recursive: true });

  assert.deepEqual(await planned(google), await planned(local));
  await runWell(google);
  await runWell(local);
  assert.deepEqual(await planned(google), await planned(local));
  assert.deepEqual(await requireProvedView(google.config), await requireProvedView(local.config));
  assert.deepEqual(timeless(await status(google.config)), timeless(await status(local.config)));
  const [ours, theirs] = [await receiptsOf(google), await receiptsOf(local)];
  assert.deepEqual(ours.map(comparable), theirs.map(comparable));
  assert.ok(ours.every(({ files }) => files?.every(({ rows, checksum }) => rows !== null && checksum !== null)));
  assert.deepEqual(google.gcs.refused, []);
  requireClean(google);
}

/** The plan but for what only BigQuery bills. */
async function planned(project: Project): Promise<unknown> {
  const { pipelines } = await plan(project.config);
  return pipelines.map((pipeline) => ({ ...pipeline, billedBytes: 0 }));
}

function timeless(result: StatusResult): unknown {
  return result.pipelines.map((pipeline) => ({
    ...pipeline,
    newestLoad: null,
    lastRun: null,
    months: pipeline.months.map((month) => ({ ...month, loadedAt: "" })),
  }));
}

async function receiptsOf(project: Project): Promise<readonly Receipt[]> {
  const warehouse = await openWarehouse(project.config.warehouse, "read");
  try {
    const [pipeline] = project.config.pipelines;
    assert.ok(pipeline);
    return (await warehouse.ledger(tableOf(pipeline))).receipts;
  } finally {
    await warehouse.close();
  }
}

/** What two warehouses must agree on: all but times, versions, and what each rounds in its own way. */
function comparable(receipt: Receipt): unknown {
  return {
    ...receipt,
    loadId: "",
    loadedAt: "",
    durationSeconds: 0,
    roundedValues: 0,
    tableCost: Object.keys(receipt.tableCost ?? {}),
    tableEffectiveCost: Object.keys(receipt.tableEffectiveCost ?? {}),
    amounts: Object.keys(receipt.amounts ?? {}),
    // DuckDB's tables round the nineteenth digit.
    summary: receipt.summary?.map((line) => ({ ...line, cost: line.cost.replace(/(\.\d{12})\d+$/, "$1") })),
    files: receipt.files?.map((file) => ({ ...file, version: "" })),
    deliveries: receipt.deliveries?.map((delivery) => ({ ...delivery, manifest_version: "", made: "" })),
  };
}
