import type { ColumnType, FileFormat } from "../model.ts";
import { canonicalName, fold } from "./names.ts";

/** What one header says of a column's type, and what kind of file says it. */
export interface TypeOpinion {
  readonly type: ColumnType;
  readonly format: FileFormat;
}

/**
 * The type of a new column that can hold what all headers declare for it, whatever their order. Where none declares one,
 * or they contradict each other, it is the `known` type of the column: one odd delivery must not decide for all others.
 * Never `double`: what billhouse makes itself is exact.
 */
export function commonType(opinions: readonly TypeOpinion[], known: ColumnType | undefined): ColumnType | undefined {
  const mapped = opinions.some(({ type }) => type === "json");
  const types = new Set<ColumnType>();
  for (const { type, format } of opinions) {
    // A map is JSON text in CSV files, so that text there does not contradict the maps of Parquet files.
    if (mapped && type === "text" && format === "csv") continue;
    types.add(type === "double" ? "decimal" : type);
  }
  const [first] = types;
  if (types.size <= 1) return first ?? known;
  if (types.size === 2 && types.has("decimal") && types.has("bigint")) return "decimal";
  if (types.size === 2 && types.has("timestamp") && types.has("date")) return "timestamp";
  return known ?? "text";
}

/**
 * Looks up types of well-known columns by source name. `category/*` in the dictionary speaks for a category; without
 * regard to case where names are not case-sensitive, and there a localised header is known by its canonical name.
 */
export function createTypeLookup(
  wellKnown: Readonly<Record<string, ColumnType>>,
  caseSensitive: boolean,
): (sourceName: string) => ColumnType | undefined {
  const types = new Map(Object.entries(wellKnown).map(([name, type]) => [caseSensitive ? name : fold(name), type]));
  return (sourceName) => {
    const name = caseSensitive ? sourceName : fold(canonicalName(sourceName));
    const slash = name.indexOf("/");
    return types.get(name) ?? (slash < 0 ? undefined : types.get(`${name.slice(0, slash)}/*`));
  };
}
