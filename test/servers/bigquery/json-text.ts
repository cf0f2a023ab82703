import { castTo, keepMark } from "./casts.ts";
import { plainJson } from "./plain-text.ts";
import type { Value } from "./scope.ts";
import { text, type Type } from "./types.ts";

/** A value as JSON text (documented: standard-sql/json_functions#json_encodings). */
export function jsonText({ sql, type, parts }: Value): string {
  // A STRUCT that is written out is never NULL; naming it once per field would make DuckDB plan for a long time.
  if (type.kind === "STRUCT" && parts !== undefined) {
    const fields = type.fields.map(({ name }, index) => named(name, parts[index] as Value));
    return `('{' || ${fields.join(" || ',' || ")} || '}')`;
  }
  return `coalesce(${jsonOf(sql, type)}, 'null')`;
}

function named(name: string, value: Value): string {
  return `${text(`${JSON.stringify(name)}:`)} || ${jsonText(value)}`;
}

function jsonOf(sql: string, type: Type): string {
  switch (type.kind) {
    case "STRUCT": {
      const fields = type.fields.map((field) =>
        named(field.name, { sql: `struct_extract(${sql}, ${text(field.name)})`, type: field.type }),
      );
      return `CASE WHEN ${sql} IS NOT NULL THEN '{' || ${fields.join(" || ',' || ")} || '}' END`;
    }
    case "ARRAY":
      return `'[' || array_to_string(list_transform(${sql}, LAMBDA q: ${jsonText({ sql: "q", type: type.element })}), ',') || ']'`;
    case "INT64":
    case "NULL":
      return `CASE WHEN abs(${sql}) > 9007199254740992 THEN '"' || ${sql} || '"' ELSE CAST(${sql} AS VARCHAR) END`;
    case "BOOL":
      return `CAST(${sql} AS VARCHAR)`;
    case "FLOAT64":
      return `CASE WHEN isfinite(${sql}) THEN bq_float_text(${sql}) ELSE '"' || bq_float_text(${sql}) || '"' END`;
    case "NUMERIC":
    case "BIGNUMERIC": {
      // As a number where a float holds it exactly, else quoted (documented); 15 digits decide here.
      const written = castTo({ sql, type }, "STRING", false).sql;
      return `CASE WHEN length(regexp_replace(${written}, '[^0-9]', '', 'g')) <= 15 THEN ${written} ELSE '"' || ${written} || '"' END`;
    }
    case "TIMESTAMP":
      return `'"' || replace(bq_datetime_text(epoch_us(${sql}), 'T'), ' ', 'T') || 'Z"'`;
    case "DATETIME":
      return `'"' || bq_datetime_text(epoch_us(${sql}), 'T') || '"'`;
    case "DATE":
      return `'"' || CAST(${sql} AS VARCHAR) || '"'`;
    case "JSON":
      return sql;
    case "STRING":
      return plainJson(sql, `bq_json_text(${keepMark(sql)})`);
    case "BYTES":
    default:
      return `'"' || to_base64(${sql}) || '"'`;
  }
}
