import type { MonthReplacement, TableMeasures } from "../warehouse.ts";
import { exactNumber } from "./casts.ts";
import { totalsOf } from "./measures.ts";
import { firstMoment, monthCondition, type PeriodColumn, tableMonth } from "./months.ts";
import { fold, identifier, tableName } from "./names.ts";
import type { Parameters } from "./parameters.ts";
import { relationOf, type Staged, tableValue } from "./sources.ts";
import { columnsOf, type TableResource } from "./tables.ts";

/** What the script says when the table holds something else than the files. */
export const messages = {
  inserted: "billhouse: other rows were inserted than were counted",
  held: "billhouse: the table holds other rows than were inserted",
  sum: "billhouse: the table sums up to another amount",
} as const;

/** Statements that replace the rows of the month with the staged ones, and hold the table against the measures. */
export function swapStatements(
  replacement: MonthReplacement,
  table: TableResource | null,
  period: PeriodColumn,
  staged: readonly Staged[],
  inserted: ReadonlyMap<Staged, number>,
  measures: TableMeasures,
  parameters: Parameters,
): readonly string[] {
  if (table === null) return [];
  const target = tableName(table.tableReference);
  const { billingMonth, costColumns } = replacement;
  const inMonth = tableMonth(period, billingMonth);
  const types = new Map(columnsOf(table).map(({ name, nativeType }) => [fold(name), nativeType]));
  const inserts = byHeader(staged).flatMap((tables) => {
    const rows = tables.reduce((count, each) => count + (inserted.get(each) ?? 0), 0);
    const insert = insertStatement(target, replacement, period, tables, parameters);
    return [insert, `ASSERT @@row_count = ${parameters.integer(rows)} AS '${messages.inserted}'`];
  });
  const sums = costColumns.flatMap((name, index) => {
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

/** Staging tables of equal columns go in together. */
function byHeader(staged: readonly Staged[]): readonly (readonly Staged[])[] {
  const headers = new Map<string, Staged[]>();
  for (const each of staged) {
    const key = JSON.stringify(each.columns);
    const tables = headers.get(key);
    if (tables === undefined) headers.set(key, [each]);
    else tables.push(each);
  }
  return [...headers.values()];
}

function insertStatement(
  target: string,
  { stamped, spansMonths, billingMonth }: MonthReplacement,
  period: PeriodColumn,
  tables: readonly Staged[],
  parameters: Parameters,
): string {
  const columns = tables[0]?.columns ?? [];
  const values = columns.map(
    (column) => [identifier(column.columnName), tableValue(column, "CAST", parameters)] as const,
  );
  const stamp = [identifier(period.name), firstMoment(period.nativeType, billingMonth)] as const;
  const cells = stamped ? [stamp, ...values.filter(([name]) => fold(name) !== fold(stamp[0]))] : values;
  const names = cells.map(([name]) => name).join(", ");
  const rows = `SELECT ${cells.map(([name, value]) => `${value} AS ${name}`).join(", ")} FROM ${relationOf(tables)}`;
  if (stamped || !spansMonths) return `INSERT INTO ${target} (${names}) ${rows}`;
  // Before the casts: a value of another month may not fit, and is not loaded.
  const own = columns.find(({ columnName }) => fold(columnName) === fold(period.name));
  const moment = own === undefined ? "NULL" : tableValue(own, "SAFE_CAST", parameters);
  return `INSERT INTO ${target} (${names}) ${rows} WHERE ${monthCondition(moment, period, billingMonth)}`;
}
