import type { Dialect } from "./dialects/dialect.ts";

/** A query with a name, which other queries read by `reference`. */
export interface Relation {
  readonly name: string;
  readonly sql: string;
}

// No text of a query contains it.
const mark = "\u0000";

/** What stands for a relation after FROM and JOIN until `composed` makes the whole query. */
export function reference(name: string): string {
  return `${mark}${name}${mark}`;
}

/**
 * A query with the relations that it and they read; a relation reads only earlier ones. In BigQuery they have names in a WITH
 * clause, which keeps the text short. In DuckDB each stands where it is read: DuckDB computes all columns of a query in a WITH
 * clause that is read several times, and of everything below it, whichever columns are asked for, and forgets
 * NOT MATERIALIZED in a view.
 */
export function composed(
  relations: readonly Relation[],
  select: string,
  { identifier, hasNamedRelations }: Dialect,
): string {
  const replaced = (sql: string, by: (name: string) => string): string =>
    sql
      .split(mark)
      .map((part, position) => (position % 2 === 0 ? part : by(part)))
      .join("");
  if (!hasNamedRelations) {
    const known = new Map(relations.map(({ name, sql }) => [name, sql]));
    const inPlace = (name: string): string => {
      const sql = known.get(name);
      if (sql === undefined) throw new TypeError(`The relation ${name} is read, but not defined.`);
      return `(${replaced(sql, inPlace)})`;
    };
    return replaced(select, inPlace);
  }
  const named = relations.map(({ name, sql }) => `${identifier(name)} AS (${replaced(sql, identifier)})`);
  const clause = named.length === 0 ? "" : `WITH ${named.join(",\n")}\n`;
  return `${clause}${replaced(select, identifier)}`;
}
