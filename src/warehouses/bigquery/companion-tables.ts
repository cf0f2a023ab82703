import type { Table } from "../../model.ts";
import {
  columnsTable,
  commitLockTable,
  loadsTable,
  pipelineStateTable,
  receiptsTable,
  trackingTableName,
} from "../../state/tables.ts";
import type { Settings } from "./api/client.ts";
import { findLocation, findTable, type TableReference, type TableResource } from "./api/tables.ts";
import { rebuildNames, tableName } from "./sql/names.ts";

/** A billing table and the tables beside it; null for one that is not there. */
export interface CompanionTables {
  /** Under another name while a rebuilding of it is not at its end: see `finishRebuild`. */
  readonly table: TableResource | null;
  readonly tracking: TableResource | null;
  readonly receipts: TableResource | null;
  readonly loads: TableResource | null;
  readonly states: TableResource | null;
  readonly registry: TableResource | null;
  readonly commitLock: TableResource | null;
  /** Where the dataset lies; null when none of the tables is there. */
  readonly location: string | null;
}

/** The tables beside a billing table when all of them were made. */
export type PreparedTables = CompanionTables & { readonly location: string };

/** Finds the tables that exist. Any API error other than "not found" is thrown, and never read as absence. */
export async function findCompanions(settings: Settings, table: Table): Promise<CompanionTables> {
  const names = [table.name, trackingTableName(table), receiptsTable.name, loadsTable.name];
  const others = [pipelineStateTable.name, columnsTable.name, commitLockTable.name];
  const found = await Promise.all(
    [...names, ...others].map((name) => findTable(settings.connection, referenceTo(settings, table, name))),
  );
  const [
    named = null,
    tracking = null,
    receipts = null,
    loads = null,
    states = null,
    registry = null,
    commitLock = null,
  ] = found;
  const bill = named ?? (await findReplacedTable(settings, table));
  const stated = found.find((each) => each?.location !== undefined)?.location;
  const isThere = found.some((each) => each !== null);
  const project = table.project ?? settings.connection.project;
  const location = stated ?? (isThere ? await findLocation(settings, project, table.dataset) : null);
  return { table: bill, tracking, receipts, loads, states, registry, commitLock, location };
}

/** A table, and where it lies. */
export type LocatedTable = TableResource & { readonly location: string };

/** A billing table alone, and where it lies; null when it is not there. As in `findCompanions`. */
export async function findBillingTable(settings: Settings, table: Table): Promise<LocatedTable | null> {
  const bill =
    (await findTable(settings.connection, referenceTo(settings, table))) ?? (await findReplacedTable(settings, table));
  if (bill === null) return null;
  const project = table.project ?? settings.connection.project;
  const location = bill.location ?? (await findLocation(settings, project, table.dataset));
  return location === null ? null : { ...bill, location };
}

/** The table under the name that it has while a new one takes its place. */
async function findReplacedTable(settings: Settings, table: Table): Promise<TableResource | null> {
  const { old } = rebuildNames(referenceTo(settings, table));
  return findTable(settings.connection, referenceTo(settings, table, old));
}

/** A table in the dataset of a billing table. */
export function referenceTo({ connection }: Settings, table: Table, name: string = table.name): TableReference {
  return { projectId: table.project ?? connection.project, datasetId: table.dataset, tableId: name };
}

/** The same as an SQL identifier. */
export function nameOf(settings: Settings, table: Table, name: string = table.name): string {
  return tableName(referenceTo(settings, table, name));
}
