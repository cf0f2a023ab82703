import { noSignature } from "./aggregates.ts";
import { castTo, coerce, unify } from "./casts.ts";
import { queryError } from "./failures.ts";
import { boolean, type Value } from "./scope.ts";
import { scalar, text } from "./types.ts";

/** A literal. Error: invalidQuery. */
export function literal(kind: "STRING" | "INT64" | "FLOAT64" | "BOOL", value: string): Value {
  const type = scalar(kind);
  if (kind === "STRING") return { sql: text(value), type, literal: value };
  if (kind === "BOOL") return { sql: value, type, literal: value };
  if (kind === "INT64" && BigInt(value) > 2n ** 63n - 1n) throw queryError(`Invalid integer literal: ${value}`);
  return {
    sql: `CAST(${kind === "INT64" ? value : text(value)} AS ${kind === "INT64" ? "BIGINT" : "DOUBLE"})`,
    type,
    literal: value,
  };
}

/** An operator with one operand. Error: invalidQuery. */
export function unary(operator: string, operand: Value): Value {
  const { sql, type } = operand;
  if (operator === "()") return operand;
  if (operator === "NOT") {
    if (coerce(operand, scalar("BOOL")) === undefined) throw noSignature("operator NOT", [operand]);
    return boolean(`(NOT ${sql})`);
  }
  if (type.kind === "BIGNUMERIC") return { sql: `bq_big_negate(${sql})`, type };
  if (!["INT64", "FLOAT64", "NUMERIC"].includes(type.kind)) throw noSignature("operator -", [operand]);
  return { sql: `(-${sql})`, type, ...(typeof operand.literal === "string" && { literal: `-${operand.literal}` }) };
}

/** An operator with two operands, without AND and OR. Error: invalidQuery. */
export function binary(operator: string, left: Value, right: Value): Value {
  if (operator === "LIKE" || operator === "||") {
    const [first, second] = [coerce(left, scalar("STRING")), coerce(right, scalar("STRING"))];
    if (first === undefined || second === undefined) throw noSignature(`operator ${operator}`, [left, right]);
    const sql = `(${first.sql} ${operator} ${second.sql})`;
    return operator === "LIKE"
      ? boolean(sql.replace(/\)$/u, String.raw` ESCAPE '\')`))
      : { sql, type: scalar("STRING") };
  }
  const { type, values } = unify([left, right], `operator ${operator}`);
  const [first = left, second = right] = values;
  if (["=", "!=", "<", "<=", ">", ">="].includes(operator)) {
    // Documented: standard-sql/data-types#comparison.
    if (["ARRAY", "JSON"].includes(type.kind)) throw noSignature(`operator ${operator}`, [left, right]);
    return boolean(`(${first.sql} ${operator} ${second.sql})`);
  }
  const name = { "+": "add", "-": "subtract", "*": "multiply", "/": "divide" }[operator] ?? operator;
  // Documented: standard-sql/operators#arithmetic_operators; the quotient of two integers is a float.
  if (operator === "/" && type.kind === "INT64") {
    const divisor = `CAST(${second.sql} AS DOUBLE)`;
    const sql = `CASE WHEN ${divisor} = 0 THEN error('division by zero') ELSE CAST(${first.sql} AS DOUBLE) / ${divisor} END`;
    return { sql, type: scalar("FLOAT64") };
  }
  if (type.kind === "BIGNUMERIC") return { sql: `bq_big_${name}(${first.sql}, ${second.sql})`, type };
  if (type.kind === "NUMERIC") {
    const sides = [first, second].map((side) => castTo(side, "BIGNUMERIC", false).sql).join(", ");
    return castTo({ sql: `bq_big_${name}(${sides})`, type: scalar("BIGNUMERIC") }, "NUMERIC", false);
  }
  if (type.kind !== "INT64" && type.kind !== "FLOAT64") throw noSignature(`operator ${operator}`, [left, right]);
  return { sql: `(${first.sql} ${operator} ${second.sql})`, type };
}

/** EXTRACT. Error: invalidQuery. */
export function extract(part: string, operand: Value): Value {
  const moment = operand.type.kind === "TIMESTAMP" ? `timezone('UTC', ${operand.sql})` : operand.sql;
  if (!["DATE", "DATETIME", "TIMESTAMP"].includes(operand.type.kind)) throw noSignature("function EXTRACT", [operand]);
  if (part === "DATE") return { sql: `CAST(${moment} AS DATE)`, type: scalar("DATE") };
  const known = ["YEAR", "QUARTER", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"];
  if (!known.includes(part)) throw queryError(`A valid date part name is required but found ${part}`);
  return { sql: `CAST(date_part('${part}', ${moment}) AS BIGINT)`, type: scalar("INT64") };
}
