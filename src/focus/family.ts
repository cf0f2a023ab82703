import type { Dialect } from "./dialects/dialect.ts";
import type { Family } from "./mapping.ts";
import { type Relation, reference } from "./relations.ts";

/** The field with the export of a row, which every row has. */
export const ownExport = "x_Export";
/** The field with the kind of the table of a row. */
export const ownKind = "own_kind";

/** The kind of a table whose rows do not show what it is. */
export const unknownKind = "unknown";

/** The field with the first export of a kind that has a key of the row in the same month; NULL if there is none. */
export function exportField(kind: string, key: string): string {
  return `${kind}_in_${key}`;
}

/** The fields that a family adds to each row. */
export function familyFields(family: Family | undefined): readonly string[] {
  if (family === undefined) return [];
  return [ownExport, ownKind, ...family.keys.flatMap((key) => kindsOf(family).map((kind) => exportField(kind, key)))];
}

/**
 * What the tables of a family have together: a relation with the fields that the family adds, by export, month and keys. `rows`
 * is the relation with the lines of all tables, with the facts that are keys, and `shows` are the conditions of the kinds on its
 * rows as `r`.
 */
export function familyRelation(
  { name, family, shows, rows, declared, known }: FamilyLines,
  own: { readonly export: string; readonly month: string },
  dialect: Dialect,
): Relation {
  const { identifier, literal } = dialect;
  const [exportName, month] = [identifier(own.export), identifier(own.month)];
  const monthOf = `COALESCE(r.${month}, '')`;
  const keys = family.keys.map((key) => `r.${identifier(key)}`);
  const shown = shows.map((sql, position) => `MAX(CASE WHEN ${sql} THEN 1 ELSE 0 END) AS ${evidence(position)}`);
  const ofMonth = `k.${exportName} = c.${exportName} AND k.${month} = c.${month}`;
  const cases = family.kinds.map(([kind], position) => `WHEN MAX(c.${evidence(position)}) = 1 THEN ${literal(kind)}`);
  const byKeys = family.keys.map((key, position) => {
    const columns = [month, identifier(key)].map((column) => `c.${column}`).join(", ");
    const exports = kindsOf(family).map(
      (kind) =>
        `MIN(CASE WHEN k.kind = ${literal(kind)} THEN c.${exportName} END) AS ${identifier(exportField(kind, key))}`,
    );
    return `by_key_${position} AS (SELECT ${columns}, ${exports.join(", ")}
FROM covered AS c JOIN kinds AS k ON ${ofMonth} GROUP BY ${columns})`;
  });
  const fields = family.keys.flatMap((key, position) =>
    kindsOf(family).map((kind) => `e${position}.${identifier(exportField(kind, key))}`),
  );
  const joins = family.keys.map((key, position) => {
    const on = [month, identifier(key)].map((column) => `e${position}.${column} = c.${column}`);
    return `LEFT JOIN by_key_${position} AS e${position} ON ${on.join(" AND ")}`;
  });
  const shownKinds =
    known === null
      ? `SELECT c.${exportName}, CASE ${cases.join(" ")} ELSE ${literal(unknownKind)} END AS kind\nFROM covered AS c GROUP BY c.${exportName}`
      : dialect.relation([own.export, "kind"], known);
  const kinds = `SELECT DISTINCT c.${exportName}, c.${month}, ${declared.length === 0 ? "k.kind" : "COALESCE(d.kind, k.kind)"} AS kind
FROM covered AS c JOIN (${shownKinds}) AS k ON k.${exportName} = c.${exportName}${
    declared.length === 0
      ? ""
      : `\nLEFT JOIN (${declared.join("\nUNION ALL\n")}) AS d ON d.export_name = c.${exportName} AND d.billing_month = c.${month}`
  }`;
  const columns = [exportName, month, ...family.keys.map(identifier)].map((column) => `c.${column}`);
  return {
    name: relationName(name),
    // Rows without a month have one together.
    sql: `WITH covered AS (SELECT r.${exportName}, ${[`${monthOf} AS ${month}`, ...keys, ...shown].join(", ")}
FROM ${reference(rows)} AS r GROUP BY ${[`r.${exportName}`, monthOf, ...keys].join(", ")}),
kinds AS (${kinds}),
${byKeys.join(",\n")}
SELECT ${[...columns, `k.kind AS ${identifier(ownKind)}`, ...fields].join(", ")}
FROM covered AS c JOIN kinds AS k ON ${ofMonth}
${joins.join("\n")}`,
  };
}

/** The lines of the tables of a family. */
export interface FamilyLines {
  readonly name: string;
  readonly family: Family;
  readonly shows: readonly string[];
  readonly rows: string;
  /** Statements for the kinds that manifests declare: `export_name`, `billing_month`, `kind`. */
  readonly declared: readonly string[];
  /** The kinds that the rows of exports show, if they are known; null to find them in the rows. */
  readonly known: readonly (readonly [exportName: string, kind: string])[] | null;
}

/** The rows of a query with the fields that the family adds. */
export function withFamily(
  { name, family }: Pick<FamilyLines, "name" | "family">,
  rows: string,
  own: { readonly export: string; readonly month: string },
  { identifier }: Dialect,
): string {
  const added = familyFields(family).filter((field) => field !== own.export);
  const month = identifier(own.month);
  const on = [own.export, ...family.keys].map((column) => `e.${identifier(column)} = f.${identifier(column)}`);
  return `SELECT ${["f.*", ...added.map((field) => `e.${identifier(field)}`)].join(", ")}
FROM (${rows}) AS f
  LEFT JOIN ${reference(relationName(name))} AS e ON ${on.join(" AND ")} AND e.${month} = COALESCE(f.${month}, '')`;
}

function kindsOf(family: Family): readonly string[] {
  return [...new Set(family.kinds.map(([kind]) => kind)), unknownKind];
}

function evidence(position: number): string {
  return `shows_${position}`;
}

function relationName(name: string): string {
  return `tables_of_${name}`;
}
