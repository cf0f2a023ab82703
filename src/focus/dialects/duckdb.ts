import type { Dialect } from "./dialect.ts";

const decimal = "DECIMAL(38,18)";

/** A text as a decimal: a number whose digits fit into 18 is read as such, exactly and many times faster. */
function decimalOf(text: string): string {
  const isShort = `instr(${text}, '.') BETWEEN 1 AND 9 AND length(${text}) - instr(${text}, '.') <= 10`;
  const isPlain = `NOT contains(${text}, 'e') AND NOT contains(${text}, 'E')`;
  return `CASE WHEN ${isShort} AND ${isPlain} THEN CAST(TRY_CAST(${text} AS DECIMAL(18,10)) AS ${decimal}) ELSE TRY_CAST(${text} AS ${decimal}) END`;
}

/** The SQL of DuckDB. */
export const duckdb: Dialect = {
  name: "duckdb",
  float: "DOUBLE",
  hasNamedRelations: false,
  types: { text: "VARCHAR", json: "VARCHAR", decimal, timestamp: "TIMESTAMP" },
  identifier,
  literal,
  tableName: ({ dataset }, name) => `${identifier(dataset)}.${identifier(name)}`,

  column(sql, { nativeType }, type) {
    if (type === "decimal") {
      if (nativeType === decimal) return sql;
      if (nativeType === "VARCHAR") return decimalOf(sql);
      // The shortest text of a float is the amount that was meant.
      return `TRY_CAST(CAST(${sql} AS VARCHAR) AS ${decimal})`;
    }
    if (type === "timestamp") {
      if (nativeType === "TIMESTAMP") return sql;
      if (nativeType === "TIMESTAMP WITH TIME ZONE") return `timezone('UTC', ${sql})`;
      return nativeType === "DATE" ? `CAST(${sql} AS TIMESTAMP)` : `TRY_CAST(${sql} AS TIMESTAMP)`;
    }
    // Maps, structs and lists are JSON, as in the tables that billhouse creates.
    const text = /^(?:MAP|STRUCT)\b|\]$/.test(nativeType)
      ? `CAST(to_json(${sql}) AS VARCHAR)`
      : `CAST(${sql} AS VARCHAR)`;
    return `nullif(${nativeType === "VARCHAR" ? sql : text}, '')`;
  },

  // The product of two DECIMAL(38,18) needs more digits than DuckDB has, so the whole parts and the fractions are
  // multiplied separately: only the product of the fractions is rounded.
  product(left, right) {
    const whole = (sql: string): string => `CAST(trunc(${sql}) AS DECIMAL(20,0))`;
    const fraction = (sql: string): string => `CAST(${sql} - trunc(${sql}) AS DECIMAL(18,18))`;
    const exact = (first: string, second: string): string => `CAST(${first} * ${second} AS ${decimal})`;
    return `(${[
      exact(whole(left), whole(right)),
      exact(whole(left), fraction(right)),
      exact(fraction(left), whole(right)),
      exact(fraction(left), fraction(right)),
    ].join(" + ")})`;
  },

  isJson: (text) => `json_valid(${text})`,
  entry: (json, key) =>
    `CASE WHEN json_valid(${json}) THEN nullif(json_extract_string(${json}, ${literal(`$."${key}"`)}), '') END`,
  joined: (parts, separator) => `concat_ws(${literal(separator)}, ${parts.join(", ")})`,
  jsonText: (text) => `CAST(to_json(${text}) AS VARCHAR)`,
  // All decimals have digits after the point here.
  numberText: (decimal) => `rtrim(rtrim(CAST(${decimal} AS VARCHAR), '0'), '.')`,
  matches: (text, pattern) => `regexp_matches(${text}, ${literal(pattern)})`,
  replaced: (text, pattern, by) => `regexp_replace(${text}, ${literal(pattern)}, ${literal(by)}, 'g')`,
  extracted: (text, pattern) => `nullif(regexp_extract(${text}, ${literal(pattern)}, 1), '')`,
  number: (text) => `TRY_CAST(${text} AS ${decimal})`,
  day: (time) => `strftime(${time}, '%Y-%m-%d')`,
  month: (time) => `strftime(${time}, '%Y-%m')`,
  timeId: (time) => `strftime(${time}, '%Y%m%dT%H%M%SZ')`,
  nextDay: (time) => `(${time} + INTERVAL 1 DAY)`,
  dayStart: (time) => `CAST(date_trunc('day', ${time}) AS TIMESTAMP)`,
  monthStart: (time) => `CAST(date_trunc('month', ${time}) AS TIMESTAMP)`,
  nextMonth: (time) => `CAST(date_trunc('month', ${time}) + INTERVAL 1 MONTH AS TIMESTAMP)`,

  // As one text, lines of cells separated by tabs: DuckDB would plan thousands of constants for every query of the view.
  relation(columns, rows) {
    const lines = rows.map((row) => row.map((cell) => cell ?? "").join("\t")).join("\n");
    const cells = columns.map((name, position) => `NULLIF(c[${position + 1}], '') AS ${identifier(name)}`);
    return `SELECT ${cells.join(", ")} FROM (SELECT string_split(unnest(string_split(${literal(lines)}, chr(10))), chr(9)) AS c)`;
  },
};

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
