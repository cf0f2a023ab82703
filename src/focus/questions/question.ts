/** A question about loaded bills, with the SQL that answers it on `focus_costs`, the same in both warehouses. */
export interface Question {
  /** Its name on the command line. */
  readonly name: string;
  readonly title: string;
  /** The questions of the FOCUS use-case library that it answers, by their titles. */
  readonly library: readonly string[];
  /** One SELECT statement. `{from}` and `{to}` are billing months, both included. */
  readonly sql: string;
  /** Rates of each row: a column of the result divided by another, rounded to 6 digits after the point. */
  readonly rates?: Readonly<Record<string, readonly [amount: string, whole: string]>>;
  /** Where the answer is about several months: how many months it has by default. */
  readonly months?: number;
  /** Where it differs from the query of the library, and why. */
  readonly difference?: string;
}

/** A question of the library that bills of AWS and Azure do not answer. */
export interface OpenQuestion {
  readonly title: string;
  /** What the bills lack, or which command answers it instead. */
  readonly because: string;
}

/** The SELECT of sums by some columns over the months of the question. */
export function sums(
  by: readonly string[],
  amounts: Readonly<Record<string, string>>,
  { where = "", order = "" }: { readonly where?: string; readonly order?: string } = {},
): string {
  const selected = [...by, ...Object.entries(amounts).map(([name, sql]) => `${sql} AS ${name}`)];
  const positions = by.map((_, index) => index + 1).join(", ");
  return `SELECT ${selected.join(",\n  ")}
FROM focus_costs
WHERE x_BillingMonth BETWEEN '{from}' AND '{to}'${where === "" ? "" : `\n  AND ${where}`}
GROUP BY ${positions}
ORDER BY ${order === "" ? positions : order}`;
}
