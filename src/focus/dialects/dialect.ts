import type { Table, TableColumn } from "../../model.ts";
import type { ValueType } from "../columns.ts";

/** What two warehouses write differently in SQL. Everything else is rendered once, in `render.ts`. */
export interface Dialect {
  readonly name: "duckdb" | "bigquery";
  readonly types: Readonly<Record<ValueType, string>>;
  /** The type of floats. */
  readonly float: string;
  /** Whether queries that others read have names in a WITH clause; else each stands where it is read (`composed`). */
  readonly hasNamedRelations: boolean;
  identifier(this: void, name: string): string;
  literal(this: void, text: string): string;
  tableName(this: void, table: Pick<Table, "project" | "dataset">, name: string): string;
  /** A column of a table as a value of a type; empty text is NULL. */
  column(this: void, sql: string, column: TableColumn, type: ValueType): string;
  /** The product of two decimals, rounded to the digits of the decimal type. */
  product(this: void, left: string, right: string): string;
  isJson(this: void, text: string): string;
  /** The value of a key in JSON text; NULL where the text is not JSON or the value is empty. */
  entry(this: void, json: string, key: string): string;
  /** Texts that are not NULL, joined; empty if all are NULL. */
  joined(this: void, parts: readonly string[], separator: string): string;
  /** A text as a JSON string, and a decimal as a JSON number. */
  jsonText(this: void, text: string): string;
  numberText(this: void, decimal: string): string;
  matches(this: void, text: string, pattern: string): string;
  replaced(this: void, text: string, pattern: string, by: string): string;
  extracted(this: void, text: string, pattern: string): string;
  /** A text as a decimal; NULL if it is not a number. */
  number(this: void, text: string): string;
  /** A time as `2025-03-07`, and as `2025-03`. */
  day(this: void, time: string): string;
  month(this: void, time: string): string;
  /** A time as AWS writes it in the id of an execution: `20251103T010203Z`. */
  timeId(this: void, time: string): string;
  nextDay(this: void, time: string): string;
  /** The start of a time's day. */
  dayStart(this: void, time: string): string;
  /** The start of a time's month, and of the month after it. */
  monthStart(this: void, time: string): string;
  nextMonth(this: void, time: string): string;
  /** A relation with these columns of text, for `FROM`. */
  relation(this: void, columns: readonly string[], rows: readonly (readonly (string | null)[])[]): string;
}
