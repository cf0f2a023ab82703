import type { Charges } from "./charges.ts";
import type { FocusVersion } from "./columns.ts";
import type { Dialect } from "./dialects/dialect.ts";
import { newestLoads } from "./loads.ts";
import { type ChargeTable, fieldsOf, type Mapping } from "./mapping.ts";
import { type Relation, reference } from "./relations.ts";
import { accountOf, accountsOfCloud, type CloudTables, vendorOf } from "./vendors.ts";

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
 * comes first for any account of their month. In FOCUS files all of this is decided for each provider, and what the cloud's own
 * exports have, which are in `clouds`, comes first: FOCUS files do not say which days they cover.
 */
export function countedOnce(
  parts: readonly MappedCharges[],
  version: FocusVersion,
  dialect: Dialect,
  clouds: readonly CloudTables[] = [],
): readonly Charges[] {
  const sources = sourcesIn(parts);
  const isOfVendors = parts[0]?.mapping.cloud === "focus";
  const beside = isOfVendors ? clouds : [];
  if (new Set(sources.map(({ name }) => name)).size < 2 && beside.length === 0)
    return parts.map(({ charges }) => charges);
  const { identifier, types, literal } = dialect;
  const columns = { export: identifier("x_Export"), account: identifier("SubAccountId") };
  const month = `COALESCE(c.${identifier("x_BillingMonth")}, '')`;
  const account = accountOf(`c.${columns.account}`, dialect);
  // FOCUS files are of many vendors. Each version of the view has one of the two columns.
  const provider = vendorOf(`c.${identifier(version === "v1_2" ? "ProviderName" : "ServiceProviderName")}`, dialect);
  const vendor = (when: string): string => (isOfVendors ? when : "");
  const chargesOf = ({ mapping }: MappedCharges): string => `charges_of_${mapping.name}`;
  const counted = `counted_of_${parts[0]?.mapping.cloud ?? ""}`;
  const cells = sources.map(({ table, name, preference }) => [table.exportName, name, preference]);
  // The cloud's own exports stand for one export, with a name that no section of a configuration can have.
  if (beside.length > 0) cells.push(["*", "*", "0"]);
  const isPartial = sources.flatMap(({ table, name }) => partialMonths(table, literal(name), dialect));
  const noMonths = `SELECT CAST(NULL AS ${types.text}) AS source, CAST(NULL AS ${types.text}) AS billing_month`;
  const places = parts.map(
    (part) =>
      `SELECT DISTINCT c.${columns.export} AS export_name, ${month} AS month, ${account} AS account${vendor(`, ${provider} AS vendor`)} FROM ${reference(chargesOf(part))} AS c`,
  );
  for (const cloud of beside) {
    const sql = accountsOfCloud(cloud, version, dialect);
    places.push(`SELECT '*' AS export_name, a.month, a.account, a.vendor FROM (${sql}) AS a`);
  }
  const best = ["d.month, d.account", "d.month"]
    .map((keys) => keys + vendor(", d.vendor"))
    .map(
      (by) =>
        `SELECT ${by}, MIN(p.preference) AS best FROM places AS d JOIN preferences AS p ON p.export_name = d.export_name AND p.month = d.month GROUP BY ${by}`,
    );
  const sql = `WITH places AS (${places.join("\nUNION ALL\n")}),
preferences AS (SELECT DISTINCT d.export_name, d.month, CASE WHEN p.source IS NULL THEN '0 ' ELSE '1 ' END || s.preference AS preference
FROM places AS d JOIN (${dialect.relation(["export_name", "source", "preference"], cells)}) AS s ON s.export_name = d.export_name
LEFT JOIN (${isPartial.join(" UNION DISTINCT ") || noMonths}) AS p ON p.source = s.source AND p.billing_month = d.month),
best_of_accounts AS (${best[0]}),
best_of_months AS (${best[1]})
SELECT d.export_name, d.month, d.account${vendor(", d.vendor")} FROM places AS d
JOIN preferences AS p ON p.export_name = d.export_name AND p.month = d.month
JOIN best_of_months AS m ON m.month = d.month${vendor(" AND m.vendor = d.vendor")}
LEFT JOIN best_of_accounts AS a ON a.month = d.month AND a.account = d.account AND d.account <> ''${vendor(" AND a.vendor = d.vendor")}
WHERE p.preference = COALESCE(a.best, m.best)`;
  const own: readonly Relation[] = [
    ...parts.map((part) => ({ name: chargesOf(part), sql: part.charges.select })),
    { name: counted, sql },
  ];
  return parts.map((part, index) => ({
    relations: [...part.charges.relations, ...(index === parts.length - 1 ? own : [])],
    select: `SELECT c.* FROM ${reference(chargesOf(part))} AS c
JOIN ${reference(counted)} AS k ON k.export_name = c.${columns.export} AND k.month = ${month} AND k.account = ${account}${vendor(` AND k.vendor = ${provider}`)}`,
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
function partialMonths(table: ChargeTable, source: string, dialect: Dialect): readonly string[] {
  const loads = newestLoads(table, ["missing_days"], dialect);
  if (loads === null) return [];
  return [`SELECT ${source} AS source, p.billing_month FROM (${loads}) AS p WHERE p.missing_days <> '[]'`];
}
