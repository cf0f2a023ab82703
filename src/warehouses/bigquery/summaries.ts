import type { CostLine } from "../../model.ts";
import { orderCostLines } from "../../schema/cost-lines.ts";
import { otherAccounts, summaryLines } from "../warehouse.ts";
import { exactSum } from "./replace/measures.ts";
import { part, type TextRow } from "./api/statements.ts";

/**
 * The part of a question that sums up the rows `v` of `measuredCells` that meet a condition. All folding is done there:
 * the answer has no more lines than are kept, and one for each service, charge type and currency of the rest.
 */
export function summaryPart(condition: string): string {
  const keys = ["service", "account", "charge_type", "currency"];
  const lines = `SELECT ${keys.map((key) => `v.${key} AS ${key}`).join(", ")}, COUNT(*) AS row_count,
    COALESCE(SUM(v.kept0), CAST('0' AS BIGNUMERIC)) AS cost FROM v WHERE ${condition} GROUP BY ${keys.map((key) => `v.${key}`).join(", ")}`;
  const order = ["ABS(l.cost) DESC", ...keys.map((key) => `l.${key} NULLS LAST`)].join(", ");
  const ranked = `SELECT l.*, ROW_NUMBER() OVER (ORDER BY ${order}) AS place FROM (${lines}) AS l`;
  const folded = `SELECT r.service, IF(r.place <= ${summaryLines}, r.account, '${otherAccounts}') AS account, r.charge_type,
    r.currency, r.row_count, r.cost FROM (${ranked}) AS r`;
  const cells = {
    ...Object.fromEntries(keys.map((key) => [key, `f.${key}`])),
    rows: "SUM(f.row_count)",
    cost: "SUM(f.cost)",
  };
  return part("line", cells, `(${folded}) AS f GROUP BY ${keys.map((key) => `f.${key}`).join(", ")}`);
}

/** The summary in the rows of that part. */
export function summaryOf(rows: readonly TextRow[] = []): readonly CostLine[] {
  return orderCostLines(
    rows.map((row) => ({
      service: row["service"] ?? null,
      account: row["account"] ?? null,
      charge_type: row["charge_type"] ?? null,
      currency: row["currency"] ?? "",
      rows: Number(row["rows"]),
      cost: exactSum(row["cost"]),
    })),
  );
}
