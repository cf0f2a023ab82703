import type { Dialect } from "./dialects/dialect.ts";
import type { Family } from "./mapping.ts";
import type { Relation } from "./render.ts";

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
 * What the tables of a family have together, as relations. `name` starts their names, `rows` is the relation with the lines of
 * all tables, with the facts that are keys, and `shows` are the conditions of the kinds on its rows as `r`.
 */
export function familyRelations(
  { name, family, shows, rows }: FamilyLines,
  own: { readonly export: string; readonly month: string },
  { identifier, literal }: Dialect,
): readonly Relation[] {
  const { covered, kinds } = names(name);
  const [exportName, month] = [identifier(own.export), identifier(own.month)];
  const by = [exportName, month, ...family.keys.map(identifier)].map((column) => `r.${column}`).join(", ");
  const shown = shows.map((sql, position) => `MAX(CASE WHEN ${sql} THEN 1 ELSE 0 END) AS ${evidence(position)}`);
  const cases = family.kinds.map(([kind], position) => `WHEN MAX(c.${evidence(position)}) = 1 THEN ${literal(kind)}`);
  const byKey = family.keys.map((key) => {
    const columns = [month, identifier(key)].map((column) => `c.${column}`).join(", ");
    const exports = kindsOf(family).map(
      (kind) =>
        `MIN(CASE WHEN k.kind = ${literal(kind)} THEN c.${exportName} END) AS ${identifier(exportField(kind, key))}`,
    );
    return {
      name: names(name).by(key),
      sql: `SELECT ${columns}, ${exports.join(", ")}
FROM ${identifier(covered)} AS c JOIN ${identifier(kinds)} AS k ON k.${exportName} = c.${exportName} GROUP BY ${columns}`,
      isInlined: false,
    };
  });
  return [
    {
      name: covered,
      sql: `SELECT ${by}, ${shown.join(", ")}\nFROM ${identifier(rows)} AS r GROUP BY ${by}`,
      isInlined: false,
    },
    {
      name: kinds,
      sql: `SELECT c.${exportName}, CASE ${cases.join(" ")} ELSE ${literal(unknownKind)} END AS kind
FROM ${identifier(covered)} AS c GROUP BY c.${exportName}`,
      isInlined: false,
    },
    ...byKey,
  ];
}

/** The lines of the tables of a family. */
export interface FamilyLines {
  readonly name: string;
  readonly family: Family;
  readonly shows: readonly string[];
  readonly rows: string;
}

/** The rows of a query with the fields that the family adds. */
export function withFamily(
  { name, family }: Pick<FamilyLines, "name" | "family">,
  rows: string,
  own: { readonly export: string; readonly month: string },
  { identifier }: Dialect,
): string {
  const exportName = identifier(own.export);
  const columns = [
    "f.*",
    `k.kind AS ${identifier(ownKind)}`,
    ...family.keys.flatMap((key, position) =>
      kindsOf(family).map((kind) => `e${position}.${identifier(exportField(kind, key))}`),
    ),
  ];
  const joins = family.keys.map((key, position) => {
    const on = [own.month, key].map((column) => `e${position}.${identifier(column)} = f.${identifier(column)}`);
    return `LEFT JOIN ${identifier(names(name).by(key))} AS e${position} ON ${on.join(" AND ")}`;
  });
  return `SELECT ${columns.join(", ")}
FROM (${rows}) AS f
  LEFT JOIN ${identifier(names(name).kinds)} AS k ON k.${exportName} = f.${exportName}
  ${joins.join("\n  ")}`;
}

function kindsOf(family: Family): readonly string[] {
  return [...new Set(family.kinds.map(([kind]) => kind)), unknownKind];
}

function evidence(position: number): string {
  return `shows_${position}`;
}

function names(name: string): {
  readonly covered: string;
  readonly kinds: string;
  by(this: void, key: string): string;
} {
  return { covered: `exports_of_${name}`, kinds: `kinds_of_${name}`, by: (key) => `${name}_by_${key}` };
}
