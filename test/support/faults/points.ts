import { pointNames, type Point } from "../../../src/warehouses/points.ts";

/** The points that only the runs of one warehouse come by. */
const own: Readonly<Record<"duckdb" | "bigquery", readonly Point[]>> = {
  duckdb: ["file-checked", "before-delete", "after-delete", "batch-inserted", "after-publish-copy"],
  bigquery: ["staged-file", "job-inserted", "staging-dropped"],
};

/** The points that a run on a warehouse comes by. */
export function pointsOf(warehouse: "duckdb" | "bigquery"): readonly Point[] {
  const foreign = own[warehouse === "duckdb" ? "bigquery" : "duckdb"];
  return pointNames.filter((name) => !foreign.includes(name));
}
