import { compareDecimals, formatDecimal, parseDecimal } from "../../src/schema/decimals.ts";

/** A row of a view: decimals and times are text. */
export type FocusRow = Readonly<Record<string, unknown>>;

/** A value that a case expects: text, NULL, or one of the forms that `README.md` of the cases describes. */
type Wanted =
  | string
  | null
  | { readonly any_of: readonly Wanted[] }
  | { readonly not_null: true }
  | {
      readonly tags: readonly { readonly key_any_of: readonly string[]; readonly value: string }[];
      readonly or_null?: boolean;
    };

interface ExpectedRow {
  readonly _row: number;
  readonly _from: string;
  readonly _part: string | null;
  readonly _optional?: boolean;
  readonly ChargeDescription: string;
  readonly [column: string]: unknown;
}

/** What a case expects (`expected.json`). */
export interface Expected {
  readonly focus_rows: readonly ExpectedRow[];
  readonly absent_or_zero: readonly { readonly _from: string; readonly ChargeDescription: string }[];
  readonly group_sums: readonly {
    readonly _from: readonly string[];
    readonly BilledCost: Wanted;
    readonly EffectiveCost: Wanted;
  }[];
  readonly sums: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, VersionedSum>>>>>>;
  readonly invoice_sums: Readonly<Record<string, string>>;
  readonly why: Readonly<Record<string, string>>;
}

type VersionedSum = string | null | { readonly v1_2: string | null; readonly v1_4: string | null };

const costs = ["BilledCost", "EffectiveCost", "ListCost", "ContractedCost"];
const numbers = new Set([
  ...costs,
  "ListUnitPrice",
  "ContractedUnitPrice",
  "ConsumedQuantity",
  "PricingQuantity",
  "CommitmentDiscountQuantity",
]);

/** The differences between rows and what a case expects of them, as sentences: the rules of `compare.py`. */
export function differences(
  expected: Expected,
  rows: readonly FocusRow[],
  version: "v1_2" | "v1_4",
  isCur2: boolean,
): readonly string[] {
  const found: string[] = [];
  const seen = new Set<FocusRow>();
  const identity = (row: FocusRow): unknown => row["x_LineItemId"] ?? row["ChargeDescription"];
  const isLine = (row: FocusRow, line: { _from: string; ChargeDescription: string }): boolean =>
    [line._from, line.ChargeDescription].includes(String(identity(row)));
  for (const line of expected.focus_rows) {
    const title = `row ${line._row} (${line.ChargeDescription}, ${line._part ?? "whole"})`;
    const candidates = rows.filter((row) => isLine(row, line) && (line._part === null || partOf(row) === line._part));
    for (const row of candidates) seen.add(row);
    const [row, ...others] = candidates;
    if (row === undefined) {
      if (line._optional !== true) found.push(`${title} is missing: ${expected.why[line._row]}`);
      continue;
    }
    if (others.length > 0) {
      found.push(`${title} is there ${candidates.length} times`);
      continue;
    }
    const plain = Object.entries(line).filter(([name]) => !name.startsWith("_") && name !== "ChargeDescription");
    const special = [`_${version}`, ...(isCur2 ? ["_cur2"] : [])].flatMap((key) => Object.entries(line[key] ?? {}));
    for (const [column, wanted] of new Map([...plain, ...special])) {
      if (!isSame(column, wanted as Wanted, row[column])) {
        found.push(
          `${title}: ${column} is ${JSON.stringify(row[column])}, must be ${JSON.stringify(wanted)}: ${expected.why[line._row]}`,
        );
      }
    }
  }
  for (const line of expected.absent_or_zero) {
    for (const row of rows.filter((each) => isLine(each, line))) {
      seen.add(row);
      if (costs.some((column) => !isZero(row[column])))
        found.push(`${line.ChargeDescription} must be absent or cost nothing`);
      if (!isZero(row["ConsumedQuantity"])) found.push(`${line.ChargeDescription} must not count usage again`);
    }
  }
  for (const group of expected.group_sums) {
    const lines = [...expected.focus_rows, ...expected.absent_or_zero].filter(({ _from }) =>
      group._from.includes(_from),
    );
    const names = new Set([...group._from, ...lines.map((line) => line.ChargeDescription)]);
    const mine = rows.filter((row) => names.has(String(identity(row))));
    for (const row of mine) seen.add(row);
    for (const column of ["BilledCost", "EffectiveCost"] as const) {
      const sum = sumOf(mine, column);
      if (sum === null || !isSame(column, group[column], sum))
        found.push(`group ${group._from[0]}: sum of ${column} is ${sum}, must be ${JSON.stringify(group[column])}`);
    }
  }
  for (const row of rows) {
    if (!seen.has(row) && costs.some((column) => !isZero(row[column]))) {
      found.push(
        `a row that is not expected: ${String(identity(row))} ${String(row["ChargeCategory"])} ${String(row["BilledCost"])} ${String(row["EffectiveCost"])}`,
      );
    }
  }
  for (const [month, categories] of Object.entries(expected.sums)) {
    for (const [category, sums] of Object.entries(categories)) {
      const mine = rows.filter(
        (row) =>
          String(row["BillingPeriodStart"]).startsWith(month) &&
          (category === "*" || category.split("+").includes(String(row["ChargeCategory"]))),
      );
      for (const column of costs) {
        const either = sums[column] ?? null;
        const wanted = typeof either === "object" && either !== null ? either[version] : either;
        if (wanted === null) continue;
        const sum = sumOf(mine, column);
        if (sum === null || compareDecimals(sum, wanted) !== 0)
          found.push(`${month} ${category}: sum of ${column} is ${sum}, must be ${wanted}`);
      }
    }
  }
  for (const [invoice, wanted] of Object.entries(expected.invoice_sums)) {
    const mine = rows.filter((row) => (row["InvoiceId"] ?? "(none)") === invoice);
    const sum = sumOf(mine, "BilledCost");
    if (sum === null || compareDecimals(sum, wanted) !== 0)
      found.push(`invoice ${invoice}: sum of BilledCost is ${sum}, must be ${wanted}`);
  }
  return found;
}

function partOf(row: FocusRow): string | undefined {
  if (row["ChargeCategory"] === "Purchase") return "purchase";
  return { Used: "used", Unused: "unused" }[String(row["CommitmentDiscountStatus"])];
}

function isSame(column: string, wanted: Wanted, actual: unknown): boolean {
  if (wanted === null) return actual === null;
  if (typeof wanted === "object") {
    if ("any_of" in wanted) return wanted.any_of.some((each) => isSame(column, each, actual));
    if ("not_null" in wanted) return actual !== null && actual !== undefined && actual !== "";
    return hasTags(wanted, actual);
  }
  if (typeof actual !== "string") return false;
  if (numbers.has(column)) return parseDecimal(actual) !== undefined && compareDecimals(actual, wanted) === 0;
  if (/(?:Start|End)$/u.test(column)) return isSameMoment(actual, wanted);
  return actual === wanted;
}

function hasTags(wanted: Extract<Wanted, { tags: unknown }>, actual: unknown): boolean {
  if (actual === null) return wanted.or_null === true;
  if (typeof actual !== "string") return false;
  const tags = JSON.parse(actual) as Record<string, unknown>;
  return (
    wanted.tags.every(({ key_any_of, value }) => key_any_of.some((key) => tags[key] === value)) &&
    !Object.values(tags).includes("")
  );
}

/** Whether two texts are the same moment in UTC, in any of the spellings that warehouses have. */
export function isSameMoment(first: string, second: string): boolean {
  return moment(first) === moment(second);
}

function moment(text: string): string {
  return text
    .trim()
    .replace(" ", "T")
    .replace(/(?:\.\d+)?(?:Z|\+00(?::?00)?)?$/u, "");
}

function isZero(value: unknown): boolean {
  return value === null || value === undefined || (typeof value === "string" && compareDecimals(value, "0") === 0);
}

/** The exact sum of a column; null if a row lacks the value. */
export function sumOf(rows: readonly FocusRow[], column: string): string | null {
  let sum = { coefficient: 0n, scale: 60 };
  for (const row of rows) {
    const value = typeof row[column] === "string" ? parseDecimal(row[column]) : undefined;
    if (value === undefined) return null;
    sum = { coefficient: sum.coefficient + value.coefficient * 10n ** BigInt(60 - value.scale), scale: 60 };
  }
  return formatDecimal(sum)
    .replace(/(\.\d*?)0+$/u, "$1")
    .replace(/\.$/u, "");
}
