import { createHash } from "node:crypto";
import { BillhouseError, quoted } from "../../../errors.ts";
import type { ColumnType } from "../../../model.ts";
import type { StateColumnType } from "../../../state/tables.ts";

/** A table, by its three names. */
export interface TableReference {
  readonly projectId: string;
  readonly datasetId: string;
  readonly tableId: string;
}

/** A column's name as an SQL identifier. Error: LIMIT_EXCEEDED for a name that BigQuery cannot hold. */
export function identifier(name: string): string {
  // oxlint-disable-next-line no-control-regex
  if (name === "" || /[`\\\u0000-\u001f\u007f]/.test(name)) throw unfitName(name);
  return `\`${name}\``;
}

/** A table as an SQL identifier. Error: LIMIT_EXCEEDED for a name that BigQuery cannot hold. */
export function tableName({ projectId, datasetId, tableId }: TableReference): string {
  return identifier([projectId, datasetId, tableId].join("."));
}

/** A table for people, and for the `bq` tool. */
export function shownTable({ projectId, datasetId, tableId }: TableReference): string {
  return `${projectId}:${datasetId}.${tableId}`;
}

function unfitName(name: string): BillhouseError {
  return new BillhouseError("LIMIT_EXCEEDED", `${quoted(name)} is not a valid name of a BigQuery table or column.`, {
    hint: "Give it another name in the export: BigQuery takes no backticks, backslashes or control characters.",
  });
}

/** Hexadecimal digits that stand for some parts: equal parts give equal digits. */
export function digest(parts: unknown, length: number): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, length);
}

/** How the name of a table begins that is built beside another one. */
export const rebuiltPrefix = "_billhouse_rebuilt_";

/** How the name of a table begins that another one is about to replace. */
export const replacedPrefix = "_billhouse_replaced_";

/** The two names besides its own that a table has while it is rebuilt. */
export function rebuildNames({ tableId }: TableReference): { readonly built: string; readonly old: string } {
  return { built: `${rebuiltPrefix}${digest(tableId, 16)}`, old: `${replacedPrefix}${digest(tableId, 16)}` };
}

/** The type that a new column gets. JSON is text: Azure delivers tags that no parser takes, and they are kept as they are. */
export const nativeTypes: Readonly<Record<ColumnType | StateColumnType, string>> = {
  text: "STRING",
  json: "STRING",
  decimal: "BIGNUMERIC",
  timestamp: "TIMESTAMP",
  timestamptz: "TIMESTAMP",
  date: "DATE",
  boolean: "BOOL",
  bigint: "INT64",
  double: "FLOAT64",
};

/** The type of a column in billhouse's words, or null for one that billhouse never makes: NUMERIC, nested types. */
export function columnType(nativeType: string): ColumnType | null {
  return knownTypes[nativeType] ?? null;
}

const knownTypes: Readonly<Record<string, ColumnType | undefined>> = {
  STRING: "text",
  JSON: "json",
  BIGNUMERIC: "decimal",
  TIMESTAMP: "timestamp",
  DATETIME: "timestamp",
  DATE: "date",
  BOOL: "boolean",
  INT64: "bigint",
  FLOAT64: "double",
};
