import type { ColumnType } from "../../model.ts";
import type { StateColumnType } from "../../state/tables.ts";

/** A name as an SQL identifier: always quoted, because source names hold anything. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A table as an SQL identifier, in its schema. */
export function tableName(dataset: string, name: string): string {
  return `${identifier(dataset)}.${identifier(name)}`;
}

/** A text as an SQL literal. DuckDB knows no escape in it but the doubled quote. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** The type that a new column gets. JSON is text: Azure delivers tags that no parser takes, and they are kept as they are. */
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
 * The type of a column in billhouse's words, or null for one that billhouse never makes: other decimals, integers and
 * nested types. A time with a zone (dlt makes such) holds the same moments in UTC.
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
