import { BillhouseError } from "../../errors.ts";
import { fold } from "../../schema/names.ts";
import { nextMonth } from "../../schema/periods.ts";
import type { MonthColumns } from "../warehouse.ts";
import { identifier } from "./names.ts";
import type { NativeColumns } from "./sources.ts";

/**
 * The condition that a row lies in the billing month, by the table's partition column; for NULL it is NULL.
 * Error: TYPE_MISMATCH when the table has no such column, or it holds no times.
 */
export function monthCondition(
  { table, billingMonth, partitionColumn }: Pick<MonthColumns, "table" | "billingMonth" | "partitionColumn">,
  columns: NativeColumns,
): string {
  const nativeType = columns.get(fold(partitionColumn));
  if (nativeType === undefined) {
    throw new BillhouseError(
      "TYPE_MISMATCH",
      `The table ${table.dataset}.${table.name} has no column ${partitionColumn}, which tells the months of its rows.`,
      { hint: "Put the column back, or drop the table: billhouse run then loads all of its months again." },
    );
  }
  if (!timeTypes.includes(nativeType)) {
    throw new BillhouseError(
      "TYPE_MISMATCH",
      `The column ${partitionColumn} of ${table.dataset}.${table.name} is a ${nativeType}, and tells no month.`,
      { hint: "Name a column of dates or times as partition_column, or load into a new table." },
    );
  }
  const moment = (month: string): string => `CAST('${month}-01' AS ${nativeType})`;
  const column = identifier(partitionColumn);
  return `(${column} >= ${moment(billingMonth)} AND ${column} < ${moment(nextMonth(billingMonth))})`;
}

const timeTypes = ["DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"];
