import { syntaxError } from "./failures.ts";

/** A piece of GoogleSQL. The text of a word is as written, that of a string or a quoted name is its content. */
export interface Token {
  readonly kind: "word" | "quoted" | "string" | "number" | "parameter" | "system" | "symbol" | "end";
  readonly text: string;
  /** The word or symbol in capitals; undefined for other kinds. */
  readonly upper?: string;
  /** Offset in the SQL. */
  readonly at: number;
}

const pieces: readonly (readonly [Token["kind"] | "space" | "raw", RegExp])[] = [
  ["space", /(?:\s+|--[^\n]*|#[^\n]*|\/\*[^]*?\*\/)/uy],
  ["raw", /[rR](?:'([^'\n]*)'|"([^"\n]*)")/uy],
  ["string", /'([^'\n]*)'|"([^"\n]*)"/uy],
  ["quoted", /`([^`\n]+)`/uy],
  ["system", /@@([A-Za-z_][\w.]*)/uy],
  ["parameter", /@([A-Za-z_]\w*)/uy],
  ["number", /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/uy],
  ["word", /[A-Za-z_]\w*/uy],
  ["symbol", /<=|>=|!=|<>|\|\||[-+*/(),.;=<>[\]]/uy],
];

/** Takes GoogleSQL to pieces. Error: a syntax error for what belongs to no piece, and for escapes in literals. */
export function tokensOf(sql: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < sql.length) {
    const found = pieceAt(sql, at);
    if (found === undefined) throw syntaxError(`Illegal input character "${sql[at]}" at ${place(sql, at)}`);
    const { kind, match } = found;
    const content = match[1] ?? match[2] ?? match[0];
    if (kind === "string" && (content.includes("\\") || sql.startsWith(match[0].slice(0, 1).repeat(3), at))) {
      throw syntaxError(`Illegal escape sequence or literal at ${place(sql, at)} (this server takes neither)`);
    }
    if (kind === "raw") tokens.push({ kind: "string", text: match[1] ?? match[2] ?? "", at });
    else if (kind === "string") tokens.push({ kind, text: match[1] ?? match[2] ?? "", at });
    else if (kind === "word" || kind === "symbol")
      tokens.push({ kind, text: content, upper: content.toUpperCase(), at });
    else if (kind !== "space") tokens.push({ kind, text: content, at });
    at += match[0].length;
  }
  return [...tokens, { kind: "end", text: "end of script", at: sql.length }];
}

function pieceAt(
  sql: string,
  at: number,
): { kind: Token["kind"] | "space" | "raw"; match: RegExpExecArray } | undefined {
  for (const [kind, pattern] of pieces) {
    pattern.lastIndex = at;
    const match = pattern.exec(sql);
    if (match !== null) return { kind, match };
  }
  return undefined;
}

/** A place in SQL as messages name it: `[line:column]`. */
export function place(sql: string, at: number): string {
  const before = sql.slice(0, at).split("\n");
  return `[${before.length}:${(before.at(-1) ?? "").length + 1}]`;
}
