import type { Table } from "../../../model.ts";
import { fold } from "../../../schema/names.ts";
import { type MonthReplacement, previousLoadColumn, type PreviousRows, previousTable } from "../../warehouse.ts";
import { castExpression } from "../sql/casts.ts";
import { monthText } from "../measure.ts";
import { createForEver, encryption, extendTable, keepForEver } from "../definitions.ts";
import { findPeriodColumn, periodColumn, type PeriodColumn, tableMonth } from "../sql/months.ts";
import { identifier, type TableReference, tableName } from "../sql/names.ts";
import { createParameters, type Parameters } from "../api/parameters.ts";
import { askForParts, part, type QuerySettings, runStatement } from "../api/statements.ts";
import { findLocation } from "../api/datasets.ts";
import { referenceTo } from "../companion-tables.ts";
import { columnsOf, type Field, fieldsOf, findTable, nativeTypeOf, type TableResource } from "../api/tables.ts";

/** The table of kept rows, or null when it is not there. */
export async function findKept(settings: QuerySettings, table: Table): Promise<TableResource | null> {
  return findTable(settings.connection, referenceTo(settings, table, previousTable(table)));
}

/**
 * Makes the table of kept rows, or gives it the columns and types that the billing table has by now, so that no value is
 * lost on its way there. Only before rows are kept: putting them back needs no more columns than they have. It is laid
 * out by the column of the month whatever the billing table is, so that its months can be told and cost little.
 */
export async function prepareKept(
  settings: QuerySettings,
  table: Table,
  bill: TableResource,
  partitionColumn: string,
  location: string,
): Promise<TableResource> {
  const reference = referenceTo(settings, table, previousTable(table));
  const fields = fieldsOf(bill).map(optional);
  const present = await findTable(settings.connection, reference);
  if (present === null) {
    const { name } = periodColumn({ table, partitionColumn }, columnsOf(bill));
    await createForEver(settings, reference, {
      schema: { fields: [{ name: previousLoadColumn, type: "STRING", mode: "NULLABLE" }, ...fields] },
      timePartitioning: { type: "MONTH", field: name },
      ...(bill.clustering === undefined ? {} : { clustering: bill.clustering }),
      ...encryption(settings),
    });
    return readBack(settings, reference);
  }
  const types = new Map(columnsOf(present).map(({ name, nativeType }) => [fold(name), nativeType]));
  const missing = fields.filter(({ name }) => !types.has(fold(name)));
  const changed = fields.filter(
    (field) => (types.get(fold(field.name)) ?? nativeTypeOf(field)) !== nativeTypeOf(field),
  );
  if (missing.length > 0) await extendTable(settings, reference, missing, new Map());
  if (changed.length > 0) await changeTypes(settings, present, changed, location);
  return missing.length + changed.length > 0 ? readBack(settings, reference) : present;
}

function optional(field: Field): Field {
  return field.mode === "REPEATED" ? field : { ...field, mode: "NULLABLE" };
}

async function readBack({ connection }: QuerySettings, reference: TableReference): Promise<TableResource> {
  const found = await findTable(connection, reference);
  if (found === null) throw new TypeError(`${reference.tableId} was made and is gone.`);
  return found;
}

/**
 * Gives columns of the kept rows the types that `migrate` gave those of the billing table, in one statement: BigQuery
 * makes no exact decimal of a float in place. A value that does not fit is NULL, and its rows are not what their receipt
 * tells when they are put back.
 */
async function changeTypes(
  settings: QuerySettings,
  kept: TableResource,
  changed: readonly Field[],
  location: string,
): Promise<void> {
  const parameters = createParameters();
  const old = new Map(fieldsOf(kept).map((field) => [fold(field.name), field]));
  const casts = changed.map((field) => {
    const name = identifier(field.name);
    return `${castExpression(name, old.get(fold(field.name)) ?? field, nativeTypeOf(field), "SAFE_CAST", parameters)} AS ${name}`;
  });
  const name = tableName(kept.tableReference);
  const month = columnsOf(kept).find((column) => column.name === kept.timePartitioning?.field);
  const partition =
    month === undefined ? "" : `PARTITION BY ${month.nativeType}_TRUNC(${identifier(month.name)}, MONTH)`;
  const clustering = (kept.clustering?.fields ?? []).map(identifier).join(", ");
  // Without an age of their own, partitions would get that of the dataset, and old months be gone before it is taken away.
  const sql = `CREATE OR REPLACE TABLE ${name} ${partition} ${clustering === "" ? "" : `CLUSTER BY ${clustering}`}
    OPTIONS (partition_expiration_days = 36500) AS SELECT * REPLACE (${casts.join(", ")}) FROM ${name}`;
  await runStatement(settings, { sql, parameters, location, labels: { billhouse: "prepare" } });
  await keepForEver(settings, kept.tableReference);
}

/**
 * Statements that copy the rows of a month to the kept ones, as those of the load that is replaced, and let go of those of
 * older loads.
 */
export function keepStatements(
  { replaces, billingMonth, keepPrevious, restoredLoadId }: MonthReplacement,
  bill: TableResource,
  kept: TableResource,
  period: PeriodColumn,
  parameters: Parameters,
): readonly string[] {
  const target = tableName(kept.tableReference);
  const inMonth = tableMonth(period, billingMonth);
  const load = parameters.text(replaces);
  const names = fieldsOf(bill).map(({ name }) => identifier(name));
  const newest = `SELECT DISTINCT ${loadColumn} FROM ${target} WHERE ${inMonth} ORDER BY ${loadColumn} DESC LIMIT ${keepPrevious}`;
  return [
    `DELETE FROM ${target} WHERE ${inMonth} AND ${loadColumn} IN (${load}, ${parameters.text(restoredLoadId)})`,
    `INSERT INTO ${target} (${[loadColumn, ...names].join(", ")})
      SELECT ${[load, ...names].join(", ")} FROM ${tableName(bill.tableReference)} WHERE ${inMonth}`,
    `DELETE FROM ${target} WHERE ${inMonth} AND ${loadColumn} NOT IN (${newest})`,
  ];
}

/** What is kept: see `PreviousLoads.rows`. */
export async function keptMonths(
  settings: QuerySettings,
  table: Table,
  partitionColumn: string,
): Promise<PreviousRows> {
  const kept = await findKept(settings, table);
  const period = findPeriodColumn({ table, partitionColumn }, columnsOf(kept));
  const { projectId, datasetId, tableId } = referenceTo(settings, table, previousTable(table));
  const location = kept?.location ?? (await findLocation(settings, projectId, datasetId));
  if (kept === null || location === null || period === undefined) return { months: [], bytes: 0 };
  const month = monthText(identifier(period.name), period.nativeType);
  const rows = `SELECT ${month} AS month, ${loadColumn} AS load_id FROM ${tableName(kept.tableReference)}`;
  const cells = { month: "t.month", load_id: "t.load_id", rows: "COUNT(*)" };
  const sql = `${part("kept", cells, `(${rows}) AS t GROUP BY t.month, t.load_id`)} ORDER BY t.month, t.load_id`;
  const labels = { billhouse: "measure", table: tableId };
  const parts = await askForParts(settings, { sql, parameters: createParameters(), location, labels });
  const months = (parts.get("kept") ?? []).map((row) => ({
    billingMonth: row["month"] ?? "",
    loadId: row["load_id"] ?? "",
    rows: Number(row["rows"]),
  }));
  return { months, bytes: months.length === 0 ? 0 : Number(kept.numBytes ?? 0) };
}

/** The column of the load, as SQL. */
export const loadColumn: string = identifier(previousLoadColumn);
