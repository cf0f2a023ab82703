import type { BillingMonth, CurrencySums } from "../../model.ts";

/** One comparison. */
export interface Check {
  /** What was compared: `rows`, `cost`, `files`. */
  readonly name: string;
  /** The name of the pipeline's section. */
  readonly pipeline: string;
  /** Null for checks of the whole table. */
  readonly billingMonth: BillingMonth | null;
  readonly ok: boolean;
  /** The expected value; decimals with their currency, as text. */
  readonly expected: string;
  /** The actual value. */
  readonly actual: string;
  /** A note to a check that passed, as a sentence. */
  readonly note?: string;
  /** Whether the newest delivery of the month is waiting, so that a run does not load it yet. */
  readonly waits?: boolean;
  /** Whether the sum is that of two exports together, actual and amortized cost, which may be of different times. */
  readonly isOfSeveral?: boolean;
}

/** One check, before the name of its pipeline is added. */
export type MonthCheck = Omit<Check, "pipeline">;

/** One check for each currency of two sums; none if the receipt lacks them. */
export function* sameSums(
  name: string,
  month: BillingMonth,
  expected: CurrencySums | null,
  actual: CurrencySums = {},
): Generator<MonthCheck> {
  if (expected === null) return;
  for (const currency of [...new Set([...Object.keys(expected), ...Object.keys(actual)])].toSorted()) {
    const show = (sums: CurrencySums): string => `${sums[currency] ?? "0"} ${currency}`.trim();
    yield same(name, month, show(expected), show(actual));
  }
}

/** A check of two texts that must be equal. */
export function same(name: string, month: BillingMonth | null, expected: string, actual: string): MonthCheck {
  return { name, billingMonth: month, ok: expected === actual, expected, actual };
}

/** A check that failed. */
export function difference(name: string, month: BillingMonth | null, expected: string, actual: string): MonthCheck {
  return { name, billingMonth: month, ok: false, expected, actual };
}
