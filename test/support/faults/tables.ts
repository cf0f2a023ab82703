import { allCases, type Result } from "./harness.ts";
import { steps, type Step } from "./steps.ts";
import type { Fault } from "./fault.ts";

/** The results as tables of faults and steps, one for each warehouse, with what is left out, and why, below. */
export function faultTables(results: readonly Result[]): string {
  const tables = (["duckdb", "bigquery"] as const).flatMap((warehouse) => {
    const own = results.filter(({ place }) => place.warehouse === warehouse);
    if (own.length === 0) return [];
    const names = [...new Set(own.map(({ fault }) => fault))];
    const head = [
      `| ${{ duckdb: "DuckDB", bigquery: "BigQuery" }[warehouse]} | ${steps.join(" | ")} |`,
      `|---|${"---|".repeat(steps.length)}`,
    ];
    return [
      ...head,
      ...names.map((fault) =>
        rowOf(
          fault,
          own.filter((result) => result.fault === fault),
        ),
      ),
    ].join("\n");
  });
  return [...tables, `**The faults**\n\n${descriptions(results)}`].join("\n\n");
}

function rowOf(fault: Fault, results: readonly Result[]): string {
  return `| ${fault.name} | ${steps.map((step) => cellOf(results, step)).join(" | ")} |`;
}

const signs = { "at once": "=", reported: "reported", unseen: "unseen", killed: "next", stopped: "next" } as const;

function cellOf(results: readonly Result[], step: Step): string {
  const found = results
    .filter((result) => result.step === step)
    .map(({ outcome }) => {
      if (outcome instanceof Error) return "FAILED";
      return outcome.end === "reported" ? outcome.codes.join(" ") : signs[outcome.end];
    });
  return [...new Set(found)].toSorted().join(", ");
}

function descriptions(results: readonly Result[]): string {
  const named = [...new Set(results.map(({ fault }) => fault))];
  const { missing } = allCases();
  return named
    .map((fault) => {
      const elsewhere = fault.steps.length < steps.length ? ` At no other step: ${fault.otherwise}.` : "";
      const left = missing.filter((each) => each.fault === fault);
      const reasons = [...Map.groupBy(left, ({ why }) => why)].map(
        ([why, cases]) => `${[...new Set(cases.map(({ step }) => step))].join(", ")}: ${why}`,
      );
      return `- ${fault.name}: ${fault.does}${elsewhere}${reasons.length > 0 ? ` Left out: ${reasons.join("; ")}.` : ""}`;
    })
    .join("\n");
}
