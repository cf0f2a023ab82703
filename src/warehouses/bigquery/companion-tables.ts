import type { Table } from "../../model.ts";
import { dltName } from "../../state/dlt.ts";
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

/** A billing table and its companion tables; null for one that does not exist. */
export interface CompanionTables {
  /** Under another name while it is being rebuilt: see `finishRebuild`. */
  readonly table: TableResource | null;
  readonly tracking: TableResource | null;
  readonly receipts: TableResource | null;
  readonly loads: TableResource | null;
  readonly states: TableResource | null;
  readonly registry: TableResource | null;
  readonly commitLock: TableResource | null;
  /** The location of the dataset; null if none of the tables exists. */
  readonly location: string | null;
}

/** Whether all tables of the state exist. */
export function haveState({ tracking, loads, states, registry, commitLock }: CompanionTables): boolean {
  return [tracking, loads, states, registry, commitLock].every((each) => each !== null);
}

/** All companion tables of a billing table, once they exist. */
export type PreparedTables = CompanionTables & { readonly location: string };

/**
 * Finds the tables that exist. Any API error other than "not found" is thrown, and never read as absence. The tables of
 * the state are those that dlt created in the dataset whose name it derives from the configured one, if they exist only
 * there: dlt keeps the state of `AWS_Billing` in `aws_billing`.
 */
export async function findCompanions(settings: Settings, table: Table): Promise<CompanionTables> {
  await findStateDataset(settings, table);
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

async function findStateDataset({ connection, stateDatasets }: Settings, table: Table): Promise<void> {
  const { dataset } = table;
  const projectId = table.project ?? connection.project;
  const key = `${projectId}.${dataset}`;
  const normalised = dltName(dataset);
  if (normalised === dataset || stateDatasets.has(key)) return;
  const [own, dlts] = await Promise.all(
    [dataset, normalised].map((datasetId) =>
      findTable(connection, { projectId, datasetId, tableId: pipelineStateTable.name }),
    ),
  );
  stateDatasets.set(key, own === null && dlts !== null ? normalised : dataset);
}

/** A table, and its location. */
export type LocatedTable = TableResource & { readonly location: string };

/** Only a billing table, and its location; null if it does not exist. As in `findCompanions`. */
export async function findBillingTable(settings: Settings, table: Table): Promise<LocatedTable | null> {
  const bill =
    (await findTable(settings.connection, referenceTo(settings, table))) ?? (await findReplacedTable(settings, table));
  if (bill === null) return null;
  const project = table.project ?? settings.connection.project;
  const location = bill.location ?? (await findLocation(settings, project, table.dataset));
  return location === null ? null : { ...bill, location };
}

/** The table under its name while a new one replaces it. */
async function findReplacedTable(settings: Settings, table: Table): Promise<TableResource | null> {
  const { old } = rebuildNames(referenceTo(settings, table));
  return findTable(settings.connection, referenceTo(settings, table, old));
}

/** A table in the dataset of a billing table, or, for a table of the state, in that of the state. */
export function referenceTo(settings: Settings, table: Table, name: string = table.name): TableReference {
  const projectId = table.project ?? settings.connection.project;
  const isState = name === trackingTableName(table) || stateTables.has(name);
  return { projectId, datasetId: isState ? stateDataset(settings, table) : table.dataset, tableId: name };
}

const stateTables: ReadonlySet<string> = new Set(
  [receiptsTable, loadsTable, pipelineStateTable, columnsTable, commitLockTable].map(({ name }) => name),
);

/** The dataset with the state of a table, as found by `findCompanions`. */
export function stateDataset({ connection, stateDatasets }: Settings, { project, dataset }: Table): string {
  return stateDatasets.get(`${project ?? connection.project}.${dataset}`) ?? dataset;
}

/** The same as an SQL identifier. */
export function nameOf(settings: Settings, table: Table, name: string = table.name): string {
  return tableName(referenceTo(settings, table, name));
}
