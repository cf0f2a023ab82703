import type { Parameters } from "../api/jobs.ts";
import type { Field } from "../api/tables.ts";
import { identifier, nativeTypeOf } from "./names.ts";

/**
 * Whether a value that does not fit stops the statement, or becomes NULL. Both are the same expression except for the last
 * cast, so that a later search finds the value that stopped the load.
 */
export type CastMode = "CAST" | "SAFE_CAST";

/** A number as `src/schema/decimals.ts` reads it: BigQuery's own cast also accepts blanks around it. */
const number = String.raw`r'^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$'`;

/** A moment as `src/schema/timestamps.ts` reads it. */
const moment = String.raw`r'^([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}/[0-9]{1,2}/[0-9]{4})([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?(Z| ?UTC|[+-][0-9]{2}(:[0-9]{2})?)?)?$'`;

/**
 * The SQL that converts a staged value to a value of a table column. A value that does not fit stops the statement, or is
 * NULL, depending on the mode; NULL stays NULL.
 */
export function castExpression(
  value: string,
  source: Field,
  nativeType: string,
  mode: CastMode,
  parameters: Parameters,
): string {
  const sourceType = nativeTypeOf(source);
  const { base, scale } = splitType(nativeType);
  const isText = base === "STRING" || base === "JSON";
  if (sourceType === "STRING") return castText(value, base, scale, mode);
  if (isNested(source)) {
    const text = jsonText(value, source, parameters);
    return isText ? castText(text, base, scale, mode) : castText(`NULLIF(${text}, '')`, base, scale, mode);
  }
  if (sourceType === base && scale === undefined) return value;
  // The shortest text of a float is the intended number; its binary value has more digits.
  if (sourceType === "FLOAT64")
    return base === "STRING" ? castToText(value) : castText(shortest(value), base, scale, mode);
  if (directCasts.has(`${sourceType} ${base}`)) return rounded(`${mode}(${value} AS ${base})`, scale);
  return castText(castToText(value), base, scale, mode);
}

/** The exact number of a table column, or of a value of this native type; NULL if it is not a number. */
export function exactNumber(value: string, nativeType: string): string {
  const { base } = splitType(nativeType);
  if (base === "BIGNUMERIC") return value;
  if (base === "NUMERIC" || base === "INT64") return `CAST(${value} AS BIGNUMERIC)`;
  const text = base === "FLOAT64" ? shortest(value) : base === "STRING" ? value : castToText(value);
  return castText(text, "BIGNUMERIC", undefined, "SAFE_CAST");
}

/** The text of a number as it was delivered: a float's shortest one. */
export function numberText(value: string, source: Field): string {
  const sourceType = nativeTypeOf(source);
  if (sourceType === "STRING") return value;
  return sourceType === "FLOAT64" ? shortest(value) : castToText(value);
}

/** Digits after the point of a BIGNUMERIC. */
export const bignumericScale = 38;

/** The text of a number that may have more digits behind the point than a BIGNUMERIC, whose sum would lose some; else NULL. */
export function longText(text: string): string {
  const digits = String.raw`COALESCE(LENGTH(REGEXP_EXTRACT(${text}, r'\.([0-9]*)')), 0)`;
  const exponent = `COALESCE(SAFE_CAST(REGEXP_EXTRACT(${text}, r'[eE]([+-]?[0-9]+)$') AS INT64), 0)`;
  return `IF(${digits} - ${exponent} > ${bignumericScale}, ${text}, NULL)`;
}

/** The moment of a value of this native type; NULL if it is not a time. */
export function exactMoment(value: string, nativeType: string): string {
  const { base } = splitType(nativeType);
  if (base === "TIMESTAMP") return value;
  if (base === "DATE" || base === "DATETIME") return `CAST(${value} AS TIMESTAMP)`;
  return castText(base === "STRING" ? value : castToText(value), "TIMESTAMP", undefined, "SAFE_CAST");
}

/** Whether a staged column contains nested values: a map, a list, a struct. */
export function isNested(source: Field): boolean {
  return source.type === "RECORD" || source.type === "STRUCT" || source.mode === "REPEATED";
}

/** Text as it is written; for another type only what that type can store exactly. `mode` decides between an error and NULL. */
function castText(text: string, base: string, scale: string | undefined, mode: CastMode): string {
  switch (base) {
    case "STRING":
      return text;
    case "JSON":
      return mode === "CAST" ? `PARSE_JSON(${text})` : `SAFE.PARSE_JSON(${text})`;
    case "BIGNUMERIC":
    case "NUMERIC":
    case "FLOAT64":
      return rounded(`${mode}(${guarded(text, number, text)} AS ${base})`, scale);
    case "INT64":
      return `${mode}(${wholeText(text)} AS INT64)`;
    case "BOOL":
      return `${mode}(${boolText(text)} AS BOOL)`;
    case "TIMESTAMP":
      return `${mode}(${momentText(text)} AS TIMESTAMP)`;
    case "DATE":
    case "DATETIME":
      return `CAST(${mode}(${momentText(text)} AS TIMESTAMP) AS ${base})`;
    default:
      return `${mode}(${text} AS ${base})`;
  }
}

/** Text for a cast: text that does not match is changed so that the cast refuses it. NULL stays NULL. */
function guarded(text: string, pattern: string, then: string): string {
  return `IF(REGEXP_CONTAINS(${text}, ${pattern}), ${then}, CONCAT('no value: ', ${text}))`;
}

function momentText(text: string): string {
  const steps: readonly (readonly [pattern: string, replacement: string])[] = [
    [String.raw`r'^([0-9]+)/([0-9]+)/([0-9]+)'`, String.raw`r'\3-\1-\2'`],
    // Digits beyond the microsecond are cut, as in DuckDB.
    [String.raw`r'(\.[0-9]{6})[0-9]+'`, String.raw`r'\1'`],
    ["r' ?UTC$'", "'Z'"],
    [String.raw`r'([T ][0-9]{2}:[0-9]{2})(Z|[+-][0-9:]+)?$'`, String.raw`r'\1:00\2'`],
  ];
  const written = steps.reduce((sql, [pattern, by]) => `REGEXP_REPLACE(${sql}, ${pattern}, ${by})`, text);
  return guarded(text, moment, written);
}

function wholeText(text: string): string {
  const exact = `SAFE_CAST(${text} AS BIGNUMERIC)`;
  const plain = String.raw`REGEXP_CONTAINS(${text}, r'^[+-]?[0-9]+(\.0*)?$')`;
  const cut = String.raw`REGEXP_REPLACE(${text}, r'\..*$', '')`;
  return `CASE WHEN ${plain} THEN ${cut} WHEN REGEXP_CONTAINS(${text}, ${number}) AND ${exact} = ROUND(${exact}) THEN CAST(${exact} AS STRING) ELSE CONCAT('not whole: ', ${text}) END`;
}

function boolText(text: string): string {
  return `CASE WHEN LOWER(${text}) IN ('t', '1', 'y', 'yes') THEN 'true' WHEN LOWER(${text}) IN ('f', '0', 'n', 'no') THEN 'false' ELSE ${text} END`;
}

/** The shortest text that identifies this float. */
function shortest(value: string): string {
  const digits = (count: number): string => `FORMAT('%.${count}e', ${value})`;
  const names = (count: number): string => `SAFE_CAST(${digits(count)} AS FLOAT64) = ${value}`;
  return `CASE WHEN ${value} IS NULL THEN NULL WHEN ${names(14)} THEN ${digits(14)} WHEN ${names(15)} THEN ${digits(15)} ELSE ${digits(16)} END`;
}

function castToText(value: string): string {
  return `CAST(${value} AS STRING)`;
}

function rounded(value: string, scale: string | undefined): string {
  return scale === undefined ? value : `ROUND(${value}, ${scale})`;
}

/** `BIGNUMERIC(40, 2)` as its type and its scale. */
function splitType(nativeType: string): { base: string; scale: string | undefined } {
  const match = /^([A-Z0-9]+)\(\d+(?:, (\d+))?\)$/.exec(nativeType);
  return match === null ? { base: nativeType, scale: undefined } : { base: match[1] ?? "", scale: match[2] ?? "0" };
}

/** Casts between types that lose only digits after the point, and stop at values that do not fit. */
const directCasts: ReadonlySet<string> = new Set([
  "INT64 BIGNUMERIC",
  "INT64 NUMERIC",
  "INT64 FLOAT64",
  "NUMERIC BIGNUMERIC",
  "NUMERIC NUMERIC",
  "NUMERIC FLOAT64",
  "BIGNUMERIC NUMERIC",
  "BIGNUMERIC BIGNUMERIC",
  "BIGNUMERIC FLOAT64",
  "DATE TIMESTAMP",
  "DATE DATETIME",
  "TIMESTAMP DATE",
  "TIMESTAMP DATETIME",
  "DATETIME TIMESTAMP",
  "DATETIME DATE",
]);

/**
 * The SQL of the JSON text of a nested value: maps as objects, lists as arrays, in their order and without blanks. NULL
 * stays NULL. Parquet's maps and lists arrive as records of one repeated field.
 */
export function jsonText(value: string, field: Field, parameters: Parameters, depth = 0): string {
  if (field.mode === "REPEATED") return `CONCAT('[', ${items(value, field, parameters, depth)}, ']')`;
  if (field.type !== "RECORD" && field.type !== "STRUCT") return scalarText(value, nativeTypeOf(field));
  const [only, ...others] = field.fields ?? [];
  const isWrapped = others.length === 0 && only?.mode === "REPEATED";
  if (isWrapped && only.name === "key_value") return unlessNull(value, mapText(value, only, parameters, depth));
  if (isWrapped && only.name === "list") {
    const [element] = only.fields ?? [];
    if (element !== undefined) return unlessNull(value, listText(value, element, parameters, depth));
  }
  const members = (field.fields ?? []).map((member, position) => {
    const text = orNull(jsonText(`${value}.${identifier(member.name)}`, member, parameters, depth + 1));
    const key = parameters.text(`${position === 0 ? "" : ","}${JSON.stringify(member.name)}:`);
    return `${key}, ${text}`;
  });
  return unlessNull(value, `CONCAT('{', ${members.join(", ")}, '}')`);
}

function mapText(value: string, { fields = [] }: Field, parameters: Parameters, depth: number): string {
  const [key, item] = fields;
  const entry = `e${depth}`;
  const name = `TO_JSON_STRING(CAST(${entry}.${identifier(key?.name ?? "key")} AS STRING))`;
  const text =
    item === undefined ? "'null'" : orNull(jsonText(`${entry}.${identifier(item.name)}`, item, parameters, depth + 1));
  return `CONCAT('{', ${joined(`CONCAT(${name}, ':', ${text})`, `${value}.key_value`, depth)}, '}')`;
}

function listText(value: string, element: Field, parameters: Parameters, depth: number): string {
  const text = orNull(jsonText(`e${depth}.${identifier(element.name)}`, element, parameters, depth + 1));
  return `CONCAT('[', ${joined(text, `${value}.list`, depth)}, ']')`;
}

function items(value: string, field: Field, parameters: Parameters, depth: number): string {
  const text = orNull(jsonText(`e${depth}`, { ...field, mode: "NULLABLE" }, parameters, depth + 1));
  return joined(text, value, depth);
}

function joined(text: string, array: string, depth: number): string {
  return `ARRAY_TO_STRING(ARRAY(SELECT ${text} FROM UNNEST(${array}) AS e${depth} WITH OFFSET AS o${depth} ORDER BY o${depth}), ',')`;
}

/** JSON of a plain value. Numbers are written out: as a JSON string BigQuery would write those above 2^53. */
function scalarText(value: string, nativeType: string): string {
  const isNumber = /^(INT64|NUMERIC|BIGNUMERIC)/.test(nativeType);
  return isNumber ? `CAST(${value} AS STRING)` : unlessNull(value, `TO_JSON_STRING(${value})`);
}

function unlessNull(value: string, text: string): string {
  return `IF(${value} IS NULL, NULL, ${text})`;
}

function orNull(text: string): string {
  return `COALESCE(${text}, 'null')`;
}
