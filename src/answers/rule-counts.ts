import { BillhouseError } from "../errors.ts";
import { focusColumns } from "../focus/columns.ts";
import type { AnsweredRule } from "../focus/rules/answer.ts";
import {
  answeredBy,
  type CheckedRows,
  exampleStatement,
  readExample,
  rowStatement,
} from "../focus/rules/statements.ts";
import { valueStatement } from "../focus/rules/value-statement.ts";
import type { BillingMonth } from "../model.ts";
import { formatDecimal, readDecimal } from "../schema/decimals.ts";
import { requireCapability, type QueryRow, type Warehouse } from "../warehouses/warehouse.ts";

/** What was counted for a rule in the rows of a month. */
export interface RuleCount {
  /** Rows, or groups of rows, that break the rule. */
  readonly broken: number;
  /** Those that the bill cannot decide. */
  readonly undecided: number;
  /** All that the rule is about. */
  readonly checked: number;
  /** The value that breaks it, of a rule about values; of a rule about rows, the key of a row. */
  readonly example: string | null;
}

/** The counts of one export and month, by rule. */
export interface MonthCounts {
  readonly pipeline: string;
  readonly billingMonth: BillingMonth;
  readonly rows: number;
  readonly counts: ReadonlyMap<string, RuleCount>;
}

/** Counts what breaks rules, by export and month. Two statements, each of which reads the rows once. */
export async function countRules(
  rules: readonly AnsweredRule[],
  checked: CheckedRows,
  ask: Ask,
): Promise<readonly MonthCounts[]> {
  const months = new Map<
    string,
    { pipeline: string; billingMonth: string; rows: number; counts: Map<string, RuleCount> }
  >();
  const ofRows = answeredBy(rules, "rows");
  const statement = rowStatement(ofRows, checked);
  for await (const row of ask(statement.sql)) {
    const rows = countIn(row, "checked");
    const counts = ofRows.map(({ id }): [string, RuleCount] => {
      const excused = statement.excused.get(id);
      const undecided = excused === undefined ? 0 : countIn(row, excused);
      const broken = countIn(row, statement.broken.get(id) ?? "");
      return [id, { broken, undecided, checked: rows, example: row[statement.keys.get(id) ?? ""] as string | null }];
    });
    const month = {
      pipeline: textIn(row, "export"),
      billingMonth: textIn(row, "month"),
      rows,
      counts: new Map(counts),
    };
    months.set(keyOf(row), month);
  }
  const others = rules.filter(({ answer }) => ["values", "groups", "commitments"].includes(answer.by));
  const values = valueStatement(others, checked);
  for await (const row of values === null ? [] : ask(values)) {
    const rule = others[countIn(row, "rule")];
    const counts = months.get(keyOf(row))?.counts;
    if (rule === undefined || counts === undefined) continue;
    // A rule about several columns has a line for each.
    const before = counts.get(rule.id) ?? { broken: 0, undecided: 0, checked: 0, example: null };
    counts.set(rule.id, {
      broken: before.broken + countIn(row, "broken"),
      undecided: before.undecided + countIn(row, "undecided"),
      checked: before.checked + countIn(row, "checked"),
      example: before.example ?? (row["example"] as string | null),
    });
  }
  return [...months.values()];
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

function countIn(row: QueryRow, name: string): number {
  return Number(textIn(row, name));
}
