/**
 * SQL of DuckDB for text in its plainest form. The functions in JavaScript take all other text, and every text whose SQL is
 * more than a column: it is named several times here. A value comes out the same, ten times sooner.
 */

/** The lanes of a BIGNUMERIC. */
export function plainBig(sql: string, general: string): string {
  const whole = `CAST(split_part(${sql}, '.', 1) AS UBIGINT)`;
  const fraction = `CAST(rpad(split_part(${sql}, '.', 2), 19, '0') AS UBIGINT)`;
  const lanes = `{'a': CAST(0 AS HUGEINT), 'b': ${whole}, 'c': ${fraction}, 'd': CAST(0 AS UBIGINT)}`;
  return plain(sql, "[0-9]{1,19}([.][0-9]{1,19})?", lanes, general);
}

/** A FLOAT64. */
export function plainFloat(sql: string, general: string): string {
  return plain(sql, "-?[0-9]{1,15}([.][0-9]{1,19})?", `CAST(${sql} AS DOUBLE)`, general);
}

/** An INT64. */
export function plainInt(sql: string, general: string): string {
  return plain(sql, "-?[0-9]{1,18}", `CAST(${sql} AS BIGINT)`, general);
}

/** The microseconds of a TIMESTAMP since 1970; no month is so short that it lacks one of these days. */
export function plainTimestamp(sql: string, general: string): string {
  const date = "[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])";
  const form = `${date}[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,6})?(Z| UTC)?`;
  const moment = `epoch_us(CAST(regexp_replace(${sql}, '(Z| UTC)$', '') AS TIMESTAMP))`;
  return plain(sql, form, moment, general);
}

/** A STRING as JSON text. DuckDB writes some control characters with capitals: `\u001F`. */
export function plainJson(sql: string, general: string): string {
  // Numbers, too, are written into JSON as text.
  const column = /^CAST\((.+) AS VARCHAR\)$/u.exec(sql)?.[1] ?? sql;
  if (!isColumn(column)) return general;
  return `CASE WHEN regexp_matches(${sql}, '[\\x0b\\x0e\\x0f\\x1a-\\x1f]') THEN ${general} ELSE CAST(to_json(${sql}) AS VARCHAR) END`;
}

function plain(sql: string, form: string, value: string, general: string): string {
  return isColumn(sql) ? `CASE WHEN regexp_full_match(${sql}, '${form}') THEN ${value} ELSE ${general} END` : general;
}

function isColumn(sql: string): boolean {
  return /^(?:"[^"]+"|\w+)(?:\.(?:"[^"]+"|\w+))?$/u.test(sql);
}
