import type { Config } from "../../config/config.ts";
import { billedColumns, billedSums } from "../../focus/sums.ts";
import { mappingOf } from "../../focus/mappings/index.ts";
import type { BillingMonth, CurrencySums } from "../../model.ts";
import { formatDecimal, readDecimal } from "../../schema/decimals.ts";
import { fold } from "../../schema/names.ts";
import { requireCapability, type Warehouse } from "../../warehouses/warehouse.ts";
import type { LoadedTable } from "../months/loaded.ts";
import { chargeTable, dialects } from "../views/source.ts";
import { type MonthCheck, sameSums } from "./checks.ts";

/**
 * Compares the sum of BilledCost in the FOCUS view with what was billed: with the receipt where the receipt has the sum of the
 * only column that the mapping adds up, else with the sum in the table. Errors: those of the warehouse.
 */
export async function sumsOfView(
  { pipeline, table, ledger, months }: LoadedTable,
  config: Config,
  warehouse: Warehouse,
  wanted: readonly BillingMonth[],
): Promise<readonly MonthCheck[]> {
  const { columns, registry } = ledger;
  if (columns === null || wanted.length === 0) return [];
  const shape = { table, columns, registry, tracking: [], stateIn: table.dataset };
  const charges = chargeTable(shape, pipeline);
  const mapping = mappingOf(charges);
  const statement = mapping === undefined ? null : billedSums(charges, mapping, dialects[config.warehouse.kind]);
  if (mapping === undefined || statement === null) return [];
  const added = billedColumns(charges, mapping).map(fold);
  const sums = { view: new Map<string, Record<string, string>>(), table: new Map<string, Record<string, string>>() };
  for await (const row of requireCapability(warehouse, "query")(statement)) {
    const { side, month, currency, amount } = row as Readonly<Record<string, string | null>>;
    const ofSide = side === "view" ? sums.view : sums.table;
    const ofMonth = ofSide.get(month ?? "") ?? {};
    ofMonth[currency ?? ""] = formatDecimal(readDecimal(amount ?? "0"));
    ofSide.set(month ?? "", ofMonth);
  }
  return wanted.flatMap((month) => {
    const receipt = months.get(month)?.receipt ?? null;
    const isReceipts = added.length === 1 && fold(receipt?.measured?.costColumns[0] ?? "") === added[0];
    const expected: CurrencySums | null = (isReceipts ? receipt?.tableCost : null) ?? sums.table.get(month) ?? null;
    return [...sameSums("focus-billed-cost", month, expected, sums.view.get(month))];
  });
}
