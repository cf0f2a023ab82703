import { BillhouseError } from "../errors.ts";
import type { BillingMonth, CurrencySums, Evidence } from "../model.ts";
import { compareDecimals, fractionDigits, type DecimalSum } from "../schema/decimals.ts";
import { invalidValue, missingPeriod } from "../schema/invalid-rows.ts";
import { createSum } from "../schema/sums.ts";
import { monthOf } from "../schema/timestamps.ts";

/** Which columns of a file prove its load, by their positions in the header. */
export interface ProofColumns {
  /** The column that carries the billing period, or null if the rows do not have one. */
  readonly period: number | null;
  readonly currency: number | null;
  /** The columns to sum, first those of the costs; null for one that this file lacks. */
  readonly costs: readonly (number | null)[];
}

/**
 * The precision of a cost column in the table: the digits after the point, or `float` in a table that was taken over.
 */
export type Precision = number | "float";

/** Counts and sums the rows of one file. */
export interface Tally {
  /** Positions of the cells that `row` wants, in its order. */
  readonly wanted: readonly number[];
  /**
   * Takes the header as it is read now. Error: OBJECT_CHANGED when it differs from the header in which the columns were
   * found.
   */
  readonly header: (names: readonly string[]) => void;
  /** Takes one row; a null or empty cell counts as missing. `where` names the row in errors: `line 12`. */
  readonly row: (cells: readonly (string | null)[], where: number) => void;
  evidence(): Evidence;
}

/** The file and its load, as a tally needs them. */
export interface TallyOptions {
  /** The file's key, for errors. */
  readonly key: string;
  readonly billingMonth: BillingMonth;
  /** Whether every row must name its billing period; otherwise a row without one belongs to the month. */
  readonly needsPeriod: boolean;
  /** Words that mean NULL in the periods and costs. */
  readonly nullValues: readonly string[];
  /** The header. */
  readonly header: readonly string[];
  readonly proof: ProofColumns;
  /** The precision of each of these columns in the table. */
  readonly precisions: readonly Precision[];
  /** Digits after the point in the warehouse's decimals. */
  readonly decimalScale: number;
  /** What `where` counts: lines of text, or rows of a Parquet file. */
  readonly unit: "line" | "row";
}

/**
 * Starts a tally of one file. Rows of other months are counted separately, by month.
 * Errors of `row`: PERIOD_MISSING, VALUE_INVALID, each naming file, line, column and value.
 */
export function createTally(options: TallyOptions): Tally {
  const { key, billingMonth, needsPeriod, nullValues, header, proof, precisions, decimalScale, unit } = options;
  const { period, currency, costs } = proof;
  const positions = [period, currency, ...costs];
  const wanted = positions.filter((position) => position !== null);
  // The position of each wanted cell in the reader's row; -1 for one that the file lacks.
  const [, currencySlot = -1, ...costSlots] = positions.map((position) =>
    position === null ? -1 : wanted.indexOf(position),
  );
  const sums = costs.map(() => new Map<string, DecimalSum>());
  const floats = costs.map(() => new Map<string, DecimalSum>());
  const rounded = costs.map(() => 0);
  const currencies = new Set<string>();
  // Periods repeat from row to row: each text is parsed once.
  const months = new Map<string, BillingMonth>();
  const others = new Map<BillingMonth, OtherMonth>();
  let rows = 0;
  let monthRows = 0;
  let rowsWithoutPeriod = 0;

  const at = (where: number, position: number): string => `${key}, ${unit} ${where}, column ${header[position]}`;

  /** The cell; empty if it is NULL or one of the words that mean NULL. */
  const valueOf = (cell: string | null | undefined): string =>
    cell === null || cell === undefined || nullValues.includes(cell) ? "" : cell;

  /** The month of a row; for a row without a period, the month of the delivery. */
  const monthOfRow = (text: string, where: number, position: number): BillingMonth => {
    const known = months.get(text);
    if (known !== undefined) return known;
    if (text === "") {
      if (needsPeriod) throw missingPeriod(at(where, position));
      rowsWithoutPeriod += 1;
      return billingMonth;
    }
    const month = monthOf(text);
    if (month === undefined) throw invalidValue(at(where, position), text, "a date");
    if (month !== billingMonth && !others.has(month) && others.size >= mostMonths) {
      throw invalidValue(at(where, position), text, `in one of at most ${mostMonths} months`);
    }
    if (months.size >= mostPeriods) months.clear();
    months.set(text, month);
    return month;
  };

  /** Sums the costs that can be parsed: a row that is not loaded may contain anything. */
  const addToOther = (month: BillingMonth, code: string, cost: string): void => {
    const other = others.get(month) ?? { rows: 0, sums: new Map<string, DecimalSum>() };
    others.set(month, other);
    other.rows += 1;
    if (cost !== "") sumOf(other.sums, code).add(cost);
  };

  return {
    wanted,
    header(names) {
      if (names.length === header.length && names.every((name, index) => name === header[index])) return;
      throw new BillhouseError("OBJECT_CHANGED", `The header of ${key} changed after its columns were read.`, {
        hint: "A delivery is probably arriving. The month keeps its previous rows; run again once the delivery is complete.",
      });
    },
    row(cells, where) {
      rows += 1;
      const month = period === null ? billingMonth : monthOfRow(valueOf(cells[0]), where, period);
      const code = cells[currencySlot] ?? "";
      if (!currencies.has(code)) {
        if (code.length > longestCurrency || currencies.size >= mostCurrencies) {
          throw invalidValue(at(where, currency ?? 0), code, `one of at most ${mostCurrencies} currencies`);
        }
        currencies.add(code);
      }
      if (month !== billingMonth) {
        addToOther(month, code, valueOf(cells[costSlots[0] ?? -1]));
        return;
      }
      monthRows += 1;
      for (let index = 0; index < costSlots.length; index += 1) {
        const text = withoutBlanks(valueOf(cells[costSlots[index] ?? -1]));
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
      rowsWithoutPeriod: period === null ? rows : rowsWithoutPeriod,
      otherMonths: [...others]
        .map(([month, other]) => ({ month, rows: other.rows, cost: totals(other.sums) }))
        .toSorted((first, second) => (first.month < second.month ? -1 : 1)),
      rounded,
      sums: sums.map(totals),
      kept: sums.map((byCurrency, index) =>
        totals(precisions[index] === "float" ? (floats[index] ?? byCurrency) : byCurrency),
      ),
    }),
  };
}

/** The rows of another month in a file. */
interface OtherMonth {
  rows: number;
  readonly sums: Map<string, DecimalSum>;
}

// Memory must not grow with the rows, whatever they contain. A bill has a handful of either.
const mostPeriods = 10_000;
const mostMonths = 1000;
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

/** A number without the blanks and tabs around it, which databases skip too. Text of only blanks is returned unchanged. */
function withoutBlanks(text: string): string {
  const isTrimmed = text.charCodeAt(0) > space && text.charCodeAt(text.length - 1) > space;
  return isTrimmed ? text : text.replace(/^[ \t]+(?=[^ \t])/, "").replace(/(?<=[^ \t])[ \t]+$/, "");
}

const space = 32;

/** Whether a number loses digits in a column with so many digits after the point. */
function isRounded(text: string, kept: string, digits: number): boolean {
  if (kept !== text && compareDecimals(kept, text) !== 0) return true;
  const point = kept.indexOf(".");
  // Only a long fraction or an exponent can have more digits.
  const isLong = point >= 0 && kept.length - point - 1 > digits;
  return (isLong || /e/i.test(kept)) && (fractionDigits(kept) ?? 0) > digits;
}
