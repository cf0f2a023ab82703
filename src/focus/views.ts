import type { FocusVersion } from "./columns.ts";
import { allocated, type Allocation, tagColumn } from "./allocation.ts";
import { type Charges, chargesOf, columnsOfVersion } from "./charges.ts";
import { countedOnce } from "./counting.ts";
import type { Dialect } from "./dialects/dialect.ts";
import type { Constant } from "./expression.ts";
import { type ChargeTable, inProject } from "./mapping.ts";
import { mappingOf, mappings } from "./mappings/index.ts";
import { composed } from "./relations.ts";
import type { CloudTables } from "./vendors.ts";

/** A view: its name, the query that it is, and the other view that it reads, if it reads one. */
export interface View {
  readonly name: string;
  readonly sql: string;
  readonly reads: string | null;
}

/** The names of the views, the oldest version first. `focus_costs` is the newest. */
export const viewNames: Readonly<Record<FocusVersion, string>> = { v1_2: "focus_v1_2", v1_4: "focus_v1_4" };

/** The view with the newest version. */
export const newestView = "focus_costs";

/**
 * The views over these tables. Tables that are not bills are left out; without any bill there are views without rows.
 * `dataset` is where the views are.
 */
export function focusViews(
  tables: readonly ChargeTable[],
  dialect: Dialect,
  dataset: { readonly project?: string; readonly dataset: string },
  allocation: Allocation,
): readonly View[] {
  const versioned = Object.entries(viewNames).map(([key, name]) => {
    const version = key as FocusVersion;
    const all = partsOf(inProject(tables, dataset.project), version, dialect);
    const sql = all.length === 0 ? emptyView(version, allocation, dialect) : union(all, version, allocation, dialect);
    return { name, sql, reads: null };
  });
  const newest = `SELECT * FROM ${dialect.tableName(dataset, viewNames.v1_4)}`;
  return [...versioned, { name: newestView, sql: newest, reads: viewNames.v1_4 }];
}

/**
 * These columns of the charges of the bills of one cloud, each counted once, without what is known of accounts and tags, and those
 * of them that have the same value in all charges. `others` are the bills of other clouds, whose own charges come before those in
 * FOCUS files.
 */
export function chargesQuery(
  tables: readonly ChargeTable[],
  others: readonly ChargeTable[],
  version: FocusVersion,
  dialect: Dialect,
  only: ReadonlySet<string>,
): { readonly sql: string; readonly fixed: ReadonlyMap<string, Constant> } {
  const clouds = cloudsOf([...tables, ...others]);
  const charged = mappedTables(tables).map((each) => ({
    ...each,
    charges: chargesOf(each.tables, each.mapping, version, dialect, only),
  }));
  const { relations, select } = together(countedOnce(charged, version, dialect, clouds));
  const [first = new Map<string, Constant>(), ...rest] = charged.map(({ charges }) => charges.fixed);
  const isSame = ([name, { value }]: readonly [string, Constant]): boolean =>
    rest.every((each) => each.get(name)?.value === value);
  return { sql: composed(relations, select, dialect), fixed: new Map([...first].filter(isSame)) };
}

/** The charges of each mapping, counted once for each cloud. */
function partsOf(tables: readonly ChargeTable[], version: FocusVersion, dialect: Dialect): readonly Charges[] {
  const mapped = mappedTables(tables).map((each) => ({
    ...each,
    charges: chargesOf(each.tables, each.mapping, version, dialect),
  }));
  const clouds = Map.groupBy(mapped, ({ mapping }) => mapping.cloud);
  return [...clouds.values()].flatMap((ofCloud) => countedOnce(ofCloud, version, dialect, cloudsOf(tables)));
}

/** The tables of each mapping, in the order of the mappings. */
function mappedTables(tables: readonly ChargeTable[]): readonly CloudTables[] {
  const known = Map.groupBy(tables, mappingOf);
  return mappings.flatMap((mapping) => {
    const own = known.get(mapping) ?? [];
    return own.length === 0 ? [] : [{ mapping, tables: own }];
  });
}

/** The tables of the clouds' own exports. */
function cloudsOf(tables: readonly ChargeTable[]): readonly CloudTables[] {
  return mappedTables(tables).filter(({ mapping }) => mapping.cloud !== "focus");
}

/** The charges of several mappings, with every relation once. */
function together(parts: readonly Charges[]): Charges {
  const relations = new Map(parts.flatMap((part) => part.relations).map((relation) => [relation.name, relation]));
  return { relations: [...relations.values()], select: parts.map(({ select }) => select).join("\nUNION ALL\n") };
}

function union(parts: readonly Charges[], version: FocusVersion, allocation: Allocation, dialect: Dialect): string {
  const { relations, select: all } = together(parts);
  const { relations: more, select } = allocated(all, version, allocation, dialect);
  return composed([...relations, ...more], select, dialect);
}

function emptyView(version: FocusVersion, { tags }: Allocation, { types, identifier }: Dialect): string {
  const columns = columnsOfVersion(version).map(
    ({ name, type }) => `CAST(NULL AS ${types[type]}) AS ${identifier(name)}`,
  );
  columns.push(...tags.map((tag) => `CAST(NULL AS ${types.text}) AS ${identifier(tagColumn(tag))}`));
  return `SELECT * FROM (SELECT ${columns.join(", ")}) AS c WHERE FALSE`;
}
