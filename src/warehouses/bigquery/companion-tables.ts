import type { Table } from "../../model.ts";
import {
  columnsTable,
  leaseTable,
  loadsTable,
  pipelineStateTable,
  receiptsTable,
  trackingTableName,
} from "../../state/tables.ts";
import { rebuildNames, type TableReference, tableName } from "./sql/names.ts";
import { findLocation } from "./api/datasets.ts";
import type { QuerySettings } from "./api/statements.ts";
import { findTable, type TableResource } from "./api/tables.ts";

/** A billing table and the tables beside it; null for one that is not there. */
export interface Surroundings {
  /** Under another name while a rebuilding of it is not at its end: see `finishRebuild`. */
  readonly table: TableResource | null;
  readonly tracking: TableResource | null;
  readonly receipts: TableResource | null;
  readonly loads: TableResource | null;
  readonly states: TableResource | null;
  readonly registry: TableResource | null;
  readonly lease: TableResource | null;
  /** Where the dataset lies; null when none of the tables is there. */
  readonly location: string | null;
}

/** Looks what is there. A refusal other than "not found" is told, and not taken for absence. */
export async function lookAround(settings: QuerySettings, table: Table): Promise<Surroundings> {
  const names = [table.name, trackingTableName(table), receiptsTable.name, loadsTable.name];
  const others = [pipelineStateTable.name, columnsTable.name, leaseTable.name];
  const found = await Promise.all(
    [...names, ...others].map((name) => findTable(settings.connection, referenceTo(settings, table, name))),
  );
  const [named = null, tracking = null, receipts = null, loads = null, states = null, registry = null, lease = null] =
    found;
  const bill = named ?? (await findReplaced(settings, table));
  const told = found.find((each) => each?.location !== undefined)?.location;
  const isThere = found.some((each) => each !== null);
  const project = table.project ?? settings.connection.project;
  const location = told ?? (isThere ? await findLocation(settings, project, table.dataset) : null);
  return { table: bill, tracking, receipts, loads, states, registry, lease, location };
}

/** A billing table alone, and where it lies; null when it is not there. As in `lookAround`. */
export async function findBill(
  settings: QuerySettings,
  table: Table,
): Promise<(TableResource & { readonly location: string }) | null> {
  const bill =
    (await findTable(settings.connection, referenceTo(settings, table))) ?? (await findReplaced(settings, table));
  if (bill === null) return null;
  const project = table.project ?? settings.connection.project;
  const location = bill.location ?? (await findLocation(settings, project, table.dataset));
  return location === null ? null : { ...bill, location };
}

/** The table under the name that it has while a new one takes its place. */
async function findReplaced(settings: QuerySettings, table: Table): Promise<TableResource | null> {
  const { old } = rebuildNames(referenceTo(settings, table));
  return findTable(settings.connection, referenceTo(settings, table, old));
}

/** A table in the dataset of a billing table. */
export function referenceTo({ connection }: QuerySettings, table: Table, name: string = table.name): TableReference {
  return { projectId: table.project ?? connection.project, datasetId: table.dataset, tableId: name };
}

/** The same as an SQL identifier. */
export function nameOf(settings: QuerySettings, table: Table, name: string = table.name): string {
  return tableName(referenceTo(settings, table, name));
}
