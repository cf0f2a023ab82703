import { BillhouseError } from "../../errors.ts";
import type { CurrencySums, DataFile, Evidence, Execution } from "../../model.ts";
import { compareDecimals, subtractDecimals, type DecimalSum } from "../../schema/decimals.ts";
import { createSum } from "../../schema/sums.ts";
import type { TableMeasures } from "../../warehouses/warehouse.ts";

/** A check that can be waived for one run, and is then kept in the receipt. */
export const waivableChecks = ["row-count", "scope"] as const;

/** The name of a waivable check. */
export type WaivableCheck = (typeof waivableChecks)[number];

/**
 * Holds the rows counted in one file (null: counted only together with others) against what the manifest declares for it.
 * Error: ROW_COUNT_MISMATCH, unless `row-count` is waived.
 */
export function verifyFile(file: DataFile, rows: number | null, waived: readonly string[]): void {
  if (file.rows === null || rows === null || file.rows === rows || waived.includes("row-count")) return;
  throw mismatch(`${file.key} holds ${rows} rows, its manifest declares ${file.rows}`);
}

/**
 * The proof of a month: rows declared = rows counted in the files = rows inserted = rows in the table, and the exact sum
 * of the delivered text = the sum of the table, up to half a last digit for each value that had to be rounded.
 * Errors: ROW_COUNT_MISMATCH, SUM_MISMATCH; both name both figures.
 */
export function verifyMonth(
  execution: Execution,
  evidence: Evidence,
  measures: TableMeasures,
  /** Digits after the point that the table keeps of each cost column. */
  digits: readonly number[],
  waived: readonly string[],
): void {
  const { id, rows, billingMonth } = execution;
  if (rows !== null && rows !== evidence.rows && !waived.includes("row-count")) {
    throw mismatch(`The files of ${id} hold ${evidence.rows} rows, its manifest declares ${rows}`);
  }
  // These two are about our own load, and are never waived.
  if (measures.inserted !== evidence.monthRows) {
    throw mismatch(
      `${evidence.monthRows} rows of ${billingMonth} were counted in the files, ${measures.inserted} were inserted`,
    );
  }
  if (measures.rows !== evidence.monthRows) {
    throw mismatch(`${evidence.monthRows} rows of ${billingMonth} were inserted, the table holds ${measures.rows}`);
  }
  for (const [index, kept] of evidence.kept.entries()) {
    verifySums(billingMonth, kept, measures.sums[index] ?? {}, evidence.rounded[index] ?? 0, digits[index] ?? 0);
  }
}

/** The evidence of all files of a month together. */
export function combineEvidence(parts: readonly Evidence[]): Evidence {
  const columns = parts[0]?.sums.map((_, index) => index) ?? [];
  return {
    rows: parts.reduce((total, { rows }) => total + rows, 0),
    monthRows: parts.reduce((total, { monthRows }) => total + monthRows, 0),
    rounded: columns.map((index) => parts.reduce((total, { rounded }) => total + (rounded[index] ?? 0), 0)),
    sums: columns.map((index) => addUp(parts.map(({ sums }) => sums[index] ?? {}))),
    kept: columns.map((index) => addUp(parts.map(({ kept }) => kept[index] ?? {}))),
  };
}

function addUp(parts: readonly CurrencySums[]): CurrencySums {
  const sums = new Map<string, DecimalSum>();
  for (const [currency, amount] of parts.flatMap((part) => Object.entries(part))) {
    const sum = sums.get(currency) ?? createSum();
    sum.add(amount);
    sums.set(currency, sum);
  }
  return Object.fromEntries([...sums].map(([currency, sum]) => [currency, sum.total()]));
}

function verifySums(
  billingMonth: string,
  delivered: CurrencySums,
  held: CurrencySums,
  rounded: number,
  digits: number,
): void {
  // Half a unit of the last digit for each rounded value, as exact decimal text: 5e-19 times their number in DuckDB.
  const tolerance = `${BigInt(rounded) * 5n}e-${digits + 1}`;
  for (const currency of new Set([...Object.keys(delivered), ...Object.keys(held)])) {
    const inTable = ownSum(held, currency);
    const inFiles = ownSum(delivered, currency);
    const difference = subtractDecimals(inTable, inFiles).replace("-", "");
    if (compareDecimals(difference, tolerance) <= 0) continue;
    throw new BillhouseError(
      "SUM_MISMATCH",
      `The cost of ${billingMonth} in ${currency || "no currency"} is ${inFiles} in the files and ${inTable} in the table.`,
      { hint: "Nothing was changed. This is a fault of billhouse or of the database: report it with both figures." },
    );
  }
}

/** The sum of a currency; a bill may call one `constructor`. */
function ownSum(sums: CurrencySums, currency: string): string {
  return Object.hasOwn(sums, currency) ? (sums[currency] ?? "0") : "0";
}

function mismatch(what: string): BillhouseError {
  return new BillhouseError("ROW_COUNT_MISMATCH", `${what}.`, {
    hint: "The old rows of the month stay. Copy the delivery again, or run with --accept row-count if you know why they differ.",
  });
}
