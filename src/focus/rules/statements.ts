import type { Dialect } from "../dialects/dialect.ts";
import { all, type Condition, first, isOneOf, not, some, text } from "../expression.ts";
import { renderCondition, renderExpression, type Scope } from "../render.ts";
import { own } from "../rows.ts";
import type { AnsweredRule } from "./answer.ts";
import { columnValue as value } from "./compile.ts";
import type { Answer } from "./model.ts";
import { withProducts } from "./products.ts";

/** The rows that are checked: those of a query with the columns of the view. */
export interface CheckedRows {
  readonly dialect: Dialect;
  /** What stands after FROM: a view, or a query in brackets. */
  readonly from: string;
  /** The rows that are checked, such as those of some months. */
  readonly rows: Condition;
  /** Rows that break a rule because the bill does not have what it demands. */
  readonly excused: readonly Excused[];
  /** The exports whose commitments can be compared with their purchases month by month. */
  readonly commitmentExports: readonly string[];
}

/** Rows of converted bills that break a rule because the bill does not have what it demands. */
export interface Excused {
  readonly rule: string;
  readonly rows: Condition;
}

type RuleBy<Kind extends Answer["by"]> = AnsweredRule & { readonly answer: Extract<Answer, { readonly by: Kind }> };

/** The rules that are answered in one way. */
export function answeredBy<Kind extends Answer["by"]>(
  rules: readonly AnsweredRule[],
  kind: Kind,
): readonly RuleBy<Kind>[] {
  return rules.filter((rule): rule is RuleBy<Kind> => rule.answer.by === kind);
}

/** What finds the row of an example, quickly: never NULL, and different for most rows. */
const key = first(
  value("x_LineItemId"),
  value("ResourceId"),
  value("ChargeDescription"),
  value("ServiceName"),
  text(""),
);

/** The statement that counts rows, and the column of its result with each count, by the id of the rule. */
export interface RowCounts {
  readonly sql: string;
  readonly broken: ReadonlyMap<string, string>;
  /** Of the rows that break a rule, those that are excused. */
  readonly excused: ReadonlyMap<string, string>;
  /** The least key of the rows that break a rule and are not excused, for `exampleStatement`. */
  readonly keys: ReadonlyMap<string, string>;
}

/**
 * The statement that counts, for each export and month (`export`, `month`), all rows (`checked`), those that break each rule and are not excused, and those that are excused.
 * What several rules have in common is counted once.
 */
export function rowStatement(rules: readonly RuleBy<"rows">[], checked: CheckedRows): RowCounts {
  const { dialect, from, rows } = checked;
  const scope = scopeOf(dialect);
  const counts = new Map<string, string>();
  const counted = (condition: Condition): string => {
    const sql = renderCondition(condition, scope);
    const name = counts.get(sql) ?? `count_${counts.size}`;
    counts.set(sql, name);
    return name;
  };
  const broken = new Map(rules.map((rule) => [rule.id, counted(unexcused(rule, checked))]));
  const keysOfRows = new Map([...broken].map(([id, name]) => [id, keyOf(name)]));
  const allowed = new Map(
    rules.flatMap(({ id, answer }) => {
      const excuse = excuseOf(id, checked);
      return excuse === null ? [] : [[id, counted(all(answer.broken, excuse))] as const];
    }),
  );
  const least = renderExpression(key, scope);
  const columns = [...counts].flatMap(([sql, name]) => [
    `${asText(`COUNT(CASE WHEN ${sql} THEN 1 END)`, dialect)} AS ${name}`,
    `MIN(CASE WHEN ${sql} THEN ${least} END) AS ${keyOf(name)}`,
  ]);
  const keys = `${exportOf(dialect)} AS export, ${monthOf(dialect)} AS month`;
  const sql = `SELECT ${[keys, `${asText("COUNT(*)", dialect)} AS checked`, ...columns].join(",\n  ")}
FROM ${withProducts(from, dialect)} AS c WHERE ${renderCondition(rows, scope)} GROUP BY 1, 2`;
  return { sql, broken, excused: allowed, keys: keysOfRows };
}

/** The statement that finds examples, and how to read them. */
export interface Examples {
  readonly sql: string;
  /** For each rule, the column of the result, and the columns of the view whose values its text has. */
  readonly columns: ReadonlyMap<string, { readonly name: string; readonly shown: readonly string[] }>;
}

/**
 * The statement with an example of the rows that break each rule, for each export and month: the least by its text, which has
 * the values of some columns (`readExample`). Only rows with one of the keys are examples.
 */
export function exampleStatement(
  rules: readonly RuleBy<"rows">[],
  checked: CheckedRows,
  keys: readonly string[],
): Examples {
  const { dialect, from, rows } = checked;
  const scope = scopeOf(dialect);
  const columns = new Map<string, { readonly name: string; readonly shown: readonly string[] }>();
  const examples = rules.map((rule, index) => {
    const { id, answer } = rule;
    const name = `example_${index}`;
    const shown = [...new Set([...answer.columns, ...identifying])];
    columns.set(id, { name, shown });
    const values = shown.map((column) => {
      const text = asText(renderExpression(value(column), scope), dialect);
      return `COALESCE(${text}, ${dialect.literal(nothing)})`;
    });
    const condition = renderCondition(unexcused(rule, checked), scope);
    return `MIN(CASE WHEN ${condition} THEN ${dialect.joined(values, separator)} END) AS ${name}`;
  });
  const sql = `SELECT ${exportOf(dialect)} AS export, ${monthOf(dialect)} AS month, ${examples.join(",\n  ")}
FROM ${withProducts(from, dialect)} AS c WHERE ${renderCondition(all(rows, isOneOf(key, ...keys)), scope)} GROUP BY 1, 2`;
  return { sql, columns };
}

/** The values of an example by column. Columns that only identify a row are left out where they are NULL. */
export function readExample(text: string, shown: readonly string[]): Readonly<Record<string, string | null>> {
  const values = text.split(separator).map((each) => (each === nothing ? null : each));
  return Object.fromEntries(
    shown
      .map((name, index): readonly [string, string | null] => [name, values[index] ?? null])
      .filter(([name, each]) => each !== null || !identifying.includes(name)),
  );
}

/** Signs that bills do not use: between the values of an example, and for NULL. */
const separator = "\u241f";
const nothing = "\u2400";

/** The columns by which people find the row of an example. */
const identifying: readonly string[] = ["x_LineItemId", "ChargeDescription"];

function keyOf(count: string): string {
  return `key_of_${count}`;
}

/** The rows that break a rule, without those that may. */
function unexcused({ id, answer }: RuleBy<"rows">, checked: CheckedRows): Condition {
  const excuse = excuseOf(id, checked);
  return excuse === null ? answer.broken : all(answer.broken, not(excuse));
}

/** The rows that may break a rule, if there are any. */
export function excuseOf(id: string, { excused }: CheckedRows): Condition | null {
  const rows = excused.filter(({ rule }) => rule === id).map((each) => each.rows);
  return rows.length === 0 ? null : some(...rows);
}

/** The column with the export of a checked row. */
export function exportOf({ identifier }: Dialect): string {
  return `c.${identifier(own.export)}`;
}

/** The column with the billing month of a checked row. */
export function monthOf({ identifier }: Dialect): string {
  return `c.${identifier(own.month)}`;
}

/** A value as text. */
export function asText(sql: string, { types }: Dialect): string {
  return `CAST(${sql} AS ${types.text})`;
}

/** The scope of conditions on checked rows. */
export function scopeOf(dialect: Dialect): Scope {
  return {
    dialect,
    from: "c",
    hasColumn: () => "TRUE",
    joined: () => {
      throw new TypeError("A rule cannot use lookups.");
    },
  };
}
