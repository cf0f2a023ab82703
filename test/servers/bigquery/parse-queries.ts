import { parseExpression, parseList, parseOrder } from "./parse-expressions.ts";
import type { Reader } from "./reader.ts";

import type { Body, Expression, From, Item, Query, Select } from "./syntax.ts";

/** Parses a query. Error: a syntax error. */
export function parseQuery(reader: Reader): Query {
  const named: { name: string; query: Query }[] = [];
  if (reader.takes("WITH")) {
    do {
      const name = reader.name();
      reader.expect("AS", "(");
      named.push({ name, query: parseQuery(reader) });
      reader.expect(")");
    } while (reader.takes(","));
  }
  const body = parseBody(reader);
  const order = reader.takes("ORDER", "BY") ? parseOrder(reader) : [];
  const limit = reader.takes("LIMIT") ? parseExpression(reader) : undefined;
  const offset = limit && reader.takes("OFFSET") ? parseExpression(reader) : undefined;
  return { with: named, body, order, ...(limit && { limit }), ...(offset && { offset }) };
}

function parseBody(reader: Reader): Body {
  const parts = [parsePart(reader)];
  let distinct: boolean | undefined;
  while (reader.takes("UNION")) {
    const isDistinct = reader.takes("DISTINCT");
    if (!isDistinct) reader.expect("ALL");
    // Documented: standard-sql/query-syntax#set_operators; a mix needs parentheses.
    if (distinct !== undefined && distinct !== isDistinct) throw reader.unexpected();
    distinct = isDistinct;
    parts.push(parsePart(reader));
  }
  return distinct === undefined ? (parts[0] as Body) : { b: "union", distinct, parts };
}

function parsePart(reader: Reader): Body {
  if (reader.takes("(")) {
    const query = parseQuery(reader);
    reader.expect(")");
    return { b: "query", query };
  }
  return { b: "select", select: parseSelect(reader) };
}

function parseSelect(reader: Reader): Select {
  reader.expect("SELECT");
  const distinct = reader.takes("DISTINCT");
  if (!distinct) reader.takes("ALL");
  const items: Item[] = [];
  // A comma may follow the last item (documented: standard-sql/lexical#trailing_commas).
  do items.push(parseItem(reader));
  while (reader.takes(",") && !reader.sees("FROM"));
  const from = reader.takes("FROM") ? parseFrom(reader) : undefined;
  const where = reader.takes("WHERE") ? parseExpression(reader) : undefined;
  const isGrouped = reader.takes("GROUP", "BY");
  const groupingSets = isGrouped && reader.takes("GROUPING", "SETS") ? parseGroupingSets(reader) : undefined;
  const group: Expression[] = [];
  if (isGrouped && groupingSets === undefined)
    do group.push(parseExpression(reader));
    while (reader.takes(","));
  const having = reader.takes("HAVING") ? parseExpression(reader) : undefined;
  const qualify = reader.takes("QUALIFY") ? parseExpression(reader) : undefined;
  return {
    distinct,
    items,
    group,
    ...(from && { from }),
    ...(where && { where }),
    ...(groupingSets && { groupingSets }),
    ...(having && { having }),
    ...(qualify && { qualify }),
  };
}

/** Documented: standard-sql/query-syntax#group_by_grouping_sets; ROLLUP and CUBE among the sets are not known here. */
function parseGroupingSets(reader: Reader): Expression[][] {
  const sets: Expression[][] = [];
  reader.expect("(");
  do {
    sets.push(reader.takes("(") ? parseList(reader, ")") : [parseExpression(reader)]);
  } while (reader.takes(","));
  reader.expect(")");
  return sets;
}

function parseItem(reader: Reader): Item {
  if (reader.takes("*")) return { star: true, ...parseStar(reader) };
  if (["word", "quoted"].includes(reader.peek().kind) && reader.peek(1).text === "." && reader.peek(2).text === "*") {
    const of = reader.name();
    reader.expect(".", "*");
    return { star: true, of, ...parseStar(reader) };
  }
  const value = parseExpression(reader);
  const name = parseAlias(reader);
  return { star: false, value, ...(name !== undefined && { name }) };
}

function parseStar(reader: Reader): { except: string[]; replace: { name: string; value: Expression }[] } {
  const except: string[] = [];
  const replace: { name: string; value: Expression }[] = [];
  if (reader.takes("EXCEPT", "(")) {
    do except.push(reader.name());
    while (reader.takes(","));
    reader.expect(")");
  }
  if (reader.takes("REPLACE", "(")) {
    do {
      const value = parseExpression(reader);
      reader.expect("AS");
      replace.push({ name: reader.name(), value });
    } while (reader.takes(","));
    reader.expect(")");
  }
  return { except, replace };
}

/** Takes an alias, with or without AS. */
export function parseAlias(reader: Reader): string | undefined {
  if (reader.takes("AS")) return reader.name();
  const { kind } = reader.peek();
  if (kind !== "word" && kind !== "quoted") return undefined;
  try {
    return reader.name();
  } catch {
    return undefined;
  }
}

/** Parses what follows FROM. Error: a syntax error. */
export function parseFrom(reader: Reader): From {
  let left = parseRelation(reader);
  for (;;) {
    const kind = joinKind(reader);
    if (kind === undefined) return left;
    const right = parseRelation(reader);
    if (kind === "CROSS") left = { f: "join", kind, left, right };
    else if (reader.takes("USING", "(")) {
      const using: string[] = [];
      do using.push(reader.name());
      while (reader.takes(","));
      reader.expect(")");
      left = { f: "join", kind, left, right, using };
    } else {
      reader.expect("ON");
      left = { f: "join", kind, left, right, on: parseExpression(reader) };
    }
  }
}

function joinKind(reader: Reader): "INNER" | "LEFT" | "RIGHT" | "FULL" | "CROSS" | undefined {
  if (reader.takes(",") || reader.takes("CROSS", "JOIN")) return "CROSS";
  if (reader.takes("JOIN") || reader.takes("INNER", "JOIN")) return "INNER";
  for (const kind of ["LEFT", "RIGHT", "FULL"] as const) {
    if (reader.takes(kind, "JOIN") || reader.takes(kind, "OUTER", "JOIN")) return kind;
  }
  return undefined;
}

function parseRelation(reader: Reader): From {
  const { at } = reader.peek();
  if (reader.takes("UNNEST", "(")) {
    const array = parseExpression(reader);
    reader.expect(")");
    const alias = parseAlias(reader);
    const offset = reader.takes("WITH", "OFFSET") ? (parseAlias(reader) ?? "offset") : undefined;
    return { f: "unnest", array, ...(alias !== undefined && { alias }), ...(offset !== undefined && { offset }) };
  }
  if (reader.takes("(")) {
    if (!["SELECT", "WITH", "("].some((word) => reader.sees(word))) {
      const inner = parseFrom(reader);
      reader.expect(")");
      return inner;
    }
    const query = parseQuery(reader);
    reader.expect(")");
    const alias = parseAlias(reader);
    return { f: "query", query, ...(alias !== undefined && { alias }) };
  }
  const path = parsePath(reader);
  const alias = parseAlias(reader);
  // Documented: standard-sql/query-syntax#for_system_time_as_of; only for a table, and behind its alias.
  const asOf = reader.takes("FOR", "SYSTEM_TIME", "AS", "OF") ? parseExpression(reader) : undefined;
  return { f: "table", path, at, ...(alias !== undefined && { alias }), ...(asOf && { asOf }) };
}

/** Parses the name of a table: one pair of backticks around all of it, or its parts. Error: a syntax error. */
export function parsePath(reader: Reader): string[] {
  const path = reader.peek().kind === "quoted" ? reader.name().split(".") : [reader.name()];
  // A project may have dashes in it without being quoted (documented: standard-sql/lexical#path_expressions).
  while (reader.sees("-") || reader.sees(".")) {
    const symbol = reader.next().text;
    const { kind, text } = reader.next();
    if (!["word", "quoted", "number"].includes(kind)) throw reader.unexpected();
    if (symbol === "-") path.push(`${path.pop() ?? ""}-${text}`);
    else path.push(...(kind === "quoted" ? text.split(".") : [text]));
  }
  return path;
}
