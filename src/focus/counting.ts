import { trackingTableName } from "../state/tables.ts";
import type { Charges } from "./charges.ts";
import type { Dialect } from "./dialects/dialect.ts";
import { type ChargeTable, fieldsOf, type Mapping } from "./mapping.ts";
import type { Relation } from "./render.ts";

/** The charges in all tables of a mapping. */
export interface MappedCharges {
  readonly mapping: Mapping;
  readonly tables: readonly ChargeTable[];
  readonly charges: Charges;
}

/**
 * The charges of one cloud, each counted once where several exports have it. For each account and month one source counts: a
 * source is an export, or the exports of a family together. A source whose month is complete comes before one with missing
 * days, then the order of the mappings decides (`Mapping.rank`), then the name. Rows without an account follow the source that
 * comes first for any account of their month.
 */
export function countedOnce(parts: readonly MappedCharges[], dialect: Dialect): readonly Charges[] {
  const sources = sourcesIn(parts);
  if (new Set(sources.map(({ name }) => name)).size < 2) return parts.map(({ charges }) => charges);
  const { identifier, types, literal } = dialect;
  const cloud = parts[0]?.mapping.cloud ?? "";
  const [places, kinds, partial, preferences, accounts, months] = [
    "places",
    "sources",
    "partial_months",
    "preferences",
    "best_of_accounts",
    "best_of_months",
  ].map((name) => `${name}_of_${cloud}`) as [string, string, string, string, string, string];
  const columns = { export: identifier("x_Export"), account: identifier("SubAccountId") };
  const month = `COALESCE(c.${identifier("x_BillingMonth")}, '')`;
  // Azure writes a subscription with and without its path.
  const account = dialect.replaced(`LOWER(c.${columns.account})`, "^/subscriptions/", "");
  const chargesOf = ({ mapping }: MappedCharges): string => `charges_of_${mapping.name}`;
  const cells = sources.map(({ table, name, preference }) => [table.exportName, name, preference]);
  const isPartial = sources.flatMap(({ table, name }) => partialMonths(table, literal(name), dialect));
  const noMonths = `SELECT CAST(NULL AS ${types.text}) AS source, CAST(NULL AS ${types.text}) AS billing_month`;
  const own: readonly Relation[] = [
    ...parts.map((part) => ({ name: chargesOf(part), sql: part.charges.select, isInlined: true })),
    { name: kinds, sql: dialect.relation(["export_name", "source", "preference"], cells), isInlined: false },
    { name: partial, sql: isPartial.join(" UNION DISTINCT ") || noMonths, isInlined: false },
    {
      name: places,
      sql: parts
        .map(
          (part) =>
            `SELECT DISTINCT c.${columns.export} AS export_name, ${month} AS month, ${account} AS account FROM ${identifier(chargesOf(part))} AS c`,
        )
        .join("\nUNION ALL\n"),
      isInlined: false,
    },
    {
      name: preferences,
      sql: `SELECT DISTINCT d.export_name, d.month, CASE WHEN p.source IS NULL THEN '0 ' ELSE '1 ' END || s.preference AS preference
FROM ${identifier(places)} AS d JOIN ${identifier(kinds)} AS s ON s.export_name = d.export_name
LEFT JOIN ${identifier(partial)} AS p ON p.source = s.source AND p.billing_month = d.month`,
      isInlined: false,
    },
    ...[
      { name: accounts, by: "d.month, d.account" },
      { name: months, by: "d.month" },
    ].map(({ name, by }) => ({
      name,
      sql: `SELECT ${by}, MIN(p.preference) AS best FROM ${identifier(places)} AS d
JOIN ${identifier(preferences)} AS p ON p.export_name = d.export_name AND p.month = d.month GROUP BY ${by}`,
      isInlined: false,
    })),
  ];
  return parts.map((part, index) => ({
    relations: [...part.charges.relations, ...(index === parts.length - 1 ? own : [])],
    select: `SELECT c.* FROM ${identifier(chargesOf(part))} AS c
JOIN ${identifier(preferences)} AS p ON p.export_name = c.${columns.export} AND p.month = ${month}
JOIN ${identifier(months)} AS m ON m.month = ${month}
LEFT JOIN ${identifier(accounts)} AS a ON a.month = ${month} AND a.account = ${account}
WHERE p.preference = COALESCE(a.best, m.best)`,
  }));
}

/**
 * The sources of one cloud in the order in which `countedOnce` prefers them for the charges of a month: the names of the
 * exports of each. `partial` are the exports whose month has missing days.
 */
export function countingOrder(
  parts: readonly Omit<MappedCharges, "charges">[],
  partial: ReadonlySet<string>,
): readonly (readonly string[])[] {
  const sources = [...Map.groupBy(sourcesIn(parts), ({ name }) => name).values()].map((own) => {
    const exports = own.map(({ table }) => table.exportName);
    const isPartial = exports.some((name) => partial.has(name));
    return { exports, key: `${isPartial ? 1 : 0} ${own[0]?.preference ?? ""}` };
  });
  return sources.toSorted((one, other) => (one.key < other.key ? -1 : 1)).map(({ exports }) => exports);
}

/** A table with the source that it belongs to, and the key by which complete sources are ordered. */
interface Source {
  readonly table: ChargeTable;
  readonly name: string;
  readonly preference: string;
}

function sourcesIn(parts: readonly Omit<MappedCharges, "charges">[]): readonly Source[] {
  return parts.flatMap(({ mapping, tables }) =>
    tables.map((table) => {
      const name = mapping.family === undefined ? table.exportName : mapping.name;
      return { table, name, preference: `${mapping.rank(new Set(fieldsOf(table, mapping).keys()))} ${name}` };
    }),
  );
}

/** The months of a source whose newest load leaves out days. */
function partialMonths(
  { table, tracking, stateIn }: ChargeTable,
  source: string,
  { tableName }: Dialect,
): readonly string[] {
  if (!tracking.some(({ name }) => name === "missing_days")) return [];
  const newest = "ROW_NUMBER() OVER (PARTITION BY billing_month ORDER BY _dlt_load_id DESC)";
  return [
    `SELECT ${source} AS source, billing_month FROM (
  SELECT billing_month, missing_days, ${newest} AS n FROM ${tableName({ ...table, dataset: stateIn }, trackingTableName(table))}
  WHERE billing_month IS NOT NULL) AS t WHERE n = 1 AND missing_days <> '[]'`,
  ];
}
