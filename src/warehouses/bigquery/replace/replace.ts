import { BillhouseError } from "../../../errors.ts";
import { fold } from "../../../schema/names.ts";
import type { MonthPackage } from "../../../state/package.ts";
import { reachPoint } from "../../points.ts";
import type { MonthReplacement, Settle } from "../../warehouse.ts";
import type { Settings } from "../api/client.ts";
import type { Parameters } from "../api/jobs.ts";
import type { TableReference } from "../api/tables.ts";
import { dropStaging } from "../cleanup.ts";
import {
  commitMonth,
  type Committed,
  explainMissingStaging,
  type Insertion,
  isResumable,
  swapStatements,
  tableDeleted,
} from "../commit.ts";
import { findCompanions, referenceTo } from "../companion-tables.ts";
import { readCurrent } from "../ledger.ts";
import { keepPreviousStatements, preparePrevious } from "../previous.ts";
import { beginChange, changesTable, changeTable, columnsAfter } from "../schema.ts";
import { checkExpiration, monthCondition, monthStart, periodColumn, type PeriodColumn } from "../sql/months.ts";
import { identifier, stagingNames, tableName } from "../sql/names.ts";
import {
  collectFiles,
  type FileGroup,
  groupFiles,
  loadIdentity,
  relationOf,
  stagedPeriod,
  type StagedTable,
  tableValue,
} from "./sources.ts";
import { findInvalidValue, isInMonth, measuresOf, measureStaged, rejectInvalidRows } from "./staged-measures.ts";
import type { StagingBucket } from "./staging-bucket.ts";
import { stageGroups } from "./staging.ts";

/** Replaces the rows of one billing month, and returns what was committed: see `Warehouse.replaceMonth`. */
export async function replaceMonth(
  settings: Settings,
  bucket: StagingBucket | null,
  replacement: MonthReplacement,
  settle: Settle,
): Promise<Committed<MonthPackage>> {
  const reference = referenceTo(settings, replacement.table);
  let committed: Committed<MonthPackage>;
  const names = stagingNames(replacement, reference);
  const collected = await collectFiles(settings, bucket, replacement);
  const { files } = collected;
  const identity = loadIdentity(replacement, reference, files);
  const ownPrefix = `${names.ofLoad}${identity.slice(0, 16)}_`;
  try {
    const groups = groupFiles(files, (number) => ({
      table: { ...reference, tableId: `${ownPrefix}${number}` },
      jobPrefix: `billhouse_load_${identity}_${number}`,
    }));
    committed = await replaceWith(settings, replacement, groups, identity, settle);
  } catch (error) {
    if (!isResumable(error)) await dropStaging(settings, reference, ownPrefix);
    throw error;
  } finally {
    await collected.remove();
  }
  await dropStaging(settings, reference, names.ofMonth);
  return committed;
}

async function replaceWith(
  settings: Settings,
  replacement: MonthReplacement,
  groups: readonly FileGroup[],
  identity: string,
  settle: Settle,
): Promise<Committed<MonthPackage>> {
  const { table, billingMonth, replaces, partitionColumn, keepPrevious, schema } = replacement;
  const before = schema === null ? await findCompanions(settings, table) : await beginChange(settings, table, schema);
  const { location } = before;
  const creates = schema?.added.some(({ name }) => fold(name) === fold(partitionColumn)) ?? false;
  if ((before.table === null && !creates) || location === null) throw tableDeleted(table);
  const columns = columnsAfter(before.table, schema);
  const period = periodColumn(replacement, columns);
  if (before.table !== null) checkExpiration(before.table, billingMonth, new Date());

  const staged = await stageGroups(settings, groups, columns, replacement, location);
  replacement.progress?.checking();
  const found = await measureStaged(settings, staged, replacement, period, location).catch(async (error: unknown) => {
    throw await explainMissingStaging(settings, error, replacement, before);
  });
  const describe = (one: StagedTable): Promise<BillhouseError | undefined> =>
    findInvalidValue(settings, one, replacement, period, location);
  await rejectInvalidRows(found.groups, replacement, describe);
  const measures = measuresOf(found, staged, replacement);
  reachPoint("measured");

  const inserted = new Map<StagedTable, number>();
  for (const group of found.groups.filter(isInMonth)) {
    inserted.set(group.staged, (inserted.get(group.staged) ?? 0) + group.rows);
  }
  if (schema !== null && changesTable(before.table, schema)) {
    // The table changes outside the transaction, so only after all checks that can fail the month.
    const misfit = await firstOf(staged, describe);
    if (misfit !== undefined) throw misfit;
    await settle(measures, await readCurrent(settings, table, before, billingMonth));
  }
  const companions =
    schema === null
      ? before
      : await settings.queue(() => changeTable(settings, table, schema, { ...before, location }));
  const { table: bill } = companions;
  if (bill === null) throw tableDeleted(table);
  const keeps = keepPrevious > 0 && replaces !== null;
  const kept =
    keeps || schema?.keepsPrevious === true
      ? await settings.queue(() => preparePrevious(settings, table, { ...bill, location }, partitionColumn))
      : null;
  const statements = (parameters: Parameters): readonly string[] => {
    const insertions = stagedInsertions(bill.tableReference, replacement, period, staged, inserted, parameters);
    return [
      ...(kept === null || !keeps ? [] : keepPreviousStatements(replacement, bill, kept, period, parameters)),
      ...swapStatements(replacement, bill, period, insertions, measures, parameters),
    ];
  };
  return commitMonth(
    settings,
    replacement,
    { companions, location, statements, settle: (current) => settle(measures, current) },
    { purpose: "swap", identity },
    "the files",
    () => firstOf(staged, describe),
  );
}

/** The first value in staging tables that does not fit. */
async function firstOf(
  staged: readonly StagedTable[],
  describe: (staged: StagedTable) => Promise<BillhouseError | undefined>,
): Promise<BillhouseError | undefined> {
  for (const each of staged) {
    const misfit = await describe(each);
    if (misfit !== undefined) return misfit;
  }
  return undefined;
}

/** Statements that insert staged rows into the table. `inserted` counts the rows of the month in each staging table. */
export function stagedInsertions(
  table: TableReference,
  replacement: MonthReplacement,
  period: PeriodColumn,
  staged: readonly StagedTable[],
  inserted: ReadonlyMap<StagedTable, number>,
  parameters: Parameters,
): readonly Insertion[] {
  return byHeader(staged).map((tables) => ({
    sql: insertStatement(tableName(table), replacement, period, tables, parameters),
    rows: tables.reduce((count, each) => count + (inserted.get(each) ?? 0), 0),
  }));
}

/** Staging tables of equal columns go in together. */
function byHeader(staged: readonly StagedTable[]): readonly (readonly StagedTable[])[] {
  const headers = new Map<string, StagedTable[]>();
  for (const each of staged) {
    const key = JSON.stringify([each.columns, each.files[0]?.mapped.periodColumn]);
    const tables = headers.get(key);
    if (tables === undefined) headers.set(key, [each]);
    else tables.push(each);
  }
  return [...headers.values()];
}

function insertStatement(
  target: string,
  { billingMonth }: MonthReplacement,
  period: PeriodColumn,
  tables: readonly StagedTable[],
  parameters: Parameters,
): string {
  const [first] = tables;
  const columns = first?.columns ?? [];
  const isPartition = (name: string): boolean => fold(name) === fold(period.name);
  const start = monthStart(period.nativeType, billingMonth);
  const values = columns.map((column) => {
    const value = tableValue(column, "CAST", parameters);
    const { columnName } = column;
    return [identifier(columnName), isPartition(columnName) ? `COALESCE(${value}, ${start})` : value] as const;
  });
  const hasPartition = columns.some(({ columnName }) => isPartition(columnName));
  const cells = hasPartition ? values : [[identifier(period.name), start] as const, ...values];
  const names = cells.map(([name]) => name).join(", ");
  const rows = `SELECT ${cells.map(([name, value]) => `${value} AS ${name}`).join(", ")} FROM ${relationOf(tables)}`;
  const own = first === undefined ? null : stagedPeriod(first, period, parameters);
  if (own === null) return `INSERT INTO ${target} (${names}) ${rows}`;
  // Before the casts: a value of another month may not fit and is not loaded.
  const isOfMonth = `${own.moment} IS NULL OR ${monthCondition(own.moment, own, billingMonth)}`;
  return `INSERT INTO ${target} (${names}) ${rows} WHERE ${isOfMonth}`;
}
