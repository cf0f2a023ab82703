import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

test("npm run bench loads the same rows and costs in every way, and prints ratios", () => {
  const script = join(import.meta.dirname, "..", "scripts", "bench.ts");
  const words = ["--rows", "3000", "--pairs", "1", "--no-python", "--only", "loads,growth", "--sizes", "0.002"];
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...words], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  const rows = stdout.split("\n").filter((line) => /^\| (billhouse|plain DuckDB)/.test(line));
  assert.equal(rows.length, 6, stdout);
  for (const row of rows) {
    assert.match(row, /^\| [^|]+ \| [\d.]+ s \| [\d.]+ \| ([\d.]+ s|-) \| (\d+ MB|-) \| {2}\|$/, "no other result");
  }
  assert.match(stdout, /^\| 2,000 \| [\d.]+ s /m);
  assert.match(stdout, /billhouse loads and proves 3000 \d+\.\d+\./);
});
