import { BillhouseError, quoted } from "../errors.ts";
import type { OtherMonthRows } from "../model.ts";
import { formatAmount } from "./decimals.ts";

/** The error PERIOD_MISSING for a file without billing periods in a delivery that spans months. */
export function missingPeriodColumn(key: string): BillhouseError {
  return new BillhouseError("PERIOD_MISSING", `${key} is missing a billing period, and its delivery spans months.`, {
    hint: oneMonthAtATime,
  });
}

const oneMonthAtATime =
  "The month keeps its previous rows. Configure the export to deliver one month at a time: a row without a billing period then gets the month of its delivery.";

/** Rows of another month as text: `1 row of 2025-04 (8.00 EUR)`. */
export function describeOtherMonth({ month, rows, cost }: OtherMonthRows): string {
  const costs = Object.entries(cost).map(([currency, amount]) => `${formatAmount(amount)} ${currency}`.trim());
  const sum = costs.length === 0 ? "" : ` (${costs.join(", ")})`;
  return `${rows} ${rows === 1 ? "row" : "rows"} of ${month}${sum}`;
}

/** The number of invalid rows (one by default) and the database error that reported them. */
export interface Fault {
  readonly rows?: number;
  readonly cause?: unknown;
}

/** The error PERIOD_MISSING for rows without a billing period. `place` names file, line or row, and column. */
export function missingPeriod(place: string, { rows = 1, cause }: Fault = {}): BillhouseError {
  const what = rows === 1 ? "the row does not have a billing period" : `${rows} rows do not have a billing period`;
  return new BillhouseError("PERIOD_MISSING", `${place}: ${what}.`, {
    hint: oneMonthAtATime,
    cause,
  });
}

/** The error VALUE_INVALID for a value that its column cannot store: `expected` is `a date` or the name of a type. */
export function invalidValue(
  place: string,
  value: string,
  expected: string,
  { rows = 1, cause }: Fault = {},
): BillhouseError {
  const count = rows === 1 ? "" : `, as are the values of ${rows - 1} more rows`;
  return new BillhouseError("VALUE_INVALID", `${place}: ${quoted(value)} is not ${expected}${count}.`, {
    hint: isWord.test(value)
      ? `No month of this delivery was loaded. If ${quoted(value)} stands for an empty cell, add it to null_values in the section of this export: null_values = [${quoted(value)}].`
      : "No month of this delivery was loaded. Compare the file with its source; if the value is valid, the column of the table has the wrong type.",
    cause,
  });
}

/** The word in `null_values` for floats that are not a number, as pandas writes missing ones into Parquet files. */
export const notANumber = "NaN";

/** Words that may stand for an empty cell: `None`, `n/a`, `-`; never a number, nor an infinite one. */
const isWord = /^(?![+-]?inf(?:inity)?$)[^\d'"\\\p{Cc}]{1,20}$/iu;
