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
  DuckDBTypeId,
  StatementType,
  type DuckDBConnection,
  type DuckDBPreparedStatement,
  type DuckDBType,
  type DuckDBValue,
} from "@duckdb/node-api";
import { BillhouseError } from "../../errors.ts";
import type { QueryColumn, QueryRow, QuerySettings } from "../warehouse.ts";
import { readRows } from "./database.ts";
import { identifier, literal } from "./sql.ts";

/** Runs one statement that only reads, or explains one, and streams its rows. Error: QUERY_INVALID. */
export async function* runQuery(
  connection: DuckDBConnection,
  sql: string,
  { datasets = [], onColumns, explains }: QuerySettings & { readonly explains: boolean },
): AsyncGenerator<QueryRow> {
  await searchDatasets(connection, datasets);
  const { statement, isStreamed } = await prepareStatement(connection, sql, explains);
  try {
    const result = await (isStreamed ? statement.stream() : statement.run());
    const names = result.deduplicatedColumnNames();
    const types = result.columnTypes();
    onColumns?.(names.map((name, position) => ({ name, kind: kindOf(types[position]) })));
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

/**
 * Writes the rows of one statement that only reads to Parquet files in a folder that does not exist. A file ends with the row
 * group that is full when it has two of them. Errors: QUERY_INVALID; OUTPUT_FAILED when the folder cannot be written to.
 */
export async function writeParquet(connection: DuckDBConnection, sql: string, folder: string): Promise<void> {
  try {
    await connection.run(
      `COPY (${sql}) TO ${literal(folder)} (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 122880, ROW_GROUPS_PER_FILE 2)`,
    );
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("IO Error") && error.message.includes(folder)) {
      throw new BillhouseError("OUTPUT_FAILED", `DuckDB cannot write to the folder ${folder}: ${error.message}.`, {
        hint: "Name a folder that you can write to, on a disk with enough space.",
        cause: error,
      });
    }
    throw invalidQuery(error);
  }
}

/** Lets names without a schema mean the tables of these datasets; a schema that does not exist cannot be searched. */
async function searchDatasets(
  connection: DuckDBConnection,
  datasets: NonNullable<QuerySettings["datasets"]>,
): Promise<void> {
  const schemas = await readRows(
    connection,
    `SELECT current_database() AS "database", schema_name AS "schema" FROM duckdb_schemas()
      WHERE database_name = current_database()`,
  );
  const wanted = [...datasets.map(({ dataset }) => dataset), "main"];
  const searched = [...new Set(wanted)].flatMap((name) => schemas.filter(({ schema }) => schema === name));
  const path = searched.map(({ database, schema }) => `${identifier(String(database))}.${identifier(String(schema))}`);
  await connection.run(`SET search_path = ${literal(path.join(","))}`);
}

/**
 * DuckDB waits forever for a reader when rows of a streamed result come from several parts of its plan, such as those of a UNION
 * ALL, and more of them than one are unfinished (https://github.com/duckdb/duckdb/issues/22215). Only a plan whose last part
 * starts after all others have ended is streamed. Any other result is complete before its first row is read: DuckDB keeps it in
 * memory, or in its temporary files.
 */
async function prepareStatement(
  connection: DuckDBConnection,
  sql: string,
  explains: boolean,
): Promise<{ readonly statement: DuckDBPreparedStatement; readonly isStreamed: boolean }> {
  const plan = await planOf(connection, sql);
  if (plan !== undefined && isStreamable(plan)) {
    return { statement: await prepareQuery(connection, sql, explains), isStreamed: true };
  }
  const whole = `WITH billhouse_rows AS MATERIALIZED (FROM query(${literal(sql)})) FROM billhouse_rows`;
  const statement = await connection.prepare(whole).catch(() => undefined);
  if (statement !== undefined) return { statement, isStreamed: true };
  // What can be neither explained nor read as a table, such as EXPLAIN, has few rows.
  return { statement: await prepareQuery(connection, sql, explains), isStreamed: false };
}

/** A step of a plan and the steps whose rows it reads, as `EXPLAIN (FORMAT json)` gives them. */
interface PlanStep {
  readonly name: string;
  readonly children: readonly PlanStep[];
}

/** The plan of a statement, which is not run; undefined if DuckDB cannot explain it. Error: QUERY_INVALID, for a parameter without a value. */
async function planOf(connection: DuckDBConnection, sql: string): Promise<PlanStep | undefined> {
  const statement = await connection.prepare(`EXPLAIN (FORMAT json) ${sql}`).catch(() => undefined);
  if (statement === undefined) return undefined;
  try {
    const [row] = (await statement.runAndReadAll()).getRows();
    const [step] = JSON.parse(String(row?.[1])) as readonly PlanStep[];
    return step;
  } catch (error) {
    throw invalidQuery(error);
  } finally {
    statement.destroySync();
  }
}

/** Steps that give their first row when all that is below them has ended. */
const lastSteps: ReadonlySet<string> = new Set([
  "HASH_GROUP_BY",
  "ORDER_BY",
  "PERFECT_HASH_GROUP_BY",
  "TOP_N",
  "UNGROUPED_AGGREGATE",
  "WINDOW",
]);

/** Whether each step has one source, down to one that waits for all others or to a table. */
function isStreamable({ name, children }: PlanStep): boolean {
  if (children.length === 0 || lastSteps.has(name)) return true;
  const [only] = children;
  return children.length === 1 && only !== undefined && isStreamable(only);
}

async function prepareQuery(
  connection: DuckDBConnection,
  sql: string,
  explains: boolean,
): Promise<DuckDBPreparedStatement> {
  try {
    if (/^[\s;]*$/.test(sql)) {
      throw new BillhouseError("QUERY_INVALID", "A query must be one statement, but this text does not contain one.", {
        hint: 'For example: billhouse query "SHOW TABLES".',
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

/** The error of a statement that is wrong; others, such as too little memory, as they are. */
function invalidQuery(cause: unknown): unknown {
  if (cause instanceof BillhouseError || !(cause instanceof Error)) return cause;
  if (/^(?:INTERRUPT|Out of Memory Error)|No space left on device/.test(cause.message)) return cause;
  const { message } = cause;
  const [said = "", place] = message.split(/\n\n(?=LINE \d+: )/);
  const near = /\n(?:Did you mean|Candidate bindings:) ([^\n?]+)/.exec(said);
  const reason = said
    .replace(/^Failed to extract statements: /, "")
    .replace(near?.[0] ?? "", "")
    .replace(/\s+/g, " ")
    .replace(/[.!?\s]+$/, "");
  const hint = /file system operations are disabled/.test(message)
    ? "A query reads only what is loaded. To read other files beside it, open the copy for readers in the DuckDB shell: billhouse connect shows the command."
    : `${near === null ? "Correct the statement." : `Did you mean ${near[1]}?`} SHOW TABLES lists the tables, DESCRIBE and the name of a table its columns.`;
  return new BillhouseError("QUERY_INVALID", `DuckDB cannot run the statement: ${reason}.`, {
    hint: `${drawnPlace(place)}${hint}`,
    cause,
  });
}

/**
 * The line of the statement and the arrow below it, as DuckDB draws them, each with a line end. DuckDB counts a tab as no
 * column and does not count other characters than ASCII reliably: then the line is shown without the arrow.
 */
function drawnPlace(place: string | undefined): string {
  const [line = "", arrow = ""] = (place ?? "").split("\n");
  if (line === "") return "";
  const shown = `${line.replaceAll("\t", " ")}\n`;
  const counted = arrow.length - 1;
  const before = new RegExp(`^(?:\\t*[ -~]){${Math.max(counted, 0)}}\\t*`).exec(line)?.[0];
  return before === undefined || !/^[\t -~]*$/.test(line) ? shown : `${shown}${" ".repeat(before.length)}^\n`;
}

function kindOf(type: DuckDBType | undefined): QueryColumn["kind"] {
  if (type?.typeId === DuckDBTypeId.DECIMAL) return "decimal";
  return type !== undefined && numbers.has(type.typeId) ? "number" : "other";
}

const numbers: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.TINYINT,
  DuckDBTypeId.SMALLINT,
  DuckDBTypeId.INTEGER,
  DuckDBTypeId.BIGINT,
  DuckDBTypeId.HUGEINT,
  DuckDBTypeId.UTINYINT,
  DuckDBTypeId.USMALLINT,
  DuckDBTypeId.UINTEGER,
  DuckDBTypeId.UBIGINT,
  DuckDBTypeId.UHUGEINT,
  DuckDBTypeId.FLOAT,
  DuckDBTypeId.DOUBLE,
]);

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
