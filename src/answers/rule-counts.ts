import { BillhouseError } from "../errors.ts";
import { focusColumns } from "../focus/columns.ts";
import type { AnsweredRule } from "../focus/rules/answer.ts";
import { answeredBy, type CheckedRows } from "../focus/rules/checked.ts";
import { countStatement, exampleStatement, readExample, type RuleCount } from "../focus/rules/statements.ts";
import type { BillingMonth } from "../model.ts";
import { formatDecimal, readDecimal } from "../schema/decimals.ts";
import { requireCapability, type QueryRow, type Warehouse } from "../warehouses/warehouse.ts";

/** The counts of one export and month, by rule. */
export interface MonthCounts {
  readonly pipeline: string;
  readonly billingMonth: BillingMonth;
  readonly rows: number;
  readonly counts: ReadonlyMap<string, RuleCount>;
}

/** Counts what breaks rules, by export and month, in one statement. */
export async function countRules(
  rules: readonly AnsweredRule[],
  checked: CheckedRows,
  ask: Ask,
): Promise<readonly MonthCounts[]> {
  const months = new Map<
    string,
    { pipeline: string; billingMonth: string; rows: number; counts: (readonly [string, RuleCount])[] }
  >();
  const statement = countStatement(rules, checked);
  for await (const row of ask(statement.sql)) {
    const [about, lineChecked] = [textIn(row, "about"), Number(textIn(row, "checked"))];
    const month = months.get(keyOf(row)) ?? {
      pipeline: textIn(row, "export"),
      billingMonth: textIn(row, "month"),
      rows: 0,
      counts: [],
    };
    months.set(keyOf(row), month);
    if (about === "") month.rows = lineChecked;
    month.counts.push(...statement.read({ about, checked: lineChecked, counts: textIn(row, "counts") }));
  }
  return [...months.values()].map((month) => ({ ...month, counts: new Map(month.counts) }));
}

/** An example of the rows that break each rule, among those with some keys, for each export and month (`exampleKey`): the values of the columns that it reads. */
export async function exampleRows(
  rules: readonly AnsweredRule[],
  keys: readonly string[],
  checked: CheckedRows,
  ask: Ask,
): Promise<ReadonlyMap<string, Readonly<Record<string, string | null>>>> {
  const examples = new Map<string, Readonly<Record<string, string | null>>>();
  const ofRows = answeredBy(rules, "rows");
  if (ofRows.length === 0 || keys.length === 0) return examples;
  const { sql, columns } = exampleStatement(ofRows, checked, keys);
  for await (const row of ask(sql)) {
    for (const [rule, { name, shown }] of columns) {
      const text = row[name];
      if (typeof text === "string") examples.set(`${keyOf(row)} ${rule}`, withShortDecimals(readExample(text, shown)));
    }
  }
  return examples;
}

/** The values of an example; decimals without the zeros at their end, which only one of the warehouses writes. */
function withShortDecimals(values: Readonly<Record<string, string | null>>): Readonly<Record<string, string | null>> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      value !== null && decimals.has(name) ? formatDecimal(readDecimal(value)) : value,
    ]),
  );
}

const decimals: ReadonlySet<string> = new Set(
  focusColumns.filter(({ type }) => type === "decimal").map(({ name }) => name),
);

/** The key of the examples of a rule in a month. */
export function exampleKey(pipeline: string, billingMonth: BillingMonth, rule: string): string {
  return `${JSON.stringify([pipeline, billingMonth])} ${rule}`;
}

/** Runs a statement and yields its rows, with numbers as text. */
export type Ask = (sql: string) => AsyncIterable<QueryRow>;

/** Runs statements on the FOCUS views of a warehouse. Error: WAREHOUSE_NOT_FOUND where there are none. */
export function askingViews(warehouse: Warehouse): Ask {
  return async function* ask(sql) {
    try {
      yield* requireCapability(warehouse, "query")(sql);
    } catch (error) {
      throw isWithoutView(error) ? noView(error) : error;
    }
  };
}

function isWithoutView(error: unknown): boolean {
  return (
    error instanceof BillhouseError &&
    error.code === "QUERY_INVALID" &&
    error.message.includes("focus_v1_") &&
    /does not exist|not found/i.test(error.message)
  );
}

function noView(cause: unknown): BillhouseError {
  return new BillhouseError("WAREHOUSE_NOT_FOUND", "The FOCUS views do not exist yet.", {
    hint: "billhouse run loads the bills and makes the views.",
    cause,
  });
}

function keyOf(row: QueryRow): string {
  return JSON.stringify([row["export"], row["month"]]);
}

function textIn(row: QueryRow, name: string): string {
  const value = row[name];
  if (typeof value !== "string") throw new TypeError(`The column ${name} has ${typeof value}, not text`);
  return value;
}
