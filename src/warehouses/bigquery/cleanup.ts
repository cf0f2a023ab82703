import pMap from "p-map";
import type { Table } from "../../model.ts";
import { reachPoint } from "../points.ts";
import { apiErrorOf, isNotFound } from "./api/api-error.ts";
import type { Settings } from "./api/client.ts";
import { dropTable, listTables, patchTable, type TableReference, type TableResource } from "./api/tables.ts";
import { referenceTo } from "./companion-tables.ts";
import { digest, rebuildNames, stagingPrefix } from "./sql/names.ts";

/** The newest load_id by table (`tableKey`) and month, as known to this process. */
export type NewestLoads = ReadonlyMap<string, { readonly table: Table; readonly months: ReadonlyMap<string, string> }>;

/** What identifies a table; `own` is the project of tables that name none. */
export function tableKey({ project, dataset, name }: Table, own: string): string {
  return JSON.stringify([project ?? own, dataset, name]);
}

const oldest = 24 * 60 * 60 * 1000;

/**
 * Drops the staging tables that runs will not resume: those meant to replace another load than the newest one of
 * their month, and those older than a day.
 */
export async function dropLeftovers(settings: Settings, known: NewestLoads, now: Date): Promise<void> {
  const { connection } = settings;
  const datasets = new Map(
    [...known.values()].map(({ table }) => {
      const { projectId, datasetId } = referenceTo(settings, table);
      return [`${projectId}.${datasetId}`, { projectId, datasetId }] as const;
    }),
  );
  for (const { projectId, datasetId } of datasets.values()) {
    const tables = await listTables(connection, projectId, datasetId);
    const names = new Set(tables.map(({ tableId }) => tableId));
    // A rebuilt table is needed until the table that it was built from has its name back.
    const unneeded = new Set(
      [...known.values()]
        .map(({ table }) => referenceTo(settings, table))
        .filter((bill) => bill.projectId === projectId && bill.datasetId === datasetId && names.has(bill.tableId))
        .map((bill) => rebuildNames(bill))
        .filter(({ old }) => !names.has(old))
        .map(({ built }) => built),
    );
    for (const { tableId, created } of tables) {
      const isOld = now.getTime() - created >= oldest;
      if (isOld && unneeded.has(tableId)) await dropTable(connection, { projectId, datasetId, tableId });
      if (!tableId.startsWith(stagingPrefix)) continue;
      if (!isOld && mayResume(tableId, settings, known)) continue;
      await dropTable(connection, { projectId, datasetId, tableId });
    }
  }
}

/** Whether a run may resume with a staging table: as far as known here, no newer load has replaced the month. */
function mayResume(name: string, settings: Settings, known: NewestLoads): boolean {
  const [table, month = "", replaced] = name.slice(stagingPrefix.length).split("_");
  for (const { table: bill, months } of known.values()) {
    if (digest(referenceTo(settings, bill).tableId, 8) !== table) continue;
    return replaced === digest(months.get(`${month.slice(0, 4)}-${month.slice(4)}`) ?? null, 8);
  }
  return true;
}

const lifetime = 24 * 60 * 60 * 1000;

/** Lets a staging table expire after a day, and returns it; undefined if it no longer exists. */
export async function expireInADay(
  { connection }: Settings,
  table: TableReference,
): Promise<TableResource | undefined> {
  try {
    return await patchTable(connection, table, { expirationTime: String(Date.now() + lifetime) });
  } catch (error) {
    if (isNotFound(apiErrorOf(error))) return undefined;
    throw error;
  }
}

/** Drops the staging tables whose names begin like this. Errors are ignored: the tables expire. */
export async function dropStaging(
  { connection }: Settings,
  { projectId, datasetId }: TableReference,
  prefix: string,
): Promise<void> {
  try {
    const tables = await listTables(connection, projectId, datasetId);
    const mine = tables.filter(({ tableId }) => tableId.startsWith(prefix));
    await pMap(mine, ({ tableId }) => dropTable(connection, { projectId, datasetId, tableId }), { concurrency: 8 });
  } catch {
    // Publishing looks for them again.
  }
  reachPoint("staging-dropped");
}
