import type { ValueType } from "./columns.ts";

/**
 * A value of a row, as data: a mapping declares its columns with the functions of this file, and each dialect renders them as
 * SQL. NULL in gives NULL, except where a function says otherwise.
 */
export type Expression =
  | Field
  | Constant
  | { readonly is: "first"; readonly of: readonly Expression[] }
  | { readonly is: "cases"; readonly cases: readonly Case[]; readonly otherwise: Expression }
  | {
      readonly is: "arithmetic";
      readonly operator: "+" | "-" | "*";
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly is: "entry"; readonly of: Expression; readonly key: string }
  | Members
  | { readonly is: "lookup"; readonly in: string; readonly key: Expression; readonly column: string }
  | { readonly is: "joined"; readonly of: readonly Expression[]; readonly separator: string }
  | { readonly is: "object"; readonly members: readonly (readonly [key: string, value: Expression])[] }
  | { readonly is: "lower"; readonly of: Expression }
  | { readonly is: "replaced"; readonly of: Expression; readonly pattern: string; readonly by: string }
  | { readonly is: "extracted"; readonly of: Expression; readonly pattern: string }
  | { readonly is: "number"; readonly of: Expression }
  | { readonly is: "day"; readonly of: Expression }
  | { readonly is: "month"; readonly of: Expression }
  | { readonly is: "next day"; readonly of: Expression }
  | { readonly is: "day start"; readonly of: Expression }
  | { readonly is: "month start"; readonly of: Expression }
  | { readonly is: "next month"; readonly of: Expression };

/** A fixed value; a number as exact decimal text, a time in UTC. */
export interface Constant {
  readonly is: "constant";
  readonly type: ValueType;
  readonly value: string | null;
}

/** A column of the loaded table, by the name that the mapping gives it. */
export interface Field {
  readonly is: "field";
  readonly name: string;
  readonly type: ValueType;
}

/** The columns of the loaded table whose names start with one of some prefixes: one JSON object, or the first value of them. */
export interface Members {
  readonly is: "members";
  /** The name of the object among the fields. */
  readonly name: string;
  /** What the source names of its columns start with, in any case. The rest of a name is the key. */
  readonly prefixes: readonly string[];
  /** Whether it is the first value, as text. */
  readonly isFirst?: true;
}

/** A condition and the value where it holds. */
export type Case = readonly [Condition, Expression];

/** A condition on a row. It is true or false, never NULL: a comparison with NULL is false. */
export type Condition =
  | { readonly is: "one of"; readonly value: Expression; readonly of: readonly string[] }
  | { readonly is: "match"; readonly value: Expression; readonly pattern: string }
  | { readonly is: "present"; readonly value: Expression }
  | { readonly is: "json"; readonly value: Expression }
  | {
      readonly is: "compared";
      readonly left: Expression;
      readonly operator: "<" | ">" | "<=" | ">=" | "=" | "<>";
      readonly right: Expression;
    }
  | { readonly is: "product"; readonly price: Expression; readonly quantity: Expression; readonly cost: Expression }
  | { readonly is: "all"; readonly of: readonly Condition[] }
  | { readonly is: "some"; readonly of: readonly Condition[] }
  | { readonly is: "not"; readonly of: Condition }
  | { readonly is: "column"; readonly name: string };

/** A column of the loaded table. Empty text is NULL. A column that the table lacks is NULL. */
export function field(name: string, type: ValueType = "text"): Field {
  return { is: "field", name, type };
}

/** A fixed text. */
export function text(value: string): Expression {
  return { is: "constant", type: "text", value };
}

/** A fixed number, as exact decimal text. */
export function decimal(value: string): Expression {
  return { is: "constant", type: "decimal", value };
}

/** A fixed time in UTC: `2025-03-07` or `2025-03-07T12:00:00Z`. */
export function time(value: string): Expression {
  return { is: "constant", type: "timestamp", value };
}

/** NULL. */
export function nothing(type: ValueType = "text"): Expression {
  return { is: "constant", type, value: null };
}

/** The first of these values that is not NULL. */
export function first(...of: readonly Expression[]): Expression {
  return { is: "first", of };
}

/** The value of the first case whose condition holds, else `otherwise`. */
export function cases(all: readonly Case[], otherwise: Expression): Expression {
  return { is: "cases", cases: all, otherwise };
}

/** The value where the condition holds, else NULL. */
export function where(condition: Condition, value: Expression): Expression {
  return cases([[condition, value]], nothing(typeOf(value)));
}

/** The exact sum of two numbers. */
export function plus(left: Expression, right: Expression): Expression {
  return { is: "arithmetic", operator: "+", left, right };
}

/** The exact difference of two numbers. */
export function minus(left: Expression, right: Expression): Expression {
  return { is: "arithmetic", operator: "-", left, right };
}

/** The product of two numbers, rounded half away from zero to the digits that the warehouse's decimals have. */
export function times(left: Expression, right: Expression): Expression {
  return { is: "arithmetic", operator: "*", left, right };
}

/** The value of a key in a JSON object that is stored as text; NULL for an empty one, and where the text is not JSON. */
export function entry(of: Expression, key: string): Expression {
  return { is: "entry", of, key };
}

/** The columns with one of these prefixes, as one JSON object without empty values; NULL if all are empty. */
export function members(name: string, ...prefixes: readonly string[]): Members {
  return { is: "members", name, prefixes };
}

/** The first value that is not empty in the columns with one of these prefixes; NULL if all are empty. */
export function firstMember(name: string, ...prefixes: readonly string[]): Members {
  return { is: "members", name, prefixes, isFirst: true };
}

/** A column of a lookup (`lookups/`) in the row with this key; NULL if the lookup lacks the key. */
export function lookup(table: string, key: Expression, column: string): Expression {
  return { is: "lookup", in: table, key, column };
}

/** Texts with a separator between them; NULL values are left out, and without any value the result is NULL. */
export function joined(separator: string, ...of: readonly Expression[]): Expression {
  return { is: "joined", of, separator };
}

/** A JSON object with those of these members that are not NULL; NULL if all are. */
export function object(all: Readonly<Record<string, Expression>>): Expression {
  return { is: "object", members: Object.entries(all) };
}

/** A text in lower case. */
export function lower(of: Expression): Expression {
  return { is: "lower", of };
}

/** A text with every match of an RE2 pattern replaced. */
export function replaced(of: Expression, pattern: string, by: string): Expression {
  return { is: "replaced", of, pattern, by };
}

/** The group of an RE2 pattern in a text; NULL if it does not match. */
export function extracted(of: Expression, pattern: string): Expression {
  return { is: "extracted", of, pattern };
}

/** The number that a text holds; NULL if it is not a number. */
export function number(of: Expression): Expression {
  return { is: "number", of };
}

/** The day of a time in UTC, as `2025-03-07`. */
export function day(of: Expression): Expression {
  return { is: "day", of };
}

/** The month of a time, as `2025-03`. */
export function month(of: Expression): Expression {
  return { is: "month", of };
}

/** The same time one day later. */
export function nextDay(of: Expression): Expression {
  return { is: "next day", of };
}

/** The start of a time's day. */
export function dayStart(of: Expression): Expression {
  return { is: "day start", of };
}

/** The start of a time's month. */
export function monthStart(of: Expression): Expression {
  return { is: "month start", of };
}

/** The start of the month after a time's month. */
export function nextMonth(of: Expression): Expression {
  return { is: "next month", of };
}

/** Whether a text is one of these. */
export function isOneOf(value: Expression, ...of: readonly string[]): Condition {
  return { is: "one of", value, of };
}

/** Whether an RE2 pattern matches anywhere in a text. */
export function matches(value: Expression, pattern: string): Condition {
  return { is: "match", value, pattern };
}

/** Whether a value is not NULL. */
export function present(value: Expression): Condition {
  return { is: "present", value };
}

/** Whether a text is JSON. */
export function isJson(value: Expression): Condition {
  return { is: "json", value };
}

/** Whether two values compare so. */
export function compared(
  left: Expression,
  operator: "<" | ">" | "<=" | ">=" | "=" | "<>",
  right: Expression,
): Condition {
  return { is: "compared", left, operator, right };
}

/**
 * Whether a price times a quantity is a cost. Clouds round prices, so the tolerance is that of the official check of FOCUS: a
 * billionth of the cost, or of 1.
 */
export function isProduct(price: Expression, quantity: Expression, cost: Expression): Condition {
  return { is: "product", price, quantity, cost };
}

/** Whether a number is neither NULL nor zero. */
export function notZero(value: Expression): Condition {
  return compared(value, "<>", decimal("0"));
}

/** Whether a JSON object with tags has one with a value other than an empty text. */
export function hasTag(tags: Expression): Condition {
  return matches(tags, String.raw`"\s*:\s*("[^"]|[0-9tf-])`);
}

/** Whether all conditions hold. */
export function all(...of: readonly Condition[]): Condition {
  return { is: "all", of };
}

/** Whether at least one condition holds. */
export function some(...of: readonly Condition[]): Condition {
  return { is: "some", of };
}

/** Whether a condition does not hold. */
export function not(of: Condition): Condition {
  return { is: "not", of };
}

/** Whether the loaded table has the column of a field at all. */
export function hasColumn(name: string): Condition {
  return { is: "column", name };
}

/** The names of the flags whose conditions hold, separated by commas; NULL if none does. */
export function flags(all: Readonly<Record<string, Condition>>): Expression {
  return joined(",", ...Object.entries(all).map(([name, condition]) => where(condition, text(name))));
}

/** The type of a value. */
export function typeOf(expression: Expression): ValueType {
  switch (expression.is) {
    case "field":
    case "constant":
      return expression.type;
    case "first":
      return typeOf(expression.of[0] ?? nothing());
    case "cases":
      return typeOf(expression.cases[0]?.[1] ?? expression.otherwise);
    case "arithmetic":
    case "number":
      return "decimal";
    case "next day":
    case "day start":
    case "month start":
    case "next month":
      return "timestamp";
    case "members":
      return expression.isFirst === true ? "text" : "json";
    case "object":
      return "json";
    case "entry":
    case "lookup":
    case "joined":
    case "lower":
    case "replaced":
    case "extracted":
    case "day":
    case "month":
  }
  return "text";
}
