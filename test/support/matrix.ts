import assert from "node:assert/strict";
import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { loadConfig, verify, type Config } from "../../src/index.ts";
import type { Receipt } from "../../src/model.ts";
import { tableOf } from "../../src/pipeline/months/select.ts";
import { compareDecimals, subtractDecimals } from "../../src/schema/decimals.ts";
import { openWarehouse } from "../../src/warehouses/index.ts";
import { requireCapability } from "../../src/warehouses/warehouse.ts";
import { temporaryFolder } from "./folders.ts";
import { account, startAzurite, type Azurite } from "../servers/azurite.ts";
import { startBigqueryServer } from "../servers/bigquery/server.ts";
import { startGcsServer } from "../servers/gcs.ts";
import { setAwsVariables, testLogin } from "../servers/s3-environment.ts";
import { startS3Server } from "../servers/s3.ts";
import { onlyResult, runProject, runWell } from "./projects.ts";
import { requireProvedView } from "./proved-view.ts";

/** A delivery that others made, and what `INDEX.md` says of it: rows and sum by month. */
export interface MatrixSample {
  readonly bucket: string;
  readonly prefix: string;
  readonly exportName: string;
  readonly currency: string;
  readonly months: Readonly<Record<string, readonly [rows: number, sum: string]>>;
  /** The days that verify must name as missing: what the last delivery came too early to cover. */
  readonly missing?: string;
  /** Whether `npm test` loads it, from the storage and into the warehouse of the diagonal. */
  readonly isQuick?: boolean;
  /** Whether its amounts are floats, whose shortest text is what was delivered: equal to 1e-10. */
  readonly isFloat?: boolean;
}

const nise = {
  "2025-01": [10080, "1650.255870960"],
  "2025-02": [9408, "1540.2871999872"],
  "2025-03": [4368, "715.530232248"],
} as const;
const azureNise = {
  "2025-01": [1860, "282.3017572955996638691"],
  "2025-02": [1680, "256.8663702070399689320"],
  "2025-03": [720, "109.4912477664761208574"],
} as const;
const azureFocus = [3000, "82396.90815219782695"] as const;
const awsFocus = [3000, "62500.80845625471778"] as const;

/** Every bucket of the samples. */
export const matrixSamples: readonly MatrixSample[] = [
  {
    bucket: "aws-cur1-csvgz-createnew/delivery-1",
    prefix: "cur/v1",
    exportName: "nise-cur",
    currency: "USD",
    months: { "2025-01": [10416, "1705.764399984"], "2025-02": nise["2025-02"], "2025-03": [3024, "495.076761288"] },
  },
  {
    bucket: "aws-cur1-csvgz-createnew/delivery-2",
    prefix: "cur/v1",
    exportName: "nise-cur",
    currency: "USD",
    months: nise,
  },
  {
    bucket: "aws-cur1-csvgz-relocated-mirror",
    prefix: "gcs-transfer/aws_cur",
    exportName: "aws-billing-csv",
    currency: "USD",
    months: { "2023-11": [1281, "1.68230869740"] },
    isQuick: true,
  },
  {
    bucket: "aws-cur1-parquet-athena-overwrite",
    prefix: "cur/parquet",
    exportName: "nise-athena",
    currency: "USD",
    months: nise,
    isFloat: true,
  },
  {
    bucket: "aws-dataexport-cur2-parquet-overwrite",
    prefix: "exports",
    exportName: "cur2-parquet",
    currency: "USD",
    months: nise,
    isFloat: true,
  },
  {
    bucket: "aws-dataexport-focus12-parquet-createnew",
    prefix: "exports",
    exportName: "focus12",
    currency: "USD",
    months: { "2026-04": awsFocus, "2026-05": awsFocus },
    isQuick: true,
    isFloat: true,
  },
  {
    bucket: "azure-focus12-parquet-overwrite",
    prefix: "focus",
    exportName: "focus12",
    currency: "USD",
    months: { "2026-04": azureFocus, "2026-05": azureFocus },
  },
  {
    bucket: "azure-actual-csvgz-createnew",
    prefix: "exports",
    exportName: "nise-actual",
    currency: "EUR",
    months: azureNise,
    missing: "2025-03-14 to 2025-03-31 missing",
    isQuick: true,
  },
  {
    bucket: "azure-legacy-partitioned",
    prefix: "cost",
    exportName: "partitioned",
    currency: "EUR",
    months: azureNise,
    missing: "2025-03-14 to 2025-03-31 missing",
    isQuick: true,
  },
];

/** The storages of the product. */
export const matrixStorages = ["folder", "gs", "s3", "az"] as const;
/** The warehouses of the product. */
export const matrixWarehouses = ["duckdb", "bigquery"] as const;

/** One place where bills lie. */
export type MatrixStorage = (typeof matrixStorages)[number];
/** One place where they go. */
export type MatrixWarehouse = (typeof matrixWarehouses)[number];

/** A sample, and from where to where it is loaded. */
export interface Combination {
  readonly sample: MatrixSample;
  readonly storage: MatrixStorage;
  readonly warehouse: MatrixWarehouse;
  /** Whether `npm test` loads it: a part of a diagonal, with every storage and both warehouses. */
  readonly isQuick: boolean;
}

/** Every sample from every storage into every warehouse. */
export const combinations: readonly Combination[] = matrixSamples.flatMap((sample, index) =>
  matrixStorages.flatMap((storage) =>
    matrixWarehouses.map((warehouse) => {
      const isOfStorage = storage === matrixStorages[(index + 2) % matrixStorages.length];
      const isOfWarehouse = warehouse === matrixWarehouses[Math.floor(index / matrixStorages.length) % 2];
      return { sample, storage, warehouse, isQuick: sample.isQuick === true && isOfStorage && isOfWarehouse };
    }),
  ),
);

/**
 * Loads a sample from a storage into a warehouse, twice, and requires the figures of `INDEX.md`; from one storage for each
 * warehouse also that the sums of the FOCUS view equal the receipts.
 */
export async function loadCombination(
  t: TestContext,
  samples: string,
  sample: MatrixSample,
  storage: MatrixStorage,
  warehouse: MatrixWarehouse,
): Promise<void> {
  const folder = await temporaryFolder(t);
  const source = join(samples, "buckets", sample.bucket);
  const gcs = await startGcsServer("bills");
  gcs.addBucket("staging", { writable: true });
  t.after(() => gcs.close());
  const environment: Record<string, string> = {};
  const keys = await fill(t, storage, source, folder, gcs, environment);
  const lines = Object.entries({ ...keys, prefix: sample.prefix, export_name: sample.exportName });
  const toml = ["[sources.bills]", ...lines.map(([key, value]) => `${key} = ${JSON.stringify(value)}`)];
  if (warehouse === "bigquery") {
    const server = await startBigqueryServer({ readObject: async (bucket, key) => gcs.object(bucket, key) });
    t.after(async () => {
      assert.deepEqual(server.refused, []);
      await server.close();
    });
    const addresses = { endpoint: server.endpoint, storage_endpoint: gcs.endpoint };
    const destination = Object.entries({ project_id: "acme", staging_bucket: "staging", ...addresses });
    toml.push("[destination.bigquery]", ...destination.map(([key, value]) => `${key} = ${JSON.stringify(value)}`));
  }
  await writeFile(join(folder, "billhouse.toml"), `${toml.join("\n")}\n`);
  const config = await loadConfig({ folder, environment });
  const { finished } = await runProject({ folder, bucket: "", config });
  assert.deepEqual(finished.warnings, []);
  const { loaded, failed, error } = onlyResult(finished);
  assert.deepEqual({ failed, error }, { failed: [], error: undefined });
  assert.deepEqual(loaded.map(({ billingMonth: month }) => month).toSorted(), Object.keys(sample.months));
  const again = await runWell({ folder, bucket: "", config });
  assert.deepEqual([again.loaded.length, again.unchanged.length], [0, Object.keys(sample.months).length]);
  const { receipts, rows } = await booksOf(config);
  assert.deepEqual(receipts.map(({ billingMonth }) => billingMonth).toSorted(), Object.keys(sample.months));
  for (const receipt of receipts) requireFigures(receipt, sample);
  const expected = Object.values(sample.months).reduce((sum, [count]) => sum + count, 0);
  assert.equal(rows, expected, "rows of the table");
  const verified = await verify(config);
  assert.deepEqual(
    verified.checks.filter(({ ok }) => !ok).map(({ name, actual }) => `${name}: ${actual}`),
    sample.missing === undefined ? [] : [`missing-days: ${sample.missing}`],
  );
  // The view does not depend on the storage.
  if (storage === (warehouse === "duckdb" ? "folder" : "gs")) {
    const open = await requireProvedView(config, verified);
    assert.deepEqual(
      open.filter((sum) => sum.endsWith("billed-cost")),
      [],
    );
  }
  assert.deepEqual(gcs.keys("staging"), []);
  assert.deepEqual(gcs.refused, []);
}

function requireFigures(receipt: Receipt, { months, currency, isFloat }: MatrixSample): void {
  const [rows, sum] = months[receipt.billingMonth] ?? [0, "0"];
  assert.equal(receipt.rows, rows, `rows of ${receipt.billingMonth}`);
  assert.deepEqual(Object.keys(receipt.cost ?? {}), [currency]);
  const near = (actual: string | undefined, tolerance: string, what: string): void => {
    const difference = subtractDecimals(actual ?? "0", sum).replace("-", "");
    assert.ok(compareDecimals(difference, tolerance) <= 0, `${what} of ${receipt.billingMonth}: ${actual} is ${sum}`);
  };
  near(receipt.cost?.[currency], isFloat === true ? "1e-10" : "0", "the delivered sum");
  // Half a last digit of DECIMAL(38,18) for each value.
  near(receipt.tableCost?.[currency], isFloat === true ? "1e-10" : `${rows * 5}e-19`, "the table's sum");
}

async function fill(
  t: TestContext,
  storage: MatrixStorage,
  source: string,
  folder: string,
  gcs: Awaited<ReturnType<typeof startGcsServer>>,
  environment: Record<string, string>,
): Promise<Record<string, string>> {
  if (storage === "folder") {
    await cp(source, join(folder, "bucket"), { recursive: true });
    return { bucket_url: "bucket" };
  }
  const objects = await objectsOf(source);
  if (storage === "gs") {
    for (const [key, bytes] of objects) gcs.put("bills", key, bytes);
    return { bucket_url: "gs://bills", endpoint: gcs.endpoint };
  }
  if (storage === "s3") {
    logIn();
    const server = await startS3Server();
    t.after(async () => {
      await server.close();
      assert.deepEqual(server.refused, []);
    });
    server.addBucket("bills");
    for (const [key, bytes] of objects) server.put("bills", key, bytes);
    return { bucket_url: "s3://bills", endpoint: server.endpoint };
  }
  azurite ??= startAzurite();
  const server = await azurite;
  const container = await server.container();
  for (const [key, bytes] of objects) await container.getBlockBlobClient(key).upload(bytes, bytes.length);
  environment["AZURE_STORAGE_CONNECTION_STRING"] = server.connectionString;
  return { bucket_url: `az://${account}/${container.containerName}`, endpoint: server.endpoint };
}

let azurite: Promise<Azurite> | undefined;
let restore: (() => void) | undefined;

/** For the whole process: combinations run beside each other. */
function logIn(): void {
  if (restore !== undefined) return;
  setAwsVariables({ after: (end) => (restore = end as () => void) }, testLogin);
}

/** Ends what the combinations have shared. */
export async function endMatrix(): Promise<void> {
  await (await azurite)?.close();
  azurite = undefined;
  restore?.();
}

async function objectsOf(folder: string): Promise<ReadonlyMap<string, Buffer>> {
  const objects = new Map<string, Buffer>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    objects.set(path.slice(folder.length + 1), await readFile(path));
  }
  return objects;
}

/** The receipts of the table, and the rows that it really holds. */
async function booksOf(config: Config): Promise<{ readonly receipts: readonly Receipt[]; readonly rows: number }> {
  const warehouse = await openWarehouse(config.warehouse, "read");
  try {
    const [pipeline] = config.pipelines;
    assert.ok(pipeline);
    const { receipts } = await warehouse.ledger(tableOf(pipeline));
    let rows = 0;
    for await (const row of requireCapability(
      warehouse,
      "query",
    )("SELECT COUNT(*) AS found FROM billing_data.bills_data")) {
      rows = Number(row["found"]);
    }
    return { receipts, rows };
  } finally {
    await warehouse.close();
  }
}
