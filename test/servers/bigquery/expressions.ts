import { noSignature } from "./aggregates.ts";
import { castTo, coerce, typedLiteral, unify } from "./casts.ts";
import { queryError } from "./failures.ts";
import { callFunction } from "./functions.ts";
import { binary, extract, literal, unary } from "./operators.ts";
import { translateQuery } from "./queries.ts";
import { boolean, fieldOf, fold, resolve, type Scope, type Context, type Value } from "./scope.ts";
import type { Expression } from "./syntax.ts";
import { kindOf, quoted, scalar, type Type } from "./types.ts";

/** Makes the SQL of DuckDB out of an expression. Error: invalidQuery. */
export function translate(expression: Expression, scope: Scope, around: Context): Value {
  const inner = (part: Expression): Value => translate(part, scope, around);
  const condition = (part: Expression, what: string): string => {
    const value = coerce(inner(part), scalar("BOOL"));
    if (value === undefined) throw queryError(`${what} should return type BOOL`);
    return value.sql;
  };
  switch (expression.e) {
    case "name":
      return resolve(expression.path, expression.at, scope, around.sql);
    case "literal":
      return literal(expression.kind, expression.value);
    case "null":
      return { sql: "NULL", type: scalar("NULL"), literal: null };
    case "parameter": {
      const value = around.parameters.get(fold(expression.name));
      if (value === undefined) throw queryError(`Query parameter '${expression.name}' not found`);
      return value;
    }
    case "rowCount":
      return {
        sql: around.rowCount === null ? "CAST(NULL AS BIGINT)" : `CAST(${around.rowCount} AS BIGINT)`,
        type: scalar("INT64"),
      };
    case "unary":
      return unary(expression.operator, inner(expression.operand));
    case "binary":
      if (expression.operator === "AND" || expression.operator === "OR") {
        const sides = [expression.left, expression.right].map((side) =>
          condition(side, `Operator ${expression.operator}`),
        );
        return boolean(`(${sides.join(` ${expression.operator} `)})`);
      }
      return binary(expression.operator, inner(expression.left), inner(expression.right));
    case "distinct": {
      const { values } = unify([inner(expression.left), inner(expression.right)], "operator IS DISTINCT FROM");
      return boolean(`(${values[0]?.sql} IS ${expression.not ? "NOT " : ""}DISTINCT FROM ${values[1]?.sql})`);
    }
    case "is":
      return boolean(`(${inner(expression.operand).sql} IS ${expression.not ? "NOT " : ""}${expression.what})`);
    case "between": {
      const parts = [expression.operand, expression.low, expression.high].map(inner);
      const [operand, low, high] = unify(parts, "operator BETWEEN").values;
      return boolean(`(${operand?.sql} ${expression.not ? "NOT " : ""}BETWEEN ${low?.sql} AND ${high?.sql})`);
    }
    case "in":
      return isIn(expression, scope, around);
    case "case":
      return translateCase(expression, inner, condition);
    case "cast": {
      const kind = kindOf(expression.type);
      if (kind === undefined) throw queryError(`Type not found: ${expression.type}`);
      return castTo(inner(expression.operand), kind, expression.safe);
    }
    case "typed":
      return typedLiteral(expression.type, expression.value);
    case "call":
      return callFunction(expression, inner);
    case "extract":
      return extract(expression.part, inner(expression.operand));
    case "exists":
      return boolean(`EXISTS (${translateQuery(expression.query, scope, around).sql})`);
    case "subquery": {
      const { sql, columns } = translateQuery(expression.query, scope, around);
      if (columns.length !== 1)
        throw queryError("Scalar subquery cannot have more than one column unless using SELECT AS STRUCT");
      return { sql: `(${sql})`, type: (columns[0] as { type: Type }).type };
    }
    case "arrayQuery": {
      const { sql, columns } = translateQuery(expression.query, scope, around);
      if (columns[0] === undefined || columns.length !== 1)
        throw queryError("ARRAY subquery must have exactly one column");
      return { sql: `coalesce(ARRAY(${sql}), [])`, type: { kind: "ARRAY", element: columns[0].type } };
    }
    case "array": {
      const { type, values } = unify(expression.items.map(inner), "array literal");
      return {
        sql: `[${values.map(({ sql }) => sql).join(", ")}]`,
        type: { kind: "ARRAY", element: type.kind === "NULL" ? scalar("INT64") : type },
      };
    }
    case "struct": {
      const parts = expression.fields.map(({ value }) => inner(value));
      const fields = expression.fields.map(({ name }, index) => ({ name, type: (parts[index] as Value).type }));
      const packed = parts.map(({ sql }, index) => `${quoted(fields[index]?.name || `_field_${index + 1}`)} := ${sql}`);
      return { sql: `struct_pack(${packed.join(", ")})`, type: { kind: "STRUCT", fields }, parts };
    }
    case "field":
      return fieldOf(inner(expression.operand), expression.name);
    case "offset":
    default: {
      const array = inner(expression.operand);
      if (array.type.kind !== "ARRAY") throw queryError("Element access using [OFFSET] is for arrays");
      const index = inner(expression.index).sql;
      const element = `list_extract(${array.sql}, CAST(${index} AS BIGINT) + 1)`;
      const outside = `error('Array index ' || ${index} || ' is out of bounds')`;
      const sql = expression.safe
        ? element
        : `CASE WHEN ${index} < len(${array.sql}) THEN ${element} ELSE ${outside} END`;
      return { sql, type: array.type.element };
    }
  }
}

function isIn(expression: Expression & { e: "in" }, scope: Scope, around: Context): Value {
  const { among, not } = expression;
  const operand = translate(expression.operand, scope, around);
  const word = not ? "NOT IN" : "IN";
  if ("list" in among) {
    const listed = among.list.map((item) => translate(item, scope, around));
    const [first, ...rest] = unify([operand, ...listed], "operator IN").values;
    return boolean(`(${first?.sql} ${word} (${rest.map(({ sql }) => sql).join(", ")}))`);
  }
  if ("query" in among) {
    const { sql, columns } = translateQuery(among.query, scope, around);
    const [column] = columns;
    if (column === undefined || columns.length !== 1)
      throw queryError("Subquery of type IN must have only one output column");
    if (column.type.kind !== operand.type.kind) throw noSignature("operator IN", [operand, { sql, type: column.type }]);
    return boolean(`(${operand.sql} ${word} (${sql}))`);
  }
  const array = translate(among.array, scope, around);
  if (array.type.kind !== "ARRAY") throw queryError("Second argument of IN UNNEST must be an array");
  const value = coerce(operand, array.type.element);
  if (value === undefined) throw noSignature("operator IN UNNEST", [operand, array]);
  return boolean(`(${value.sql} ${word} (SELECT unnest(${array.sql})))`);
}

function translateCase(
  expression: Expression & { e: "case" },
  inner: (part: Expression) => Value,
  condition: (part: Expression, what: string) => string,
): Value {
  const { operand, whens, otherwise } = expression;
  const results = [
    ...whens.map(([, then]) => inner(then)),
    otherwise === undefined ? { sql: "NULL", type: scalar("NULL") } : inner(otherwise),
  ];
  const { type, values } = unify(results, "operator CASE");
  const tests = whens.map(([when]) =>
    operand === undefined ? condition(when, "CASE WHEN") : binary("=", inner(operand), inner(when)).sql,
  );
  const cases = tests.map((test, index) => `WHEN ${test} THEN ${values[index]?.sql}`);
  return { sql: `CASE ${cases.join(" ")} ELSE ${values.at(-1)?.sql} END`, type };
}
