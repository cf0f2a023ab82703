import { syntaxError } from "./failures.ts";
import { parseExpression } from "./parse-expressions.ts";
import { parseAlias, parseFrom, parsePath, parseQuery } from "./parse-queries.ts";
import { createReader, type Reader } from "./reader.ts";
import type { Expression, Statement } from "./syntax.ts";

type Parsed = Statement extends infer S ? (S extends Statement ? Omit<S, "sql"> : never) : never;

/** Parses a script: statements with semicolons between. Error: a syntax error, also for what this server does not know. */
export function parseScript(sql: string): readonly Statement[] {
  const statements = parsed.get(sql) ?? readScript(sql);
  parsed.delete(sql);
  parsed.set(sql, statements);
  for (const oldest of parsed.keys()) {
    if (parsed.size <= 50) break;
    parsed.delete(oldest);
  }
  return statements;
}

/** The scripts of the last parses: queries come as a dry run first, and read the same views. */
const parsed = new Map<string, readonly Statement[]>();

function readScript(sql: string): readonly Statement[] {
  const reader = createReader(sql);
  const statements: Statement[] = [];
  while (reader.takes(";"));
  if (reader.peek().kind === "end") throw syntaxError("Unexpected end of statement at [1:1]");
  while (reader.peek().kind !== "end") {
    const { at } = reader.peek();
    const parsed = parseStatement(reader);
    const end = reader.peek();
    statements.push({ ...parsed, sql: reader.text(at, end.at).trim() });
    if (end.kind !== "end" && !reader.sees(";")) throw reader.unexpected();
    while (reader.takes(";"));
  }
  return statements;
}

function parseStatement(reader: Reader): Parsed {
  if (reader.sees("SELECT") || reader.sees("WITH") || reader.sees("("))
    return { s: "query", query: parseQuery(reader) };
  if (reader.takes("INSERT")) return parseInsert(reader);
  if (reader.takes("UPDATE")) return parseUpdate(reader);
  if (reader.takes("DELETE")) return parseDelete(reader);
  if (reader.takes("BEGIN", "TRANSACTION")) return { s: "begin" };
  if (reader.takes("COMMIT", "TRANSACTION")) return { s: "commit" };
  if (reader.takes("ROLLBACK", "TRANSACTION")) return { s: "rollback" };
  if (reader.takes("IF")) return parseRaise(reader);
  if (reader.sees("CREATE", "TABLE") || reader.sees("CREATE", "OR", "REPLACE", "TABLE")) return parseCreate(reader);
  if (reader.takes("ALTER", "TABLE")) return parseAlter(reader);
  if (reader.takes("DROP", "TABLE")) {
    const ifExists = reader.takes("IF", "EXISTS");
    return { s: "drop", table: parsePath(reader), ifExists };
  }
  throw reader.unexpected();
}

// Documented: standard-sql/procedural-language#if and #raise; this server knows no other use of them.
function parseRaise(reader: Reader): Parsed {
  const condition = parseExpression(reader);
  reader.expect("THEN", "RAISE", "USING", "MESSAGE", "=");
  const message = reader.string();
  reader.expect(";", "END", "IF");
  return { s: "raise", condition, message };
}

function parseInsert(reader: Reader): Parsed {
  reader.takes("INTO");
  const table = parsePath(reader);
  const columns: string[] = [];
  if (reader.takes("(")) {
    do columns.push(reader.name());
    while (reader.takes(","));
    reader.expect(")");
  }
  if (!reader.takes("VALUES")) return { s: "insert", table, columns, query: parseQuery(reader) };
  const values: Expression[][] = [];
  do {
    reader.expect("(");
    const row: Expression[] = [];
    do row.push(parseExpression(reader));
    while (reader.takes(","));
    reader.expect(")");
    values.push(row);
  } while (reader.takes(","));
  return { s: "insert", table, columns, values };
}

function parseUpdate(reader: Reader): Parsed {
  const table = parsePath(reader);
  const alias = parseAlias(reader);
  reader.expect("SET");
  const set: { name: string; value: Expression }[] = [];
  do {
    const first = reader.name();
    const name = reader.takes(".") ? reader.name() : first;
    reader.expect("=");
    set.push({ name, value: parseExpression(reader) });
  } while (reader.takes(","));
  const from = reader.takes("FROM") ? parseFrom(reader) : undefined;
  const where = parseWhere(reader, "UPDATE");
  return { s: "update", table, set, where, ...(alias !== undefined && { alias }), ...(from && { from }) };
}

function parseDelete(reader: Reader): Parsed {
  reader.takes("FROM");
  const table = parsePath(reader);
  const alias = parseAlias(reader);
  return { s: "delete", table, where: parseWhere(reader, "DELETE"), ...(alias !== undefined && { alias }) };
}

// Documented: standard-sql/dml-syntax; both need a WHERE.
function parseWhere(reader: Reader, statement: string): Expression {
  if (reader.takes("WHERE")) return parseExpression(reader);
  if (reader.peek().kind === "end" || reader.sees(";")) throw syntaxError(`${statement} must have a WHERE clause`);
  throw reader.unexpected();
}

function parseCreate(reader: Reader): Parsed {
  reader.expect("CREATE");
  const replace = reader.takes("OR", "REPLACE");
  reader.expect("TABLE");
  const table = parsePath(reader);
  const partition = reader.takes("PARTITION", "BY") ? parseExpression(reader) : undefined;
  const cluster: string[] = [];
  if (reader.takes("CLUSTER", "BY"))
    do cluster.push(reader.name());
    while (reader.takes(","));
  // Documented: data-definition-language#table_option_list.
  const options: { expiration?: Expression; key?: Expression } = {};
  if (reader.takes("OPTIONS", "(")) {
    do {
      if (reader.takes("PARTITION_EXPIRATION_DAYS", "=")) options.expiration = parseExpression(reader);
      else if (reader.takes("KMS_KEY_NAME", "=")) options.key = parseExpression(reader);
      else throw reader.unexpected();
    } while (reader.takes(","));
    reader.expect(")");
  }
  reader.expect("AS");
  const layout = { ...(partition && { partition }), ...options };
  return { s: "create", table, replace, cluster, query: parseQuery(reader), ...layout };
}

function parseAlter(reader: Reader): Parsed {
  const table = parsePath(reader);
  if (reader.takes("RENAME", "TO")) return { s: "rename", table, to: reader.name() };
  if (reader.takes("DROP", "COLUMN")) return { s: "dropColumn", table, column: reader.name() };
  reader.expect("RENAME", "COLUMN");
  const column = reader.name();
  reader.expect("TO");
  return { s: "renameColumn", table, column, to: reader.name() };
}
