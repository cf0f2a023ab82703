import { quoted } from "../errors.ts";
import type { CostLine } from "../model.ts";
import { compareDecimals, type DecimalSum, formatDecimal, parseDecimal, powerOfTen } from "./decimals.ts";

/** The exact sum of decimals, as `formatDecimal` writes it. All must be decimals. */
export function addDecimals(texts: readonly string[]): string {
  const sum = createSum();
  for (const text of texts) {
    if (!sum.add(text)) throw new TypeError(`Not a decimal: ${quoted(text)}`);
  }
  return sum.total();
}

/**
 * A running sum that starts at zero: one integer for each number of digits after the point, so that no number is rounded
 * or multiplied before the end.
 */
export function createSum(): DecimalSum {
  const byScale = new Map<number, bigint>();
  const addTo = (scale: number, coefficient: bigint): void =>
    void byScale.set(scale, (byScale.get(scale) ?? 0n) + coefficient);
  return {
    add(text) {
      // Nearly all amounts of bills are plain; `parseDecimal` reads them too, but takes three times as long.
      const point = text.indexOf(".");
      const digits = point < 0 ? text : text.slice(0, point) + text.slice(point + 1);
      if (text.length <= longestPlain && /^[+-]?\d+$/.test(digits)) {
        addTo(point < 0 ? 0 : text.length - point - 1, BigInt(digits));
        return true;
      }
      const decimal = parseDecimal(text);
      if (decimal === undefined) return false;
      addTo(decimal.scale, decimal.coefficient);
      return true;
    },

    total() {
      const scale = Math.max(0, ...byScale.keys());
      let coefficient = 0n;
      for (const [own, sum] of byScale) coefficient += sum * powerOfTen(scale - own);
      return formatDecimal({ coefficient, scale });
    },
  };
}

const longestPlain = 40;

/** The lines of a summary in the order in which receipts keep them: the largest amount first, whatever its sign. */
export function orderCostLines(lines: readonly CostLine[]): readonly CostLine[] {
  const name = ({ service, account, charge_type, currency }: CostLine): string =>
    JSON.stringify([service, account, charge_type, currency]);
  const size = ({ cost }: CostLine): string => cost.replace("-", "");
  return lines.toSorted((one, other) => compareDecimals(size(other), size(one)) || (name(one) < name(other) ? -1 : 1));
}
