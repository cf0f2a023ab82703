import { focusColumns, type FocusVersion, type ValueType } from "../columns.ts";
import {
  all,
  compared,
  type Condition,
  decimal,
  type Expression,
  field,
  isJson,
  isOneOf,
  isProduct,
  matches,
  not,
  present,
  some,
} from "../expression.ts";
import { currencies } from "./currencies.ts";
import type { Check, Format } from "./model.ts";

/** A column of the views as a value. Error: TypeError for a column that no view has. */
export function columnValue(name: string): Expression {
  const column = focusColumns.find((each) => each.name === name);
  if (column === undefined) throw new TypeError(`The views lack the column ${name}`);
  return field(name, column.type);
}

/** The rows that break a check; null for a check that is not about rows. */
export function broken(check: Check): Condition | null {
  switch (check[0]) {
    case "is":
      return check[2] === null ? given(check[1]) : all(given(check[1]), not(equals(check[1], check[2])));
    case "is not":
      return check[2] === null ? not(given(check[1])) : equals(check[1], check[2]);
    case "one of":
      return all(given(check[1]), not(isOneOf(columnValue(check[1]), ...check[2])));
    case "belongs":
      return all(given(check[1]), not(belongs(check[1], check[2], check[3])));
    case "at least":
      return compared(columnValue(check[1]), "<", decimal(check[2]));
    case "format":
      return misformed(check[1], check[2]);
    case "national currency":
      return all(given(check[1]), not(isOneOf(columnValue(check[1]), ...currencies)));
    case "not same":
      return compared(columnValue(check[1]), "=", columnValue(check[2]));
    case "product":
      return differsFromProduct(check[1], check[2], check[3]);
    case "all":
      return joinedBy(some, partsOf(check));
    case "some":
      return joinedBy(all, partsOf(check));
    case "column":
    case "decimal":
    case "one for each":
    case "type":
  }
  return null;
}

/**
 * The rows of which a check is true, where it limits a rule to some rows. Without a value, a row is not of any value: a row
 * without ChargeClass is not a correction.
 */
export function holds(check: Check): Condition {
  switch (check[0]) {
    case "is":
      return check[2] === null ? not(given(check[1])) : equals(check[1], check[2]);
    case "is not":
      return check[2] === null ? given(check[1]) : not(equals(check[1], check[2]));
    case "all":
      return all(...partsOf(check).map(holds));
    case "some":
      return some(...partsOf(check).map(holds));
    case "one of":
      return isOneOf(columnValue(check[1]), ...check[2]);
    case "at least":
    case "belongs":
    case "column":
    case "decimal":
    case "format":
    case "national currency":
    case "not same":
    case "one for each":
    case "product":
    case "type":
  }
  throw new TypeError(`A rule cannot be limited to rows by the check ${check[0]}`);
}

/** Whether a check of the columns or types holds for a version of the view; null for a check about its rows. */
export function holdsForView(check: Check, version: FocusVersion): boolean | null {
  const own = (name: string): boolean => typesOf(version).has(name);
  const hasType = (name: string, type: ValueType): boolean => typesOf(version).get(name) === type;
  switch (check[0]) {
    case "column":
      return own(check[1]);
    case "type":
      return hasType(check[1], check[2]);
    case "decimal":
      return hasType(check[1], "decimal");
    case "format":
      if (check[2] === "Numeric") return hasType(check[1], "decimal");
      if (check[2] === "DateTime") return hasType(check[1], "timestamp");
      // A warehouse stores no text that is not Unicode.
      return check[2] === "String" ? hasType(check[1], "text") : null;
    case "all":
    case "at least":
    case "belongs":
    case "is":
    case "is not":
    case "national currency":
    case "not same":
    case "one for each":
    case "one of":
    case "product":
    case "some":
  }
  return null;
}

/** The columns that a check reads. */
export function columnsOf(check: Check): readonly string[] {
  if (check[0] === "all" || check[0] === "some") return [...new Set(partsOf(check).flatMap(columnsOf))];
  if (check[0] === "belongs" || check[0] === "not same" || check[0] === "one for each") return [check[1], check[2]];
  return check[0] === "product" ? [check[1], check[2], check[3]] : [check[1] as string];
}

/** Whether a row has a price, a quantity and a cost, and the cost is not their product. */
export function differsFromProduct(price: string, quantity: string, cost: string): Condition {
  const values = [columnValue(price), columnValue(quantity), columnValue(cost)] as const;
  return all(...values.map(present), not(isProduct(...values)));
}

function partsOf(check: Check): readonly Check[] {
  return check.slice(1) as readonly unknown[] as readonly Check[];
}

function joinedBy(join: (...of: readonly Condition[]) => Condition, checks: readonly Check[]): Condition | null {
  const conditions = checks.map(broken);
  return conditions.every((each) => each !== null) ? join(...conditions) : null;
}

function given(column: string): Condition {
  return present(columnValue(column));
}

function equals(column: string, value: string): Condition {
  const expression = columnValue(column);
  return expression.is === "field" && expression.type === "decimal"
    ? compared(expression, "=", decimal(value))
    : isOneOf(expression, value);
}

function belongs(column: string, parent: string, members: Readonly<Record<string, readonly string[]>>): Condition {
  const pairs = Object.entries(members).map(([value, own]) =>
    all(isOneOf(columnValue(parent), value), isOneOf(columnValue(column), ...own)),
  );
  return some(...pairs);
}

function misformed(column: string, format: Format): Condition | null {
  const value = columnValue(column);
  switch (format) {
    case "Currency":
      return all(present(value), not(matches(value, "^[A-Z]{3}$")));
    case "Object":
      return all(present(value), not(isObject(value)));
    case "KeyValue":
      return all(present(value), not(all(isObject(value), not(nests(value)))));
    case "DateTime":
    case "Numeric":
    case "String":
    case "Unit":
  }
  return null;
}

/** Whether a text is a JSON object. */
export function isObject(value: Expression): Condition {
  return all(isJson(value), matches(value, String.raw`^\s*\{`));
}

/** Whether a value in a JSON object is an object or an array. A quote within a text has a backslash before it. */
export function nests(value: Expression): Condition {
  return matches(value, String.raw`[^\\]"\s*:\s*[\[{]`);
}

function typesOf(version: FocusVersion): ReadonlyMap<string, ValueType> {
  return new Map(
    focusColumns.filter(({ versions }) => versions.includes(version)).map(({ name, type }) => [name, type]),
  );
}
