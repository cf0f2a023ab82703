import { BillhouseError } from "../../errors.ts";
import type { Table } from "../../model.ts";
import { fold } from "../../schema/names.ts";
import type { MonthPackage } from "../../state/package.ts";
import { reachPoint } from "../points.ts";
import {
  type MonthMeasures,
  type MonthReplacement,
  type MonthRestoration,
  previousLoadColumn,
  type PreviousRows,
  previousTable,
  type Settle,
} from "../warehouse.ts";
import { apiErrorOf } from "./api/api-error.ts";
import type { Settings } from "./api/client.ts";
import {
  createParameters,
  type Parameters,
  part,
  queryConfiguration,
  runJob,
  runStatement,
  selectParts,
} from "./api/jobs.ts";
import {
  createPermanentTable,
  encryption,
  extendTable,
  type Field,
  fieldsOf,
  findDataset,
  findLocation,
  findTable,
  removeExpiration,
  type TableReference,
  type TableResource,
} from "./api/tables.ts";
import { dropStaging, expireInADay } from "./cleanup.ts";
import {
  commitMonth,
  type Committed,
  explainMissingStaging,
  type Insertion,
  isResumable,
  swapStatements,
} from "./commit.ts";
import { findBillingTable, type LocatedTable, referenceTo } from "./companion-tables.ts";
import { measureRows } from "./measure.ts";
import { finishRebuild } from "./rebuild.ts";
import { prepareState } from "./schema.ts";
import { castExpression, type CastMode } from "./sql/casts.ts";
import type { TableValue } from "./sql/measured-cells.ts";
import {
  checkExpiration,
  findPeriodColumn,
  monthText,
  periodColumn,
  type PeriodColumn,
  tableMonth,
} from "./sql/months.ts";
import { columnsOf, digest, identifier, nativeTypeOf, stagingNames, tableName } from "./sql/names.ts";

/** The column of the load, as SQL. */
export const loadIdColumn: string = identifier(previousLoadColumn);

/** The table of previous loads, or null when it does not exist. */
export async function findPreviousTable(settings: Settings, table: Table): Promise<TableResource | null> {
  return findTable(settings.connection, referenceTo(settings, table, previousTable(table)));
}

/**
 * Creates the table of previous loads, or gives it the current columns and types of the billing table, so that no value
 * is lost on its way there. Only before rows are kept: restoring them needs no more columns than they have. It is
 * partitioned by the column of the month whatever the billing table is, so that its months can be listed cheaply.
 */
export async function preparePrevious(
  settings: Settings,
  table: Table,
  bill: LocatedTable,
  partitionColumn: string,
): Promise<TableResource> {
  const reference = referenceTo(settings, table, previousTable(table));
  const fields = fieldsOf(bill).map(optional);
  const present = await findTable(settings.connection, reference);
  if (present === null) {
    const { name } = periodColumn({ table, partitionColumn }, columnsOf(bill));
    await createPermanentTable(settings, reference, {
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
  if (changed.length > 0) await changeTypes(settings, present, changed, bill.location);
  return missing.length + changed.length > 0 ? readBack(settings, reference) : present;
}

function optional(field: Field): Field {
  return field.mode === "REPEATED" ? field : { ...field, mode: "NULLABLE" };
}

async function readBack({ connection }: Settings, reference: TableReference): Promise<TableResource> {
  const found = await findTable(connection, reference);
  if (found === null) throw new TypeError(`${reference.tableId} was created and no longer exists.`);
  return found;
}

/**
 * Gives columns of the kept rows the types that `migrate` gave those of the billing table, in one statement: BigQuery
 * cannot convert a float to an exact decimal in place. A value that does not fit is NULL, and its rows differ from their
 * receipt when they are restored.
 */
async function changeTypes(
  settings: Settings,
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
  const { kmsKeyName } = settings;
  const options = [
    // Without their own expiration, partitions would get that of the dataset, and old months would be deleted before it
    // is removed.
    "partition_expiration_days = 36500",
    ...(kmsKeyName === null ? [] : [`kms_key_name = ${parameters.text(kmsKeyName)}`]),
  ];
  const sql = `CREATE OR REPLACE TABLE ${name} ${partition} ${clustering === "" ? "" : `CLUSTER BY ${clustering}`}
    OPTIONS (${options.join(", ")}) AS SELECT * REPLACE (${casts.join(", ")}) FROM ${name}`;
  await runStatement(settings, { sql, parameters, location, labels: { billhouse: "prepare" } });
  await removeExpiration(settings, kept.tableReference);
}

/**
 * Statements that copy the rows of a month to the kept ones, under the load that is replaced, and delete those of
 * older loads.
 */
export function keepPreviousStatements(
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
  const newest = `SELECT DISTINCT ${loadIdColumn} FROM ${target} WHERE ${inMonth} ORDER BY ${loadIdColumn} DESC LIMIT ${keepPrevious}`;
  return [
    `DELETE FROM ${target} WHERE ${inMonth} AND ${loadIdColumn} IN (${load}, ${parameters.text(restoredLoadId)})`,
    `INSERT INTO ${target} (${[loadIdColumn, ...names].join(", ")})
      SELECT ${[load, ...names].join(", ")} FROM ${tableName(bill.tableReference)} WHERE ${inMonth}`,
    `DELETE FROM ${target} WHERE ${inMonth} AND ${loadIdColumn} NOT IN (${newest})`,
  ];
}

/** The kept rows: see `PreviousLoads.rows`. */
export async function previousRows(settings: Settings, table: Table, partitionColumn: string): Promise<PreviousRows> {
  const kept = await findPreviousTable(settings, table);
  const period = findPeriodColumn({ table, partitionColumn }, columnsOf(kept));
  const { projectId, datasetId, tableId } = referenceTo(settings, table, previousTable(table));
  const location = kept?.location ?? (await findLocation(settings, projectId, datasetId));
  if (kept === null || location === null || period === undefined) return { months: [], bytes: 0 };
  const month = monthText(identifier(period.name), period.nativeType);
  const rows = `SELECT ${month} AS month, ${loadIdColumn} AS load_id FROM ${tableName(kept.tableReference)}`;
  const cells = { month: "t.month", load_id: "t.load_id", rows: "COUNT(*)" };
  const sql = `${part("kept", cells, `(${rows}) AS t GROUP BY t.month, t.load_id`)} ORDER BY t.month, t.load_id`;
  const labels = { billhouse: "measure", table: tableId };
  const parts = await selectParts(settings, { sql, parameters: createParameters(), location, labels });
  const months = (parts.get("kept") ?? []).map((row) => ({
    billingMonth: row["month"] ?? "",
    loadId: row["load_id"] ?? "",
    rows: Number(row["rows"]),
  }));
  return { months, bytes: months.length === 0 ? 0 : Number(kept.numBytes ?? 0) };
}

/** Where earlier rows are, and the condition on them. */
interface EarlierRows {
  readonly table: TableResource;
  readonly condition: (parameters: Parameters) => string;
}

/**
 * Restores the rows of an earlier load, kept ones or those from time travel, and returns what was
 * committed; null if neither has them. See `PreviousLoads.restoreMonth`.
 */
export async function restoreMonth(
  settings: Settings,
  restoration: MonthRestoration,
  settle: Settle,
): Promise<Committed<MonthPackage> | null> {
  const { table, billingMonth, executionId, replaces, loadId, until } = restoration;
  const reference = referenceTo(settings, table);
  const names = stagingNames(restoration, reference);
  const identity = digest([reference, billingMonth, executionId, replaces, loadId, until], 32);
  const ownPrefix = `${names.ofLoad}${identity.slice(0, 16)}_`;
  let restored: Committed<MonthPackage> | null;
  try {
    restored = await restoreFrom(settings, restoration, identity, `${ownPrefix}0`, settle);
  } catch (error) {
    if (!isResumable(error)) await dropStaging(settings, reference, ownPrefix);
    throw error;
  }
  if (restored !== null) await dropStaging(settings, reference, names.ofMonth);
  return restored;
}

async function restoreFrom(
  settings: Settings,
  restoration: MonthRestoration,
  identity: string,
  staging: string,
  settle: Settle,
): Promise<Committed<MonthPackage> | null> {
  const { table, billingMonth } = restoration;
  const reference = referenceTo(settings, table);
  const present = await findBillingTable(settings, table);
  if (present === null) return null;
  if (present.tableReference.tableId !== table.name) await finishRebuild(settings, table);
  const { location } = present;
  const bill = { ...present, tableReference: reference };
  const period = periodColumn(restoration, columnsOf(bill));
  checkExpiration(bill, billingMonth, new Date());
  const companions = await prepareState(settings, table);

  const measure = (rows: EarlierRows): Promise<MonthMeasures> => measureEarlier(settings, restoration, bill, rows);
  const keptRows = rowsOfLoad(restoration, await findPreviousTable(settings, table));
  let earlier = keptRows === null ? null : { rows: keptRows, measures: await measure(keptRows) };
  if (earlier === null || earlier.measures.rows === 0) {
    const place = { table: { ...reference, tableId: staging }, jobPrefix: `billhouse_past_${identity}` };
    const copy = await copyFromTimeTravel(settings, bill, restoration, period, place);
    if (copy === null) return null;
    reachPoint("staged-file");
    const rows: EarlierRows = { table: copy, condition: () => tableMonth(period, billingMonth) };
    const measures = await measure(rows).catch(async (error: unknown) => {
      throw await explainMissingStaging(settings, error, restoration, companions);
    });
    earlier = { rows, measures };
  }
  reachPoint("measured");

  const { rows, measures } = earlier;
  const statements = (parameters: Parameters): readonly string[] => {
    const insertion = insertionOf(bill, rows, measures.rows, parameters);
    return [
      ...swapStatements(restoration, bill, period, [insertion], measures, parameters),
      // Restored rows need not be kept: a copy from time travel is dropped.
      ...(rows === keptRows ? [`DELETE FROM ${sourceOf(rows, parameters)}`] : []),
    ];
  };
  const settled = { ...measures, inserted: measures.rows, delivered: null };
  const describe = async (error: unknown): Promise<BillhouseError> => earlierRowsDoNotFit(restoration, error);
  return commitMonth(
    settings,
    restoration,
    { companions, location, statements, settle: (current) => settle(settled, current) },
    { purpose: "restore", identity },
    "the earlier rows",
    describe,
  );
}

/** The rows of the load in the table of kept rows, if there are any; null without such a table. */
function rowsOfLoad(restoration: MonthRestoration, kept: TableResource | null): EarlierRows | null {
  const period = findPeriodColumn(restoration, columnsOf(kept));
  if (kept === null || period === undefined) return null;
  const inMonth = tableMonth(period, restoration.billingMonth);
  return {
    table: kept,
    condition: (parameters) => `${inMonth} AND ${loadIdColumn} = ${parameters.text(restoration.loadId)}`,
  };
}

async function measureEarlier(
  settings: Settings,
  restoration: MonthRestoration,
  bill: LocatedTable,
  rows: EarlierRows,
): Promise<MonthMeasures> {
  const parameters = createParameters();
  const values = valuesOf(bill, rows, "SAFE_CAST", parameters);
  const measured = {
    reference: rows.table.tableReference,
    condition: rows.condition(parameters),
    valueOf: (name: string) => values.get(fold(name)),
  };
  return measureRows(settings, measured, restoration, parameters, bill.location);
}

/** The values for the columns that both the table and the earlier rows have, by their folded names. */
function valuesOf(
  bill: TableResource,
  { table }: EarlierRows,
  mode: CastMode,
  parameters: Parameters,
): ReadonlyMap<string, TableValue & { readonly name: string }> {
  const types = new Map(columnsOf(table).map(({ name, nativeType }) => [fold(name), nativeType]));
  const fields = new Map(fieldsOf(table).map((field) => [fold(field.name), field]));
  return new Map(
    columnsOf(bill).flatMap(({ name, nativeType }) => {
      const field = fields.get(fold(name));
      if (field === undefined) return [];
      const value = identifier(field.name);
      const isSame = types.get(fold(name)) === nativeType;
      const sql = isSame ? value : castExpression(value, field, nativeType, mode, parameters);
      return [[fold(name), { name, sql, nativeType }] as const];
    }),
  );
}

function insertionOf(bill: TableResource, rows: EarlierRows, count: number, parameters: Parameters): Insertion {
  const values = [...valuesOf(bill, rows, "CAST", parameters).values()];
  const names = values.map(({ name }) => identifier(name)).join(", ");
  const sql = `INSERT INTO ${tableName(bill.tableReference)} (${names}) SELECT ${values.map(({ sql: value }) => value).join(", ")} FROM ${sourceOf(rows, parameters)}`;
  return { sql, rows: count };
}

function sourceOf({ table, condition }: EarlierRows, parameters: Parameters): string {
  return `${tableName(table.tableReference)} WHERE ${condition(parameters)}`;
}

function earlierRowsDoNotFit({ table, billingMonth }: MonthRestoration, cause: unknown): BillhouseError {
  const what = `The earlier rows of ${billingMonth} do not fit the columns that ${table.dataset}.${table.name} has now.`;
  return new BillhouseError("TYPE_MISMATCH", what, { hint: "Nothing was changed. Load the month again.", cause });
}

/** The default hours of time travel: https://cloud.google.com/bigquery/docs/time-travel */
const defaultTimeTravelHours = 168;

/**
 * Copies the rows of a month, as they were when the next load was made, into a staging table; that
 * load was committed after it. Null if that moment is outside the time travel window, or the table is newer.
 *
 * One query reads a table at only one point in time, and reads in a transaction see one snapshot of it, so the rows
 * are copied before the transaction: https://cloud.google.com/bigquery/docs/access-historical-data,
 * https://cloud.google.com/bigquery/docs/transactions
 */
export async function copyFromTimeTravel(
  settings: Settings,
  bill: LocatedTable,
  { table, billingMonth, until }: MonthRestoration,
  period: PeriodColumn,
  staging: { readonly table: TableReference; readonly jobPrefix: string },
): Promise<TableResource | null> {
  const { tableReference, location } = bill;
  const moment = new Date(until);
  if (!(await isWithinTimeTravel(settings, bill, moment))) return null;
  const sql = `SELECT * FROM ${tableName(tableReference)} FOR SYSTEM_TIME AS OF TIMESTAMP '${moment.toISOString()}'
    WHERE ${tableMonth(period, billingMonth)}`;
  const labels = { billhouse: "restore", table: table.name, month: billingMonth };
  const statement = { sql, parameters: createParameters(), location, labels, destination: staging.table };
  const request = { location, configuration: queryConfiguration(settings, statement) };
  let copy: TableResource | undefined;
  try {
    await runJob(settings.connection, staging.jobPrefix, request, async () => {
      // A table that another process dropped, or that expired, is created again under the next id.
      copy = await expireInADay(settings, staging.table);
      return copy !== undefined;
    });
  } catch (error) {
    if (isBeforeTimeTravel(error)) return null;
    throw error;
  }
  return copy ?? null;
}

async function isWithinTimeTravel(settings: Settings, bill: TableResource, moment: Date): Promise<boolean> {
  const { projectId, datasetId } = bill.tableReference;
  const dataset = await findDataset(settings, projectId, datasetId);
  const hours = Number(dataset?.maxTimeTravelHours ?? defaultTimeTravelHours);
  const oldest = Math.max(Date.now() - hours * 3_600_000, Number(bill.creationTime ?? 0));
  return moment.getTime() >= oldest;
}

/** BigQuery's clock decides, or the table did not have the month column then. */
function isBeforeTimeTravel(error: unknown): boolean {
  const { message = "" } = apiErrorOf(error) ?? {};
  return /invalid (snapshot time|time travel timestamp)|cannot read before|unrecognized name/i.test(message);
}
