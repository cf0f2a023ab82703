import { BillhouseError, quoted } from "../errors.ts";
import type { BillingMonth } from "../model.ts";

/** The error PERIOD_MISSING for a file that is missing the column that partitions the table by billing month. */
export function missingPeriodColumn(key: string, partitionColumn: string): BillhouseError {
  return new BillhouseError(
    "PERIOD_MISSING",
    `${key} is missing a column for ${partitionColumn}, which holds the billing month.`,
    {
      hint: 'The month keeps its previous rows. Check the header of the file, or set partition_column = "billing_month" in the section of this export to use the month of the delivery.',
    },
  );
}

/** How many rows are at fault, one where it is not set, and the error of the database that found them. */
export interface Fault {
  readonly rows?: number;
  readonly cause?: unknown;
}

/** The error PERIOD_MISSING for rows without a billing period. `place` names file, line or row, and column. */
export function missingPeriod(place: string, { rows = 1, cause }: Fault = {}): BillhouseError {
  const what = rows === 1 ? "the row does not have a billing period" : `${rows} rows do not have a billing period`;
  return new BillhouseError("PERIOD_MISSING", `${place}: ${what}.`, {
    hint: 'Request the export again, or set partition_column = "billing_month" in its section to use the month of the delivery.',
    cause,
  });
}

/** The error MONTH_MISMATCH for rows of another month in the delivery of one month. `place` as above. */
export function outsideMonth(
  place: string,
  period: string,
  month: BillingMonth,
  { rows = 1, cause }: Fault = {},
): BillhouseError {
  const count = rows === 1 ? "" : `, in ${rows} rows`;
  return new BillhouseError(
    "MONTH_MISMATCH",
    `${place}: ${quoted(period)} is not in the billing month ${month}${count}.`,
    {
      hint: 'Nothing was loaded. Find out who changed the export; if it mixes months by intention, set partition_column = "billing_month".',
      cause,
    },
  );
}

/** The error VALUE_INVALID for a value that is not what its column holds: `expected` is `a date` or the name of a type. */
export function invalidValue(
  place: string,
  value: string,
  expected: string,
  { rows = 1, cause }: Fault = {},
): BillhouseError {
  const count = rows === 1 ? "" : `, as are the values of ${rows - 1} more rows`;
  return new BillhouseError("VALUE_INVALID", `${place}: ${quoted(value)} is not ${expected}${count}.`, {
    hint: "Nothing of this delivery was loaded. Compare the file with its source; if the value is right, the column of the table has the wrong type.",
    cause,
  });
}
