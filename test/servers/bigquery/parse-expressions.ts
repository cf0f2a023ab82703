import { parsePostfix, parsePrimary } from "./parse-primaries.ts";
import { parseQuery } from "./parse-queries.ts";
import type { Reader } from "./reader.ts";
import type { Among, Expression, Ordering } from "./syntax.ts";

/** Parses an expression. Error: a syntax error. */
export function parseExpression(reader: Reader): Expression {
  let left = parseAnd(reader);
  while (reader.takes("OR")) left = binary("OR", left, parseAnd(reader));
  return left;
}

function parseAnd(reader: Reader): Expression {
  let left = parseNot(reader);
  while (reader.takes("AND")) left = binary("AND", left, parseNot(reader));
  return left;
}

function parseNot(reader: Reader): Expression {
  return reader.takes("NOT") ? { e: "unary", operator: "NOT", operand: parseNot(reader) } : parseComparison(reader);
}

function parseComparison(reader: Reader): Expression {
  const left = parseSum(reader);
  for (const operator of ["=", "!=", "<>", "<=", ">=", "<", ">"]) {
    if (reader.takes(operator)) return binary(operator === "<>" ? "!=" : operator, left, parseSum(reader));
  }
  if (reader.takes("IS")) return parseIs(reader, left);
  const not = reader.takes("NOT");
  if (reader.takes("LIKE")) {
    const like = binary("LIKE", left, parseSum(reader));
    return not ? { e: "unary", operator: "NOT", operand: like } : like;
  }
  if (reader.takes("BETWEEN")) {
    const low = parseSum(reader);
    reader.expect("AND");
    return { e: "between", not, operand: left, low, high: parseSum(reader) };
  }
  if (reader.takes("IN")) return { e: "in", not, operand: left, among: parseAmong(reader) };
  if (not) throw reader.unexpected();
  return left;
}

function parseIs(reader: Reader, left: Expression): Expression {
  const not = reader.takes("NOT");
  if (reader.takes("DISTINCT", "FROM")) return { e: "distinct", not, left, right: parseSum(reader) };
  for (const what of ["NULL", "TRUE", "FALSE"]) if (reader.takes(what)) return { e: "is", not, what, operand: left };
  throw reader.unexpected();
}

function parseAmong(reader: Reader): Among {
  if (reader.takes("UNNEST")) {
    reader.expect("(");
    const array = parseExpression(reader);
    reader.expect(")");
    return { array };
  }
  reader.expect("(");
  if (reader.sees("SELECT") || reader.sees("WITH")) {
    const query = parseQuery(reader);
    reader.expect(")");
    return { query };
  }
  return { list: parseList(reader, ")") };
}

function parseSum(reader: Reader): Expression {
  let left = parseProduct(reader);
  for (;;) {
    if (reader.takes("+")) left = binary("+", left, parseProduct(reader));
    else if (reader.takes("-")) left = binary("-", left, parseProduct(reader));
    else return left;
  }
}

function parseProduct(reader: Reader): Expression {
  let left = parseUnary(reader);
  for (;;) {
    const operator = ["*", "/", "||"].find((symbol) => reader.takes(symbol));
    if (operator === undefined) return left;
    left = binary(operator, left, parseUnary(reader));
  }
}

function parseUnary(reader: Reader): Expression {
  if (reader.takes("-")) return { e: "unary", operator: "-", operand: parseUnary(reader) };
  if (reader.takes("+")) return parseUnary(reader);
  return parsePostfix(reader, parsePrimary(reader));
}

/** Parses the keys of an ORDER BY. Error: a syntax error. */
export function parseOrder(reader: Reader): Ordering[] {
  const order: Ordering[] = [];
  do {
    const value = parseExpression(reader);
    const descending = reader.takes("DESC") || (reader.takes("ASC"), false);
    const nulls = reader.takes("NULLS", "FIRST") ? "FIRST" : reader.takes("NULLS", "LAST") ? "LAST" : undefined;
    order.push({ value, descending, ...(nulls && { nulls }) });
  } while (reader.takes(","));
  return order;
}

/** Parses expressions up to a closing symbol. Error: a syntax error. */
export function parseList(reader: Reader, close: string): Expression[] {
  const list: Expression[] = [];
  if (reader.takes(close)) return list;
  do list.push(parseExpression(reader));
  while (reader.takes(","));
  reader.expect(close);
  return list;
}

function binary(operator: string, left: Expression, right: Expression): Expression {
  return { e: "binary", operator, left, right };
}
