import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BillhouseError } from "../../../src/errors.ts";
import type { StoredObject } from "../../../src/model.ts";
import { resolveFiles, type ResolvedFiles } from "../../../src/pipeline/discover/resolve.ts";

function objects(...keys: string[]): Map<string, StoredObject> {
  return new Map(keys.map((key) => [key, { key, size: 1, version: "1", modified: "2025-01-01T00:00:00Z" }]));
}

function resolve(
  manifestKey: string,
  listed: string[],
  present: string[],
  bucket: string | null = null,
): ResolvedFiles {
  return resolveFiles(
    { bucket, files: listed.map((key) => ({ key, rows: null, size: null })) },
    manifestKey,
    objects(...present),
  );
}

function keysOf(result: ResolvedFiles): string[] {
  return result.found.map(({ object }) => object.key);
}

function raises(code: string, work: () => unknown): void {
  assert.throws(work, (error) => error instanceof BillhouseError && error.code === code);
}

const range = "20231101-20231201";

describe("resolving the files of a manifest", () => {
  it("takes keys that are there as they are written", () => {
    const files = [`cur/x/${range}/id-1/x-1.csv.gz`, `cur/x/${range}/id-1/x-2.csv.gz`];
    assert.deepEqual(keysOf(resolve(`cur/x/${range}/x-Manifest.json`, files, files)), files);
  });

  it("finds the files of a mirror beside the manifest", () => {
    const result = resolve(
      `gcs-transfer/aws/${range}/x-Manifest.json`,
      [`billing/x/${range}/x-1.csv.gz`],
      [`gcs-transfer/aws/${range}/x-1.csv.gz`],
    );
    assert.deepEqual(keysOf(result), [`gcs-transfer/aws/${range}/x-1.csv.gz`]);
  });

  it("finds Parquet files of a mirror one folder below the manifest's", () => {
    const result = resolve(
      `mirror/nise/20250101-20250201/nise-Manifest.json`,
      ["cur/nise/nise/year=2025/month=1/nise-1.parquet"],
      ["mirror/nise/nise/year=2025/month=1/nise-1.parquet", "mirror/nise/nise/year=2025/month=2/nise-1.parquet"],
    );
    assert.deepEqual(keysOf(result), ["mirror/nise/nise/year=2025/month=1/nise-1.parquet"]);
  });

  it("reports the files of a new assembly as missing when only the old assembly's exist", () => {
    const result = resolve(
      `cur/x/${range}/x-Manifest.json`,
      [`cur/x/${range}/new/x-1.csv.gz`],
      [`cur/x/${range}/old/x-1.csv.gz`],
    );
    assert.deepEqual(result, { found: [], missing: [`cur/x/${range}/new/x-1.csv.gz`] });
  });

  it("finds the files of a Data Export in data/ beside the metadata/ of its manifest, in whichever copy that is", () => {
    const tail = "data/billing_period=2026-05/2026-06-02T23:48:02.356Z-run/x-00001.snappy.parquet";
    for (const copy of ["one", "two"]) {
      const result = resolve(
        `mirror/${copy}/metadata/billing_period=2026-05/x-Manifest.json`,
        [`s3://acme/exports/x/${tail}`],
        [`mirror/one/${tail}`, `mirror/two/${tail}`],
        "acme",
      );
      assert.deepEqual(keysOf(result), [`mirror/${copy}/${tail}`]);
    }
  });

  it("splits at the last of several segments that look like a period", () => {
    const tail = `${range}/id/x-1.csv.gz`;
    for (const head of ["copy/year=2024/", "copy/data/of=aws/", "20240101-20240201/"]) {
      const result = resolve(`${head}${range}/x-Manifest.json`, [`cur/x/${tail}`], [`${head}${tail}`]);
      assert.deepEqual(keysOf(result), [`${head}${tail}`]);
    }
  });

  it("takes slashes that stand in front, and doubled ones above the export, for what a bucket makes of them", () => {
    const present = [`x/${range}/a/x-1.csv.gz`];
    for (const written of [`//x/${range}/a/x-1.csv.gz`, `cur//x/${range}/a/x-1.csv.gz`]) {
      assert.deepEqual(keysOf(resolve(`x/${range}/x-Manifest.json`, [written], present)), present);
    }
    const doubled = [`cur//x/${range}/a/x-1.csv.gz`];
    assert.deepEqual(keysOf(resolve(`cur//x/${range}/x-Manifest.json`, doubled, doubled)), doubled);
  });

  it("refuses data files of several buckets", () => {
    raises("KEY_OUTSIDE_PREFIX", () =>
      resolve(
        "e/x/metadata/BILLING_PERIOD=2025-01/x-Manifest.json",
        ["s3://one/e/x/data/BILLING_PERIOD=2025-01/1.gz", "s3://two/e/x/data/BILLING_PERIOD=2025-01/2.gz"],
        [],
        "one",
      ),
    );
  });

  it("never takes a file of the same name in another period", () => {
    const result = resolve(
      "cur/20250201-20250301/x-Manifest.json",
      ["cur/20250201-20250301/x-1.csv.gz"],
      ["cur/20250101-20250201/x-1.csv.gz"],
    );
    assert.deepEqual(keysOf(result), []);
  });

  it("reports what has not arrived yet below the mirror's own folder", () => {
    const result = resolve(
      `mirror/${range}/x-Manifest.json`,
      [`billing/${range}/a/x-1.csv.gz`, `billing/${range}/a/x-2.csv.gz`],
      [`mirror/${range}/a/x-1.csv.gz`],
    );
    assert.deepEqual(result.missing, [`mirror/${range}/a/x-2.csv.gz`]);
  });

  it("takes addresses and a leading slash as paths of their own bucket", () => {
    const present = [`x/${range}/a/x-1.csv.gz`];
    for (const written of [`s3://acme/x/${range}/a/x-1.csv.gz`, `/x/${range}/a/x-1.csv.gz`]) {
      assert.deepEqual(keysOf(resolve(`x/${range}/x-Manifest.json`, [written], present, "acme")), present);
    }
  });

  for (const hostile of [
    `cur/../../secret/${range}/x.csv`,
    `cur/${range}/../../../etc/passwd`,
    "/etc/passwd",
    "file:///etc/passwd",
    `s3://another-bucket/cur/${range}/x.csv`,
    `cur\\${range}\\x.csv`,
    `cur/${range}/x\0.csv`,
    "",
  ]) {
    it(`refuses the key ${JSON.stringify(hostile)}`, () => {
      raises("KEY_OUTSIDE_PREFIX", () => resolve(`cur/${range}/x-Manifest.json`, [hostile], [], "acme"));
    });
  }

  it("refuses files below different folders", () => {
    raises("MANIFEST_INVALID", () =>
      resolve(`a/${range}/x-Manifest.json`, [`a/${range}/1.csv`, `b/${range}/2.csv`], []),
    );
  });

  it("refuses to choose between two copies", () => {
    const tail = "year=2025/month=1/x-1.parquet";
    raises("MANIFEST_INVALID", () =>
      resolve("m/20250101-20250201/x-Manifest.json", [`cur/${tail}`], [`m/one/${tail}`, `m/two/${tail}`]),
    );
  });
});
