import type { Dialect } from "./dialect.ts";

const decimal = "BIGNUMERIC";

/** The SQL of BigQuery. */
export const bigquery: Dialect = {
  name: "bigquery",
  float: "FLOAT64",
  hasNamedRelations: true,
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
    return `NULLIF(${textOf(sql, nativeType)}, '')`;
  },

  product: (left, right) => `(${left} * ${right})`,
  isJson: (text) => `(SAFE.PARSE_JSON(${text}) IS NOT NULL)`,
  entry: (json, key) => `NULLIF(JSON_VALUE(${json}, ${literal(`$."${key}"`)}), '')`,
  joined: (parts, separator) => `ARRAY_TO_STRING([${parts.join(", ")}], ${literal(separator)})`,
  jsonText: (text) => `TO_JSON_STRING(${text})`,
  numberText: (decimal) => `CAST(${decimal} AS STRING)`,
  matches: (text, pattern) => `REGEXP_CONTAINS(${text}, ${literal(pattern)})`,
  replaced: (text, pattern, by) => `REGEXP_REPLACE(${text}, ${literal(pattern)}, ${literal(by)})`,
  extracted: (text, pattern) => `NULLIF(REGEXP_EXTRACT(${text}, ${literal(pattern)}), '')`,
  number: (text) => `SAFE_CAST(${text} AS ${decimal})`,
  day: (time) => `FORMAT_TIMESTAMP('%Y-%m-%d', ${time})`,
  month: (time) => `FORMAT_TIMESTAMP('%Y-%m', ${time})`,
  timeId: (time) => `FORMAT_TIMESTAMP('%Y%m%dT%H%M%SZ', ${time})`,
  nextDay: (time) => `TIMESTAMP_MICROS(UNIX_MICROS(${time}) + 86400000000)`,
  dayStart: (time) => `CAST(FORMAT_TIMESTAMP('%Y-%m-%d', ${time}) AS TIMESTAMP)`,
  monthStart: (time) => `CAST(FORMAT_TIMESTAMP('%Y-%m-01', ${time}) AS TIMESTAMP)`,
  // 32 days after the start of a month is in the next one.
  nextMonth: (time) =>
    `CAST(FORMAT_TIMESTAMP('%Y-%m-01', TIMESTAMP_MICROS(UNIX_MICROS(CAST(FORMAT_TIMESTAMP('%Y-%m-01', ${time}) AS TIMESTAMP)) + ${32 * 86_400_000_000})) AS TIMESTAMP)`,

  // A view must be short, so that types and names are there once.
  relation(columns, rows) {
    const cells = rows.map((row) => `(${row.map((value) => (value === null ? "NULL" : literal(value))).join(",")})`);
    const type = columns.map((name) => `${name} STRING`).join(", ");
    return `SELECT ${columns.map((name) => `u.${name}`).join(", ")} FROM UNNEST(ARRAY<STRUCT<${type}>>[${cells.join(",")}]) AS u`;
  },
};

// Names that BigQuery refuses were refused when the table was created.
/** A value as text: nested values as JSON, and lists of keys and values, as Google Cloud writes tags, as one JSON object. */
function textOf(sql: string, nativeType: string): string {
  if (nativeType === "STRING") return sql;
  if (/^ARRAY<STRUCT<key STRING, value STRING\b/i.test(nativeType)) {
    const entries = "STRING_AGG(TO_JSON_STRING(e.key) || ':' || TO_JSON_STRING(e.value), ',')";
    return `(SELECT '{' || ${entries} || '}' FROM UNNEST(${sql}) AS e)`;
  }
  return /^(?:JSON|ARRAY|STRUCT)\b/.test(nativeType) ? `TO_JSON_STRING(${sql})` : `CAST(${sql} AS STRING)`;
}

function identifier(name: string): string {
  return `\`${name}\``;
}

/** A pattern stays readable as a raw literal; other text with a backslash, a quote or a line end is escaped. */
function literal(text: string): string {
  if (text.includes("\\") && !/['\n\r]|\\$/.test(text)) return `r'${text}'`;
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'").replaceAll("\n", "\\n").replaceAll("\r", "\\r")}'`;
}
