import { parseExpression, parseList, parseOrder } from "./parse-expressions.ts";
import { parseQuery } from "./parse-queries.ts";
import { isReserved, type Reader } from "./reader.ts";

import type { Expression, Over } from "./syntax.ts";

/** Parses what may follow an operand: fields and elements. Error: a syntax error. */
export function parsePostfix(reader: Reader, first: Expression): Expression {
  let operand = first;
  for (;;) {
    if (operand.e !== "name" && reader.takes(".")) operand = { e: "field", operand, name: reader.next().text };
    else if (reader.takes("[")) {
      const how = reader.next().text.toUpperCase();
      if (!["OFFSET", "SAFE_OFFSET"].includes(how)) throw reader.unexpected();
      reader.expect("(");
      const index = parseExpression(reader);
      reader.expect(")", "]");
      operand = { e: "offset", operand, index, safe: how === "SAFE_OFFSET" };
    } else return operand;
  }
}

/** Parses an operand. Error: a syntax error. */
export function parsePrimary(reader: Reader): Expression {
  const { kind, text, at } = reader.peek();
  if (kind === "number") {
    reader.next();
    return { e: "literal", kind: /^\d+$/u.test(text) ? "INT64" : "FLOAT64", value: text };
  }
  if (kind === "string") return { e: "literal", kind: "STRING", value: reader.string() };
  if (kind === "parameter") return { e: "parameter", name: reader.next().text };
  if (kind === "system" && text === "row_count") {
    reader.next();
    return { e: "rowCount" };
  }
  if (reader.takes("(")) {
    if (reader.sees("SELECT") || reader.sees("WITH")) {
      const query = parseQuery(reader);
      reader.expect(")");
      return { e: "subquery", query };
    }
    const inner = parseExpression(reader);
    reader.expect(")");
    return inner.e === "name" ? { e: "unary", operator: "()", operand: inner } : inner;
  }
  if (reader.takes("[")) return { e: "array", items: parseList(reader, "]") };
  const word = kind === "word" ? text.toUpperCase() : "";
  const special = parseSpecial(reader, word);
  if (special !== undefined) return special;
  if (
    kind === "word" &&
    reader.sees(word, "(") &&
    (!isReserved(word) || ["GROUPING", "IF", "LEFT", "RIGHT"].includes(word))
  ) {
    return parseCall(reader, word, at);
  }
  if (reader.takes("SAFE", ".")) {
    if (!reader.sees("PARSE_JSON", "(")) throw reader.unexpected();
    return parseCall(reader, "SAFE.PARSE_JSON", at);
  }
  const path = [reader.name()];
  while (reader.sees(".") && ["word", "quoted"].includes(reader.peek(1).kind)) {
    reader.next();
    path.push(reader.next().text);
  }
  return { e: "name", path, at };
}

function parseSpecial(reader: Reader, word: string): Expression | undefined {
  if (reader.takes("NULL")) return { e: "null" };
  if (reader.takes("TRUE")) return { e: "literal", kind: "BOOL", value: "true" };
  if (reader.takes("FALSE")) return { e: "literal", kind: "BOOL", value: "false" };
  if (reader.takes("CASE")) return parseCase(reader);
  if (reader.takes("CAST", "(")) return parseCast(reader, false);
  if (reader.takes("SAFE_CAST", "(")) return parseCast(reader, true);
  if (["DATE", "DATETIME", "TIMESTAMP", "NUMERIC", "BIGNUMERIC"].includes(word) && reader.peek(1).kind === "string") {
    reader.next();
    return { e: "typed", type: word, value: reader.string() };
  }
  if (reader.takes("EXISTS", "(")) {
    const query = parseQuery(reader);
    reader.expect(")");
    return { e: "exists", query };
  }
  if (reader.takes("ARRAY", "(")) {
    const query = parseQuery(reader);
    reader.expect(")");
    return { e: "arrayQuery", query };
  }
  if (reader.takes("ARRAY", "[")) return { e: "array", items: parseList(reader, "]") };
  if (reader.takes("ARRAY", "<", "STRUCT", "<")) return parseTypedRows(reader);
  if (reader.takes("STRUCT", "(")) return parseStruct(reader);
  if (reader.takes("EXTRACT", "(")) {
    const part = reader.next().text.toUpperCase();
    reader.expect("FROM");
    const operand = parseExpression(reader);
    reader.expect(")");
    return { e: "extract", part, operand };
  }
  return undefined;
}

function parseCase(reader: Reader): Expression {
  const operand = reader.sees("WHEN") ? undefined : parseExpression(reader);
  const whens: [Expression, Expression][] = [];
  while (reader.takes("WHEN")) {
    const when = parseExpression(reader);
    reader.expect("THEN");
    whens.push([when, parseExpression(reader)]);
  }
  const otherwise = reader.takes("ELSE") ? parseExpression(reader) : undefined;
  reader.expect("END");
  return { e: "case", whens, ...(operand && { operand }), ...(otherwise && { otherwise }) };
}

function parseCast(reader: Reader, safe: boolean): Expression {
  const operand = parseExpression(reader);
  reader.expect("AS");
  const type = reader.next().text.toUpperCase();
  reader.expect(")");
  return { e: "cast", safe, operand, type };
}

function parseStruct(reader: Reader): Expression {
  const fields: { name: string; value: Expression }[] = [];
  do {
    const value = parseExpression(reader);
    const own = value.e === "name" ? (value.path.at(-1) ?? "") : "";
    fields.push({ value, name: reader.takes("AS") ? reader.name() : own });
  } while (reader.takes(","));
  reader.expect(")");
  return { e: "struct", fields };
}

/**
 * An array of structs with types, whose elements are tuples: `ARRAY<STRUCT<x STRING, y STRING>>[('a', NULL)]`. Documented:
 * query-syntax#unnest_operator.
 */
function parseTypedRows(reader: Reader): Expression {
  const columns: { name: string; type: string }[] = [];
  do columns.push({ name: reader.name(), type: reader.next().text.toUpperCase() });
  while (reader.takes(","));
  reader.expect(">", ">", "[");
  const items: Expression[] = [];
  do {
    reader.expect("(");
    const fields = columns.map(({ name, type }, index) => {
      if (index > 0) reader.expect(",");
      return { name, value: { e: "cast", safe: false, operand: parseExpression(reader), type } as const };
    });
    reader.expect(")");
    items.push({ e: "struct", fields });
  } while (reader.takes(","));
  reader.expect("]");
  return { e: "array", items };
}

function parseCall(reader: Reader, name: string, at: number): Expression {
  reader.next();
  reader.expect("(");
  const distinct = reader.takes("DISTINCT");
  const star = reader.takes("*");
  const list: Expression[] = [];
  if (!star && !reader.sees(")")) {
    do
      list.push(
        isPart(reader, name, list.length)
          ? { e: "literal", kind: "STRING", value: reader.next().text.toUpperCase() }
          : parseExpression(reader),
      );
    while (reader.takes(","));
  }
  const order = reader.takes("ORDER", "BY") ? parseOrder(reader) : [];
  const limit = reader.takes("LIMIT") ? reader.next().text : undefined;
  reader.expect(")");
  const over = reader.takes("OVER") ? parseOver(reader) : undefined;
  return {
    e: "call",
    name,
    at,
    arguments: list,
    star,
    distinct,
    order,
    ...(limit && { limit }),
    ...(over && { over }),
  };
}

/** Whether a date part comes next, as in DATE_TRUNC(x, MONTH). */
function isPart(reader: Reader, name: string, index: number): boolean {
  return (
    index > 0 &&
    /_(TRUNC|DIFF)$/u.test(name) &&
    /^(DAY|WEEK|MONTH|QUARTER|YEAR|HOUR|MINUTE|SECOND)$/iu.test(reader.peek().text)
  );
}

function parseOver(reader: Reader): Over {
  reader.expect("(");
  const partition: Expression[] = [];
  if (reader.takes("PARTITION", "BY"))
    do partition.push(parseExpression(reader));
    while (reader.takes(","));
  const order = reader.takes("ORDER", "BY") ? parseOrder(reader) : [];
  reader.expect(")");
  return { partition, order };
}
