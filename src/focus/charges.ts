import { trackingTableName } from "../state/tables.ts";
import { type FocusColumn, focusColumns, type FocusVersion } from "./columns.ts";
import type { Dialect } from "./dialects/dialect.ts";
import { type Expression, nothing, type Field, type Members, typeOf } from "./expression.ts";
import { lookups } from "./lookups.ts";
import { type Branch, type ChargeTable, type ColumnSources, fieldsOf, type Mapping } from "./mapping.ts";
import { fieldsIn, fieldsInCondition, renderCondition, renderExpression, renderObject, type Scope } from "./render.ts";

/** The columns that the view itself fills, for every mapping. */
const own = {
  export: "x_Export",
  execution: "x_ExecutionId",
  month: "x_BillingMonth",
};

/** The columns of one version of the view, in order. */
export function columnsOfVersion(version: FocusVersion): readonly FocusColumn[] {
  return focusColumns.filter(({ versions }) => versions.includes(version));
}

/** A query with the relations of its WITH clause. */
export interface Charges {
  readonly relations: readonly Relation[];
  readonly select: string;
}

/** A relation of a WITH clause. */
export interface Relation {
  readonly name: string;
  readonly sql: string;
  /** Whether it must be a part of every query that reads it, so that filters reach the table. */
  readonly isInlined: boolean;
}

/** The charges in a table, with the columns of a version of the view in their order. */
export function chargesOf(table: ChargeTable, mapping: Mapping, version: FocusVersion, dialect: Dialect): Charges {
  const { identifier } = dialect;
  const { sql, lookups: used } = renderFacts(table, mapping, dialect);
  const facts = { name: `rows_of_${table.exportName}`, sql, isInlined: true };
  const branches = mapping.branches.map((branch) => renderBranch(table, mapping, branch, version, facts.name, dialect));
  const columns = columnsOfVersion(version).map(({ name }) =>
    name === own.execution ? `l.execution_id AS ${identifier(name)}` : `c.${identifier(name)}`,
  );
  const select = `SELECT ${columns.join(", ")}\nFROM (\n${branches.join("\nUNION ALL\n")}\n) AS c
LEFT JOIN (${newestLoads(table, dialect)}) AS l ON l.billing_month = c.${identifier(own.month)}`;
  const relations = used.map((name) => {
    const { columns = [], rows = [] } = lookups[name] ?? {};
    return { name, sql: dialect.relation(columns, rows), isInlined: false };
  });
  return { relations: [...relations, facts], select };
}

/** The execution that each month was last loaded from. */
function newestLoads({ table, tracking, stateIn }: ChargeTable, { types, identifier, tableName }: Dialect): string {
  const id = tracking.find(({ name, type }) => name === table.idColumn && type === "text");
  if (id === undefined) {
    return `SELECT CAST(NULL AS ${types.text}) AS billing_month, CAST(NULL AS ${types.text}) AS execution_id`;
  }
  const newest = `ROW_NUMBER() OVER (PARTITION BY billing_month ORDER BY _dlt_load_id DESC)`;
  return `SELECT billing_month, execution_id FROM (
    SELECT billing_month, ${identifier(id.name)} AS execution_id, ${newest} AS n
    FROM ${tableName({ ...table, dataset: stateIn }, trackingTableName(table))} WHERE billing_month IS NOT NULL) AS t WHERE n = 1`;
}

function renderBranch(
  table: ChargeTable,
  mapping: Mapping,
  branch: Branch,
  version: FocusVersion,
  facts: string,
  dialect: Dialect,
): string {
  const { identifier, literal, types } = dialect;
  const columns = sourcesOf(mapping, branch, version);
  const scope: Scope = {
    dialect,
    inline: {},
    from: "s",
    hasColumn: (name) => fieldsOf(table, mapping).has(name),
    joined: (lookup) => {
      throw new TypeError(`The lookup ${lookup} is used outside of the facts of ${mapping.name}`);
    },
  };
  const items = columnsOfVersion(version)
    .filter(({ name }) => name !== own.execution)
    .map(({ name, type }) => {
      const wanted: Expression = columns[name] ?? nothing(type);
      if (name === own.export) return `${literal(table.exportName)} AS ${identifier(name)}`;
      if (name === own.month) return `s.${identifier(own.month)}`;
      return `${renderExpression(wanted, scope)} AS ${identifier(name)}`;
    });
  const rows = branch.rows === undefined ? "" : `\n  WHERE ${renderCondition(branch.rows, scope)}`;
  const from = identifier(facts);
  if (branch.grouped === undefined) return `SELECT ${items.join(",\n  ")}\nFROM ${from} AS s${rows}`;
  const { by, row, sums, having } = branch.grouped;
  const keys = [own.month, ...by].map((name) => `s.${identifier(name)}`);
  const added = Object.entries(sums).map(
    ([name, of]) => `CAST(SUM(${renderExpression(of, scope)}) AS ${types.decimal}) AS ${identifier(name)}`,
  );
  const others = [...fieldsUsed(mapping).keys(), ...Object.keys(mapping.facts)].filter((name) => !by.includes(name));
  const given = renderCondition(row, scope);
  const greatest = others.map(
    (name) => `MAX(CASE WHEN ${given} THEN s.${identifier(name)} END) AS ${identifier(name)}`,
  );
  const group = `SELECT ${[...keys, ...added, ...greatest].join(", ")} FROM ${from} AS s${rows} GROUP BY ${keys.join(", ")}`;
  return `SELECT ${items.join(",\n  ")}\nFROM (${group}) AS s WHERE ${renderCondition(having, scope)}`;
}

/** Where the columns of a branch come from: what a branch or a version says is stronger than what the mapping says. */
export function sourcesOf(mapping: Mapping, branch: Branch, version: FocusVersion): ColumnSources {
  return {
    ...mapping.columns,
    ...mapping.versions[version],
    ...branch.columns,
    ...branch.versions?.[version],
  };
}

/** The rows of a table with their fields, the facts of the mapping and the month, and the lookups that they read. */
function renderFacts(
  table: ChargeTable,
  mapping: Mapping,
  dialect: Dialect,
): { readonly sql: string; readonly lookups: readonly string[] } {
  const { identifier, types, tableName } = dialect;
  const columns = fieldsOf(table, mapping);
  const joins = new Map<string, { readonly lookup: string; readonly alias: string }>();
  const scope: Scope = {
    dialect,
    inline: mapping.facts,
    from: "r",
    hasColumn: (name) => columns.has(name),
    joined(lookup, key) {
      const join = joins.get(`${lookup} ${key}`) ?? { lookup, alias: `l${joins.size + 1}` };
      joins.set(`${lookup} ${key}`, join);
      return join.alias;
    },
  };
  const facts = Object.entries(mapping.facts).map(
    ([name, fact]) => `${renderExpression(fact, scope)} AS ${identifier(name)}`,
  );
  const fields = [...fieldsUsed(mapping).values()].map((one) => `${renderField(one)} AS ${identifier(one.name)}`);
  const partition = table.columns.find(({ name }) => name === table.partitionColumn);
  const monthOf = partition === undefined ? `CAST(NULL AS ${types.text})` : dialect.month(renderColumn(partition));
  const base = `SELECT ${[...fields, `${monthOf} AS ${identifier(own.month)}`].join(", ")} FROM ${tableName(table.table, table.table.name)}`;
  const from = [...joins].map(([key, { lookup, alias }]) => {
    const [keyColumn = ""] = lookups[lookup]?.columns ?? [];
    return `\n  LEFT JOIN ${identifier(lookup)} AS ${alias} ON ${alias}.${identifier(keyColumn)} = ${key.slice(lookup.length + 1)}`;
  });
  return {
    sql: `SELECT ${["r.*", ...facts].join(",\n  ")}\nFROM (${base}) AS r${from.join("")}`,
    lookups: [...new Set([...joins.values()].map(({ lookup }) => lookup))],
  };

  function renderColumn(column: (typeof table.columns)[number]): string {
    return dialect.column(identifier(column.name), column, "timestamp");
  }

  function renderField(one: Field | Members): string {
    if (one.is === "members") {
      const entries = [...columns.values()].flat().flatMap((column) => {
        const name = column.sourceName.toLowerCase();
        const prefix = one.prefixes.find((each) => name.startsWith(each.toLowerCase()) && name.length > each.length);
        if (prefix === undefined) return [];
        const value = dialect.column(identifier(column.name), column, "text");
        return [{ key: column.sourceName.slice(prefix.length), value, json: dialect.jsonText(value) }];
      });
      return renderObject(entries, dialect);
    }
    const found = (columns.get(one.name) ?? []).map((column) =>
      dialect.column(identifier(column.name), column, one.type),
    );
    if (found.length > 1) return `COALESCE(${found.join(", ")})`;
    return found[0] ?? `CAST(NULL AS ${types[one.type]})`;
  }
}

/** The fields that a mapping reads from the table, by name. Error: TypeError where one name has two types. */
export function fieldsUsed(mapping: Mapping): ReadonlyMap<string, Field | Members> {
  const sums = new Set(mapping.branches.flatMap(({ grouped }) => Object.keys(grouped?.sums ?? {})));
  const versions = ["v1_2", "v1_4"] as const;
  const used = [
    ...Object.values(mapping.facts).flatMap(fieldsIn),
    ...mapping.branches.flatMap((branch) => [
      ...versions.flatMap((version) => Object.values(sourcesOf(mapping, branch, version)).flatMap(fieldsIn)),
      ...(branch.rows === undefined ? [] : fieldsInCondition(branch.rows)),
      ...Object.values(branch.grouped?.sums ?? {}).flatMap(fieldsIn),
      ...(branch.grouped === undefined
        ? []
        : [...fieldsInCondition(branch.grouped.row), ...fieldsInCondition(branch.grouped.having)]),
    ]),
  ].filter(({ name }) => mapping.facts[name] === undefined && !sums.has(name));
  const fields = new Map<string, Field | Members>();
  for (const one of used) {
    const known = fields.get(one.name);
    if (known !== undefined && typeOf(known) !== typeOf(one)) {
      throw new TypeError(`${mapping.name} reads ${one.name} as ${typeOf(known)} and as ${typeOf(one)}`);
    }
    fields.set(one.name, one);
  }
  return fields;
}
