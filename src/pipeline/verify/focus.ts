import type { Config } from "../../config/config.ts";
import type { ProvedColumn } from "../../focus/mapping.ts";
import type { BillingMonth } from "../../model.ts";
import type { Warehouse } from "../../warehouses/warehouse.ts";
import type { LoadedTable } from "../months/loaded.ts";
import { sumsOfView } from "../views/sums.ts";
import { type MonthCheck, same, sameSums } from "./checks.ts";

/** The checks of the sums of the FOCUS view. */
export const focusChecks: Readonly<Record<ProvedColumn, string>> = {
  BilledCost: "focus-billed-cost",
  EffectiveCost: "focus-effective-cost",
  ContractedCost: "focus-contracted-cost",
  ListCost: "focus-list-cost",
};

/**
 * Compares the sums of the FOCUS view with what was loaded: see `sumsOfView`. A sum that is not decidable is a passed check with
 * a note, for the costs that every bill should have. Errors: those of the warehouse.
 */
export async function compareView(
  loaded: LoadedTable,
  config: Config,
  warehouse: Warehouse,
  wanted: readonly BillingMonth[],
): Promise<readonly MonthCheck[]> {
  const sums = await sumsOfView(loaded, config, warehouse, wanted);
  return sums.flatMap(({ billingMonth, column, expected, actual, why, isOfSeveral }): readonly MonthCheck[] => {
    if (expected !== null) {
      const checks = [...sameSums(focusChecks[column], billingMonth, expected, actual)];
      return isOfSeveral ? checks.map((check) => (check.ok ? check : { ...check, isOfSeveral })) : checks;
    }
    if (column !== "BilledCost" && column !== "EffectiveCost") return [];
    const note = `The sum of ${column} in the FOCUS view is not decidable: ${why}.`;
    return [{ ...same(focusChecks[column], billingMonth, "not decidable", "not decidable"), note }];
  });
}
