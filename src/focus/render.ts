import type { Dialect } from "./dialects/dialect.ts";
import { type Condition, type Expression, nothing, typeOf } from "./expression.ts";

/** What the names in an expression are in SQL. */
export interface Scope {
  readonly dialect: Dialect;
  /** The alias of the relation whose columns are the fields. */
  readonly from: string;
  /** Whether the table has the column of a field, as a condition. */
  hasColumn(this: void, field: string): string;
  /** The alias of the join with a lookup. */
  joined(this: void, lookup: string, key: string): string;
  /** What stands for a condition that does not consist of others; absent where that is its own SQL. */
  fact?(this: void, fact: Fact, sql: string): string;
}

/** A condition that does not consist of others. */
export type Fact = Exclude<Condition, { readonly is: "all" | "some" | "not" | "column" }>;

/** An expression as SQL. */
export function renderExpression(expression: Expression, scope: Scope): string {
  const { dialect } = scope;
  const inner = (part: Expression): string => renderExpression(part, scope);
  switch (expression.is) {
    case "field":
    case "members":
      return `${scope.from}.${dialect.identifier(expression.name)}`;
    case "constant": {
      if (expression.value === null) return `CAST(NULL AS ${dialect.types[expression.type]})`;
      const literal = dialect.literal(expression.value);
      return expression.type === "text" || expression.type === "json"
        ? literal
        : `CAST(${literal} AS ${dialect.types[expression.type]})`;
    }
    case "first":
      return expression.of.length === 1
        ? inner(expression.of[0] ?? nothing())
        : `COALESCE(${expression.of.map(inner).join(", ")})`;
    case "cases": {
      const whens = expression.cases.map(
        ([condition, value]) => `WHEN ${renderCondition(condition, scope)} THEN ${inner(value)}`,
      );
      return `CASE ${whens.join(" ")} ELSE ${inner(expression.otherwise)} END`;
    }
    case "arithmetic": {
      const [left, right] = [inner(expression.left), inner(expression.right)];
      return expression.operator === "*" ? dialect.product(left, right) : `(${left} ${expression.operator} ${right})`;
    }
    case "entry":
      return dialect.entry(inner(expression.of), expression.key);
    case "lookup":
      return `${scope.joined(expression.in, inner(expression.key))}.${dialect.identifier(expression.column)}`;
    case "joined":
      return `NULLIF(${dialect.joined(expression.of.map(inner), expression.separator)}, '')`;
    case "object":
      return renderObject(
        expression.members.map(([key, value]) => {
          const sql = inner(value);
          return {
            key,
            value: sql,
            json: typeOf(value) === "decimal" ? dialect.numberText(sql) : dialect.jsonText(sql),
          };
        }),
        dialect,
      );
    case "lower":
      return `LOWER(${inner(expression.of)})`;
    case "replaced":
      return dialect.replaced(inner(expression.of), expression.pattern, expression.by);
    case "extracted":
      return dialect.extracted(inner(expression.of), expression.pattern);
    case "number":
      return dialect.number(inner(expression.of));
    case "day":
      return dialect.day(inner(expression.of));
    case "month":
      return dialect.month(inner(expression.of));
    case "day start":
      return dialect.dayStart(inner(expression.of));
    case "month start":
      return dialect.monthStart(inner(expression.of));
    case "next month":
      return dialect.nextMonth(inner(expression.of));
    case "next day":
  }
  return dialect.nextDay(inner(expression.of));
}

/** A condition as SQL that is never NULL. */
export function renderCondition(condition: Condition, scope: Scope): string {
  const inner = (part: Condition): string => renderCondition(part, scope);
  switch (condition.is) {
    case "all":
      return condition.of.length === 0 ? "TRUE" : `(${condition.of.map(inner).join(" AND ")})`;
    case "some":
      return condition.of.length === 0 ? "FALSE" : `(${condition.of.map(inner).join(" OR ")})`;
    case "not":
      return `(NOT ${inner(condition.of)})`;
    case "column":
      return scope.hasColumn(condition.name);
    case "one of":
    case "match":
    case "json":
    case "present":
    case "compared":
    case "product":
  }
  // Conditions within its expressions are part of the fact.
  const { fact, ...plain } = scope;
  const sql = renderFact(condition, plain);
  return fact?.(condition, sql) ?? sql;
}

function renderFact(condition: Fact, scope: Scope): string {
  const { dialect } = scope;
  const value = (part: Expression): string => renderExpression(part, scope);
  switch (condition.is) {
    case "one of":
      return `COALESCE(${value(condition.value)} IN (${condition.of.map(dialect.literal).join(", ")}), FALSE)`;
    case "match":
      return `COALESCE(${dialect.matches(value(condition.value), condition.pattern)}, FALSE)`;
    case "json":
      return `COALESCE(${dialect.isJson(value(condition.value))}, FALSE)`;
    case "present":
      return `(${value(condition.value)} IS NOT NULL)`;
    case "compared":
      return `COALESCE(${value(condition.left)} ${condition.operator} ${value(condition.right)}, FALSE)`;
    case "product":
  }
  // No amount comes from this comparison, so that it need not be exact, and a float is much faster.
  const [price, quantity, cost] = [condition.price, condition.quantity, condition.cost].map(
    (part) => `CAST(${value(part)} AS ${dialect.float})`,
  );
  return `COALESCE(ABS(${price} * ${quantity} - ${cost}) <= 1e-9 * GREATEST(ABS(${cost}), 1), FALSE)`;
}

/** A member of a JSON object: a value that can be NULL, and its JSON. */
export interface ObjectMember {
  readonly key: string;
  readonly value: string;
  readonly json: string;
}

/** A JSON object of the members whose values are not NULL; NULL without one. */
export function renderObject(entries: readonly ObjectMember[], dialect: Dialect): string {
  if (entries.length === 0) return `CAST(NULL AS ${dialect.types.json})`;
  const parts = entries.map(
    ({ key, value, json }) =>
      `CASE WHEN ${value} IS NOT NULL THEN ${dialect.literal(`${JSON.stringify(key)}:`)} || ${json} END`,
  );
  return `('{' || NULLIF(${dialect.joined(parts, ",")}, '') || '}')`;
}
