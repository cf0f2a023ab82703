import { BillhouseError } from "../../../errors.ts";
import type { TableColumn } from "../../../model.ts";
import { fold } from "../../../schema/names.ts";
import { nextMonth } from "../../../schema/periods.ts";
import type { MonthColumns } from "../../warehouse.ts";
import type { TableReference, TableResource } from "../api/tables.ts";
import { exactMoment } from "./casts.ts";
import { columnsOf, identifier, shownTable } from "./names.ts";

/** The column with the billing month of each row. */
export interface PeriodColumn {
  readonly name: string;
  readonly nativeType: "DATE" | "TIMESTAMP" | "DATETIME";
}

/** Finds it. Error: TYPE_MISMATCH when it does not contain times. */
export function periodColumn(
  month: Pick<MonthColumns, "table" | "partitionColumn">,
  columns: readonly TableColumn[],
): PeriodColumn {
  const column = findPeriodColumn(month, columns);
  if (column === undefined) {
    throw new TypeError(`${month.table.name} was not prepared: it is missing ${month.partitionColumn}.`);
  }
  return column;
}

/** The same; undefined if the column does not exist. */
export function findPeriodColumn(
  { table, partitionColumn }: Pick<MonthColumns, "table" | "partitionColumn">,
  columns: readonly TableColumn[],
): PeriodColumn | undefined {
  const column = columns.find(({ name }) => fold(name) === fold(partitionColumn));
  if (column === undefined) return undefined;
  const { name, nativeType } = column;
  if (nativeType !== "DATE" && nativeType !== "TIMESTAMP" && nativeType !== "DATETIME") {
    throw notATimeColumn({ datasetId: table.dataset, tableId: table.name }, name, nativeType);
  }
  return { name, nativeType };
}

/** The error for an invalid partition column. */
export function notATimeColumn(
  reference: Pick<TableReference, "datasetId" | "tableId">,
  column: string,
  nativeType: string,
): BillhouseError {
  return new BillhouseError(
    "TYPE_MISMATCH",
    `The column ${column} of ${reference.datasetId}.${reference.tableId} is a ${nativeType}, which cannot store a month.`,
    { hint: "Set partition_column to a column of dates or times, or load into a new table." },
  );
}

/** The condition that a moment of this type is in a month: whole months, so that partitions are deleted without being read. */
export function monthCondition(value: string, { nativeType }: Pick<PeriodColumn, "nativeType">, month: string): string {
  return `(${value} >= ${monthStart(nativeType, month)} AND ${value} < ${monthStart(nativeType, nextMonth(month))})`;
}

/** The condition on the rows of the table. */
export function tableMonth(column: PeriodColumn, month: string): string {
  return monthCondition(identifier(column.name), column, month);
}

/** The first moment of a month as a literal. */
export function monthStart(nativeType: PeriodColumn["nativeType"], month: string): string {
  if (nativeType === "DATE") return `DATE '${month}-01'`;
  return nativeType === "DATETIME" ? `DATETIME '${month}-01 00:00:00'` : `TIMESTAMP '${month}-01 00:00:00+00'`;
}

/** A condition that all rows meet, for a table that requires a partition filter. */
export function allPartitions(table: TableResource): string {
  const { timePartitioning, requirePartitionFilter } = table;
  const column = columnsOf(table).find(({ name }) => name === timePartitioning?.field);
  const isRequired = requirePartitionFilter === true || timePartitioning?.requirePartitionFilter === true;
  if (column === undefined || !isRequired) return "";
  const name = identifier(column.name);
  return ` WHERE (${name} >= ${monthStart(column.nativeType as PeriodColumn["nativeType"], "0001-01")} OR ${name} IS NULL)`;
}

/** The warning for a table whose months expire in BigQuery. */
export function expirationNotes({ tableReference, timePartitioning }: TableResource): readonly string[] {
  const { expirationMs } = timePartitioning ?? {};
  if (expirationMs === undefined) return [];
  const days = Math.floor(Number(expirationMs) / 86_400_000);
  const title = `${tableReference.datasetId}.${tableReference.tableId}`;
  return [
    `BigQuery deletes each month of ${title} ${days} days after it began, but billhouse still counts it as loaded. To keep them: bq update --time_partitioning_expiration 0 ${shownTable(tableReference)}`,
  ];
}

/** Error: PARTITION_EXPIRED when BigQuery would delete the month right after the load, or the table later. */
export function checkExpiration(table: TableResource, month: string, now: Date): void {
  const { tableReference, timePartitioning, expirationTime } = table;
  const title = `${tableReference.datasetId}.${tableReference.tableId}`;
  const age = Number(timePartitioning?.expirationMs ?? Number.POSITIVE_INFINITY);
  if (Date.parse(`${month}-01T00:00:00Z`) + age <= now.getTime()) {
    throw new BillhouseError(
      "PARTITION_EXPIRED",
      `${title} deletes partitions after ${Math.floor(age / 86_400_000)} days, so ${month} would be deleted right after the load.`,
      { hint: `Run \`bq update --time_partitioning_expiration 0 ${shownTable(tableReference)}\`, then run again.` },
    );
  }
  if (expirationTime !== undefined) {
    const end = new Date(Number(expirationTime)).toISOString();
    throw new BillhouseError(
      "PARTITION_EXPIRED",
      `${title} will be deleted by BigQuery at ${end}, with all its months.`,
      {
        hint: `Run \`bq update --expiration 0 ${shownTable(tableReference)}\`, then run again.`,
      },
    );
  }
}

/** SQL of the month of a moment of this native type, as `YYYY-MM`; NULL if it is not a time. */
export function monthText(moment: string, nativeType: string): string {
  return `FORMAT_TIMESTAMP('%E4Y-%m', ${exactMoment(moment, nativeType)})`;
}
