import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { BillhouseError, type ErrorCode } from "../../../src/errors.ts";
import { translateFailure } from "../../../src/warehouses/bigquery/api/api-error.ts";
import { explainLoad } from "../../../src/warehouses/bigquery/replace/staging.ts";
import { identifier } from "../../../src/warehouses/bigquery/sql/names.ts";
import { type ApiError, apiFailure } from "../../../src/warehouses/bigquery/api/api-error.ts";
import { groupFiles, loadIdentity, type SourceFile } from "../../../src/warehouses/bigquery/replace/sources.ts";
import { bigqueryWarehouse } from "../../support/bigquery-warehouse.ts";
import { billReplacement, csv, load, mapped, prepare, stream, table } from "../../conformance/bills.ts";
import { rejects } from "../../support/rejects.ts";
import { refusal } from "../../servers/bigquery/failures.ts";

describe("files are dealt into jobs", () => {
  test("one for each CSV file while there are few, and one for each header of Parquet", () => {
    assert.deepEqual(sizes([...files(3), ...files(2, "other")]), [1, 1, 1, 1, 1]);
    assert.deepEqual(sizes([...files(3, "a", "parquet"), ...files(2, "b", "parquet")]), [3, 2]);
  });

  test("a few dozen when there are many, and no job takes more files than BigQuery does", () => {
    const many = sizes([...files(900), ...files(100, "other")]);
    assert.ok(many.length <= 64, String(many.length));
    assert.equal(sum(many), 1000);
    assert.deepEqual(sizes(files(25_000, "a", "parquet")), [8334, 8334, 8332]);
    const huge = sizes(files(700_000));
    assert.ok(huge.every((size) => size <= 10_000) && huge.length === 70);
  });

  test("and a load is another one when any file, column or predecessor is", () => {
    const reference = { projectId: "p", datasetId: "d", tableId: "t" };
    const replacement = { ...billReplacement, files: stream([]) };
    const ids = [
      loadIdentity(replacement, reference, files(2)),
      loadIdentity(replacement, reference, files(3)),
      loadIdentity(replacement, reference, files(2, "other")),
      loadIdentity({ ...replacement, replaces: "1.5" }, reference, files(2)),
      loadIdentity({ ...replacement, executionId: "e2" }, reference, files(2)),
      loadIdentity({ ...replacement, nullValues: ["None"] }, reference, files(2)),
      loadIdentity(replacement, { ...reference, tableId: "u" }, files(2)),
    ];
    assert.equal(new Set(ids).size, ids.length);
    assert.equal(ids[0], loadIdentity(replacement, reference, files(2)));
  });
});

test("objects whose names BigQuery would take for something else, or that are too large, are read by billhouse", async (t) => {
  const big = await bigqueryWarehouse(t);
  const warehouse = await big.open("read");
  const { file, storageUrl } = await csv(big, "");
  assert.ok(warehouse.reads(storageUrl, file));
  for (const key of ["a*b.csv", "a//b.csv", "/a.csv", " a.csv", "a.csv "]) {
    assert.equal(warehouse.reads(storageUrl, { ...file, key }), false, key);
  }
  const size = 4 * 1024 ** 3 + 1;
  assert.equal(warehouse.reads(storageUrl, { ...file, key: "a.csv.gz", size }), false);
  assert.ok(warehouse.reads(storageUrl, { ...file, key: "a.csv", size }));
  assert.equal(warehouse.reads("s3://bucket", file), false);
});

test("names that would end an identifier are refused", () => {
  for (const name of ["a`b", "a\\b", "a\nb", ""]) assert.throws(() => identifier(name), BillhouseError);
  assert.equal(identifier("a b'c"), "`a b'c`");
});

describe("what BigQuery says becomes", () => {
  const cases: readonly (readonly [said: Partial<ApiError>, code: ErrorCode, named: RegExp])[] = [
    [
      { reason: "notFound", status: 404, message: "Not found: Dataset p:d was not found in location EU" },
      "LOCATION_MISMATCH",
      /EU/u,
    ],
    [
      { reason: "invalid", message: "Cannot read and write in different locations: source: US, destination: EU" },
      "LOCATION_MISMATCH",
      /US/u,
    ],
    [
      { reason: "quotaExceeded", status: 403, message: "Quota exceeded: too many imports" },
      "WAREHOUSE_UNAVAILABLE",
      /imports/u,
    ],
    [
      { reason: "bytesBilledLimitExceeded", message: "Query exceeded limit for bytes billed" },
      "LIMIT_EXCEEDED",
      /maximum_bytes_billed/u,
    ],
    [{ reason: "stopped", message: "Job execution was cancelled" }, "INTERRUPTED", /cancelled/u],
    [{ reason: "notFound", status: 404, message: "Not found: Project x" }, "WAREHOUSE_NOT_FOUND", /Project x/u],
    [{ reason: "somethingNew", message: "An unexpected error" }, "WAREHOUSE_UNSUPPORTED", /unexpected error/u],
  ];
  for (const [said, code, named] of cases) {
    test(`${code}: ${said.message}`, () => {
      const error = translateFailure(refused(said), "BigQuery p");
      assert.ok(error instanceof BillhouseError);
      assert.equal(error.code, code);
      assert.match(error.message, named);
    });
  }

  const loads: readonly (readonly [said: Partial<ApiError>, code: ErrorCode, named: RegExp])[] = [
    [{ reason: "notFound", message: "Not found: URI gs://b/0" }, "FILE_NOT_FOUND", /a0/u],
    [
      { reason: "invalid", message: "Error while reading data, error message: gzip error", location: "gs://b/1" },
      "FILE_CORRUPT",
      /a1/u,
    ],
    [
      { reason: "accessDenied", message: "Access Denied: File gs://b/0: Access Denied" },
      "WAREHOUSE_DENIED",
      /storage\.objects\.get/u,
    ],
  ];
  for (const [said, code, named] of loads) {
    test(`${code} of a file: ${said.message}`, () => {
      const [group] = groupFiles(files(2, "a", "parquet"), () => nameOf());
      assert.ok(group);
      const error = explainLoad(refused(said), group);
      assert.ok(error instanceof BillhouseError);
      assert.equal(error.code, code);
      assert.match(error.message, named);
    });
  }
});

test("a broken gzip and a broken Parquet file are reported as such", async (t) => {
  const big = await bigqueryWarehouse(t);
  const warehouse = await big.open();
  await prepare(warehouse);
  const columns = mapped({ id: "text", period: "timestamp" });
  const broken = { ...(await big.put("broken.csv", Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3]))), columns };
  await rejects(load(warehouse, [broken]), "FILE_CORRUPT", broken.file.key);
  const parquet = { ...(await big.put("broken.parquet", "PAR1 is not enough")), columns };
  await rejects(load(warehouse, [parquet]), "FILE_CORRUPT", parquet.file.key);
  const gone = await csv(big, "a,2025-01-01,,1,USD\n");
  big.storage.remove("delivered", gone.file.key);
  await rejects(load(warehouse, [gone]), "FILE_NOT_FOUND", gone.file.key);
});

test("files that are not in Cloud Storage need a staging bucket", async (t) => {
  const big = await bigqueryWarehouse(t);
  const warehouse = await big.open("write", { stagingBucket: null });
  await prepare(warehouse);
  const file = {
    ...(await big.putHere("a.csv", "id,period\na,2025-01-01\n")),
    columns: mapped({ id: "text", period: "timestamp" }),
  };
  const error = await rejects(load(warehouse, [file]), "CONFIG_INVALID", file.file.key);
  assert.match(error.hint, /staging_bucket/u);
  const lost = await big.open("write", { stagingBucket: "nowhere" });
  await rejects(load(lost, [file]), "STORAGE_NOT_FOUND", "nowhere");
  big.storage.deny("staging", true);
  await rejects(load(await big.open(), [file]), "STORAGE_DENIED", "staging");
  big.storage.deny("staging", false);
  await load(await big.open(), [file]);
});

test("an examination finds what is missing, and leaves nothing behind", async (t) => {
  const big = await bigqueryWarehouse(t);
  const warehouse = await big.open("read");
  const fresh = await warehouse.doctor([table]);
  assert.ok(
    fresh.every(({ ok }) => ok),
    JSON.stringify(fresh),
  );
  assert.match(fresh.map(({ found }) => found).join("\n"), /first run creates it in EU/u);
  assert.ok(!big.server.requests.some(({ name }) => name === "datasets.insert"));
  await prepare(await big.open());
  const before = big.server.tableNames("billing");
  assert.ok((await warehouse.doctor([table])).every(({ ok }) => ok));
  assert.deepEqual(big.server.tableNames("billing"), before);
  assert.deepEqual(big.storage.keys("staging"), []);
  big.server.deny("bigquery.jobs.create");
  big.storage.deny("staging", true);
  const findings = (await warehouse.doctor([table])).filter(({ ok }) => !ok);
  assert.deepEqual(
    findings.map(({ check }) => check),
    ["run jobs", "dataset p.billing", "staging bucket"],
  );
  assert.match(findings[0]?.remedy ?? "", /roles\/bigquery\.jobUser/u);
});

test("an examination loads through the staging bucket, so that a bucket in another place is found", async (t) => {
  const message = "Cannot read and write in different locations: source: US, destination: EU";
  const far = { is: false };
  const big = await bigqueryWarehouse(t, {
    readObject: async () => {
      if (far.is) throw refusal("invalid", message);
      return { bytes: Buffer.from("c0\nx\n"), generation: "1" };
    },
  });
  await prepare(await big.open());
  const warehouse = await big.open("read");
  const staging = async () => (await warehouse.doctor([table])).find(({ check }) => check === "staging bucket");
  assert.deepEqual(await staging(), {
    check: "staging bucket",
    ok: true,
    found: "accepts files, which can be loaded into p.billing",
    remedy: null,
  });
  far.is = true;
  const found = await staging();
  assert.deepEqual([found?.ok, found?.found.includes(message)], [false, true]);
  assert.match(found?.remedy ?? "", /dataset in the location of the bucket/u);
  assert.deepEqual(big.storage.keys("staging"), []);
});

test("doctor compares the clock with that of the service", async (t) => {
  const big = await bigqueryWarehouse(t);
  const warehouse = await big.open("read");
  const clock = async () => (await warehouse.doctor([])).find(({ check }) => check === "clock");
  assert.deepEqual((await clock())?.ok, true);
  const now = Date.now();
  t.mock.timers.enable({ apis: ["Date"], now: now - 3_600_000 });
  const found = await clock();
  t.mock.timers.reset();
  assert.equal(found?.ok, false);
  assert.match(found?.found ?? "", /^The clock of this machine is 3(600|599|60\d) seconds behind that of BigQuery\.$/u);
  assert.match(found?.remedy ?? "", /NTP/u);
});

test("files that lay in the staging bucket for more than a day are removed after a run, and no others", async (t) => {
  const big = await bigqueryWarehouse(t);
  const hoursAgo = (hours: number): string => new Date(Date.now() - hours * 3_600_000).toISOString();
  const old = ["a", "b", "c", "d"].map((name) => `billhouse-staging/${name}/0-old`);
  const kept = ["billhouse-staging/e/0-young", "else/0-old", "billhouse-staging-of-others/0-old"];
  for (const key of [...old, ...kept]) {
    big.storage.put("staging", key, "x", { created: hoursAgo(key.endsWith("old") ? 25 : 23) });
  }
  const warehouse = await big.open();
  await warehouse.publish();
  assert.deepEqual(big.storage.keys("staging"), kept.toSorted());
  big.storage.deny("staging", true);
  await warehouse.publish();
});

function files(count: number, column = "id", format: "csv" | "parquet" = "csv"): SourceFile[] {
  const columns = mapped({ [column]: "text" });
  return Array.from({ length: count }, (_, index) => ({
    uri: `gs://b/${index}`,
    isNative: true,
    mapped: {
      file: {
        key: `a${index}`,
        size: 1,
        version: "1",
        modified: "2025-01-01T00:00:00Z",
        format,
        rows: null,
        declaredSize: null,
      },
      storageUrl: "gs://b",
      executionId: "e1",
      path: null,
      rows: null,
      columns,
      periodColumn: null,
      needsPeriod: false,
    },
  }));
}

function sizes(list: readonly SourceFile[]): number[] {
  return groupFiles(list, () => nameOf()).map((group) => group.files.length);
}

function nameOf(): { table: { projectId: string; datasetId: string; tableId: string }; jobPrefix: string } {
  return { table: { projectId: "p", datasetId: "d", tableId: "t" }, jobPrefix: "j" };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function refused(said: Partial<ApiError>): Error {
  return apiFailure({ status: null, reason: "invalid", message: "", location: null, details: [], ...said });
}
