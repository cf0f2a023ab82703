import { createHash } from "node:crypto";
import { BillhouseError, quoted } from "../../../errors.ts";
import type { ColumnType, TableColumn } from "../../../model.ts";
import type { StateColumnType } from "../../../state/tables.ts";
import type { MonthReplacement } from "../../warehouse.ts";
import { type Field, fieldsOf, type TableReference, type TableResource } from "../api/tables.ts";

/** A column's name as an SQL identifier. Error: LIMIT_EXCEEDED for a name that BigQuery does not allow. */
export function identifier(name: string): string {
  // oxlint-disable-next-line no-control-regex
  if (name === "" || /[`\\\u0000-\u001f\u007f]/.test(name)) throw invalidName(name);
  return `\`${name}\``;
}

/** A table as an SQL identifier. Error: LIMIT_EXCEEDED for a name that BigQuery does not allow. */
export function tableName({ projectId, datasetId, tableId }: TableReference): string {
  return identifier([projectId, datasetId, tableId].join("."));
}

/** A table in messages and for the `bq` tool. */
export function shownTable({ projectId, datasetId, tableId }: TableReference): string {
  return `${projectId}:${datasetId}.${tableId}`;
}

function invalidName(name: string): BillhouseError {
  return new BillhouseError("LIMIT_EXCEEDED", `${quoted(name)} is not a valid name of a BigQuery table or column.`, {
    hint: "Rename it in the export: BigQuery does not allow backticks, backslashes or control characters.",
  });
}

/** Hexadecimal digits that identify some parts: equal parts give equal digits. */
export function digest(parts: unknown, length: number): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, length);
}

/** Every staging table begins like this. */
export const stagingPrefix = "_billhouse_staging_";

/** The prefix of the staging tables of one month, and of those that replace one load of it. */
export function stagingNames(
  { billingMonth, replaces }: Pick<MonthReplacement, "billingMonth" | "replaces">,
  { tableId }: TableReference,
): { readonly ofMonth: string; readonly ofLoad: string } {
  const ofMonth = `${stagingPrefix}${digest(tableId, 8)}_${billingMonth.replace("-", "")}_`;
  return { ofMonth, ofLoad: `${ofMonth}${digest(replaces, 8)}_` };
}

/** The two other names of a table while it is rebuilt. */
export function rebuildNames({ tableId }: TableReference): { readonly built: string; readonly old: string } {
  return { built: `_billhouse_rebuilt_${digest(tableId, 16)}`, old: `_billhouse_replaced_${digest(tableId, 16)}` };
}

/**
 * The type that a new column gets. JSON is text: Azure delivers tags that are not valid JSON, and they are stored
 * unchanged.
 */
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

/** The type of a column in billhouse's terms, or null for one that billhouse never creates: NUMERIC, nested types. */
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

/** The columns of a table in their order; empty if it does not exist. */
export function columnsOf(table: TableResource | null): TableColumn[] {
  return fieldsOf(table).map((field) => {
    const nativeType = nativeTypeOf(field);
    return { name: field.name, type: columnType(nativeType), nativeType };
  });
}

/** The type of a field as GoogleSQL writes it; the maximum length of text is left out. */
export function nativeTypeOf(field: Field): string {
  if (field.mode === "REPEATED") return `ARRAY<${nativeTypeOf({ ...field, mode: "NULLABLE" })}>`;
  const type = sqlNames[field.type] ?? field.type;
  if (type === "STRUCT") {
    return `STRUCT<${(field.fields ?? []).map((each) => `${each.name} ${nativeTypeOf(each)}`).join(", ")}>`;
  }
  if (field.precision === undefined) return type;
  return `${type}(${field.precision}${field.scale === undefined ? "" : `, ${field.scale}`})`;
}

const sqlNames: Readonly<Record<string, string | undefined>> = {
  INTEGER: "INT64",
  FLOAT: "FLOAT64",
  BOOLEAN: "BOOL",
  RECORD: "STRUCT",
};
