import { type DuckDBType, DuckDBTypeId } from "@duckdb/node-api";

import type { Engine } from "./engine.ts";
import { refusal } from "./failures.ts";
import { type Column, quoted, scalar, type ScalarKind, text, type Type } from "./types.ts";

interface Converted {
  readonly type: Type;
  readonly sql: string;
}

/** The columns of a Parquet file, with the SQL of their values (documented: loading-data-cloud-storage-parquet#type_conversions). */
export async function readParquet(
  engine: Engine,
  path: string,
  uri: string,
): Promise<{ columns: Column[]; values: string[]; relation: string }> {
  const relation = `read_parquet(${text(path)})`;
  const fail = (why: string): Error =>
    refusal("invalid", `Error while reading data, error message: ${why} File: ${uri}`, { location: uri });
  try {
    // All pages are read, so that damage is found before anything is inserted.
    await engine.run(`SELECT count(COLUMNS(*)) FROM ${relation}`);
  } catch (error) {
    throw fail(`Failed to read Parquet file: ${error instanceof Error ? error.message.split("\n", 1)[0] : ""}.`);
  }
  const reader = await engine.run(`SELECT * FROM ${relation} LIMIT 0`);
  const converted = reader.columnNames().map((name, index) => {
    const value = convert(reader.columnType(index), quoted(name));
    if (value === undefined) throw fail(`Unsupported type ${reader.columnType(index).toString()} of column ${name}.`);
    return { name: characterMapped(name), ...value };
  });
  const folded = converted.map(({ name }) => name.toLowerCase());
  const twice = folded.find((name, index) => folded.indexOf(name) !== index);
  if (twice !== undefined) throw fail(`Duplicate field name ${twice}.`);
  return {
    relation,
    columns: converted.map(({ name, type }) => ({ name, type })),
    values: converted.map(({ sql }) => sql),
  };
}

/** Documented: reference/rest/v2/Job#columnNameCharacterMap; V2 keeps flexible names, and what becomes `_` is assumed. */
function characterMapped(name: string): string {
  return name.replaceAll(/[^\p{L}\p{N}\p{Pc}\p{Pd}\p{M}&%=+:'<>#|\s]/gu, "_");
}

const same: Partial<Record<DuckDBTypeId, ScalarKind>> = {
  [DuckDBTypeId.BOOLEAN]: "BOOL",
  [DuckDBTypeId.DOUBLE]: "FLOAT64",
  [DuckDBTypeId.VARCHAR]: "STRING",
  [DuckDBTypeId.BLOB]: "BYTES",
  [DuckDBTypeId.DATE]: "DATE",
  [DuckDBTypeId.TIMESTAMP_TZ]: "TIMESTAMP",
};

const integers = new Set([
  DuckDBTypeId.TINYINT,
  DuckDBTypeId.SMALLINT,
  DuckDBTypeId.INTEGER,
  DuckDBTypeId.BIGINT,
  DuckDBTypeId.UTINYINT,
  DuckDBTypeId.USMALLINT,
  DuckDBTypeId.UINTEGER,
  DuckDBTypeId.UBIGINT,
]);

function convert(from: DuckDBType, sql: string, depth = 0): Converted | undefined {
  const { typeId } = from;
  const kind = same[typeId];
  if (kind !== undefined) return { type: scalar(kind), sql };
  if (integers.has(typeId)) return { type: scalar("INT64"), sql: `CAST(${sql} AS BIGINT)` };
  if (typeId === DuckDBTypeId.FLOAT) return { type: scalar("FLOAT64"), sql: `CAST(${sql} AS DOUBLE)` };
  if (typeId === DuckDBTypeId.TIMESTAMP || typeId === DuckDBTypeId.TIMESTAMP_MS) {
    return { type: scalar("TIMESTAMP"), sql: `timezone('UTC', CAST(${sql} AS TIMESTAMP))` };
  }
  if (typeId === DuckDBTypeId.ENUM) return { type: scalar("STRING"), sql: `CAST(${sql} AS VARCHAR)` };
  if (typeId === DuckDBTypeId.DECIMAL) return { type: scalar("BIGNUMERIC"), sql: `bq_big(CAST(${sql} AS VARCHAR))` };
  return convertNested(from, sql, depth);
}

function convertNested(from: DuckDBType, sql: string, depth: number): Converted | undefined {
  const element = `e${depth}`;
  if (from.typeId === DuckDBTypeId.LIST) {
    const inner = convert(from.valueType, element, depth + 1);
    return inner && repeated("list", { element: inner }, sql, element);
  }
  if (from.typeId === DuckDBTypeId.MAP) {
    const key = convert(from.keyType, `${element}.key`, depth + 1);
    const value = convert(from.valueType, `${element}.value`, depth + 1);
    return key && value && repeated("key_value", { key, value }, `map_entries(${sql})`, element);
  }
  if (from.typeId !== DuckDBTypeId.STRUCT) return undefined;
  const { entryNames, entryTypes } = from;
  const fields: Column[] = [];
  const packed: string[] = [];
  for (const [index, name] of entryNames.entries()) {
    const inner = convert(entryTypes[index] as DuckDBType, `struct_extract(${sql}, ${text(name)})`, depth);
    if (inner === undefined) return undefined;
    fields.push({ name: characterMapped(name), type: inner.type });
    packed.push(`${quoted(characterMapped(name))} := ${inner.sql}`);
  }
  return {
    type: { kind: "STRUCT", fields },
    sql: `CASE WHEN ${sql} IS NOT NULL THEN struct_pack(${packed.join(", ")}) END`,
  };
}

/** The record of a repeated record that BigQuery makes of lists and maps. */
function repeated(list: string, parts: Readonly<Record<string, Converted>>, sql: string, element: string): Converted {
  const fields = Object.entries(parts).map(([name, { type }]) => ({ name, type }));
  const cells = Object.entries(parts).map(([name, inner]) => `'${name}': ${inner.sql}`);
  const transformed = `list_transform(${sql}, LAMBDA ${element}: {${cells.join(", ")}})`;
  return {
    type: { kind: "STRUCT", fields: [{ name: list, type: { kind: "ARRAY", element: { kind: "STRUCT", fields } } }] },
    sql: `CASE WHEN ${sql} IS NOT NULL THEN {'${list}': ${transformed}} END`,
  };
}
