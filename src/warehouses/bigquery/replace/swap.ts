import { fold } from "../../../schema/names.ts";
import type { MonthColumns, MonthMeasures } from "../../warehouse.ts";
import { exactNumber } from "../sql/casts.ts";
import { totalsOf } from "./measures.ts";
import { type PeriodColumn, tableMonth } from "../sql/months.ts";
import { identifier, tableName } from "../sql/names.ts";
import type { Parameters } from "../api/parameters.ts";
import { columnsOf, type TableResource } from "../api/tables.ts";

/** What the script says when the table holds something else than was measured. */
export const messages = {
  inserted: "billhouse: other rows were inserted than were counted",
  held: "billhouse: the table holds other rows than were inserted",
  sum: "billhouse: the table sums up to another amount",
} as const;

/** A statement that inserts rows into the table, and how many. */
export interface Insertion {
  readonly sql: string;
  readonly rows: number;
}

/** Statements that replace the rows of the month, and hold the table against the measures of the new ones. */
export function swapStatements(
  month: MonthColumns,
  table: TableResource,
  period: PeriodColumn,
  insertions: readonly Insertion[],
  measures: MonthMeasures,
  parameters: Parameters,
): readonly string[] {
  const target = tableName(table.tableReference);
  const inMonth = tableMonth(period, month.billingMonth);
  const types = new Map(columnsOf(table).map(({ name, nativeType }) => [fold(name), nativeType]));
  const inserts = insertions.flatMap(({ sql, rows }) => [
    sql,
    `ASSERT @@row_count = ${parameters.integer(rows)} AS '${messages.inserted}'`,
  ]);
  const sums = month.costColumns.flatMap((name, index) => {
    const type = types.get(fold(name));
    if (type === undefined) return [];
    const sum = `SUM(${exactNumber(identifier(name), type)})`;
    const held = `(SELECT COALESCE(${sum}, CAST('0' AS BIGNUMERIC)) FROM ${target} WHERE ${inMonth})`;
    const wanted = `CAST(${parameters.text(totalsOf(measures)[index] ?? "0")} AS BIGNUMERIC)`;
    return [`ASSERT ${held} = ${wanted} AS '${messages.sum}'`];
  });
  const count = `(SELECT COUNT(*) FROM ${target} WHERE ${inMonth})`;
  return [
    `DELETE FROM ${target} WHERE ${inMonth}`,
    ...inserts,
    `ASSERT ${count} = ${parameters.integer(measures.rows)} AS '${messages.held}'`,
    ...sums,
  ];
}
