import { createHash } from "node:crypto";
import type { BillingMonth } from "../model.ts";
import { trackingTableName } from "../state/tables.ts";
import { accountColumns, type Allocation } from "./allocation.ts";
import { kindsShown } from "./charges.ts";
import type { Dialect } from "./dialects/dialect.ts";
import { type Condition, type Expression, field, nothing, present, text, typeOf, where } from "./expression.ts";
import { unknownKind } from "./family.ts";
import { type ChargeTable, hasTagColumn, inProject } from "./mapping.ts";
import { mappingOf, mappings } from "./mappings/index.ts";
import { isNever, withFixed } from "./missing.ts";
import { fieldsIn, isCondition, type Part, withColumns } from "./reading.ts";
import { renderCondition, renderExpression, type Scope } from "./render.ts";
import { monthStartColumn, type Rollup, rollupsWith, rowsColumn } from "./rollup-columns.ts";
import { own, rowRelations } from "./rows.ts";
import { chargesQuery, type View } from "./views.ts";

/** The table with the rows of all rollups, and the one that records what each month was built from. */
export const rollupTables = { sums: "_billhouse_focus_sums", months: "_billhouse_focus_months" } as const;

/** The view that lists the months of the rollups, and whether they are current. */
export const rollupMonthsView = "focus_rollup_months";

/** A table of the rollups, with the columns in their order and their types in the warehouse. */
export interface RollupTable {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** The column with the time by whose month its rows are kept apart, in a warehouse that does that. */
  readonly partitionedBy?: string;
  /** The column by which the rows of such a month are ordered. */
  readonly clusteredBy?: string;
}

/**
 * The rollups of the bills of one cloud: exports of one cloud are counted together, so a month is built of all of them. What FOCUS
 * files add to it also depends on the exports of the other clouds.
 */
export interface CloudRollups {
  /** `aws`, `azure` or `focus`. */
  readonly cloud: string;
  /** The tables on which its rows depend. */
  readonly tables: readonly ChargeTable[];
  /** Differs when the same bills would give other rows: other mappings, columns that they read, tags or exports. */
  readonly version: string;
  /** The statement for the months of all rows: `billing_month`, the empty text for rows without a month. */
  readonly months: string;
  /** The statement for the newest loads of each month, as a text: `billing_month`, `loads`. */
  readonly loads: string;
  /**
   * The statement for what the rows of months show of the kinds of their tables: `billing_month`, `export_name`, `shown`. Null
   * without a family.
   */
  kindsShown(this: void, months: readonly BillingMonth[]): string | null;
  /** The kind of a table of which the rows of all months show this. */
  kindOf(this: void, shown: readonly string[]): string;
  /** The query for the rows of a month, in the columns of the table; `kinds` has the kind of each export, where there are kinds. */
  rows(this: void, month: BillingMonth, kinds: ReadonlyMap<string, string>): string;
}

/** Everything that a warehouse needs to keep the rollups. */
export interface Rollups {
  readonly tables: readonly RollupTable[];
  /** The views over these tables, in the order in which they must be made. */
  readonly views: readonly View[];
  readonly clouds: readonly CloudRollups[];
  /** The statement for the months that were built or loaded and are not current: `cloud`, `billing_month`, `loads`. */
  readonly stale: string;
}

/**
 * The rollups over these tables. Tables that are not bills are left out, and so are FOCUS files where `joined` has tables that others
 * fill: nothing says when those change, and each charge of both counts once. Readers find the exports without sums in the view of
 * the months.
 */
export function focusRollups(
  loaded: readonly ChargeTable[],
  joined: readonly ChargeTable[],
  dialect: Dialect,
  dataset: { readonly project?: string; readonly dataset: string },
  allocation: Allocation,
): Rollups {
  const rollups = rollupsWith(allocation.tags);
  const all = inProject([...loaded, ...joined], dataset.project).filter((table) => mappingOf(table) !== undefined);
  const isSummed = (table: ChargeTable): boolean => joined.length === 0 || mappingOf(table)?.cloud !== "focus";
  const bills = all.filter(isSummed);
  const others = all.filter((table) => !isSummed(table)).map(({ exportName }) => exportName);
  const clouds = [...Map.groupBy(bills, (table) => mappingOf(table)?.cloud ?? "")].map(([cloud, ofCloud]) =>
    cloudRollups(
      cloud,
      ofCloud,
      cloud === "focus" ? bills.filter((table) => !ofCloud.includes(table)) : [],
      rollups,
      dialect,
    ),
  );
  const { text, decimal, timestamp } = dialect.types;
  const columns = [
    { name: "rollup", type: text },
    { name: "cloud", type: text },
    { name: monthStartColumn, type: timestamp },
    ...keysOf(rollups).map(([name, part]) => ({ name, type: dialect.types[typeOf(asValue(part))] })),
    ...[...sumsOf(rollups), rowsColumn].map((name) => ({ name, type: decimal })),
  ];
  const recorded = ["cloud", "billing_month", "version", "loads", "kinds", "shown"];
  return {
    tables: [
      { name: rollupTables.sums, columns, partitionedBy: monthStartColumn, clusteredBy: "rollup" },
      { name: rollupTables.months, columns: recorded.map((name) => ({ name, type: text })) },
    ],
    views: [
      ...rollups.map((rollup) => rollupView(rollup, dialect, dataset, allocation)),
      monthsView(clouds, others, dialect, dataset, allocation),
    ],
    clouds,
    stale: `SELECT m.cloud, m.billing_month, m.loads FROM (${comparedMonths(clouds, dialect, dataset)}) AS m WHERE NOT m.is_current`,
  };
}

function cloudRollups(
  cloud: string,
  tables: readonly ChargeTable[],
  others: readonly ChargeTable[],
  rollups: readonly Rollup[],
  dialect: Dialect,
): CloudRollups {
  const families = mappings.filter(
    ({ family, ...mapping }) => family !== undefined && tables.some((table) => mappingOf(table)?.name === mapping.name),
  );
  const [family] = families;
  const ofFamily = tables.filter((table) => mappingOf(table) === family);
  const rows: CloudRollups["rows"] = (month, kinds) =>
    rowsOfMonth(
      cloud,
      tables.map((table) => {
        const kind = kinds.get(table.exportName);
        return { ...table, months: [month], ...(kind === undefined ? {} : { kind }) };
      }),
      others.map((table) => ({ ...table, months: [month] })),
      month,
      rollups,
      dialect,
    );
  const version = rows("2000-01", new Map(ofFamily.map(({ exportName }) => [exportName, unknownKind])));
  return {
    cloud,
    tables: [...tables, ...others],
    version: createHash("sha256").update(version).digest("hex").slice(0, 16),
    months: [...Map.groupBy(tables, mappingOf)]
      .flatMap(([mapping, ofMapping]) => (mapping === undefined ? [] : [monthsOf(ofMapping, mapping, dialect)]))
      .join("\nUNION DISTINCT\n"),
    loads: loadsOfMonths(tables, others, dialect),
    kindOf: (shown) => {
      const [first] = shown.toSorted();
      return family?.family?.kinds[Number(first ?? -1)]?.[0] ?? unknownKind;
    },
    kindsShown: (months) =>
      family === undefined
        ? null
        : kindsShown(
            ofFamily.map((table) => ({ ...table, months })),
            family,
            dialect,
          ),
    rows,
  };
}

function monthsOf(tables: readonly ChargeTable[], mapping: (typeof mappings)[number], dialect: Dialect): string {
  const { lines } = rowRelations(tables, withColumns(mapping, "v1_4", new Set()), dialect);
  const month = `COALESCE(r.${dialect.identifier(own.month)}, '')`;
  return `SELECT DISTINCT ${month} AS billing_month FROM (${lines.sql}) AS r`;
}

/**
 * The rows of all rollups for the tables of one cloud, from one pass over their charges. Columns that a rollup lacks are NULL. To group
 * by a column costs time even where it always has the same value, so keys with a fixed value are left out, and the conditions of
 * a rollup are the bits of one number.
 */
function rowsOfMonth(
  cloud: string,
  tables: readonly ChargeTable[],
  others: readonly ChargeTable[],
  month: BillingMonth,
  rollups: readonly Rollup[],
  dialect: Dialect,
): string {
  const { identifier, literal, types } = dialect;
  const scope: Scope = {
    dialect,
    from: "c",
    hasColumn: () => "TRUE",
    joined: (lookup) => {
      throw new TypeError(`A rollup cannot use the lookup ${lookup}.`);
    },
  };
  const sums = sumsOf(rollups);
  const declared = keysOf(rollups).map(([name, part]) => [name, ofCharges(name, part)] as const);
  const read = new Set([...declared.flatMap(([, part]) => fieldsIn(part).map((one) => one.name)), ...sums]);
  const charges = chargesQuery(tables, others, "v1_4", dialect, read);
  const [first, ...further] = tables;
  const fixed = new Map<string, Expression>([
    ...charges.fixed,
    [own.month, month === "" ? nothing() : text(month)],
    ...(first === undefined || further.length > 0 ? [] : [[own.export, text(first.exportName)] as const]),
  ]);
  const keys = declared.map(([name, part]) => [name, withFixed(part, fixed)] as const);
  const isInAll = (name: string): boolean => rollups.every((rollup) => rollup.keys[name] !== undefined);
  const isFixed = (name: string, part: Part): boolean =>
    isNever(part) || (part.is === "constant" && (part.value === null || isInAll(name)));
  const grouped = keys.filter(([name, part]) => !isFixed(name, part));
  const plain = grouped.filter(([, part]) => !isCondition(part));
  const flags = rollups.map((rollup, index) => {
    const conditions = grouped.filter(([name, part]) => isCondition(part) && rollup.keys[name] !== undefined);
    const bits = new Map(conditions.map(([name], position) => [name, 2 ** position]));
    const given = conditions.map(
      ([name, part]) => `CASE WHEN ${renderCondition(part as Condition, scope)} THEN ${bits.get(name)} ELSE 0 END`,
    );
    return { name: `flags_${index}`, bits, sql: given.join(" + ") || "0" };
  });
  const values = [
    ...plain.map(([name, part]) => `${renderExpression(part as Expression, scope)} AS ${identifier(keyName(name))}`),
    ...flags.map(({ name, sql }) => `${sql} AS ${name}`),
    ...sums.map((name) => `c.${identifier(name)}`),
  ];
  const valueOf = ([name, part]: readonly [string, Part]): string => {
    if (isNever(part)) return `CAST(NULL AS ${types.text})`;
    if (!grouped.some(([each]) => each === name)) return renderExpression(part as Expression, scope);
    if (!isCondition(part)) return `k.${identifier(keyName(name))}`;
    const isSet = flags.flatMap((each) => {
      const bit = each.bits.get(name);
      return bit === undefined ? [] : [`MOD(k.${each.name}, ${2 * bit}) >= ${bit}`];
    });
    return `CASE WHEN ${isSet.join(" OR ")} THEN 'yes' END`;
  };
  const names = rollups.map(({ name }) => literal(name));
  const selected = [
    // The second rollup is not grouped by the flags of the first.
    `CASE WHEN GROUPING(k.${flags[0]?.name}) = 0 THEN ${names.join(" ELSE ")} END AS ${identifier("rollup")}`,
    `${literal(cloud)} AS cloud`,
    `CAST(${month === "" ? "NULL" : literal(`${month}-01`)} AS ${types.timestamp}) AS ${identifier(monthStartColumn)}`,
    ...keys.map((key) => `${valueOf(key)} AS ${identifier(key[0])}`),
    ...sums.map((name) => `CAST(SUM(k.${identifier(name)}) AS ${types.decimal}) AS ${identifier(name)}`),
    `CAST(COUNT(*) AS ${types.decimal}) AS ${identifier(rowsColumn)}`,
  ];
  const sets = rollups.map((rollup, index) => {
    const own = plain.filter(([name]) => rollup.keys[name] !== undefined).map(([name]) => identifier(keyName(name)));
    return `(${[...own, flags[index]?.name].map((name) => `k.${name}`).join(", ")})`;
  });
  return `SELECT ${selected.join(",\n  ")}
FROM (SELECT ${values.join(",\n  ")}
FROM (${charges.sql}) AS c) AS k
GROUP BY GROUPING SETS (${sets.join(",\n  ")})`;
}

/** A key as a query of charges has it: that a charge has a tag is a column there, which takes less than its tags. */
function ofCharges(name: string, part: Part): Part {
  return name === hasTagColumn ? present(field(hasTagColumn)) : part;
}

function keyName(name: string): string {
  return `key_${name}`;
}

function keysOf(rollups: readonly Rollup[]): readonly (readonly [name: string, part: Part])[] {
  return [...new Map(rollups.flatMap(({ keys }) => Object.entries(keys)))];
}

function sumsOf(rollups: readonly Rollup[]): readonly string[] {
  return [...new Set(rollups.flatMap(({ sums }) => sums))];
}

function asValue(part: Part): Expression {
  return isCondition(part) ? where(part, text("yes")) : part;
}

/** A rollup as a view, with what is known of the accounts. */
function rollupView(
  { name, keys, sums }: Rollup,
  dialect: Dialect,
  dataset: { readonly project?: string; readonly dataset: string },
  { accounts }: Allocation,
): View {
  const { identifier, literal } = dialect;
  const { relation, on, given } = accountColumns(accounts, dialect);
  const own = [monthStartColumn, ...Object.keys(keys), ...sums, rowsColumn].filter(
    (column) => given[column] === undefined,
  );
  const columns = [
    ...own.map((column) => `c.${identifier(column)}`),
    ...Object.entries(given).map(([column, sql]) => `${sql} AS ${identifier(column)}`),
  ];
  const sql = `SELECT ${columns.join(", ")}
FROM ${dialect.tableName(dataset, rollupTables.sums)} AS c LEFT JOIN (${relation}) AS a ON ${on}
WHERE c.${identifier("rollup")} = ${literal(name)}`;
  return { name, sql, reads: null };
}

/**
 * The months that were built or loaded, whether they were built from the newest loads with the present mappings, the tags with
 * columns, and the exports without sums.
 */
function monthsView(
  clouds: readonly CloudRollups[],
  others: readonly string[],
  dialect: Dialect,
  dataset: { readonly project?: string; readonly dataset: string },
  { tags }: Allocation,
): View {
  const { literal } = dialect;
  // What kind of cost a table has can change with each of its loads, and with it all months of the family.
  const families = clouds
    .filter(({ kindsShown: statement }) => statement([]) !== null)
    .map(({ cloud }) => literal(cloud));
  const isCurrent = "CASE WHEN m.is_current THEN 0 ELSE 1 END";
  const all =
    families.length === 0
      ? "m.is_current"
      : `CASE WHEN m.cloud IN (${families.join(", ")}) THEN MAX(${isCurrent}) OVER (PARTITION BY m.cloud) = 0 ELSE m.is_current END`;
  const sql = `SELECT m.cloud, m.billing_month, ${all} AS is_current, ${literal(JSON.stringify(tags))} AS tags, ${literal(JSON.stringify(others))} AS other_exports
FROM (${comparedMonths(clouds, dialect, dataset)}) AS m`;
  return { name: rollupMonthsView, sql, reads: null };
}

/** The months that were built or loaded, with their newest loads, and whether they were built from these in the present version. */
function comparedMonths(
  clouds: readonly CloudRollups[],
  dialect: Dialect,
  dataset: { readonly project?: string; readonly dataset: string },
): string {
  const { literal } = dialect;
  const built = dialect.tableName(dataset, rollupTables.months);
  if (clouds.length === 0) return `SELECT cloud, billing_month, '' AS loads, FALSE AS is_current FROM ${built}`;
  const loads = clouds
    .map(({ cloud, loads: sql }) => `SELECT ${literal(cloud)} AS cloud, l.billing_month, l.loads FROM (${sql}) AS l`)
    .join("\nUNION ALL\n");
  const versions = clouds.map(
    ({ cloud, version }) => `(b.cloud = ${literal(cloud)} AND b.version = ${literal(version)})`,
  );
  return `SELECT COALESCE(b.cloud, l.cloud) AS cloud, COALESCE(b.billing_month, l.billing_month) AS billing_month,
  COALESCE(l.loads, '') AS loads, COALESCE((${versions.join(" OR ")}) AND b.loads = COALESCE(l.loads, ''), FALSE) AS is_current
FROM ${built} AS b FULL JOIN (${loads}) AS l ON l.cloud = b.cloud AND l.billing_month = b.billing_month`;
}

/**
 * The newest load of every export in each month, in a text: `aws_cur 1764489846.1, aws_cur2 1764489850.2`; months of `others` alone
 * are left out.
 */
function loadsOfMonths(
  tables: readonly ChargeTable[],
  others: readonly ChargeTable[],
  { literal, types, tableName }: Dialect,
): string {
  const newest = [...tables, ...others].flatMap(({ exportName, table, tracking, stateIn }, index) =>
    tracking.some(({ name }) => name === "billing_month")
      ? `SELECT billing_month, ${index < tables.length ? 1 : 0} AS own, ${literal(`${exportName} `)} || MAX(_dlt_load_id) AS loaded
FROM ${tableName({ ...table, dataset: stateIn }, trackingTableName(table))} WHERE billing_month IS NOT NULL GROUP BY billing_month`
      : [],
  );
  if (newest.length === 0) {
    const none = ["billing_month", "loads"].map((name) => `CAST(NULL AS ${types.text}) AS ${name}`);
    return `SELECT * FROM (SELECT ${none.join(", ")}) AS l WHERE FALSE`;
  }
  return `SELECT l.billing_month, STRING_AGG(l.loaded, ', ' ORDER BY l.loaded) AS loads
FROM (${newest.join("\nUNION ALL\n")}) AS l GROUP BY l.billing_month HAVING MAX(l.own) = 1`;
}
