import {
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBArrayValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  StatementType,
  type DuckDBConnection,
  type DuckDBPreparedStatement,
  type DuckDBValue,
} from "@duckdb/node-api";
import { BillhouseError } from "../../errors.ts";
import type { QueryRow } from "../warehouse.ts";

/** Runs one statement that only reads, and streams its rows. Error: QUERY_INVALID. */
export async function* runQuery(
  connection: DuckDBConnection,
  sql: string,
  explains: boolean,
): AsyncGenerator<QueryRow> {
  const statement = await prepareQuery(connection, sql, explains);
  try {
    const result = await statement.stream();
    const names = result.deduplicatedColumnNames();
    for await (const rows of result.yieldRows()) {
      for (const row of rows)
        yield Object.fromEntries(names.map((name, position) => [name, plain(row[position] ?? null)]));
    }
  } catch (error) {
    throw invalidQuery(error);
  } finally {
    statement.destroySync();
  }
}

async function prepareQuery(
  connection: DuckDBConnection,
  sql: string,
  explains: boolean,
): Promise<DuckDBPreparedStatement> {
  try {
    if (/^[\s;]*$/.test(sql)) {
      throw new BillhouseError("QUERY_INVALID", "A query must be one statement, but this text does not contain one.", {
        hint: 'For example: billhouse query "SHOW ALL TABLES".',
      });
    }
    const statements = await connection.extractStatements(sql);
    if (statements.count !== 1) {
      throw new BillhouseError(
        "QUERY_INVALID",
        `A query must be one statement, but this text contains ${statements.count}.`,
        {
          hint: "Run the statements one by one.",
        },
      );
    }
    const statement = await statements.prepare(0);
    const isReading = statement.statementType === StatementType.SELECT;
    if (isReading || (explains && statement.statementType === StatementType.EXPLAIN)) return statement;
    throw new BillhouseError("QUERY_INVALID", "A query must be read-only, but this statement is not.", {
      hint: "Use SELECT, WITH, FROM, DESCRIBE, SHOW or SUMMARIZE.",
    });
  } catch (error) {
    throw invalidQuery(error);
  }
}

function invalidQuery(cause: unknown): unknown {
  if (cause instanceof BillhouseError || !(cause instanceof Error) || cause.message.startsWith("INTERRUPT"))
    return cause;
  // After the sentence DuckDB draws an arrow below the statement, which --debug shows.
  const reason = (cause.message.split("\n\nLINE ", 1)[0] ?? "").replaceAll(/\s+/g, " ").replace(/[.!\s]+$/, "");
  return new BillhouseError("QUERY_INVALID", `DuckDB cannot run the statement: ${reason}.`, {
    hint: "Correct the statement. SHOW ALL TABLES lists the tables, DESCRIBE their columns.",
    cause,
  });
}

/**
 * A value for JSON: decimals and 64-bit integers as text without an exponent or zeros at the end, times as ISO 8601 in
 * UTC, nested values as lists and objects.
 */
function plain(value: DuckDBValue): unknown {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "bigint") return value.toString();
  if (value instanceof DuckDBDecimalValue) return trimmed(value.toString());
  if (value instanceof DuckDBDateValue) return value.toString();
  if (
    value instanceof DuckDBTimestampValue ||
    value instanceof DuckDBTimestampSecondsValue ||
    value instanceof DuckDBTimestampMillisecondsValue ||
    value instanceof DuckDBTimestampNanosecondsValue
  ) {
    return isoTime(value.toString());
  }
  // Its own text would be in the time zone of the computer.
  if (value instanceof DuckDBTimestampTZValue) return isoTime(new DuckDBTimestampValue(value.micros).toString());
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue) return value.items.map(plain);
  if (value instanceof DuckDBStructValue) {
    return Object.fromEntries(Object.entries(value.entries).map(([name, entry]) => [name, plain(entry)]));
  }
  if (value instanceof DuckDBMapValue) {
    return Object.fromEntries(value.entries.map(({ key, value: entry }) => [String(plain(key)), plain(entry)]));
  }
  return String(value);
}

function trimmed(decimal: string): string {
  return decimal.includes(".") ? decimal.replace(/\.?0+$/, "") : decimal;
}

function isoTime(text: string): string {
  return /^\d{4,}-\d\d-\d\d \d\d:/.test(text) ? `${text.replace(" ", "T")}Z` : text;
}
