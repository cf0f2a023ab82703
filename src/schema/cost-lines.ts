import type { CostLine } from "../model.ts";
import { compareDecimals } from "./decimals.ts";

/** The lines of a summary in the order in which receipts keep them: the largest amount first, whatever its sign. */
export function orderCostLines(lines: readonly CostLine[]): readonly CostLine[] {
  const name = ({ service, account, charge_type, currency }: CostLine): string =>
    JSON.stringify([service, account, charge_type, currency]);
  const size = ({ cost }: CostLine): string => cost.replace("-", "");
  return lines.toSorted((one, other) => compareDecimals(size(other), size(one)) || (name(one) < name(other) ? -1 : 1));
}
