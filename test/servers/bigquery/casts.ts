import { queryError } from "./failures.ts";

import { plainBig, plainFloat, plainInt, plainTimestamp } from "./plain-text.ts";
import { type Value } from "./scope.ts";
import { parseDate, parseDatetime, parseTimestamp } from "./times.ts";
import { duckdbType, sameType, scalar, type ScalarKind, text, type Type, typeName } from "./types.ts";

/** A cast, as CAST or SAFE_CAST does it. Error: invalidQuery for types between which there is none. */
export function castTo(value: Value, kind: ScalarKind, safe: boolean): Value {
  const from = value.type.kind;
  const type = scalar(kind);
  if (from === "NULL") return { sql: `CAST(NULL AS ${duckdbType(type)})`, type };
  if (from === kind) return { sql: value.sql, type };
  const sql = from === "STRING" ? parseSql(value.sql, kind, safe) : convertSql(value.sql, from, kind, safe);
  if (sql === undefined) throw queryError(`Invalid cast from ${typeName(value.type)} to ${kind}`);
  return { sql, type };
}

/**
 * Text for the client of DuckDB, which takes one byte order mark from the start of every text that it reads: where there
 * is one, it gets two.
 */
export function keepMark(sql: string): string {
  return `regexp_replace(${sql}, '^\u{FEFF}', '\u{FEFF}\u{FEFF}')`;
}

function parseSql(sql: string, kind: ScalarKind, safe: boolean): string | undefined {
  const call = (name: string): string => `bq_${safe ? "safe_" : ""}${name}(${keepMark(sql)})`;
  const parsed: Partial<Record<ScalarKind, string>> = {
    BIGNUMERIC: plainBig(sql, call("big")),
    NUMERIC: `CAST(${call("num")} AS DECIMAL(38,9))`,
    INT64: plainInt(sql, call("int")),
    FLOAT64: plainFloat(sql, call("float")),
    BOOL: call("bool"),
    DATE: `(DATE '1970-01-01' + ${call("date")})`,
    DATETIME: `make_timestamp(${call("datetime")})`,
    TIMESTAMP: `make_timestamptz(${plainTimestamp(sql, call("timestamp"))})`,
    BYTES: `encode(${sql})`,
  };
  return parsed[kind];
}

function convertSql(sql: string, from: Type["kind"], kind: ScalarKind, safe: boolean): string | undefined {
  if (kind === "STRING") return textSql(sql, from);
  const attempt = safe ? "TRY_CAST" : "CAST";
  const key = `${from} ${kind}`;
  const plain = ["INT64 FLOAT64", "INT64 NUMERIC", "INT64 BOOL", "BOOL INT64", "NUMERIC FLOAT64"];
  if (plain.includes(key)) return `${attempt}(${sql} AS ${duckdbType(scalar(kind))})`;
  const moments: Readonly<Record<string, string>> = {
    "DATE DATETIME": `CAST(${sql} AS TIMESTAMP)`,
    "DATE TIMESTAMP": `timezone('UTC', CAST(${sql} AS TIMESTAMP))`,
    "DATETIME DATE": `CAST(${sql} AS DATE)`,
    "DATETIME TIMESTAMP": `timezone('UTC', ${sql})`,
    "TIMESTAMP DATE": `CAST(timezone('UTC', ${sql}) AS DATE)`,
    "TIMESTAMP DATETIME": `timezone('UTC', ${sql})`,
  };
  if (moments[key] !== undefined) return moments[key];
  if (key === "BIGNUMERIC FLOAT64") return `bq_big_float(${sql})`;
  // From numbers to exact ones through their text; floats through the shortest one (documented: conversion_functions;
  // that a float becomes the number of its shortest text is assumed).
  const numbers = ["INT64", "FLOAT64", "NUMERIC", "BIGNUMERIC"];
  if (numbers.includes(from) && (kind === "NUMERIC" || kind === "BIGNUMERIC")) {
    return parseSql(textSql(sql, from) ?? "", kind, safe);
  }
  // Documented: standard-sql/conversion_functions#cast_as_integer; halves go away from zero.
  if (from === "FLOAT64" && kind === "INT64") return `${attempt}(round(${sql}) AS BIGINT)`;
  if (from === "NUMERIC" && kind === "INT64") return `${attempt}(round(${sql}, 0) AS BIGINT)`;
  if (from === "BIGNUMERIC" && kind === "INT64") return parseSql(`bq_big_text(bq_big_round(${sql}, 0))`, kind, safe);
  return undefined;
}

function textSql(sql: string, from: Type["kind"]): string | undefined {
  const plain = `CAST(${sql} AS VARCHAR)`;
  const written: Partial<Record<Type["kind"], string>> = {
    INT64: plain,
    BOOL: plain,
    DATE: plain,
    NUMERIC: `rtrim(rtrim(${plain}, '0'), '.')`,
    BIGNUMERIC: `bq_big_text(${sql})`,
    FLOAT64: `bq_float_text(${sql})`,
    TIMESTAMP: `bq_timestamp_text(epoch_us(${sql}))`,
    DATETIME: `bq_datetime_text(epoch_us(${sql}), ' ')`,
    BYTES: `decode(${sql})`,
  };
  return written[from];
}

const widenings: Partial<Record<ScalarKind, readonly ScalarKind[]>> = {
  INT64: ["INT64", "NUMERIC", "BIGNUMERIC", "FLOAT64"],
  NUMERIC: ["NUMERIC", "BIGNUMERIC", "FLOAT64"],
  BIGNUMERIC: ["BIGNUMERIC", "FLOAT64"],
};

/**
 * Coerces a value to a type where BigQuery does so implicitly (documented: standard-sql/conversion_rules); undefined where
 * it does not.
 */
export function coerce(value: Value, type: Type): Value | undefined {
  const { kind } = value.type;
  if (sameType(value.type, type) && kind !== "NULL") return value;
  if (kind === "NULL") return { sql: `CAST(NULL AS ${duckdbType(type)})`, type };
  if (type.kind === "ARRAY" || type.kind === "STRUCT" || kind === "ARRAY" || kind === "STRUCT") return undefined;
  if (widenings[kind]?.includes(type.kind) === true) return castTo(value, type.kind, false);
  if (kind === "STRING" && value.literal !== undefined && ["DATE", "DATETIME", "TIMESTAMP"].includes(type.kind)) {
    return castTo(value, type.kind, false);
  }
  // A literal of a float fits the exact types (documented: conversion_rules#literal_coercion).
  if (kind === "FLOAT64" && value.literal !== undefined && ["NUMERIC", "BIGNUMERIC"].includes(type.kind)) {
    return castTo({ sql: text(value.literal ?? ""), type: scalar("STRING") }, type.kind, false);
  }
  return undefined;
}

/** Coerces values to the type that holds them all. Error: invalidQuery when there is none. */
export function unify(
  values: readonly Value[],
  what: string,
): { readonly type: Type; readonly values: readonly Value[] } {
  const typed = values.filter(({ type }) => type.kind !== "NULL");
  const candidates: Type[] = [
    ...typed.map(({ type }) => type),
    ...(["NUMERIC", "BIGNUMERIC", "FLOAT64"] as const).map(scalar),
  ];
  if (typed.length === 0) return { type: scalar("NULL"), values };
  for (const type of candidates) {
    const coerced = values.map((value) => coerce(value, type));
    if (coerced.every((value) => value !== undefined)) return { type, values: coerced };
  }
  const types = values.map(({ type }) => typeName(type)).join(", ");
  throw queryError(`No matching signature for ${what} for argument types: ${types}`);
}

/** A typed literal: `DATE '2025-01-01'`. Error: invalidQuery. */
export function typedLiteral(kind: string, written: string): Value {
  const parsers: Readonly<Record<string, (value: string) => unknown>> = {
    DATE: parseDate,
    DATETIME: parseDatetime,
    TIMESTAMP: parseTimestamp,
  };
  if (parsers[kind] !== undefined && parsers[kind](written) === undefined) {
    throw queryError(`Invalid ${kind} literal "${written}"`);
  }
  return castTo({ sql: text(written), type: scalar("STRING") }, kind as ScalarKind, false);
}
