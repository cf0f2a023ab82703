import type { Config } from "../../config/config.ts";
import { BillhouseError } from "../../errors.ts";
import { type Rollup, rollupsWith } from "../../focus/rollup-columns.ts";
import { rollupMonthsView } from "../../focus/rollups.ts";
import { newestView } from "../../focus/views.ts";
import type { BillingMonth } from "../../model.ts";
import { formatDecimal, readDecimal } from "../../schema/decimals.ts";
import { requireCapability, type QueryRow, type Warehouse } from "../../warehouses/warehouse.ts";
import { dialects } from "../views/source.ts";
import { type MonthCheck, same } from "./checks.ts";

/** The checks of the sums that are kept of the FOCUS view. */
export const rollupChecks: Readonly<Record<Rollup["name"], string>> = {
  focus_daily: "focus-daily",
  focus_sku_monthly: "focus-sku-monthly",
};

const costs = ["BilledCost", "EffectiveCost", "ListCost", "ContractedCost"];

/**
 * Compares the sums that are kept of some months of an export with those of the FOCUS view, for each currency and cost. Months that
 * are not current are left out: nothing reads their sums. Errors: those of the warehouse.
 */
export async function compareRollups(
  exportName: string,
  config: Config,
  warehouse: Warehouse,
  wanted: readonly BillingMonth[],
): Promise<readonly MonthCheck[]> {
  const dialect = dialects[config.warehouse.kind];
  const dataset = config.warehouse.kind === "bigquery" ? config.focus.dataset : "main";
  const placed = (name: string): string => dialect.tableName({ dataset }, name);
  const outdated = await outdatedMonths(warehouse, placed(rollupMonthsView));
  const months = outdated === null ? [] : wanted.filter((month) => !outdated.includes(month));
  if (months.length === 0) return [];
  const names = rollupsWith([]).map(({ name }) => name);
  const statements = [newestView, ...names].map((name) => {
    const sums = costs.map((cost) => `CAST(SUM(${cost}) AS ${dialect.types.text}) AS ${cost}`);
    const given = `x_Export = ${dialect.literal(exportName)} AND x_BillingMonth IN (${months.map(dialect.literal).join(", ")})`;
    return `SELECT ${dialect.literal(name)} AS place, x_BillingMonth, BillingCurrency, ${sums.join(", ")} FROM ${placed(name)} WHERE ${given} GROUP BY 2, 3`;
  });
  const rows: QueryRow[] = [];
  try {
    for await (const row of requireCapability(warehouse, "query")(statements.join("\nUNION ALL\n"))) rows.push(row);
  } catch (error) {
    // A view over a column that another program dropped cannot be read until the next run makes it again.
    if (error instanceof BillhouseError && error.code === "QUERY_INVALID") return [];
    throw error;
  }
  const sumsIn = (place: string, month: BillingMonth): string =>
    rows
      .filter((row) => row["place"] === place && row["x_BillingMonth"] === month)
      .map((row) => costs.map((cost) => `${cost} ${textOf(row[cost])} ${textOf(row["BillingCurrency"])}`).join(", "))
      .toSorted()
      .join("; ");
  return months.flatMap((month) =>
    names.map((name) => same(rollupChecks[name], month, sumsIn(newestView, month), sumsIn(name, month))),
  );
}

/** The months of which the sums of a cloud are not current; null where no sums are kept. */
async function outdatedMonths(warehouse: Warehouse, view: string): Promise<readonly string[] | null> {
  const found: string[] = [];
  const statement = `SELECT billing_month FROM ${view} WHERE NOT is_current`;
  try {
    for await (const row of requireCapability(warehouse, "query")(statement)) found.push(textOf(row["billing_month"]));
  } catch (error) {
    const isAbsent = error instanceof BillhouseError && error.code === "QUERY_INVALID";
    if (isAbsent && error.message.includes(rollupMonthsView)) return null;
    throw error;
  }
  return found;
}

/** A decimal in one spelling, or a text; empty for NULL. */
function textOf(value: QueryRow[string]): string {
  if (typeof value !== "string") return "";
  return /^-?\d+\.\d+$/.test(value) ? formatDecimal(readDecimal(value)) : value;
}
