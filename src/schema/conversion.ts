import { BillhouseError, quoted } from "../errors.ts";
import { compareDecimals, subtractDecimals } from "./decimals.ts";

/** The content of a column: rows of its table, rows with a value, and the exact sum of the values as decimal text. */
export interface ColumnTotals {
  readonly rows: number;
  readonly values: number;
  readonly sum: string;
}

/** The content of a column before its values become decimals. */
export interface ConvertibleColumn extends ColumnTotals {
  /** Values with more digits after the point than the decimal type can store. */
  readonly rounded: number;
  /** Values that are not decimal numbers, or too large. */
  readonly misfits: number;
  /** One of them. */
  readonly example: string;
}

/** Error: VALUE_INVALID when a column contains values that cannot become the decimal type. `title` begins a sentence. */
export function refuseMisfits(title: string, type: string, { misfits, example }: ConvertibleColumn): void {
  if (misfits === 0) return;
  throw new BillhouseError(
    "VALUE_INVALID",
    `${title} holds ${misfits} ${misfits === 1 ? "value" : "values"} that ${type} cannot hold, for example ${quoted(example)}.`,
    { hint: "The table was not changed. Correct the values, or load their months again, then migrate again." },
  );
}

/**
 * Proves that a column of decimals has the content that it had as floats or text: as many rows and values, and the same
 * sum, up to half a unit of the last of `scale` digits for each value that was rounded.
 * Errors: ROW_COUNT_MISMATCH, SUM_MISMATCH.
 */
export function proveConversion(title: string, before: ConvertibleColumn, after: ColumnTotals, scale: number): void {
  const hint = "The table was not changed. This is a bug in billhouse or in the database: report it with both values.";
  if (after.rows !== before.rows || after.values !== before.values) {
    throw new BillhouseError(
      "ROW_COUNT_MISMATCH",
      `${title} had ${before.values} values in ${before.rows} rows, and would have ${after.values} in ${after.rows}.`,
      { hint },
    );
  }
  const difference = subtractDecimals(after.sum, before.sum).replace("-", "");
  if (compareDecimals(difference, `${BigInt(before.rounded) * 5n}e-${scale + 1}`) <= 0) return;
  throw new BillhouseError("SUM_MISMATCH", `${title} adds up to ${before.sum}, and would add up to ${after.sum}.`, {
    hint,
  });
}
