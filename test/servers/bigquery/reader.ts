import { syntaxError } from "./failures.ts";

import { place, type Token, tokensOf } from "./tokens.ts";

/** Reads the pieces of a script one after the other. */
export interface Reader {
  /** The piece that comes next, or the one after so many others. */
  peek(ahead?: number): Token;
  next(): Token;
  /** Whether these words or symbols come next; takes nothing. */
  sees(...texts: readonly string[]): boolean;
  /** Takes these words or symbols when they come next. */
  takes(...texts: readonly string[]): boolean;
  /** Takes these words or symbols. Error: a syntax error when something else comes next. */
  expect(...texts: readonly string[]): void;
  /** Takes a name, quoted or not. */
  name(): string;
  /** Takes a string literal. */
  string(): string;
  unexpected(): Error;
  /** The SQL between two offsets. */
  text(from: number, to: number): string;
}

const reserved = new Set(
  `ALL AND ANY ARRAY AS ASC ASSERT_ROWS_MODIFIED AT BETWEEN BY CASE CAST COLLATE CONTAINS CREATE CROSS CUBE CURRENT DEFAULT
  DEFINE DESC DISTINCT ELSE END ENUM ESCAPE EXCEPT EXCLUDE EXISTS EXTRACT FALSE FETCH FOLLOWING FOR FROM FULL GROUP GROUPING
  GROUPS HASH HAVING IF IGNORE IN INNER INTERSECT INTERVAL INTO IS JOIN LATERAL LEFT LIKE LIMIT LOOKUP MERGE NATURAL NEW NO
  NOT NULL NULLS OF ON OR ORDER OUTER OVER PARTITION PRECEDING PROTO QUALIFY RANGE RECURSIVE RESPECT RIGHT ROLLUP ROWS SELECT
  SET SOME STRUCT TABLESAMPLE THEN TO TREAT TRUE UNBOUNDED UNION UNNEST USING WHEN WHERE WINDOW WITH WITHIN`.split(
    /\s+/u,
  ),
);

/** Whether a word must be quoted to be a name (documented: standard-sql/lexical#reserved_keywords). */
export function isReserved(word: string): boolean {
  return reserved.has(word.toUpperCase());
}

/** A reader of a script. Error: a syntax error. */
export function createReader(sql: string): Reader {
  const tokens = tokensOf(sql);
  const end = tokens.at(-1) as Token;
  let position = 0;
  const peek = (ahead = 0): Token => tokens[position + ahead] ?? end;
  const sees = (...texts: readonly string[]): boolean => texts.every((wanted, ahead) => peek(ahead).upper === wanted);
  const unexpected = (): Error => {
    const { kind, text, upper: word, at } = peek();
    const what = { word: "identifier ", quoted: "identifier ", string: "string literal ", number: "integer literal " };
    const keyword = kind === "word" && isReserved(text) ? `keyword ${word}` : undefined;
    const shown = kind === "end" ? text : (keyword ?? `${what[kind as "word"] ?? ""}"${text}"`);
    return syntaxError(`Unexpected ${shown} at ${place(sql, at)}`);
  };
  const next = (): Token => {
    const token = peek();
    position++;
    return token;
  };
  const takes = (...texts: readonly string[]): boolean => {
    const found = sees(...texts);
    if (found) position += texts.length;
    return found;
  };
  return {
    peek,
    next,
    sees,
    takes,
    expect(...texts) {
      for (const wanted of texts) if (!takes(wanted)) throw unexpected();
    },
    name() {
      const { kind, text } = peek();
      if (kind !== "quoted" && (kind !== "word" || isReserved(text))) throw unexpected();
      return next().text;
    },
    string() {
      if (peek().kind !== "string") throw unexpected();
      return next().text;
    },
    unexpected,
    text: (from, to) => sql.slice(from, to),
  };
}
