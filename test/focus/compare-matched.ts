import { compareDecimals, parseDecimal, subtractDecimals } from "../../src/schema/decimals.ts";
import { isSameMoment, sumOf, type FocusRow } from "./compare.ts";

/** A value that a case expects: text, NULL, or one of the forms that `README.md` of the Azure cases describes. */
type Wanted =
  | string
  | null
  | { readonly any_of: readonly Wanted[] }
  | { readonly not_null: true }
  | { readonly ci: string }
  | { readonly near: string; readonly tol: string }
  | { readonly json: unknown }
  | { readonly json_contains: Readonly<Record<string, unknown>> };

interface ExpectedRow {
  readonly _row: string;
  readonly _match: readonly string[];
  readonly _flagged?: boolean;
  readonly _flag_unless_null?: string;
  readonly _product?: readonly [string, string, string];
  readonly [column: string]: unknown;
}

/** What a case whose rows are found by some of their columns expects (`expected.json`). */
export interface ExpectedMatches {
  readonly focus_rows: readonly ExpectedRow[];
  readonly row_count: Readonly<Record<string, number>>;
  readonly sums: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, string | null>>>>>>;
}

const times = new Set(["BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd"]);

/** The differences between rows and what a case expects of them, as sentences: the rules of `compare.py` of Azure. */
export function differencesOfMatches(
  expected: ExpectedMatches,
  rows: readonly FocusRow[],
  version: "v1_2" | "v1_4",
): readonly string[] {
  const found: string[] = [];
  for (const wanted of expected.focus_rows) {
    const name = wanted._row;
    const keys = ["BillingPeriodStart", "BillingCurrency", ...wanted._match];
    const matching = rows.filter((row) => keys.every((key) => isSame(key, wanted[key] as Wanted, row[key])));
    const [row, ...others] = matching;
    if (row === undefined || others.length > 0) {
      found.push(`${name}: ${matching.length} rows match ${keys.join(", ")}`);
      continue;
    }
    const plain = Object.entries(wanted).filter(([column]) => !column.startsWith("_"));
    for (const [column, value] of new Map([...plain, ...Object.entries(wanted[`_${version}`] ?? {})])) {
      if (!isSame(column, value as Wanted, row[column]))
        found.push(`${name} ${column}: want ${JSON.stringify(value)}, got ${JSON.stringify(row[column])}`);
    }
    const isFlagged = typeof row["x_QualityFlags"] === "string" && row["x_QualityFlags"] !== "";
    if (wanted._flagged === true && !isFlagged) found.push(`${name}: no quality flag`);
    const guarded = wanted._flag_unless_null;
    if (guarded !== undefined && row[guarded] !== null && !isFlagged)
      found.push(`${name}: ${guarded} has a value and no quality flag`);
    if (wanted._product !== undefined && !isProduct(wanted._product.map((column) => row[column])))
      found.push(`${name}: ${wanted._product.join(" x ")} do not fit`);
  }
  for (const [month, count] of Object.entries(expected.row_count)) {
    const mine = rows.filter((row) => String(row["BillingPeriodStart"]).startsWith(month));
    if (mine.length !== count) found.push(`${month}: want ${count} rows, got ${mine.length}`);
    for (const [currency, sums] of Object.entries(expected.sums[month] ?? {})) {
      for (const [column, wanted] of Object.entries(sums)) {
        if (wanted === null) continue;
        const priced = mine.filter((row) => row["BillingCurrency"] === currency && row[column] !== null);
        const sum = sumOf(priced, column);
        if (sum === null || compareDecimals(sum, wanted) !== 0)
          found.push(`${month} ${currency} ${column}: want ${wanted}, got ${sum}`);
      }
    }
  }
  return found;
}

function isSame(column: string, wanted: Wanted, actual: unknown): boolean {
  if (wanted === null) return actual === null;
  if (typeof wanted === "object") {
    if ("any_of" in wanted) return wanted.any_of.some((each) => isSame(column, each, actual));
    if ("not_null" in wanted) return actual !== null && actual !== undefined && actual !== "";
    if (typeof actual !== "string") return false;
    if ("ci" in wanted) return actual.toLowerCase() === wanted.ci.toLowerCase();
    if ("near" in wanted) return isNear(actual, wanted);
    const object = JSON.parse(actual) as Readonly<Record<string, unknown>>;
    if ("json" in wanted) return isEqualJson(object, wanted.json);
    return Object.entries(wanted.json_contains).every(([key, value]) => isEqualJson(object[key], value));
  }
  if (typeof actual !== "string") return false;
  if (times.has(column)) return isSameMoment(actual, wanted);
  if (/(?:Cost|Price|Quantity)$/u.test(column))
    return parseDecimal(actual) !== undefined && compareDecimals(actual, wanted) === 0;
  return actual === wanted;
}

function isNear(actual: string, { near, tol }: { readonly near: string; readonly tol: string }): boolean {
  if (parseDecimal(actual) === undefined) return false;
  return compareDecimals(subtractDecimals(actual, near).replace("-", ""), tol) <= 0;
}

function isEqualJson(actual: unknown, wanted: unknown): boolean {
  const sorted = (value: unknown): string =>
    JSON.stringify(value, (_, part: unknown) =>
      typeof part === "object" && part !== null && !Array.isArray(part)
        ? Object.fromEntries(Object.entries(part).toSorted(([first], [second]) => (first < second ? -1 : 1)))
        : part,
    );
  return sorted(actual) === sorted(wanted);
}

function isProduct(values: readonly unknown[]): boolean {
  const [price, quantity, cost] = values.map((value) => (typeof value === "string" ? parseDecimal(value) : undefined));
  if (price === undefined || quantity === undefined || cost === undefined) return false;
  const scale = price.scale + quantity.scale;
  return (
    price.coefficient * quantity.coefficient * 10n ** BigInt(cost.scale) === cost.coefficient * 10n ** BigInt(scale)
  );
}
