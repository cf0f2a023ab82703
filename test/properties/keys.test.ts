import assert from "node:assert/strict";
import { posix, win32 } from "node:path";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { BillhouseError } from "../../src/errors.ts";
import type { StoredObject } from "../../src/model.ts";
import { resolveFiles } from "../../src/pipeline/discover/resolve.ts";
import { leavesRoot } from "../../src/storages/storage.ts";

const part = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      "..",
      ".",
      "",
      "a",
      "b",
      "cur",
      "20250101-20250201",
      "data",
      "BILLING_PERIOD=2025-01",
      "year=2025",
      "month=1",
      "x-1.csv.gz",
      "%2e%2e",
      "C:",
      "..\\",
      "\\..",
      "a\0",
      "...",
    ),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 5 }) },
);
const path = fc.array(part, { maxLength: 7 }).map((parts) => parts.join("/"));
const key = fc.oneof(
  { weight: 5, arbitrary: path },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom("s3://acme/", "s3://other/", "file:///", "S3://acme", "x:", "//", "\\\\"), path)
      .map((two) => two.join("")),
  },
  { weight: 1, arbitrary: fc.string() },
);

const runs = { numRuns: 3000, interruptAfterTimeLimit: 15_000 };

describe("keys", { timeout: 120_000 }, () => {
  it("that do not leave the root stay in it on every system", () => {
    fc.assert(
      fc.property(key, (one) => {
        if (leavesRoot(one)) return;
        assert.ok(`${posix.resolve("/root", one)}/`.startsWith("/root/"), one);
        // A drive is none in the middle of a path, which is how a key is used.
        assert.ok(`${win32.normalize(`C:\\root\\${one}`)}\\`.startsWith("C:\\root"), one);
        assert.ok(!one.includes("\0"));
      }),
      runs,
    );
  });

  it("of a manifest are refused, or are objects that were listed, or are missing below the root", () => {
    fc.assert(
      fc.property(
        fc.array(key, { maxLength: 4 }),
        fc.array(path, { maxLength: 8 }),
        path,
        fc.constantFrom("acme", null),
        (listed, present, folder, bucket) => {
          const keys = present.filter((one) => !leavesRoot(one));
          const objects = new Map(
            keys.map((one): [string, StoredObject] => [one, { key: one, size: 1, version: "1", modified: "" }]),
          );
          const manifestKey = leavesRoot(folder) ? "x-Manifest.json" : `${folder}/x-Manifest.json`;
          try {
            const files = listed.map((one) => ({ key: one, rows: null, size: null }));
            const { found, missing } = resolveFiles({ files, bucket }, manifestKey, objects);
            assert.equal(found.length + missing.length, listed.length);
            for (const { object } of found) assert.equal(objects.get(object.key), object);
            assert.equal(
              new Set(found.map(({ object }) => object.key)).size,
              found.length,
              "no object is loaded twice",
            );
            for (const one of missing) assert.ok(!leavesRoot(one) && !objects.has(one), one);
          } catch (error) {
            if (!(error instanceof BillhouseError)) throw error;
            assert.ok(error.code === "KEY_OUTSIDE_PREFIX" || error.code === "MANIFEST_INVALID", error.code);
          }
        },
      ),
      runs,
    );
  });
});
