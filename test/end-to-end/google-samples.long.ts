import { describe, test } from "node:test";
import { compareWarehouses } from "../support/google-samples.ts";

// google.long.ts compares two other samples.
describe("BigQuery gets from Cloud Storage what DuckDB gets from a folder", () => {
  for (const sample of [
    "aws-cur1-csvgz-relocated-mirror",
    "aws-cur1-parquet-athena-overwrite",
    "azure-actual-csvgz-createnew",
  ] as const) {
    test(`${sample}: the same plan, status and receipts, and sums within what DuckDB rounds`, (t) =>
      compareWarehouses(t, sample));
  }
});
