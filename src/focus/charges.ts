import { type FocusColumn, focusColumns, type FocusVersion } from "./columns.ts";
import type { Dialect } from "./dialects/dialect.ts";
import { type Constant, type Expression, nothing } from "./expression.ts";
import { familyRelation, withFamily } from "./family.ts";
import { newestLoads } from "./loads.ts";
import { lookups } from "./lookups.ts";
import { type Branch, type ChargeTable, type Family, hasTagColumn, type Mapping } from "./mapping.ts";
import { withoutMissing } from "./missing.ts";
import { fieldsIn, withColumns } from "./reading.ts";
import { composed, type Relation, reference } from "./relations.ts";
import { renderCondition, renderExpression } from "./render.ts";
import { withSharedParts } from "./sharing.ts";
import { linesName, own, rowRelations, rowsName, scopeOf } from "./rows.ts";

/** The columns of one version of the view, in order. */
export function columnsOfVersion(version: FocusVersion): readonly FocusColumn[] {
  return focusColumns.filter(({ versions }) => versions.includes(version));
}

/** A query with the relations that it reads. */
export interface Charges {
  readonly relations: readonly Relation[];
  readonly select: string;
}

/** The charges of a mapping, with the columns that have the same value in all of them. */
export interface MappingCharges extends Charges {
  readonly fixed: ReadonlyMap<string, Constant>;
}

/**
 * The charges in all tables of a mapping, with the columns of a version of the view in their order; with `only`, with export, month
 * and those of these columns that come from bills, and whether a charge has a tag if `hasTagColumn` is among them.
 */
export function chargesOf(
  tables: readonly ChargeTable[],
  declared: Mapping,
  version: FocusVersion,
  dialect: Dialect,
  only?: ReadonlySet<string>,
): MappingCharges {
  const { identifier } = dialect;
  const asked = only === undefined ? declared : withColumns(declared, version, only);
  const mapping = withSharedParts(withoutMissing(asked, tables), version);
  const wanted = [
    ...columnsOfVersion(version).filter(
      ({ name }) => only === undefined || only.has(name) || name === own.export || name === own.month,
    ),
    ...(only?.has(hasTagColumn) === true ? [tagFlag] : []),
  ];
  const { lines, rows, lookups: used } = rowRelations(tables, mapping, dialect);
  const relations = used.map((name) => {
    const { columns = [], rows: facts = [] } = lookups[name] ?? {};
    return { name, sql: dialect.relation(columns, facts) };
  });
  const branches = mapping.branches.map((branch) => renderBranch(tables, mapping, branch, wanted, dialect));
  const columns = wanted.map(({ name }) =>
    name === own.execution ? `l.execution_id AS ${identifier(name)}` : `c.${identifier(name)}`,
  );
  const charges = `(\n${branches.join("\nUNION ALL\n")}\n) AS c`;
  const loads = tables.map((table) => executionsOf(table, dialect)).join("\nUNION ALL\n");
  const select = `SELECT ${columns.join(", ")}\nFROM ${charges}
LEFT JOIN (${loads}) AS l ON l.export_name = c.${identifier(own.export)} AND l.billing_month = c.${identifier(own.month)}`;
  const all = [...relations, lines, ...withFamilyRows(tables, mapping, rows, dialect)];
  const fixed = fixedColumns(mapping, wanted);
  if (only !== undefined) return { relations: all, select: `SELECT ${columns.join(", ")}\nFROM ${charges}`, fixed };
  return { relations: all, select, fixed };
}

const tagFlag: FocusColumn = { name: hasTagColumn, type: "text", versions: ["v1_2", "v1_4"] };

/** The columns with the same value in all charges, as far as the declarations show it. */
function fixedColumns({ branches }: Mapping, wanted: readonly FocusColumn[]): ReadonlyMap<string, Constant> {
  const found = new Map<string, Constant>();
  const ofView: readonly string[] = Object.values(own);
  for (const { name, type } of wanted.filter(({ name }) => !ofView.includes(name))) {
    const sources = branches.map(({ columns }): Expression => columns[name] ?? nothing(type));
    const [value, ...different] = new Set(
      sources.map((source) => (source.is === "constant" ? source.value : undefined)),
    );
    if (value !== undefined && different.length === 0) found.set(name, { is: "constant", type, value });
  }
  return found;
}

/**
 * The statement that finds what the rows of the tables show of their kinds in a family, for each month: `billing_month`,
 * `export_name` and the position of a kind, which is NULL if they show none. Null for a mapping without a family.
 */
export function kindsShown(tables: readonly ChargeTable[], declared: Mapping, dialect: Dialect): string | null {
  if (declared.family === undefined) return null;
  const mapping = withColumns(declared, "v1_4", new Set());
  const { lines } = rowRelations(tables, mapping, dialect);
  const scope = scopeOf(tables, mapping, "r", dialect);
  const shows = declared.family.kinds.map(
    ([, shown], position) => `WHEN ${renderCondition(shown, scope)} THEN '${position}'`,
  );
  const name = `r.${dialect.identifier(own.export)}`;
  const month = `COALESCE(r.${dialect.identifier(own.month)}, '')`;
  const select = `SELECT ${month} AS billing_month, ${name} AS export_name, MIN(CASE ${shows.join(" ")} END) AS shown
FROM ${reference(linesName(mapping))} AS r GROUP BY 1, 2`;
  return composed([lines], select, dialect);
}

/** The rows of a mapping, and what its tables have together. */
function withFamilyRows(
  tables: readonly ChargeTable[],
  mapping: Mapping,
  rows: Relation,
  dialect: Dialect,
): readonly Relation[] {
  const { name, family } = mapping;
  if (family === undefined) return [rows];
  const scope = scopeOf(tables, mapping, "r", dialect);
  const shows = family.kinds.map(([, shown]) => renderCondition(shown, scope));
  const known = tables.flatMap(({ exportName, kind }) => (kind === undefined ? [] : [[exportName, kind] as const]));
  const lines = {
    name,
    family,
    shows,
    rows: linesName(mapping),
    declared: tables.flatMap((table) => declaredKinds(table, family, dialect) ?? []),
    known: known.length === 0 ? null : known,
  };
  const shared = familyRelation(lines, own, dialect);
  return [shared, { ...rows, sql: withFamily({ name, family }, rows.sql, own, dialect) }];
}

/** The kinds of the months of a table, as their manifests declare them: `export_name`, `billing_month`, `kind`. Null without any. */
function declaredKinds(table: ChargeTable, { datasets }: Family, dialect: Dialect): string | null {
  const { literal } = dialect;
  const loads =
    table.datasets === undefined
      ? newestLoads(table, ["dataset"], dialect)
      : dialect.relation(["billing_month", "dataset"], [...table.datasets]);
  if (loads === null || table.datasets?.size === 0) return null;
  const kinds = Object.entries(datasets).map(([dataset, kind]) => `WHEN ${literal(dataset)} THEN ${literal(kind)}`);
  return `SELECT ${literal(table.exportName)} AS export_name, d.billing_month, CASE d.dataset ${kinds.join(" ")} END AS kind FROM (${loads}) AS d`;
}

/** The execution that each month of a table was last loaded from. */
function executionsOf(table: ChargeTable, dialect: Dialect): string {
  const { literal, types } = dialect;
  const loads = newestLoads(table, ["execution_id"], dialect);
  if (loads !== null)
    return `SELECT ${literal(table.exportName)} AS export_name, e.billing_month, e.execution_id FROM (${loads}) AS e`;
  const empty = ["export_name", "billing_month", "execution_id"].map(
    (name) => `CAST(NULL AS ${types.text}) AS ${name}`,
  );
  return `SELECT ${empty.join(", ")}`;
}

function renderBranch(
  tables: readonly ChargeTable[],
  mapping: Mapping,
  { columns, rows: ofBranch, grouped }: Branch,
  wanted: readonly FocusColumn[],
  dialect: Dialect,
): string {
  const { identifier, types } = dialect;
  const scope = scopeOf(tables, mapping, "s", dialect);
  const items = wanted
    .filter(({ name }) => name !== own.execution)
    .map(({ name, type }) => {
      const source: Expression = columns[name] ?? nothing(type);
      if (name === own.export || name === own.month) return `s.${identifier(name)}`;
      return `${renderExpression(source, scope)} AS ${identifier(name)}`;
    });
  const rows = ofBranch === undefined ? "" : `\n  WHERE ${renderCondition(ofBranch, scope)}`;
  const from = reference(rowsName(mapping));
  if (grouped === undefined) return `SELECT ${items.join(",\n  ")}\nFROM ${from} AS s${rows}`;
  const { by, row, sums, having } = grouped;
  const keys = [own.export, own.month, ...by].map((name) => `s.${identifier(name)}`);
  const added = Object.entries(sums).map(
    ([name, of]) => `CAST(SUM(${renderExpression(of, scope)}) AS ${types.decimal}) AS ${identifier(name)}`,
  );
  const read = [...Object.values(columns), having].flatMap(fieldsIn).map(({ name }) => name);
  const others = [...new Set(read)].filter((name) => !by.includes(name) && sums[name] === undefined);
  const given = renderCondition(row, scope);
  const greatest = others.map(
    (name) => `MAX(CASE WHEN ${given} THEN s.${identifier(name)} END) AS ${identifier(name)}`,
  );
  const group = `SELECT ${[...keys, ...added, ...greatest].join(", ")} FROM ${from} AS s${rows} GROUP BY ${keys.join(", ")}`;
  return `SELECT ${items.join(",\n  ")}\nFROM (${group}) AS s WHERE ${renderCondition(having, scope)}`;
}
