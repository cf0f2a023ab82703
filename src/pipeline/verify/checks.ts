import type { BillingMonth, CurrencySums } from "../../model.ts";
import type { Check } from "../events.ts";

/** What one check found, before it is said of which pipeline it is. */
export type MonthCheck = Omit<Check, "pipeline">;

/** One check for each currency of two sums; none where the receipt does not tell. */
export function* sameSums(
  name: string,
  month: BillingMonth,
  expected: CurrencySums | null,
  actual: CurrencySums = {},
): Generator<MonthCheck> {
  if (expected === null) return;
  for (const currency of [...new Set([...Object.keys(expected), ...Object.keys(actual)])].toSorted()) {
    const tell = (sums: CurrencySums): string => `${sums[currency] ?? "0"} ${currency}`.trim();
    yield same(name, month, tell(expected), tell(actual));
  }
}

/** A check of two texts that must be equal. */
export function same(name: string, month: BillingMonth | null, expected: string, actual: string): MonthCheck {
  return { name, billing_month: month, ok: expected === actual, expected, actual };
}

/** A check that is not well. */
export function difference(name: string, month: BillingMonth | null, expected: string, actual: string): MonthCheck {
  return { name, billing_month: month, ok: false, expected, actual };
}
