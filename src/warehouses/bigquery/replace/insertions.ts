import { fold } from "../../../schema/names.ts";
import type { MonthReplacement } from "../../warehouse.ts";
import { firstMoment, monthCondition, type PeriodColumn } from "../sql/months.ts";
import { identifier, type TableReference, tableName } from "../sql/names.ts";
import type { Parameters } from "../api/parameters.ts";
import { relationOf, type Staged, tableValue } from "./sources.ts";
import type { Insertion } from "./swap.ts";

/** Statements that insert staged rows into the table. `inserted` tells how many of each staging table are of the month. */
export function stagedInsertions(
  table: TableReference,
  replacement: MonthReplacement,
  period: PeriodColumn,
  staged: readonly Staged[],
  inserted: ReadonlyMap<Staged, number>,
  parameters: Parameters,
): readonly Insertion[] {
  return byHeader(staged).map((tables) => ({
    sql: insertStatement(tableName(table), replacement, period, tables, parameters),
    rows: tables.reduce((count, each) => count + (inserted.get(each) ?? 0), 0),
  }));
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
