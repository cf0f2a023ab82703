import { noSignature } from "./aggregates.ts";
import { castTo, coerce, unify } from "./casts.ts";
import { queryError } from "./failures.ts";
import { jsonText } from "./json-text.ts";
import { type Value } from "./scope.ts";
import { duckdbType, scalar, type ScalarKind, type Type } from "./types.ts";

function trim(side: string): (values: readonly Value[], name: string) => Value {
  return (values, name) => {
    const strings = values.map((value) => coerce(value, scalar("STRING")));
    if (strings.length === 0 || strings.length > 2 || strings.includes(undefined)) throw noSignature(name, values);
    // Documented: standard-sql/string_functions#trim; without characters all white space goes.
    const blanks = String.raw`E' \t\n\r\f\x0b\u0085\u00a0\u2028\u2029'`;
    return { sql: `${side}(${strings[0]?.sql}, ${strings[1]?.sql ?? blanks})`, type: scalar("STRING") };
  };
}

/** The functions whose types depend on their arguments. */
export const specialFunctions: Readonly<Record<string, (values: readonly Value[], name: string) => Value>> = {
  TRIM: trim("trim"),
  LTRIM: trim("ltrim"),
  RTRIM: trim("rtrim"),
  CONCAT: (values, name) => {
    const strings = values.map((value) => coerce(value, scalar("STRING")));
    if (strings.includes(undefined) || strings.length === 0) throw noSignature(name, values);
    // NULL in, NULL out: unlike DuckDB's function (documented: string_functions#concat).
    return { sql: `(${strings.map((value) => (value as Value).sql).join(" || ")})`, type: scalar("STRING") };
  },
  IF: ([condition, ...results], name) => {
    const test = condition && coerce(condition, scalar("BOOL"));
    if (test === undefined || results.length !== 2) throw noSignature(name, results);
    const { type, values } = unify(results, "function IF");
    return { sql: `CASE WHEN ${test.sql} THEN ${values[0]?.sql} ELSE ${values[1]?.sql} END`, type };
  },
  COALESCE: together("coalesce"),
  IFNULL: together("coalesce"),
  NULLIF: (both, name) => {
    const { type, values } = unify(both, "function NULLIF");
    if (both.length !== 2) throw noSignature(name, both);
    return { sql: `CASE WHEN ${values[0]?.sql} = ${values[1]?.sql} THEN NULL ELSE ${values[0]?.sql} END`, type };
  },
  GREATEST: extreme(">"),
  LEAST: extreme("<"),
  ABS: (values, name) => {
    const [value] = values;
    if (value === undefined || !isNumber(value.type)) throw noSignature(name, values);
    return { sql: `${value.type.kind === "BIGNUMERIC" ? "bq_big_abs" : "abs"}(${value.sql})`, type: value.type };
  },
  ROUND: (values, name) => {
    const [value, digits] = values;
    if (value === undefined || !isNumber(value.type)) throw noSignature(name, values);
    if (value.type.kind === "BIGNUMERIC") {
      return { sql: `bq_big_round(${value.sql}, ${digits?.sql ?? "CAST(0 AS BIGINT)"})`, type: value.type };
    }
    const type = value.type.kind === "INT64" ? scalar("FLOAT64") : value.type;
    const rounded = value.type.kind === "NUMERIC" ? castTo(value, "BIGNUMERIC", false).sql : undefined;
    if (rounded === undefined)
      return { sql: `round(CAST(${value.sql} AS DOUBLE), CAST(${digits?.sql ?? 0} AS INTEGER))`, type };
    return castTo(
      { sql: `bq_big_round(${rounded}, ${digits?.sql ?? "CAST(0 AS BIGINT)"})`, type: scalar("BIGNUMERIC") },
      "NUMERIC",
      false,
    );
  },
  FORMAT: ([format, value, ...more], name) => {
    const digits = /^%\.(\d+)e$/u.exec(format?.literal ?? "")?.[1];
    const float = value && coerce(value, scalar("FLOAT64"));
    if (digits === undefined || float === undefined || more.length > 0) {
      throw queryError(`${name} takes '%.<n>e' and one number in this server`);
    }
    return { sql: `bq_format_float(CAST(${digits} AS BIGINT), ${float.sql})`, type: scalar("STRING") };
  },
  DATE: convert("DATE"),
  DATETIME: convert("DATETIME"),
  TIMESTAMP: convert("TIMESTAMP"),
  STRING: convert("STRING"),
  DATE_TRUNC: truncate,
  DATETIME_TRUNC: truncate,
  TIMESTAMP_TRUNC: truncate,
  // Documented: standard-sql/json_functions#parse_json, with the prefix SAFE: NULL where the text is not JSON.
  "SAFE.PARSE_JSON": ([text], name) => {
    if (text?.type.kind !== "STRING") throw noSignature(name, text === undefined ? [] : [text]);
    return { sql: `CASE WHEN json_valid(${text.sql}) THEN CAST(${text.sql} AS JSON) END`, type: scalar("JSON") };
  },
  // Documented: standard-sql/json_functions#json_value; a scalar as text, NULL for anything else and for text that is not JSON.
  JSON_VALUE: ([json, path], name) => {
    const document = json && coerce(json, scalar("STRING"));
    if (document === undefined || path?.literal === undefined || !/^\$\."[^"]*"$/u.test(path.literal ?? ""))
      throw queryError(`${name} takes a STRING and a path such as '$."key"' in this server`);
    const value = `json_extract(${document.sql}, ${path.sql})`;
    const sql = `CASE WHEN json_valid(${document.sql}) AND json_type(${value}) NOT IN ('OBJECT', 'ARRAY', 'NULL') THEN json_extract_string(${document.sql}, ${path.sql}) END`;
    return { sql, type: scalar("STRING") };
  },
  TO_JSON_STRING: ([value], name) => {
    if (value === undefined) throw noSignature(name, []);
    return { sql: jsonText(value), type: scalar("STRING") };
  },
  CODE_POINTS_TO_STRING: ([array], name) => {
    if (array?.type.kind !== "ARRAY") throw noSignature(name, array === undefined ? [] : [array]);
    return {
      sql: `array_to_string(list_transform(${array.sql}, LAMBDA p: chr(CAST(p AS INTEGER))), '')`,
      type: scalar("STRING"),
    };
  },
  ARRAY_TO_STRING: ([array, by, missing], name) => {
    if (array?.type.kind !== "ARRAY" || by === undefined) throw noSignature(name, array === undefined ? [] : [array]);
    const list =
      missing === undefined ? array.sql : `list_transform(${array.sql}, LAMBDA p: coalesce(p, ${missing.sql}))`;
    return { sql: `array_to_string(${list}, ${by.sql})`, type: scalar("STRING") };
  },
  ARRAY_LENGTH: ([array], name) => {
    if (array?.type.kind !== "ARRAY") throw noSignature(name, array === undefined ? [] : [array]);
    return { sql: `len(${array.sql})`, type: scalar("INT64") };
  },
};

function together(sql: string): (values: readonly Value[], name: string) => Value {
  return (all, name) => {
    const { type, values } = unify(all, `function ${name}`);
    return { sql: `${sql}(${values.map((value) => value.sql).join(", ")})`, type };
  };
}

/** NULL when any argument is (documented: standard-sql/mathematical_functions#greatest), unlike DuckDB's function. */
function extreme(sign: string): (values: readonly Value[], name: string) => Value {
  return (all, name) => {
    const { type, values } = unify(all, `function ${name}`);
    const [first, ...rest] = values.map((value) => value.sql);
    const sql = rest.reduce(
      (best, next) =>
        `CASE WHEN ${best} IS NULL OR ${next} IS NULL THEN NULL WHEN ${best} ${sign} ${next} THEN ${best} ELSE ${next} END`,
      first ?? "NULL",
    );
    return { sql, type };
  };
}

function convert(kind: ScalarKind): (values: readonly Value[], name: string) => Value {
  return (values, name) => {
    const [value, more] = values;
    if (value === undefined || more !== undefined) throw noSignature(name, values);
    return castTo(value, kind, false);
  };
}

function truncate(values: readonly Value[], name: string): Value {
  const [value, part] = values;
  const kind = name.replace("_TRUNC", "") as ScalarKind;
  const moment = value && coerce(value, scalar(kind));
  if (moment === undefined || typeof part?.literal !== "string") throw noSignature(name, values);
  const sql = `date_trunc('${part.literal.toLowerCase()}', ${kind === "TIMESTAMP" ? `timezone('UTC', ${moment.sql})` : moment.sql})`;
  return {
    sql: kind === "TIMESTAMP" ? `timezone('UTC', ${sql})` : `CAST(${sql} AS ${duckdbType(scalar(kind))})`,
    type: scalar(kind),
  };
}

function isNumber(type: Type): boolean {
  return ["INT64", "FLOAT64", "NUMERIC", "BIGNUMERIC"].includes(type.kind);
}
