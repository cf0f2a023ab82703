import type { Dialect } from "../dialects/dialect.ts";
import { type Condition, some } from "../expression.ts";
import type { Scope } from "../render.ts";
import { own } from "../rows.ts";
import type { AnsweredRule } from "./answer.ts";
import type { Answer } from "./model.ts";

/** The rows that are checked: those of a query with the columns of the view. */
export interface CheckedRows {
  readonly dialect: Dialect;
  /** What stands after FROM: a view, or a query in brackets. */
  readonly from: string;
  /** The rows that are checked, such as those of some months. */
  readonly rows: Condition;
  /** Rows that break a rule because the bill does not have what it demands. */
  readonly excused: readonly Excused[];
  /** The exports whose commitments can be compared with their purchases month by month. */
  readonly commitmentExports: readonly string[];
}

/** Rows of converted bills that break a rule because the bill does not have what it demands. */
export interface Excused {
  readonly rule: string;
  readonly rows: Condition;
}

/** A rule that is answered in one way. */
export type RuleBy<Kind extends Answer["by"]> = AnsweredRule & {
  readonly answer: Extract<Answer, { readonly by: Kind }>;
};

/** The rules that are answered in one way. */
export function answeredBy<Kind extends Answer["by"]>(
  rules: readonly AnsweredRule[],
  kind: Kind,
): readonly RuleBy<Kind>[] {
  return rules.filter((rule): rule is RuleBy<Kind> => rule.answer.by === kind);
}

/** The rows that may break a rule, if there are any. */
export function excuseOf(id: string, { excused }: CheckedRows): Condition | null {
  const rows = excused.filter(({ rule }) => rule === id).map((each) => each.rows);
  return rows.length === 0 ? null : some(...rows);
}

/** The column with the export of a checked row. */
export function exportOf({ identifier }: Dialect): string {
  return `c.${identifier(own.export)}`;
}

/** The column with the billing month of a checked row. */
export function monthOf({ identifier }: Dialect): string {
  return `c.${identifier(own.month)}`;
}

/** The scope of conditions on checked rows. */
export function scopeOf(dialect: Dialect): Scope {
  return {
    dialect,
    from: "c",
    hasColumn: () => "TRUE",
    joined: () => {
      throw new TypeError("A rule cannot use lookups.");
    },
  };
}

/** A value as text. */
export function asText(sql: string, { types }: Dialect): string {
  return `CAST(${sql} AS ${types.text})`;
}

/** Signs that bills hardly use: between several values in one text, and for NULL. */
const separator = "\u241f";
const nothing = "\u2400";

/** Texts as one text (`readTexts`). */
export function oneText(texts: readonly string[], { joined, literal }: Dialect): string {
  return joined(
    texts.map((sql) => `COALESCE(${sql}, ${literal(nothing)})`),
    separator,
  );
}

/** The texts in the value of `oneText`. */
export function readTexts(text: string): readonly (string | null)[] {
  return text.split(separator).map((each) => (each === nothing ? null : each));
}
