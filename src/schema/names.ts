import { createHash } from "node:crypto";

/** The longest column name that BigQuery allows, in characters: https://cloud.google.com/bigquery/docs/schemas#column_names */
export const longestName = 300;

const unnamed = "unknown_column";

const reservedWords: ReadonlySet<string> = new Set(
  "group order user table index key value timestamp date year month day hour minute second from to".split(" "),
);

/** Prefixes that BigQuery refuses, in any case: https://cloud.google.com/bigquery/docs/schemas#column_names */
const refusedPrefix =
  /^(_TABLE_|_FILE_|_PARTITION|_ROW_TIMESTAMP|__ROOT__|_COLIDENTIFIER|_CHANGE_SEQUENCE_NUMBER|_CHANGE_TYPE|_CHANGE_TIMESTAMP)/i;

/** What BigQuery's flexible column names allow: https://cloud.google.com/bigquery/docs/schemas#flexible-column-names */
const refusedCharacter = /[^\p{L}\p{N}\p{Pc}\p{Pd}\p{M}&%=+:'<>#| ]/gu;

/**
 * The table's name for a column of a legacy CUR CSV file (`category/name`), equal to the Python pipelines' name before
 * they resolved collisions, so that their tables continue. Two source names can give the same result; it is
 * never empty and contains only `a-z`, `0-9` and `_`. Only names too long for every warehouse are cut (see `deliveredName`).
 */
export function normaliseCurName(sourceName: string): string {
  const name = sourceName
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/gu, "_")
    .replaceAll(/^_|_$/g, "");
  if (name === "") return unnamed;
  if (/^[0-9]/.test(name)) return fit(`col_${name}`, sourceName);
  return fit(reservedWords.has(name) ? `${name}_col` : name, sourceName);
}

/**
 * The table's name for a column of every other export: the delivered name, with `_` in place of each character that
 * BigQuery refuses. A name of only spaces is `unknown_column`; a name with a prefix that BigQuery refuses gets `col` in
 * front; a name over 300 characters is cut and ends in a hash of the whole name, so that two long names stay different.
 */
export function deliveredName(sourceName: string): string {
  const name = sourceName.replaceAll(refusedCharacter, "_");
  if (name.trim() === "") return unnamed;
  return fit(refusedPrefix.test(name) ? `col${name}` : name, sourceName);
}

/**
 * The name in parentheses at the end of a localised Azure header (`Kostenstelle (CostCenter)` gives `CostCenter`), by
 * which the column is known in every language; any other name unchanged.
 */
export function canonicalName(sourceName: string): string {
  return /^.*\S\s+\((\w+)\)$/u.exec(sourceName)?.[1] ?? sourceName;
}

/** A name as warehouses compare names of columns and tables: without regard to case. */
export function fold(name: string): string {
  return name.toLowerCase();
}

/** A name with `_<number>` behind it, cut if the result would be longer than a warehouse allows. */
export function numberedName(name: string, number: number): string {
  const suffix = `_${number}`;
  return (
    Array.from(name)
      .slice(0, longestName - suffix.length)
      .join("") + suffix
  );
}

function fit(name: string, sourceName: string): string {
  const characters = Array.from(name);
  if (characters.length <= longestName) return name;
  const hash = createHash("sha256").update(sourceName).digest("hex").slice(0, 12);
  return `${characters.slice(0, longestName - hash.length - 1).join("")}_${hash}`;
}
