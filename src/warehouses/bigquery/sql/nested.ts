import { identifier } from "./names.ts";
import type { Parameters } from "../api/parameters.ts";
import { type Field, nativeTypeOf } from "../api/tables.ts";

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
