import type { TableColumn } from "../model.ts";
import { nextMonth } from "../schema/periods.ts";
import type { Dialect } from "./dialects/dialect.ts";
import type { Expression, Field, Members } from "./expression.ts";
import { lookups } from "./lookups.ts";
import { type ChargeTable, fieldsOf, type Mapping } from "./mapping.ts";
import { fieldsAsked, fieldsIn, fieldsUsed, readsLookup } from "./reading.ts";
import { type Relation, reference } from "./relations.ts";
import { renderExpression, renderObject, type Scope } from "./render.ts";

/** The columns that the view itself fills, for every mapping. */
export const own = {
  export: "x_Export",
  execution: "x_ExecutionId",
  month: "x_BillingMonth",
};

/** The name of the relation with the lines of the tables of a mapping. */
export function linesName({ name }: Mapping): string {
  return `lines_of_${name}`;
}

/** The name of the relation with all that is known of each line. */
export function rowsName({ name }: Mapping): string {
  return `rows_of_${name}`;
}

/**
 * The rows of all tables of a mapping with their export and month, the fields that the mapping reads, and its facts. The first
 * relation has the lines with the facts that need no lookup; the second one also has the other facts.
 */
export function rowRelations(
  tables: readonly ChargeTable[],
  mapping: Mapping,
  dialect: Dialect,
): { readonly lines: Relation; readonly rows: Relation; readonly lookups: readonly string[] } {
  const base = tables.map((table) => renderTable(table, tables, mapping, dialect)).join("\nUNION ALL\n");
  const [simple, others] = [false, true].map((isLookup) =>
    Object.entries(mapping.facts).filter(([, fact]) => needsLookup(fact, mapping) === isLookup),
  );
  const scope = scopeOf(tables, mapping, "r", dialect);
  const lines = inLayers(base, simple ?? [], scope);
  const rows = inLayers(`SELECT * FROM ${reference(linesName(mapping))} AS r`, others ?? [], scope);
  return {
    lines: { name: linesName(mapping), sql: lines.sql },
    rows: { name: rowsName(mapping), sql: rows.sql },
    lookups: [...new Set([...lines.lookups, ...rows.lookups])],
  };
}

/** The scope of expressions on the rows of the tables of a mapping. Lookups belong to facts. */
export function scopeOf(tables: readonly ChargeTable[], mapping: Mapping, from: string, dialect: Dialect): Scope {
  const having = tables.map((table) => fieldsOf(table, mapping));
  return {
    dialect,
    from,
    hasColumn(name) {
      if (having.every((columns) => columns.has(name))) return "TRUE";
      return having.some((columns) => columns.has(name)) ? `${from}.${dialect.identifier(hasName(name))}` : "FALSE";
    },
    joined(lookup) {
      throw new TypeError(`The lookup ${lookup} is used outside of the facts of ${mapping.name}`);
    },
  };
}

/** The column that says whether a table has a field, where some tables of a mapping have it and others lack it. */
function hasName(field: string): string {
  return `has_${field}`;
}

/** Whether a fact, or a fact that it reads, needs a lookup. */
function needsLookup(fact: Expression, mapping: Mapping): boolean {
  return (
    readsLookup(fact) ||
    fieldsIn(fact).some(({ name }) => {
      const other = mapping.facts[name];
      return other !== undefined && needsLookup(other, mapping);
    })
  );
}

/** Facts on top of a query: each in a layer above those that it reads, so that the text of a fact is there once. */
function inLayers(
  query: string,
  facts: readonly (readonly [name: string, fact: Expression])[],
  around: Scope,
): { readonly sql: string; readonly lookups: readonly string[] } {
  const { dialect } = around;
  const known = new Map(facts);
  const layers = new Map<string, number>();
  const layerOf = (name: string): number => {
    const fact = known.get(name);
    if (fact === undefined) return 0;
    const layer = layers.get(name) ?? 1 + Math.max(0, ...fieldsIn(fact).map((one) => layerOf(one.name)));
    layers.set(name, layer);
    return layer;
  };
  for (const name of known.keys()) layerOf(name);
  let sql = query;
  const used = new Set<string>();
  for (let layer = 1; layer <= Math.max(0, ...layers.values()); layer += 1) {
    const joins = new Map<string, string>();
    const scope: Scope = {
      ...around,
      joined(lookup, key) {
        used.add(lookup);
        const alias = [...joins.keys()].indexOf(`${lookup} ${key}`);
        if (alias !== -1) return `l${alias + 1}`;
        const [keyColumn = ""] = lookups[lookup]?.columns ?? [];
        const name = `l${joins.size + 1}`;
        const on = `${name}.${dialect.identifier(keyColumn)} = ${key}`;
        joins.set(`${lookup} ${key}`, `LEFT JOIN ${reference(lookup)} AS ${name} ON ${on}`);
        return name;
      },
    };
    const columns = facts
      .filter(([name]) => layers.get(name) === layer)
      .map(([name, fact]) => `${renderExpression(fact, scope)} AS ${dialect.identifier(name)}`);
    const from = [`(${sql}) AS r`, ...joins.values()].join("\n  ");
    sql = `SELECT ${["r.*", ...columns].join(",\n  ")}\nFROM ${from}`;
  }
  return { sql, lookups: [...used] };
}

/** The rows of one table with its export, the month and the fields of the mapping, alike for all tables. */
function renderTable(table: ChargeTable, tables: readonly ChargeTable[], mapping: Mapping, dialect: Dialect): string {
  const { identifier, literal, types, tableName } = dialect;
  const columns = fieldsOf(table, mapping);
  const fields = [...fieldsUsed(mapping).values()].map((one) => `${renderField(one)} AS ${identifier(one.name)}`);
  const partition = table.columns.find(({ name }) => name === table.partitionColumn);
  const [onlyMonth, ...otherMonths] = table.months ?? [];
  const isOneMonth = onlyMonth !== undefined && onlyMonth !== "" && otherMonths.length === 0;
  const monthOf = (column: TableColumn): string =>
    isOneMonth ? literal(onlyMonth) : dialect.month(renderColumn(column));
  const month = partition === undefined ? `CAST(NULL AS ${types.text})` : monthOf(partition);
  const rest = scopeOf(tables, mapping, "t", dialect);
  const has = fieldsAsked(mapping)
    .filter((name) => !["TRUE", "FALSE"].includes(rest.hasColumn(name)))
    .map((name) => `${columns.has(name) ? "TRUE" : "FALSE"} AS ${identifier(hasName(name))}`);
  const items = [`${literal(table.exportName)} AS ${identifier(own.export)}`, `${month} AS ${identifier(own.month)}`];
  const read = table.months === undefined ? "" : ` WHERE ${monthsCondition(table.months, partition, dialect)}`;
  return `SELECT ${[...items, ...fields, ...has].join(", ")} FROM ${tableName(table.table, table.table.name)}${read}`;

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
      if (one.isFirst !== true) return renderObject(entries, dialect);
      return `COALESCE(${[...entries.map(({ value }) => value), `CAST(NULL AS ${types.text})`].join(", ")})`;
    }
    const isText = one.type === "text" || one.type === "json";
    const found = (columns.get(one.name) ?? []).map((column) => {
      const value = dialect.column(identifier(column.name), column, one.type);
      return isText && mapping.emptyWord !== undefined ? `NULLIF(${value}, ${literal(mapping.emptyWord)})` : value;
    });
    if (found.length > 1) return `COALESCE(${found.join(", ")})`;
    return found[0] ?? `CAST(NULL AS ${types[one.type]})`;
  }
}

/** The condition that a row is of one of these months, by the partition column itself, so that other months are not read. */
function monthsCondition(months: readonly string[], partition: TableColumn | undefined, dialect: Dialect): string {
  const { identifier, literal } = dialect;
  const named = months.filter((month) => month !== "").toSorted();
  const [first, last] = [named[0], named.at(-1)];
  if (partition === undefined) return months.includes("") ? "TRUE" : "FALSE";
  const column = identifier(partition.name);
  const alternatives = months.includes("") ? [`${column} IS NULL`] : [];
  if (first !== undefined && last !== undefined) {
    const start = (month: string): string => `CAST(${literal(`${month}-01`)} AS ${partition.nativeType})`;
    const range = `${column} >= ${start(first)} AND ${column} < ${start(nextMonth(last))}`;
    const month = dialect.month(dialect.column(column, partition, "timestamp"));
    const isIn = `${month} IN (${named.map(literal).join(", ")})`;
    const isTime = /^(?:DATE|DATETIME|TIMESTAMP)/.test(partition.nativeType);
    // With a time zone, a month starts at another time than in UTC.
    const isWhole = named.length === 1 && isTime && !partition.nativeType.includes("ZONE");
    alternatives.push(isWhole ? `(${range})` : `(${isTime ? `${range} AND ` : ""}${isIn})`);
  }
  return alternatives.length === 0 ? "FALSE" : alternatives.join(" OR ");
}
