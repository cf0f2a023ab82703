import { type Call, callAggregate, noSignature } from "./aggregates.ts";
import { coerce } from "./casts.ts";
import { queryError } from "./failures.ts";
import type { Value } from "./scope.ts";
import { specialFunctions } from "./special-functions.ts";
import type { Expression } from "./syntax.ts";
import { scalar, type ScalarKind } from "./types.ts";

/** Calls a function. Error: invalidQuery, also for functions that BigQuery has and this server does not know. */
export function callFunction(call: Call, inner: (part: Expression) => Value): Value {
  const aggregate = callAggregate(call, inner);
  if (aggregate !== undefined) return aggregate;
  if (call.star || call.distinct || call.over !== undefined || call.order.length > 0) {
    throw queryError(`Function ${call.name} takes no *, DISTINCT, ORDER BY or OVER in this server`);
  }
  const values = call.arguments.map(inner);
  const simple = simpleFunctions[call.name];
  if (simple !== undefined) return callSimple(call.name, simple, values);
  const special = specialFunctions[call.name];
  if (special === undefined) throw queryError(`Function not found: ${call.name}`);
  return special(values, call.name);
}

/** The types of the arguments (`?` may be left out, `*` repeats), that of the result, and the SQL. */
type Simple = readonly [signature: string, result: ScalarKind, sql: (...sql: string[]) => string];

const micros = (sql: string): string => `epoch_us(${sql})`;

const simpleFunctions: Readonly<Record<string, Simple>> = {
  LENGTH: ["STRING", "INT64", (value) => `length(${value})`],
  // Documented: standard-sql/string_functions#substr; a position of 0 is the first, a negative one counts from the end.
  SUBSTR: [
    "STRING INT64 INT64?",
    "STRING",
    (value, from, length) =>
      `substr(${value}, CASE WHEN ${from} = 0 OR ${from} < -length(${value}) THEN 1 ELSE ${from} END${length === undefined ? "" : `, ${length}`})`,
  ],
  STRPOS: ["STRING STRING", "INT64", (value, part) => `strpos(${value}, ${part})`],
  UPPER: ["STRING", "STRING", (value) => `upper(${value})`],
  LOWER: ["STRING", "STRING", (value) => `lower(${value})`],
  REPLACE: [
    "STRING STRING STRING",
    "STRING",
    (value, from, to) => `CASE WHEN ${from} = '' THEN ${value} ELSE replace(${value}, ${from}, ${to}) END`,
  ],
  STARTS_WITH: ["STRING STRING", "BOOL", (value, part) => `starts_with(${value}, ${part})`],
  ENDS_WITH: ["STRING STRING", "BOOL", (value, part) => `ends_with(${value}, ${part})`],
  REGEXP_CONTAINS: ["STRING STRING", "BOOL", (value, pattern) => `regexp_matches(${value}, ${pattern})`],
  REGEXP_REPLACE: [
    "STRING STRING STRING",
    "STRING",
    (value, pattern, by) => `regexp_replace(${value}, ${pattern}, ${by}, 'g')`,
  ],
  // Documented: standard-sql/string_functions#regexp_extract; the group if there is one, NULL when nothing matches.
  REGEXP_EXTRACT: [
    "STRING STRING",
    "STRING",
    (value, pattern) =>
      `CASE WHEN regexp_matches(${value}, ${pattern}) THEN regexp_extract(${value}, ${pattern}, ${/(?<!\\)\((?!\?)/u.test(pattern ?? "") ? 1 : 0}) END`,
  ],
  SPLIT_PART: ["STRING STRING INT64", "STRING", (value, by, index) => `split_part(${value}, ${by}, ${index})`],
  // Documented: standard-sql/mathematical_functions#mod; the result has the sign of the dividend, and a divisor of 0 is an error.
  MOD: [
    "INT64 INT64",
    "INT64",
    (value, by) => `CASE WHEN ${by} = 0 THEN error('division by zero: MOD') ELSE ${value} % ${by} END`,
  ],
  IS_NAN: ["FLOAT64", "BOOL", (value) => `isnan(${value})`],
  IS_INF: ["FLOAT64", "BOOL", (value) => `isinf(${value})`],
  ERROR: ["STRING", "NULL", (message) => `CAST(error(${message}) AS BIGINT)`],
  FORMAT_TIMESTAMP: [
    "STRING TIMESTAMP STRING?",
    "STRING",
    (format, value) => `bq_format_time(${format}, ${micros(value)})`,
  ],
  FORMAT_DATETIME: ["STRING DATETIME", "STRING", (format, value) => `bq_format_time(${format}, ${micros(value)})`],
  FORMAT_DATE: [
    "STRING DATE",
    "STRING",
    (format, value) => `bq_format_time(${format}, ${micros(`CAST(${value} AS TIMESTAMP)`)})`,
  ],
  CURRENT_TIMESTAMP: ["", "TIMESTAMP", () => "now()"],
  UNIX_MICROS: ["TIMESTAMP", "INT64", (value) => micros(value)],
  TIMESTAMP_MICROS: ["INT64", "TIMESTAMP", (value) => `make_timestamptz(${value})`],
  DATE_DIFF: ["DATE DATE STRING", "INT64", (to, from, part) => `date_diff(${part}, ${from}, ${to})`],
  TIMESTAMP_DIFF: ["TIMESTAMP TIMESTAMP STRING", "INT64", (to, from, part) => `date_sub(${part}, ${from}, ${to})`],
};

function callSimple(name: string, [signature, result, sql]: Simple, values: readonly Value[]): Value {
  const wanted = signature.split(" ").filter((part) => part !== "");
  const least = wanted.filter((part) => !part.endsWith("?")).length;
  const parts = values.map((value, index) =>
    coerce(value, scalar((wanted[index] ?? "").replace("?", "") as ScalarKind)),
  );
  if (values.length < least || values.length > wanted.length || parts.includes(undefined))
    throw noSignature(name, values);
  return { sql: sql(...parts.map((part) => (part as Value).sql)), type: scalar(result) };
}
