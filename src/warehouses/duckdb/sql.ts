import { BillhouseError } from "../../errors.ts";
import type { ColumnType } from "../../model.ts";
import { fold } from "../../schema/names.ts";
import { nextMonth } from "../../schema/periods.ts";
import type { StateColumnType } from "../../state/tables.ts";
import type { MonthColumns } from "../warehouse.ts";

/** A name as an SQL identifier: always quoted, because source names can contain anything. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A table as an SQL identifier, in its schema. */
export function tableName(dataset: string, name: string): string {
  return `${identifier(dataset)}.${identifier(name)}`;
}

/** A text as an SQL literal. The only escape in DuckDB is the doubled quote. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/**
 * The type that a new column gets. JSON is text: Azure delivers tags that are not valid JSON, and they are stored
 * unchanged.
 */
export const nativeTypes: Readonly<Record<ColumnType | StateColumnType, string>> = {
  text: "VARCHAR",
  json: "VARCHAR",
  decimal: "DECIMAL(38,18)",
  timestamp: "TIMESTAMP",
  timestamptz: "TIMESTAMP WITH TIME ZONE",
  date: "DATE",
  boolean: "BOOLEAN",
  bigint: "BIGINT",
  double: "DOUBLE",
};

/**
 * The type of a column in billhouse's terms, or null for one that billhouse never creates: other decimals, integers and
 * nested types. A time with a zone (dlt creates these) stores the same moments in UTC.
 */
export function columnType(nativeType: string): ColumnType | null {
  return knownTypes[nativeType] ?? null;
}

const knownTypes: Readonly<Record<string, ColumnType | undefined>> = {
  VARCHAR: "text",
  JSON: "json",
  "DECIMAL(38,18)": "decimal",
  TIMESTAMP: "timestamp",
  "TIMESTAMP WITH TIME ZONE": "timestamp",
  DATE: "date",
  BOOLEAN: "boolean",
  BIGINT: "bigint",
  DOUBLE: "double",
  FLOAT: "double",
};

/** The columns of the table: folded name to native type. */
export type NativeColumns = ReadonlyMap<string, string>;

/**
 * The condition that a row belongs to the billing month, by the table's partition column; for NULL it is NULL.
 * Error: TYPE_MISMATCH when the table lacks the column, or its type is not a time.
 */
export function monthCondition(
  { table, billingMonth, partitionColumn }: Pick<MonthColumns, "table" | "billingMonth" | "partitionColumn">,
  columns: NativeColumns,
): string {
  const nativeType = columns.get(fold(partitionColumn));
  if (nativeType === undefined) {
    throw new BillhouseError(
      "TYPE_MISMATCH",
      `The table ${table.dataset}.${table.name} is missing the column ${partitionColumn}, which contains the month of each row.`,
      { hint: "Restore the column, or drop the table: billhouse run then loads all of its months again." },
    );
  }
  if (!timeTypes.includes(nativeType)) {
    throw new BillhouseError(
      "TYPE_MISMATCH",
      `The column ${partitionColumn} of ${table.dataset}.${table.name} is a ${nativeType}, which cannot store a month.`,
      { hint: "Set partition_column to a column of dates or times, or load into a new table." },
    );
  }
  const moment = (month: string): string => `CAST('${month}-01' AS ${nativeType})`;
  const column = identifier(partitionColumn);
  return `(${column} >= ${moment(billingMonth)} AND ${column} < ${moment(nextMonth(billingMonth))})`;
}

const timeTypes = ["DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"];

/**
 * Scalar macros of a loading connection, which convert the text of bills exactly. DuckDB's own casts do not: a decimal
 * with an exponent is rounded twice (`-848888E-28` becomes -1e-18), the offset of a time is ignored when it is cast to
 * TIMESTAMP, `2024-01-01T00:00Z` is refused, `10/11/12` is the year 10 and `infinity` a time.
 *
 * None contains `coalesce`: in DuckDB 1.5.5 a value that fails in TRY(coalesce(...)) corrupts the memory of the process.
 */
export const castMacros: readonly string[] = [
  // The text of a number without its exponent, so that the cast rounds once; other text stays, for the cast to refuse.
  // DuckDB reads `1_000` as a number, but in a bill it is not one. Blanks around a number are skipped, as in casts.
  // The lambdas only name parts: an argument repeated in a macro is planned repeatedly.
  String.raw`CREATE OR REPLACE TEMP MACRO billhouse_number(c) AS
    CASE WHEN contains(c, '_') THEN 'not a number: ' || c
      WHEN NOT contains(c, 'e') AND NOT contains(c, 'E') THEN c ELSE list_transform(
      [regexp_extract(c, '^\s*([+-]?)(\d*)\.?(\d*)[eE]([+-]?\d{1,3})\s*$', ['sign', 'whole', 'fraction', 'exponent'])],
      LAMBDA p: list_transform(
        [{'digits': p.whole || p.fraction, 'point': length(p.whole) + TRY_CAST(p.exponent AS INTEGER)}],
        LAMBDA n: CASE
          WHEN n.digits = '' THEN c
          WHEN n.point <= 0 THEN p.sign || '0.' || repeat('0', -n.point) || n.digits
          WHEN n.point >= length(n.digits) THEN p.sign || n.digits || repeat('0', n.point - length(n.digits))
          ELSE p.sign || n.digits[1:n.point] || '.' || n.digits[n.point + 1:] END)[1])[1] END`,
  // A decimal. DuckDB reads one of 38 digits from text forty times slower than one of 18, so numbers that have their
  // digits in 18 are read as such, exactly: none is rounded, because none has more digits after the point than its type.
  String.raw`CREATE OR REPLACE TEMP MACRO billhouse_decimal(c) AS
    CASE WHEN contains(c, 'e') OR contains(c, 'E') OR contains(c, '_') THEN CAST(billhouse_number(c) AS DECIMAL(38,18))
      WHEN instr(c, '.') BETWEEN 1 AND 9 AND length(c) - instr(c, '.') <= 10
        THEN CAST(CAST(c AS DECIMAL(18,10)) AS DECIMAL(38,18))
      WHEN instr(c, '.') BETWEEN 1 AND 2 AND length(c) - instr(c, '.') <= 17
        THEN CAST(CAST(c AS DECIMAL(18,17)) AS DECIMAL(38,18))
      ELSE CAST(billhouse_number(c) AS DECIMAL(38,18)) END`,
  // The text of an integer; a fraction is kept so that the cast refuses it, while DuckDB would round it.
  String.raw`CREATE OR REPLACE TEMP MACRO billhouse_whole(c) AS
    CASE WHEN regexp_full_match(c, '\s*[+-]?\d+(\.0*)?\s*') THEN split_part(c, '.', 1) ELSE 'not whole: ' || c END`,
  // A moment in UTC: first the forms that casts read quickly, then the rare ones, rewritten for the same cast. Text that is
  // not a time reaches a cast that must fail.
  String.raw`CREATE OR REPLACE TEMP MACRO billhouse_time(c) AS CASE
      WHEN substring(c, 5, 1) = '-' AND suffix(c, 'Z') AND TRY_CAST(c AS TIMESTAMP) IS NOT NULL THEN CAST(c AS TIMESTAMP)
      WHEN substring(c, 5, 1) = '-' AND NOT suffix(c, 'Z') AND TRY_CAST(c AS TIMESTAMPTZ) IS NOT NULL
        THEN CAST(CAST(c AS TIMESTAMPTZ) AS TIMESTAMP)
      WHEN c IS NULL THEN NULL
      WHEN regexp_matches(c, '^(\d{4}-|\d{1,2}/\d{1,2}/\d{4})') THEN CAST(CAST(
        regexp_replace(regexp_replace(regexp_replace(c,
          '^(\d{1,2})/(\d{1,2})/(\d{4})', '\3-\1-\2'),
          ' ?UTC$', 'Z'),
          '([T ]\d\d:\d\d)(Z|[+-][0-9:]+)?$', '\1:00\2') AS TIMESTAMPTZ) AS TIMESTAMP)
      ELSE CAST('not a time: ' || c AS TIMESTAMP) END`,
];

/**
 * The SQL that converts a value of a file to a value of a table column. Fails, in the database, for a value that does
 * not fit; NULL stays NULL.
 */
export function castExpression(value: string, sourceType: string, nativeType: string): string {
  if (sourceType === "VARCHAR") return castText(value, nativeType);
  if (/^(TIMESTAMP|DATE)/.test(sourceType)) return castTime(value, sourceType, nativeType);
  if (sourceType === nativeType) return value;
  const isText = nativeType === "VARCHAR" || nativeType === "JSON";
  if (isText && /^(MAP|STRUCT|UNION|VARIANT)\b|\]$/.test(sourceType)) return `CAST(to_json(${value}) AS ${nativeType})`;
  const isFloat = sourceType === "DOUBLE" || sourceType === "FLOAT";
  const isExact = isDecimal(nativeType) || isInteger(nativeType);
  // The shortest text of a float is the intended number; its binary value has more digits.
  if (isExact && (isFloat || (isInteger(nativeType) && isDecimal(sourceType)))) {
    return castText(`CAST(${value} AS VARCHAR)`, nativeType);
  }
  return `CAST(${value} AS ${nativeType})`;
}

/** Whether a native type is a decimal, of any width. */
export function isDecimal(nativeType: string): boolean {
  return nativeType.startsWith("DECIMAL(");
}

/** Whether a native type is an integer. */
export function isInteger(nativeType: string): boolean {
  return /^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/.test(nativeType);
}

/** `infinity`, which files write as the largest number, is not a time. */
function castTime(value: string, sourceType: string, nativeType: string): string {
  const time = sourceType === nativeType ? value : `CAST(${value} AS ${nativeType})`;
  return `CASE WHEN isfinite(${value}) IS FALSE THEN CAST('not a time: ' || ${value} AS ${nativeType}) ELSE ${time} END`;
}

function castText(value: string, nativeType: string): string {
  if (nativeType === "VARCHAR") return value;
  if (nativeType === nativeTypes.decimal) return `billhouse_decimal(${value})`;
  if (isDecimal(nativeType)) return `CAST(billhouse_number(${value}) AS ${nativeType})`;
  if (isInteger(nativeType)) return `CAST(billhouse_whole(billhouse_number(${value})) AS ${nativeType})`;
  if (nativeType === "TIMESTAMP") return `billhouse_time(${value})`;
  if (nativeType === "TIMESTAMP WITH TIME ZONE") return `timezone('UTC', billhouse_time(${value}))`;
  if (nativeType === "DATE" || nativeType.startsWith("TIMESTAMP_")) {
    return `CAST(billhouse_time(${value}) AS ${nativeType})`;
  }
  return `CAST(${value} AS ${nativeType})`;
}
