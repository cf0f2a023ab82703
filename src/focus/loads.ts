import type { TableColumn } from "../model.ts";
import { isTimeId, receiptsTable, trackingTableName } from "../state/tables.ts";
import type { Dialect } from "./dialects/dialect.ts";
import { type ChargeTable, idColumnOf } from "./mapping.ts";

/** What the views read of the load of a month: its execution, what its manifest says that it contains, and the days that it lacks. */
export type LoadFact = "execution_id" | "dataset" | "missing_days";

/**
 * The statement for the newest load of each month of a table: `billing_month` and these facts, NULL where the load lacks them.
 * Null for a table without loads, or whose loads lack all of these facts.
 */
export function newestLoads(charged: ChargeTable, facts: readonly LoadFact[], dialect: Dialect): string | null {
  const { table, tracking, receipts = [], stateIn } = charged;
  const { literal, types } = dialect;
  if (!has(tracking, "billing_month") || !has(tracking, "_dlt_load_id")) return null;
  const isRecorded = (fact: LoadFact): boolean => fact === "execution_id" || has(tracking, fact) || has(receipts, fact);
  if (!facts.some(isRecorded)) return null;
  const place = (name: string): string => dialect.tableName({ ...table, dataset: stateIn }, name);
  const isApart = (fact: LoadFact): boolean => !has(tracking, fact) && has(receipts, fact);
  const sourceOf = (fact: LoadFact): string => {
    if (fact === "execution_id") return executionId(charged, dialect);
    if (isApart(fact)) return `r.${fact}`;
    return has(tracking, fact) ? `t.${fact}` : `CAST(NULL AS ${types.text})`;
  };
  const selected = facts.map((fact) => `${sourceOf(fact)} AS ${fact}`);
  const apart = facts.some(isApart)
    ? `\n    LEFT JOIN ${place(receiptsTable.name)} AS r
      ON r.table_name = ${literal(table.name)} AND r.billing_month = t.billing_month AND r.load_id = t._dlt_load_id`
    : "";
  const isLoad = has(tracking, "is_run_summary") ? " AND t.is_run_summary IS DISTINCT FROM TRUE" : "";
  return `SELECT l.billing_month, ${facts.map((fact) => `l.${fact}`).join(", ")} FROM (
    SELECT t.billing_month, ${selected.join(", ")}, ROW_NUMBER() OVER (PARTITION BY t.billing_month ORDER BY t._dlt_load_id DESC) AS n
    FROM ${place(trackingTableName(table))} AS t${apart} WHERE t.billing_month IS NOT NULL${isLoad}) AS l WHERE l.n = 1`;
}

/** The id of an execution as AWS or Azure wrote it, also where dlt keeps some of the ids as times (`isTimeId`). */
function executionId(charged: ChargeTable, dialect: Dialect): string {
  const { tracking } = charged;
  const name = idColumnOf(charged);
  const column = tracking.find((each) => each.name === name);
  if (column === undefined) return `CAST(NULL AS ${dialect.types.text})`;
  const id = `t.${dialect.identifier(name)}`;
  if (!isTimeId(column)) return dialect.column(id, column, "text");
  const other = tracking.find((each) => each.name === `${name}__v_text`);
  const time = dialect.timeId(dialect.column(id, column, "timestamp"));
  if (other === undefined) return time;
  return `COALESCE(${dialect.column(`t.${dialect.identifier(other.name)}`, other, "text")}, ${time})`;
}

function has(columns: readonly TableColumn[], name: string): boolean {
  return columns.some((column) => column.name === name);
}
