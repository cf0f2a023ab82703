import { BillhouseError } from "../errors.ts";
import type { BillingMonth, CurrencySums, Evidence } from "../model.ts";
import { compareDecimals, fractionDigits, type DecimalSum } from "../schema/decimals.ts";
import { invalidValue, missingPeriod, outsideMonth } from "../schema/invalid-rows.ts";
import { createSum } from "../schema/sums.ts";
import { monthOf } from "../schema/timestamps.ts";

/** Which columns of a file prove its load, by their positions in the header. */
export interface ProofColumns {
  /** The column that carries the billing month, or null when the rows carry none and the month is stamped. */
  readonly partition: number | null;
  readonly currency: number | null;
  /** The cost columns to sum, at most two; null for one that this file lacks. */
  readonly costs: readonly (number | null)[];
}

/**
 * What a cost column of the table keeps of a number: so many digits after the point, or, in a table that was taken over,
 * what a float keeps.
 */
export type Precision = number | "float";

/** Counts and sums the rows of one file. */
export interface Tally {
  /** Positions of the cells that `row` wants, in its order. */
  readonly wanted: readonly number[];
  /** Takes the header as it is read now. Error: OBJECT_CHANGED when it is another one than the columns were found in. */
  readonly header: (names: readonly string[]) => void;
  /** Takes one row; a null or empty cell has no value. `where` names the row in errors: `line 12`. */
  readonly row: (cells: readonly (string | null)[], where: number) => void;
  evidence(): Evidence;
}

/** What a tally has to know of the file and its load. */
export interface TallyOptions {
  /** The file's key, for errors. */
  readonly key: string;
  readonly billingMonth: BillingMonth;
  /** Whether rows of other months are left out (true) or an error (false). */
  readonly spansMonths: boolean;
  /** The header. */
  readonly header: readonly string[];
  readonly proof: ProofColumns;
  /** What the table keeps of each cost column. */
  readonly precisions: readonly Precision[];
  /** Digits after the point that the warehouse's decimals hold. */
  readonly decimalScale: number;
  /** What `where` counts: lines of text, or rows of a Parquet file. */
  readonly unit: "line" | "row";
}

/**
 * Starts a tally of one file.
 * Errors of `row`: PERIOD_MISSING, MONTH_MISMATCH, VALUE_INVALID, each naming file, line, column and value.
 */
export function createTally(options: TallyOptions): Tally {
  const { key, billingMonth, spansMonths, header, proof, precisions, decimalScale, unit } = options;
  const { partition, currency, costs } = proof;
  const positions = [partition, currency, ...costs];
  const wanted = positions.filter((position) => position !== null);
  // Where a wanted cell stands in the row that the reader hands over; -1 for one that the file lacks.
  const [, currencySlot = -1, ...costSlots] = positions.map((position) =>
    position === null ? -1 : wanted.indexOf(position),
  );
  const sums = costs.map(() => new Map<string, DecimalSum>());
  const floats = costs.map(() => new Map<string, DecimalSum>());
  const rounded = costs.map(() => 0);
  const currencies = new Set<string>();
  // Periods repeat from row to row: each text is parsed once.
  const months = new Map<string, boolean>();
  let rows = 0;
  let monthRows = 0;

  const at = (where: number, position: number): string => `${key}, ${unit} ${where}, column ${header[position]}`;

  const isOfMonth = (text: string | null | undefined, where: number, position: number): boolean => {
    const known = months.get(text ?? "");
    if (known !== undefined) return known;
    if (text === null || text === undefined || text === "") {
      throw missingPeriod(at(where, position));
    }
    const month = monthOf(text);
    if (month === undefined) throw invalidValue(at(where, position), text, "a date");
    if (month !== billingMonth && !spansMonths) {
      throw outsideMonth(at(where, position), text, billingMonth);
    }
    if (months.size >= mostPeriods) months.clear();
    months.set(text, month === billingMonth);
    return month === billingMonth;
  };

  return {
    wanted,
    header(names) {
      if (names.length === header.length && names.every((name, index) => name === header[index])) return;
      throw new BillhouseError("OBJECT_CHANGED", `${key} has another header than when its columns were looked at.`, {
        hint: "The cloud delivers right now. The month is as it was; run again when the delivery is complete.",
      });
    },
    row(cells, where) {
      rows += 1;
      if (partition !== null && !isOfMonth(cells[0], where, partition)) return;
      monthRows += 1;
      const code = cells[currencySlot] ?? "";
      if (!currencies.has(code)) {
        if (code.length > longestCurrency || currencies.size >= mostCurrencies) {
          throw invalidValue(at(where, currency ?? 0), code, `one of at most ${mostCurrencies} currencies`);
        }
        currencies.add(code);
      }
      for (let index = 0; index < costSlots.length; index += 1) {
        const text = withoutBlanks(cells[costSlots[index] ?? -1] ?? "");
        if (text === "") continue;
        if (!sumOf(sums[index], code).add(text))
          throw invalidValue(at(where, costs[index] ?? 0), text, "a decimal number");
        const precision = precisions[index] ?? decimalScale;
        const kept = precision === "float" ? String(Number(text)) : text;
        if (precision === "float") sumOf(floats[index], code).add(kept);
        if (isRounded(text, kept, precision === "float" ? decimalScale : precision)) {
          rounded[index] = (rounded[index] ?? 0) + 1;
        }
      }
    },
    evidence: () => ({
      rows,
      monthRows,
      rounded,
      sums: sums.map(totals),
      kept: sums.map((byCurrency, index) =>
        totals(precisions[index] === "float" ? (floats[index] ?? byCurrency) : byCurrency),
      ),
    }),
  };
}

// Memory must not grow with the rows, whatever stands in them. A bill has a handful of either.
const mostPeriods = 10_000;
const mostCurrencies = 1000;
const longestCurrency = 100;

function sumOf(sums: Map<string, DecimalSum> | undefined, currency: string): DecimalSum {
  const known = sums?.get(currency);
  if (known !== undefined) return known;
  const sum = createSum();
  sums?.set(currency, sum);
  return sum;
}

function totals(sums: ReadonlyMap<string, DecimalSum>): CurrencySums {
  return Object.fromEntries([...sums].map(([currency, sum]) => [currency, sum.total()]));
}

/** A number without the blanks and tabs around it, which databases skip, too. Text of nothing else stays as it is. */
function withoutBlanks(text: string): string {
  const isTrimmed = text.charCodeAt(0) > space && text.charCodeAt(text.length - 1) > space;
  return isTrimmed ? text : text.replace(/^[ \t]+(?=[^ \t])/, "").replace(/(?<=[^ \t])[ \t]+$/, "");
}

const space = 32;

/** Whether a number lost digits on its way into a column with so many after the point. */
function isRounded(text: string, kept: string, digits: number): boolean {
  if (kept !== text && compareDecimals(kept, text) !== 0) return true;
  // Only long text or an exponent can have more digits.
  return (kept.length > digits || /e/i.test(kept)) && (fractionDigits(kept) ?? 0) > digits;
}
