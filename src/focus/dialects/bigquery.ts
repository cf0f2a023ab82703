import type { Dialect } from "./dialect.ts";

const decimal = "BIGNUMERIC";

/** The SQL of BigQuery. */
export const bigquery: Dialect = {
  name: "bigquery",
  types: { text: "STRING", json: "STRING", decimal, timestamp: "TIMESTAMP" },
  identifier,
  literal,

  tableName: ({ project, dataset }, name) =>
    identifier([...(project === undefined ? [] : [project]), dataset, name].join(".")),

  column(sql, { nativeType }, type) {
    if (type === "decimal") {
      if (nativeType === decimal) return sql;
      // The shortest text of a float is the amount that was meant.
      return nativeType === "STRING"
        ? `SAFE_CAST(${sql} AS ${decimal})`
        : `SAFE_CAST(CAST(${sql} AS STRING) AS ${decimal})`;
    }
    if (type === "timestamp") {
      if (nativeType === "TIMESTAMP") return sql;
      return nativeType === "STRING" ? `SAFE_CAST(${sql} AS TIMESTAMP)` : `CAST(${sql} AS TIMESTAMP)`;
    }
    return `NULLIF(${nativeType === "STRING" ? sql : nativeType === "JSON" ? `TO_JSON_STRING(${sql})` : `CAST(${sql} AS STRING)`}, '')`;
  },

  product: (left, right) => `(${left} * ${right})`,
  entry: (json, key) => `NULLIF(JSON_VALUE(${json}, ${literal(`$."${key}"`)}), '')`,
  joined: (parts, separator) => `ARRAY_TO_STRING([${parts.join(", ")}], ${literal(separator)})`,
  jsonText: (text) => `TO_JSON_STRING(${text})`,
  numberText: (decimal) => `CAST(${decimal} AS STRING)`,
  matches: (text, pattern) => `REGEXP_CONTAINS(${text}, ${literal(pattern)})`,
  replaced: (text, pattern, by) => `REGEXP_REPLACE(${text}, ${literal(pattern)}, ${literal(by)})`,
  extracted: (text, pattern) => `NULLIF(REGEXP_EXTRACT(${text}, ${literal(pattern)}), '')`,
  number: (text) => `SAFE_CAST(${text} AS ${decimal})`,
  month: (time) => `FORMAT_TIMESTAMP('%Y-%m', ${time})`,
  nextDay: (time) => `TIMESTAMP_ADD(${time}, INTERVAL 1 DAY)`,

  relation(columns, rows) {
    const cell = (value: string | null): string => (value === null ? "CAST(NULL AS STRING)" : literal(value));
    const structs = rows.map(
      (row) =>
        `STRUCT(${row.map((value, index) => `${cell(value)} AS ${identifier(columns[index] ?? "")}`).join(", ")})`,
    );
    return `SELECT * FROM UNNEST([${structs.join(", ")}])`;
  },
};

// Names that BigQuery refuses were refused when the table was created.
function identifier(name: string): string {
  return `\`${name}\``;
}

function literal(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'").replaceAll("\n", "\\n").replaceAll("\r", "\\r")}'`;
}
