import { chargesOf } from "./charges.ts";
import type { Dialect } from "./dialects/dialect.ts";
import { decimal, type Expression, field, nothing } from "./expression.ts";
import { ownKind } from "./family.ts";
import {
  type ChargeTable,
  type ColumnSources,
  fieldsOf,
  type Mapping,
  type ProvedColumn,
  provedColumns,
} from "./mapping.ts";
import { withoutMissing } from "./missing.ts";
import { fieldsIn, fieldsUsed, partsIn, type Part } from "./reading.ts";
import { composed, reference } from "./relations.ts";
import { renderExpression } from "./render.ts";
import { own, rowsName, scopeOf } from "./rows.ts";

/**
 * The statement that adds up the columns with a total twice: in the charges of the view (`view`), and in the rows of the tables
 * by the rules of the mapping (`table`). One row for each side, export, month and currency: `side`, `export_name`, `month`,
 * `currency`, `kind` (of the table in its family, else NULL), for each of these columns its sum, and `<column>_open`: not zero
 * where the sum is not decidable, because the view has charges without a value or the rule cannot be applied. Only the
 * columns and facts that these sums need are computed. Null for a mapping without totals.
 */
export function sumsOfCharges(tables: readonly ChargeTable[], declared: Mapping, dialect: Dialect): string | null {
  const mapping = withoutMissing(declared, tables);
  const proved = provedColumns.flatMap((name) => {
    const total = mapping.totals[name];
    return total === undefined ? [] : [{ name, ...total }];
  });
  if (proved.length === 0) return null;
  const needed = withOnly(mapping, ["BillingCurrency", ...proved.map(({ name }) => name)]);
  const { identifier, types } = dialect;
  const { relations, select } = chargesOf(tables, needed, "v1_4", dialect);
  const scope = scopeOf(tables, needed, "s", dialect);
  const currency = renderExpression(mapping.columns["BillingCurrency"] ?? nothing(), scope);
  const asText = (sql: string): string => `CAST(${sql} AS ${types.text})`;
  const ofView = proved.flatMap(({ name }) => [
    `${asText(`SUM(c.${identifier(name)})`)} AS ${identifier(name)}`,
    `${asText(`COUNT(*) - COUNT(c.${identifier(name)})`)} AS ${identifier(openName(name))}`,
  ]);
  const ofTable = proved.flatMap(({ name, rule, open = decimal("0") }) => [
    `${asText(`SUM(${renderExpression(rule, scope)})`)} AS ${identifier(name)}`,
    `${asText(`SUM(${renderExpression(open, scope)})`)} AS ${identifier(openName(name))}`,
  ]);
  const kind = mapping.family === undefined ? asText("NULL") : `MAX(s.${identifier(ownKind)})`;
  const keys = (of: string, currencyOf: string): string =>
    `${of}.${identifier(own.export)} AS export_name, ${of}.${identifier(own.month)} AS month, ${currencyOf} AS currency`;
  return composed(
    relations,
    `SELECT 'view' AS side, ${keys("c", `c.${identifier("BillingCurrency")}`)}, ${asText("NULL")} AS kind, ${ofView.join(", ")}
FROM (${select}) AS c GROUP BY 1, 2, 3, 4
UNION ALL
SELECT 'table' AS side, ${keys("s", currency)}, ${kind} AS kind, ${ofTable.join(", ")}
FROM ${reference(rowsName(mapping))} AS s GROUP BY 1, 2, 3, 4`,
    dialect,
  );
}

/** The column of that statement that says whether a sum is not decidable. */
export function openName(column: ProvedColumn): string {
  return `${column}_open`;
}

/** The only column of a table whose sum is the total of a column of the view; null if the rule is not the plain sum of one. */
export function soleColumn(table: ChargeTable, mapping: Mapping, name: ProvedColumn): string | null {
  const fields = fieldsOf(table, mapping);
  const rule = mapping.totals[name]?.rule;
  if (rule === undefined || partsIn(rule).some((part) => part.is === "cases")) return null;
  const columns = fieldsRead(mapping, [rule]).flatMap((each) => fields.get(each) ?? []);
  return columns.length === 1 ? (columns[0]?.name ?? null) : null;
}

/** The mapping with only some columns of the view, and the facts that they and its totals need. */
function withOnly(mapping: Mapping, names: readonly string[]): Mapping {
  const only = (sources: ColumnSources): ColumnSources =>
    Object.fromEntries(Object.entries(sources).filter(([name]) => names.includes(name)));
  const branches = mapping.branches.map((branch) => ({
    ...branch,
    columns: only(branch.columns),
    versions: { v1_4: only(branch.versions?.v1_4 ?? {}) },
  }));
  const columns = only({ ...mapping.columns, ...mapping.versions.v1_4 });
  const grouped = branches.flatMap((branch) => branch.grouped?.by ?? []);
  const roots: readonly Part[] = [
    ...Object.values(columns),
    ...[...grouped, ...(mapping.family?.keys ?? [])].map((name) => field(name)),
    ...(mapping.family?.kinds ?? []).map(([, rows]) => rows),
    ...Object.values(mapping.totals).flatMap(({ rule, open }) => [rule, ...(open === undefined ? [] : [open])]),
    ...branches.flatMap((branch) => [
      ...Object.values(branch.columns),
      ...Object.values(branch.versions.v1_4),
      ...(branch.rows === undefined ? [] : [branch.rows]),
      ...(branch.grouped === undefined
        ? []
        : [...Object.values(branch.grouped.sums), branch.grouped.row, branch.grouped.having]),
    ]),
  ];
  const read = new Set(fieldsRead(mapping, roots, { withFacts: true }));
  const facts = Object.entries(mapping.facts).filter(([name]) => read.has(name));
  // A fact keeps a field that only a rule or a group reads.
  const fields = [...fieldsUsed(mapping)].flatMap(([name, one]) =>
    read.has(name) ? [[`read_${name}`, one] as const] : [],
  );
  return { ...mapping, facts: Object.fromEntries([...fields, ...facts]), columns, versions: {}, branches };
}

/** The fields that parts read, through facts; with the names of these facts where they are wanted. */
function fieldsRead(
  mapping: Mapping,
  parts: readonly Part[],
  { withFacts = false }: { readonly withFacts?: boolean } = {},
): readonly string[] {
  const found = new Set<string>();
  const visit = (part: Part): void => {
    for (const { name } of fieldsIn(part)) {
      const fact: Expression | undefined = mapping.facts[name];
      if (found.has(name)) continue;
      if (fact === undefined || withFacts) found.add(name);
      if (fact !== undefined) visit(fact);
    }
  };
  for (const part of parts) visit(part);
  return [...found];
}
