import { BillhouseError } from "../../../errors.ts";
import { fold } from "../../../schema/names.ts";
import type { MonthPackage } from "../../../state/package.ts";
import { reachPoint } from "../../points.ts";
import type { MonthMeasures, MonthRestoration, Settle } from "../../warehouse.ts";
import { castExpression, type CastMode } from "../sql/casts.ts";
import type { TableValue } from "../sql/cells.ts";
import { commitPackage, type Committed } from "../commit/commits.ts";
import { measureRows } from "../measure.ts";
import { explainGone, explainSwap, goesOn } from "../replace/explanations.ts";
import { findKept, loadColumn } from "./kept.ts";
import type { LoadSettings } from "../replace/replace-month.ts";
import { checkExpiration, findPeriodColumn, periodColumn, tableMonth } from "../sql/months.ts";
import { digest, identifier, tableName } from "../sql/names.ts";
import { createParameters, type Parameters } from "../api/parameters.ts";
import { stagePast } from "./time-travel.ts";
import type { QuerySettings } from "../api/statements.ts";
import { finishRebuild } from "../migrate/renaming.ts";
import { prepareState, type SchemaSettings } from "../schema.ts";
import { dropStaging, stagingNames } from "../replace/staging.ts";
import { findBill, referenceTo } from "../companion-tables.ts";
import { type Insertion, swapStatements } from "../replace/swap.ts";
import { columnsOf, fieldsOf, type TableResource } from "../api/tables.ts";

/** Where earlier rows are, and the condition on them. */
interface EarlierRows {
  readonly table: TableResource;
  readonly condition: (parameters: Parameters) => string;
}

/**
 * Puts the rows of an earlier load back, kept ones or those that BigQuery remembers, and gives what was committed; null
 * when neither has them. See `PreviousLoads.restoreMonth`.
 */
export async function restoreMonth(
  settings: LoadSettings & SchemaSettings,
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
    if (!goesOn(error)) await dropStaging(settings, reference, ownPrefix);
    throw error;
  }
  if (restored !== null) await dropStaging(settings, reference, names.ofMonth);
  return restored;
}

async function restoreFrom(
  settings: LoadSettings & SchemaSettings,
  restoration: MonthRestoration,
  identity: string,
  staging: string,
  settle: Settle,
): Promise<Committed<MonthPackage> | null> {
  const { table, billingMonth, replaces } = restoration;
  const reference = referenceTo(settings, table);
  const present = await findBill(settings, table);
  if (present === null) return null;
  if (present.tableReference.tableId !== table.name) await finishRebuild(settings, table);
  const { location } = present;
  const bill = { ...present, tableReference: reference };
  const period = periodColumn(restoration, columnsOf(bill));
  checkExpiration(bill, billingMonth, new Date());
  const around = await prepareState(settings, table);

  const measure = (rows: EarlierRows): Promise<MonthMeasures> => measureEarlier(settings, restoration, bill, rows);
  const keptRows = rowsOfLoad(restoration, await findKept(settings, table));
  let earlier = keptRows === null ? null : { rows: keptRows, measures: await measure(keptRows) };
  if (earlier === null || earlier.measures.rows === 0) {
    const place = { table: { ...reference, tableId: staging }, jobPrefix: `billhouse_past_${identity}` };
    const copy = await stagePast(settings, bill, restoration, period, place);
    if (copy === null) return null;
    reachPoint("staged-file");
    const rows: EarlierRows = { table: copy, condition: () => tableMonth(period, billingMonth) };
    const measures = await measure(rows).catch(async (error: unknown) => {
      throw await explainGone(settings, error, restoration, around);
    });
    earlier = { rows, measures };
  }
  reachPoint("measured");

  const { rows, measures } = earlier;
  const statements = (parameters: Parameters): readonly string[] => {
    const insertion = insertionOf(bill, rows, measures.rows, parameters);
    return [
      ...swapStatements(restoration, bill, period, [insertion], measures, parameters),
      // What is back need not be kept: what BigQuery remembered is a copy that goes.
      ...(rows === keptRows ? [`DELETE FROM ${sourceOf(rows, parameters)}`] : []),
    ];
  };
  return settings.queue(async () => {
    try {
      return await commitPackage(settings, {
        table,
        around,
        location,
        jobPrefix: `billhouse_restore_${identity}`,
        labels: { billhouse: "restore", table: table.name, month: billingMonth },
        replaced: { billingMonth, loadId: replaces },
        statements,
        settle: (current) => settle({ ...measures, inserted: measures.rows, delivered: null }, current),
      });
    } catch (error) {
      const reason = await explainGone(settings, error, restoration, around);
      throw await explainSwap(reason, restoration, "the earlier rows", async () => misfit(restoration, reason));
    }
  });
}

/** The rows of the load in the table of kept rows, if there are any; null without such a table. */
function rowsOfLoad(restoration: MonthRestoration, kept: TableResource | null): EarlierRows | null {
  const period = findPeriodColumn(restoration, columnsOf(kept));
  if (kept === null || period === undefined) return null;
  const inMonth = tableMonth(period, restoration.billingMonth);
  return {
    table: kept,
    condition: (parameters) => `${inMonth} AND ${loadColumn} = ${parameters.text(restoration.loadId)}`,
  };
}

async function measureEarlier(
  settings: QuerySettings,
  restoration: MonthRestoration,
  bill: TableResource & { readonly location: string },
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

/** The values for the columns of the table that earlier rows have, too, by their folded names. */
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

function misfit({ table, billingMonth }: MonthRestoration, cause: unknown): BillhouseError {
  const what = `The earlier rows of ${billingMonth} do not fit the columns that ${table.dataset}.${table.name} has now.`;
  return new BillhouseError("TYPE_MISMATCH", what, { hint: "Nothing was changed. Load the month again.", cause });
}
