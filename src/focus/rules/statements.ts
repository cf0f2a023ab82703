import { all, type Condition, type Field, type Members, first, isOneOf, not, text } from "../expression.ts";
import { fieldsIn } from "../reading.ts";
import { renderCondition, renderExpression, type Scope } from "../render.ts";
import { own } from "../rows.ts";
import type { AnsweredRule } from "./answer.ts";
import {
  answeredBy,
  asText,
  type CheckedRows,
  excuseOf,
  exportOf,
  monthOf,
  oneText,
  readTexts,
  type RuleBy,
  scopeOf,
} from "./checked.ts";
import { columnValue as value } from "./compile.ts";
import { groupedBy, groupLine, sumsOf } from "./groups.ts";

/** What finds the row of an example, quickly: never NULL, and different for most rows. */
const key = first(
  value("x_LineItemId"),
  value("ResourceId"),
  value("ChargeDescription"),
  value("ServiceName"),
  text(""),
);

/** What was counted for a rule in the rows of a month. */
export interface RuleCount {
  /** Rows, or groups of rows, that break the rule. */
  readonly broken: number;
  /** Those that the bill cannot decide. */
  readonly undecided: number;
  /** All that the rule is about. */
  readonly checked: number;
  /** The key of a row that breaks a rule about rows, for `exampleStatement`; else the value or the commitment that breaks it. */
  readonly example: string | null;
}

/** A line of the result of a count, for an export and month. */
export interface CountLine {
  /** The rule; empty for the line about all rows. */
  readonly about: string;
  /** All rows of the month, or all groups that the rule is about. */
  readonly checked: number;
  readonly counts: string;
}

/** The statement that counts what breaks rules, and how to read it. */
export interface CountStatement {
  readonly sql: string;
  /** What a line counts, by the id of the rule. */
  read(this: void, line: CountLine): readonly (readonly [rule: string, count: RuleCount])[];
}

/** Columns of text that have another value in most rows. */
const individual: ReadonlySet<string> = new Set([
  "AllocatedTags",
  "ChargeDescription",
  "ResourceId",
  "ResourceName",
  "Tags",
  "x_LineItemId",
]);

/** Whether a column has the same values in many rows, so that conditions on it are cheaper for cells than for rows. */
function repeats(column: Field | Members): boolean {
  return column.is === "field" && ["text", "json"].includes(column.type) && !individual.has(column.name);
}

/**
 * The statement that counts, for each export and month (`export`, `month`), what breaks each rule and is not excused, and what is
 * excused. Rows that are alike in all that the rules ask are one cell, and every rule is counted over the cells, which are mostly
 * far fewer. DuckDB reads the view once for that, BigQuery also once for every rule about groups.
 */
export function countStatement(rules: readonly AnsweredRule[], checked: CheckedRows): CountStatement {
  const { dialect, from, rows } = checked;
  const { identifier } = dialect;
  const keys = new Set([own.export, own.month, ...rules.flatMap(({ answer }) => groupedBy(answer))]);
  const facts = new Map<string, string>();
  const scope: Scope = {
    ...scopeOf(dialect),
    fact(condition, sql) {
      const read = fieldsIn(condition);
      if (read.every(repeats)) {
        for (const { name } of read) keys.add(name);
        return sql;
      }
      const name = facts.get(sql) ?? `fact_${facts.size + 1}`;
      facts.set(sql, name);
      return `c.${name}`;
    },
  };
  const ofRows = answeredBy(rules, "rows");
  const conditions: string[] = [];
  const counted = (condition: Condition): number => {
    const sql = renderCondition(condition, scope);
    if (!conditions.includes(sql)) conditions.push(sql);
    return conditions.indexOf(sql);
  };
  const broken = new Map(ofRows.map((rule) => [rule.id, counted(unexcused(rule, checked))]));
  const excused = new Map(
    ofRows.flatMap(({ id, answer }) => {
      const excuse = excuseOf(id, checked);
      return excuse === null ? [] : [[id, counted(all(answer.broken, excuse))] as const];
    }),
  );
  // The counts come before the keys: a key is text of a bill, which can contain the sign between texts after all.
  const counts = [
    ...conditions.map((sql) => asText(`SUM(CASE WHEN ${sql} THEN c.n ELSE 0 END)`, dialect)),
    ...conditions.map((sql) => `MIN(CASE WHEN ${sql} THEN c.least_key END)`),
  ];
  const ofAllRows = `SELECT '' AS about, ${exportOf(dialect)} AS export, ${monthOf(dialect)} AS month,
  ${asText("SUM(c.n)", dialect)} AS checked, ${counts.length === 0 ? "''" : oneText(counts, dialect)} AS counts
FROM cells AS c GROUP BY 2, 3`;
  const lines = [ofAllRows, ...rules.flatMap((rule) => groupLine(rule, checked, scope))];
  const columns = [
    ...[...keys].map((name) => `c.${identifier(name)}`),
    ...[...facts].map(([sql, name]) => `${sql} AS ${name}`),
  ];
  const cells = `SELECT ${[
    ...columns,
    "COUNT(*) AS n",
    `MIN(${renderExpression(key, scopeOf(dialect))}) AS least_key`,
    ...sumsOf(rules, dialect),
  ].join(",\n  ")}
FROM ${from} AS c WHERE ${renderCondition(rows, scopeOf(dialect))}
GROUP BY ${columns.map((_, index) => index + 1).join(", ")}`;
  return {
    sql: `WITH cells AS (${cells})\n${lines.join("\nUNION ALL\n")}`,
    read(line) {
      const cell = readTexts(line.counts);
      if (line.about !== "") {
        const [wrong, undecided, example = null] = cell;
        return [[line.about, { broken: Number(wrong), undecided: Number(undecided), checked: line.checked, example }]];
      }
      return [...broken].map(([id, position]) => {
        const allowed = excused.get(id);
        const count: RuleCount = {
          broken: Number(cell[position]),
          undecided: allowed === undefined ? 0 : Number(cell[allowed]),
          checked: line.checked,
          example: cell[conditions.length + position] ?? null,
        };
        return [id, count] as const;
      });
    },
  };
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
    const values = shown.map((column) => asText(renderExpression(value(column), scope), dialect));
    const condition = renderCondition(unexcused(rule, checked), scope);
    return `MIN(CASE WHEN ${condition} THEN ${oneText(values, dialect)} END) AS ${name}`;
  });
  const sql = `SELECT ${exportOf(dialect)} AS export, ${monthOf(dialect)} AS month, ${examples.join(",\n  ")}
FROM ${from} AS c WHERE ${renderCondition(all(rows, isOneOf(key, ...keys)), scope)} GROUP BY 1, 2`;
  return { sql, columns };
}

/** The values of an example by column. Columns that only identify a row are left out where they are NULL. */
export function readExample(text: string, shown: readonly string[]): Readonly<Record<string, string | null>> {
  const values = readTexts(text);
  return Object.fromEntries(
    shown
      .map((name, index): readonly [string, string | null] => [name, values[index] ?? null])
      .filter(([name, each]) => each !== null || !identifying.includes(name)),
  );
}

/** The columns by which people find the row of an example. */
const identifying: readonly string[] = ["x_LineItemId", "ChargeDescription"];

/** The rows that break a rule, without those that may. */
function unexcused({ id, answer }: RuleBy<"rows">, checked: CheckedRows): Condition {
  const excuse = excuseOf(id, checked);
  return excuse === null ? answer.broken : all(answer.broken, not(excuse));
}
