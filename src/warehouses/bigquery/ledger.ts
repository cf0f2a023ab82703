import pMap from "p-map";
import { idColumns } from "../../model.ts";
import type { BillingMonth, ColumnType, Receipt, RegisteredColumn, Table } from "../../model.ts";
import { loadedTables } from "../../state/executions.ts";
import type { CurrentState } from "../../state/package.ts";
import { newestReceipts, type ReadRow, receiptHistory } from "../../state/receipts.ts";
import {
  columnsTable,
  commitLockTable,
  loadsTable,
  pipelineStateTable,
  receiptsTable,
  trackingTableName,
} from "../../state/tables.ts";
import { isEmpty, type Ledger, type LoadedTablePlace } from "../warehouse.ts";
import { apiErrorOf } from "./api/api-error.ts";
import type { Settings } from "./api/client.ts";
import { createParameters, type Parameters, part, selectParts, type TextRow } from "./api/jobs.ts";
import { findTable, listDatasets, type TableResource } from "./api/tables.ts";
import { type CompanionTables, findCompanions, nameOf, stateDataset } from "./companion-tables.ts";
import { expirationNotes } from "./sql/months.ts";
import { columnsOf, identifier } from "./sql/names.ts";

/** Reads the ledger of a table, with one query over all companion tables that exist: `companions`, as just found. */
export async function readLedger(settings: Settings, table: Table, companions: CompanionTables): Promise<Ledger> {
  const ledger = await readOwnLedger(settings, table, companions);
  return { ...ledger, elsewhere: isEmpty(ledger) ? await findElsewhere(settings, table) : [] };
}

/** How many datasets are looked at side by side. */
const parallelDatasets = 8;

/**
 * The tables of other datasets that hold loads of this pipeline: the one of this name, or else those that its state names.
 * One or two requests for each dataset of the project, and a query only where there is the table or a state.
 */
async function findElsewhere(settings: Settings, table: Table): Promise<readonly LoadedTablePlace[]> {
  const { connection } = settings;
  const projectId = table.project ?? connection.project;
  const datasets = await unlessDenied(listDatasets(connection, projectId), []);
  const others = datasets.filter((dataset) => dataset !== table.dataset);
  const ledgerIn = async (other: Table): Promise<Omit<Ledger, "elsewhere">> =>
    readOwnLedger(settings, other, await findCompanions(settings, other));
  const found = await pMap(
    others.toSorted(),
    async (dataset) => {
      const isThere = async (name: string): Promise<boolean> =>
        (await unlessDenied(findTable(connection, { projectId, datasetId: dataset, tableId: name }), null)) !== null;
      const isNamed = await isThere(table.name);
      if (!isNamed && !(await isThere(pipelineStateTable.name))) return [];
      const ledger = await unlessDenied(ledgerIn({ ...table, dataset }), null);
      if (ledger === null || ledger.state === null) return [];
      const names: string[] = isNamed ? [table.name] : [];
      for (const name of isNamed ? [] : loadedTables(ledger.state, table)) if (await isThere(name)) names.push(name);
      return names.map((name) => ({ dataset, name }));
    },
    { concurrency: parallelDatasets },
  );
  return found.flat();
}

/** The answer to a request about a dataset of others; `otherwise` where this account may not ask: it did not load there. */
async function unlessDenied<T>(answer: Promise<T>, otherwise: T): Promise<T> {
  return answer.catch((error: unknown) => {
    if (apiErrorOf(error)?.reason === "accessDenied") return otherwise;
    throw error;
  });
}

async function readOwnLedger(
  settings: Settings,
  table: Table,
  companions: CompanionTables,
): Promise<Omit<Ledger, "elsewhere">> {
  const parameters = createParameters();
  const selects = [
    ...stateSelects(settings, table, companions, parameters),
    ...registrySelects(settings, table, companions, parameters),
    ...summarySelects(settings, table, companions),
    ...trackingSelects(settings, table, companions, parameters),
  ];
  const parts = await selectLedgerParts(settings, table, selects, parameters, companions.location);
  const columns = columnsOf(companions.table);
  return {
    columns: columns.length === 0 ? null : columns,
    registry: (parts.get("registry") ?? []).map((row): RegisteredColumn => ({
      sourceName: row["source_name"] ?? "",
      columnName: row["column_name"] ?? "",
      type: (row["type"] ?? "text") as ColumnType,
      firstExecution: row["first_execution"] ?? "",
    })),
    state: parts.get("state")?.[0]?.["state"] ?? null,
    receipts: newestReceipts(parts.get("tracking") ?? [], parts.get("receipts") ?? []),
    lastSummary: parts.get("summary")?.[0]?.["id"] ?? null,
    notes: [
      ...stateNotes(table, stateDataset(settings, table)),
      ...(companions.table === null ? [] : expirationNotes(companions.table)),
    ],
  };
}

function stateNotes({ dataset }: Table, ofState: string): readonly string[] {
  return dataset === ofState
    ? []
    : [`The state of ${dataset} is stored in the dataset ${ofState}, where dlt keeps it.`];
}

/** The state that a commit is based on. */
export interface Current extends CurrentState {
  /** The load_id in the commit lock; null if it is empty. */
  readonly commitLock: string | null;
  /** The load_id of the newest load of the requested month. */
  readonly monthLoadId: string | null;
}

/** The newest state and load_ids. The companion tables must exist. */
export async function readCurrent(
  settings: Settings,
  table: Table,
  companions: CompanionTables,
  billingMonth: string | null,
): Promise<Current> {
  const parameters = createParameters();
  const selects = [
    ...stateSelects(settings, table, companions, parameters),
    part("newest", { id: "MAX(x.id)" }, `(${newestLoadIds(settings, table)}) AS x`),
    part("commit-lock", { id: "MAX(load_id)" }, nameOf(settings, table, commitLockTable.name)),
  ];
  const isLoad = loadCondition(companions.tracking);
  if (billingMonth !== null && isLoad !== null) {
    const month = `billing_month = ${parameters.text(billingMonth)}`;
    const from = `${nameOf(settings, table, trackingTableName(table))} WHERE ${month} AND ${isLoad}`;
    selects.push(part("month", { id: "MAX(_dlt_load_id)" }, from));
  }
  const parts = await selectLedgerParts(settings, table, selects, parameters, companions.location);
  return {
    state: parts.get("state")?.[0]?.["state"] ?? null,
    newestLoadId: parts.get("newest")?.[0]?.["id"] ?? null,
    commitLock: parts.get("commit-lock")?.[0]?.["id"] ?? null,
    monthLoadId: parts.get("month")?.[0]?.["id"] ?? null,
  };
}

/** SELECT of every load_id, as `id`: pipelines share them. */
export function newestLoadIds(settings: Settings, table: Table): string {
  return `SELECT load_id AS id FROM ${nameOf(settings, table, loadsTable.name)} UNION ALL SELECT _dlt_load_id AS id FROM ${nameOf(settings, table, pipelineStateTable.name)}`;
}

/** Every receipt of one month, or of all months (null), newest first. */
export async function readHistory(
  settings: Settings,
  table: Table,
  billingMonth: BillingMonth | null,
): Promise<readonly Receipt[]> {
  const companions = await findCompanions(settings, table);
  return receiptHistory(...(await readTracking(settings, table, companions, { billingMonth })));
}

/** Which loads are read: the newest one of each month, or all of one month, or of all months (null). */
type LoadsToRead = "newest" | { readonly billingMonth: BillingMonth | null };

/** The tracking rows of loads, and the receipts that are stored apart from them. */
export async function readTracking(
  settings: Settings,
  table: Table,
  companions: CompanionTables,
  loads: LoadsToRead = "newest",
): Promise<[rows: readonly ReadRow[], own: readonly ReadRow[]]> {
  const parameters = createParameters();
  const selects = trackingSelects(settings, table, companions, parameters, loads);
  const parts = await selectLedgerParts(settings, table, selects, parameters, companions.location);
  return [parts.get("tracking") ?? [], parts.get("receipts") ?? []];
}

async function selectLedgerParts(
  settings: Settings,
  table: Table,
  selects: readonly string[],
  parameters: Parameters,
  location: string | null,
): Promise<ReadonlyMap<string, readonly TextRow[]>> {
  if (selects.length === 0 || location === null) return new Map();
  const labels = { billhouse: "ledger", table: table.name };
  return selectParts(settings, { sql: selects.join(" UNION ALL "), parameters, location, labels });
}

/** dlt's own query (job_client_impl.py, get_stored_state). */
function stateSelects(settings: Settings, table: Table, companions: CompanionTables, parameters: Parameters): string[] {
  if (companions.states === null || companions.loads === null) return [];
  const newest = `SELECT s.state AS state FROM ${nameOf(settings, table, pipelineStateTable.name)} AS s
    JOIN ${nameOf(settings, table, loadsTable.name)} AS l ON l.load_id = s._dlt_load_id
    WHERE s.pipeline_name = ${parameters.text(table.pipelineName)} AND l.status = 0 ORDER BY l.load_id DESC LIMIT 1`;
  return [part("state", { state: "x.state" }, `(${newest}) AS x`)];
}

function registrySelects(
  settings: Settings,
  table: Table,
  { registry }: CompanionTables,
  parameters: Parameters,
): string[] {
  if (registry === null) return [];
  const names = ["source_name", "column_name", "type", "first_execution"];
  const columns = Object.fromEntries(names.map((name) => [name, identifier(name)]));
  const mine = `table_name = ${parameters.text(table.name)}`;
  return [part("registry", columns, `${nameOf(settings, table, columnsTable.name)} WHERE ${mine}`)];
}

function summarySelects(settings: Settings, table: Table, { tracking }: CompanionTables): string[] {
  const columns = namesOf(tracking);
  if (!["is_run_summary", "_dlt_load_id"].every((column) => columns.has(column))) return [];
  const from = `${nameOf(settings, table, trackingTableName(table))} WHERE is_run_summary`;
  return [part("summary", { id: "MAX(_dlt_load_id)" }, from)];
}

function trackingSelects(
  settings: Settings,
  table: Table,
  { tracking, receipts }: CompanionTables,
  parameters: Parameters,
  wanted: LoadsToRead = "newest",
): string[] {
  const columns = namesOf(tracking);
  const isLoad = loadCondition(tracking);
  if (isLoad === null) return [];
  const billingMonth = wanted === "newest" ? null : wanted.billingMonth;
  // Of the newest loads alone, an older receipt belongs to no row that is read.
  const chosen = (order: string): string => {
    if (wanted === "newest") return `QUALIFY ROW_NUMBER() OVER (PARTITION BY billing_month ORDER BY ${order}) = 1`;
    return billingMonth === null ? "" : `AND billing_month = ${parameters.text(billingMonth)}`;
  };
  const order = `_dlt_load_id DESC${columns.has("loaded_at") ? ", loaded_at DESC" : ""}`;
  const loads = `SELECT * FROM ${nameOf(settings, table, trackingTableName(table))} WHERE ${isLoad} ${chosen(order)}`;
  const rows = part("tracking", cells(tracking), `(${loads}) AS x`);
  if (receipts === null) return [rows];
  const name = parameters.text(table.name);
  const own = `SELECT * FROM ${nameOf(settings, table, receiptsTable.name)} WHERE table_name = ${name} ${chosen("load_id DESC")}`;
  return [rows, part("receipts", cells(receipts), `(${own}) AS x`)];
}

function cells(table: TableResource | null): Record<string, string> {
  const plain = columnsOf(table).filter(({ nativeType }) => !/^(ARRAY|STRUCT|JSON|BYTES)/.test(nativeType));
  return Object.fromEntries(plain.map(({ name }) => [name, `x.${identifier(name)}`]));
}

/** The condition that a tracking row belongs to a load; null if the table cannot have such rows. */
function loadCondition(tracking: TableResource | null): string | null {
  const columns = namesOf(tracking);
  if (!["billing_month", "_dlt_load_id"].every((column) => columns.has(column))) return null;
  const ids = idColumns.flatMap((id) => [id, `${id}__v_text`]).filter((id) => columns.has(id));
  if (ids.length === 0) return null;
  return [
    "billing_month IS NOT NULL",
    `(${ids.map((id) => `${id} IS NOT NULL`).join(" OR ")})`,
    ...(columns.has("is_run_summary") ? ["is_run_summary IS DISTINCT FROM TRUE"] : []),
  ].join(" AND ");
}

function namesOf(table: TableResource | null): ReadonlySet<string> {
  return new Set(columnsOf(table).map(({ name }) => name));
}
